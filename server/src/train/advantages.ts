/**
 * From rewards to advantages: how much better a completion is than its siblings. Pure float64 arithmetic; which completions
 * are generated, and what happens to groups without a difference, is decided by the training loop.
 */
import { ConfigError, RewardError } from "@iad-r1/models/errors";
import { advantageOf, deviation, mean } from "../rewards/analysis/groupMath";

/** By whose standard deviation advantages are divided; "none" is Dr. GRPO. */
export type RewardScale = "group" | "batch" | "none";

export interface GroupStatistics {
  /** (P,) mean reward of each group. */
  means: Float64Array;
  /** (P,) unbiased standard deviation (divisor G − 1) of each group; NaN when G is 1. */
  deviations: Float64Array;
}

/**
 * Mean and unbiased standard deviation of each group.
 *
 * @param rewards   (N,) prompt-major
 * @param groupSize G, completions per prompt
 * @throws ConfigError `grpo/group-size` when N is not a multiple of G
 */
export function groupStatistics(rewards: ArrayLike<number>, groupSize: number): GroupStatistics {
  const numGroups = countGroups(rewards.length, groupSize);
  const statistics = { means: new Float64Array(numGroups), deviations: new Float64Array(numGroups) };
  for (let group = 0; group < numGroups; group++) {
    const members = Array.from({ length: groupSize }, (_, i) => rewards[group * groupSize + i]!);
    statistics.means[group] = mean(members);
    statistics.deviations[group] = deviation(members);
  }
  return statistics;
}

export interface GroupAdvantages {
  /** (N,) same order as the rewards; 0 for unscorable completions, so that they do not move the policy. */
  advantages: Float64Array;
  /** (P,) mean over the scorable completions; NaN without any. */
  groupMeans: Float64Array;
  /** (P,) unbiased standard deviation over the scorable completions; 0 with fewer than two. */
  groupDeviations: Float64Array;
  /** (P,) true where all scorable rewards of the group are equal: the group says nothing. */
  isFlat: boolean[];
}

/**
 * Group-relative advantages: r minus the mean of its group, over the group's standard deviation when `scale` is "group",
 * over that of all scorable rewards of the batch when it is "batch".
 *
 * @param rewards   (N,) prompt-major, unitless; `null` where no reward function applied or one failed
 * @param options.groupSize G, completions per prompt, at least 2
 * @throws ConfigError `grpo/group-size` when G is below 2 or N is not a multiple of G
 * @throws RewardError `grpo/reward-not-finite` when a reward is NaN or infinite
 * @see DeepSeekMath, arXiv:2402.03300, section 4.1; TRL `GRPOTrainer` with `scale_rewards`; we add 1e-4 to the standard
 *      deviation as it does
 */
export function groupAdvantages(
  rewards: readonly (number | null)[],
  options: { groupSize: number; scale?: RewardScale },
): GroupAdvantages {
  const { groupSize, scale = "group" } = options;
  if (groupSize < 2) {
    throw new ConfigError("grpo/group-size", `The group size must be at least 2, got ${groupSize}.`, {
      hint: "A completion is compared with its siblings; set groupSize to 4 or more.",
    });
  }
  const numGroups = countGroups(rewards.length, groupSize);
  const bad = rewards.find((reward) => reward !== null && !Number.isFinite(reward));
  if (bad !== undefined) {
    throw new RewardError("grpo/reward-not-finite", `Expected finite rewards, got ${bad}.`, {
      hint: "Clamp the reward, or let it say that it does not apply.",
    });
  }
  const batchDeviation = deviation(rewards.filter((reward) => reward !== null));
  const result: GroupAdvantages = {
    advantages: new Float64Array(rewards.length),
    groupMeans: new Float64Array(numGroups),
    groupDeviations: new Float64Array(numGroups),
    isFlat: [],
  };
  for (let group = 0; group < numGroups; group++) {
    const start = group * groupSize;
    const scorable = rewards.slice(start, start + groupSize).filter((reward) => reward !== null);
    const groupMean = mean(scorable);
    const groupDeviation = scorable.length < 2 ? 0 : deviation(scorable);
    result.groupMeans[group] = groupMean;
    result.groupDeviations[group] = groupDeviation;
    result.isFlat.push(scorable.every((reward) => reward === scorable[0]));
    if (scorable.length < 2) continue;
    for (let i = start; i < start + groupSize; i++) {
      const reward = rewards[i]!;
      if (reward === null) continue;
      result.advantages[i] =
        scale === "none"
          ? reward - groupMean
          : advantageOf(reward, groupMean, scale === "group" ? groupDeviation : batchDeviation);
    }
  }
  return result;
}

function countGroups(numRewards: number, groupSize: number): number {
  if (!Number.isInteger(groupSize) || groupSize < 1 || numRewards % groupSize !== 0) {
    throw new ConfigError(
      "grpo/group-size",
      `Expected a number of completions that is a multiple of the group size, got ${numRewards} and ${groupSize}.`,
      { hint: "Give G completions for each prompt." },
    );
  }
  return numRewards / groupSize;
}
