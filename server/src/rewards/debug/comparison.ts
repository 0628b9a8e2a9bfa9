/** What an edit of a reward changes: rows that get another score, and groups that gain or lose their difference. */
import type { RolloutKey, ScoreChange } from "@iad-r1/protocol/rewardDebugger";

/** Scores closer than this are the same. */
export const sameScore = 1e-9;
const maxNamed = 500;

export interface ComparisonInput {
  against: ScoreChange["against"];
  /** One for each row; null where the reward gave no number. */
  before: readonly (number | null)[];
  after: readonly (number | null)[];
  /** Totals with the score before and after; null where unknown. */
  totalsBefore: readonly (number | null)[];
  totalsAfter: readonly (number | null)[];
  groups: readonly (readonly number[])[];
  keyOf: (row: number) => RolloutKey;
}

export function compareScores(input: ComparisonInput): ScoreChange {
  const { before, after, groups, against } = input;
  const flipped: number[] = [];
  const sums = { before: 0, after: 0, both: 0 };
  after.forEach((score, row) => {
    const old = before[row] ?? null;
    if (differs(old, score)) flipped.push(row);
    if (old !== null && score !== null) {
      sums.before += old;
      sums.after += score;
      sums.both++;
    }
  });
  let regainedGroups = 0;
  let lostGroups = 0;
  for (const group of groups) {
    const wasFlat = isFlat(group, input.totalsBefore);
    const nowFlat = isFlat(group, input.totalsAfter);
    if (wasFlat && !nowFlat) regainedGroups++;
    if (!wasFlat && nowFlat) lostGroups++;
  }
  return {
    ...{ against, flips: flipped.length, compared: after.length, regainedGroups, lostGroups },
    deltaMean: sums.both === 0 ? 0 : (sums.after - sums.before) / sums.both,
    rollouts: flipped.slice(0, maxNamed).map(input.keyOf),
  };
}

/** Rows whose score is another one. */
export function differs(a: number | null, b: number | null): boolean {
  if (a === null || b === null) return a !== b;
  return Math.abs(a - b) > sameScore;
}

/** All known totals of a group are equal; a group of one, or without two known totals, says nothing either way and is flat. */
export function isFlat(group: readonly number[], totals: readonly (number | null)[]): boolean {
  const known = group.map((row) => totals[row] ?? null).filter((total) => total !== null);
  return known.length < 2 || Math.max(...known) - Math.min(...known) <= sameScore;
}
