import {
  histogram,
  percentile,
  rankCorrelation,
  summarize,
  topValues,
} from "@iad-r1/server/rewards/analysis/distributions";
import { expect, it } from "vitest";

it("percentiles lie between ranks as NumPy puts them", () => {
  // numpy.percentile([1, 2, 3, 10], [0, 5, 50, 95, 100])
  const sorted = [1, 2, 3, 10];
  expect([0, 0.05, 0.5, 0.95, 1].map((p) => percentile(sorted, p))).toEqual([
    1,
    1.15,
    2.5,
    expect.closeTo(8.95, 12),
    10,
  ]);
  expect(percentile([], 0.5)).toBeNaN();
});

it("a summary does not need sorted values, and one value has no spread", () => {
  expect(summarize([3, 1, 2])).toMatchObject({ count: 3, mean: 2, std: 1, min: 1, p50: 2, max: 3 });
  expect(summarize([4])).toMatchObject({ count: 1, mean: 4, std: 0, min: 4, max: 4 });
  expect(summarize([])).toMatchObject({ count: 0, min: Number.NaN });
});

it("bars hold every finite value once, the greatest in the last", () => {
  expect(histogram([0, 0.5, 1, 1, Number.NaN, Number.POSITIVE_INFINITY], 2)).toEqual({
    bounds: [0, 0.5, 1],
    counts: [1, 3],
  });
  expect(histogram([2, 2], 10)).toEqual({ bounds: [2, 2], counts: [2] });
  expect(histogram([])).toEqual({ bounds: [], counts: [] });
});

it("the most frequent values come first, with what the list leaves out", () => {
  expect(topValues(["b", "a", "a", "c"], 2)).toEqual({
    top: [
      { value: "a", count: 2, first: 1 },
      { value: "b", count: 1, first: 0 },
    ],
    distinct: 3,
    others: 1,
  });
});

it("rank correlation shares ranks among ties and knows nothing of constants", () => {
  expect(rankCorrelation([1, 2, 3], [10, 20, 1000])).toBeCloseTo(1, 12);
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  // scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 4]).statistic
  expect(rankCorrelation([1, 2, 2, 4], [1, 3, 2, 4])).toBeCloseTo(0.9486832980505138, 12);
  expect(rankCorrelation([1, 1], [1, 2])).toBeNaN();
});
