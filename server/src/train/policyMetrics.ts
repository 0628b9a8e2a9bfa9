/** The numbers of an SC-GRPO step under the names that TRL's users know. Pure functions and one counter. */
import type { Completion } from "../generate/generator";
import type { WeightedReward } from "../rewards/contract";
import type { ScoredRow } from "../rewards/evaluate";
import type { GroupAdvantages } from "./advantages";

/** Rewards of a step; a completion that no reward applied to counts nowhere. */
export function rewardMetrics(
  rewards: readonly WeightedReward[],
  rows: readonly ScoredRow[],
  { groupDeviations, isFlat }: GroupAdvantages,
): Record<string, number> {
  const values: Record<string, number> = {
    reward: meanOf(rows.flatMap(({ total }) => total ?? [])),
    reward_std: meanOf(groupDeviations),
    frac_reward_zero_std: flatShare(isFlat),
  };
  for (const { reward } of rewards) {
    const scores = rows.flatMap(({ scores: all }) => all[reward.name] ?? []);
    if (scores.length === 0) continue;
    values[`rewards/${reward.name}/mean`] = meanOf(scores);
    values[`rewards/${reward.name}/std`] = deviationOf(scores);
  }
  const failed = rows.filter(({ status }) => Object.values(status).includes("error")).length;
  if (failed > 0) values["rewards/error_share"] = failed / rows.length;
  return values;
}

/** Share of groups whose totals are all equal. */
export function flatShare(isFlat: readonly boolean[]): number {
  return isFlat.filter(Boolean).length / Math.max(1, isFlat.length);
}

export function completionMetrics(completions: readonly Completion[]): Record<string, number> {
  const lengths = completions.map(({ ids }) => ids.length);
  const ended = completions.filter(({ finish }) => finish !== "length").map(({ ids }) => ids.length);
  return {
    "completions/mean_length": meanOf(lengths),
    "completions/min_length": Math.min(...lengths),
    "completions/max_length": Math.max(...lengths),
    "completions/clipped_ratio": 1 - ended.length / completions.length,
    ...(ended.length > 0 && { "completions/mean_terminated_length": meanOf(ended) }),
  };
}

/** Means over the tokens that count. */
export class TokenStatistics {
  private count = 0;
  private readonly sums = { entropy: 0, kl: 0, low: 0, high: 0 };

  constructor(
    private readonly epsilonLow: number,
    private readonly epsilonHigh: number,
  ) {}

  /** All (M,). A token counts where its weight is not 0. */
  add(
    pass: { tokenWeights: Float32Array; advantages: Float32Array },
    output: { entropy: Float32Array; ratio: Float32Array; kl: Float32Array | null },
  ): void {
    for (let t = 0; t < output.ratio.length; t++) {
      if (pass.tokenWeights[t] === 0) continue;
      this.count += 1;
      this.sums.entropy += output.entropy[t]!;
      this.sums.kl += output.kl?.[t] ?? 0;
      const advantage = pass.advantages[t]!;
      if (output.ratio[t]! < 1 - this.epsilonLow && advantage < 0) this.sums.low += 1;
      if (output.ratio[t]! > 1 + this.epsilonHigh && advantage > 0) this.sums.high += 1;
    }
  }

  metrics(kl: boolean): Record<string, number> {
    const count = Math.max(1, this.count);
    const { entropy, low, high } = this.sums;
    return {
      entropy: entropy / count,
      ...(kl && { kl: this.sums.kl / count }),
      "clip_ratio/low_mean": low / count,
      "clip_ratio/high_mean": high / count,
      "clip_ratio/region_mean": (low + high) / count,
    };
  }
}

export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** With divisor n - 1, as torch's. */
function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}
