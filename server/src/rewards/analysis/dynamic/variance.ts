/** RW105, RW106 and RW107: is there a difference to learn from? A constant reward, groups without a difference, a reward that is used up. */
import { parseTags } from "../../tags";
import { isFlat, rowsByStep, type ScoreColumn, valuesAt } from "../attribution";
import {
  type Detector,
  decidingReturn,
  type Examination,
  findingAbout,
  minRollouts,
  num,
  percent,
  quote,
  type ScoredFunction,
  scopeSteps,
} from "../examination";
import type { Finding } from "../finding";
import { deviation, mean } from "../groupMath";
import { truthClass } from "../truths";

const constantDeviation = 1e-9;
const maxFlatShare = 0.5;
const saturatedShare = 0.95;
const saturatedDeviation = 0.05;
/** A reward below this share of its greatest value has room. */
const roomShare = 0.8;

export const findMissingVariance: Detector = (examination) => [
  ...findConstant(examination),
  ...findFlatGroups(examination),
  ...findSaturated(examination),
];

function findConstant({ functions }: Examination): Finding[] {
  return functions.flatMap((scored): Finding[] => {
    const present = scored.scores.filter((score) => score !== null);
    if (present.length < minRollouts || deviation(present, "population") >= constantDeviation) return [];
    const value = present[0]!;
    const range = scored.declaration.range;
    const where =
      range !== null && value >= range.max
        ? ", the greatest it declares"
        : range !== null && value <= range.min
          ? ", the least it declares"
          : "";
    return [
      findingAbout(
        scored,
        "RW105",
        `${scored.declaration.name} gives ${num(value)}${where} for all ${present.length} completions: nothing can be learnt from it. Look at the expression that decides; a comparison or pattern probably ${value === 0 ? "never" : "always"} holds.`,
        {
          rows: scored.scores.flatMap((score, row) => (score === null ? [] : [row])),
          numbers: { value, rollouts: present.length },
          at: decidingReturn(scored),
        },
      ),
    ];
  });
}

/** Why a group says nothing. */
export type FlatKind = "all-right" | "all-wrong" | "same-wrong-way";

export interface FlatGroup {
  /** Index into the groups. */
  group: number;
  kind: FlatKind;
  total: number;
}

/**
 * Groups whose totals are all equal. all-right: the total is the best that any completion with this kind of truth earned.
 * same-wrong-way: below that, and the completions say one and the same. all-wrong: below that in different words.
 */
export function flatGroups({ rows, groups, totals }: Pick<Examination, "rows" | "groups" | "totals">): FlatGroup[] {
  const ceilings = new Map<string | null, number>();
  rows.forEach((row, i) => {
    const total = totals[i];
    if (total === null || total === undefined) return;
    const key = truthClass(row);
    ceilings.set(key, Math.max(total, ceilings.get(key) ?? Number.NEGATIVE_INFINITY));
  });
  const lowest = totals.reduce<number>(
    (least, total) => (total === null ? least : Math.min(least, total)),
    Number.POSITIVE_INFINITY,
  );
  return groups.flatMap((members, group): FlatGroup[] => {
    const present = valuesAt(totals, members);
    if (present.length < 2 || !isFlat(present)) return [];
    const total = present[0]!;
    const ceiling = ceilings.get(truthClass(rows[members[0]!]!))!;
    if (total >= ceiling - 1e-9 && total > lowest + 1e-9) return [{ group, kind: "all-right", total }];
    const said = new Set(members.map((row) => whatItSays(rows[row]!.completion)));
    return [{ group, kind: said.size === 1 ? "same-wrong-way" : "all-wrong", total }];
  });
}

/** The claim of a completion without its reasoning; of a text without tags, the words. */
function whatItSays(completion: string): string {
  const { answerText, location, type } = parseTags(completion);
  const claim = answerText === null ? [completion] : [answerText, location ?? "", type ?? ""];
  return JSON.stringify(claim.map((part) => part.toLowerCase().split(/\s+/).join(" ").trim()));
}

const cures: Record<FlatKind, string> = {
  "all-right": "most are right every time: leave solved prompts out (curriculum filter)",
  "all-wrong": "most are wrong in different ways that earn the same: give partial credit, or begin with easier prompts",
  "same-wrong-way": "most say the same wrong thing every time: raise the temperature or the group size",
};

function findFlatGroups(examination: Examination): Finding[] {
  const { groups, totals, rows, functions } = examination;
  const numTotals = totals.filter((total) => total !== null).length;
  const comparable = groups.filter((members) => valuesAt(totals, members).length > 1);
  if (numTotals < minRollouts || comparable.length < 2) return [];
  // A total that never differs is told by RW105 at the reward that is constant.
  if (isFlat(totals.filter((total) => total !== null))) return [];
  const flat = flatGroups(examination);
  const share = flat.length / comparable.length;
  if (share <= maxFlatShare) return [];
  const kinds = (["all-right", "all-wrong", "same-wrong-way"] as const).map((kind) => ({
    kind,
    number: flat.filter((group) => group.kind === kind).length,
  }));
  const main = kinds.reduce((best, entry) => (entry.number > best.number ? entry : best));
  const example = flat.find(({ kind }) => kind === main.kind)!;
  const named = functions.find(({ declaration }) =>
    examination.table.columns.some(({ name }) => name === declaration.name),
  );
  if (named === undefined) return [];
  const [right, wrong, same] = kinds.map(({ number }) => number) as [number, number, number];
  return [
    findingAbout(
      named,
      "RW106",
      `In ${flat.length} of ${comparable.length} groups (${percent(share)}) all completions have the same total, so they teach nothing: ${right} all right, ${wrong} all wrong, ${same} wrong in the same way. Here ${cures[main.kind]}.`,
      {
        rows: flat.filter(({ kind }) => kind === main.kind).map(({ group }) => groups[group]![0]!),
        numbers: {
          flat: flat.length,
          groups: comparable.length,
          share,
          allRight: right,
          allWrong: wrong,
          sameWrongWay: same,
        },
        text: quote(rows[groups[example.group]![0]!]!.completion, 200),
      },
    ),
  ];
}

function findSaturated(examination: Examination): Finding[] {
  const { functions, rows, table } = examination;
  const steps = rowsByStep(rows);
  if (steps.length < scopeSteps || table.columns.length < 2) return [];
  const last = steps.slice(-scopeSteps);
  const levels = new Map(table.columns.map((column) => [column.name, levelsOf(column, functions, last, examination)]));
  return functions.flatMap((scored): Finding[] => {
    const { name } = scored.declaration;
    const own = levels.get(name) ?? null;
    if (own === null || !own.every(({ level, spread }) => level >= saturatedShare && spread < saturatedDeviation))
      return [];
    const others = [...levels].flatMap(([other, theirs]) =>
      other === name || theirs === null ? [] : [{ other, theirs }],
    );
    const growing = others.find(
      ({ theirs }) =>
        mean(theirs.map(({ level }) => level)) < roomShare && theirs.some(({ spread }) => spread >= saturatedDeviation),
    );
    if (growing === undefined) return [];
    const level = mean(own.map((entry) => entry.level));
    const otherLevel = mean(growing.theirs.map((entry) => entry.level));
    return [
      findingAbout(
        scored,
        "RW107",
        `${name} stands at ${percent(level)} of its greatest value in each of the last ${last.length} steps and hardly differs inside groups, while ${growing.other} is at ${percent(otherLevel)}: it is used up. Lower its weight, or let it gate ${growing.other} instead of adding to it.`,
        {
          rows: last.at(-1)!.rows,
          numbers: { level, otherLevel, steps: last.length, spread: Math.max(...own.map((entry) => entry.spread)) },
        },
      ),
    ];
  });
}

/** Per step: mean over the greatest value, and deviation inside groups over the range. null for a reward without a range. */
function levelsOf(
  column: Pick<ScoreColumn, "name" | "scores">,
  functions: readonly ScoredFunction[],
  steps: readonly { rows: readonly number[] }[],
  { groups }: Examination,
): { level: number; spread: number }[] | null {
  const declared = functions.find(({ declaration }) => declaration.name === column.name)?.declaration.range;
  const seen = column.scores.filter((score) => score !== null);
  const range = declared ?? (seen.length === 0 ? null : { min: Math.min(...seen), max: Math.max(...seen) });
  const greatest = seen.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  if (range === null || greatest <= range.min) return null;
  return steps.map(({ rows }) => {
    const here = new Set(rows);
    const deviations = groups
      .filter((members) => here.has(members[0]!))
      .map((members) => valuesAt(column.scores, members))
      .filter((members) => members.length > 1)
      .map((members) => deviation(members));
    // Levels count from the least value to the greatest that was seen, so that rewards below zero are measured alike.
    const level = (mean(valuesAt(column.scores, rows)) - range.min) / (greatest - range.min);
    return { level, spread: deviations.length === 0 ? 0 : mean(deviations) / (range.max - range.min) };
  });
}
