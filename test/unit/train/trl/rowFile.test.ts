/** Rows for a TRL process: a file that is there whole or not at all, and failures of the disk as what they are. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CancelledError, CheckpointError } from "@iad-r1/models/errors";
import { writeRowFile } from "@iad-r1/server/train/trl/rowFile";
import { afterEach, beforeEach, expect, it } from "vitest";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rows-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const image = { width: 1, height: 1, data: new Uint8Array(3) };
const row = (i: number) => ({
  source: { messages: [], pictures: [{ id: `picture ${i % 2}`, load: () => Promise.resolve(image) }] },
  answer: String(i),
});
const signal = new AbortController().signal;
const options = () => ({ folder, count: 3, firstUsed: 1, signal, onProgress: () => undefined });

it("has one line for each row, and equal pictures once", async () => {
  const lines = readFileSync(await writeRowFile(row, options()), "utf8")
    .trimEnd()
    .split("\n");
  const rows = lines.map((line) => JSON.parse(line) as { pictures: string[]; answer: string });
  expect(rows.map(({ answer }) => answer)).toEqual(["0", "1", "2"]);
  expect(rows.map(({ pictures }) => pictures.length)).toEqual([0, 1, 1]);
  expect(readdirSync(join(folder, "pictures"))).toHaveLength(2);
});

it("is not there when the run is stopped meanwhile", async () => {
  const controller = new AbortController();
  const written = writeRowFile(row, { ...options(), signal: controller.signal, onProgress: () => controller.abort() });
  await expect(written).rejects.toThrow(CancelledError);
  expect(readdirSync(folder)).toEqual(["pictures"]);
});

it("tells which file cannot be written", async () => {
  mkdirSync(join(folder, "rows.jsonl"));
  await expect(writeRowFile(row, options())).rejects.toThrow(CheckpointError);
});
