/**
 * `scalars.bin` + `scalars.json`: every point of every metric of a run. The binary file is a list of records of 24 bytes, little-endian:
 * column u32, step u32, time f64 (milliseconds since 1970), value f64. The JSON file names the columns; a column is there before
 * its first record. Nothing is thinned out.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "@iad-r1/models/errors";
import type { ScalarColumn, ScalarSeries } from "@iad-r1/protocol/runs";
import { diskError, writeAll, writeFileDurably } from "./durableFile";

/** Bytes of a record of `scalars.bin`. */
export const scalarRecordBytes = 24;
const recordBytes = scalarRecordBytes;

interface ScalarIndex {
  format: "iad-r1/scalars";
  version: 1;
  recordBytes: number;
  /** Name, type and byte offset of each field of a record. */
  fields: { name: string; type: "uint32" | "float64"; offset: number }[];
  columns: ScalarColumn[];
}

const fields: ScalarIndex["fields"] = [
  { name: "column", type: "uint32", offset: 0 },
  { name: "step", type: "uint32", offset: 4 },
  { name: "timeMs", type: "float64", offset: 8 },
  { name: "value", type: "float64", offset: 16 },
];

/** Appends points. */
export interface ScalarWriter {
  /** Writes the finite values of one step; returns the names of those that were not finite. */
  append(stage: string, step: number, timeMs: number, values: Readonly<Record<string, number>>): string[];
  flush(): void;
  close(): void;
}

/**
 * Opens the store of a run folder; drops half a record left by a crash.
 *
 * @param keep when resuming: stages that stay as they are, and the stage and step after which everything goes
 */
export function openScalars(
  folder: string,
  keep?: { finishedStages: readonly string[]; stage: string | null; step: number },
): ScalarWriter {
  const binPath = join(folder, "scalars.bin");
  const index = readIndex(folder);
  const ids = new Map(index.columns.map((column, id) => [columnKey(column), id]));
  let fd: number;
  try {
    const bytes = existsSync(binPath) ? readFileSync(binPath) : new Uint8Array(0);
    let records = Math.floor(bytes.byteLength / recordBytes);
    if (keep !== undefined) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const stays = (record: number) => {
        const column = index.columns[view.getUint32(record * recordBytes, true)];
        if (column === undefined) return false;
        if (keep.finishedStages.includes(column.stage)) return true;
        // At step 0 a stage begins anew; an evaluation has its only points there, and writes them again.
        return (
          keep.step > 0 && column.stage === keep.stage && view.getUint32(record * recordBytes + 4, true) <= keep.step
        );
      };
      let kept = 0;
      while (kept < records && stays(kept)) kept++;
      records = kept;
    }
    if (records * recordBytes < bytes.byteLength) truncateSync(binPath, records * recordBytes);
    fd = openSync(binPath, "a");
  } catch (error) {
    throw diskError(error, binPath);
  }
  let open = true;
  return {
    append(stage, step, timeMs, values) {
      const names = Object.keys(values);
      const fresh = names.filter((name) => Number.isFinite(values[name]) && !ids.has(columnKey({ stage, name })));
      for (const name of fresh) {
        ids.set(columnKey({ stage, name }), index.columns.length);
        index.columns.push({ stage, name });
      }
      if (fresh.length > 0 || !existsSync(join(folder, "scalars.json"))) {
        writeFileDurably(join(folder, "scalars.json"), `${JSON.stringify(index)}\n`);
      }
      const finite = names.filter((name) => Number.isFinite(values[name]));
      const bytes = new Uint8Array(finite.length * recordBytes);
      const view = new DataView(bytes.buffer);
      finite.forEach((name, i) => {
        view.setUint32(i * recordBytes, ids.get(columnKey({ stage, name }))!, true);
        view.setUint32(i * recordBytes + 4, step, true);
        view.setFloat64(i * recordBytes + 8, timeMs, true);
        view.setFloat64(i * recordBytes + 16, values[name]!, true);
      });
      try {
        writeAll(fd, bytes);
      } catch (error) {
        throw diskError(error, binPath);
      }
      return names.filter((name) => !Number.isFinite(values[name]));
    },
    flush() {
      try {
        fsyncSync(fd);
      } catch (error) {
        throw diskError(error, binPath);
      }
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** All columns with all their points, in order of the columns; an empty list when there is no store. */
export function readScalars(folder: string): ScalarSeries[] {
  const binPath = join(folder, "scalars.bin");
  if (!existsSync(binPath)) return [];
  const { columns } = readIndex(folder);
  const bytes = readFileSync(binPath);
  const records = Math.floor(bytes.byteLength / recordBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const counts = new Uint32Array(columns.length);
  for (let r = 0; r < records; r++) {
    const column = view.getUint32(r * recordBytes, true);
    if (column < columns.length) counts[column]!++;
  }
  const series = columns.map(
    (column, id): ScalarSeries => ({
      ...column,
      steps: new Uint32Array(counts[id]!),
      timesMs: new Float64Array(counts[id]!),
      values: new Float64Array(counts[id]!),
    }),
  );
  counts.fill(0);
  for (let r = 0; r < records; r++) {
    const column = view.getUint32(r * recordBytes, true);
    const target = series[column];
    if (target === undefined) continue;
    const at = counts[column]!++;
    target.steps[at] = view.getUint32(r * recordBytes + 4, true);
    target.timesMs[at] = view.getFloat64(r * recordBytes + 8, true);
    target.values[at] = view.getFloat64(r * recordBytes + 16, true);
  }
  return series;
}

function columnKey(column: ScalarColumn): string {
  return `${column.stage}\n${column.name}`;
}

function readIndex(folder: string): ScalarIndex {
  const path = join(folder, "scalars.json");
  const fresh: ScalarIndex = { format: "iad-r1/scalars", version: 1, recordBytes, fields, columns: [] };
  if (!existsSync(path)) return fresh;
  return { ...fresh, columns: parseScalarIndex(readFileSync(path, "utf8"), path) };
}

/**
 * Columns of a `scalars.json`, by number.
 *
 * @throws CheckpointError `run/broken-scalars`
 */
export function parseScalarIndex(text: string, path: string): ScalarColumn[] {
  let index: Partial<ScalarIndex>;
  try {
    index = JSON.parse(text) as Partial<ScalarIndex>;
  } catch (error) {
    throw new CheckpointError("run/broken-scalars", `scalars.json is not JSON: ${(error as Error).message}.`, {
      where: path,
      hint: "The run folder is damaged; copy it again.",
      cause: error,
    });
  }
  const columns = index.columns;
  if (index.recordBytes !== recordBytes || !Array.isArray(columns) || !columns.every(isColumn)) {
    throw new CheckpointError(
      "run/broken-scalars",
      `scalars.json: expected records of ${recordBytes} bytes and a list of columns, got ${index.recordBytes} bytes.`,
      { where: path, hint: "The run was written by another version; export it with that version." },
    );
  }
  return columns;
}

function isColumn(value: unknown): value is ScalarColumn {
  const column = value as Partial<ScalarColumn> | null;
  return typeof column === "object" && typeof column?.stage === "string" && typeof column.name === "string";
}
