/**
 * Examines one reward file on rollouts: runs every function, lets every detector look, and puts their findings together with
 * those from the text. The runner is given; nothing is read and nothing is shown here.
 */
import { type AppError, CancelledError, RewardError } from "@iad-r1/models/errors";
import { compareRuns } from "../live/compareRuns";
import type { RewardProgram } from "../user/program";
import type { BatchResult, RewardRunner } from "../user/runner";
import type { RolloutRow } from "../../rollouts/row";
import { findUnevenComponents } from "./dynamic/components";
import { findExceptions } from "./dynamic/exceptions";
import { findEmptyPeers, findLengthEffects } from "./dynamic/lengths";
import { findPatternFaults } from "./dynamic/patterns";
import { findProbeFaults } from "./dynamic/probeFaults";
import { findPromptMismatch } from "./dynamic/prompts";
import { findUnstableScores } from "./dynamic/repeatability";
import { findWrongValues } from "./dynamic/returnValues";
import { findSlowRewards, hangFinding } from "./dynamic/speed";
import { findTruthFaults } from "./dynamic/truthFaults";
import { findMissingVariance } from "./dynamic/variance";
import { type Detector, type Examination, makeExamination, type Rescore, rowsInScope } from "./examination";
import { type Finding, type FindingFix, sortFindings } from "./finding";

/** Look at one function at a time, and may call it again. */
const detectorsOfFunctions: readonly Detector[] = [
  findWrongValues,
  findExceptions,
  findPatternFaults,
  findSlowRewards,
  findUnstableScores,
  findTruthFaults,
  findProbeFaults,
  findLengthEffects,
];

/** Look at all functions of the file together. */
const detectorsOfFiles: readonly Detector[] = [
  findMissingVariance,
  findUnevenComponents,
  findEmptyPeers,
  findPromptMismatch,
];

/** Rest on what a function gives to completions that are made up: where chance decides a score, it decides that of these too. */
const ofMadeUpCompletions: ReadonlySet<Finding["id"]> = new Set([
  ...(["RW117", "RW118", "RW119", "RW120", "RW121", "RW123"] as const),
]);

export interface ExamineOptions {
  /** Findings from the text alone. */
  staticFindings?: readonly Finding[];
  /** What the prompts would be today, as SHA-256 by sample id. */
  promptHashes?: ReadonlyMap<string, string>;
  /** What functions gave on just these rows, where that is known already; the others are run. */
  results?: ReadonlyMap<string, BatchResult | AppError>;
  /** Of the rewards in the run that the rows are from, by recorded name. */
  weights?: Readonly<Record<string, number>>;
  /** Rows beyond the last recorded steps are left out unless this is false. */
  scope?: boolean;
  signal?: AbortSignal;
}

export interface Examined {
  examination: Examination;
  /** Sorted, at most 20. */
  findings: Finding[];
}

/** A batch may take so long before it counts as hanging: slow rewards shall be measured, not killed. */
const wallMs = (numRows: number) => 2_000 + 40 * numRows;

/**
 * @throws RewardError `reward/load` when the file cannot be loaded, `reward/no-python`
 * @throws CancelledError
 */
export async function examineProgram(
  program: RewardProgram,
  rows: readonly RolloutRow[],
  runner: RewardRunner,
  options: ExamineOptions = {},
): Promise<Examined> {
  const { signal, staticFindings = [] } = options;
  const scope = options.scope === false ? [...rows] : rowsInScope(rows);
  /** Functions that lose a whole batch over one completion are asked for one at a time, so that the others can be examined. */
  const fragile = new Set<string>();
  const rescore: Rescore = (name, asked, more) =>
    runner.score(name, asked, {
      ...(fragile.has(name) && { batchSize: 1 }),
      ...{ wallMs: wallMs(asked.length), ...(signal && { signal }), ...more },
    });
  const results = new Map<string, BatchResult | AppError>();
  for (const { name, impure } of program.functions) {
    const known = options.results?.get(name);
    // A batch that was lost as a whole is asked for again, one completion at a time.
    const isUsable =
      known !== undefined && "outcomes" in known && known.outcomes.some(({ status }) => status !== "error");
    results.set(name, isUsable ? known : await runOnce(name, scope, rescore, fragile, impure, signal));
  }
  const examination: Examination = {
    ...makeExamination(program, scope, results, rescore, options.weights),
    ...(options.promptHashes && { promptHashes: options.promptHashes }),
  };

  const dynamic: Finding[] = [];
  for (const scored of examination.functions) {
    const alone = { ...examination, functions: [scored] };
    for (const detect of detectorsOfFunctions) {
      if (signal?.aborted) throw new CancelledError();
      try {
        dynamic.push(...(await detect(alone)));
      } catch (error) {
        if (!(error instanceof RewardError)) throw error;
        const finding = hangFinding(error, scored, program.source, "a completion that a model may well write");
        if (finding !== null) dynamic.push(finding);
      }
    }
  }
  for (const detect of detectorsOfFiles) dynamic.push(...(await detect(examination)));
  return { examination, findings: sortFindings(mergeFindings(staticFindings, withoutEchoes(dynamic, staticFindings))) };
}

/** Scores from the code as it stands; what was seen inside from an instrumented run, if that gives the same. */
async function runOnce(
  name: string,
  rows: readonly RolloutRow[],
  rescore: Rescore,
  fragile: Set<string>,
  isImpure: boolean,
  signal?: AbortSignal,
): Promise<BatchResult | RewardError> {
  const unwanted = new AbortController();
  const watch = () =>
    rescore(name, rows, {
      ...{ instrumented: true, wallMs: 4 * wallMs(rows.length) },
      signal: signal === undefined ? unwanted.signal : AbortSignal.any([signal, unwanted.signal]),
    });
  // Both at once, each in its own process; not where they could meet in a file.
  const watching = isImpure || fragile.has(name) ? null : watch();
  watching?.catch(() => undefined);
  try {
    let plain = await rescore(name, rows);
    if (rows.length > 1 && plain.callMs.length === 1 && plain.outcomes.every(({ status }) => status === "error")) {
      const { rawLength } = plain;
      fragile.add(name);
      plain = { ...(await rescore(name, rows)), rawLength };
    }
    try {
      // What was begun before it was known that one completion spoils the batch says nothing.
      const seen = await (watching === null || fragile.has(name) ? watch() : watching);
      return compareRuns(plain.outcomes, seen.outcomes).same ? { ...plain, recording: seen.recording } : plain;
    } catch (error) {
      if (error instanceof RewardError) return plain;
      throw error;
    }
  } catch (error) {
    unwanted.abort();
    if (error instanceof RewardError && !["reward/load", "reward/no-python"].includes(error.code)) return error;
    throw error;
  }
}

/** What follows from another finding about the same function, and one of each kind where several questions found it. */
function withoutEchoes(dynamic: readonly Finding[], fromText: readonly Finding[]): Finding[] {
  const all = [...dynamic, ...fromText];
  const has = (id: Finding["id"], name: string) =>
    all.some((finding) => finding.id === id && finding.function === name);
  const seen = new Set<string>();
  return dynamic.filter((finding) => {
    const key = `${finding.id} ${finding.function} ${finding.start} ${finding.message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    // Arguments that do not fit raise on every row; a pattern that hangs makes the function slow.
    if (finding.id === "RW104" && finding.evidence.numbers.raised !== undefined && has("RW103", finding.function))
      return false;
    if (finding.id === "RW114" && finding.evidence.numbers.p99Ms === undefined && has("RW113", finding.function))
      return false;
    // What empty completions do to others follows from what they are paid.
    if (finding.id === "RW121" && finding.evidence.numbers.empty !== undefined)
      return !dynamic.some(({ id, evidence }) => id === "RW121" && evidence.numbers.paid !== undefined);
    return !(
      ofMadeUpCompletions.has(finding.id) &&
      dynamic.some(({ id, function: name }) => id === "RW115" && name === finding.function)
    );
  });
}

/**
 * One list of both. Where text and rollouts found the same problem of a function, the message with numbers stays and takes the
 * narrower place and the fixes of the other.
 */
export function mergeFindings(fromText: readonly Finding[], dynamic: readonly Finding[]): Finding[] {
  const used = new Set<Finding>();
  const merged = dynamic.map((finding): Finding => {
    const twins = fromText.filter(
      (other) =>
        other.id === finding.id &&
        other.function === finding.function &&
        !used.has(other) &&
        isSamePlace(other, finding),
    );
    const [twin] = twins;
    if (twin === undefined) return finding;
    used.add(twin);
    const narrower = twin.end - twin.start < finding.end - finding.start || !overlap(twin, finding) ? twin : finding;
    const fixes = [...finding.fixes, ...twin.fixes.filter((fix) => takesAll(fix, finding))];
    return { ...finding, start: narrower.start, end: narrower.end, fixes };
  });
  return [...merged, ...fromText.filter((finding) => !used.has(finding))];
}

/** Python's own kinds of ValueError. */
const valueErrors = /(?:^|\.)(?:JSONDecodeError|Unicode(?:Decode|Encode|Translate)?Error)$/;

/** Whether a handler would still take what arrived in it: else the fix would stop the reward where it went on before. */
function takesAll({ catches }: FindingFix, { evidence: { exceptions = [] } }: Finding): boolean {
  if (catches === undefined) return true;
  return exceptions.every((name) => catches.includes(valueErrors.test(name) ? "ValueError" : name));
}

/** A dynamic finding without a place of its own stands at the function's name and goes with any place in it. */
function isSamePlace(fromText: Finding, dynamic: Finding): boolean {
  return overlap(fromText, dynamic) || dynamic.evidence.numbers.caught === undefined;
}

function overlap(a: Finding, b: Finding): boolean {
  return a.start < b.end && b.start < a.end;
}
