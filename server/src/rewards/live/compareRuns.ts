/**
 * The self-check of live values: an instrumented run must end as the plain run did. Where it does not, the values of the file must not be shown.
 */
import type { RewardOutcome } from "../contract";

export interface RunComparison {
  same: boolean;
  /** The rows that ended differently, at most 20. */
  differences: { row: number; plain: string; instrumented: string }[];
  /** For people, when not the same. */
  reason: string | null;
}

export function compareRuns(plain: readonly RewardOutcome[], instrumented: readonly RewardOutcome[]): RunComparison {
  const differences: RunComparison["differences"] = [];
  const rows = Math.max(plain.length, instrumented.length);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const [a, b] = [outcomeText(plain[row]), outcomeText(instrumented[row])];
    if (a === b) continue;
    count++;
    if (differences.length < 20) differences.push({ row, plain: a, instrumented: b });
  }
  const first = differences[0];
  return {
    same: count === 0,
    differences,
    reason:
      first === undefined
        ? null
        : `Live values are off for this file: with them, ${count} of ${rows} rows ended differently (row ${first.row}: ${first.plain} without, ${first.instrumented} with). The scores shown are those without.`,
  };
}

/**
 * V8 prints the code in some messages: `f(...).x is not a function`, `Cannot destructure property 'a' of 'b.c' as it is undefined.`
 * There the instrumented code looks different, and whether a value "is not iterable" or its iterator "is not a function" depends on how
 * the code was written; what is said about the value is the same.
 */
export function comparableMessage(message: string): string {
  return message
    .replace(
      /(^|: )Spread syntax requires \.\.\.iterable\[Symbol\.iterator\] to be a function$/s,
      "$1… is not iterable",
    )
    .replace(/(^|: )[^:]*? is not (?:a function|(?:async )?iterable)\b.*$/s, "$1… is not a function or not iterable")
    .replace(/(^|: )[^:]*? is not a constructor\b.*$/s, "$1… is not a constructor")
    .replace(
      /(^|: )Cannot destructure (.*?)'[^']*' as it is (undefined|null)\.$/s,
      "$1Cannot destructure $2… as it is $3.",
    );
}

function outcomeText(outcome: RewardOutcome | undefined): string {
  if (outcome === undefined) return "no outcome";
  switch (outcome.status) {
    case "ok": {
      const notes = Object.entries(outcome.notes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      const text = Object.is(outcome.score, -0) ? "-0" : String(outcome.score);
      return notes.length === 0 ? text : `${text} ${JSON.stringify(notes)}`;
    }
    case "not-applicable":
      return `not applicable: ${outcome.reason}`;
    case "error":
      return `error: ${comparableMessage(outcome.message)}`;
  }
}
