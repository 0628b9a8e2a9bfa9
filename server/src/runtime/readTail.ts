/** The end of a file that may be large or missing. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** At most `maxBytes` from behind, as UTF-8; empty when there is no file. */
export function readTail(path: string, maxBytes: number): string {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    const read = readSync(fd, bytes, 0, bytes.byteLength, size - bytes.byteLength);
    return bytes.subarray(0, read).toString("utf8");
  } finally {
    closeSync(fd);
  }
}
