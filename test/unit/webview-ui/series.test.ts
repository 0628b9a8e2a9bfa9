import { lowerBound, nearestIndex, Series } from "@iad-r1/webview-ui/state/series";
import fc from "fast-check";
import { expect, it } from "vitest";

function seriesOf(values: readonly number[], piece = values.length): Series {
  const series = new Series();
  for (let from = 0; from < values.length; from += piece) {
    const part = Float64Array.from(values.slice(from, from + piece));
    expect(
      series.append(
        from,
        part.map((_, i) => from + i),
        part,
        part,
      ),
    ).toBe(true);
  }
  return series;
}

function slowExtremes(values: readonly number[], from: number, to: number) {
  const part = values.slice(from, to).filter((value) => !Number.isNaN(value));
  return part.length === 0 ? null : { min: Math.min(...part), max: Math.max(...part) };
}

it("finds the extremes of every stretch, however the points came", () => {
  const value = fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constant(Number.NaN));
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 1200 }),
      fc.integer({ min: 1, max: 400 }),
      fc.nat(),
      fc.nat(),
      (values, piece, a, b) => {
        const series = seriesOf(values, piece);
        const [from, to] = [a % values.length, (b % values.length) + 1].sort((x, y) => x - y) as [number, number];
        expect(series.extremes(from, to)).toEqual(slowExtremes(values, from, to));
      },
    ),
    { numRuns: 200 },
  );
});

it("knows the extremes of points that came one by one, as those of a live run do", () => {
  const falling = Array.from({ length: 300 }, (_, i) => 700 - i);
  expect(seriesOf(falling, 1).extremes(0, 300)).toEqual({ min: 401, max: 700 });
});

it("knows the extremes after a resume went back to its beginning and went on one by one", () => {
  const series = seriesOf(Array.from({ length: 40 }, () => 1000));
  for (let i = 0; i < 60; i++) {
    const part = Float64Array.of(i);
    expect(series.append(i, part, part, part)).toBe(true);
  }
  expect(series.extremes(0, 60)).toEqual({ min: 0, max: 59 });
});

it("replaces points when a resume goes back to its checkpoint", () => {
  const series = seriesOf(Array.from({ length: 500 }, (_, i) => i));
  const part = Float64Array.of(-5, -6);
  expect(series.append(100, part, part, part)).toBe(true);
  expect(series.numPoints).toBe(102);
  expect(series.last()).toBe(-6);
  expect(series.extremes(0, 102)).toEqual({ min: -6, max: 99 });
});

it("refuses points behind a hole", () => {
  const series = seriesOf([1, 2]);
  const part = Float64Array.of(9);
  expect(series.append(3, part, part, part)).toBe(false);
  expect(series.numPoints).toBe(2);
});

it("finds places on an axis", () => {
  const xs = [1, 3, 3, 8];
  expect([0, 1, 2, 3, 4, 9].map((x) => lowerBound(xs, 4, x))).toEqual([0, 0, 1, 1, 3, 4]);
  expect([0, 2.1, 5, 6, 99].map((x) => nearestIndex(xs, 4, x))).toEqual([0, 1, 2, 3, 3]);
  expect(nearestIndex(xs, 0, 1)).toBe(-1);
});
