import { type Curve, fullWindow, traceRaw, valueRange } from "@iad-r1/webview-ui/charts/curve";
import { Pyramid } from "@iad-r1/webview-ui/state/series";
import { groupCurve } from "@iad-r1/webview-ui/state/runCurves";
import { expect, it } from "vitest";

function curveOf(values: readonly number[], xs: readonly number[] = values.map((_, i) => i)): Curve {
  const raw = Float64Array.from(values);
  const pyramid = new Pyramid();
  pyramid.update(raw, 0, raw.length);
  return {
    ...{ id: "c", label: "c", slot: 0, numPoints: raw.length, xs: Float64Array.from(xs), steps: Float64Array.from(xs) },
    ...{ raw, smoothed: raw, band: null, source: null },
    extremes: (from, to) => pyramid.extremes(raw, from, to),
  };
}

const at = (width: number, max: number, logY = false) => ({
  ...{ x: (x: number) => (x / max) * width, y: (y: number) => y, xAt: (pixel: number) => (pixel / width) * max },
  ...{ left: 0, width, logY },
});

function trace(curve: Curve, width: number, max: number, logY = false): string[] {
  const out: string[] = [];
  const pen = {
    moveTo: (x: number, y: number) => void out.push(`M ${x.toFixed(1)} ${y}`),
    lineTo: (x: number, y: number) => void out.push(`L ${x.toFixed(1)} ${y}`),
  };
  traceRaw(curve, { min: 0, max }, at(width, max, logY), pen);
  return out;
}

it("draws every point while they fit, and breaks the line at what is no number", () => {
  expect(trace(curveOf([1, Number.NaN, 3, 4]), 30, 3)).toEqual(["M 0.0 1", "M 20.0 3", "L 30.0 4"]);
});

it("draws the extremes of each column when there are more points than pixels, and loses no peak", () => {
  const values = Array.from({ length: 10_000 }, () => 0);
  values[7_777] = 42;
  values[1_234] = -17;
  const ys = trace(curveOf(values), 50, 9_999).map((line) => Number(line.split(" ")[2]));
  expect(ys.length).toBeLessThan(2 * 53);
  expect(Math.max(...ys)).toBe(42);
  expect(Math.min(...ys)).toBe(-17);
});

it("leaves out what a logarithmic axis cannot show, and counts it", () => {
  const curve = curveOf([0.1, -1, 0, 10]);
  expect(trace(curve, 30, 3, true)).toEqual(["M 0.0 0.1", "M 30.0 10"]);
  const range = valueRange([curve], { min: 0, max: 3 }, { clip: false, log: true })!;
  expect(range.numNotPositive).toBe(2);
  expect(range.min).toBeGreaterThan(0.05);
  expect(range.max).toBeLessThan(20);
});

it("gives a curve that never changes room that its height asks for", () => {
  const rangeOf = (value: number) =>
    valueRange([curveOf([value, value])], { min: 0, max: 1 }, { clip: false, log: false })!;
  expect(rangeOf(0)).toMatchObject({ min: -1, max: 1 });
  expect(rangeOf(-0.5).min).toBeCloseTo(-0.525);
  expect(rangeOf(1e-9).max).toBeLessThan(2e-9);
});

it("scales to the middle 96 percent when outliers are clipped, and counts them", () => {
  const values = Array.from({ length: 200 }, (_, i) => i % 10);
  values[50] = 1e6;
  const range = valueRange([curveOf(values)], { min: 0, max: 199 }, { clip: true, log: false })!;
  expect(range.max).toBeLessThan(11);
  expect(range.numClipped).toBe(1);
  expect(valueRange([curveOf(values)], { min: 0, max: 199 }, { clip: false, log: false })!.max).toBeGreaterThan(1e6);
});

it("shows a single point in the middle, and begins a logarithmic x-axis above zero", () => {
  expect(fullWindow([curveOf([5], [3])], false)).toEqual({ min: 2.5, max: 3.5 });
  expect(fullWindow([curveOf([1, 2, 3], [0, 1, 10])], true)).toEqual({ min: 1, max: 10 });
  expect(fullWindow([], false)).toBeNull();
});

it("takes the mean of a group where its members have points, with the spread around it", () => {
  const group = groupCurve([curveOf([0, 10], [0, 10]), curveOf([4, 4, 4], [0, 5, 20])], {
    label: "g",
    slot: 0,
    band: "minmax",
  })!;
  expect([...group.xs]).toEqual([0, 5, 10, 20]);
  // At 5 the first curve is half way; behind 10 only the second one is left.
  expect([...group.raw]).toEqual([2, 4.5, 7, 4]);
  expect([...group.band!.low]).toEqual([0, 4, 4, 4]);
  expect([...group.band!.high]).toEqual([4, 5, 10, 4]);
});
