/**
 * A run in a process of its own, so that a crash, a full heap or a kill takes the run with it and nothing else. However the process
 * ends, listeners and journal get exactly one final event. The run itself is postTrain.ts.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError, CancelledError } from "@iad-r1/models/errors";
import type { FinalRunState, RunEvent } from "@iad-r1/protocol/runs";
import { entryPath } from "../runtime/entry";
import { startWorker } from "../runtime/workerClient";
import type { RunMethods, RunRequest } from "../workerMain";
import { openJournal } from "./journal";
import { readManifest, writeManifest } from "./manifest";
import { newRunId, type RunOutcome } from "./postTrain";
import { toWireError } from "./recorder";
import { findRun } from "./store";
import { takeWriterLock } from "./writerLock";

export interface RunProcessOptions {
  onEvent: (event: RunEvent) => void;
  /** Path of the built entry; that of this installation when left out. */
  entry?: string;
  /** How long a run may take to stop before it is killed; default 10 minutes, a step of a large model. */
  stopTimeoutMs?: number;
}

/** A run that is going on elsewhere. */
export interface RunHandle {
  runId: string;
  folder: string;
  /** Asks for the end after the step, with a checkpoint; asked again, ends at once without one. */
  stop(): void;
  /** Ends at once, without a checkpoint. The last one on disk is where a resume goes on. */
  kill(): void;
  /** How it ended. Rejects only for what `runTraining` throws before there is a run. */
  done: Promise<RunOutcome>;
}

export async function startRunProcess(request: RunRequest, options: RunProcessOptions): Promise<RunHandle> {
  const runsFolder = request.runsFolder ?? request.config?.output ?? join(".iadr1", "runs");
  const folder =
    request.resume === undefined
      ? join(runsFolder, request.runId ?? newRunId(request.config?.project ?? "run"))
      : findRun(runsFolder, request.resume);
  const runId = folder.split(/[\\/]/).at(-1)!;
  const client = await startWorker<RunMethods, null>(
    { isolation: "process", entry: options.entry ?? entryPath("workerMain") },
    { name: `run ${runId}`, init: null, graceMs: options.stopTimeoutMs ?? 600_000 },
  );
  const controller = new AbortController();
  let isForced = false;
  let lastSeq = 0;
  const onEvent = (event: RunEvent) => {
    lastSeq = event.seq;
    options.onEvent(event);
  };
  const kill = () => {
    isForced = true;
    client.kill("it was told to end at once");
  };
  const full = request.resume === undefined ? { ...request, runsFolder, runId } : { ...request, runsFolder };
  const done = client
    .call("run", full, { signal: controller.signal, onEvent })
    .catch((error: unknown): RunOutcome => {
      // An error of the run itself comes as an outcome; what was thrown before there was a run is passed on.
      const died = AppError.is(error, "worker/crashed") || CancelledError.is(error);
      if (!died || !existsSync(join(folder, "run.json"))) throw error;
      return sealDeadRun(folder, isForced, error, lastSeq, options.onEvent);
    })
    .finally(() => client.dispose());
  return {
    ...{ runId, folder, kill, done },
    stop: () => (controller.signal.aborted ? kill() : controller.abort()),
  };
}

/** Writes the final event that a dead process could not write. */
function sealDeadRun(
  folder: string,
  isForced: boolean,
  failure: unknown,
  lastSeq: number,
  onEvent: (event: RunEvent) => void,
): RunOutcome {
  const lock = takeWriterLock(join(folder, "writer.lock"));
  try {
    const manifest = readManifest(folder);
    const journal = openJournal(join(folder, "events.jsonl"));
    const state: FinalRunState = isForced ? "stopped" : "failed";
    const error = isForced ? null : toWireError(failure);
    const event: RunEvent = {
      ...{ runId: manifest.id, seq: Math.max(lastSeq, journal.lastSeq) + 1, timeMs: Date.now(), type: "state", state },
      ...{ attempt: manifest.attempt, reason: isForced ? "ended at once by the user" : error!.message, error },
    };
    journal.append(event);
    journal.flush();
    journal.close();
    writeManifest(folder, { ...manifest, state, updatedMs: event.timeMs });
    onEvent(event);
    return { runId: manifest.id, folder, state, error, model: null, rows: [] };
  } finally {
    lock.release();
  }
}
