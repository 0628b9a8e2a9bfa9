/**
 * Who made the total, and what it does to the policy: totals, statistics inside groups and over everything, advantages by
 * any of the usual rules, each reward's share of the variance, and what an edit flips. Pure functions over tables of
 * scores; where scores come from, and what is wrong with them, is decided elsewhere.
 */
import { groupBy } from "@iad-r1/models/util/groupBy";
import type { RewardStatus } from "@iad-r1/protocol/runs";
import { advantageOf, covariance, type DeviationKind, deviation, deviationFloor, mean } from "./groupMath";

/** Scores of one reward, one per row. */
export interface ScoreColumn {
  name: string;
  weight: number;
  /** null unless the status is "ok". */
  scores: readonly (number | null)[];
  status: readonly RewardStatus[];
}

/** All rewards over the same rows. */
export interface ScoreTable {
  columns: readonly ScoreColumn[];
  /** Row indices of each group, in order; every row stands in exactly one. */
  groups: readonly (readonly number[])[];
}

/** Two totals are one when they differ by no more. */
export const totalTolerance = 1e-9;

/** Row indices of each group, by order of first appearance. The same group name at another step is another group. */
export function groupRows(rows: readonly { group: string | number; step?: number | undefined }[]): number[][] {
  return [...groupBy(rows.keys(), (i) => JSON.stringify([rows[i]!.step ?? null, rows[i]!.group])).values()];
}

/**
 * Σ wᵢ rᵢ over the rewards that applied; null when none did, or when a failure leaves it unknown (the policy "skip" of a
 * run).
 */
export function totalsOf(columns: readonly ScoreColumn[]): (number | null)[] {
  const numRows = columns[0]?.scores.length ?? 0;
  return Array.from({ length: numRows }, (_, row) => {
    let total: number | null = null;
    for (const { weight, scores, status } of columns) {
      if (status[row] === "error") return null;
      const score = scores[row];
      if (score !== null && score !== undefined) total = (total ?? 0) + weight * score;
    }
    return total;
  });
}

/** Mean and spread of a quantity, by both readings that people mix up, each under its name. */
export interface Spread {
  /** Over all rows that have a value. */
  count: number;
  mean: number;
  /** "over all n". */
  overall: number;
  /** "inside groups": the mean of the groups' deviations, as TRL's `reward_std` with `scale_rewards="group"`. */
  insideGroups: number;
}

/** @param kind both deviations are of this kind */
export function spreadOf(
  values: readonly (number | null)[],
  groups: ScoreTable["groups"],
  kind: DeviationKind = "sample",
): Spread {
  const present = values.filter((value) => value !== null);
  const deviations = groups
    .map((group) => valuesAt(values, group))
    .filter((members) => members.length > 1)
    .map((members) => deviation(members, kind));
  return {
    count: present.length,
    mean: mean(present),
    overall: deviation(present, kind),
    insideGroups: mean(deviations),
  };
}

/**
 * How rewards become advantages.
 * - grpo: distance to the group's mean over the group's deviation (DeepSeekMath, arXiv:2402.03300)
 * - dr-grpo: the distance as it is (arXiv:2503.20783)
 * - batch-std: the distance over the deviation of all totals (TRL `scale_rewards="batch"`)
 * - gdpo: every reward is normalised inside its group, the weighted sum once more over the batch (arXiv:2601.05242;
 *   TRL `multi_objective_aggregation="normalize_then_sum"`)
 */
export type AdvantageMethod = "grpo" | "dr-grpo" | "batch-std" | "gdpo";

export const advantageMethods: readonly AdvantageMethod[] = ["grpo", "dr-grpo", "batch-std", "gdpo"];

export interface AdvantageConvention {
  method: AdvantageMethod;
  /** "sample" when left out. */
  deviation?: DeviationKind;
  /** Added to each deviation; 1e-4 when left out. */
  floor?: number;
}

/**
 * One advantage per row. Rows without a total, and rows without a sibling to compare with, get 0: they do not move the
 * policy.
 */
export function advantagesOf(table: ScoreTable, convention: AdvantageConvention): number[] {
  const { method, deviation: kind = "sample", floor = deviationFloor } = convention;
  const totals = totalsOf(table.columns);
  return method === "gdpo" ? decoupled(table, totals, kind, floor) : relative(table, totals, method, kind, floor);
}

function relative(
  { groups }: ScoreTable,
  totals: readonly (number | null)[],
  method: Exclude<AdvantageMethod, "gdpo">,
  kind: DeviationKind,
  floor: number,
): number[] {
  const batch = deviation(
    totals.filter((total) => total !== null),
    kind,
  );
  const advantages = totals.map(() => 0);
  for (const group of groups) {
    const members = valuesAt(totals, group);
    if (members.length < 2) continue;
    const center = mean(members);
    const spread = method === "grpo" ? deviation(members, kind) : batch;
    for (const row of group) {
      const total = totals[row];
      if (total === null || total === undefined) continue;
      advantages[row] = method === "dr-grpo" ? total - center : advantageOf(total, center, spread, floor);
    }
  }
  return advantages;
}

function decoupled(
  { columns, groups }: ScoreTable,
  totals: readonly (number | null)[],
  kind: DeviationKind,
  floor: number,
): number[] {
  const sums: (number | null)[] = totals.map((total) => (total === null ? null : 0));
  for (const { weight, scores } of columns) {
    for (const group of groups) {
      const members = valuesAt(scores, group);
      const center = mean(members);
      const spread = members.length < 2 ? 0 : deviation(members, kind);
      for (const row of group) {
        const score = scores[row];
        const sum = sums[row];
        if (score === null || score === undefined || sum === null || sum === undefined) continue;
        sums[row] = sum + weight * advantageOf(score, center, spread, floor);
      }
    }
  }
  const present = sums.filter((sum) => sum !== null);
  const center = mean(present);
  const spread = present.length < 2 ? 0 : deviation(present, kind);
  return sums.map((sum) => (sum === null ? 0 : advantageOf(sum, center, spread, floor)));
}

/**
 * Each reward's share of what the policy sees: cov(wᵢ rᵢ, total) / var(total) inside a group, averaged over the groups
 * whose totals differ. A reward that does not apply adds nothing to a total, so it counts 0 there. Shares add up to 1 and a
 * share may be negative (the reward works against the total). NaN when no group has a difference.
 */
export function varianceShares(table: ScoreTable): number[] {
  const totals = totalsOf(table.columns);
  const shares = table.columns.map(() => 0);
  let numGroups = 0;
  for (const group of table.groups) {
    const rows = group.filter((row) => totals[row] !== null);
    const members = valuesAt(totals, rows);
    if (isFlat(members)) continue;
    const variance = covariance(members, members);
    numGroups++;
    table.columns.forEach(({ weight, scores }, i) => {
      const parts = rows.map((row) => weight * (scores[row] ?? 0));
      shares[i] = shares[i]! + covariance(parts, members) / variance;
    });
  }
  return shares.map((share) => share / numGroups);
}

/** Whether a group says nothing: fewer than two totals, or all equal. */
export function isFlat(totals: readonly number[]): boolean {
  return totals.length < 2 || totals.every((total) => Math.abs(total - totals[0]!) <= totalTolerance);
}

/** What an edit changes on the same rows. */
export interface Flips {
  /** Rows whose total or status changed. */
  scores: number[];
  /** Rows whose advantage changed its sign (to or from 0 too): these learn something else. */
  advantages: number[];
  /** Mean total after minus mean total before, over the rows that have both. */
  meanChange: number;
  /** Indices of groups that had no difference and have one now, and the reverse. */
  revived: number[];
  flattened: number[];
}

/** Both tables are over the same rows and groups; columns may differ. */
export function flipsBetween(before: ScoreTable, after: ScoreTable, convention: AdvantageConvention): Flips {
  const totals = [totalsOf(before.columns), totalsOf(after.columns)] as const;
  const advantages = [advantagesOf(before, convention), advantagesOf(after, convention)] as const;
  const flips: Flips = { scores: [], advantages: [], meanChange: 0, revived: [], flattened: [] };
  const changes: number[] = [];
  totals[0].forEach((old, row) => {
    const now = totals[1][row]!;
    if (old !== null && now !== null) {
      changes.push(now - old);
      if (Math.abs(now - old) > totalTolerance) flips.scores.push(row);
    } else if (old !== now) flips.scores.push(row);
    if (sign(advantages[0][row]!) !== sign(advantages[1][row]!)) flips.advantages.push(row);
  });
  flips.meanChange = changes.length === 0 ? 0 : mean(changes);
  before.groups.forEach((group, i) => {
    const [was, is] = totals.map((column) => isFlat(valuesAt(column, group)));
    if (was && !is) flips.revived.push(i);
    if (!was && is) flips.flattened.push(i);
  });
  return flips;
}

function sign(advantage: number): number {
  return Math.abs(advantage) <= totalTolerance ? 0 : Math.sign(advantage);
}

/** Rows of one recorded step. */
export interface StepValues {
  step: number;
  rows: number[];
}

/** The name under which a run recorded a reward: its own, or with the name of its set or file before it. */
export function recordedName(
  rows: readonly { rewards?: Record<string, number | null> }[],
  name: string,
): string | null {
  const names = Object.keys(rows.find(({ rewards }) => rewards !== undefined)?.rewards ?? {});
  if (names.includes(name)) return name;
  const near = names.filter((known) => /[/#:.]/.test(known) && known.split(/[/#:.]/).at(-1) === name);
  return near.length === 1 ? near[0]! : null;
}

/** Rows by step, in order of the steps; rows without a step are left out. */
export function rowsByStep(rows: readonly { step?: number | undefined }[]): StepValues[] {
  const steps = new Map<number, number[]>();
  rows.forEach(({ step }, i) => {
    if (step === undefined) return;
    const members = steps.get(step);
    if (members === undefined) steps.set(step, [i]);
    else members.push(i);
  });
  return [...steps].sort(([a], [b]) => a - b).map(([step, members]) => ({ step, rows: members }));
}

/** How a quantity went over the steps of the scope. */
export interface Trend {
  first: number;
  last: number;
  /** Least-squares slope per recorded step (not per step number: gaps do not flatten it). */
  slope: number;
  /** slope · (n − 1): the change over the scope by the fitted line, which one odd step cannot fake. */
  change: number;
}

/** null with fewer than two steps; steps without a value (NaN) are left out. */
export function trendOf(values: readonly number[]): Trend | null {
  const present = values.filter((value) => !Number.isNaN(value));
  if (present.length < 2) return null;
  const positions = present.map((_, i) => i);
  const slope = covariance(positions, present) / covariance(positions, positions);
  return { first: present[0]!, last: present.at(-1)!, slope, change: slope * (present.length - 1) };
}

/** The values that are there. */
export function valuesAt(values: readonly (number | null)[], rows: readonly number[]): number[] {
  return rows.map((row) => values[row]).filter((value) => value !== null && value !== undefined);
}
