/**
 * A run in a process of its own, so that a crash, a full heap or a kill takes the run with it and nothing else, and so that it outlives
 * whoever started it. All talk goes through the run folder; what is here starts the process, ends it, and writes the final event that
 * a dead one could not write. The run itself is postTrain.ts, its entry workerMain.ts.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { CheckpointError, WorkerError } from "@iad-r1/models/errors";
import type { FinalRunState, RunStateEvent, WireError } from "@iad-r1/protocol/runs";
import { entryPath } from "../runtime/entry";
import { lastWords } from "../runtime/lastWords";
import { withLargePages } from "../runtime/pages";
import { readTail } from "../runtime/readTail";
import { clearWish, readWish } from "./control";
import { openJournal, readJournal } from "./journal";
import { isFinal, lastStateOf } from "./listing";
import { readManifest, writeManifest } from "./manifest";
import { takeWriterLock } from "./writerLock";

/** What the process printed. */
const logName = "log.txt";

export interface RunProcess {
  pid: number;
  /** How it ended: "exit code 1", "SIGKILL". Never rejects. */
  exited: Promise<string>;
}

export interface LaunchOptions {
  /** Path of the built entry; that of this installation when left out. */
  entry?: string | undefined;
  /** Goes on with the reward files as they are now. */
  exchangeRewards?: boolean;
}

/**
 * Starts the process of a run that is prepared, stopped or failed.
 *
 * @throws WorkerError `worker/not-started`
 */
export async function launchRun(folder: string, options: LaunchOptions = {}): Promise<RunProcess> {
  clearWish(folder);
  const log = openSync(join(folder, logName), "a");
  const wishes = options.exchangeRewards === true ? ["--exchange-rewards"] : [];
  try {
    const child = spawn(process.execPath, [options.entry ?? entryPath("workerMain"), folder, ...wishes], {
      detached: true,
      env: withLargePages(),
      stdio: ["ignore", log, log],
      windowsHide: true,
    });
    const exited = new Promise<string>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once("error", (error) => resolve(error.message));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) =>
        reject(
          new WorkerError("worker/not-started", `The process of the run cannot be started: ${cause.message}.`, {
            cause,
          }),
        ),
      );
    });
    child.unref();
    const pid = child.pid!;
    // The editor and the server stay quick beside it.
    tryTo(() => setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL));
    return { pid, exited };
  } finally {
    closeSync(log);
  }
}

/** The end of what the process of a run printed, at most `maxBytes`; empty when there is nothing. */
export function readRunLog(folder: string, maxBytes: number): string {
  return readTail(join(folder, logName), maxBytes);
}

/**
 * Writes the final event of a run whose process is gone: stopped when a person ended it, else failed. Does nothing when there is one
 * already, or when somebody else writes the run.
 *
 * @param exit how the process ended, where that is known
 * @returns the event, or null
 */
export function sealDeadRun(folder: string, exit: string | null): RunStateEvent | null {
  const isEnded = readWish(folder) === "end";
  const state: FinalRunState = isEnded ? "stopped" : "failed";
  const reason = isEnded ? "ended at once by the user" : deathReason(folder, exit);
  let lock: ReturnType<typeof takeWriterLock>;
  try {
    lock = takeWriterLock(join(folder, "writer.lock"));
  } catch (error) {
    if (CheckpointError.is(error, "run/locked")) return null;
    throw error;
  }
  try {
    const manifest = readManifest(folder);
    if (isFinal(manifest.state)) return null;
    const journalFile = join(folder, "events.jsonl");
    const last = lastStateOf(readJournal(journalFile));
    if (last !== null && last.attempt === manifest.attempt && isFinal(last.state)) {
      // It had its last word; only the manifest is behind.
      writeManifest(folder, { ...manifest, state: last.state, updatedMs: last.timeMs });
      return last;
    }
    const error: WireError | null =
      state === "failed"
        ? { code: "run/died", message: reason, hint: "Resume it: it goes on at its last checkpoint." }
        : null;
    const journal = openJournal(journalFile);
    const event: RunStateEvent = {
      ...{ runId: manifest.id, seq: journal.lastSeq + 1, timeMs: Date.now(), type: "state", state },
      ...{ attempt: manifest.attempt, reason, error },
    };
    journal.append(event);
    journal.flush();
    journal.close();
    writeManifest(folder, { ...manifest, state, updatedMs: event.timeMs });
    return event;
  } finally {
    lock.release();
  }
}

/** One sentence about a process that ended without a final event. */
export function deathReason(folder: string, exit: string | null): string {
  const words = lastWords(readRunLog(folder, 8192));
  const how =
    exit === null
      ? "its process is gone (killed, out of memory, or the machine was restarted)"
      : exit === "SIGKILL"
        ? "its process was killed by the system (SIGKILL), most often because memory ran out"
        : `its process ended with ${exit}`;
  return words === "" ? how : `${how}: ${words}`;
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // Only a wish; not every system lets a process have it.
  }
}
