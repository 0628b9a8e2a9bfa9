/**
 * A table of pictures as spreadsheets write it: comma, semicolon or tab between the fields, quotes as in RFC 4180, names of columns in the
 * first line. Only `image` is required; an anomalous sample is known by its label or by a defect type. Columns that it does not know reach
 * the rewards.
 */
import { basename, dirname, extname } from "node:path";
import { type Parsed, type Position, Problems } from "../problems";
import { categoryOfPath, type InspectionSample } from "../samples";
import { readDataFile } from "../textFile";
import { absolutePath, type Draft, describe, settleDrafts } from "./records";

/** Column by what it means, with the names that people give it. */
const columnNames = {
  image: ["image", "path", "file", "filename", "image_path", "img_path"],
  label: ["label", "anomalous", "is_anomaly", "anomaly", "target"],
  category: ["category", "class", "object", "product", "cls_name"],
  type: ["defect_type", "type", "defect", "specie_name"],
  location: ["location", "place"],
  mask: ["mask", "mask_path"],
  reference: ["reference", "template", "similar_template"],
} as const;
type Column = keyof typeof columnNames;

const normalWords = new Set(["normal", "good", "ok", "0", "no", "none", "false", "negative", "正常", "良品", "无"]);
const anomalousWords = new Set([
  "anomalous",
  "anomaly",
  "abnormal",
  "defect",
  "bad",
  "ng",
  "1",
  "yes",
  "true",
  "positive",
  "异常",
  "缺陷",
]);

/** @throws DataError when the file cannot be read */
export async function readCsvTable(path: string, signal?: AbortSignal): Promise<Parsed<InspectionSample[]>> {
  const problems = new Problems(path);
  const drafts = csvDrafts(await readDataFile(path), dirname(path), problems);
  return settleDrafts(drafts, problems, signal);
}

/** The text half of the reader, without looking at files. A broken row costs that row alone. */
export function csvDrafts(text: string, root: string, problems: Problems): Draft[] {
  const rows = csvRows(text.replace(/^\uFEFF/, ""));
  const [head, ...body] = rows;
  if (head === undefined) {
    problems.error(
      { line: 1, column: 1 },
      "data/empty-file",
      "Expected a first line with the names of the columns, got nothing.",
    );
    return [];
  }
  const places = columnsOf(head.fields);
  if (places.image === undefined) {
    const hint = `Call the column with the pictures image; known are also ${columnNames.image.slice(1).join(", ")}.`;
    const names = head.fields.map((name) => JSON.stringify(name)).join(", ");
    problems.error({ line: 1, column: 1 }, "data/missing-field", `Expected a column image, got ${names}.`, hint);
    return [];
  }
  return body.flatMap((row) => draftOf(row, head.fields, places, root, problems) ?? []);
}

type Places = Partial<Record<Column, number>>;

function columnsOf(names: readonly string[]): Places {
  const found: Places = {};
  const known = names.map((name) =>
    name
      .trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, "_"),
  );
  for (const [column, words] of Object.entries(columnNames) as [Column, readonly string[]][]) {
    // The first of our names wins: a table may have both `image` and `path`.
    const place = words.map((word) => known.indexOf(word)).find((index) => index >= 0);
    if (place !== undefined) found[column] = place;
  }
  return found;
}

function draftOf(
  { fields, line }: Row,
  names: readonly string[],
  places: Places,
  root: string,
  problems: Problems,
): Draft | null {
  const at: Position = { line, column: 1 };
  const get = (column: Column): string | null => {
    const index = places[column];
    const value = index === undefined ? "" : (fields[index] ?? "").trim();
    return value === "" ? null : value;
  };
  if (fields.length !== names.length) {
    problems.error(
      at,
      "data/wrong-shape",
      `Expected ${names.length} fields as in the first line, got ${fields.length}.`,
    );
    return null;
  }
  const written = get("image");
  const image = written === null ? null : absolutePath(root, written, at, problems);
  if (image === null) {
    if (written === null) problems.error(at, "data/missing-field", "The row names no image.");
    return null;
  }
  const type = get("type");
  const isSound = type === null || normalWords.has(type.toLowerCase());
  const label = labelOf(get("label"), isSound ? null : type);
  if (label === null) {
    const got = describe(get("label") ?? "");
    problems.error(at, "data/bad-label", `Expected a label such as normal or anomalous, got ${got}.`);
    return null;
  }
  if (label === "normal" && !isSound) {
    // The label decides.
    const message = `The label is normal, but "${names[places.type!]}" is ${describe(type)}.`;
    problems.warning(at, "data/contradiction", message);
  }
  const location = label === "anomalous" ? get("location") : null;
  const sample: InspectionSample = {
    ...{ id: basename(image, extname(image)), image, references: [], label, location, mask: null },
    category: get("category") ?? categoryOfPath(image),
    defectType: label === "anomalous" && !isSound ? type : null,
    locations: location === null ? [] : [location],
  };
  const known = new Set(Object.values(places));
  const extra = names.flatMap((name, k) =>
    known.has(k) || fields[k]!.trim() === "" ? [] : [[name.trim(), fields[k]!.trim()]],
  );
  if (extra.length > 0) sample.extra = Object.fromEntries(extra) as Record<string, string>;
  const draft: Draft = {
    sample,
    files: [{ candidates: [image], at, what: "image", required: true, use: () => undefined }],
  };
  const optional = (column: "mask" | "reference", use: (path: string) => void) => {
    const name = get(column);
    const path = name === null ? null : absolutePath(root, name, at, problems);
    if (path === null) return;
    const what = column === "mask" ? "mask" : "reference image";
    draft.files.push({ candidates: [path], at, what, required: false, use: (found) => found !== null && use(found) });
  };
  optional("mask", (path) => (sample.mask = path));
  optional("reference", (path) => sample.references.push(path));
  return draft;
}

function labelOf(written: string | null, type: string | null): InspectionSample["label"] | null {
  if (written === null) return type === null ? "normal" : "anomalous";
  const word = written.toLowerCase();
  if (normalWords.has(word)) return "normal";
  return anomalousWords.has(word) ? "anomalous" : null;
}

interface Row {
  fields: string[];
  /** From 1; where the row begins. */
  line: number;
}

/** Rows that hold something. The separator is what the first line has most of. */
export function csvRows(text: string): Row[] {
  const firstLine = /^[^\r\n]*/.exec(text)![0];
  const count = (separator: string) => firstLine.split(separator).length;
  const separator = [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
  const rows: Row[] = [];
  let row: Row = { fields: [], line: 1 };
  let field = "";
  let line = 1;
  let quoted = false;
  const endField = () => {
    row.fields.push(field);
    field = "";
  };
  const endRow = () => {
    endField();
    if (row.fields.some((one) => one.trim() !== "")) rows.push(row);
    row = { fields: [], line };
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "\n") line++;
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[i + 1] === '"') {
        field += '"';
        i++;
      } else quoted = false;
    } else if (char === '"' && field === "") quoted = true;
    else if (char === separator) endField();
    else if (char === "\n") endRow();
    else if (char !== "\r") field += char;
  }
  endRow();
  return rows;
}
