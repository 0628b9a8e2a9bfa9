/**
 * The project's own layout: a folder with `annotations.jsonl`, one image a line, `images/` and `masks/`. It says more than the
 * other formats: places, masks, groups. Also what `data synth` writes and what `samples/real` is.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { writeAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { LOCATIONS } from "@iad-r1/protocol/locations";
import { parseCell } from "../../rewards/location";
import { nearLocation } from "../grammar";
import { type JsonSource, type JsonValue, parseJsonSource } from "../jsonSource";
import { type Parsed, type Position, Problems } from "../problems";
import type { InspectionSample } from "../samples";
import { checkStopped } from "../stop";
import { readDataFile } from "../textFile";
import {
  absolutePath,
  type Draft,
  describe,
  extraColumns,
  isRecord,
  type JsonRecord,
  type NeededFile,
  replaceValue,
  settleDrafts,
  stringField,
} from "./records";

export const ANNOTATIONS_FILE = "annotations.jsonl";

/** One line of the file. Fields after `reference` are optional. */
export interface Annotation {
  id: string;
  image: string;
  category: string;
  width: number;
  height: number;
  label: "normal" | "anomalous";
  defect_type: string | null;
  defect_types: string[];
  location: string | null;
  region: number | null;
  location_share: number | null;
  locations: string[];
  defects: { type: string; box: [number, number, number, number]; cell: string }[];
  mask: string | null;
  /** A list where there are several. */
  reference: string | string[] | null;
  think?: string;
  group?: string;
  sha256?: string;
  [key: string]: unknown;
}

const KNOWN = [
  "id",
  "image",
  "category",
  "width",
  "height",
  "label",
  "defect_type",
  "defect_types",
  "location",
  "region",
  "location_share",
  "locations",
  "defects",
  "mask",
  "reference",
  "think",
  "group",
  "sha256",
];

export interface AnnotationOptions {
  signal?: AbortSignal;
  /** Compares each image file with the hash in its line. */
  verifyHashes?: boolean;
}

/** @throws DataError when there is no readable annotations.jsonl; everything inside it becomes a problem */
export async function readAnnotations(
  folder: string,
  options: AnnotationOptions = {},
): Promise<Parsed<InspectionSample[]>> {
  const path = join(folder, ANNOTATIONS_FILE);
  const problems = new Problems(path);
  const drafts = parseAnnotations(await readDataFile(path), folder, problems);
  const read = await settleDrafts(drafts, problems, options.signal);
  if (options.verifyHashes !== true) return read;
  const present = new Set(read.value);
  const wrong = new Set<InspectionSample>();
  for (const draft of drafts) {
    const { sha256 } = draft;
    if (sha256 === undefined || !present.has(draft.sample)) continue;
    checkStopped(options.signal);
    const found = await fileHash(draft.sample.image);
    if (found === sha256) continue;
    wrong.add(draft.sample);
    problems.error(draft.at, "data/wrong-hash", `The image is not the one that was annotated: ${draft.sample.image}.`);
  }
  return { value: read.value.filter((sample) => !wrong.has(sample)), problems: problems.list() };
}

/** SHA-256 of a file as hexadecimal digits. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

interface AnnotationDraft extends Draft {
  at: Position;
  sha256: string | undefined;
}

/** The text half of the reader, without looking at files. A broken line costs that line alone. */
export function parseAnnotations(text: string, folder: string, problems: Problems): AnnotationDraft[] {
  const drafts: AnnotationDraft[] = [];
  let line = 0;
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const content = text.slice(start, end);
    const lineStart = start;
    start = end + 1;
    line++;
    if (content.trim() === "") continue;
    const source = parseJsonSource(content, { maxDepth: 16, maxValues: 1_000_000 });
    const here = line;
    const shifted: JsonSource = {
      ...source,
      at: (container, key) => ({ line: here, column: source.at(container, key).column }),
      offset: (container, key) => lineStart + source.offset(container, key),
      span: (...place) => ({ ...source.span(...place), line: here, endLine: here }),
      inString: (...place) => ({ ...source.inString(...place), line: here, endLine: here }),
    };
    for (const error of source.errors) problems.error({ line, column: error.column }, error.code, error.message);
    if (source.errors.length > 0) continue;
    if (!isRecord(source.value)) {
      problems.error({ line, column: 1 }, "data/wrong-shape", `Expected an object, got ${describe(source.value)}.`);
      continue;
    }
    const draft = draftOf(shifted, source.value, folder, problems);
    if (draft !== null) drafts.push(draft);
  }
  return drafts;
}

function draftOf(source: JsonSource, record: JsonRecord, folder: string, problems: Problems): AnnotationDraft | null {
  const id = stringField(source, record, "id", problems);
  const written = stringField(source, record, "image", problems);
  const category = stringField(source, record, "category", problems);
  const { label } = record;
  if (label !== "normal" && label !== "anomalous") {
    problems.error(
      source.at(record, "label"),
      "data/wrong-type",
      `"label" must be "normal" or "anomalous", got ${describe(label)}.`,
    );
    return null;
  }
  if (id === undefined || written === undefined || category === undefined) return null;
  const type = optionalString(source, record, "defect_type", problems);
  const location = optionalString(source, record, "location", problems);
  if (type === undefined || location === undefined) return null;
  if (label === "normal" && (type !== null || location !== null)) {
    const key = type !== null ? "defect_type" : "location";
    problems.error(
      source.at(record, key),
      "data/contradiction",
      `The label is normal, but "${key}" is ${describe(record[key])}.`,
      undefined,
      [
        replaceValue(source, record, "label", "anomalous", "Set the label to anomalous", false),
        replaceValue(source, record, key, null, `Set ${key} to null`, false),
      ],
    );
    return null;
  }
  if (label === "anomalous" && type === null) {
    problems.warning(source.at(record), "data/missing-field", "An anomalous image has no defect type.");
  }
  if (location !== null && !(LOCATIONS as readonly string[]).includes(location)) {
    const near = nearLocation(location);
    problems.error(
      source.at(record, "location"),
      "data/bad-location",
      `"location" must be one of ${LOCATIONS.join(", ")}, got ${describe(location)}.`,
      undefined,
      near === null ? [] : [replaceValue(source, record, "location", near, `Change to ${near}`, true)],
    );
    return null;
  }
  const imageAt = source.at(record, "image");
  const image = absolutePath(folder, written, imageAt, problems);
  if (image === null) return null;
  const { locations, group, location_share: share, think, sha256 } = record;
  const named = Array.isArray(locations)
    ? locations.filter((cell) => (LOCATIONS as readonly unknown[]).includes(cell))
    : [];
  const sample: InspectionSample = {
    id,
    image,
    references: [],
    category,
    label,
    defectType: type,
    location,
    locations: named.length > 0 ? (named as string[]) : location === null ? [] : [location],
    mask: null,
  };
  if (typeof group === "string" && group !== "") sample.group = group;
  if (typeof share === "number") sample.locationShare = share;
  if (typeof think === "string" && think !== "") sample.think = think;
  const extra = extraColumns(record, KNOWN);
  if (extra !== undefined) sample.extra = extra;
  const files: NeededFile[] = [
    { candidates: [image], at: imageAt, what: "image", required: true, use: (path) => (sample.image = path!) },
  ];
  const { reference } = record;
  const references = Array.isArray(reference)
    ? reference.map((_, k) => ["reference", reference, k] as const)
    : [["reference", record, "reference"] as const];
  for (const [key, container, place] of [["mask", record, "mask"] as const, ...references]) {
    const value = optionalString(source, container, place, problems);
    if (value === undefined) return null;
    if (value === null || value === "") continue;
    const at = source.at(container, place);
    const path = absolutePath(folder, value, at, problems);
    if (path === null) return null;
    if (key === "reference" && path === image) {
      problems.error(at, "data/contradiction", "An image cannot be its own reference.");
      return null;
    }
    const use = (found: string | null) => {
      if (key === "mask") sample.mask = found;
      else if (found !== null) sample.references.push(found);
    };
    const what = key === "mask" ? "mask" : "reference image";
    files.push({ candidates: [path], at, what, required: key === "reference", use });
  }
  return { sample, files, at: source.at(record), sha256: typeof sha256 === "string" ? sha256 : undefined };
}

/** Text or null; undefined with a problem for anything else. A missing key is null. */
function optionalString(
  source: JsonSource,
  container: JsonRecord | JsonValue[],
  key: string | number,
  problems: Problems,
): string | null | undefined {
  const value = (container as JsonRecord)[key];
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  const name = typeof key === "number" ? `Reference ${key + 1}` : `"${key}"`;
  problems.error(source.at(container, key), "data/wrong-type", `${name} must be text or null, got ${describe(value)}.`);
  return undefined;
}

/** What a sample says, as a line; paths are left to the caller, as are facts that only the files know. */
export function annotationOf(sample: InspectionSample, pathOf: (path: string) => string): Annotation {
  // Other formats let a place be said in any words; here it is one of nine.
  const region = sample.location === null ? null : parseCell(sample.location);
  const location = region === null ? null : LOCATIONS[region - 1]!;
  const references = sample.references.map(pathOf);
  const annotation: Annotation = {
    id: sample.id,
    image: pathOf(sample.image),
    category: sample.category,
    width: 0,
    height: 0,
    label: sample.label,
    defect_type: sample.defectType,
    defect_types: sample.defectType === null ? [] : [sample.defectType],
    ...{ location, region, location_share: sample.locationShare ?? null },
    locations: sample.location === location ? sample.locations : location === null ? [] : [location],
    defects: [],
    mask: sample.mask === null ? null : pathOf(sample.mask),
    reference: references.length > 1 ? references : (references[0] ?? null),
  };
  if (sample.think !== undefined && sample.think !== "") annotation.think = sample.think;
  if (sample.group !== undefined) annotation.group = sample.group;
  return { ...sample.extra, ...annotation };
}

export async function writeAnnotations(folder: string, annotations: readonly Annotation[]): Promise<void> {
  await writeAtomically(join(folder, ANNOTATIONS_FILE), async (file) => {
    const batch: string[] = [];
    const flush = async () => {
      await file.write(Buffer.from(batch.join("")));
      batch.length = 0;
    };
    for (const annotation of annotations) {
      batch.push(`${JSON.stringify(annotation)}\n`);
      if (batch.length >= 1000) await flush();
    }
    await flush();
  });
}
