/**
 * Questions about many recorded rollouts and what comes back: facets with counts, rows of groups, one group in full. Plain data between the
 * index in the server, the command line and the explorer. The requests that carry it stand in lsp.ts.
 */
import type { TokenChoice } from "./inspect";
import type { RolloutKey, RolloutSource } from "./rewardDebugger";
import type { RewardStatus, RolloutRecord } from "./runs";

// --- questions --------------------------------------------------------------------------------------------------------

/**
 * label: what the ground truth says (normal, anomalous, unknown). verdict: what the answer was against it (correct, false-alarm, missed,
 * unparsed, unknown). finish: why the completion ended. status: the worst of its rewards (error, na, ok, none). spread: whether the totals of
 * its group differ (varied, flat, single). split: made while training or while evaluating (train, eval, or what a file says). flips: whether
 * the code on screen scores it differently (flipped, same).
 */
export type FacetName = "label" | "category" | "verdict" | "finish" | "status" | "spread" | "split" | "flips";

/** `step`, `total`, `advantage`, `length`, or `reward:` and the name of a reward. */
export type RangeColumn = string;

export interface ExploreFilter {
  /** Values of a facet that are wanted; a facet that is left out or empty does not filter. */
  facets: Partial<Record<FacetName, string[]>>;
  /** Both ends belong to it. A row without the number is outside. */
  ranges: { column: RangeColumn; min: number; max: number }[];
  /** In the completion or the name of the sample, letter case does not matter. */
  text: string;
  /** Only these: the rows behind a number somewhere else. */
  only: { label: string; rollouts: RolloutKey[] } | null;
}

export const noFilter: ExploreFilter = { facets: {}, ranges: [], text: "", only: null };

/** Of the groups. "order" is that of recording. */
export type GroupOrder = "order" | "mean" | "std" | "length" | "advantage";

export interface ExploreQuery {
  filter: ExploreFilter;
  order: GroupOrder;
  descending: boolean;
}

/** Rewards that were scored anew; rows whose score changed. */
export interface KnownFlips {
  label: string;
  rollouts: RolloutKey[];
}

// --- answers ----------------------------------------------------------------------------------------------------------

/** What is recorded, before any filter. */
export interface RolloutOverview {
  source: RolloutSource;
  /** For people: the id of the run, the name of the file. */
  label: string;
  format: string;
  numRollouts: number;
  numGroups: number;
  steps: number[];
  rewards: { name: string; weight: number | null; isBuiltIn: boolean }[];
  /** Totals are not recorded: they are sums of the rewards, each with weight 1. */
  sumsTotals: boolean;
  /** Lines that could not be read, and the first of them in words. */
  numProblems: number;
  problem: string | null;
}

/** Counts are over the rows that all other parts of the filter let through. */
export interface Facet {
  name: FacetName;
  values: { value: string; count: number }[];
}

export interface RangeFacet {
  column: RangeColumn;
  /** Of all rows. */
  min: number;
  max: number;
  /** Counts of equally wide bins from `min` on; of whole numbers in a column of whole numbers. */
  bins: number[];
  binWidth: number;
}

export interface ExploreAnswer {
  numRollouts: number;
  numGroups: number;
  /** Only facets with at least two values, or with a chosen one. */
  facets: Facet[];
  ranges: RangeFacet[];
  /** Rises when what is recorded grows. */
  generation: number;
}

/** One row of the list. */
export interface GroupRow {
  step: number | null;
  group: string;
  sampleId: string | null;
  /** The last question of the prompt in one line; empty when it was not recorded. */
  prompt: string;
  /** Names the inspected picture; see `pictureOf`. Null: there is none. */
  picture: string | null;
  label: string;
  size: number;
  /** How many of them the filter lets through. */
  matches: number;
  totals: (number | null)[];
  advantages: (number | null)[];
  /** Sample standard deviation of the totals; null with fewer than two. */
  std: number | null;
  mean: number | null;
}

/** Part of a completion that a reward looked at. */
export interface RewardSpan {
  reward: string;
  start: number;
  end: number;
}

export interface ExploredRollout {
  key: RolloutKey;
  completion: string;
  verdict: string;
  matches: boolean;
  finish: string | null;
  length: number | null;
  total: number | null;
  advantage: number | null;
  rewards: Record<string, number | null>;
  status: Record<string, RewardStatus>;
  notes: RolloutRecord["notes"];
  entropy: number | null;
  meanLogProb: number | null;
  refKl: number | null;
  /** Where it is known what a reward read. */
  spans: RewardSpan[];
  /** The tokens of the text and how sure the model was of each; null where that was not recorded. */
  tokens: Pick<TokenChoice, "text" | "probability">[] | null;
}

/** One group in full. */
export interface ExploredGroup {
  row: GroupRow;
  /** The whole prompt as text; empty when it was not recorded. */
  prompt: string;
  solution: string | null;
  /** Other columns of the data row, one line each; long ones are cut. */
  columns: { name: string; value: string }[];
  rollouts: ExploredRollout[];
  hasMask: boolean;
  /** The same sample at other steps, by step. */
  occurrences: { step: number | null; group: string; mean: number | null }[];
}

/** Advantages that other conventions would give to the same completions. Every list is in the order of the group. */
export interface AdvantageTable {
  recorded: (number | null)[];
  methods: { method: string; advantages: number[] }[];
  /** Standard deviations of the totals, by both readings that people mix up. */
  overall: { count: number; std: number | null };
  insideGroups: { count: number; std: number | null };
  /** Weights that were taken as 1 because the source does not say them. */
  assumedWeights: string[];
}

export interface WhatIfReward {
  name: string;
  status: RewardStatus;
  score: number | null;
  /** Why it does not apply, or how it failed. */
  reason: string | null;
  recorded: number | null;
}

/** One completion with another text. */
export interface WhatIfAnswer {
  rewards: WhatIfReward[];
  /** Recorded rewards that are not built in; they keep their recorded score in `total`. */
  notScored: string[];
  total: number | null;
  /** By the convention of the run, with the other completions of the group as they were. */
  advantage: number | null;
  verdict: string;
}

// --- export -----------------------------------------------------------------------------------------------------------

/** pa-sft: the best right answer to each picture as a training sample. */
export const rolloutExportFormats = ["jsonl", "csv", "parquet", "pa-sft"] as const;
export type RolloutExportFormat = (typeof rolloutExportFormats)[number];

/** How the name of such a file ends. */
export function rolloutExportEnding(format: RolloutExportFormat): string {
  return format === "pa-sft" ? "json" : format;
}

/** By the end of a file name; JSON lines where it says nothing. */
export function rolloutExportFormat(fileName: string): RolloutExportFormat {
  const ending = fileName.slice(fileName.lastIndexOf(".") + 1).toLowerCase();
  return rolloutExportFormats.find((format) => rolloutExportEnding(format) === ending) ?? "jsonl";
}

/** What an export wrote: completions, or samples of a PA-SFT file. */
export interface RolloutExport {
  count: number;
  /** Pictures without a sample: no answer to them was right, or they lie in no file as the model saw them. Null for other formats. */
  left: { withoutAnswer: number; withoutFile: number } | null;
}
