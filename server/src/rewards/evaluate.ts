/**
 * Scores completions with several rewards and adds them up; the trainer, the evaluation and the command line all come through
 * here. It does not load rewards (see `registry.ts` and `user/openRewards.ts`) and knows nothing of advantages.
 */
import { InternalError, RewardError } from "@iad-r1/models/errors";
import type { RewardStatus } from "@iad-r1/protocol/runs";
import type { RewardFailure, RewardFunction, RewardInput, RewardNote, RewardOutcome, WeightedReward } from "./contract";
import { failed } from "./contract";

/** All rewards of one completion, by reward name. */
export interface ScoredRow {
  /** null unless the status is "ok". */
  scores: Record<string, number | null>;
  status: Record<string, RewardOutcome["status"]>;
  /** What rewards noted, why one does not apply (`reason`), how one failed (`error`); only rewards that said something. */
  notes: Record<string, Record<string, RewardNote>>;
  /** How rewards failed, where that is known; missing when none did. */
  failures?: Record<string, RewardFailure>;
  /** Sum of weight · score over the rewards that applied; null when none did, or when a failure makes it unknown. */
  total: number | null;
}

/** What a failing reward does to its completion: leave it out, end everything, or count 0. */
export type RewardErrorPolicy = "skip" | "stop" | "zero";

export interface ScoreOptions {
  /** "skip" when left out. */
  onError?: RewardErrorPolicy;
  /** G: that many consecutive inputs share a prompt. Needed by rewards with scope "group" only. */
  groupSize?: number;
}

/**
 * Outcomes and totals, one row per input, in order. A reward that throws, returns something else than an outcome or leaves
 * its declared range has failed on that input; the others are scored all the same.
 *
 * @throws RewardError `reward/threw` with `onError: "stop"`, at the first failure
 * @throws RewardError `reward/group-size` when a group reward meets inputs that are not whole groups
 */
export function scoreCompletions(
  rewards: readonly WeightedReward[],
  inputs: readonly RewardInput[],
  options: ScoreOptions = {},
): ScoredRow[] {
  return combineColumns(
    rewards,
    inputs.length,
    rewards.map(({ reward }) => outcomesOf(reward, inputs, options)),
    options,
  );
}

/**
 * The same with rewards that run in processes of their own; these are asked at the same time.
 *
 * @throws as `scoreCompletions`; RewardError when the code of a reward cannot be run at all
 * @throws CancelledError
 */
export async function scoreAll(
  rewards: readonly WeightedReward[],
  inputs: readonly RewardInput[],
  options: ScoreOptions & { signal?: AbortSignal } = {},
): Promise<ScoredRow[]> {
  const { groupSize = 1, signal } = options;
  const outcomes = await Promise.all(
    rewards.map(async ({ reward }) => {
      if (reward.scope !== "outside") return outcomesOf(reward, inputs, options);
      const given = await reward.scoreAll(inputs, { groupSize, ...(signal && { signal }) });
      return given.map((outcome) => checkOutcome(reward.range, outcome));
    }),
  );
  return combineColumns(rewards, inputs.length, outcomes, options);
}

function outcomesOf(
  reward: RewardFunction,
  inputs: readonly RewardInput[],
  { groupSize }: ScoreOptions,
): readonly RewardOutcome[] {
  switch (reward.scope) {
    case "sample":
      return inputs.map((input) => checked(reward.range, () => reward.score(input)));
    case "group":
      return splitGroups(reward.name, inputs, groupSize).flatMap((group) =>
        scoreGroup(reward.range, group, () => reward.score(group)),
      );
    case "outside":
      throw new InternalError("internal/reward-scope", `${reward.name} cannot be asked without waiting.`);
  }
}

function combineColumns(
  rewards: readonly WeightedReward[],
  numRows: number,
  outcomes: readonly (readonly RewardOutcome[])[],
  { onError = "skip" }: ScoreOptions,
): ScoredRow[] {
  return Array.from({ length: numRows }, (_, i) =>
    combineOutcomes(
      rewards,
      outcomes.map((column) => column[i]!),
      onError,
    ),
  );
}

/**
 * One row out of one outcome per reward, in the same order. Outcomes that were made elsewhere (a worker with user code)
 * come in here.
 *
 * @throws RewardError `reward/threw` with policy "stop"
 */
export function combineOutcomes(
  rewards: readonly { reward: { name: string }; weight: number }[],
  outcomes: readonly RewardOutcome[],
  onError: RewardErrorPolicy = "skip",
): ScoredRow {
  const row: ScoredRow = { scores: {}, status: {}, notes: {}, total: null };
  let total = 0;
  let applied = false;
  let unknown = false;
  rewards.forEach(({ reward: { name }, weight }, i) => {
    const outcome = outcomes[i]!;
    row.status[name] = outcome.status;
    row.scores[name] = outcome.status === "ok" ? outcome.score : null;
    switch (outcome.status) {
      case "ok":
        total += weight * outcome.score;
        applied = true;
        if (outcome.notes !== undefined) row.notes[name] = { ...outcome.notes };
        break;
      case "not-applicable":
        row.notes[name] = { reason: outcome.reason };
        break;
      case "error":
        if (onError === "stop") {
          throw new RewardError("reward/threw", `Reward ${name} failed: ${outcome.message}`, {
            hint: "Correct the reward or the data row, or let failing completions be left out (rewardErrors: skip).",
          });
        }
        row.notes[name] = { error: outcome.message };
        if (outcome.cause !== undefined) row.failures = { ...row.failures, [name]: outcome.cause };
        if (onError === "zero") applied = true;
        else unknown = true;
        break;
    }
  });
  if (applied && !unknown) row.total = total;
  return row;
}

/** The short form that rollout records use. */
export function rolloutStatus(status: RewardOutcome["status"]): RewardStatus {
  return status === "not-applicable" ? "na" : status;
}

function checked(range: { min: number; max: number }, score: () => RewardOutcome): RewardOutcome {
  let outcome: RewardOutcome;
  try {
    outcome = score();
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error), "raised");
  }
  return checkOutcome(range, outcome);
}

function checkOutcome(range: { min: number; max: number }, outcome: RewardOutcome): RewardOutcome {
  const status = (outcome as RewardOutcome | undefined | null)?.status;
  if (status === "not-applicable" || status === "error") return outcome;
  if (status !== "ok") return failed(`expected an outcome with a status, got ${describe(outcome)}`, "value");
  const { score } = outcome as { score: unknown };
  if (typeof score !== "number" || !Number.isFinite(score))
    return failed(`expected a finite number, got ${describe(score)}`, "value");
  if (score < range.min || score > range.max) {
    return failed(`expected a score from ${range.min} to ${range.max}, got ${score}`, "range");
  }
  return outcome;
}

function scoreGroup(
  range: { min: number; max: number },
  group: readonly RewardInput[],
  score: () => readonly RewardOutcome[],
): RewardOutcome[] {
  let outcomes: readonly RewardOutcome[];
  try {
    outcomes = score();
  } catch (error) {
    const outcome = failed(error instanceof Error ? error.message : String(error), "raised");
    return group.map(() => outcome);
  }
  if (!Array.isArray(outcomes) || outcomes.length !== group.length) {
    const got = Array.isArray(outcomes) ? `${outcomes.length}` : describe(outcomes);
    const outcome = failed(`expected one outcome for each of ${group.length} completions, got ${got}`, "count");
    return group.map(() => outcome);
  }
  return outcomes.map((outcome) => checkOutcome(range, outcome));
}

function splitGroups(name: string, inputs: readonly RewardInput[], groupSize: number | undefined): RewardInput[][] {
  if (groupSize === undefined || groupSize < 1 || inputs.length % groupSize !== 0) {
    throw new RewardError(
      "reward/group-size",
      `Reward ${name} scores whole groups: expected a multiple of the group size, got ${inputs.length} completions and group size ${groupSize ?? "none"}.`,
      { hint: "Give all completions of a prompt one after another, and their number as the group size." },
    );
  }
  return Array.from({ length: inputs.length / groupSize }, (_, i) => inputs.slice(i * groupSize, (i + 1) * groupSize));
}

function describe(value: unknown): string {
  if (typeof value === "number" || value === null || value === undefined || typeof value === "boolean")
    return String(value);
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
