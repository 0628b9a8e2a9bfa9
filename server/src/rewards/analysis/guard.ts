/**
 * The checks that go along with training: what a step's rollouts alone can show, without calling a reward again. Pure; the
 * loop decides what to do with a finding, `shouldPause` says which ones may stop a run.
 */
import { counted } from "@iad-r1/models/util/counted";
import type { RolloutRow } from "../../rollouts/row";
import { groupRows, rowsByStep, type ScoreColumn, totalsOf, valuesAt } from "./attribution";
import { flatShare } from "./dynamic/lengths";
import { num, percent, quote, scopeSteps } from "./examination";
import type { FindingId, FindingSeverity } from "./finding";
import { deviation } from "./groupMath";

/** One reward of the run, as it was recorded. */
export interface GuardedReward {
  name: string;
  weight: number;
  /** Declared least score; null where none is known. */
  least?: number | null;
}

export interface GuardSettings {
  rewards: readonly GuardedReward[];
  /** Of `iadr1.training.pauseOn`: findings that may pause the run. */
  pauseOn: readonly FindingId[];
}

/** A finding of the guard: about a reward of the run, not about a place in a file, which may have changed since. */
export interface GuardFinding {
  id: FindingId;
  severity: FindingSeverity;
  /** null for the total. */
  reward: string | null;
  message: string;
  numbers: Record<string, number>;
  /** Indices into the rows; the most telling first, at most 32. */
  rows: number[];
}

const maxErrorShare = 0.05;
const maxFlatShare = 0.5;
const pausingFlatShare = 0.9;
const minRows = 64;
const maxListed = 32;

/**
 * What the last steps show, for a guard that is called after each step.
 *
 * @param rows records of the last steps (8 are enough), with rewards, status and total as they were recorded; failures are
 *             told apart by `columns.errors`, a map from reward name to its message, where it is known
 */
export function guardRollouts(
  rows: readonly RolloutRow[],
  { rewards }: Pick<GuardSettings, "rewards">,
): GuardFinding[] {
  if (rows.length === 0) return [];
  const columns = rewards.map(
    ({ name, weight }): ScoreColumn => ({
      ...{ name, weight },
      scores: rows.map((row) => row.rewards?.[name] ?? null),
      status: rows.map((row) => row.status?.[name] ?? (row.rewards?.[name] === undefined ? "na" : "ok")),
    }),
  );
  return [
    ...columns.flatMap((column, i) => [...failures(column, rows), ...constant(column, rewards[i]!.least ?? null)]),
    ...flat(columns, rows),
    ...clipped(rows),
  ];
}

/**
 * Whether a finding may pause the run by the settings: flat groups only once nearly all are flat, for eight steps; a constant reward only
 * where it is the least, because the greatest may be deserved.
 */
export function shouldPause(
  findings: readonly GuardFinding[],
  { pauseOn }: Pick<GuardSettings, "pauseOn">,
): GuardFinding | null {
  return (
    findings.find(
      ({ id, numbers }) =>
        pauseOn.includes(id) &&
        (id !== "RW105" || numbers.isLeast === 1) &&
        (id !== "RW106" ||
          (numbers.share! > pausingFlatShare &&
            numbers.steps! >= scopeSteps &&
            numbers.leastShare! > pausingFlatShare)),
    ) ?? null
  );
}

/** RW104: the checker failed, which is neither right nor wrong. */
function failures({ name, status }: ScoreColumn, rows: readonly RolloutRow[]): GuardFinding[] {
  const failed = status.flatMap((entry, i) => (entry === "error" ? [i] : []));
  const share = failed.length / rows.length;
  if (failed.length === 0 || share <= maxErrorShare) return [];
  const errors = rows[failed[0]!]!.columns.errors as Record<string, unknown> | undefined;
  const message = typeof errors?.[name] === "string" ? `: ${quote(errors[name], 120)}` : "";
  return [
    {
      ...{ id: "RW104", severity: "warning", reward: name, rows: failed.slice(0, maxListed) },
      message: `${name} failed on ${counted(failed.length, "completion")} of ${rows.length} (${percent(share)})${message}. They count for nothing; correct the reward and swap it in.`,
      numbers: { failed: failed.length, share },
    },
  ];
}

/** RW105 */
function constant({ name, scores }: ScoreColumn, least: number | null): GuardFinding[] {
  const present = scores.filter((score) => score !== null);
  if (present.length < minRows || deviation(present, "population") >= 1e-9) return [];
  return [
    {
      ...{
        id: "RW105",
        severity: "warning",
        reward: name,
        rows: scores.flatMap((score, i) => (score === null ? [] : [i])).slice(0, maxListed),
      },
      message: `${name} gave ${num(present[0]!)} for all of the last ${present.length} completions: nothing can be learnt from it.`,
      numbers: { value: present[0]!, rollouts: present.length, isLeast: present[0] === least ? 1 : 0 },
    },
  ];
}

/** RW106, with the share of every step, because one easy step is no reason to pause. */
function flat(columns: readonly ScoreColumn[], rows: readonly RolloutRow[]): GuardFinding[] {
  const totals = columns.length > 0 ? totalsOf(columns) : rows.map(({ total }) => total ?? null);
  const groups = groupRows(rows);
  const comparable = groups.filter((group) => valuesAt(totals, group).length > 1);
  const share = flatShare(totals, groups);
  if (totals.filter((total) => total !== null).length < minRows || comparable.length < 2 || share <= maxFlatShare)
    return [];
  const steps = rowsByStep(rows);
  const shares = steps.map(({ rows: inStep }) => {
    const here = new Set(inStep);
    return flatShare(
      totals,
      groups.filter((group) => here.has(group[0]!)),
    );
  });
  return [
    {
      ...{
        id: "RW106",
        severity: "warning",
        reward: null,
        rows: comparable.map((group) => group[0]!).slice(0, maxListed),
      },
      message: `In ${percent(share)} of the groups of the last ${counted(Math.max(1, steps.length), "step")} all completions have the same total: they teach nothing. Raise the temperature or the group size, leave out what is solved, or give partial credit.`,
      numbers: {
        share,
        groups: comparable.length,
        steps: steps.length,
        leastShare: shares.length === 0 ? share : Math.min(...shares),
      },
    },
  ];
}

/** RW122: most failures are completions that had no room to finish. */
function clipped(rows: readonly RolloutRow[]): GuardFinding[] {
  const totals = rows.map(({ total }) => total ?? null);
  const present = totals.filter((total) => total !== null);
  const least = Math.min(...present);
  if (present.length < minRows || Math.max(...present) - least < 1e-9) return [];
  const failed = totals.flatMap((total, i) => (total !== null && total <= least + 1e-9 ? [i] : []));
  const cut = failed.filter((row) => rows[row]!.finish === "length");
  const share = cut.length / failed.length;
  if (cut.length < 4 || share <= 0.5) return [];
  return [
    {
      ...{ id: "RW122", severity: "warning", reward: null, rows: cut.slice(0, maxListed) },
      message: `${cut.length} of the ${failed.length} completions with the least total (${percent(share)}) were cut off at the length limit. Raise the limit, or mask cut-off completions.`,
      numbers: { cut: cut.length, failed: failed.length, share },
    },
  ];
}
