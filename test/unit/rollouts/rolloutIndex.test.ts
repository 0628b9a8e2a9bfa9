/** The index against what a plain look through all rows gives, and how it keeps up with a run that goes on. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ExploreFilter, type ExploreQuery, noFilter } from "@iad-r1/protocol/rollouts";
import { parseTags } from "@iad-r1/server/rewards/tags";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { RolloutIndex } from "@iad-r1/server/rollouts/rolloutIndex";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { answerOf } from "@iad-r1/server/rollouts/verdict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const completions = [
  "<think>even</think><answer>No</answer>",
  "<think>A Scratch</think><location>top left</location><type>scratch</type><answer>Yes</answer>",
  "<think>not sure",
  "<answer>YES</answer>.",
];

function writeStep(folder: string, step: number, groups = 3): void {
  const lines = Array.from({ length: groups * 4 }, (_, i) => {
    const group = Math.floor(i / 4);
    const total = group === 0 ? 1 : (i % 4) / 2;
    return {
      ...{
        run: "r",
        step,
        mode: "train",
        group,
        index: i % 4,
        sampleId: `sample ${group}`,
        promptHash: "h",
        imageRefs: [],
      },
      solution: group === 1 ? "<answer>Yes</answer>" : "<answer>No</answer>",
      completion: `${completions[(i + step) % 4]!} ${step}`,
      ...{ finish: i % 4 === 2 ? "length" : "eos", length: 10 + i },
      ...{ rewards: { a: total, b: i === 5 ? null : 0 }, status: { a: "ok", b: i === 5 ? "error" : "ok" } },
      ...{ notes: {}, total: i === 5 ? null : total, advantage: total - 0.5, refKl: null, entropy: 1, meanLogProb: -1 },
      timings: { generateMs: 1, rewardMs: 1 },
    };
  });
  const path = join(folder, `rollouts/step-${String(step).padStart(6, "0")}.jsonl`);
  writeFileSync(`${path}.tmp`, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  renameSync(`${path}.tmp`, path);
}

function runFolder(steps: number): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "rollouts"));
  for (let step = 1; step <= steps; step++) writeStep(folder, step);
  return folder;
}

const query = (
  filter: Partial<ExploreFilter>,
  order: ExploreQuery["order"] = "order",
  descending = false,
): ExploreQuery => ({
  filter: { ...noFilter, ...filter },
  ...{ order, descending },
});

/** What the filter means, word for word. */
function passes(row: RolloutRow, filter: ExploreFilter, groups: Map<string, RolloutRow[]>): boolean {
  const totals = groups.get(row.group)!.flatMap(({ total }) => total ?? []);
  const facts: Record<string, string> = {
    finish: row.finish!,
    status: Object.values(row.status!).includes("error") ? "error" : "ok",
    label: row.solution === "<answer>Yes</answer>" ? "anomalous" : "normal",
    spread: totals.length < 2 ? "single" : totals.every((each) => each === totals[0]) ? "flat" : "varied",
  };
  const numbers: Record<string, number | null | undefined> = {
    ...{ step: row.step, total: row.total, advantage: row.advantage, length: row.length },
    ...{ "reward:a": row.rewards!.a, "reward:b": row.rewards!.b },
  };
  return (
    Object.entries(filter.facets).every(([name, wanted]) => wanted.length === 0 || wanted.includes(facts[name]!)) &&
    filter.ranges.every(({ column, min, max }) => {
      const value = numbers[column];
      return value !== null && value !== undefined && value >= min && value <= max;
    }) &&
    `${row.sampleId}\n${row.completion}`.toLowerCase().includes(filter.text.toLowerCase())
  );
}

const filters: fc.Arbitrary<ExploreFilter> = fc.record({
  facets: fc.record(
    {
      finish: fc.subarray(["eos", "length"]),
      status: fc.subarray(["ok", "error"]),
      label: fc.subarray(["normal", "anomalous"]),
      spread: fc.subarray(["flat", "varied"]),
    },
    { requiredKeys: [] },
  ),
  ranges: fc.uniqueArray(
    fc.record({
      column: fc.constantFrom("step", "total", "advantage", "length", "reward:a", "reward:b"),
      min: fc.integer({ min: -1, max: 5 }),
      max: fc.integer({ min: 0, max: 20 }),
    }),
    { maxLength: 3, selector: ({ column }) => column },
  ),
  text: fc.constantFrom("", "SCRATCH", "sample 2", "</answer> 3", "zzz"),
  only: fc.constant(null),
});

it("lets through what the filter says, in whatever combination, and counts what each other choice would give", async () => {
  const folder = runFolder(4);
  const index = await RolloutIndex.open(folder);
  const { rows } = await readRollouts(folder);
  const groups = new Map<string, RolloutRow[]>();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  fc.assert(
    fc.property(filters, (filter) => {
      const expected = rows.filter((row) => passes(row, filter, groups));
      const asked = query(filter);
      const answer = index.query(asked);
      expect(answer.numRollouts).toBe(expected.length);
      expect(answer.numGroups).toBe(new Set(expected.map(({ group }) => group)).size);
      expect(index.page(asked, 0, 100).map(({ group }) => group.name)).toEqual([
        ...new Set(expected.map(({ group }) => group)),
      ]);
      for (const facet of answer.facets.filter(({ name }) => name === "finish" || name === "spread")) {
        for (const { value, count } of facet.values) {
          const other = { ...filter, facets: { ...filter.facets, [facet.name]: [value] } };
          expect(count).toBe(rows.filter((row) => passes(row, other, groups)).length);
        }
      }
      for (const range of answer.ranges.filter(({ column }) => column === "length")) {
        const other = { ...filter, ranges: filter.ranges.filter(({ column }) => column !== "length") };
        const total = range.bins.reduce((sum, count) => sum + count, 0);
        expect(total).toBe(rows.filter((row) => passes(row, other, groups)).length);
      }
    }),
    { numRuns: 300 },
  );
});

it("reads a row again as it was read first", async () => {
  const folder = runFolder(2);
  const index = await RolloutIndex.open(folder);
  const { rows } = await readRollouts(folder);
  expect(await index.rows(rows.map((_, i) => i))).toEqual(rows);
});

it("reads rows of a file again too, without steps, groups or order among the lines", async () => {
  const path = join(temporaryFolder(), "lines.jsonl");
  const lines = [
    { group: "b", completion: "é\n1", solution: "s" },
    { prompt: "p", completion: "2", note: { a: 1 } },
    { group: "b", completion: "3", step: 4 },
    { prompt: "p", completion: "4", sampleId: "x" },
  ];
  writeFileSync(path, `\uFEFF${lines.map((line) => JSON.stringify(line)).join("\n\n")}\n`);
  const index = await RolloutIndex.open(path);
  const { rows } = await readRollouts(path);
  expect(rows).toHaveLength(4);
  expect(await index.rows([3, 1, 0, 2])).toEqual([rows[3], rows[1], rows[0], rows[2]]);
});

it("orders groups by spread, mean, length; those without the number come last", async () => {
  const index = await RolloutIndex.open(runFolder(1));
  const order = (by: ExploreQuery["order"], descending: boolean) =>
    index.page(query({}, by, descending), 0, 10).map(({ group }) => group.name);
  // Totals: all 1 · [0, none, 1, 1.5] · [0, .5, 1, 1.5].
  expect(order("std", true)).toEqual(["1/1", "1/2", "1/0"]);
  expect(order("std", false)).toEqual(["1/0", "1/2", "1/1"]);
  expect(order("length", true)).toEqual(["1/2", "1/1", "1/0"]);
  expect(index.placeOf(query({}, "std", true), { step: 1, group: "1/2" })).toBe(1);
  expect(index.placeOf(query({ text: "zzz" }), { step: 1, group: "1/2" })).toBe(-1);
});

it("marks rows that others name: those behind a number, and those that an edit flips", async () => {
  const index = await RolloutIndex.open(runFolder(2));
  const rollouts = [
    { step: 2, group: "2/1", index: 3 },
    { step: 2, group: "2/9", index: 0 },
    { step: 7, group: "7/1", index: 3 },
  ];
  const only = { label: "three", rollouts };
  expect(index.query(query({ only })).numRollouts).toBe(1);
  expect(index.query(query({})).facets.some(({ name }) => name === "flips")).toBe(false);
  index.setFlips(rollouts);
  const flips = index.query(query({})).facets.find(({ name }) => name === "flips")!;
  expect(flips.values).toEqual([
    { value: "same", count: 23 },
    { value: "flipped", count: 1 },
  ]);
  expect(index.query(query({ facets: { flips: ["flipped"] } })).numRollouts).toBe(1);
});

it("finds the same sample at other steps", async () => {
  const index = await RolloutIndex.open(runFolder(3));
  expect(index.occurrences("sample 1").map(({ step, name }) => [step, name])).toEqual([
    [1, "1/1"],
    [2, "2/1"],
    [3, "3/1"],
  ]);
});

describe("a run that goes on", () => {
  it("is seen with its new steps", async () => {
    const folder = runFolder(1);
    const index = await RolloutIndex.open(folder);
    expect(await index.refresh()).toBe(false);
    writeStep(folder, 2);
    expect(await index.refresh()).toBe(true);
    expect(index.recordedSteps).toEqual([1, 2]);
    expect(index.query(query({})).numRollouts).toBe(24);
  });

  it("that was resumed is read anew where it wrote again", async () => {
    const folder = runFolder(3);
    const index = await RolloutIndex.open(folder);
    rmSync(join(folder, "rollouts/step-000003.jsonl"));
    writeStep(folder, 2, 1);
    expect(await index.refresh()).toBe(true);
    expect(index.query(query({})).numRollouts).toBe(16);
    expect(index.recordedSteps).toEqual([1, 2]);
  });
});

it("keeps rows of tables, which cannot be read again one by one", async () => {
  const path = join(import.meta.dirname, "../../fixtures/rollouts/trl-snappy.parquet");
  const index = await RolloutIndex.open(path);
  const { rows } = await readRollouts(path);
  expect(await index.rows(rows.map((_, i) => i))).toEqual(rows);
  // TRL keeps no total: it is the sum of what applied, so that groups can be told apart.
  expect(index.sumsTotals).toBe(true);
  expect(index.page(query({}), 0, 1)[0]!.group).toMatchObject({ mean: 0.75, std: expect.closeTo(0.6455, 4) });
});

it("reads answers as the one parser does", () => {
  const piece = fc.constantFrom(
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<ANSWER>",
    "</Answer>",
    "Yes",
    "no",
    ".",
    "\n",
    " x ",
    "<type>",
    "</type>",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const text = pieces.join("");
      expect(answerOf(text)).toBe(parseTags(text).answer);
    }),
    { numRuns: 3000 },
  );
});
