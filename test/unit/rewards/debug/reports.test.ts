/** From outcomes and recordings to reports: flips, groups, branches, reach and why a place was not reached. */
import { columnFor, functionReport } from "@iad-r1/server/rewards/debug/functionReport";
import { recordedTable, withColumn } from "@iad-r1/server/rewards/debug/scoreTables";
import { recordedName } from "@iad-r1/server/rewards/analysis/attribution";
import { isSameRollout, keyOf } from "@iad-r1/server/rewards/debug/scopedRollouts";
import { mergeRecordings, reachOf, siteReports } from "@iad-r1/server/rewards/debug/siteReports";
import { isMet } from "@iad-r1/server/rewards/debug/expectations";
import { firstStatementLine } from "@iad-r1/server/rewards/debug/firstLine";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import type { Recording, Site, SiteRecord } from "@iad-r1/server/rewards/user/recording";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { failed, scored } from "@iad-r1/server/rewards/contract";
import { expect, test } from "vitest";

function row(group: string, index: number, rewards: Record<string, number | null>, step = 1): RolloutRow {
  const total = Object.values(rewards).reduce<number>((sum, score) => sum + (score ?? 0), 0);
  return { group, index, step, prompt: null, completion: "", solution: null, columns: {}, rewards, total };
}

/** Two groups of two; the first has equal totals. */
const rows = [
  row("a", 0, { r: 1, s: 0 }),
  row("a", 1, { r: 1, s: 0 }),
  row("b", 0, { r: 0, s: 1 }, 2),
  row("b", 1, { r: 1, s: 2 }, 2),
];

function report(scores: number[] | null, first: number[] | null = null, name = "r") {
  const recorded = recordedTable(rows, {});
  const outcomes = scores?.map((score) => scored(score)) ?? null;
  const base = { name, weight: 1, rows, recorded };
  const current = outcomes === null ? recorded : withColumn(recorded, columnFor(base, outcomes));
  return functionReport({
    ...{
      ...base,
      current,
      outcomes,
      callMs: scores,
      first: first?.map((score) => scored(score)) ?? null,
      pinned: null,
    },
  });
}

test("an edit is compared with what was recorded, by totals and by groups", () => {
  expect(report([1, 0.5, 0, 1]).change).toEqual({
    ...{ against: "recorded", flips: 1, compared: 4, deltaMean: -0.125, regainedGroups: 1, lostGroups: 0 },
    rollouts: [{ step: 1, group: "a", index: 1 }],
  });
  // Group b: 1 + 1 and 0 + 2 are equal then.
  expect(report([1, 1, 1, 0]).change).toMatchObject({ flips: 2, regainedGroups: 0, lostGroups: 1 });
});

test("what an edit flips are this reward's own scores, whatever its weight and whatever failed beside it", () => {
  const failing = rows.map((one) => ({ ...one, status: { r: "ok", s: "error" } as const }));
  for (const [some, weights] of [
    [rows, { r: 0 }],
    [rows, { r: 0.5 }],
    [failing, {}],
  ] as const) {
    const recorded = recordedTable(some, weights);
    const outcomes = [1, 0.5, 0, 1].map((score) => scored(score));
    const base = { name: "r", weight: 1, rows: some, recorded, outcomes, callMs: null, first: null, pinned: null };
    const { change } = functionReport({ ...base, current: withColumn(recorded, columnFor(base, outcomes)) });
    expect(change).toMatchObject({ flips: 1, deltaMean: -0.125 });
  }
});

test("a score that was kept as float32, as TRL does, is the same score", () => {
  const kept = [0.1, 0.3, 0.7, 1].map((score, i) => row("a", i, { r: Math.fround(score) }));
  const recorded = recordedTable(kept, {});
  const outcomes = [0.1, 0.3, 0.7, 1].map((score) => scored(score));
  const base = { name: "r", weight: 1, rows: kept, recorded, outcomes, callMs: null, first: null, pinned: null };
  const { change } = functionReport({ ...base, current: withColumn(recorded, columnFor(base, outcomes)) });
  expect(change).toMatchObject({ flips: 0, deltaMean: 0 });
});

test("a reward that the run does not know is compared with its first run here", () => {
  expect(report([1, 1, 1, 1], null, "new").change).toBeNull();
  expect(report([1, 1, 1, 0], [1, 1, 1, 1], "new").change).toMatchObject({ against: "first", flips: 1 });
});

test("recorded scores are enough for everything but times and changes", () => {
  expect(report(null)).toMatchObject({
    ...{ freshness: "recorded", change: null, timeMs: null, counts: { ok: 4, na: 0, error: 0 } },
    ...{ groups: { count: 2, zeroVariance: 1 }, worst: { group: "b", index: 0 } },
    trend: [
      { step: 1, mean: 1 },
      { step: 2, mean: 0.5 },
    ],
  });
  expect(report(null, null, "unknown")).toMatchObject({ freshness: "none", scores: null });
});

test("a recorded name may say the file before the function, unless two do", () => {
  const named = (...names: string[]) => [row("a", 0, Object.fromEntries(names.map((name) => [name, 1])))];
  expect(recordedName(named("rewards/x.reward.ts#r", "s"), "r")).toBe("rewards/x.reward.ts#r");
  expect(recordedName(named("x.ts#r", "y.ts#r"), "r")).toBeNull();
  expect(isSameRollout(keyOf(rows[0]!), { step: 1, group: "a", index: 0 })).toBe(true);
});

const source = "if (a) {\n  b;\n}\nreturn c;\n";
const siteAt = (id: number, kind: Site["kind"], word: string): Site => {
  const start = source.indexOf(word);
  return { id, kind, start, end: start + word.length, function: "f" };
};
const value = (at: number, truthy: boolean, text = String(truthy)) => ({
  row: at,
  preview: { type: "boolean", text, truthy },
});
const recording: Recording = {
  sites: [
    siteAt(0, "condition", "a"),
    { ...siteAt(1, "expression", "b"), guards: [[0, true]] },
    siteAt(2, "return", "c"),
  ],
  records: [
    { reached: 4, values: [value(0, true), value(1, false), value(2, false), value(3, false)], thrown: [] },
    { reached: 1, values: [value(0, true)], thrown: [] },
    {
      reached: 4,
      values: [0, 1, 2, 3].map((i) => value(i, true, `v${i % 2}`)),
      thrown: [{ row: 1, message: "E", line: 4 }],
    },
  ] satisfies SiteRecord[],
  ...{ lastSite: 2, trace: null },
};
const input = {
  ...{ source, recording, totals: [4, 1, 1, 1], only: null, numRows: 4, language: "typescript" as const },
  ...{ keyOf: (at: number) => keyOf(rows[at]!), ownerOf: () => "f" },
};

test("places know values, what branches pay, and what kept rows away", () => {
  const [condition, inside, returned] = siteReports(input);
  expect(condition!.branches).toEqual({ yes: 1, no: 3, meanYes: 4, meanNo: 1 });
  expect(inside).toMatchObject({
    rowsReached: 1,
    notReachedBecause: { line: 1, truth: false, count: 3 },
    meanReached: 4,
    meanOthers: 1,
  });
  expect(returned).toMatchObject({
    distinct: 2,
    notReachedBecause: null,
    thrown: [{ message: "E", count: 1, line: 4 }],
  });
  expect(reachOf(source, [condition!, inside!, returned!], 4)).toEqual([
    { line: 0, rows: 4, total: 4 },
    { line: 1, rows: 1, total: 4 },
    { line: 3, rows: 4, total: 4 },
  ]);
});

test("what rows came to a place is only said where it is known", () => {
  const places = (records: SiteRecord[], only: Set<number> | null = null) =>
    siteReports({ ...input, only, recording: { ...recording, records } });
  const unknown = { rowsReached: null, meanReached: null, meanOthers: null, notReachedBecause: null };
  const [condition, , returned] = recording.records;
  // Outside of the loop over rows; counted further than values are kept; without a value.
  for (const record of [
    { reached: 1, values: [{ ...value(0, true), row: -1 }], thrown: [] },
    { reached: 9, values: [value(0, true)], thrown: [] },
    { reached: 2, values: [], thrown: [] },
  ]) {
    const seen = places([condition!, record, returned!]);
    expect(seen[1]).toMatchObject({ ...unknown, reached: record.reached });
    expect(reachOf(source, seen, 4).map(({ line }) => line)).toEqual([0, 3]);
    // Nor is it said of one rollout that it never came there.
    expect(places([condition!, record, returned!], new Set([1]))[1]).toMatchObject({ ...unknown, kept: 0 });
  }
});

test("groups in which totals are unknown have no equal totals", () => {
  const recorded = recordedTable(rows, {});
  const broken = columnFor(
    { name: "t", weight: 1, rows, recorded },
    rows.map(() => failed("E")),
  );
  const both = { ...{ name: "r", weight: 1, rows, recorded }, current: withColumn(recorded, broken) };
  const { groups } = functionReport({ ...both, outcomes: null, callMs: null, first: null, pinned: null });
  expect(groups).toMatchObject({ count: 0, zeroVariance: 0 });
  expect(groups!.meanStd).toBeGreaterThan(0);
});

test("only what guards a place can have kept rows from it", () => {
  // Its condition fits every row, but the place stands beside it: another case of a `switch`, say.
  const [condition, , returned] = recording.records;
  const beside = { ...recording, sites: [recording.sites[0]!, siteAt(1, "expression", "b"), recording.sites[2]!] };
  expect(siteReports({ ...input, recording: beside })[1]!.notReachedBecause).toBeNull();
  // A loop that went round let its body be reached, though its condition was false in the end.
  const turns = { reached: 5, values: [0, 0, 1, 2, 3].map((at, i) => value(at, i === 1 || i === 2)), thrown: [] };
  const never = { reached: 0, values: [], thrown: [] };
  const [, inside] = siteReports({ ...input, recording: { ...recording, records: [turns, never, returned!] } });
  expect(inside).toMatchObject({ reached: 0, notReachedBecause: { line: 1, truth: false, count: 2 } });
  const atLoad = { ...never, atLoad: { ...never, reached: 1, values: [{ ...value(0, true, "made"), row: -1 }] } };
  const [, made] = siteReports({ ...input, recording: { ...recording, records: [condition!, atLoad, returned!] } });
  expect(made).toMatchObject({ reached: 1, rowsReached: null, top: [{ text: "made" }], notReachedBecause: null });
});

test("what was caught is told apart by text and line", () => {
  const thrown = [3, 3, 9].map((line, at) => ({ row: at, message: "E", line }));
  const records = [recording.records[0]!, { reached: 3, values: [], thrown }, recording.records[2]!];
  expect(siteReports({ ...input, recording: { ...recording, records } })[1]!.thrown).toMatchObject([
    { message: "E", line: 3, count: 2 },
    { message: "E", line: 9, count: 1 },
  ]);
});

test("a pinned rollout leaves only its own values", () => {
  const [condition, inside] = siteReports({ ...input, only: new Set([1]) });
  expect(condition).toMatchObject({ reached: 1, top: [{ text: "false", count: 1 }] });
  expect(inside).toMatchObject({ reached: 0, notReachedBecause: { line: 1, truth: false, count: 1 } });
});

test("recordings of several functions are one", () => {
  expect(mergeRecordings([])).toBeNull();
  expect(mergeRecordings([recording, recording])!.records[1]).toMatchObject({
    reached: 2,
    values: [{ row: 0 }, { row: 0 }],
  });
});

test("a pattern says how many texts it misses, why, and what would help", () => {
  const text = "f(/<a>(.*?)<\\/a>/.exec(t))";
  const start = text.indexOf("/<a>");
  const end = text.indexOf(".exec");
  const pattern = { pattern: "<a>(.*?)<\\/a>", flags: "", start, end, anchor: "search" as const };
  const sites: Site[] = [{ id: 0, kind: "regex", start, end: text.length - 1, function: "f", regex: pattern }];
  const records: SiteRecord[] = [
    {
      reached: 4,
      values: [],
      thrown: [],
      regex: {
        matched: 1,
        missed: [
          { row: 1, text: "<a>x\ny</a>" },
          { row: 2, text: "nothing" },
        ],
      },
    },
  ];
  const reports = siteReports({ ...input, source: text, recording: { sites, records, lastSite: 0, trace: null } });
  // Once at the call, once at the pattern itself.
  expect(reports.map((one) => [one.start, one.end])).toEqual([
    [start, text.length - 1],
    [start, end],
  ]);
  expect(reports[0]!.regex).toMatchObject({ tested: 4, matched: 1, failure: { rollout: { group: "a", index: 1 } } });
  // Of the pinned rollout: one match and one miss, of a pattern that gives places.
  const place = (at: number, number: number) => ({
    row: at,
    preview: { type: "number", text: `${number}`, truthy: number !== 0, number },
  });
  const seen = [{ ...records[0]!, values: [place(0, 0), place(1, -1), place(1, 0)] }];
  const recorded = { sites, records: seen, lastSite: 0, trace: null };
  const [pinned] = siteReports({ ...input, source: text, recording: recorded, only: new Set([1]) });
  expect(pinned!.regex).toMatchObject({ tested: 2, matched: 1, failure: { rollout: { group: "a", index: 1 } } });
  const [other] = siteReports({ ...input, source: text, recording: recorded, only: new Set([3]) });
  expect(other!.regex).toMatchObject({ tested: 0, failure: null });
  // One of the two kept texts would match: one and a half of three, rounded.
  expect(reports[0]!.regex!.trials.find(({ title }) => title.includes("flag s"))).toMatchObject({ matched: 3 });
});

test("expectations compare as they are written", () => {
  const ok = (score: number) => ({ status: "ok" as const, score, reason: null });
  expect([isMet(">= 1", ok(1)), isMet("< 1", ok(1)), isMet("0.5", ok(0.5)), isMet("!= 0", ok(0))]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([
    isMet("na", { status: "na", score: null, reason: "" }),
    isMet(">=0", { status: "error", score: null, reason: "" }),
  ]).toEqual([true, false]);
});

test("a debugger stops at the first statement, behind heads, docstrings and one-line bodies", () => {
  const line = (file: string, text: string) => firstStatementLine(text, discoverRewards(file, text).functions[0]!);
  const descriptor =
    'import { defineReward } from "iad-r1/reward";\nexport const f = defineReward({\n  score(\n    { completion }: any,\n  ) {\n    // why\n    return completion.length;\n  },\n});\n';
  expect(line("/p/f.reward.ts", descriptor)).toBe(6);
  expect(
    line("/p/f.reward.ts", "/** @reward */\nexport const f = ({ completion }: any) =>\n  completion.length;\n"),
  ).toBe(2);
  expect(
    line(
      "/p/f.py",
      'def f(\n    completions, **kwargs\n):\n    """What it\n    does."""\n    return [0.0 for _ in completions]\n',
    ),
  ).toBe(5);
});
