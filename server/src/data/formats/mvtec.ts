/**
 * Folders laid out as MVTec AD: `OBJECT/train/good`, `OBJECT/test/{good,DEFECT}`, `OBJECT/ground_truth/DEFECT/NAME_mask.png`.
 * Either one object or a folder of objects. Places come from the masks.
 */
import type { Dirent } from "node:fs";
import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { AppError, DataError } from "@iad-r1/models/errors";
import { locateByMask } from "../pixels";
import { type Parsed, Problems, WHOLE_FILE } from "../problems";
import type { InspectionSample } from "../samples";
import { checkStopped } from "../stop";

export interface MvtecOptions {
  split?: "train" | "test";
  /** Masks are decoded to find the place of a defect; false leaves places unknown. Default true. */
  places?: boolean;
  signal?: AbortSignal;
}

const IMAGE_NAMES = /\.(png|jpe?g|bmp|tiff?|webp)$/i;
/** More entries in one folder than any such data set has. */
const MAX_ENTRIES = 200_000;

/** @throws DataError `data/missing-folder` or `data/wrong-layout` when the folder is not laid out like this */
export async function readMvtec(root: string, options: MvtecOptions = {}): Promise<Parsed<InspectionSample[]>> {
  const split = options.split ?? "test";
  const problems = new Problems(root);
  const value: InspectionSample[] = [];
  const top = await folders(root);
  const objects = top.includes(split) || top.includes("train") ? [root] : top.map((name) => join(root, name));
  let found = 0;
  for (const object of objects) {
    const inside = object === root ? top : await folders(object);
    if (!inside.includes(split)) continue;
    found++;
    for (const sample of await readObject(object, split, options, problems)) value.push(sample);
  }
  if (found === 0) {
    throw new DataError("data/wrong-layout", `${root} has no folder "${split}", nor has any folder in it.`, {
      where: root,
      hint: "Expected OBJECT/train/good and OBJECT/test/{good,DEFECT}.",
    });
  }
  return { value, problems: problems.list() };
}

async function readObject(
  object: string,
  split: string,
  options: MvtecOptions,
  problems: Problems,
): Promise<InspectionSample[]> {
  const category = basename(object);
  const sound = await images(join(object, "train", "good"));
  const samples: InspectionSample[] = [];
  for (const kind of await folders(join(object, split))) {
    const folder = join(object, "ground_truth", kind);
    const masks = { folder, names: new Set(await images(folder)) };
    for (const [index, name] of (await images(join(object, split, kind))).entries()) {
      checkStopped(options.signal);
      const image = join(object, split, kind, name);
      const sample: InspectionSample = {
        id: `${category}/${split}/${kind}/${name}`,
        image,
        references: [],
        category,
        label: kind === "good" ? "normal" : "anomalous",
        defectType: kind === "good" ? null : kind.replaceAll("_", " "),
        location: null,
        locations: [],
        mask: null,
      };
      // Each image has its own reference, and the same one every time.
      const own = split === "train" && kind === "good";
      const reference = sound.length === 0 ? undefined : sound[(index + (own ? 1 : 0)) % sound.length];
      if (reference !== undefined && !(own && sound.length === 1))
        sample.references = [join(object, "train", "good", reference)];
      if (sample.label === "anomalous") await addMask(sample, name, masks, options, problems);
      samples.push(sample);
    }
  }
  return samples;
}

async function addMask(
  sample: InspectionSample,
  name: string,
  { folder, names }: { folder: string; names: ReadonlySet<string> },
  options: MvtecOptions,
  problems: Problems,
): Promise<void> {
  const stem = basename(name, extname(name));
  // A mask that was copied from elsewhere keeps its ending.
  const copies = [".bmp", ".tif", ".tiff", ".webp", ".jpg", ".jpeg"].map((ending) => `${stem}_mask${ending}`);
  const file = [`${stem}_mask.png`, `${stem}.png`, name, ...copies].find((candidate) => names.has(candidate));
  if (file === undefined) {
    problems.warning(WHOLE_FILE, "data/missing-mask", `${sample.id} has no mask in ground_truth/${basename(folder)}.`);
    return;
  }
  sample.mask = join(folder, file);
  if (options.places === false) return;
  try {
    if (!(await locateByMask(sample, sample.mask))) {
      problems.warning(WHOLE_FILE, "data/empty-mask", `The mask of ${sample.id} is empty.`);
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    sample.mask = null;
    problems.error(WHOLE_FILE, error.code, error.message);
  }
}

async function folders(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    if (entries.length > MAX_ENTRIES) throw tooMany(path);
    const names: string[] = [];
    for (const entry of entries) {
      if (!entry.name.startsWith(".") && (await isFolder(entry, path))) names.push(entry.name);
    }
    return names.sort();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      "data/missing-folder",
      `${path} is not a folder that can be read: ${(error as Error).message}.`,
      {
        where: path,
        hint: "Check the path.",
        cause: error,
      },
    );
  }
}

/** A link to a folder is one: data sets are put together of others so. */
async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return (await stat(join(path, entry.name)).catch(() => null))?.isDirectory() === true;
}

/** Names of the picture files in a folder, sorted; none when there is no such folder. */
async function images(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => []);
  if (names.length > MAX_ENTRIES) throw tooMany(path);
  return names.filter((name) => IMAGE_NAMES.test(name)).sort();
}

function tooMany(path: string): DataError {
  return new DataError("data/too-many-files", `${path} has more than ${MAX_ENTRIES} entries.`, { where: path });
}

/** Copies samples into this layout: all of them into `test`, their references into `train/good`. */
export async function writeMvtec(
  root: string,
  samples: readonly InspectionSample[],
  signal?: AbortSignal,
): Promise<void> {
  const copied = new Set<string>();
  const references = new Map<string, string>();
  const copy = async (from: string, to: string) => {
    if (copied.has(to)) return;
    copied.add(to);
    try {
      await mkdir(join(to, ".."), { recursive: true });
      await copyFile(from, to);
    } catch (error) {
      throw error instanceof AppError ? error : writeError(to, error);
    }
  };
  for (const [index, sample] of samples.entries()) {
    checkStopped(signal);
    const object = join(root, safeName(sample.category));
    const kind = sample.label === "normal" ? "good" : safeName(sample.defectType ?? "defect");
    const stem = String(index).padStart(5, "0");
    await copy(sample.image, join(object, "test", kind, `${stem}${extname(sample.image).toLowerCase()}`));
    if (sample.mask !== null)
      await copy(sample.mask, join(object, "ground_truth", kind, `${stem}_mask${extname(sample.mask).toLowerCase()}`));
    for (const reference of sample.references) {
      const name = references.get(reference) ?? String(references.size).padStart(5, "0");
      references.set(reference, name);
      await copy(reference, join(object, "train", "good", `${name}${extname(reference).toLowerCase()}`));
    }
  }
}

/** A file name made of letters, digits, "-" and "_" alone. */
export function safeName(text: string): string {
  return text.replace(/[^\p{L}\p{N}-]+/gu, "_").slice(0, 80) || "_";
}
