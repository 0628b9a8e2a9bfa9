/** RW108 and RW109: how several rewards share one total, and what the sum hides. */
import { counted } from "@iad-r1/models/util/counted";
import { isFlat, totalTolerance, valuesAt, varianceShares } from "../attribution";
import {
  type Detector,
  type Examination,
  findingAbout,
  minRollouts,
  num,
  percent,
  type ScoredFunction,
} from "../examination";
import type { Finding } from "../finding";
import { deviation } from "../groupMath";

const maxVarianceShare = 0.8;
/** Share of the groups with different tuples in which some of them end in one total. */
const maxCollapsedShare = 0.2;
const minCollapsedGroups = 4;

export const findUnevenComponents: Detector = (examination) => {
  const { table, totals } = examination;
  if (table.columns.length < 2 || totals.filter((total) => total !== null).length < minRollouts) return [];
  return [...findDominant(examination), ...findCollapsed(examination)];
};

/** Where a finding about a reward stands: at the function; for one from elsewhere, at the first of this file. */
function functionNamed({ functions }: Examination, name: string): ScoredFunction {
  return functions.find(({ declaration }) => declaration.name === name) ?? functions[0]!;
}

function findDominant(examination: Examination): Finding[] {
  const { table } = examination;
  const shares = varianceShares(table);
  const varies = table.columns.map(({ scores }) => table.groups.some((group) => !isFlat(valuesAt(scores, group))));
  // With the others silent there is nobody to drown out: that is RW105 or RW107.
  if (varies.filter(Boolean).length < 2) return [];
  return table.columns.flatMap(({ name, weight, scores }, i): Finding[] => {
    const share = shares[i]!;
    if (!(share > maxVarianceShare)) return [];
    const others = table.columns.flatMap((column, j) => (j === i || !varies[j] ? [] : [column]));
    const spread = weight * deviation(scores.filter((score) => score !== null));
    const loudest = Math.max(
      ...others.map((other) => Math.abs(other.weight) * deviation(other.scores.filter((score) => score !== null))),
    );
    return [
      findingAbout(
        functionNamed(examination, name),
        "RW108",
        `${name} makes ${percent(share)} of the total's variance inside groups; ${others.map((other) => other.name).join(", ")} hardly matter${others.length === 1 ? "s" : ""} (deviation ${num(spread)} against ${num(loudest)} over all). Bring the scales together with weights, or normalise each reward by itself (GDPO).`,
        {
          rows: table.groups.filter((group) => !isFlat(valuesAt(scores, group))).map((group) => group[0]!),
          numbers: { share, deviation: spread, loudestOther: loudest },
        },
      ),
    ];
  });
}

function findCollapsed(examination: Examination): Finding[] {
  const { table, totals, rows } = examination;
  const collapsed: { group: readonly number[]; pair: [number, number]; cancelled: boolean }[] = [];
  let numDiffering = 0;
  let numTuples = 0;
  let numTotals = 0;
  for (const group of table.groups) {
    const members = group.filter((row) => totals[row] !== null);
    const tuples = new Map<string, number>();
    for (const row of members) {
      const tuple = JSON.stringify(table.columns.map(({ scores }) => scores[row] ?? null));
      if (!tuples.has(tuple)) tuples.set(tuple, row);
    }
    if (tuples.size < 2) continue;
    numDiffering++;
    const kept = [...tuples.values()];
    const distinct: number[] = [];
    let pair: [number, number] | null = null;
    for (const row of kept) {
      const twin = distinct.find((other) => Math.abs(totals[row]! - totals[other]!) <= totalTolerance);
      if (twin === undefined) distinct.push(row);
      else pair ??= [twin, row];
    }
    numTuples += tuples.size;
    numTotals += distinct.length;
    if (pair !== null) collapsed.push({ group: members, pair, cancelled: distinct.length === 1 });
  }
  const share = collapsed.length / numDiffering;
  if (collapsed.length < minCollapsedGroups || share <= maxCollapsedShare) return [];
  const [left, right] = collapsed[0]!.pair;
  const tuple = (row: number) =>
    `(${table.columns.map(({ name, scores }) => `${name} ${scores[row] === null ? "n/a" : num(scores[row]!)}`).join(", ")})`;
  const numCancelled = collapsed.filter(({ cancelled }) => cancelled).length;
  return [
    findingAbout(
      functionNamed(examination, table.columns[0]!.name),
      "RW109",
      `In ${collapsed.length} of ${numDiffering} groups (${percent(share)}) completions with different rewards get one advantage, because the sum is the same: ${tuple(left)} and ${tuple(right)} both total ${num(totals[left]!)}. Over all groups ${numTuples} different results become ${numTotals} advantages. Normalise each reward by itself (GDPO), or give unequal weights.${numCancelled > 0 ? ` In ${counted(numCancelled, "group")} they cancel exactly; no rescaling of the total brings those back.` : ""}`,
      {
        rows: collapsed.flatMap(({ pair }) => pair),
        numbers: {
          collapsed: collapsed.length,
          differing: numDiffering,
          share,
          tuples: numTuples,
          advantages: numTotals,
          cancelled: numCancelled,
        },
        text: `${rows[left]!.completion.slice(0, 100)} | ${rows[right]!.completion.slice(0, 100)}`,
      },
    ),
  ];
}
