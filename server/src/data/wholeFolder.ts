/** Folders of data sets: written whole or not at all, and never over what is there without being asked. */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { AppError, DataError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";

/**
 * @param produce writes everything into the folder that it is given; what is there before goes only when that has been done
 * @throws DataError `data/folder-exists`; ResourceError `disk/full`, CheckpointError `checkpoint/unwritable`; whatever `produce` throws
 */
export async function writeWholeFolder<T>(
  folder: string,
  overwrite: boolean,
  produce: (temporary: string) => Promise<T>,
): Promise<T> {
  const target = resolve(folder);
  const present = await namesIn(target);
  if (present !== null && present.length > 0) requireReplaceable(target, overwrite);
  // A folder that is there stays itself: it may be a mounted volume, or where the caller's shell stands.
  const temporary = join(present === null ? dirname(target) : target, `.${basename(target)}.${process.pid}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    const result = await produce(temporary);
    if (present === null) {
      await rename(temporary, target);
      return result;
    }
    for (const name of present) await rm(join(target, name), { recursive: true, force: true });
    for (const name of await readdir(temporary)) await rename(join(temporary, name), join(target, name));
    await rm(temporary, { recursive: true });
    return result;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof AppError ? error : writeError(target, error);
  }
}

/** What is in a folder; null when nothing is there. */
async function namesIn(target: string): Promise<string[] | null> {
  try {
    return await readdir(target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    const isThere = await stat(target).catch(() => null);
    if (isThere === null || isThere.isDirectory()) throw writeError(target, error);
    throw new DataError("data/folder-exists", `${target} is a file.`, {
      where: target,
      hint: "Choose another folder.",
    });
  }
}

function requireReplaceable(target: string, overwrite: boolean): void {
  // Nobody who stands in a project means to delete it.
  const holdsWork = pathBelow(target, process.cwd()) !== null;
  if (overwrite && !holdsWork) return;
  throw new DataError("data/folder-exists", `${target} is there already and not an empty folder.`, {
    where: target,
    hint: holdsWork
      ? "Choose another folder: this one holds the working directory and is never replaced."
      : "Choose another folder, or replace this one and all that is in it with --overwrite.",
  });
}
