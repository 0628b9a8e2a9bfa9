/**
 * `progress.json`: what the run is busy with right now, for whoever looks from outside. Rewritten often, never flushed: after a crash it
 * is worth nothing.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunProgressEvent } from "@iad-r1/protocol/runs";

const fileName = "progress.json";
const minGapMs = 250;

export class ProgressFile {
  private writtenMs = 0;

  constructor(private readonly folder: string) {}

  write(event: RunProgressEvent): void {
    if (event.timeMs - this.writtenMs < minGapMs && event.step < event.totalSteps) return;
    this.writtenMs = event.timeMs;
    const path = join(this.folder, fileName);
    try {
      writeFileSync(`${path}.tmp`, JSON.stringify(event));
      renameSync(`${path}.tmp`, path);
    } catch {
      // A run does not stop because nobody can see how far it is; a full disk is told by what must be written.
    }
  }

  remove(): void {
    rmSync(join(this.folder, fileName), { force: true });
  }
}

/** Null when there is none, or it is being replaced by a system that cannot rename over a file. */
export function readProgress(folder: string): RunProgressEvent | null {
  try {
    return parseProgress(readFileSync(join(folder, fileName), "utf8"));
  } catch {
    return null;
  }
}

export function parseProgress(text: string): RunProgressEvent | null {
  try {
    const event = JSON.parse(text) as Partial<RunProgressEvent> | null;
    const whole =
      event?.type === "progress" &&
      typeof event.stage === "string" &&
      typeof event.activity === "string" &&
      [event.step, event.totalSteps].every((count) => Number.isFinite(count));
    return whole ? (event as RunProgressEvent) : null;
  } catch {
    return null;
  }
}
