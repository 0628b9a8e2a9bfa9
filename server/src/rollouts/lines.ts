/** Lines of a file in bounded memory, with where each one stands. Knows nothing of what is in them. */
import { isAscii, isUtf8 } from "node:buffer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { CancelledError, DataError } from "@iad-r1/models/errors";

/** Longer lines are no records. */
export const maxLineBytes = 64 << 20;
const chunkBytes = 4 << 20;

export interface TextLine {
  /** Null when the bytes are no UTF-8, or too many. */
  text: string | null;
  /** Why there is no text. */
  fault: string | null;
  /** From 1. */
  number: number;
  offset: number;
  length: number;
  /** The file ended without a line end: a writer may have been cut off here. */
  isCut: boolean;
}

/**
 * Calls `take` for every line that is not blank, in order. A byte order mark is left out. It reads without waiting, which is several times
 * faster for many small files, and lets others have a turn between pieces; for a worker or the command line, not for the server's own thread.
 *
 * @throws DataError `data/missing-file`, `data/unreadable-file`; CancelledError; whatever `take` throws
 */
export async function forEachLine(path: string, take: (line: TextLine) => void, signal?: AbortSignal): Promise<void> {
  const file = openFileSync(path);
  const chunk = takeChunk(Math.max(1, Math.min(chunkBytes, fstatSync(file).size)));
  try {
    let rest: Buffer = Buffer.alloc(0);
    /** Bytes of the line at hand that were dropped because it is too long. */
    let dropped = 0;
    let restOffset = 0;
    let number = 1;
    const give = (bytes: Buffer, isCut: boolean) => {
      const length = bytes.length + dropped;
      const line = { number: number++, offset: restOffset, length, isCut };
      restOffset += length + 1;
      const isTooLong = dropped > 0;
      dropped = 0;
      if (isTooLong) take({ ...line, text: null, fault: `longer than ${maxLineBytes} bytes` });
      else if (isAscii(bytes)) {
        const text = bytes.toString("latin1");
        if (!isBlank(text)) take({ ...line, text, fault: null });
      } else if (!isUtf8(bytes)) take({ ...line, text: null, fault: "not UTF-8 text" });
      else {
        const text = bytes.toString("utf8", line.number === 1 && hasMark(bytes) ? 3 : 0);
        if (!isBlank(text)) take({ ...line, text, fault: null });
      }
    };
    for (;;) {
      if (signal?.aborted) throw new CancelledError();
      const numRead = readSync(file, chunk, 0, chunk.length, null);
      if (numRead === 0) break;
      const fresh = chunk.subarray(0, numRead);
      const data = rest.length === 0 ? fresh : Buffer.concat([rest, fresh]);
      let start = 0;
      // Nearly always: then a byte is a letter, and nothing has to be looked at.
      if (dropped === 0 && isAscii(data)) {
        for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
          const text = data.toString("latin1", start, end);
          const line = { text, fault: null, number: number++, offset: restOffset, length: end - start, isCut: false };
          restOffset += line.length + 1;
          start = end + 1;
          if (!isBlank(text)) take(line);
        }
      }
      for (let end = data.indexOf(10, start); end >= 0; end = data.indexOf(10, start)) {
        give(data.subarray(start, end), false);
        start = end + 1;
      }
      // A copy: the next piece overwrites the chunk.
      rest = Buffer.from(data.subarray(start));
      if (rest.length > maxLineBytes) {
        dropped += rest.length;
        rest = Buffer.alloc(0);
      }
      if (performance.now() - lastTurn > turnMs) await nextTurn();
    }
    if (rest.length + dropped > 0) give(rest, true);
  } finally {
    closeSync(file);
    if (spare === null || spare.length < chunk.length) spare = chunk;
  }
}

/** What the file before was read into: memory that is new costs more than reading into it. */
let spare: Buffer | null = null;

function takeChunk(numBytes: number): Buffer {
  const chunk = spare !== null && spare.length >= numBytes ? spare : Buffer.allocUnsafeSlow(numBytes);
  if (chunk === spare) spare = null;
  return chunk;
}

/** How long others wait at most, apart from a single piece. */
const turnMs = 50;
let lastTurn = 0;

async function nextTurn(): Promise<void> {
  await setImmediate();
  lastTurn = performance.now();
}

/** @throws DataError `data/missing-file`, `data/unreadable-file` */
function openFileSync(path: string): number {
  try {
    const file = openSync(path, "r");
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
  } catch (error) {
    throw unreadable(path, error);
  }
  throw notAFile(path);
}

/** @throws DataError `data/missing-file`, `data/unreadable-file` */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    throw unreadable(path, error);
  }
  throw notAFile(path);
}

function unreadable(path: string, error: unknown): DataError {
  const missing = ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
  return new DataError(
    missing ? "data/missing-file" : "data/unreadable-file",
    missing ? `${path}: there is no such file.` : `${path} cannot be read: ${(error as Error).message}.`,
    { where: path, hint: "Check the path and that you may read it.", cause: error },
  );
}

function notAFile(path: string): DataError {
  return new DataError("data/unreadable-file", `${path}: expected a file, got something else.`, {
    where: path,
    hint: "Name a file of recorded completions, or a run folder.",
  });
}

function hasMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function isBlank(text: string): boolean {
  return text.length < 1000 && text.trim() === "";
}
