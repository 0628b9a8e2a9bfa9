/** `meta.json` of an own data set: category to records, and its conversion to a test file (reference section 2.4). */
import { join, resolve } from "node:path";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import type { JsonSource } from "../jsonSource";
import type { Parsed, Problems } from "../problems";
import type { InspectionSample } from "../samples";
import {
  absolutePath,
  type Draft,
  describe,
  isRecord,
  type JsonRecord,
  type NeededFile,
  type ReadFileOptions,
  readJsonFile,
  replaceValue,
  stringField,
} from "./records";
import { writeTestFile } from "./testFile";

export interface MetaRecord {
  img_path: string;
  mask_path: string;
  cls_name: string;
  specie_name: string;
  anomaly: 0 | 1;
}

/** @throws DataError when the file cannot be read; everything inside it becomes a problem */
export function readMeta(path: string, options: ReadFileOptions = {}): Promise<Parsed<InspectionSample[]>> {
  return readJsonFile(path, options, metaDrafts);
}

export function metaDrafts(source: JsonSource, root: string, problems: Problems): Draft[] {
  let top = source.value;
  if (!isRecord(top)) {
    problems.error(
      { line: 1, column: 1 },
      "data/wrong-shape",
      `Expected an object of categories, got ${describe(top)}.`,
    );
    return [];
  }
  // Files made for other tools have the categories below "train" and "test"; the test part is what the reference reads.
  if (isRecord(top.test)) top = top.test;
  const drafts: Draft[] = [];
  for (const [category, list] of Object.entries(top)) {
    if (!Array.isArray(list)) {
      problems.error(
        source.at(top, category),
        "data/wrong-shape",
        `The category "${category}" must be a list of records, got ${describe(list)}.`,
      );
      continue;
    }
    for (const [k, record] of list.entries()) {
      if (!isRecord(record))
        problems.error(source.at(list, k), "data/wrong-shape", `Expected a record, got ${describe(record)}.`);
      else {
        const draft = draftOf(source, category, record, root, problems);
        if (draft !== null) drafts.push(draft);
      }
    }
  }
  return drafts;
}

function draftOf(
  source: JsonSource,
  category: string,
  record: JsonRecord,
  root: string,
  problems: Problems,
): Draft | null {
  const written = stringField(source, record, "img_path", problems);
  const specie = stringField(source, record, "specie_name", problems);
  const { anomaly } = record;
  if (anomaly !== 0 && anomaly !== 1) {
    problems.error(
      source.at(record, "anomaly"),
      "data/wrong-type",
      `"anomaly" must be 0 or 1, got ${describe(anomaly)}.`,
    );
    return null;
  }
  if (written === undefined || specie === undefined) return null;
  if ((specie === "good") !== (anomaly === 0)) {
    problems.error(
      source.at(record, "anomaly"),
      "data/contradiction",
      `"specie_name" is ${describe(specie)} but "anomaly" is ${anomaly}.`,
      undefined,
      [replaceValue(source, record, "anomaly", 1 - anomaly, `Set anomaly to ${1 - anomaly}`, false)],
    );
    return null;
  }
  const at = source.at(record, "img_path");
  const image = absolutePath(root, written, at, problems);
  if (image === null) return null;
  const { cls_name: name, mask_path: mask } = record;
  const sample: InspectionSample = {
    id: written,
    image: "",
    references: [],
    category: typeof name === "string" && name !== "" ? name : category,
    label: anomaly === 1 ? "anomalous" : "normal",
    defectType: anomaly === 1 ? specie.replaceAll("_", " ") : null,
    location: null,
    locations: [],
    mask: null,
  };
  const files: NeededFile[] = [
    { candidates: [image], at, what: "image", required: true, use: (found) => (sample.image = found!) },
  ];
  if (typeof mask === "string" && mask !== "") {
    const maskAt = source.at(record, "mask_path");
    const path = absolutePath(root, mask, maskAt, problems);
    if (path !== null)
      files.push({
        candidates: [path],
        at: maskAt,
        what: "mask",
        required: false,
        use: (found) => (sample.mask = found),
      });
  }
  return { sample, files };
}

export function metaRecord(sample: InspectionSample, pathOf: (image: string) => string): MetaRecord {
  return {
    img_path: pathOf(sample.image),
    mask_path: sample.mask === null ? "" : pathOf(sample.mask),
    cls_name: sample.category,
    specie_name: sample.label === "normal" ? "good" : (sample.defectType ?? "defect").replaceAll(" ", "_"),
    anomaly: sample.label === "normal" ? 0 : 1,
  };
}

export async function writeMeta(
  path: string,
  samples: readonly InspectionSample[],
  pathOf: (image: string) => string,
): Promise<void> {
  const categories = new Map<string, MetaRecord[]>();
  for (const sample of samples) {
    const records = categories.get(sample.category) ?? [];
    records.push(metaRecord(sample, pathOf));
    categories.set(sample.category, records);
  }
  await writeFileAtomically(path, `${JSON.stringify(Object.fromEntries(categories), null, 1)}\n`);
}

/**
 * `meta.json` to a test file: one entry a record. References are known only when `references` names sound images of a
 * category; the reference's own files leave them empty.
 */
export async function convertMeta(
  metaPath: string,
  testPath: string,
  options: ReadFileOptions & { references?: Readonly<Record<string, readonly string[]>> } = {},
): Promise<Parsed<InspectionSample[]>> {
  const read = await readMeta(metaPath, options);
  const root = resolve(options.images ?? join(metaPath, ".."));
  const written = new Map(read.value.map((sample) => [sample.image, sample.id]));
  for (const sample of read.value) {
    for (const reference of options.references?.[sample.category] ?? []) {
      const path = resolve(root, reference);
      if (!written.has(path)) written.set(path, reference);
      if (path !== sample.image) sample.references.push(path);
    }
  }
  await writeTestFile(testPath, read.value, (image) => written.get(image) ?? image);
  return read;
}
