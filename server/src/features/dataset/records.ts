/**
 * The records of a data set file as a person sees them: which picture, what is said about it. Lenient, as it also serves records
 * that the checks refuse; the checks themselves are in `server/src/data`.
 */
import { resolve } from "node:path";
import { isRecord, type JsonRecord } from "../../data/formats/records";
import { checkAnswer } from "../../data/grammar";
import { endOfValue, type JsonSource, type JsonValue } from "../../data/jsonSource";
import { parseJsonSource } from "../../data/jsonSource";

/** Layouts that a text can have; those that are folders of pictures have no text. */
export type DatasetFormat = "folder" | "pa-sft" | "sc-grpo" | "test" | "meta";

export interface DatasetRecord {
  /** Offset of the record, or of its key where it has one. */
  start: number;
  /** Offset of the value. */
  valueStart: number;
  value: JsonRecord;
  /** Image path of a test file's entry, category of a `meta.json` record. */
  key: string | null;
}

/** What a record says, as far as it says it. */
export interface RecordView {
  id: string | null;
  mask: string | null;
  category: string | null;
  /** "Yes" or "No" or what stands there. */
  answer: string | null;
  location: string | null;
  type: string | null;
  think: string | null;
  question: string | null;
}

export function recordsOf(format: DatasetFormat, text: string, source: JsonSource | null): DatasetRecord[] {
  if (format === "folder") return lineRecords(text);
  const top = source?.partial;
  if (source === null || top === undefined || top === null) return [];
  const records: DatasetRecord[] = [];
  const add = (container: object, part: string | number, key: string | null) => {
    const value = (container as Record<string | number, JsonValue>)[part];
    if (!isRecord(value)) return;
    const valueStart = source.offset(container, part);
    const start = format === "test" ? text.lastIndexOf('"', text.lastIndexOf(":", valueStart)) : valueStart;
    records.push({ start: format === "test" ? openingQuote(text, start) : start, valueStart, value, key });
  };
  if (Array.isArray(top)) for (const index of top.keys()) add(top, index, null);
  else if (isRecord(top) && format === "test") for (const key of Object.keys(top)) add(top, key, key);
  else if (isRecord(top)) {
    const inner = isRecord(top.test) ? top.test : top;
    for (const [category, list] of Object.entries(inner)) {
      if (Array.isArray(list)) for (const index of list.keys()) add(list, index, category);
    }
  }
  return records.sort((a, b) => a.start - b.start);
}

/** The quote that opens the string which ends at `closing`. */
function openingQuote(text: string, closing: number): number {
  let at = closing - 1;
  while (at > 0 && !(text[at] === '"' && text[at - 1] !== "\\")) at--;
  return Math.max(0, at);
}

function lineRecords(text: string): DatasetRecord[] {
  const records: DatasetRecord[] = [];
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const line = text.slice(start, end);
    const at = start + line.search(/\S|$/);
    const { value } = line.trim() === "" ? { value: undefined } : parseJsonSource(line, { maxDepth: 16 });
    if (isRecord(value)) records.push({ start: at, valueStart: at, value, key: null });
    start = end + 1;
  }
  return records;
}

/** The record around an offset; null between records. */
export function recordAt(records: readonly DatasetRecord[], text: string, offset: number): DatasetRecord | null {
  let low = 0;
  let high = records.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (records[middle]!.start <= offset) low = middle;
    else high = middle - 1;
  }
  const record = records[low];
  if (record === undefined || offset < record.start) return null;
  return offset <= endOfValue(text, record.valueStart) ? record : null;
}

export function viewOf(format: DatasetFormat, { value, key }: DatasetRecord): RecordView {
  const text = (name: string) => textOf(value[name]);
  const view: RecordView = {
    ...{ id: text("id"), mask: null, category: null, answer: null },
    ...{ location: null, type: null, think: null, question: null },
  };
  switch (format) {
    case "folder":
      return {
        ...view,
        mask: text("mask"),
        category: text("category"),
        answer: value.label === "anomalous" ? "Yes" : value.label === "normal" ? "No" : text("label"),
        location: text("location"),
        type: text("defect_type"),
        think: text("think"),
      };
    case "pa-sft": {
      const messages = (Array.isArray(value.messages) ? value.messages : []).filter(isRecord);
      const answer = messages.findLast(({ role }) => role === "assistant");
      const question = messages.find(({ role }) => role === "user");
      return { ...view, ...tags(textOf(answer?.content), true), question: textOf(question?.content) };
    }
    case "sc-grpo":
      return { ...view, ...tags(text("solution"), false), question: text("problem") };
    case "test": {
      const question = Array.isArray(value.conversation) ? value.conversation.find(isRecord) : undefined;
      const letter = textOf(question?.Answer);
      return {
        ...view,
        answer: letter === "A" ? "Yes" : letter === "B" ? "No" : letter,
        question: textOf(question?.Question),
      };
    }
    case "meta":
      return {
        ...view,
        mask: text("mask_path"),
        category: text("cls_name") ?? key,
        answer: value.anomaly === 1 ? "Yes" : value.anomaly === 0 ? "No" : null,
        type: value.anomaly === 1 ? text("specie_name") : null,
      };
  }
}

/** Paths as written: references, and the picture to inspect as the last. */
export function imagesOf(format: DatasetFormat, { value, key }: DatasetRecord): string[] {
  switch (format) {
    case "folder":
      return [...pathsOf(value.reference), ...pathsOf(value.image)];
    case "pa-sft":
      return pathsOf(value.images);
    case "sc-grpo":
      return pathsOf(value.image);
    case "test":
      return [...pathsOf(value.similar_templates), textOf(value.image_path) ?? key ?? ""].filter((path) => path !== "");
    case "meta":
      return pathsOf(value.img_path);
  }
}

/** Absolute paths of the picture and of its references; null when the record names no picture. */
export function picturesOf(
  format: DatasetFormat,
  record: DatasetRecord,
  root: string,
): { image: string; references: string[] } | null {
  const paths = imagesOf(format, record)
    .filter((path) => !path.includes("\0"))
    .map((path) => resolve(root, path));
  const image = paths.at(-1);
  return image === undefined ? null : { image, references: paths.slice(0, -1) };
}

function tags(text: string | null, needThink: boolean): Pick<RecordView, "answer" | "location" | "type" | "think"> {
  const { answer, location, type, think } = checkAnswer(text ?? "", needThink);
  return { answer, location, type, think };
}

function pathsOf(value: JsonValue | undefined): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((item) => (isRecord(item) ? textOf(item.path) : textOf(item))).filter((path) => path !== null);
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
