/**
 * Writes a file so that a reader sees the old one or the new one, never half of either: to a temporary name beside it,
 * flushed to the disk, then renamed. Whatever goes wrong, the file that was there before is still there.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError, CheckpointError, ResourceError } from "../errors";

/** Appends to the file being written, or writes at a place of it, which does not move where `write` goes on. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  writeAt(bytes: Uint8Array, position: number): Promise<void>;
}

/**
 * @param produce writes the content in order; when it throws, nothing is left behind and the error is passed on
 * @throws ResourceError `disk/full` when the disk, quota or file size limit is reached
 * @throws CheckpointError `checkpoint/unwritable` when the folder is missing or protected
 */
export async function writeAtomically(path: string, produce: (file: FileWriter) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "wx");
    const file = handle;
    await produce({
      write: (bytes) => writeAll(file, bytes),
      writeAt: (bytes, position) => writeAll(file, bytes, position),
    });
    await file.sync();
    await file.close();
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error instanceof AppError ? error : writeError(path, error);
  }
}

/** The same for content that is in memory already. */
export function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  return writeAtomically(path, (file) => file.write(typeof content === "string" ? Buffer.from(content) : content));
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  // A write may be short, and one call takes less than 2 GiB.
  const largest = 2 ** 30;
  let offset = 0;
  while (offset < bytes.byteLength) {
    const length = Math.min(largest, bytes.byteLength - offset);
    const place = position === undefined ? null : position + offset;
    const { bytesWritten } = await handle.write(bytes, offset, length, place);
    offset += bytesWritten;
  }
}

/** Makes the rename itself durable where the system lets folders be flushed; elsewhere there is nothing to be done. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

const fullCodes = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The error for a failed write of `path`; for writers that append to a file instead of replacing it. */
export function writeError(path: string, cause: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  if (fullCodes.has(code)) {
    return new ResourceError("disk/full", `${path} could not be written: the disk or its quota is full (${code}).`, {
      where: path,
      hint: "Free some space and resume; what was there before is untouched.",
      data: { code },
      cause,
    });
  }
  // The system's own words would name the file that is written first and renamed.
  const isFolder = code === "EISDIR";
  const reason = isFolder ? "it is a folder" : cause instanceof Error ? cause.message : String(cause);
  return new CheckpointError("checkpoint/unwritable", `${path} could not be written: ${reason}.`, {
    where: path,
    hint: isFolder ? "Name a file." : "Check that the folder exists and that you may write to it.",
    data: { code },
    cause,
  });
}
