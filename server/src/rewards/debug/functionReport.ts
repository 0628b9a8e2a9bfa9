/** One reward function over the rollouts of a scope: scores, groups, trend, change. Pure. */
import type {
  ReportFreshness,
  RewardFunctionReport,
  RewardOutcomeView,
  RolloutKey,
  ScoreChange,
} from "@iad-r1/protocol/rewardDebugger";
import {
  flipsBetween,
  isFlat,
  recordedName,
  rowsByStep,
  type ScoreColumn,
  type ScoreTable,
  spreadOf,
  totalsOf,
  totalTolerance,
  valuesAt,
  varianceShares,
} from "../analysis/attribution";
import { percentile } from "../analysis/distributions";
import { mean } from "../analysis/groupMath";
import type { RewardOutcome } from "../contract";
import type { RolloutRow } from "../../rollouts/row";
import { distributionOf } from "./distribution";
import { columnOf, withColumn } from "./scoreTables";
import { isSameRollout, keyOf } from "./scopedRollouts";

const maxTrend = 64;
const maxNamed = 500;

export interface FunctionInput {
  name: string;
  /** As the file declares it; the run's own weight goes before it. */
  weight: number;
  rows: readonly RolloutRow[];
  /** As recorded. */
  recorded: ScoreTable;
  /** With the columns of everything in the file that was run. */
  current: ScoreTable;
  /** Of the code on screen, one a row; null when it was not run. */
  outcomes: readonly RewardOutcome[] | null;
  callMs: readonly number[] | null;
  /** What this code gave when it was first run here, for rewards that the run does not know. */
  first: readonly RewardOutcome[] | null;
  pinned: RolloutKey | null;
}

export function functionReport(input: FunctionInput): RewardFunctionReport {
  const { name, rows, recorded, current, outcomes, pinned } = input;
  const nameInRun = recordedName(rows, name);
  const live = outcomes === null ? null : columnOf(nameInRun ?? name, weightOf(input, nameInRun), outcomes);
  const column = live ?? recorded.columns.find((one) => one.name === nameInRun) ?? null;
  const freshness: ReportFreshness = live !== null ? "live" : column !== null ? "recorded" : "none";
  const base = { name, freshness, numRollouts: rows.length, steps: stepsOf(rows) };
  if (column === null || rows.length === 0) return { ...base, ...nothing };
  const share = varianceShares(current)[current.columns.findIndex((one) => one.name === column.name)] ?? Number.NaN;
  return {
    ...base,
    scores: distributionOf(column.scores.filter((score) => score !== null)),
    counts: countsOf(column),
    groups: groupFacts(column, current),
    timeMs: timesOf(input.callMs),
    varianceShare: Number.isNaN(share) ? null : share,
    trend: trendOf(rows, column),
    change: live === null ? null : changeOf(input, live, nameInRun),
    worst: worstOf(rows, column, current),
    pinned: pinned === null ? null : pinnedOf(rows, column, outcomes, pinned),
  };
}

/** The name and weight under which a function's scores go into the tables. */
export function columnFor(
  { name, weight, rows, recorded }: Pick<FunctionInput, "name" | "weight" | "rows" | "recorded">,
  outcomes: readonly RewardOutcome[],
): ScoreColumn {
  const nameInRun = recordedName(rows, name);
  return columnOf(nameInRun ?? name, weightOf({ weight, recorded }, nameInRun), outcomes);
}

const nothing: Omit<RewardFunctionReport, "name" | "freshness" | "numRollouts" | "steps"> = {
  ...{ scores: null, counts: { ok: 0, na: 0, error: 0 }, groups: null, timeMs: null, varianceShare: null },
  ...{ trend: [], change: null, worst: null, pinned: null },
};

function weightOf({ weight, recorded }: Pick<FunctionInput, "weight" | "recorded">, nameInRun: string | null): number {
  return recorded.columns.find(({ name }) => name === nameInRun)?.weight ?? weight;
}

export function outcomeView(outcome: RewardOutcome): RewardOutcomeView {
  if (outcome.status === "ok") return { status: "ok", score: outcome.score, reason: null };
  if (outcome.status === "error") return { status: "error", score: null, reason: outcome.message };
  return { status: "na", score: null, reason: outcome.reason };
}

function countsOf({ status }: ScoreColumn): RewardFunctionReport["counts"] {
  const counts = { ok: 0, na: 0, error: 0 };
  for (const one of status) counts[one]++;
  return counts;
}

function stepsOf(rows: readonly RolloutRow[]): RewardFunctionReport["steps"] {
  const steps = rowsByStep(rows);
  if (steps.length === 0) return null;
  return { from: steps[0]!.step, to: steps.at(-1)!.step, count: steps.length };
}

function groupFacts(column: ScoreColumn, { columns, groups }: ScoreTable): RewardFunctionReport["groups"] {
  const several = groups.filter(({ length }) => length > 1);
  if (several.length === 0) return null;
  const totals = totalsOf(columns);
  // Where a reward failed the total is unknown, which says nothing about a difference.
  const comparable = several.filter((group) => valuesAt(totals, group).length > 1);
  const { insideGroups } = spreadOf(column.scores, several);
  return {
    count: comparable.length,
    zeroVariance: comparable.filter((group) => isFlat(valuesAt(totals, group))).length,
    meanStd: Number.isNaN(insideGroups) ? 0 : insideGroups,
  };
}

function timesOf(callMs: readonly number[] | null): RewardFunctionReport["timeMs"] {
  if (callMs === null || callMs.length === 0) return null;
  const sorted = [...callMs].sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

function trendOf(rows: readonly RolloutRow[], { scores }: ScoreColumn): RewardFunctionReport["trend"] {
  return rowsByStep(rows)
    .map(({ step, rows: members }) => ({ step, values: valuesAt(scores, members) }))
    .filter(({ values }) => values.length > 0)
    .map(({ step, values }) => ({ step, mean: mean(values) }))
    .slice(-maxTrend);
}

function changeOf(input: FunctionInput, live: ScoreColumn, nameInRun: string | null): ScoreChange | null {
  const { recorded, first, rows } = input;
  if (nameInRun === null && first === null) return null;
  const before = nameInRun === null ? withColumn(recorded, columnOf(live.name, live.weight, first!)) : recorded;
  const old = before.columns.find(({ name }) => name === live.name)!.scores;
  const now = live.scores.map((score, row) => asKept(score, old[row] ?? null));
  // Of the scores themselves: a weight of 0, or a reward beside it that failed, hides them from the totals.
  const flips = rows.flatMap((_, row) => (isSameScore(old[row] ?? null, now[row]!) ? [] : [row]));
  const changes = now.flatMap((score, row) => (score === null || old[row] == null ? [] : [score - old[row]]));
  const groups = flipsBetween(before, withColumn(recorded, { ...live, scores: now }), { method: "grpo" });
  return {
    ...{ against: nameInRun === null ? "first" : "recorded", flips: flips.length, compared: rows.length },
    ...{
      deltaMean: changes.length === 0 ? 0 : mean(changes),
      regainedGroups: groups.revived.length,
      lostGroups: groups.flattened.length,
    },
    rollouts: flips.slice(0, maxNamed).map((row) => keyOf(rows[row]!)),
  };
}

/** Trainers keep scores as float32: one that could not be kept any closer is the recorded one. */
function asKept(score: number | null, recorded: number | null): number | null {
  return score !== null && Math.fround(score) === recorded ? recorded : score;
}

function isSameScore(a: number | null, b: number | null): boolean {
  return a === null || b === null ? a === b : Math.abs(a - b) <= totalTolerance;
}

/** The lowest against its group, which is where a reward hurts most; the lowest of all where groups say nothing. */
function worstOf(rows: readonly RolloutRow[], { scores }: ScoreColumn, { groups }: ScoreTable): RolloutKey | null {
  let worst: { row: number; below: number; score: number } | null = null;
  for (const group of groups) {
    const known = group.filter((row) => (scores[row] ?? null) !== null);
    const center = mean(valuesAt(scores, known));
    for (const row of known) {
      const score = scores[row]!;
      const below = center - score;
      if (worst === null || below > worst.below || (below === worst.below && score < worst.score)) {
        worst = { row, below, score };
      }
    }
  }
  return worst === null ? null : keyOf(rows[worst.row]!);
}

function pinnedOf(
  rows: readonly RolloutRow[],
  { scores, status }: ScoreColumn,
  outcomes: readonly RewardOutcome[] | null,
  pinned: RolloutKey,
): RewardOutcomeView | null {
  const at = rows.findIndex((row) => isSameRollout(keyOf(row), pinned));
  if (at < 0) return null;
  const outcome = outcomes?.[at];
  return outcome !== undefined
    ? outcomeView(outcome)
    : { status: status[at]!, score: scores[at] ?? null, reason: null };
}
