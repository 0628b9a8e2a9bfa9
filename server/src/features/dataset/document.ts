/** A snapshot of a data set file with its records and what the checks say. Every layout is read by its own reader in `server/src/data`. */
import { basename, dirname } from "node:path";
import { TextLines } from "@iad-r1/models/util/textLines";
import { formatOfJson } from "../../data/dataset";
import { ANNOTATIONS_FILE, parseAnnotations } from "../../data/formats/annotations";
import { metaDrafts } from "../../data/formats/metaJson";
import { paSftDrafts } from "../../data/formats/paSft";
import { type Draft, isRecord, reportRepeatedIds, reportSyntax } from "../../data/formats/records";
import { scGrpoDrafts } from "../../data/formats/scGrpo";
import { testFileDrafts } from "../../data/formats/testFile";
import { type JsonSource, type JsonValue, parseJsonSource } from "../../data/jsonSource";
import { type DataProblem, Problems } from "../../data/problems";
import { type DatasetFormat, type DatasetRecord, recordsOf } from "./records";

/** Larger files are checked by `iad-r1 data validate`, not while typing. */
export const maxDatasetLength = 64 * 1024 * 1024;

export class DatasetDocument {
  readonly kind = "dataset";
  readonly lines: TextLines;
  private checked: { drafts: Draft[]; problems: DataProblem[] } | null = null;
  private list: DatasetRecord[] | null = null;

  private constructor(
    readonly path: string,
    readonly text: string,
    readonly format: DatasetFormat,
    /** Folder that relative image paths start from. */
    readonly root: string,
    private readonly source: JsonSource | null,
  ) {
    this.lines = new TextLines(text);
  }

  /** @returns null for JSON that is no data set; a text that is broken at the moment stays what it was */
  static open(path: string, text: string, root = dirname(path), previous?: DatasetDocument): DatasetDocument | null {
    if (text.length > maxDatasetLength) return null;
    if (basename(path) === ANNOTATIONS_FILE) return new DatasetDocument(path, text, "folder", root, null);
    if (!path.toLowerCase().endsWith(".json")) return null;
    const source = parseJsonSource(text);
    const format = formatInEditor(source.partial) ?? (source.value === undefined ? (previous?.format ?? null) : null);
    return format === null ? null : new DatasetDocument(path, text, format, root, source);
  }

  get records(): DatasetRecord[] {
    this.list ??= recordsOf(this.format, this.text, this.source);
    return this.list;
  }

  get problems(): DataProblem[] {
    return this.check().problems;
  }

  /** Samples whose files are still to be looked for. */
  get drafts(): Draft[] {
    return this.check().drafts;
  }

  private check(): { drafts: Draft[]; problems: DataProblem[] } {
    this.checked ??= this.read();
    return this.checked;
  }

  private read(): { drafts: Draft[]; problems: DataProblem[] } {
    const problems = new Problems(this.path);
    const drafts = this.draftsInto(problems);
    reportRepeatedIds(
      drafts.map(({ sample }) => sample),
      problems,
    );
    return { drafts, problems: problems.list() };
  }

  private draftsInto(problems: Problems): Draft[] {
    if (this.source === null) return parseAnnotations(this.text, this.root, problems);
    reportSyntax(this.source, problems);
    const { partial } = this.source;
    if (partial === undefined) return [];
    const source = { ...this.source, value: partial };
    switch (this.format) {
      case "pa-sft":
        return paSftDrafts(source, this.root, problems);
      case "sc-grpo":
        return scGrpoDrafts(source, this.root, problems);
      case "test":
        return testFileDrafts(source, this.root, problems);
      default:
        return metaDrafts(source, this.root, problems);
    }
  }
}

/** Stricter than on the command line, where a person named the file: other JSON files of a workspace are none of our business. */
function formatInEditor(value: JsonValue | undefined): DatasetFormat | null {
  if (value === undefined) return null;
  const format = formatOfJson(value);
  if (typeof format !== "string") return null;
  if (format === "pa-sft") {
    const record = (value as JsonValue[]).find(isRecord);
    return record !== undefined && ("images" in record || JSON.stringify(record.messages).includes("<answer>"))
      ? format
      : null;
  }
  if (format === "sc-grpo") {
    const record = (value as JsonValue[]).find(isRecord);
    return record !== undefined && ("image" in record || "problem" in record) ? format : null;
  }
  if (format === "test") return format;
  const lists = Object.values(isRecord(value) && isRecord(value.test) ? value.test : (value as object)) as JsonValue[];
  const known = lists.some(
    (list) => Array.isArray(list) && list.some((record) => isRecord(record) && "img_path" in record),
  );
  return known ? format : null;
}
