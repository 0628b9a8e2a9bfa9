/** Names and values of what an SC-GRPO step reports. */
import type { Completion } from "@iad-r1/server/generate/generator";
import type { RewardFunction, WeightedReward } from "@iad-r1/server/rewards/contract";
import { scoreCompletions } from "@iad-r1/server/rewards/evaluate";
import { groupAdvantages } from "@iad-r1/server/train/advantages";
import { completionMetrics, rewardMetrics, TokenStatistics } from "@iad-r1/server/train/policyMetrics";
import { expect, it } from "vitest";

const reward = (name: string, score: (text: string) => number | null | Error): WeightedReward => ({
  weight: 2,
  reward: {
    ...{ name, scope: "sample", range: { min: -10, max: 10 }, description: "" },
    score: ({ completion }: { completion: unknown }) => {
      const result = score(completion as string);
      if (result instanceof Error) throw result;
      return result === null ? { status: "not-applicable", reason: "" } : { status: "ok", score: result };
    },
  } as RewardFunction,
});

const completion = (length: number, finish: Completion["finish"]): Completion => ({
  ...{ ids: new Int32Array(length), text: "", finish, anomalyScore: null },
  ...{ logProbs: new Float32Array(length), entropies: new Float32Array(length) },
});

it("rewards: means and deviations over the completions that each applied to", () => {
  const rewards = [
    reward("length", (text) => text.length),
    reward("rare", (text) => (text === "abc" ? 4 : null)),
    reward("broken", (text) => (text === "ab" ? new Error("no") : null)),
  ];
  const inputs = ["a", "abc", "ab", "a"].map((text) => ({ completion: text, solution: "", columns: {} }));
  const rows = scoreCompletions(rewards, inputs, { groupSize: 2 });
  // Totals: 2·1, 2·(3 + 4), failed, 2·1.
  const totals = rows.map(({ total }) => total);
  expect(totals).toEqual([2, 14, null, 2]);
  const metrics = rewardMetrics(rewards, rows, groupAdvantages(totals, { groupSize: 2 }));
  expect(metrics).toEqual({
    reward: 6,
    // Group 1: |14 - 2| / sqrt(2); group 2 has one score and no deviation.
    reward_std: 12 / Math.sqrt(2) / 2,
    frac_reward_zero_std: 0.5,
    "rewards/length/mean": 7 / 4,
    "rewards/length/std": expect.closeTo(Math.sqrt((2 * 0.75 ** 2 + 1.25 ** 2 + 0.25 ** 2) / 3), 12),
    "rewards/rare/mean": 4,
    "rewards/rare/std": 0,
    "rewards/error_share": 0.25,
  });
});

it("completions: lengths of all and of those that came to an end", () => {
  expect(completionMetrics([completion(4, "eos"), completion(10, "length"), completion(6, "stop")])).toEqual({
    "completions/mean_length": 20 / 3,
    "completions/min_length": 4,
    "completions/max_length": 10,
    "completions/clipped_ratio": expect.closeTo(1 / 3, 12),
    "completions/mean_terminated_length": 5,
  });
  expect(completionMetrics([completion(3, "length")])).not.toHaveProperty("completions/mean_terminated_length");
});

it("tokens: entropy, KL and clip shares over those that count", () => {
  const statistics = new TokenStatistics(0.2, 0.3);
  statistics.add(
    { tokenWeights: Float32Array.of(1, 1, 1, 1, 0), advantages: Float32Array.of(-1, 1, 1, -1, 1) },
    {
      entropy: Float32Array.of(1, 2, 3, 2, 100),
      // Below 0.8 with a negative advantage; below with a positive one; above 1.3 with a positive one; above with a negative one.
      ratio: Float32Array.of(0.5, 0.5, 1.5, 1.5, 9),
      kl: Float32Array.of(0, 1, 0, 1, 100),
    },
  );
  expect(statistics.metrics(true)).toEqual({
    entropy: 2,
    kl: 0.5,
    "clip_ratio/low_mean": 0.25,
    "clip_ratio/high_mean": 0.25,
    "clip_ratio/region_mean": 0.5,
  });
  expect(statistics.metrics(false)).not.toHaveProperty("kl");
});
