/**
 * One writer per run folder, or download: a lock file with the writer's process. A lock whose process is gone is taken over. It guards
 * against mistakes (two resumes of one run), not against hostile processes.
 */
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "@iad-r1/models/errors";
import { diskError } from "./durableFile";

interface LockOwner {
  pid: number;
  /** Clock ticks since boot at which the process started; null where the system does not say. */
  started: string | null;
  host: string;
}

/** Holds the lock until `release`. */
export interface WriterLock {
  release(): void;
}

/**
 * Takes the lock.
 *
 * @param what what it guards, as the error says it
 * @throws CheckpointError `run/locked` when a living process holds it
 */
export function takeWriterLock(path: string, what = "The run"): WriterLock {
  const mine: LockOwner = { pid: process.pid, started: processStart(process.pid), host: hostname() };
  for (let attempt = 0; ; attempt++) {
    try {
      createLock(path, JSON.stringify(mine));
      return { release: () => rmSync(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw diskError(error, path);
    }
    const owner = readOwner(path);
    if (attempt > 0 || (owner !== null && isAlive(owner))) {
      throw new CheckpointError(
        "run/locked",
        `${what} is already being written by process ${owner?.pid ?? "?"} on ${owner?.host ?? "?"}.`,
        { where: path, hint: "Stop that process first, or wait until it has ended." },
      );
    }
    rmSync(path, { force: true });
  }
}

/** Whole at once: a lock that is empty for a moment would be taken for that of a dead writer, and away. */
function createLock(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  writeNew(temporary, text, "w");
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    // Not every file system has links.
    writeNew(path, text, "wx");
  } finally {
    rmSync(temporary, { force: true });
  }
}

function writeNew(path: string, text: string, flags: "w" | "wx"): void {
  const fd = openSync(path, flags);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** True when a living process writes this run. */
export function isLocked(path: string): boolean {
  const owner = readOwner(path);
  return owner !== null && isAlive(owner);
}

/** The living process of this machine that writes this run; null when there is none. */
export function lockingProcess(path: string): number | null {
  const owner = readOwner(path);
  return owner !== null && owner.host === hostname() && isAlive(owner) ? owner.pid : null;
}

function readOwner(path: string): LockOwner | null {
  try {
    const owner = JSON.parse(readFileSync(path, "utf8")) as Partial<LockOwner>;
    if (typeof owner.pid !== "number" || !Number.isInteger(owner.pid) || owner.pid <= 0) return null;
    return { pid: owner.pid, started: owner.started ?? null, host: owner.host ?? "" };
  } catch {
    // Missing, or its writer died between creating and filling it.
    return null;
  }
}

/** A process on another host cannot be asked, so it counts as alive. */
function isAlive(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  // Process numbers are used again; the start time tells the old owner from a stranger.
  return owner.started === null || processStart(owner.pid) === owner.started;
}

function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold blanks, so count from behind it; the start time is field 22 of the line.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A process that has ended and was not fetched by its parent still has a number.
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
