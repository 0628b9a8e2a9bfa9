/** What other conventions would make of the rewards of one recorded step: the numbers for one of its groups. */
import type { AdvantageTable } from "@iad-r1/protocol/rollouts";
import { advantageMethods, advantagesOf, type ScoreTable, spreadOf, totalsOf } from "../rewards/analysis/attribution";
import type { RolloutRow } from "../rollouts/row";

/**
 * @param rows  all rows of the step, because two of the conventions look at the whole batch
 * @param group rows of the group, as places in `rows`
 */
export function advantageTable(
  rows: readonly RolloutRow[],
  groups: readonly (readonly number[])[],
  group: readonly number[],
  weights: Readonly<Record<string, number>>,
): AdvantageTable {
  const table = scoreTable(rows, groups, weights);
  const totals = totalsOf(table.columns);
  const spread = spreadOf(totals, table.groups);
  const inGroup = spreadOf(
    group.map((row) => totals[row] ?? null),
    [group.map((_, i) => i)],
  );
  return {
    recorded: group.map((row) => rows[row]!.advantage ?? null),
    methods: advantageMethods.map((method) => {
      const all = advantagesOf(table, { method });
      return { method, advantages: group.map((row) => all[row]!) };
    }),
    overall: { count: spread.count, std: finite(spread.overall) },
    insideGroups: { count: inGroup.count, std: finite(spread.insideGroups) },
    assumedWeights: table.columns.map(({ name }) => name).filter((name) => weights[name] === undefined),
  };
}

export function scoreTable(
  rows: readonly RolloutRow[],
  groups: readonly (readonly number[])[],
  weights: Readonly<Record<string, number>>,
): ScoreTable {
  const names = [...new Set(rows.flatMap(({ rewards }) => Object.keys(rewards ?? {})))];
  return {
    groups,
    columns: names.map((name) => ({
      name,
      weight: weights[name] ?? 1,
      scores: rows.map(({ rewards }) => rewards?.[name] ?? null),
      status: rows.map(({ rewards, status }) => status?.[name] ?? (rewards?.[name] == null ? "na" : "ok")),
    })),
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
