/** One reward function over the rollouts of a scope: scores, groups, trend, change. Pure. */
import type {
  ReportFreshness,
  RewardFunctionReport,
  RewardOutcomeView,
  RolloutKey,
  ScoreChange,
} from "@iad-r1/protocol/rewardDebugger";
import type { RewardOutcome } from "../contract";
import type { RolloutRow } from "../user/runner";
import { compareScores, isFlat } from "./comparison";
import { distributionOf, quantile } from "./distribution";
import { groupsOf, isSameRollout, keyOf, recordedName } from "./scopedRollouts";

const maxTrend = 64;

export interface FunctionInput {
  name: string;
  /** As the file declares it; the run's own weight goes before it. */
  weight: number;
  rows: readonly RolloutRow[];
  weights: Readonly<Record<string, number>>;
  /** Of the code on screen, one a row; null when it was not run. */
  outcomes: readonly RewardOutcome[] | null;
  callMs: readonly number[] | null;
  /** Scores of the first run of this code here, for rewards that the run does not know; one a row. */
  first: readonly (number | null)[] | null;
  pinned: RolloutKey | null;
}

export interface FunctionResult {
  report: RewardFunctionReport;
  /** One a row. */
  outcomes: readonly RewardOutcomeView[];
  /** Weighted totals with the scores of the report; null where unknown. */
  totals: (number | null)[];
}

export function functionReport(input: FunctionInput): FunctionResult {
  const { name, rows, pinned } = input;
  const recorded = recordedName(rows, name);
  const before = rows.map(({ rewards }) => (recorded === null ? null : (rewards?.[recorded] ?? null)));
  const views = input.outcomes?.map(viewOf) ?? rows.map((row, i) => recordedView(row, recorded, before[i]!));
  const scores = views.map(({ score }) => score);
  const weight = (recorded === null ? undefined : input.weights[recorded]) ?? input.weight;
  const totalsBefore = rows.map(({ total }) => total ?? null);
  const totals = rows.map((row, i) => totalWith(row, weight, recorded === null ? null : before[i]!, scores[i]!));
  const freshness: ReportFreshness =
    input.outcomes !== null ? "live" : recorded !== null && rows.length > 0 ? "recorded" : "none";
  const groups = groupsOf(rows);
  return {
    outcomes: views,
    totals,
    report: {
      ...{ name, freshness, numRollouts: rows.length, steps: stepsOf(rows) },
      scores: distributionOf(scores.filter((score) => score !== null)),
      counts: countsOf(views, freshness),
      groups: freshness === "none" ? null : groupFacts(groups, scores, totals),
      timeMs: timesOf(input.callMs),
      varianceShare: freshness === "none" ? null : varianceShare(groups, scores, totals, weight),
      trend: trendOf(rows, scores),
      change: changeOf(input, before, recorded, scores, totalsBefore, totals, groups),
      worst: worstOf(rows, scores, groups),
      pinned: pinnedOf(rows, views, pinned, freshness),
    },
  };
}

export function viewOf(outcome: RewardOutcome): RewardOutcomeView {
  if (outcome.status === "ok") return { status: "ok", score: outcome.score, reason: null };
  if (outcome.status === "error") return { status: "error", score: null, reason: outcome.message };
  return { status: "na", score: null, reason: outcome.reason };
}

function recordedView(row: RolloutRow, recorded: string | null, score: number | null): RewardOutcomeView {
  const said = recorded === null ? undefined : row.status?.[recorded];
  return { status: said ?? (score === null ? "na" : "ok"), score, reason: null };
}

function countsOf(views: readonly RewardOutcomeView[], freshness: ReportFreshness): RewardFunctionReport["counts"] {
  const counts = { ok: 0, na: 0, error: 0 };
  if (freshness !== "none") for (const { status } of views) counts[status]++;
  return counts;
}

/** The recorded total with this reward's part exchanged; the weighted score alone where the run knows no total. */
function totalWith(row: RolloutRow, weight: number, before: number | null, after: number | null): number | null {
  const total = row.total ?? null;
  if (total === null) return after === null ? null : weight * after;
  return total - weight * (before ?? 0) + weight * (after ?? 0);
}

function stepsOf(rows: readonly RolloutRow[]): RewardFunctionReport["steps"] {
  const steps = [...new Set(rows.flatMap(({ step }) => step ?? []))];
  if (steps.length === 0) return null;
  return { from: Math.min(...steps), to: Math.max(...steps), count: steps.length };
}

function groupFacts(
  groups: readonly (readonly number[])[],
  scores: readonly (number | null)[],
  totals: readonly (number | null)[],
): RewardFunctionReport["groups"] {
  const several = groups.filter(({ length }) => length > 1);
  if (several.length === 0) return null;
  const spreads = several.flatMap((group) => {
    const known = group.flatMap((row) => scores[row] ?? []);
    return known.length < 2 ? [] : [distributionOf(known)!.std];
  });
  return {
    count: several.length,
    zeroVariance: several.filter((group) => isFlat(group, totals)).length,
    meanStd: spreads.length === 0 ? 0 : spreads.reduce((sum, std) => sum + std, 0) / spreads.length,
  };
}

function timesOf(callMs: readonly number[] | null): RewardFunctionReport["timeMs"] {
  if (callMs === null || callMs.length === 0) return null;
  const sorted = [...callMs].sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

/** cov(w·r, total) / var(total) inside groups, averaged over the groups whose totals differ. */
function varianceShare(
  groups: readonly (readonly number[])[],
  scores: readonly (number | null)[],
  totals: readonly (number | null)[],
  weight: number,
): number | null {
  const shares: number[] = [];
  for (const group of groups) {
    const known = group.filter((row) => totals[row] !== null && scores[row] !== null);
    if (known.length < 2) continue;
    const meanTotal = known.reduce((sum, row) => sum + totals[row]!, 0) / known.length;
    const meanScore = known.reduce((sum, row) => sum + scores[row]!, 0) / known.length;
    let variance = 0;
    let covariance = 0;
    for (const row of known) {
      variance += (totals[row]! - meanTotal) ** 2;
      covariance += weight * (scores[row]! - meanScore) * (totals[row]! - meanTotal);
    }
    if (variance > 1e-18) shares.push(covariance / variance);
  }
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function trendOf(rows: readonly RolloutRow[], scores: readonly (number | null)[]): RewardFunctionReport["trend"] {
  const bySteps = new Map<number, number[]>();
  rows.forEach(({ step }, row) => {
    const score = scores[row] ?? null;
    if (step === undefined || score === null) return;
    const known = bySteps.get(step);
    if (known === undefined) bySteps.set(step, [score]);
    else known.push(score);
  });
  return [...bySteps]
    .map(([step, values]) => ({ step, mean: values.reduce((sum, value) => sum + value, 0) / values.length }))
    .sort((a, b) => a.step - b.step)
    .slice(-maxTrend);
}

function changeOf(
  { outcomes, first, rows }: FunctionInput,
  before: readonly (number | null)[],
  recorded: string | null,
  scores: readonly (number | null)[],
  totalsBefore: readonly (number | null)[],
  totals: readonly (number | null)[],
  groups: readonly (readonly number[])[],
): ScoreChange | null {
  if (outcomes === null || rows.length === 0) return null;
  const base = { after: scores, totalsAfter: totals, groups, keyOf: (row: number) => keyOf(rows[row]!) };
  if (recorded !== null) return compareScores({ ...base, against: "recorded", before, totalsBefore });
  if (first === null) return null;
  const totalsFirst = first.map((score, i) => totalWith(rows[i]!, 1, null, score));
  const totalsNow = scores.map((score, i) => totalWith(rows[i]!, 1, null, score));
  return compareScores({
    ...{ ...base, against: "first", before: first },
    ...{ totalsBefore: totalsFirst, totalsAfter: totalsNow },
  });
}

/** The lowest against its group, which is where a reward hurts most; the lowest of all where groups say nothing. */
function worstOf(
  rows: readonly RolloutRow[],
  scores: readonly (number | null)[],
  groups: readonly (readonly number[])[],
): RolloutKey | null {
  let worst: { row: number; below: number; score: number } | null = null;
  for (const group of groups) {
    const known = group.filter((row) => scores[row] !== null);
    if (known.length === 0) continue;
    const mean = known.reduce((sum, row) => sum + scores[row]!, 0) / known.length;
    for (const row of known) {
      const score = scores[row]!;
      const below = mean - score;
      if (worst === null || below > worst.below || (below === worst.below && score < worst.score)) {
        worst = { row, below, score };
      }
    }
  }
  return worst === null ? null : keyOf(rows[worst.row]!);
}

function pinnedOf(
  rows: readonly RolloutRow[],
  views: readonly RewardOutcomeView[],
  pinned: RolloutKey | null,
  freshness: ReportFreshness,
): RewardOutcomeView | null {
  if (pinned === null || freshness === "none") return null;
  const at = rows.findIndex((row) => isSameRollout(keyOf(row), pinned));
  return views[at] ?? null;
}
