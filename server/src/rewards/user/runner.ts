/**
 * Runs the reward functions of one program version in a process that can be killed: with limits on time, memory and output, without
 * files, network and other processes unless the file says `impure`. Never call it in a workspace that is not trusted.
 */
import type { RewardOutcome } from "../contract";
import type { RolloutRow } from "../../rollouts/row";
import type { RewardProgram } from "./program";
import { PythonRunner } from "./pythonRunner";
import type { Instrumenter, Recording } from "./recording";
import { TypeScriptRunner } from "./typescriptRunner";

export interface ScoreOptions {
  /** Also records what each place of the source saw. */
  instrumented?: boolean;
  /** Of an instrumented run: the row whose path through the source is wanted (`recording.trace`). */
  pinned?: number;
  /** Completions in one call of a batch function; all of them when left out. */
  batchSize?: number;
  signal?: AbortSignal;
  /** Longest time for one batch of completions; 2000 when left out. */
  wallMs?: number;
  /** Of the random numbers that a reward is given. */
  seed?: number;
}

export interface BatchResult {
  /** One for each row, in order. */
  outcomes: RewardOutcome[];
  /** Values that a batch function returned in all; null for functions that are called once for each completion, or no list. */
  rawLength: number | null;
  /** Of each call: one for each completion, or one for each batch. */
  callMs: number[];
  /** Null unless asked for. */
  recording: Recording | null;
  /** What the code printed, cut at a limit. */
  output: string;
}

export interface RewardRunner {
  /**
   * @param name of a function of the program
   * @throws RewardError `reward/timeout` (data: `{line, siteId, row}`, 1-based line or null), `reward/crashed`, `reward/memory`,
   *   `reward/load` (the file cannot be loaded; `where` says the line), `reward/unknown-name`
   * @throws CancelledError
   */
  score(name: string, rows: readonly RolloutRow[], options?: ScoreOptions): Promise<BatchResult>;
  /** Ends the process. */
  close(): Promise<void>;
}

export interface RunnerOptions {
  /** Needed for `instrumented` and to name the line of a hang in TypeScript; Python brings its own. */
  instrument?: Instrumenter;
  /** Python interpreter; found when left out. */
  python?: string;
  memoryMb?: number;
}

/** A runner for the functions of a program; its process is started by the first call. */
export function startRunner(program: RewardProgram, options: RunnerOptions = {}): RewardRunner {
  return program.language === "python" ? new PythonRunner(program, options) : new TypeScriptRunner(program, options);
}
