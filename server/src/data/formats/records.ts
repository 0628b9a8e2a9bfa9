/**
 * What the readers of all formats share: typed fields of a JSON record with a problem at their line, and drafts of samples
 * whose files are looked for at the end, all at once.
 */
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import type { AnswerIssue } from "../grammar";
import { type JsonSource, type JsonValue, parseJsonSource } from "../jsonSource";
import { locateByMask } from "../pixels";
import { type DataFix, type Parsed, type Position, Problems, WHOLE_FILE } from "../problems";
import type { InspectionSample } from "../samples";
import { checkStopped } from "../stop";
import { readDataFile } from "../textFile";

export type JsonRecord = { [key: string]: JsonValue };

/** A file that a sample needs. */
export interface NeededFile {
  /** Absolute paths, the first that exists is taken. */
  candidates: string[];
  at: Position;
  /** "image", "reference image", "mask" */
  what: string;
  /** Puts the path that was found into the sample; null when there is none and the sample can do without. */
  use(path: string | null): void;
  /** Without it the sample is dropped. */
  required: boolean;
}

export interface Draft {
  sample: InspectionSample;
  files: NeededFile[];
}

/** Parses JSON and reports its syntax errors; undefined when nothing can be read. */
export function parseJson(text: string, problems: Problems): JsonSource | undefined {
  const source = parseJsonSource(text);
  reportSyntax(source, problems);
  return source.value === undefined ? undefined : source;
}

export interface ReadFileOptions {
  /** Folder that the paths in the file start from; the file's own when left out. */
  images?: string;
  signal?: AbortSignal;
}

/** How JSON of one format becomes drafts, without a look at files; `root` is where its paths start. */
export type DraftsOf = (source: JsonSource, root: string, problems: Problems) => Draft[];

/** The text half of a reader. */
export function draftsIn(text: string, root: string, problems: Problems, draftsOf: DraftsOf): Draft[] {
  const source = parseJson(text, problems);
  return source === undefined ? [] : draftsOf(source, root, problems);
}

/** @throws DataError when the file cannot be read; everything inside it becomes a problem */
export async function readJsonFile(
  path: string,
  { images, signal }: ReadFileOptions,
  draftsOf: DraftsOf,
): Promise<Parsed<InspectionSample[]>> {
  const problems = new Problems(path);
  const drafts = draftsIn(await readDataFile(path), resolve(images ?? dirname(path)), problems, draftsOf);
  return settleDrafts(drafts, problems, signal);
}

export function reportSyntax({ errors }: JsonSource, problems: Problems): void {
  for (const error of errors) {
    const report = error.code === "data/repeated-key" ? problems.warning : problems.error;
    report.call(problems, error, error.code, error.message);
  }
}

/** A fix that puts another value in place of one. */
export function replaceValue(
  source: JsonSource,
  container: object,
  key: string | number,
  value: JsonValue,
  title: string,
  sure: boolean,
): DataFix {
  return { title, sure, edits: [{ ...source.span(container, key), text: JSON.stringify(value) }] };
}

export function isRecord(value: JsonValue | undefined): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Issues of an answer that is the text value of a key, as problems at their place in the file. */
export function reportAnswer(
  source: JsonSource,
  container: object,
  key: string,
  issues: readonly AnswerIssue[],
  problems: Problems,
): void {
  for (const { severity, code, message, start, end, fixes } of issues) {
    const report = severity === "error" ? problems.error : problems.warning;
    const placed = fixes.map(({ title, edits, sure }) => ({
      ...{ title, sure },
      edits: edits.map((edit) => ({
        ...source.inString(container, key, edit.start, edit.end),
        text: JSON.stringify(edit.text).slice(1, -1),
      })),
    }));
    report.call(problems, source.inString(container, key, start, end), code, message, undefined, placed);
  }
}

/** The records of a top-level array; anything else is a problem. */
export function arrayRecords(source: JsonSource, problems: Problems): { record: JsonRecord; at: Position }[] {
  const { value } = source;
  if (!Array.isArray(value)) {
    problems.error(
      { line: 1, column: 1 },
      "data/wrong-shape",
      `Expected a list of records at the top, got ${describe(value)}.`,
    );
    return [];
  }
  const records: { record: JsonRecord; at: Position }[] = [];
  for (const [index, record] of value.entries()) {
    const at = source.at(value, index);
    if (isRecord(record)) records.push({ record, at });
    else problems.error(at, "data/wrong-shape", `Record ${index + 1} must be an object, got ${describe(record)}.`);
  }
  return records;
}

export function describe(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A string field; a problem and undefined when it is missing or something else. */
export function stringField(
  source: JsonSource,
  record: JsonRecord,
  key: string,
  problems: Problems,
): string | undefined {
  const value = record[key];
  if (typeof value === "string") return value;
  const at = value === undefined ? source.at(record) : source.at(record, key);
  const code = value === undefined ? "data/missing-field" : "data/wrong-type";
  problems.error(at, code, `"${key}" must be text, got ${describe(value)}.`);
  return undefined;
}

/** A path as written in a file, made absolute; null with a problem when no file can have this name. */
export function absolutePath(root: string, written: string, at: Position, problems: Problems): string | null {
  if (written.trim() === "" || written.includes("\0") || written.length > 4096) {
    problems.error(at, "data/bad-path", `${describe(written)} is not a path.`);
    return null;
  }
  return resolve(root, written);
}

/** The columns that a reader does not know itself, or undefined when there are none. */
export function extraColumns(record: JsonRecord, known: readonly string[]): Record<string, unknown> | undefined {
  const extra = Object.fromEntries(Object.entries(record).filter(([key]) => !known.includes(key)));
  return Object.keys(extra).length === 0 ? undefined : extra;
}

const LOOKED_AT_ONCE = 32;

/** Does a file exist? Answers should be remembered, as samples share references. */
export type FileExists = (path: string) => Promise<boolean>;

/** Looks for the files of all drafts, and for places in masks; samples without a required file are dropped with a problem at its line. */
export async function settleDrafts(
  drafts: readonly Draft[],
  problems: Problems,
  signal?: AbortSignal,
): Promise<Parsed<InspectionSample[]>> {
  const value: InspectionSample[] = [];
  for await (const { draft, found } of findFiles(drafts, rememberedFiles(), signal)) {
    if (reportMissing(draft, found, problems)) value.push(draft.sample);
    draft.files.forEach((file, k) => {
      if (found[k] !== null || !file.required) file.use(found[k]!);
    });
    await locateUnknown(draft, problems);
  }
  reportRepeatedIds(value, problems);
  return { value, problems: problems.list() };
}

/** A place that the file does not say is where the mask lies; without one it would be taught as unknown. */
async function locateUnknown({ sample, files }: Draft, problems: Problems): Promise<void> {
  if (sample.label === "normal" || sample.location !== null || sample.mask === null) return;
  try {
    await locateByMask(sample, sample.mask);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    sample.mask = null;
    problems.error(files.find(({ what }) => what === "mask")!.at, error.code, error.message, error.hint);
  }
}

/** The files of drafts in their order, null for those that are not there. Changes nothing. */
export async function* findFiles(
  drafts: readonly Draft[],
  exists: FileExists,
  signal?: AbortSignal,
): AsyncGenerator<{ draft: Draft; found: (string | null)[] }> {
  const first = async ({ candidates }: NeededFile) => {
    for (const candidate of candidates) if (await exists(candidate)) return candidate;
    return null;
  };
  for (let start = 0; start < drafts.length; start += LOOKED_AT_ONCE) {
    checkStopped(signal);
    const some = drafts.slice(start, start + LOOKED_AT_ONCE);
    const found = await Promise.all(some.map((draft) => Promise.all(draft.files.map(first))));
    for (const [k, draft] of some.entries()) yield { draft, found: found[k]! };
  }
}

/** @returns whether all files that the sample cannot do without are there */
export function reportMissing({ files }: Draft, found: readonly (string | null)[], problems: Problems): boolean {
  let complete = true;
  for (const [k, file] of files.entries()) {
    if (found[k] !== null) continue;
    const message = `The ${file.what} does not exist: ${file.candidates[0]}.`;
    if (file.required) {
      complete = false;
      problems.error(file.at, "data/missing-image", message, "Set the image folder or correct the path.");
    } else problems.warning(file.at, "data/missing-mask", message);
  }
  return complete;
}

function rememberedFiles(): FileExists {
  const known = new Map<string, Promise<boolean>>();
  return (path) => {
    let found = known.get(path);
    if (found === undefined) {
      found = stat(path).then(
        (info) => info.isFile(),
        () => false,
      );
      known.set(path, found);
    }
    return found;
  };
}

export function reportRepeatedIds(samples: readonly InspectionSample[], problems: Problems): void {
  const seen = new Set<string>();
  let repeated = 0;
  let first = "";
  for (const { id } of samples) {
    if (seen.has(id)) {
      if (repeated++ === 0) first = id;
    }
    seen.add(id);
  }
  if (repeated > 0) {
    problems.warning(
      WHOLE_FILE,
      "data/repeated-id",
      `${repeated === 1 ? "1 sample has an id" : `${repeated} samples have ids`} that another has too, such as "${first}".`,
    );
  }
}
