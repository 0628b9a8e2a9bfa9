/** Data sets of any format: find out which, read, write, convert. The formats themselves are in `formats/`. */
import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { AppError, DataError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { loadImage } from "@iad-r1/models/vision/decode";
import { ANNOTATIONS_FILE, annotationOf, fileHash, readAnnotations, writeAnnotations } from "./formats/annotations";
import { readMeta, writeMeta } from "./formats/metaJson";
import { readMvtec, safeName, writeMvtec } from "./formats/mvtec";
import { readPaSft, writePaSft } from "./formats/paSft";
import { isRecord } from "./formats/records";
import { readScGrpo, writeScGrpo } from "./formats/scGrpo";
import { readTestFile, writeTestFile } from "./formats/testFile";
import { type JsonValue, parseJsonSource } from "./jsonSource";
import { locateMask } from "./locations";
import { loadMask } from "./pixels";
import type { Parsed } from "./problems";
import type { Shots } from "./prompts";
import type { InspectionSample } from "./samples";
import { checkStopped } from "./stop";
import { readDataFile } from "./textFile";
import { writeWholeFolder } from "./wholeFolder";

export const DATA_FORMATS = ["folder", "pa-sft", "sc-grpo", "test", "meta", "mvtec"] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

export interface ReadOptions {
  /** Found out by `detectFormat` when left out. */
  format?: DataFormat;
  /** Folder that relative image paths start from, for the JSON formats. */
  images?: string;
  /** Part of an MVTec-style folder. */
  split?: "train" | "test";
  signal?: AbortSignal;
}

/**
 * Reads a data set into samples. What is wrong inside the files comes back as problems with lines.
 *
 * @throws DataError when the path cannot be read at all or its format cannot be told
 */
export async function readDataset(path: string, options: ReadOptions = {}): Promise<Parsed<InspectionSample[]>> {
  const format = options.format ?? (await detectFormat(path));
  switch (format) {
    case "folder":
      return readAnnotations(resolve(path), options);
    case "mvtec":
      return readMvtec(resolve(path), options);
    case "pa-sft":
      return readPaSft(resolve(path), options);
    case "sc-grpo":
      return readScGrpo(resolve(path), options);
    case "test":
      return readTestFile(resolve(path), options);
    case "meta":
      return readMeta(resolve(path), options);
  }
}

/**
 * The format of a path: a folder by what lies in it, a file by the shape of its first record.
 *
 * @throws DataError `data/unknown-format`
 */
export async function detectFormat(path: string): Promise<DataFormat> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory()) {
    const names = await readdir(path);
    if (names.includes(ANNOTATIONS_FILE)) return "folder";
    const inner = names.includes("test") || names.includes("train") ? [path] : names.map((name) => join(path, name));
    for (const folder of inner.slice(0, 1000)) {
      const inside = await readdir(folder).catch(() => [] as string[]);
      if (inside.includes("test") || inside.includes("train")) return "mvtec";
    }
    throw unknownFormat(
      path,
      "the folder has neither annotations.jsonl nor test/ or train/ folders",
      "Sort the pictures as MVTec does, NAME/train/good, NAME/test/good and NAME/test/DEFECT, or list them in an annotations.jsonl.",
    );
  }
  const { value, errors } = parseJsonSource(await readDataFile(path));
  if (value === undefined) {
    const reason = `it is no JSON (line ${errors[0]!.line}: ${errors[0]!.message.replace(/\.$/, "")})`;
    throw unknownFormat(path, reason, "Give a JSON file, or a folder with pictures sorted as MVTec does.");
  }
  const format = formatOfJson(value);
  if (typeof format === "string") return format;
  throw unknownFormat(path, format.unknown);
}

/** The format of a JSON file by the shape of its first record, or why it cannot be told. */
export function formatOfJson(value: JsonValue): "pa-sft" | "sc-grpo" | "test" | "meta" | { unknown: string } {
  if (Array.isArray(value)) {
    const record = value.find((item) => isRecord(item));
    if (isRecord(record) && "messages" in record && !("solution" in record)) return "pa-sft";
    if (isRecord(record) && "solution" in record) return "sc-grpo";
    return { unknown: "the records have neither messages nor a solution" };
  }
  if (isRecord(value)) {
    const entries = Object.values(value);
    if (entries.some((entry) => isRecord(entry) && "conversation" in entry)) return "test";
    if (entries.some((entry) => Array.isArray(entry)) || "test" in value) return "meta";
  }
  return { unknown: "the object has neither conversations nor lists of records" };
}

function unknownFormat(path: string, why: string, hint = `Name the format: ${DATA_FORMATS.join(", ")}.`): DataError {
  return new DataError("data/unknown-format", `${path}: the format cannot be told: ${why}.`, { where: path, hint });
}

export interface WriteOptions {
  /** 1 writes a reference image before the query image where one is known. Default 0. */
  shots?: Shots;
  /** Copies the images beside the file, so that the data set can be moved. Always so for the folder layouts. Default false. */
  copyImages?: boolean;
  /** Replaces a folder that is there; files are always replaced. Default false. */
  overwrite?: boolean;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Writes samples in a format: a JSON file, or a folder for "folder" and "mvtec". Image paths in a JSON file are relative to its
 * folder where the images lie below it, and absolute elsewhere.
 *
 * @throws DataError `data/folder-exists`; ResourceError `disk/full`; CheckpointError `checkpoint/unwritable`; DataError for images that
 *   cannot be read
 */
export async function writeDataset(
  path: string,
  format: DataFormat,
  samples: readonly InspectionSample[],
  options: WriteOptions = {},
): Promise<void> {
  const generated = samples.find((sample) => sample.synth !== undefined);
  if (generated !== undefined) {
    throw new DataError("data/no-files", `${generated.id} is generated on the fly and has no image file.`, {
      hint: "Write synthetic data with `data synth`.",
    });
  }
  const target = resolve(path);
  if (format === "mvtec" || format === "folder") {
    return writeWholeFolder(target, options.overwrite === true, (root) =>
      format === "mvtec" ? writeMvtec(root, samples, options.signal) : writeFolder(root, samples, options),
    );
  }
  const root = dirname(target);
  await makeFolder(root);
  const pathOf = options.copyImages === true ? await copyImages(root, samples, options) : relativeTo(root);
  if (format === "pa-sft") await writePaSft(target, samples, options.shots ?? 0, pathOf);
  else if (format === "sc-grpo") await writeScGrpo(target, samples, options.shots ?? 0, pathOf);
  else if (format === "test") await writeTestFile(target, samples, pathOf);
  else await writeMeta(target, samples, pathOf);
}

function relativeTo(root: string): (path: string) => string {
  return (path) => pathBelow(root, path) ?? path;
}

/** Copies images, references and masks to `images/CATEGORY/` and `masks/CATEGORY/` below `root`; returns their new names. */
async function copyImages(
  root: string,
  samples: readonly InspectionSample[],
  options: WriteOptions,
): Promise<(path: string) => string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  // Not over a picture that is still to be copied, nor over one whose name differs in case alone: some file systems do not tell them apart.
  const originals = new Set(samples.flatMap(({ image, references, mask }) => [image, ...references, mask]));
  const isTaken = (name: string, from: string) => {
    const to = join(root, name);
    return taken.has(name.toLowerCase()) || (to !== from && originals.has(to));
  };
  const copy = async (from: string, folder: string) => {
    if (names.has(from)) return;
    const extension = extname(from).toLowerCase();
    const stem = safeName(basename(from, extname(from)));
    let name = `${folder}/${stem}${extension}`;
    for (let k = 2; isTaken(name, from); k++) name = `${folder}/${stem}_${k}${extension}`;
    taken.add(name.toLowerCase());
    names.set(from, name);
    const to = join(root, name);
    await makeFolder(dirname(to));
    try {
      await copyFile(from, to);
    } catch (error) {
      throw error instanceof AppError ? error : writeError(to, error);
    }
  };
  for (const [done, sample] of samples.entries()) {
    checkStopped(options.signal);
    const category = safeName(sample.category);
    await copy(sample.image, `images/${category}`);
    for (const reference of sample.references) await copy(reference, `images/${category}`);
    if (sample.mask !== null) await copy(sample.mask, `masks/${category}`);
    options.onProgress?.(done + 1, samples.length);
  }
  return (path) => names.get(path)!;
}

async function writeFolder(root: string, samples: readonly InspectionSample[], options: WriteOptions): Promise<void> {
  const pathOf = await copyImages(root, samples, options);
  const annotations = [];
  for (const sample of samples) {
    checkStopped(options.signal);
    const { width, height } = await loadImage(sample.image);
    const annotation = { ...annotationOf(sample, pathOf), width, height, sha256: await fileHash(sample.image) };
    if (sample.mask !== null) {
      const mask = await loadMask(sample.mask);
      const place = locateMask(mask.data, mask.width, mask.height);
      if (place !== null && sample.defectType !== null) {
        annotation.defects = [{ type: sample.defectType, box: place.box, cell: sample.location ?? place.location }];
      }
    }
    annotations.push(annotation);
  }
  await writeAnnotations(root, annotations);
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeError(path, error);
  }
}
