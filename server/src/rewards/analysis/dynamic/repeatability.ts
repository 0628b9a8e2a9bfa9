/** RW115 and RW116: does the same completion get the same score again, and beside other completions? */

import { counted } from "@iad-r1/models/util/counted";
import type { RewardProgram } from "../../user/program";
import type { BatchResult } from "../../user/runner";
import type { RolloutRow } from "../../../rollouts/row";
import { type Detector, type Examination, findingAbout, num, type ScoredFunction } from "../examination";
import type { Finding, FindingFix } from "../finding";

/** As many rows as make the question worth asking; whole groups. */
const maxRows = 128;
/** Batches of an odd size: no group fits into them. */
const splitSize = 3;

export const findUnstableScores: Detector = async (examination) => {
  const findings: Finding[] = [];
  const wholeGroups = groupsWithin(examination);
  for (const scored of examination.functions) {
    if (scored.result === null) continue;
    const unstable =
      (await findRandomness(examination, scored)) ?? (await findBatchEffects(examination, scored, wholeGroups));
    if (unstable !== null) findings.push(unstable);
  }
  return findings;
};

function groupsWithin({ groups }: Examination): number[][] {
  const kept: number[][] = [];
  let numRows = 0;
  for (const group of groups) {
    if (kept.length > 0 && numRows + group.length > maxRows) break;
    kept.push([...group]);
    numRows += group.length;
  }
  return kept;
}

/** A second run over everything, in the same order, against the first: random numbers, clocks, and state that is kept. */
async function findRandomness({ rows, rescore }: Examination, scored: ScoredFunction): Promise<Finding | null> {
  const { name } = scored.declaration;
  const changed = changedRows(scored.result!, await rescore(name, rows));
  if (changed.length === 0) return null;
  const { at, before, after } = largest(changed);
  return findingAbout(
    scored,
    "RW115",
    `${name} is not deterministic: two runs over the same ${rows.length} completions differ on ${changed.length} (${before} and then ${after}). Differences of chance become advantages. Use the seeded random numbers, keep no state between calls, or declare it a judge and average several answers.`,
    {
      rows: changed.map(({ at: row }) => row),
      numbers: { changed: changed.length, rows: rows.length },
      text: `${before} → ${after}; row ${at}`,
    },
  );
}

async function findBatchEffects(
  { rows, rescore, program }: Examination,
  scored: ScoredFunction,
  wholeGroups: readonly (readonly number[])[],
): Promise<Finding | null> {
  const { name, scope } = scored.declaration;
  const chosen = wholeGroups.flat();
  const base = await rescore(
    name,
    chosen.map((row) => rows[row]!),
  );
  // A trainer gives whole groups in any order; only a function that says "batch" in so many words is given anything else.
  const shuffledGroups = interleave(wholeGroups).flat();
  const shuffled = await scoreAt(shuffledGroups, rows, (part) => rescore(name, part));
  const amongGroups = compare(base, chosen, shuffled);
  if (scope === "group") {
    return amongGroups.length === 0
      ? null
      : batchFinding(
          scored,
          amongGroups,
          "when the groups stand in another order",
          "Let a group's scores depend on that group alone.",
        );
  }
  const spread = await scoreAt([...chosen].reverse(), rows, (part) => rescore(name, part, { batchSize: splitSize }));
  const amongRows = compare(base, chosen, spread);
  if (amongGroups.length === 0 && amongRows.length === 0) return null;
  const cure =
    amongGroups.length === 0
      ? 'Declare scope: "group", so that it is always given all completions of a prompt'
      : 'Score each completion by itself, or declare scope: "group" and compare inside groups only';
  const fixes = amongGroups.length === 0 && amongRows.length > 0 ? scopeFix(program, scored) : [];
  return {
    ...batchFinding(
      scored,
      amongRows.length > 0 ? amongRows : amongGroups,
      "when the same completions come in another order and in smaller batches",
      `${cure}.`,
    ),
    fixes,
  };
}

/** The marker comment above a Python function, written or completed; TypeScript would need other code to see its peers. */
function scopeFix({ source, language }: RewardProgram, { declaration }: ScoredFunction): FindingFix[] {
  if (language !== "python") return [];
  const lineStart = source.lastIndexOf("\n", declaration.bodySpan[0] - 1) + 1;
  const aboveStart = source.lastIndexOf("\n", lineStart - 2) + 1;
  const above = source.slice(aboveStart, Math.max(aboveStart, lineStart - 1));
  const title = "Declare that it scores groups";
  if (above.includes("iad-r1: reward")) {
    const at = aboveStart + above.indexOf("iad-r1: reward") + "iad-r1: reward".length;
    return [{ title, edits: [{ start: at, end: at, text: " scope=group" }] }];
  }
  // A marker must stand above the decorators, whose place is not known here.
  if (above.trimStart().startsWith("@")) return [];
  return [{ title, edits: [{ start: lineStart, end: lineStart, text: "# iad-r1: reward scope=group\n" }] }];
}

interface Change {
  /** Place among the rows that were compared, or the row itself. */
  at: number;
  before: string;
  after: string;
  size: number;
}

function batchFinding(scored: ScoredFunction, changed: readonly Change[], how: string, cure: string): Finding {
  const { before, after } = largest(changed);
  return findingAbout(
    scored,
    "RW116",
    `${scored.declaration.name} gives ${counted(changed.length, "completion")} another score ${how} (${before} becomes ${after}): the score depends on what else is in the batch, which differs with batch size and number of devices. ${cure}`,
    { rows: changed.map(({ at }) => at), numbers: { changed: changed.length }, text: `${before} → ${after}` },
  );
}

/** Second half first, in turns: no group keeps its neighbours, every group keeps its order. */
function interleave(groups: readonly (readonly number[])[]): (readonly number[])[] {
  const half = Math.ceil(groups.length / 2);
  return groups
    .slice(half)
    .flatMap((group, i) => (groups[i] === undefined ? [group] : [group, groups[i]]))
    .concat(groups.slice(groups.length - half, half));
}

/** Outcomes by row, scored in the given order. */
async function scoreAt(
  order: readonly number[],
  rows: readonly RolloutRow[],
  score: (part: RolloutRow[]) => Promise<BatchResult>,
): Promise<Map<number, BatchResult["outcomes"][number]>> {
  const { outcomes } = await score(order.map((row) => rows[row]!));
  return new Map(order.map((row, i) => [row, outcomes[i]!]));
}

function compare(
  base: BatchResult,
  chosen: readonly number[],
  other: ReadonlyMap<number, BatchResult["outcomes"][number]>,
): Change[] {
  return chosen.flatMap((row, i) => {
    const [before, after] = [base.outcomes[i]!, other.get(row)];
    const change = after === undefined ? null : difference(before, after);
    return change === null ? [] : [{ at: row, ...change }];
  });
}

function changedRows(first: BatchResult, second: BatchResult): Change[] {
  return first.outcomes.flatMap((before, i) => {
    const change = difference(before, second.outcomes[i]!);
    return change === null ? [] : [{ at: i, ...change }];
  });
}

/** A wrong number of values is told by RW101, and an exception that takes its batch along by RW104: no differences here. */
function difference(
  before: BatchResult["outcomes"][number],
  after: BatchResult["outcomes"][number],
): Omit<Change, "at"> | null {
  if (before.status === "error" || after.status === "error") return null;
  if (before.status === "ok" && after.status === "ok") {
    const size = Math.abs(before.score - after.score);
    return size > 1e-9 ? { before: num(before.score), after: num(after.score), size } : null;
  }
  return before.status === after.status
    ? null
    : { before: word(before), after: word(after), size: Number.POSITIVE_INFINITY };
}

function word(outcome: BatchResult["outcomes"][number]): string {
  return outcome.status === "ok" ? num(outcome.score) : "not applicable";
}

function largest(changed: readonly Change[]): Change {
  return changed.reduce((most, change) => (change.size > most.size ? change : most));
}
