/**
 * One version of a reward file over the rollouts of a scope: runs it where that is allowed, and puts scores, watched places and findings
 * together in one report. What runs, reads and judges code is handed in, so that this file only orders the work.
 */
import { AppError, CancelledError, RewardError } from "@iad-r1/models/errors";
import type { RolloutKey, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import { type ScoreTable, totalsOf } from "../analysis/attribution";
import { patternCall } from "../analysis/dynamic/speed";
import { type Finding, severityOf } from "../analysis/finding";
import type { RewardOutcome } from "../contract";
import { compareRuns } from "../live/compareRuns";
import type { RewardDeclaration, RewardProgram } from "../user/program";
import type { Recording } from "../user/recording";
import type { BatchResult, RewardRunner } from "../user/runner";
import type { DynamicReport, ShownFinding } from "./fileReport";
import { columnFor, functionReport } from "./functionReport";
import { recordedTable, withColumn } from "./scoreTables";
import { isSameRollout, keyOf, type ScopedRollouts } from "./scopedRollouts";
import { mergeRecordings, reachOf, siteReports } from "./siteReports";

export interface AnalyzeInput {
  program: RewardProgram;
  rollouts: ScopedRollouts;
  /** Runs the code; null where it is not run: before a person started live values. */
  runner: RewardRunner | null;
  wallMs: number;
  pinned: RolloutKey | null;
  /** What the code gave when it was first run on these rollouts, by function. */
  first: ReadonlyMap<string, readonly RewardOutcome[]>;
  signal?: AbortSignal;
}

export interface Analysis {
  report: DynamicReport;
  /** Outcomes by function, where the code was run. */
  outcomes: Map<string, readonly RewardOutcome[]>;
  /** By function: what it gave, or why it gave nothing. */
  results: Map<string, BatchResult | AppError>;
}

/**
 * The report but for the findings that need more questions: those come later.
 *
 * @throws CancelledError
 */
export async function analyze(input: AnalyzeInput): Promise<Analysis> {
  const { program, rollouts, pinned, signal } = input;
  const { rows } = rollouts;
  const isRun = input.runner !== null && rows.length > 0 && program.functions.length > 0;
  const { results, recordings, problem } = isRun ? await runAll(input.runner!, input) : nothingRun;
  signal?.throwIfAborted();
  const outcomes = new Map(
    [...results].flatMap(([name, result]) => (result instanceof Error ? [] : [[name, result.outcomes] as const])),
  );
  const recorded = recordedTable(rows, rollouts.weights);
  const current = currentTable(program.functions, input, recorded, outcomes);
  const functions = program.functions.map(({ name, weight }) =>
    functionReport({
      ...{ name, weight, rows, recorded, current, pinned },
      outcomes: outcomes.get(name) ?? null,
      callMs: plainResult(results.get(name))?.callMs ?? null,
      first: input.first.get(name) ?? null,
    }),
  );
  const sites = sitesOf(input, recordings, totalsOf(current.columns));
  const report: DynamicReport = {
    ...{ text: program.source, hash: program.hash, label: rollouts.label, isLive: isRun, pinned },
    ...{ functions, sites, problem, reach: reachOf(program.source, sites, pinned === null ? rows.length : 1) },
    findings: hangFindings(results, program).map((finding) => shownFinding(finding, rollouts)),
  };
  return { report, outcomes, results };
}

interface RunOfAll {
  results: Map<string, BatchResult | AppError>;
  recordings: Recording[];
  problem: string | null;
}

const nothingRun: Readonly<RunOfAll> = { results: new Map(), recordings: [], problem: null };

/** Each function twice: plainly for scores and times, then watched for values. The two must agree. */
async function runAll(
  runner: RewardRunner,
  { program, rollouts, wallMs, pinned, signal }: AnalyzeInput,
): Promise<RunOfAll> {
  const results = new Map<string, BatchResult | AppError>();
  const recordings: Recording[] = [];
  let problem: string | null = null;
  const options = { wallMs, seed: 0, ...(signal !== undefined && { signal }) };
  const pinnedRow = pinned === null ? -1 : rollouts.rows.findIndex((row) => isSameRollout(keyOf(row), pinned));
  for (const { name, impure } of program.functions) {
    try {
      const watch = () =>
        runner.score(name, rollouts.rows, {
          ...{ ...options, instrumented: true },
          ...(pinnedRow >= 0 && { pinned: pinnedRow }),
        });
      // Both at once, each in its own process; not where they could meet in a file.
      const watching = impure ? null : watch();
      watching?.catch(() => undefined);
      const plain = await runner.score(name, rollouts.rows, options);
      results.set(name, plain);
      const watched = await (watching ?? watch());
      const reason = impure ? null : await differenceOf(runner, name, rollouts, plain, watched, options);
      if (reason !== null) {
        problem ??= reason;
        continue;
      }
      results.set(name, { ...plain, recording: watched.recording });
      if (watched.recording !== null) recordings.push(watched.recording);
    } catch (error) {
      if (CancelledError.is(error) || signal?.aborted) throw error;
      if (!AppError.is(error)) throw error;
      if (!results.has(name)) results.set(name, error);
      problem ??= `${name}: ${error.message}`;
    }
  }
  return { results, recordings, problem };
}

/** Why watched code must not be believed; null when it did as the plain code. */
async function differenceOf(
  runner: RewardRunner,
  name: string,
  { rows }: ScopedRollouts,
  plain: BatchResult,
  watched: BatchResult,
  options: { wallMs: number; seed: number; signal?: AbortSignal },
): Promise<string | null> {
  const { same, reason } = compareRuns(plain.outcomes, watched.outcomes);
  if (same) return null;
  // Code that differs by itself proves nothing, not even on rows where two runs agree by chance: that is finding RW115.
  const again = await runner.score(name, rows, options);
  return compareRuns(plain.outcomes, again.outcomes).same ? reason : null;
}

function plainResult(result: BatchResult | AppError | undefined): BatchResult | null {
  return result === undefined || result instanceof Error ? null : result;
}

function currentTable(
  functions: readonly RewardDeclaration[],
  { rollouts: { rows } }: AnalyzeInput,
  recorded: ScoreTable,
  outcomes: ReadonlyMap<string, readonly RewardOutcome[]>,
): ScoreTable {
  return functions.reduce((table, { name, weight }) => {
    const live = outcomes.get(name);
    return live === undefined ? table : withColumn(table, columnFor({ name, weight, rows, recorded }, live));
  }, recorded);
}

function sitesOf(
  { program, rollouts: { rows }, pinned }: AnalyzeInput,
  recordings: readonly Recording[],
  totals: readonly (number | null)[],
): SiteReport[] {
  const recording = mergeRecordings(recordings);
  if (recording === null) return [];
  const at = pinned === null ? -1 : rows.findIndex((row) => isSameRollout(keyOf(row), pinned));
  return siteReports({
    ...{ source: program.source, recording, totals, numRows: rows.length },
    only: at < 0 ? null : new Set([at]),
    keyOf: (row) => keyOf(rows[row]!),
    language: program.language,
    ownerOf: ({ start, end }) =>
      program.functions.find(({ bodySpan: [from, to] }) => start >= from && end <= to)?.name ?? null,
  });
}

/** A call that had to be ended, at the line where it was. */
function hangFindings(results: ReadonlyMap<string, BatchResult | AppError>, program: RewardProgram): Finding[] {
  return program.functions.flatMap((declaration): Finding[] => {
    const error = results.get(declaration.name);
    if (!RewardError.is(error, "reward/timeout")) return [];
    const line = typeof error.data?.line === "number" ? error.data.line : null;
    const [start, end] = line === null ? declaration.nameSpan : lineSpan(program.source, line);
    const id = patternCall.test(program.source.slice(start, end)) ? "RW113" : "RW114";
    return [
      {
        ...{ id, severity: severityOf(id), function: declaration.name, start, end, message: error.message },
        evidence: { rows: [], numbers: line === null ? {} : { line } },
        ...{ fixes: [], certain: "dynamic" as const },
      },
    ];
  });
}

/** The text of a line (from 1) without the blanks around it. */
function lineSpan(source: string, line: number): [number, number] {
  const lines = source.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const text = lines[line - 1] ?? "";
  return [before + text.length - text.trimStart().length, before + text.trimEnd().length];
}

/** With the rollouts that show it. */
export function shownFinding(finding: Finding, { rows, places }: ScopedRollouts): ShownFinding {
  const rollouts = finding.evidence.rows.flatMap((row) => {
    const [found, place] = [rows[row], places[row]];
    return found === undefined || place === undefined ? [] : [{ key: keyOf(found), ...place }];
  });
  return { ...finding, rollouts };
}
