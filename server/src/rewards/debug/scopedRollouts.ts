/** The rollouts that a scope came to, with what surfaces need to name them. Plain data; read in `readScope.ts`. */
import type { RewardScope, RolloutKey, RolloutSource } from "@iad-r1/protocol/rewardDebugger";
import type { RolloutRow } from "../../rollouts/row";

export interface ScopedRollouts {
  source: RolloutSource | null;
  /** For people: "run 20260101-1, steps 12 to 19". */
  label: string;
  /** Rows of a group stand together. */
  rows: RolloutRow[];
  /** Where each row was read from, for links; line from 0. Same order as the rows. */
  places: { path: string; line: number }[];
  /** Weights of the rewards in the run, by recorded name. */
  weights: Record<string, number>;
  /** Steps that there are, rising. */
  steps: number[];
  problem: string | null;
}

export const noRollouts: ScopedRollouts = {
  ...{ source: null, label: "", rows: [], places: [], weights: {}, steps: [], problem: null },
};

export const defaultScope: RewardScope = {
  ...{ source: null, steps: null, split: "all", filter: "all", pinned: null },
};

export function keyOf({ step, group, index }: RolloutRow): RolloutKey {
  return { step: step ?? null, group, index };
}

export function isSameRollout(a: RolloutKey, b: RolloutKey): boolean {
  return a.step === b.step && a.group === b.group && a.index === b.index;
}
