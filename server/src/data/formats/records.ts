/**
 * What the readers of all formats share: typed fields of a JSON record with a problem at their line, and drafts of samples
 * whose files are looked for at the end, all at once.
 */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type JsonSource, type JsonValue, parseJsonSource } from "../jsonSource";
import { type Parsed, type Position, type Problems, WHOLE_FILE } from "../problems";
import type { InspectionSample } from "../samples";
import { checkStopped } from "../stop";

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
  for (const error of source.errors) {
    const report = error.code === "data/repeated-key" ? problems.warning : problems.error;
    report.call(problems, error, error.code, error.message);
  }
  return source.value === undefined ? undefined : source;
}

export function isRecord(value: JsonValue | undefined): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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

/** Looks for the files of all drafts; samples without a required file are dropped with a problem at its line. */
export async function settleDrafts(
  drafts: readonly Draft[],
  problems: Problems,
  signal?: AbortSignal,
): Promise<Parsed<InspectionSample[]>> {
  const known = new Map<string, Promise<boolean>>();
  const exists = (path: string) => {
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
  const value: InspectionSample[] = [];
  for (let start = 0; start < drafts.length; start += LOOKED_AT_ONCE) {
    checkStopped(signal);
    const some = drafts.slice(start, start + LOOKED_AT_ONCE);
    const kept = await Promise.all(some.map((draft) => settle(draft, exists, problems)));
    some.forEach((draft, k) => {
      if (kept[k]) value.push(draft.sample);
    });
  }
  reportRepeatedIds(value, problems);
  return { value, problems: problems.list() };
}

async function settle(draft: Draft, exists: (path: string) => Promise<boolean>, problems: Problems): Promise<boolean> {
  let complete = true;
  for (const file of draft.files) {
    let found: string | null = null;
    for (const candidate of file.candidates) {
      if (await exists(candidate)) {
        found = candidate;
        break;
      }
    }
    if (found !== null || !file.required) file.use(found);
    if (found !== null) continue;
    const message = `The ${file.what} does not exist: ${file.candidates[0]}.`;
    if (file.required) {
      complete = false;
      problems.error(file.at, "data/missing-image", message, "Set the image folder or correct the path.");
    } else problems.warning(file.at, "data/missing-mask", message);
  }
  return complete;
}

function reportRepeatedIds(samples: readonly InspectionSample[], problems: Problems): void {
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
      `${repeated} samples have an id that another has too, such as "${first}".`,
    );
  }
}
