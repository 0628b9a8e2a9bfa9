/**
 * Files and folders that are there whole or not at all: written under a temporary name, flushed, renamed. The synchronous and
 * folder forms of `checkpoint/atomicFile`, for the pen of a run, which must not interleave. Nothing here knows what is written.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { AppError } from "@iad-r1/models/errors";

/** Turns a failure of the file system into a full-disk or write error that says where; passes other errors on. */
export function diskError(error: unknown, path: string): Error {
  if (error instanceof Error && !(error instanceof AppError) && "code" in error) return writeError(path, error);
  return error instanceof Error ? error : new Error(String(error));
}

/** Writes all bytes to an open file; a short write goes on where it ended. */
export function writeAll(fd: number, data: Uint8Array): void {
  let offset = 0;
  while (offset < data.byteLength) offset += writeSync(fd, data, offset, data.byteLength - offset);
}

/** Makes a folder and its parents. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw diskError(error, path);
  }
}

/** Replaces a file: readers see the old bytes or the new ones, also after a crash. */
export function writeFileDurably(path: string, data: string | Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const fd = openSync(temporary, "w");
    try {
      writeAll(fd, typeof data === "string" ? Buffer.from(data, "utf8") : data);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    flushFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw diskError(error, path);
  }
}

/**
 * Makes a folder whole or not at all: `fill` writes into a temporary folder, which is flushed and then renamed.
 * A folder that stands in its place goes away first.
 */
export async function writeFolderDurably(path: string, fill: (folder: string) => void | Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    await fill(temporary);
    flushAll(temporary);
    if (existsSync(path)) rmSync(path, { recursive: true, force: true });
    renameSync(temporary, path);
    flushFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw diskError(error, path);
  }
}

/** Removes what writers that were killed left behind in a folder. */
export function removeLeftovers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (/^\..+\.\d+\.tmp$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Bytes of all files in a folder, not of those in folders below. */
export function folderSize(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce(
    (sum, entry) => (entry.isFile() ? sum + statSync(join(folder, entry.name)).size : sum),
    0,
  );
}

function flushAll(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) flushAll(path);
    else flush(path);
  }
  flushFolder(folder);
}

function flush(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes renames inside a folder durable. Windows has no such call and needs none. */
function flushFolder(path: string): void {
  if (process.platform === "win32") return;
  flush(path);
}
