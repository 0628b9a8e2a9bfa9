/** Reads the recorded outputs of the published system: one JSON object a line, gzipped. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

export interface Golden {
  id: string;
  stratum: string;
}

/** All records of `test/fixtures/goldens/<name>.jsonl.gz`, in order. */
export function readGoldens<T extends Golden>(name: string): T[] {
  const file = new URL(`../fixtures/goldens/${name}.jsonl.gz`, import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}

/** A difference between a record and what the code made of it. */
export interface Mismatch {
  id: string;
  expected: unknown;
  received: unknown;
}

/** Runs a check over all records and returns those that differ, so that one failure shows which and how. */
export function mismatches<T extends Golden>(
  records: readonly T[],
  check: (record: T) => { expected: unknown; received: unknown },
  tolerance = 0,
): Mismatch[] {
  return records.flatMap((record) => {
    const { expected, received } = check(record);
    return isClose(expected, received, tolerance) ? [] : [{ id: record.id, expected, received }];
  });
}

/** Deep equality; numbers may differ by `tolerance`, NaN and the recorded string "NaN" are the same. */
export function isClose(expected: unknown, received: unknown, tolerance: number): boolean {
  if (expected === "NaN") return typeof received === "number" && Number.isNaN(received);
  if (typeof expected === "number" && typeof received === "number") {
    return expected === received || Math.abs(expected - received) <= tolerance;
  }
  if (typeof expected !== "object" || expected === null || typeof received !== "object" || received === null) {
    return expected === received;
  }
  const [left, right] = [expected as Record<string, unknown>, received as Record<string, unknown>];
  const keys = Object.keys(left);
  return (
    Array.isArray(expected) === Array.isArray(received) &&
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isClose(left[key], right[key], tolerance))
  );
}
