/**
 * `reward check`: one reward file, with rollouts or without, to a list of findings by line. The command line and the editor's
 * tasks call this; it runs the file's code in a runner of its own and ends it.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { DataError, RewardError } from "@iad-r1/models/errors";
import { type ExamineOptions, examineProgram } from "../analysis/examine";
import { documentationAnchor, type Finding, type FindingEdit, sortFindings } from "../analysis/finding";
import { instrumentTypeScript } from "../live/instrument";
import { pythonFacts } from "../static/pythonFacts";
import { staticFindings } from "../static/staticFindings";
import { discoverRewards } from "../user/discover";
import { rewardMakers } from "../user/discoverPython";
import type { RewardProgram } from "../user/program";
import { type RewardRunner, startRunner } from "../user/runner";
import type { RolloutRow } from "../../rollouts/row";

/** A finding as the command line prints it; lines and columns from 1, columns in UTF-16 units. */
export interface CheckedFinding {
  id: Finding["id"];
  severity: Finding["severity"];
  function: string;
  line: number;
  column: number;
  message: string;
  evidence: Finding["evidence"];
  /** The first fix, or null; `fixes` has all. */
  fix: CheckedFix | null;
  fixes: CheckedFix[];
  /** Page and heading that explain it. */
  documentation: string;
}

export interface CheckedFix {
  title: string;
  edits: (FindingEdit & { line: number; column: number })[];
}

export interface CheckReport {
  file: string;
  functions: string[];
  /** Rollouts that were looked at; 0 without any. */
  numRollouts: number;
  findings: CheckedFinding[];
  /** Why parts of the file could not be read. */
  problems: { message: string; line: number; column: number }[];
}

/** @throws DataError `reward/unreadable`, `reward/no-function` */
export async function readRewardProgram(file: string): Promise<RewardProgram> {
  const path = resolve(file);
  let source: string;
  try {
    source = await readFile(path, "utf8");
  } catch (cause) {
    throw new DataError(
      "reward/unreadable",
      `${file} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "unknown"}.`,
      {
        ...{ where: file, hint: "Give the path of a reward file (*.reward.ts or *.py).", cause },
      },
    );
  }
  const program = discoverRewards(path, source);
  if (program.functions.length === 0 && program.problems.length === 0) {
    throw new DataError("reward/no-function", `${file} holds no reward function.`, {
      ...{ where: file, hint: hintFor(program) },
    });
  }
  return program;
}

/**
 * The program with Python's own word on a text that is not Python among its problems; of TypeScript it is known already.
 *
 * @throws RewardError `reward/no-python`, CancelledError
 */
export async function withSyntaxProblem(program: RewardProgram, signal: AbortSignal): Promise<RewardProgram> {
  if (program.language !== "python") return program;
  try {
    await pythonFacts(program.source, { signal });
    return program;
  } catch (error) {
    if (!RewardError.is(error, "reward/syntax")) throw error;
    const before = program.source.split("\n").slice(0, (error.data as { line: number }).line - 1);
    const start = before.reduce((offset, line) => offset + line.length + 1, 0);
    return { ...program, problems: [...program.problems, { message: error.message, start, end: start }] };
  }
}

function hintFor({ language, source }: RewardProgram): string {
  if (language === "typescript") {
    return 'Export a descriptor made with `defineReward` from "iad-r1/reward", or tag an exported function with `@reward`.';
  }
  const [maker] = rewardMakers(source);
  if (maker !== undefined) {
    return `${maker} makes a reward. Give what it makes a name at the top level of the file: \`my_reward = ${maker}(…)\`.`;
  }
  return "A reward takes `completions` and `**kwargs` and returns a list (or is an ORM class, or verl's compute_score); or put the comment `# iad-r1: reward` above it.";
}

/**
 * @param rows null to look at the text alone
 * @throws as `examineProgram`
 */
export async function checkProgram(
  program: RewardProgram,
  rows: readonly RolloutRow[] | null,
  options: ExamineOptions & { runner?: RewardRunner } = {},
): Promise<Finding[]> {
  const columns = rows === null ? null : columnsOf(rows);
  const fromText = options.staticFindings ?? (await staticFindings(program, { columns, signal: options.signal }));
  if (rows === null || rows.length === 0 || program.functions.length === 0) return sortFindings(fromText);
  const runner = options.runner ?? startRunner(program, { instrument: instrumentTypeScript });
  try {
    return (await examineProgram(program, rows, runner, { ...options, staticFindings: fromText })).findings;
  } catch (error) {
    // Why it cannot be loaded is among the problems of the text already, with its place.
    if (RewardError.is(error, "reward/load") && program.problems.length > 0) return sortFindings(fromText);
    throw error;
  } finally {
    if (options.runner === undefined) await runner.close();
  }
}

/** Columns that any of the rows has. */
function columnsOf(rows: readonly RolloutRow[]): string[] {
  const names = new Set<string>();
  for (const row of rows) {
    for (const name of Object.keys(row.columns)) names.add(name);
    if (row.solution !== null) names.add("solution");
  }
  return [...names];
}

/** The report of the command line. */
export function checkReport(program: RewardProgram, findings: readonly Finding[], numRollouts: number): CheckReport {
  const place = placesOf(program.source);
  return {
    file: program.file,
    functions: program.functions.map(({ name }) => name),
    numRollouts,
    problems: program.problems.map(({ message, start }) => ({ message, ...place(start) })),
    findings: findings.map(({ id, severity, function: name, start, message, evidence, fixes }) => {
      const placed = fixes.map(({ title, edits }) => ({
        title,
        edits: edits.map((edit) => ({ ...edit, ...place(edit.start) })),
      }));
      return {
        ...{ id, severity, function: name, ...place(start), message, evidence },
        ...{ fix: placed[0] ?? null, fixes: placed },
        documentation: `docs/reward-debugger.md#${documentationAnchor(id)}`,
      };
    }),
  };
}

/** One line for people, as compilers write them. */
export function reportLine({ id, severity, line, column, message }: CheckedFinding, file: string): string {
  return `${file}:${line}:${column} ${severity} ${id} ${message}`;
}

/** The source with the first fix of every finding applied, as far as they do not overlap; null when there is none. */
export function applyFixes(source: string, findings: readonly Finding[]): { source: string; applied: string[] } | null {
  const taken: FindingEdit[] = [];
  const applied: string[] = [];
  for (const { id, fixes } of findings) {
    const [fix] = fixes;
    if (fix === undefined || fix.edits.length === 0) continue;
    // Insertions at one place are kept apart too: which goes first would be a guess.
    if (fix.edits.some((edit) => taken.some((other) => edit.start <= other.end && other.start <= edit.end))) continue;
    taken.push(...fix.edits);
    applied.push(`${id}: ${fix.title}`);
  }
  if (applied.length === 0) return null;
  let text = source;
  for (const { start, end, text: by } of taken.sort((a, b) => b.start - a.start)) {
    text = text.slice(0, start) + by + text.slice(end);
  }
  return { source: text, applied };
}

/** Offset to line and column, both from 1. */
function placesOf(source: string): (offset: number) => { line: number; column: number } {
  const starts = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}
