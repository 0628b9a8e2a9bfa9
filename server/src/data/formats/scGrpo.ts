/** SC-GRPO data sets: a JSON array of `{id, image, problem, solution}`, 0-shot and 1-shot (reference section 2.2). */
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { checkAnswer, toldPlace } from "../grammar";
import type { JsonSource } from "../jsonSource";
import { type Parsed, type Position, Problems } from "../problems";
import { dataQuestion, type Shots } from "../prompts";
import { categoryOfPath, type InspectionSample } from "../samples";
import { solutionOf } from "../think";
import { jsonLines } from "./paSft";
import {
  absolutePath,
  arrayRecords,
  type Draft,
  describe,
  extraColumns,
  isRecord,
  type JsonRecord,
  type ReadFileOptions,
  readJsonFile,
  replaceValue,
  reportAnswer,
  stringField,
} from "./records";

const KNOWN = ["id", "image", "problem", "solution", "messages"];

/** @throws DataError when the file cannot be read; everything inside it becomes a problem */
export async function readScGrpo(path: string, options: ReadFileOptions = {}): Promise<Parsed<InspectionSample[]>> {
  const read = await readJsonFile(path, options, scGrpoDrafts);
  if (path.endsWith(".json")) return read;
  const problems = new Problems(path);
  problems.warning(
    { line: 0, column: 0 },
    "data/file-name",
    "The published training code reads only files that end in .json.",
  );
  return { ...read, problems: [...problems.list(), ...read.problems] };
}

/** @param singleImg 1 for prompts with one image, 0 for prompts with a reference: rows of the other kind get a warning */
export function scGrpoDrafts(source: JsonSource, root: string, problems: Problems, singleImg?: 0 | 1): Draft[] {
  const drafts: Draft[] = [];
  for (const [index, { record }] of arrayRecords(source, problems).entries()) {
    const draft = draftOf(source, record, index, root, problems, singleImg);
    if (draft !== null) drafts.push(draft);
  }
  return drafts;
}

function draftOf(
  source: JsonSource,
  record: JsonRecord,
  index: number,
  root: string,
  problems: Problems,
  singleImg: 0 | 1 | undefined,
): Draft | null {
  const images = imageList(source, record, root, problems);
  const question = stringField(source, record, "problem", problems);
  const solution = stringField(source, record, "solution", problems);
  if (images === null || question === undefined || solution === undefined) return null;
  const answer = checkAnswer(solution, false);
  reportAnswer(source, record, "solution", answer.issues, problems);
  if (answer.label === null || answer.issues.some((issue) => issue.severity === "error")) return null;
  if (singleImg === 1 && images.length !== 1) {
    problems.warning(
      source.at(record, "image"),
      "data/shots",
      `single_img 1 prompts speak of one image, this row has ${images.length}.`,
    );
  } else if (singleImg === 0 && images.length !== 2) {
    problems.warning(
      source.at(record, "image"),
      "data/shots",
      `single_img 0 prompts speak of a reference and a test image, this row has ${images.length}.`,
    );
  }
  const id = record.id;
  if (id !== undefined && typeof id !== "string") {
    problems.warning(
      source.at(record, "id"),
      "data/wrong-type",
      `"id" is text in the published data, got ${describe(id)}.`,
    );
  }
  const sample: InspectionSample = {
    id: id === undefined || id === null || typeof id === "object" ? String(index) : String(id),
    image: "",
    references: [],
    category: categoryOfPath(images[images.length - 1]!.written),
    label: answer.label,
    defectType: answer.type,
    ...toldPlace(answer),
    mask: null,
    question,
    solution,
  };
  const extra = extraColumns(record, KNOWN);
  if (extra !== undefined) sample.extra = extra;
  const files = images.map(({ path, at }, k) => ({
    candidates: [path],
    at,
    what: k === images.length - 1 ? "image" : "reference image",
    required: true,
    use: (found: string | null) => {
      if (k === images.length - 1) sample.image = found!;
      else sample.references.push(found!);
    },
  }));
  return { sample, files };
}

/** The images of a row in all shapes that the published code takes; the shapes on which it fails are problems. */
function imageList(
  source: JsonSource,
  record: JsonRecord,
  root: string,
  problems: Problems,
): { path: string; written: string; at: Position }[] | null {
  const { image } = record;
  const at = source.at(record, "image");
  if (image === undefined || image === null || image === "" || (Array.isArray(image) && image.length === 0)) {
    problems.error(at, "data/no-image", "The row has no image and would get no prompt.");
    return null;
  }
  if (isRecord(image)) {
    problems.error(
      at,
      "data/wrong-type",
      'A single {"path"} object crashes the published code.',
      "Write the path as text or put the object into a list.",
      typeof image.path === "string"
        ? [replaceValue(source, record, "image", image.path, "Write the path as text", true)]
        : [],
    );
    return null;
  }
  const items = Array.isArray(image) ? image : [image];
  const list: { path: string; written: string; at: Position }[] = [];
  for (const [k, item] of items.entries()) {
    const itemAt = Array.isArray(image) ? source.at(image, k) : at;
    const written = isRecord(item) ? item.path : item;
    if (typeof written !== "string") {
      problems.error(itemAt, "data/wrong-type", `An image must be a path or {"path": …}, got ${describe(item)}.`);
      return null;
    }
    const path = absolutePath(root, written, itemAt, problems);
    if (path === null) return null;
    list.push({ path, written, at: itemAt });
  }
  return list;
}

export interface ScGrpoRecord {
  id: string;
  image: string | string[];
  problem: string;
  solution: string;
  [column: string]: unknown;
}

/** The row of a sample; with `shots` 1 and a reference at hand the reference comes first. */
export function scGrpoRecord(sample: InspectionSample, shots: Shots, pathOf: (image: string) => string): ScGrpoRecord {
  const references = sample.references.slice(0, shots).map(pathOf);
  const image = pathOf(sample.image);
  return {
    ...sample.extra,
    id: sample.id,
    image: references.length === 0 ? image : [...references, image],
    problem: sample.question ?? dataQuestion,
    solution: solutionOf(sample),
  };
}

export async function writeScGrpo(
  path: string,
  samples: readonly InspectionSample[],
  shots: Shots,
  pathOf: (image: string) => string,
): Promise<void> {
  await writeFileAtomically(path, jsonLines(samples.map((sample) => scGrpoRecord(sample, shots, pathOf))));
}
