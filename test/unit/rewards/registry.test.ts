import { ConfigError } from "@iad-r1/models/errors";
import { type RewardFunction, scored } from "@iad-r1/server/rewards/contract";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { describe, expect, it } from "vitest";

const registry = createRewardRegistry();

function resolve(...uses: Parameters<typeof registry.resolve>[0]) {
  return registry.resolve(uses).map(({ reward, weight }) => `${weight} ${reward.name}`);
}

function failure(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (ConfigError.is(error)) return error;
  }
  throw new Error("expected a ConfigError");
}

const own: RewardFunction = {
  name: "short",
  range: { min: 0, max: 1 },
  scope: "sample",
  description: "Short completions.",
  score: ({ completion }) => scored(Number(String(completion).length < 10)),
};

describe("the reward registry", () => {
  it("knows the published functions, the corrected ones and both presets", () => {
    expect([...registry.functions.keys()]).toEqual([
      "iad-r1/consistency",
      "iad-r1/accuracy",
      "iad-r1/location",
      "iad-r1/type",
      "iad-r1/consistency-cot",
      "iad-r1/format-consistency-cot",
      "iad-r1/accuracy-cot-wo-type",
      "iad-r1/accuracy-cot-wo-location",
      "iad-r1/accuracy-cot-base",
      "iad-r1/format-cot-base",
      "iad-r1-strict/format",
      "iad-r1-strict/answer",
      "iad-r1-strict/location",
      "iad-r1-strict/type",
    ]);
    expect([...registry.presets.keys()]).toEqual(["iad-r1", "iad-r1-strict"]);
  });

  it("spells presets out and multiplies weights", () => {
    expect(resolve("iad-r1")).toEqual(["1 iad-r1/consistency", "1 iad-r1/accuracy"]);
    expect(resolve({ name: "iad-r1-strict", weight: 2 }, { name: "iad-r1/type", weight: 0.25 })).toEqual([
      "2 iad-r1-strict/format",
      "2 iad-r1-strict/answer",
      "1 iad-r1-strict/location",
      "1 iad-r1-strict/type",
      "0.25 iad-r1/type",
    ]);
  });

  it("suggests near names for an unknown one", () => {
    const error = failure(() => resolve("iad-r1/acuracy"));
    expect(error.code).toBe("reward/unknown-name");
    expect(error.message).toContain('"iad-r1/acuracy"');
    expect(error.hint).toContain("iad-r1/accuracy");
    expect(failure(() => resolve("zzz")).hint).toContain("Known names");
    expect(failure(() => resolve("a".repeat(100_000))).message.length).toBeLessThan(400);
    expect(failure(() => resolve("__proto__")).code).toBe("reward/unknown-name");
  });

  it("refuses a reward that is used twice, none at all, and weights that are no numbers", () => {
    expect(failure(() => resolve("iad-r1", "iad-r1/accuracy")).code).toBe("reward/duplicate");
    expect(failure(() => resolve()).code).toBe("reward/none");
    expect(failure(() => resolve({ name: "iad-r1", weight: Number.NaN })).code).toBe("reward/weight");
  });

  it("takes in functions from elsewhere under names of their own", () => {
    const withOwn = createRewardRegistry([own]);
    expect(withOwn.resolve(["short"])).toEqual([{ reward: own, weight: 1 }]);
    expect(failure(() => createRewardRegistry([own, own])).code).toBe("reward/duplicate");
    expect(failure(() => createRewardRegistry([{ ...own, name: "iad-r1" }])).code).toBe("reward/duplicate");
  });
});
