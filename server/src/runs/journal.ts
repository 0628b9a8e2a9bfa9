/**
 * `events.jsonl`: the journal of a run, one JSON object a line, only ever appended to, by one writer. A line that a crash cut off
 * is dropped when the journal is opened again. Scalars and progress are not in it.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import type { RunEvent } from "@iad-r1/protocol/runs";
import { diskError, writeAll } from "./durableFile";

/** Appends events. */
export interface Journal {
  /** `seq` of the last event on disk when the journal was opened; 0 for a new one. */
  readonly lastSeq: number;
  append(event: RunEvent): void;
  /** Forces everything appended so far onto the disk. */
  flush(): void;
  close(): void;
}

export function openJournal(path: string): Journal {
  let lastSeq = 0;
  let fd: number;
  try {
    const info = existsSync(path) ? statSync(path) : null;
    if (info?.isFile()) {
      const bytes = readFileSync(path);
      const size = completeLength(bytes);
      for (const event of parseLines(bytes.subarray(0, size))) lastSeq = Math.max(lastSeq, event.seq);
      if (size < bytes.byteLength) truncateSync(path, size);
    }
    fd = openSync(path, "a");
  } catch (error) {
    throw diskError(error, path);
  }
  let open = true;
  return {
    lastSeq,
    append(event) {
      try {
        // One write call per line: a kill leaves whole lines or a cut last one, never mixed ones.
        writeAll(fd, Buffer.from(`${JSON.stringify(event)}\n`, "utf8"));
      } catch (error) {
        throw diskError(error, path);
      }
    },
    flush() {
      try {
        fsyncSync(fd);
      } catch (error) {
        throw diskError(error, path);
      }
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** All whole events of a journal; damaged lines are skipped. An empty list when there is no file. */
export function readJournal(path: string): RunEvent[] {
  if (!existsSync(path)) return [];
  const bytes = readFileSync(path);
  return parseLines(bytes.subarray(0, completeLength(bytes)));
}

/** Bytes up to and with the last line feed. */
function completeLength(bytes: Uint8Array): number {
  return bytes.lastIndexOf(0x0a) + 1;
}

function parseLines(bytes: Uint8Array): RunEvent[] {
  const events: RunEvent[] = [];
  for (const line of Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8").split("\n")) {
    if (line === "") continue;
    try {
      const event = JSON.parse(line) as RunEvent;
      if (typeof event === "object" && event !== null && typeof event.type === "string" && Number.isFinite(event.seq)) {
        events.push(event);
      }
    } catch {
      // A line damaged on disk does not hide the rest.
    }
  }
  return events;
}
