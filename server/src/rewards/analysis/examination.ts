/**
 * One reward file with the rollouts it is examined on, and what its functions said about them: what every detector is
 * given. Scores come from a runner through `rescore`; nothing here runs code or reads files.
 */
import type { AppError } from "@iad-r1/models/errors";
import type { RewardStatus } from "@iad-r1/protocol/runs";
import { rolloutStatus } from "../evaluate";
import type { RewardDeclaration, RewardProgram } from "../user/program";
import type { BatchResult, ScoreOptions } from "../user/runner";
import type { RolloutRow } from "../../rollouts/row";
import { groupRows, recordedName, rowsByStep, type ScoreColumn, type ScoreTable, totalsOf } from "./attribution";
import {
  type Finding,
  type FindingFix,
  type FindingProbe,
  type FindingId,
  maxEvidenceRows,
  severityOf,
} from "./finding";

/** Scores rows with one function of the program; the runner's `score`. */
export type Rescore = (name: string, rows: readonly RolloutRow[], options?: ScoreOptions) => Promise<BatchResult>;

/** One function with its outcomes on all rows. */
export interface ScoredFunction {
  declaration: RewardDeclaration;
  /** null when it could not be run to the end; `error` says why. */
  result: BatchResult | null;
  error: AppError | null;
  /** One per row; null unless the status is "ok". */
  scores: (number | null)[];
  status: RewardStatus[];
}

export interface Examination {
  program: RewardProgram;
  rows: readonly RolloutRow[];
  /** Row indices of each group. */
  groups: readonly number[][];
  functions: readonly ScoredFunction[];
  /** What makes up the total: functions of the file, and recorded rewards of the same run from elsewhere. */
  table: ScoreTable;
  totals: readonly (number | null)[];
  rescore: Rescore;
  /** What the prompts would be today, as SHA-256 by sample id; from whoever can render them. */
  promptHashes?: ReadonlyMap<string, string>;
}

/** Finds the problems of one family. */
export type Detector = (examination: Examination) => Finding[] | Promise<Finding[]>;

/** Findings about frequencies want at least so many rollouts. */
export const minRollouts = 64;
/** Of a run, the last steps are looked at. */
export const scopeSteps = 8;

/** The rows of the last recorded steps; all rows where steps are not recorded. */
export function rowsInScope(rows: readonly RolloutRow[], numSteps = scopeSteps): RolloutRow[] {
  const steps = rowsByStep(rows);
  if (steps.length <= numSteps) return [...rows];
  const first = steps.at(-numSteps)!.step;
  return rows.filter(({ step }) => step !== undefined && step >= first);
}

/**
 * Puts the pieces together. Where rows carry recorded rewards, only functions that the run used make up the total; a file
 * may hold others.
 *
 * @param results by function name: what the runner gave, or why it gave nothing
 * @param weights of the run, by recorded name; where it has none, those of the file count
 */
export function makeExamination(
  program: RewardProgram,
  rows: readonly RolloutRow[],
  results: ReadonlyMap<string, BatchResult | AppError>,
  rescore: Rescore,
  weights: Readonly<Record<string, number>> = {},
): Examination {
  const functions = program.functions.map((declaration): ScoredFunction => {
    const result = results.get(declaration.name);
    if (result === undefined || result instanceof Error) {
      return {
        ...{ declaration, result: null, error: result ?? null },
        scores: rows.map(() => null),
        status: rows.map(() => "error" as const),
      };
    }
    return {
      ...{ declaration, result, error: null },
      scores: result.outcomes.map((outcome) => (outcome.status === "ok" ? outcome.score : null)),
      status: result.outcomes.map(({ status }) => rolloutStatus(status)),
    };
  });
  const groups = groupRows(rows);
  const recorded = new Set(rows.flatMap(({ rewards }) => Object.keys(rewards ?? {})));
  const inRun = new Map(program.functions.map(({ name }) => [name, recordedName(rows, name)]));
  const used = functions.filter(({ declaration: { name } }) => inRun.get(name) !== null);
  const columns: ScoreColumn[] = (used.length > 0 ? used : functions)
    .filter(({ result }) => result !== null)
    .map(({ declaration: { name, weight }, scores, status }) => {
      return { name, weight: weights[inRun.get(name) ?? name] ?? weight, scores, status };
    });
  // Rewards of the run that stand in other files keep what was recorded; beside them the file's own make the total.
  for (const name of used.length > 0 ? recorded : []) {
    if ([...inRun.values()].includes(name)) continue;
    const scores = rows.map((row) => row.rewards?.[name] ?? null);
    columns.push({
      name,
      weight: weights[name] ?? 1,
      scores,
      status: rows.map((row, i) => row.status?.[name] ?? (scores[i] === null ? "na" : "ok")),
    });
  }
  return { program, rows, groups, functions, table: { columns, groups }, totals: totalsOf(columns), rescore };
}

/** A finding about a function, shown at its name unless said otherwise. */
export function findingAbout(
  { declaration }: ScoredFunction,
  id: FindingId,
  message: string,
  details: {
    rows?: readonly number[];
    numbers?: Record<string, number>;
    text?: string;
    exceptions?: string[];
    at?: readonly [start: number, end: number];
    fixes?: FindingFix[];
    probes?: FindingProbe[];
  } = {},
): Finding {
  const { rows = [], numbers = {}, text, exceptions, at = declaration.nameSpan, fixes = [], probes = [] } = details;
  return {
    ...{ id, severity: severityOf(id), function: declaration.name, start: at[0], end: at[1], message },
    evidence: {
      ...{ rows: rows.slice(0, maxEvidenceRows), numbers },
      ...(text !== undefined && { text }),
      ...(exceptions !== undefined && { exceptions }),
    },
    ...{ fixes, certain: "dynamic" as const },
    ...(probes.length > 0 && { probes }),
  };
}

/** The `return` that most rows went through; the function's name where nothing was recorded. */
export function decidingReturn({ declaration, result }: ScoredFunction): readonly [number, number] {
  const recording = result?.recording;
  let best: { reached: number; span: readonly [number, number] } = { reached: 0, span: declaration.nameSpan };
  const [from, to] = declaration.bodySpan;
  recording?.sites.forEach((site, i) => {
    const { reached } = recording.records[i]!;
    if (site.kind === "return" && site.start >= from && site.end <= to && reached > best.reached) {
      best = { reached, span: [site.start, site.end] };
    }
  });
  return best.span;
}

/** Least and greatest score: declared, else seen. null without a score. */
export function rangeOf({ declaration, scores }: ScoredFunction): { min: number; max: number } | null {
  if (declaration.range !== null) return declaration.range;
  const present = scores.filter((score) => score !== null);
  return present.length === 0
    ? null
    : present.reduce((range, score) => ({ min: Math.min(range.min, score), max: Math.max(range.max, score) }), {
        min: Number.POSITIVE_INFINITY,
        max: Number.NEGATIVE_INFINITY,
      });
}

// ---------------------------------------------------------------------------------------------------------------------
// Words of messages

/** 0.4567 → "0.46", 12 → "12": at most two decimals in a sentence. */
export function num(value: number): string {
  return Number.isInteger(value)
    ? `${value}`
    : Math.abs(value) < 0.01
      ? value.toPrecision(2)
      : `${Number(value.toFixed(2))}`;
}

export function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)} %`;
}

/** Quoted, on one line, shortened in the middle of nothing. */
export function quote(text: string, limit = 60): string {
  const line = JSON.stringify(text.length > limit ? `${text.slice(0, limit)}…` : text);
  return line;
}

/** How a reward says "not applicable" in its language. */
export function notApplicable({ language }: Pick<RewardDeclaration, "language">): string {
  return language === "python" ? "None" : "skip(reason)";
}
