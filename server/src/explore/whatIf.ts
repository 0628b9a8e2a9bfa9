/** One completion with another text: its rewards, its total, its advantage among the completions that it was generated with. */
import type { WhatIfAnswer } from "@iad-r1/protocol/rollouts";
import { advantagesOf } from "../rewards/analysis/attribution";
import { rolloutStatus, scoreCompletions } from "../rewards/evaluate";
import { createRewardRegistry } from "../rewards/registry";
import type { RolloutRow } from "../rollouts/row";
import { answerOf, labelOf, verdictOf } from "../rollouts/verdict";
import { scoreTable } from "./advantages";

/**
 * Scores the built-in rewards that the rollout was scored with; without any, those of the preset `iad-r1`.
 *
 * @param group the rows of the group, recorded
 * @param place of the row in the group
 */
export function whatIf(
  group: readonly RolloutRow[],
  place: number,
  completion: string,
  weights: Readonly<Record<string, number>>,
): WhatIfAnswer {
  const registry = createRewardRegistry();
  const row = group[place]!;
  const recorded = Object.keys(row.rewards ?? {});
  const builtIn = recorded.filter((name) => registry.functions.has(name));
  const rewards = registry.resolve(
    builtIn.length === 0 ? ["iad-r1"] : builtIn.map((name) => ({ name, weight: weights[name] ?? 1 })),
  );
  // All completions, because a reward may look at the whole group.
  const inputs = group.map((each, i) => ({
    completion: i === place ? completion : each.completion,
    solution: each.solution ?? each.columns.solution,
    columns: each.columns,
  }));
  const scored = scoreCompletions(rewards, inputs, { groupSize: group.length })[place]!;
  const isScored = new Set(rewards.map(({ reward }) => reward.name));
  const edited = group.map((each, i): RolloutRow => {
    if (i !== place || recorded.length === 0) return each;
    const status = Object.fromEntries(builtIn.map((name) => [name, rolloutStatus(scored.status[name]!)]));
    const scores = Object.fromEntries(builtIn.map((name) => [name, scored.scores[name] ?? null]));
    return { ...each, rewards: { ...each.rewards, ...scores }, status: { ...each.status, ...status } };
  });
  const table = scoreTable(edited, [edited.map((_, i) => i)], weights);
  const known = table.columns.map(({ weight, scores, status }) => ({
    weight,
    score: scores[place] ?? null,
    status: status[place],
  }));
  const applied = known.filter(({ score }) => score !== null);
  const hasFailed = known.some(({ status }) => status === "error");
  return {
    rewards: rewards.map(({ reward: { name } }) => ({
      name,
      status: rolloutStatus(scored.status[name]!),
      score: scored.scores[name] ?? null,
      reason: text(scored.notes[name]?.reason ?? scored.notes[name]?.error),
      recorded: row.rewards?.[name] ?? null,
    })),
    notScored: recorded.filter((name) => !isScored.has(name)),
    total:
      recorded.length === 0
        ? scored.total
        : hasFailed || applied.length === 0
          ? null
          : applied.reduce((sum, { weight, score }) => sum + weight * score!, 0),
    advantage: table.columns.length === 0 ? null : (advantagesOf(table, { method: "grpo" })[place] ?? null),
    verdict: verdictOf(answerOf(completion), labelOf(row.solution)),
  };
}

function text(note: unknown): string | null {
  return typeof note === "string" ? note : null;
}
