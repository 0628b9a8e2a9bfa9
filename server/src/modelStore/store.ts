/**
 * The models of this user by name: downloaded ones, folders that were added under a name, and what other programs left in Hugging
 * Face's cache. Looks at names and small files only; opens no weights and no connection.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { ConfigError } from "@iad-r1/models/errors";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { catalog, type CatalogEntry, catalogEntry } from "./catalog";
import { lockDownload, readRecord } from "./download";
import { downloadFolder, huggingFaceCache, storeFolder } from "./folders";
import { findSnapshot, isCheckpoint, isRepositoryName } from "./huggingFaceCache";

export type ModelState = "absent" | "incomplete" | "downloaded" | "in Hugging Face's cache" | "added";

export interface StoredModel {
  name: string;
  state: ModelState;
  /** Where it lies; null when it is absent. */
  folder: string | null;
  /** On the disk. */
  diskBytes: number | null;
  entry: CatalogEntry | null;
}

/** Every model of the catalogue with its state, then the added ones. */
export async function storedModels(): Promise<StoredModel[]> {
  const found: StoredModel[] = [];
  for (const entry of catalog) found.push(await stateOf(entry));
  for (const [name, folder] of addedModels()) {
    found.push({ name, state: "added", folder, diskBytes: await bytesOf(folder), entry: null });
  }
  return found;
}

async function stateOf(entry: CatalogEntry): Promise<StoredModel> {
  const { name } = entry;
  const folder = targetOf(name);
  const record = await readRecord(folder);
  if (record !== null) {
    const state = record.complete && isCheckpoint(folder) ? "downloaded" : "incomplete";
    return { name, state, folder, diskBytes: await bytesOf(folder), entry };
  }
  const cached = findSnapshot(entry.repository, entry.folder);
  if (cached !== null) {
    return { name, state: "in Hugging Face's cache", folder: cached, diskBytes: await bytesOf(cached), entry };
  }
  return { name, state: "absent", folder: null, diskBytes: null, entry };
}

/** Where a model of this name is downloaded to. */
export function targetOf(name: string): string {
  return join(downloadFolder(), name);
}

/**
 * The folder of a model by name: an added one, a downloaded one, one of Hugging Face's cache ("org/name" too); null when there is
 * none. A model of the catalogue that is not there is null as well.
 */
export function findStored(name: string): string | null {
  const added = addedModels().get(name);
  if (added !== undefined) return added;
  const entry = catalogEntry(name);
  if (entry !== undefined) {
    const folder = targetOf(entry.name);
    return isCheckpoint(folder) ? folder : findSnapshot(entry.repository, entry.folder);
  }
  return isRepositoryName(name) ? findSnapshot(name) : null;
}

/**
 * Gives a folder a name. The folder stays where it is.
 *
 * @throws ConfigError `models/name` for a name that is taken or no plain word, ModelFileError when the folder is no checkpoint
 */
export async function addModel(name: string, folder: string): Promise<void> {
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) {
    throw new ConfigError("models/name", `A model's name has letters, digits, "-", "_" and ".", got "${name}".`);
  }
  if (catalogEntry(name) !== undefined || /^nano(?:-|$)/.test(name)) {
    throw new ConfigError("models/name", `The name ${name} belongs to a model of the catalogue.`, {
      hint: "Choose another name.",
    });
  }
  const path = resolve(folder);
  await loadModelDescription(path);
  await writeAdded(addedModels().set(name, path));
}

/**
 * Forgets an added model, or deletes a downloaded one. Folders that others made are never touched.
 *
 * @returns bytes that were freed
 * @throws ConfigError `models/unknown`; CheckpointError `run/locked` while it is being downloaded
 */
export async function removeModel(name: string): Promise<number> {
  const added = addedModels();
  if (added.delete(name)) {
    await writeAdded(added);
    return 0;
  }
  const entry = catalogEntry(name);
  const folder = entry === undefined ? null : targetOf(entry.name);
  if (folder === null || !existsSync(folder)) {
    throw new ConfigError("models/unknown", `No model ${name} was added or downloaded by this program.`, {
      hint: "`iad-r1 models list` shows what is there. Hugging Face's cache is left to its own tools.",
    });
  }
  const freed = await bytesOf(folder);
  const lock = lockDownload(folder);
  try {
    await rm(folder, { recursive: true });
  } finally {
    lock.release();
  }
  return freed;
}

const addedName = "models.json";

/** Name to folder. A damaged file counts as empty: it holds nothing that could not be added again. */
function addedModels(): Map<string, string> {
  try {
    const json = JSON.parse(readFileSync(join(storeFolder(), addedName), "utf8")) as unknown;
    if (typeof json !== "object" || json === null) return new Map();
    return new Map(Object.entries(json).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return new Map();
  }
}

async function writeAdded(models: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(storeFolder(), { recursive: true });
  await writeFileAtomically(join(storeFolder(), addedName), `${JSON.stringify(Object.fromEntries(models), null, 2)}\n`);
}

async function bytesOf(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true }).catch(() => [] as string[])) {
    const info = await stat(join(folder, entry)).catch(() => null);
    if (info?.isFile() === true) sum += info.size;
  }
  return sum;
}

/** What to say of a name that stands for nothing that is there. */
export function absentHint(name: string): string | null {
  const entry = catalogEntry(name);
  if (entry === undefined) return null;
  return `It is not on this machine. \`iad-r1 models download ${entry.name}\` gets it, or put it into ${huggingFaceCache()}.`;
}
