/**
 * Two versions of a reward file over the same rollouts: what each gives, which totals and advantages change, which groups gain or lose their
 * difference. A version may be in the other language: functions are matched by name. Runs both; where texts come from is decided elsewhere.
 */
import { AppError, CancelledError } from "@iad-r1/models/errors";
import type {
  ComparedFunction,
  RewardVersionComparison,
  RewardVersionScores,
  RolloutSource,
} from "@iad-r1/protocol/rewardDebugger";
import {
  advantageMethods,
  flipsBetween,
  isFlat,
  type ScoreColumn,
  type ScoreTable,
  spreadOf,
  totalsOf,
  totalTolerance,
  valuesAt,
} from "../analysis/attribution";
import type { RewardOutcome } from "../contract";
import type { RewardProgram } from "../user/program";
import type { RolloutRow } from "../../rollouts/row";
import type { RewardRunner } from "../user/runner";
import { columnFor } from "./functionReport";
import { recordedTable, withColumn } from "./scoreTables";
import { keyOf, type ScopedRollouts } from "./scopedRollouts";

const maxChanges = 500;
const maxCompletion = 200;

export interface CompareInput {
  before: RewardProgram;
  after: RewardProgram;
  rollouts: ScopedRollouts;
  start: (program: RewardProgram) => RewardRunner;
  wallMs: number;
  signal?: AbortSignal;
}

/** @throws CancelledError */
export async function compareVersions(input: CompareInput): Promise<RewardVersionComparison> {
  const { before, after, rollouts } = input;
  const { rows, weights, label, source } = rollouts;
  const recorded = recordedTable(rows, weights);
  // One after the other: two versions that keep state on disk would meet otherwise.
  const old = await scoresOf(before, input);
  const now = await scoresOf(after, input);
  const tables = [tableOf(before, old, rows, recorded), tableOf(after, now, rows, recorded)] as const;
  const names = [...new Set([...before.functions, ...after.functions].map(({ name }) => name))];
  const totals = [totalsOf(tables[0].columns), totalsOf(tables[1].columns)] as const;
  return {
    ...{ source: source satisfies RolloutSource | null, label, numRollouts: rows.length },
    numGroups: recorded.groups.length,
    functions: names.map((name) => comparedFunction(name, old.get(name), now.get(name), recorded.groups)),
    ...differences(tables, totals, rows),
  };
}

type Scores = Map<string, readonly RewardOutcome[] | AppError>;

async function scoresOf(program: RewardProgram, { rollouts, start, wallMs, signal }: CompareInput): Promise<Scores> {
  const scores: Scores = new Map();
  const runner = start(program);
  try {
    for (const { name } of program.functions) {
      try {
        const options = { wallMs, seed: 0, ...(signal !== undefined && { signal }) };
        scores.set(name, (await runner.score(name, rollouts.rows, options)).outcomes);
      } catch (error) {
        if (CancelledError.is(error) || signal?.aborted || !AppError.is(error)) throw error;
        scores.set(name, error);
      }
    }
  } finally {
    await runner.close();
  }
  return scores;
}

function tableOf(
  { functions }: RewardProgram,
  scores: Scores,
  rows: readonly RolloutRow[],
  recorded: ScoreTable,
): ScoreTable {
  return functions.reduce((table, { name, weight }) => {
    const outcomes = scores.get(name);
    if (outcomes === undefined || outcomes instanceof Error) return table;
    return withColumn(table, columnFor({ name, weight, rows, recorded }, outcomes));
  }, recorded);
}

function comparedFunction(
  name: string,
  before: readonly RewardOutcome[] | AppError | undefined,
  after: readonly RewardOutcome[] | AppError | undefined,
  groups: ScoreTable["groups"],
): ComparedFunction {
  const sides = [before, after].map((side) => (side === undefined ? null : versionScores(side, groups)));
  const flips = Array.isArray(before) && Array.isArray(after) ? numFlips(before, after) : { flips: 0, compared: 0 };
  return { name, before: sides[0]!, after: sides[1]!, ...flips };
}

function numFlips(before: readonly RewardOutcome[], after: readonly RewardOutcome[]) {
  let flips = 0;
  before.forEach((old, row) => {
    const now = after[row]!;
    const isSame =
      old.status === "ok" && now.status === "ok"
        ? Math.abs(old.score - now.score) <= totalTolerance
        : old.status === now.status;
    if (!isSame) flips++;
  });
  return { flips, compared: before.length };
}

function versionScores(side: readonly RewardOutcome[] | AppError, groups: ScoreTable["groups"]): RewardVersionScores {
  const counts = { ok: 0, na: 0, error: 0 };
  if (side instanceof Error) return { mean: null, std: null, stdInsideGroups: null, counts, problem: side.message };
  for (const { status } of side) counts[status === "ok" ? "ok" : status === "error" ? "error" : "na"]++;
  const scores = side.map((outcome) => (outcome.status === "ok" ? outcome.score : null));
  const { mean, overall, insideGroups } = spreadOf(scores, groups);
  return { mean: finite(mean), std: finite(overall), stdInsideGroups: finite(insideGroups), counts, problem: null };
}

function differences(
  [before, after]: readonly [ScoreTable, ScoreTable],
  [old, now]: readonly [(number | null)[], (number | null)[]],
  rows: readonly RolloutRow[],
): Pick<RewardVersionComparison, "totals" | "advantages" | "changes"> {
  const byMethod = advantageMethods.map((method) => ({ method, flips: flipsBetween(before, after, { method }) }));
  const { scores, revived, flattened } = byMethod[0]!.flips;
  const size = (row: number) => {
    const [was, is] = [old[row] ?? null, now[row] ?? null];
    return was === null || is === null ? Number.POSITIVE_INFINITY : Math.abs(is - was);
  };
  const largest = [...scores].sort((a, b) => size(b) - size(a) || a - b).slice(0, maxChanges);
  const flat = (totals: readonly (number | null)[]) =>
    before.groups.filter((group) => group.length > 1 && isFlat(valuesAt(totals, group))).length;
  return {
    totals: {
      ...{ meanBefore: meanOf(old, before.groups), meanAfter: meanOf(now, before.groups) },
      ...{ flatBefore: flat(old), flatAfter: flat(now) },
      ...{ regainedGroups: revived.length, lostGroups: flattened.length, flips: scores.length },
    },
    advantages: byMethod.map(({ method, flips }) => ({ method, signChanges: flips.advantages.length })),
    changes: largest.map((row) => ({
      ...{ rollout: keyOf(rows[row]!), before: old[row] ?? null, after: now[row] ?? null },
      completion: rows[row]!.completion.slice(0, maxCompletion),
    })),
  };
}

function meanOf(totals: readonly (number | null)[], groups: ScoreTable["groups"]): number | null {
  return finite(spreadOf(totals, groups).mean);
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The recorded columns of a scope in numbers, for rewards whose code is not at hand. */
export function recordedColumns({ rows, weights }: ScopedRollouts): {
  name: string;
  weight: number;
  mean: number | null;
  counts: { ok: number; na: number; error: number };
}[] {
  return recordedTable(rows, weights).columns.map(({ name, weight, scores, status }: ScoreColumn) => {
    const counts = { ok: 0, na: 0, error: 0 };
    for (const one of status) counts[one]++;
    const present = scores.filter((score) => score !== null);
    const sum = present.reduce((all, score) => all + score, 0);
    return { name, weight, mean: present.length === 0 ? null : sum / present.length, counts };
  });
}
