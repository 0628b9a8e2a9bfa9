import { mergePackPlans, type PackGeometry, type PackPlan, packImages } from "@iad-r1/models/llavaOnevision/packing";
import { expect, test } from "vitest";
import { readJsonLines } from "../helpers/tokenizerFolders";

interface Call {
  geometry: number;
  images: [number, number][];
  cut: boolean[];
  views: number[];
  rows: number[];
  at: number[];
  values: [number, number][];
  sum: [number, number];
}

const [head, ...calls] = readJsonLines<{ geometries: PackGeometry[] } & Call>("vision/packing.jsonl.gz");
const { geometries } = head!;
const planOf = (call: Call) =>
  packImages(
    call.images.map(([height, width], i) => ({ size: { height, width }, cut: call.cut[i]! })),
    geometries[call.geometry]!,
  );

/** The plan applied as its documentation says. */
function apply(plan: PackPlan, patches: number): [number, number][] {
  const newline = plan.numViews * patches;
  const table = (row: number): [number, number] =>
    row === newline ? [-3, -5] : [((row * 7919) % 1009) / 1009, (row % 251) / 251];
  return Array.from({ length: plan.numRows }, (_, n) => {
    let first = 0;
    let second = 0;
    for (let tap = 0; tap < plan.taps; tap++) {
      const weight = plan.weights?.[tap * plan.numRows + n] ?? 1;
      const values = table(plan.index[tap * plan.numRows + n]!);
      first += weight * values[0];
      second += weight * values[1];
    }
    return [first, second];
  });
}

test.each(calls.map((call, i) => ({ call, name: `${i}: ${call.images.join(" and ")}, geometry ${call.geometry}` })))(
  "packing $name gives the rows of transformers",
  ({ call }) => {
    const plan = planOf(call);
    expect(plan.viewsPerImage).toEqual(call.views);
    expect(plan.rowsPerImage).toEqual(call.rows);
    const rows = apply(plan, geometries[call.geometry]!.patchesPerSide ** 2);
    call.at.forEach((n, i) => {
      expect(Math.abs(rows[n]![0] - call.values[i]![0]), `row ${n}`).toBeLessThan(1e-5);
      expect(Math.abs(rows[n]![1] - call.values[i]![1]), `row ${n}`).toBeLessThan(1e-5);
    });
    for (const part of [0, 1] as const) {
      const sum = rows.reduce((total, row) => total + row[part], 0);
      expect(Math.abs(sum - call.sum[part])).toBeLessThan(0.02);
    }
  },
);

test("the calls cover plain gathering and shrinking", () => {
  expect(new Set(calls.map((call) => planOf(call).taps))).toEqual(new Set([1, 4]));
});

test("plans of several prompts merge into one over the joined views", () => {
  const patches = geometries[1]!.patchesPerSide ** 2;
  const own = calls.filter((call) => call.geometry === 1).slice(0, 8);
  const plans = own.map(planOf);
  const merged = mergePackPlans(plans, patches);
  expect(merged.numViews).toBe(plans.reduce((sum, plan) => sum + plan.numViews, 0));
  expect(merged.rowsPerImage).toEqual(own.flatMap((call) => call.rows));
  let firstView = 0;
  let at = 0;
  for (const plan of plans) {
    for (let n = 0; n < plan.numRows; n++, at++) {
      for (let tap = 0; tap < plan.taps; tap++) {
        const row = plan.index[tap * plan.numRows + n]!;
        const expected = row === plan.numViews * patches ? merged.numViews * patches : row + firstView * patches;
        expect(merged.index[tap * merged.numRows + at]).toBe(expected);
        expect(merged.weights![tap * merged.numRows + at]).toBe(plan.weights?.[tap * plan.numRows + n] ?? 1);
      }
    }
    firstView += plan.numViews;
  }
});
