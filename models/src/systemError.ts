/** What the operating system says about a file, told as our own errors tell it. Knows no file of ours. */
import { writeError } from "./checkpoint/atomicFile";
import { AppError, ResourceError } from "./errors";

const words: Readonly<Record<string, string>> = {
  ENOENT: "there is nothing of this name",
  EISDIR: "expected a file, got a folder",
  ENOTDIR: "expected a folder on the way to it, got a file",
  EEXIST: "it exists already",
  EACCES: "the system does not let this program at it",
  EPERM: "the system does not let this program at it",
  EROFS: "the disk can only be read",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
};

/** An error of the file system as `file/unusable` or `disk/full`; anything else as it is. */
export function asAppError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const { syscall, code = "", path, stack } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") return writeError(path ?? "A file", error);
  const what = Object.hasOwn(words, code) ? words[code] : undefined;
  if (what === undefined) return error;
  return new ResourceError("file/unusable", `${path ?? "A file"} cannot be used: ${what} (${code}, ${syscall}).`, {
    ...(path !== undefined && { where: path }),
    hint: "Check the path, and that you may read and write there.",
    data: { code, stack },
    cause: error,
  });
}
