/**
 * What the tools for language models answer: short JSON, because it is read by a model that pays for every word. Functions over plain data;
 * no editor and no connection in here.
 */
import type { Inspection } from "@iad-r1/protocol/inspect";
import type { EvaluationReport, RunDetails, RunListing, ScalarColumn } from "@iad-r1/protocol/runs";
import type { RewardReportAnswer } from "@iad-r1/protocol/rewardDebugger";
import type { ExploredGroup, ExploreQuery } from "@iad-r1/protocol/rollouts";

/** Curves of one answer, and points of each. */
export const maxCurves = 12;
const maxPoints = 24;
/** Runs of a list. */
const maxRuns = 20;
/** Groups of rollouts in one answer, completions of a group, and characters of one. */
export const groupsAtOnce = 3;
const maxCompletions = 16;
const maxText = 1500;

/** A curve as `runs export --json` writes it. */
export interface ExportedCurve extends ScalarColumn {
  steps: number[];
  values: number[];
}

export function inspectionText({ image, answer, location, type, anomalyScore, think }: Inspection): string {
  const verdict = answer === null ? "unreadable" : answer === "yes" ? "defect" : "no defect";
  return JSON.stringify({ image, verdict, type, location, anomalyScore, reasoning: think });
}

export function runListText(runs: readonly RunListing[]): string {
  return JSON.stringify({
    numRuns: runs.length,
    runs: runs.slice(0, maxRuns).map(({ id, project, kind, state, reason, createdMs, lastStage, lastStep, last }) => ({
      ...{ id, project, kind, state, reason, created: new Date(createdMs).toISOString() },
      ...{ lastStage, lastStep, last: rounded(last) },
    })),
  });
}

/**
 * One run with thinned curves.
 *
 * @param curves those that were asked for, in their order
 * @param names  names of all curves of the run
 */
export function runText(
  { listing, manifest, evaluations, checkpoints }: RunDetails,
  curves: readonly ExportedCurve[],
  names: readonly string[],
): string {
  const { id, project, kind, state, reason, finishedStages, lastStage, lastStep, findings } = listing;
  return JSON.stringify({
    ...{ id, project, kind, state, reason, finishedStages, lastStage, lastStep },
    device: manifest.device,
    evaluations: evaluations.map(({ label, stage, step, report }) => ({ label, stage, step, ...numbersOf(report) })),
    checkpoints: checkpoints.map(({ stage, step, balancedAccuracy, best }) => ({
      ...{ stage, step, balancedAccuracy, best },
    })),
    findings: findings.map(({ id: code, reward, step, message }) => ({ id: code, reward, step, message })),
    curveNames: names,
    curves: curves.map(({ stage, name, steps, values }) => ({
      ...{ stage, name, numPoints: steps.length },
      stepsAndValues: thinned(steps.map((step, at) => [step, round(values[at]!)])),
    })),
  });
}

/** Which completions are asked for. */
export interface RolloutWish {
  step?: number;
  verdict?: string;
  text?: string;
}

export function rolloutQuery({ step, verdict, text = "" }: RolloutWish): ExploreQuery {
  return {
    filter: {
      facets: verdict === undefined ? {} : { verdict: [verdict] },
      ranges: step === undefined ? [] : [{ column: "step", min: step, max: step }],
      ...{ text, only: null },
    },
    ...{ order: "order", descending: false },
  };
}

/**
 * Some groups of completions.
 *
 * @param run    its id
 * @param total  groups that hold what was asked for
 * @param offset of the first of `groups` among them
 */
export function rolloutsText(run: string, total: number, offset: number, groups: readonly ExploredGroup[]): string {
  const next = offset + groups.length;
  return JSON.stringify({
    ...{ run, numGroups: total, offset, nextOffset: next < total && groups.length > 0 ? next : null },
    groups: groups.map(({ row: { step, group, sampleId, label, mean, std }, solution, rollouts }) => {
      const wanted = rollouts.filter(({ matches }) => matches);
      return {
        ...{ step, group, sample: sampleId, label, truth: solution, numCompletions: rollouts.length },
        ...{ meanReward: roundedScore(mean), stdOfRewards: roundedScore(std) },
        completions: wanted.slice(0, maxCompletions).map((one) => ({
          ...{ index: one.key.index, text: shortened(one.completion), verdict: one.verdict, finish: one.finish },
          rewards: Object.fromEntries(Object.entries(one.rewards).map(([name, score]) => [name, roundedScore(score)])),
          total: roundedScore(one.total),
          advantage: roundedScore(one.advantage),
        })),
        ...(wanted.length > maxCompletions && { notShown: wanted.length - maxCompletions }),
      };
    }),
  });
}

const roundedScore = (score: number | null) => (score === null ? null : round(score));

const shortened = (text: string) => (text.length > maxText ? `${text.slice(0, maxText)} [cut]` : text);

/** What is known about the rewards of a file. */
export interface CheckedReward {
  name: string;
  /** Null where no rollouts have been scored. */
  report: RewardReportAnswer | null;
}

export function rewardText(
  file: string,
  rewards: readonly CheckedReward[],
  problems: readonly { line: number; severity: string; code: string; message: string }[],
): string {
  return JSON.stringify({
    file,
    rewards: rewards.map(({ name, report }) => ({
      name,
      ...(report === null ? { scored: "no recorded rollouts were scored with it yet" } : { report: report.markdown }),
    })),
    problems,
  });
}

/**
 * The curves that a request means: those it names, by a part of their name, or the ones that say most.
 *
 * @param wanted parts of names; empty for a choice of ours
 */
export function chooseCurves(all: readonly ExportedCurve[], wanted: readonly string[]): ExportedCurve[] {
  const telling = ["loss", "reward", "kl", "entropy", "completions/mean_length", "reward_std"];
  const parts = wanted.length === 0 ? telling : wanted;
  const matches = (name: string, part: string) =>
    wanted.length === 0 ? name === part : name.toLowerCase().includes(part.toLowerCase());
  const found = parts.flatMap((part) => all.filter(({ name }) => matches(name, part)));
  return [...new Set(found)].slice(0, maxCurves);
}

function numbersOf(report: EvaluationReport): Record<string, number | null> {
  const { numSamples, balancedAccuracy, normalAccuracy, anomalousAccuracy } = report;
  const { auroc, locationAccuracy, typeScore, unparsed, rewardTotal } = report;
  return {
    ...{ numSamples, balancedAccuracy, normalAccuracy, anomalousAccuracy },
    ...{ auroc, locationAccuracy, typeScore, unparsed, rewardTotal },
  };
}

/** First, last, and points at even distances between. */
function thinned<T>(points: readonly T[]): T[] {
  if (points.length <= maxPoints) return [...points];
  const at = (i: number) => points[Math.round((i * (points.length - 1)) / (maxPoints - 1))]!;
  return Array.from({ length: maxPoints }, (_, i) => at(i));
}

const round = (value: number) => Number(value.toPrecision(4));

function rounded(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, round(value)]));
}
