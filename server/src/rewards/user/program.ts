/**
 * A reward file as plain data: which functions it holds, where they stand in the text and how they are called. Found by reading
 * the text, never by running it (`discover.ts`); running is `runner.ts`.
 */
import { RewardError } from "@iad-r1/models/errors";

export type RewardLanguage = "typescript" | "python";

/**
 * How a function is called.
 * contract: a descriptor made with `defineReward` from "iad-r1/reward".
 * plain: an exported TypeScript function with the JSDoc tag `@reward`; called like the `score` of a descriptor.
 * trl: a Python function with TRL's signature, one call for a batch.
 * swift-orm: a Python class with `__call__(self, completions, **kwargs)`, as ms-swift's ORM classes.
 * verl: a Python function `compute_score(data_source, solution_str, ground_truth, extra_info)`, or one with EasyR1's arguments; one call
 * for one completion.
 */
export type RewardShape = "contract" | "plain" | "trl" | "swift-orm" | "verl";

/** What one call sees: one completion, all completions of a prompt, or whatever the trainer puts together. */
export type RewardScope = "sample" | "group" | "batch";

export interface RewardDeclaration {
  /** The name that scores and records carry: that of the descriptor where it is written as a text, else of the function. */
  name: string;
  language: RewardLanguage;
  file: string;
  shape: RewardShape;
  scope: RewardScope;
  /** 1 where the file says nothing. */
  weight: number;
  /** As declared in the file; null where it says nothing. */
  range: { min: number; max: number } | null;
  /** The file says that it reads files, the network or the clock. */
  impure: boolean;
  isAsync: boolean;
  /** 0-based UTF-16 offsets into the source: the name, and the whole function. */
  nameSpan: [number, number];
  bodySpan: [number, number];
  /** Columns of the data set that it asks for by name, besides `completion(s)`, `prompt(s)` and what the trainer always gives. */
  columns: string[];
  /** A Python function that takes `**kwargs`; always true in TypeScript, where the whole row is given. */
  takesKwargs: boolean;
  /** Name of the export, function or class that the worker takes out of the module; "default" for `export default`. */
  exportName: string;
}

/** Why a text could not be read as a reward file, in whole or in part. */
export interface ProgramProblem {
  message: string;
  /** 0-based UTF-16 offsets. */
  start: number;
  end: number;
}

export interface RewardProgram {
  /** Absolute path; the text may be newer than what lies there. */
  file: string;
  language: RewardLanguage;
  source: string;
  /** SHA-256 of the source, hexadecimal. */
  hash: string;
  /** In the order of the text. */
  functions: RewardDeclaration[];
  problems: ProgramProblem[];
}

/**
 * The function of that name.
 *
 * @throws RewardError `reward/unknown-name`, or `reward/load` when the text could not be read
 */
export function declarationOf({ file, source, functions, problems }: RewardProgram, name: string): RewardDeclaration {
  const found = functions.find((one) => one.name === name);
  if (found !== undefined) return found;
  if (problems.length > 0 && functions.length === 0) throw unreadable({ file, source, problems });
  const known = functions.map((one) => one.name).join(", ");
  throw new RewardError("reward/unknown-name", `${file} has no reward named "${name}".`, {
    ...{ where: file, hint: known === "" ? "It declares no reward at all." : `It has ${known}.` },
  });
}

/** Says the first problem of a file. */
export function unreadable({ file, source, problems }: Pick<RewardProgram, "file" | "source" | "problems">) {
  const { message, start } = problems[0]!;
  const line = lineAt(source, start);
  return new RewardError("reward/load", `${file} cannot be read: ${message}`, {
    ...{ where: `${file}:${line}`, data: { line }, hint: "Correct the line; the editor marks it too." },
  });
}

/** 1-based line of an offset. */
export function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split("\n").length;
}
