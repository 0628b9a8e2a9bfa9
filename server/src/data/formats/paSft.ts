/**
 * PA-SFT data sets: a JSON array in the "sharegpt" layout, `{images, messages}`, and the registry `dataset_info.json` beside
 * it. The rules are those of the loader of the published training code (reference section 2.1).
 */
import { join, resolve } from "node:path";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { counted } from "@iad-r1/models/util/counted";
import { checkAnswer, toldPlace } from "../grammar";
import type { JsonSource, JsonValue } from "../jsonSource";
import { type DataFix, type DataProblem, type Parsed, Problems } from "../problems";
import { dataQuestion, inferenceTexts, type Shots } from "../prompts";
import { type ChatMessage, categoryOfPath, type InspectionSample } from "../samples";
import { readDataFile } from "../textFile";
import { targetOf } from "../think";
import {
  arrayRecords,
  type Draft,
  describe,
  extraColumns,
  isRecord,
  type JsonRecord,
  parseJson,
  type ReadFileOptions,
  readJsonFile,
  reportAnswer,
} from "./records";

const KNOWN = ["images", "messages", "id"];
const PLACEHOLDER = "<image>";

/** @throws DataError when the file cannot be read; everything inside it becomes a problem */
export function readPaSft(path: string, options: ReadFileOptions = {}): Promise<Parsed<InspectionSample[]>> {
  return readJsonFile(path, options, paSftDrafts);
}

export function paSftDrafts(source: JsonSource, root: string, problems: Problems): Draft[] {
  const drafts: Draft[] = [];
  for (const [index, { record }] of arrayRecords(source, problems).entries()) {
    const draft = draftOf(source, record, index, root, problems);
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
): Draft | null {
  const paths = imagePaths(source, record, problems);
  const messages = chatOf(source, record, problems);
  if (paths === null || messages === null) return null;
  const placeholders = messages.reduce((sum, { content }) => sum + content.split(PLACEHOLDER).length - 1, 0);
  if (placeholders !== paths.length) {
    problems.error(
      source.at(record, "messages"),
      "data/placeholder-count",
      `The messages have ${count(placeholders, "<image> placeholder")}, but there ${paths.length === 1 ? "is" : "are"} ${count(paths.length, "image")}.`,
      "Write <image> once for each image.",
      missingPlaceholders(source, record, messages, paths.length - placeholders),
    );
    return null;
  }
  if (paths.length === 0) {
    problems.error(source.at(record), "data/no-image", "The record has no image.");
    return null;
  }
  const last = messages[messages.length - 1]!;
  const chat = record.messages as JsonValue[];
  const answer = checkAnswer(last.content, true);
  reportAnswer(source, chat[chat.length - 1] as object, "content", answer.issues, problems);
  if (answer.label === null || answer.issues.some((issue) => issue.severity === "error")) return null;
  const id = record.id;
  const sample: InspectionSample = {
    id: typeof id === "string" && id !== "" ? id : String(index),
    image: "",
    references: [],
    category: categoryOfPath(paths[paths.length - 1]!),
    label: answer.label,
    defectType: answer.type,
    ...toldPlace(answer),
    mask: null,
    think: answer.think ?? "",
    messages,
  };
  const extra = extraColumns(record, KNOWN);
  if (extra !== undefined) sample.extra = extra;
  const images = record.images;
  const files = paths.map((path, k) => ({
    // The loader joins with the image folder only when that gives a file; else the path stands as it is.
    candidates: [resolve(root, path), resolve(path)],
    at: Array.isArray(images) ? source.at(images, k) : source.at(record, "images"),
    what: k === paths.length - 1 ? "image" : "reference image",
    required: true,
    use: (found: string | null) => {
      if (k === paths.length - 1) sample.image = found!;
      else sample.references.push(found!);
    },
  }));
  return { sample, files };
}

/** Puts placeholders that are missing before the first question. */
function missingPlaceholders(
  source: JsonSource,
  record: JsonRecord,
  messages: readonly ChatMessage[],
  missing: number,
): DataFix[] {
  const question = messages.findIndex(({ role }) => role === "user");
  if (missing <= 0 || question < 0) return [];
  const place = source.inString((record.messages as JsonValue[])[question] as object, "content", 0, 0);
  const text = JSON.stringify(`${PLACEHOLDER}\n`.repeat(missing)).slice(1, -1);
  return [{ title: `Add ${count(missing, "<image> placeholder")}`, edits: [{ ...place, text }], sure: true }];
}

function imagePaths(source: JsonSource, record: JsonRecord, problems: Problems): string[] | null {
  const images = record.images;
  const list = typeof images === "string" ? [images] : (images ?? []);
  const bad = (value: JsonValue) =>
    typeof value !== "string" || value === "" || value.includes("\0") || value.length > 4096;
  if (!Array.isArray(list) || list.some(bad)) {
    const at = source.at(record, "images");
    problems.error(at, "data/wrong-type", `"images" must be a path or a list of paths, got ${describe(images)}.`);
    return null;
  }
  return list as string[];
}

/** The chat in user/assistant pairs, a system text before them allowed; null with a problem at the message otherwise. */
function chatOf(source: JsonSource, record: JsonRecord, problems: Problems): ChatMessage[] | null {
  const list = record.messages;
  if (!Array.isArray(list)) {
    const at = source.at(record, "messages");
    problems.error(at, "data/wrong-type", `"messages" must be a list of {role, content}, got ${describe(list)}.`);
    return null;
  }
  const messages: ChatMessage[] = [];
  for (const [k, message] of list.entries()) {
    const { role, content } = isRecord(message) ? message : {};
    if (typeof role !== "string" || typeof content !== "string") {
      problems.error(
        source.at(list, k),
        "data/wrong-type",
        `Message ${k + 1} must have the texts "role" and "content".`,
      );
      return null;
    }
    messages.push({ role, content });
  }
  const offset = messages[0]?.role === "system" ? 1 : 0;
  for (let k = offset; k < messages.length; k++) {
    const expected = (k - offset) % 2 === 0 ? "user" : "assistant";
    if (messages[k]!.role === expected) continue;
    problems.error(
      source.at(list[k] as object, "role"),
      "data/role-order",
      `Message ${k + 1} must be of the role ${expected}, got ${JSON.stringify(messages[k]!.role)}.`,
      "Roles alternate: user, assistant, user, assistant.",
    );
    return null;
  }
  if (messages.length === offset || (messages.length - offset) % 2 !== 0) {
    problems.error(source.at(list), "data/role-order", "The messages must be pairs of user and assistant.");
    return null;
  }
  return messages;
}

export interface PaSftRecord {
  images: string | string[];
  messages: ChatMessage[];
}

/**
 * The record of a sample; `pathOf` says how an image is named in the file. A sample without reference stays 0-shot, and one that has a chat of
 * its own keeps it with all pictures that it speaks of.
 */
export function paSftRecord(sample: InspectionSample, shots: Shots, pathOf: (image: string) => string): PaSftRecord {
  const image = pathOf(sample.image);
  if (sample.messages !== undefined) {
    const images = [...sample.references.map(pathOf), image];
    return { images: images.length === 1 ? image : images, messages: sample.messages };
  }
  const references = sample.references.slice(0, shots).map(pathOf);
  const answer = { role: "assistant", content: targetOf(sample, references.length > 0) };
  const question = sample.question ?? dataQuestion;
  if (references.length === 0) {
    return { images: image, messages: [{ role: "user", content: `${PLACEHOLDER}\n${question}` }, answer] };
  }
  const user = `${inferenceTexts.references(1)}\n${PLACEHOLDER}\n${PLACEHOLDER}\n${question}`;
  return { images: [...references, image], messages: [{ role: "user", content: user }, answer] };
}

export async function writePaSft(
  path: string,
  samples: readonly InspectionSample[],
  shots: Shots,
  pathOf: (image: string) => string,
): Promise<void> {
  await writeFileAtomically(path, jsonLines(samples.map((sample) => paSftRecord(sample, shots, pathOf))));
}

/** A JSON array with one record a line: valid JSON, and problems are found by line. */
export function jsonLines(records: readonly unknown[]): string {
  return `[\n${records.map((record) => JSON.stringify(record)).join(",\n")}\n]\n`;
}

/** An entry of `dataset_info.json`. */
export interface DatasetInfoEntry {
  file_name: string;
  formatting: "sharegpt";
  columns: { messages: string; images: string };
  tags: { role_tag: string; content_tag: string; user_tag: string; assistant_tag: string };
}

export function datasetInfoEntry(fileName: string): DatasetInfoEntry {
  return {
    file_name: fileName,
    formatting: "sharegpt",
    columns: { messages: "messages", images: "images" },
    tags: { role_tag: "role", content_tag: "content", user_tag: "user", assistant_tag: "assistant" },
  };
}

/** Data set names to files, from `dataset_info.json` in `folder`. Entries of other layouts are left out with a warning. */
export async function readDatasetInfo(folder: string): Promise<Parsed<Map<string, string>>> {
  const path = join(folder, "dataset_info.json");
  return parseDatasetInfo(await readDataFile(path, 16 * 1024 * 1024), path, folder);
}

export function parseDatasetInfo(
  text: string,
  path: string,
  folder: string,
): { value: Map<string, string>; problems: DataProblem[] } {
  const problems = new Problems(path);
  const value = new Map<string, string>();
  const source = parseJson(text, problems);
  if (source !== undefined) {
    const top = source.value;
    if (!isRecord(top))
      problems.error(
        { line: 1, column: 1 },
        "data/wrong-shape",
        `Expected an object of data sets, got ${describe(top)}.`,
      );
    else {
      for (const [name, entry] of Object.entries(top)) {
        const at = source.at(top, name);
        if (!isRecord(entry) || typeof entry.file_name !== "string") {
          problems.warning(at, "data/wrong-shape", `The data set "${name}" names no file.`);
        } else if ((entry.formatting ?? "alpaca") !== "sharegpt" || !standardTags(entry)) {
          problems.warning(
            at,
            "data/unsupported",
            `The data set "${name}" is not in the sharegpt layout with role and content.`,
          );
        } else value.set(name, resolve(folder, entry.file_name));
      }
    }
  }
  return { value, problems: problems.list() };
}

function standardTags(entry: JsonRecord): boolean {
  const { columns, tags } = datasetInfoEntry("");
  const same = (given: JsonValue | undefined, expected: Record<string, string>) =>
    isRecord(given) && Object.entries(expected).every(([key, value]) => given[key] === value);
  return same(entry.columns, columns) && same(entry.tags, tags);
}

/** Adds data sets to the registry of a folder and keeps those it has. */
export async function writeDatasetInfo(
  folder: string,
  entries: Record<string, string>,
  present: Record<string, unknown> = {},
): Promise<void> {
  const added = Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, datasetInfoEntry(file)]));
  await writeFileAtomically(
    join(folder, "dataset_info.json"),
    `${JSON.stringify({ ...present, ...added }, null, 2)}\n`,
  );
}

function count(number: number, thing: string): string {
  return number === 0 ? `no ${thing}s` : counted(number, thing);
}
