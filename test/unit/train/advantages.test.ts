import { ConfigError, RewardError } from "@iad-r1/models/errors";
import { groupAdvantages } from "@iad-r1/server/train/advantages";
import { describe, expect, it } from "vitest";

function advantages(rewards: (number | null)[], groupSize: number, scale?: "group" | "batch" | "none") {
  return Array.from(groupAdvantages(rewards, { groupSize, scale }).advantages);
}

describe("groupAdvantages", () => {
  it("divides the distance to the group's mean by its unbiased deviation", () => {
    // Mean 2, deviation sqrt(4 / 3).
    const expected = 1 / (Math.sqrt(4 / 3) + 1e-4);
    expect(advantages([3, 1, 1, 3], 4)).toEqual([expected, -expected, -expected, expected]);
  });

  it("scale none leaves the distance as it is (Dr. GRPO)", () => {
    expect(advantages([3, 1, 1, 3, 10, 20, 10, 20], 4, "none")).toEqual([1, -1, -1, 1, -5, 5, -5, 5]);
  });

  it("scale batch divides every group by the deviation of all rewards", () => {
    const all = [0, 1, 10, 12];
    const mean = 23 / 4;
    const deviation = Math.sqrt(all.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / 3);
    const expected = [-0.5, 0.5, -1, 1].map((distance) => distance / (deviation + 1e-4));
    advantages(all, 2, "batch").forEach((advantage, i) => {
      expect(advantage).toBeCloseTo(expected[i]!, 12);
    });
  });

  it("a group of equal rewards says nothing", () => {
    const { advantages: values, isFlat, groupDeviations } = groupAdvantages([2, 2, 2, 1, 2, 3], { groupSize: 3 });
    expect([...values.slice(0, 3)]).toEqual([0, 0, 0]);
    expect(isFlat).toEqual([true, false]);
    expect([...groupDeviations]).toEqual([0, 1]);
  });

  it("unscorable completions move nothing and are not compared with", () => {
    const { advantages: values, groupMeans } = groupAdvantages([3, null, 1, null], { groupSize: 4 });
    expect(groupMeans[0]).toBe(2);
    expect(values[1]).toBe(0);
    expect(values[0]).toBeCloseTo(1 / (Math.SQRT2 + 1e-4), 12);
    expect(values[2]).toBe(-values[0]!);
    expect(advantages([3, null, null, null], 4)).toEqual([0, 0, 0, 0]);
    expect(advantages([null, null], 2)).toEqual([0, 0]);
  });

  it("refuses groups of one, torn groups and rewards that are no numbers", () => {
    expect(() => advantages([1, 2], 1)).toThrow(ConfigError);
    expect(() => advantages([1, 2, 3], 2)).toThrow(/multiple of the group size/);
    expect(() => advantages([1, Number.NaN], 2)).toThrow(RewardError);
  });
});
