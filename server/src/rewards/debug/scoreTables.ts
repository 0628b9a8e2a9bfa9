/** Scores of a scope as tables: those that were recorded, and the same with the column of one reward exchanged. */
import type { RewardStatus } from "@iad-r1/protocol/runs";
import { groupRows, type ScoreColumn, type ScoreTable } from "../analysis/attribution";
import type { RewardOutcome } from "../contract";
import { rolloutStatus } from "../evaluate";
import type { RolloutRow } from "../../rollouts/row";

/** @param weights of the run by recorded name; 1 for others */
export function recordedTable(rows: readonly RolloutRow[], weights: Readonly<Record<string, number>>): ScoreTable {
  const names = new Set(rows.flatMap(({ rewards }) => Object.keys(rewards ?? {})));
  const columns = [...names].map((name): ScoreColumn => {
    const scores = rows.map(({ rewards }) => rewards?.[name] ?? null);
    const status = rows.map((row, i): RewardStatus => row.status?.[name] ?? (scores[i] === null ? "na" : "ok"));
    return { name, weight: weights[name] ?? 1, scores, status };
  });
  return { columns, groups: groupRows(rows) };
}

export function columnOf(name: string, weight: number, outcomes: readonly RewardOutcome[]): ScoreColumn {
  return {
    ...{ name, weight },
    scores: outcomes.map((outcome) => (outcome.status === "ok" ? outcome.score : null)),
    status: outcomes.map(({ status }) => rolloutStatus(status)),
  };
}

/** The table with a column in place of that of the same name, or beside the others when there is none. */
export function withColumn({ columns, groups }: ScoreTable, column: ScoreColumn): ScoreTable {
  const isKnown = columns.some(({ name }) => name === column.name);
  const others = columns.map((one) => (one.name === column.name ? column : one));
  return { groups, columns: isKnown ? others : [...columns, column] };
}
