/** Reads a user's text file whole, after looking at its kind and size. Not for images, and not for model files. */
import { readFile, stat } from "node:fs/promises";
import { DataError } from "@iad-r1/models/errors";

/** Larger JSON does not fit into one string of the runtime with what is made of it. */
export const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/**
 * The text of a file as UTF-8, without a byte order mark.
 *
 * @throws DataError `data/missing-file`, `data/unreadable-file`, `data/file-too-large`, `data/not-text`
 */
export async function readDataFile(path: string, maxBytes = MAX_TEXT_BYTES): Promise<string> {
  let bytes: Buffer;
  try {
    const info = await stat(path);
    if (!info.isFile()) {
      const got = info.isDirectory() ? "a folder" : "a device";
      throw new DataError("data/unreadable-file", `${path}: expected a file, got ${got}.`, {
        where: path,
        hint: "Name a data file.",
      });
    }
    if (info.size > maxBytes) {
      throw new DataError("data/file-too-large", `${path}: expected at most ${maxBytes} bytes, got ${info.size}.`, {
        where: path,
        hint: "Split the data set into several files.",
      });
    }
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const missing = ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
    throw new DataError(
      missing ? "data/missing-file" : "data/unreadable-file",
      missing ? `${path}: there is no such file.` : `${path} cannot be read: ${(error as Error).message}.`,
      { where: path, hint: "Check the path and that you may read it.", cause: error },
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DataError("data/not-text", `${path} is not UTF-8 text.`, {
      where: path,
      hint: "Save the file as UTF-8.",
      cause: error,
    });
  }
}
