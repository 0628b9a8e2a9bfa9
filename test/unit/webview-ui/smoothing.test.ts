import { exponentialMean, gaussianMean, runningMean, smooth, windowOf } from "@iad-r1/webview-ui/charts/smoothing";
import { describe, expect, it } from "vitest";

const of = (...values: number[]) => Float64Array.of(...values);
const rounded = (values: Float64Array) => [...values].map((value) => Number(value.toFixed(6)));

describe("the exponential mean", () => {
  it("is divided by what the start at zero took away, so that the first point stays", () => {
    // 0.4·2 / 0.4; (0.6·0.8 + 0.4·7) / (1 - 0.36); (0.6·3.28 + 0.4·-1) / (1 - 0.216)
    expect(rounded(exponentialMean(of(2, 7, -1), 3, 0.6))).toEqual([2, 5.125, 2]);
  });

  it("passes over values that are not finite", () => {
    expect(rounded(exponentialMean(of(2, Number.NaN, 7), 3, 0.6))).toEqual([2, Number.NaN, 5.125]);
  });

  it("leaves a constant alone, free of rounding", () => {
    expect([...exponentialMean(of(0.1, 0.1, 0.1, 0.1), 4, 0.9)]).toEqual([0.1, 0.1, 0.1, 0.1]);
  });

  it("reads only the filled part of the array", () => {
    expect(exponentialMean(of(1, 2, 99, 99), 2, 0.5).length).toBe(2);
  });
});

it("takes the mean of the last values, fewer at the start", () => {
  expect(rounded(runningMean(of(1, 2, 3, 4, 5), 5, 3))).toEqual([1, 1.5, 2, 3, 4]);
});

it("keeps the running mean exact over a long curve with large values in it", () => {
  const values = Float64Array.from({ length: 50_000 }, (_, i) => (i === 10 ? 1e12 : 1));
  expect(runningMean(values, values.length, 10).at(-1)).toBe(1);
});

it("weighs neighbours on both sides by a bell, and only those that exist", () => {
  const smoothed = gaussianMean(of(0, 0, 1, 0, 0), 5, 2);
  expect(smoothed[1]).toBeCloseTo(smoothed[3]!, 12);
  expect(smoothed[2]).toBeGreaterThan(smoothed[1]!);
  // Deviation 1: the weights of the five points around the middle are 1, e^-0.5 and e^-2.
  expect(smoothed[2]).toBeCloseTo(1 / (1 + 2 * Math.exp(-0.5) + 2 * Math.exp(-2)), 12);
});

it("gives the array itself when nothing is to be smoothed, so that nobody draws it twice", () => {
  const values = of(1, 2);
  expect(smooth(values, 2, "ema", 0).buffer).toBe(values.buffer);
  expect(smooth(values, 2, "none", 0.9).buffer).toBe(values.buffer);
  expect([windowOf(0), windowOf(0.9), windowOf(0.99), windowOf(1)]).toEqual([1, 10, 100, 1000]);
});
