import {
  advantagesOf,
  flipsBetween,
  groupRows,
  isFlat,
  type ScoreColumn,
  spreadOf,
  totalsOf,
  trendOf,
  varianceShares,
} from "@iad-r1/server/rewards/analysis/attribution";
import { groupAdvantages } from "@iad-r1/server/train/advantages";
import { describe, expect, it } from "vitest";

function column(name: string, scores: (number | null)[], weight = 1): ScoreColumn {
  return { name, weight, scores, status: scores.map((score) => (score === null ? "na" : "ok")) };
}
const two = [
  [0, 1, 2, 3],
  [4, 5, 6, 7],
];

function expectClose(received: readonly number[], expected: readonly number[]): void {
  expect(received.length).toBe(expected.length);
  received.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 10);
  });
}

describe("totals", () => {
  it("add weight times score over the rewards that applied, and are unknown after a failure", () => {
    const broken: ScoreColumn = { ...column("b", [1, null, null, 1], 2), status: ["ok", "na", "na", "error"] };
    expect(totalsOf([column("a", [1, 2, null, 1]), broken])).toEqual([3, 2, null, null]);
  });

  it("belong to groups by name and step", () => {
    const rows = [
      { group: "a", step: 1 },
      { group: "b", step: 1 },
      { group: "a", step: 2 },
      { group: "a", step: 1 },
    ];
    expect(groupRows(rows)).toEqual([[0, 3], [1], [2]]);
  });
});

describe("spread", () => {
  it("tells the deviation over all from that inside groups, of the kind that was asked for", () => {
    // Groups (0, 2) and (10, 12): inside, sqrt(2) by n − 1 and 1 by n; over all, sqrt(104 / 3) and sqrt(26).
    const spread = spreadOf(
      [0, 2, 10, 12],
      [
        [0, 1],
        [2, 3],
      ],
    );
    expect(spread).toMatchObject({ count: 4, mean: 6 });
    expectClose([spread.insideGroups, spread.overall], [Math.SQRT2, Math.sqrt(104 / 3)]);
    const population = spreadOf(
      [0, 2, 10, 12],
      [
        [0, 1],
        [2, 3],
      ],
      "population",
    );
    expectClose([population.insideGroups, population.overall], [1, Math.sqrt(26)]);
  });
});

describe("advantages", () => {
  const scores = [3, 1, 1, 3, 0, 0, 0, 1];

  it.each([
    ["grpo", "group"],
    ["batch-std", "batch"],
    ["dr-grpo", "none"],
  ] as const)("by %s are those of a training run", (method, scale) => {
    const expected = groupAdvantages(scores, { groupSize: 4, scale }).advantages;
    expectClose(advantagesOf({ columns: [column("a", scores)], groups: two }, { method }), Array.from(expected));
  });

  it("keep the convention that is named: divisor n, no floor", () => {
    const table = { columns: [column("a", [3, 1, 1, 3])], groups: [[0, 1, 2, 3]] };
    expectClose(advantagesOf(table, { method: "grpo", deviation: "population", floor: 0 }), [1, -1, -1, 1]);
  });

  it("by GDPO tell tuples apart whose sums are equal", () => {
    // (1, 0) and (0, 1) both sum to 1; b is rarer, so it deviates less and counts more.
    const columns = [column("a", [1, 0, 1, 0]), column("b", [0, 1, 0, 0])];
    const table = { columns, groups: [[0, 1, 2, 3]] };
    const plain = advantagesOf(table, { method: "grpo" });
    expect(plain[0]).toBe(plain[1]);
    // a: mean 0.5, deviation 0.57735; b: mean 0.25, deviation 0.5.
    const [a, b] = [0.5 / (Math.sqrt(1 / 3) + 1e-4), 0.25 / (0.5 + 1e-4)];
    const sums = [a - b, -a + 3 * b, a - b, -a - b];
    const center = sums.reduce((sum, value) => sum + value, 0) / 4;
    const spread = Math.sqrt(sums.reduce((sum, value) => sum + (value - center) ** 2, 0) / 3);
    expectClose(
      advantagesOf(table, { method: "gdpo" }),
      sums.map((sum) => (sum - center) / (spread + 1e-4)),
    );
  });

  it("of rows without a total or without a sibling are 0", () => {
    const table = { columns: [column("a", [1, null, 3, 2])], groups: [[0, 1, 2], [3]] };
    for (const method of ["grpo", "dr-grpo", "batch-std"] as const) {
      const values = advantagesOf(table, { method });
      expect([values[1], values[3]]).toEqual([0, 0]);
      expect(values[2]).toBeGreaterThan(0);
    }
    expect(advantagesOf(table, { method: "gdpo" })[1]).toBe(0);
  });
});

describe("variance shares", () => {
  it("add up to 1, count groups with a difference only, and may be negative", () => {
    // First group: a varies alone. Second group: flat. Third: b works against a.
    const columns = [column("a", [0, 1, 5, 5, 0, 3]), column("b", [2, 2, 1, 1, 1, 0])];
    const shares = varianceShares({
      columns,
      groups: [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
    });
    // Third group: total (1, 3), var 1; cov(a, total) = 1.5, cov(b, total) = −0.5. Mean with the first group's (1, 0).
    expectClose(shares, [1.25, -0.25]);
  });

  it("see weights", () => {
    const columns = [column("a", [0, 1, 0, 1], 3), column("b", [0, 0, 1, 1], 1)];
    expectClose(varianceShares({ columns, groups: [[0, 1, 2, 3]] }), [0.9, 0.1]);
  });
});

describe("flips", () => {
  it("are rows whose score or direction changed, with groups that came to life or went flat", () => {
    const groups = [
      [0, 1],
      [2, 3],
      [4, 5],
    ];
    const before = { columns: [column("a", [0, 0, 1, 0, 2, 1])], groups };
    const after = { columns: [column("a", [0, 1, 1, 1, 2, 1])], groups };
    const flips = flipsBetween(before, after, { method: "grpo" });
    expect(flips).toMatchObject({ scores: [1, 3], advantages: [0, 1, 2, 3], revived: [0], flattened: [1] });
    expect(flips.meanChange).toBeCloseTo(2 / 6, 12);
  });

  it("see a score that is gone", () => {
    const groups = [[0, 1]];
    const flips = flipsBetween(
      { columns: [column("a", [1, 1])], groups },
      { columns: [column("a", [1, null])], groups },
      { method: "grpo" },
    );
    expect(flips).toMatchObject({ scores: [1], meanChange: 0 });
  });
});

it("a group is flat when it has fewer than two totals or all within rounding", () => {
  expect([[], [1], [1, 1 + 1e-12], [1, 1.001]].map(isFlat)).toEqual([true, true, true, false]);
});

it("a trend is the fitted line, not the difference of its ends", () => {
  expect(trendOf([1])).toBeNull();
  // 0, 2, 1, 3: slope (−1.5·0 − 0.5·2 + 0.5·1 + 1.5·3) / 5 = 0.8.
  const trend = trendOf([0, 2, Number.NaN, 1, 3])!;
  expectClose([trend.first, trend.last, trend.slope, trend.change], [0, 3, 0.8, 2.4]);
});
