/**
 * One recorded completion as everything that looks at rollouts sees it, wherever it was recorded: a run of ours, a file of lines, TRL,
 * ms-swift or LLaMA-Factory. `read.ts` makes them.
 */
import type { FinishReason, RewardStatus, RolloutRecord } from "@iad-r1/protocol/runs";

export interface RolloutRow {
  /** Completions of one prompt that were generated together share it; unique in what was read. */
  group: string;
  /** Place within the group, from 0. */
  index: number;
  /** Text or a list of chat messages, as it was recorded; null when the recorder kept none. */
  prompt: unknown;
  completion: string;
  /** The ground truth the rewards were given; null when there is none, or when it is no text: then it is in `columns`. */
  solution: string | null;
  /** The other columns of the data row, and what rewards logged beside their scores. */
  columns: Record<string, unknown>;
  /** "eval": what the recorder was doing; left out while it trained, and where it did not say. */
  mode?: string;
  sampleId?: string;
  step?: number;
  finish?: Exclude<FinishReason, "cancelled">;
  /** In tokens. */
  length?: number;
  /** Weighted sum as it was recorded; null when no reward applied. Left out where the recorder kept none. */
  total?: number | null;
  advantage?: number | null;
  rewards?: Record<string, number | null>;
  status?: Record<string, RewardStatus>;
  /** Paths of the pictures in prompt order, the inspected one last. */
  images?: string[];
  /** What only our own runs record. */
  recorded?: Pick<RolloutRecord, "promptHash" | "notes" | "refKl" | "entropy" | "meanLogProb" | "imageRefs"> &
    // Older runs have none.
    Partial<Pick<RolloutRecord, "timings" | "tokenLengths" | "tokenLogProbs">>;
}

/** What the recorder was doing, "train" or "eval" for instance; rows that do not say belong to the training. */
export function splitOf({ mode, columns }: Pick<RolloutRow, "mode" | "columns">): string {
  const said = mode ?? columns.mode ?? columns.split;
  return typeof said === "string" ? said : "train";
}

/** What the id of a recorded picture names: a file or, from `synth:` on, a generated picture; and how it was turned, 0 for not at all. */
export function pictureOf(id: string): { path: string; turn: number; isFile: boolean } {
  const turn = /~([0-7])$/.exec(id);
  const path = turn === null ? id : id.slice(0, turn.index);
  return { path, turn: Number(turn?.[1] ?? 0), isFile: !path.startsWith("synth:") };
}

export type RolloutFormat = "run" | "lines" | "trl" | "swift" | "llama-factory";

/** Where a row stands, for messages and to read it again. */
export interface RowPlace {
  file: string;
  /** Line of a text file from 1; row of a table from 1. */
  line: number;
  /** Bytes of the line in its file; absent where a row is not one line. */
  bytes?: { offset: number; length: number };
}
