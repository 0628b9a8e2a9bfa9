/**
 * What the reward debugger and its surfaces say to each other: plain data. Positions count from 0 and characters are UTF-16 units, as editors
 * count. The requests that carry them stand in lsp.ts.
 */

// --- scope: which rollouts all surfaces speak of ----------------------------------------------------------------------

/** Where rollouts come from: a recorded run, or a file of lines (`iad-r1 rollouts sample`, an import). */
export type RolloutSource = { kind: "run"; run: string } | { kind: "file"; path: string };

/** Names one rollout inside a source. `step` is null in files that know no steps. */
export interface RolloutKey {
  step: number | null;
  group: string;
  index: number;
}

export type RolloutSplit = "all" | "train" | "eval" | "probe";

/** "flips": those whose score the code on screen changes. */
export type RolloutFilter = "all" | "failing" | "zero-variance" | "flips";

/** One scope for every surface. */
export interface RewardScope {
  /** Null: the newest run of the window that has rollouts. */
  source: RolloutSource | null;
  /** First and last step; null: the last eight that were recorded. */
  steps: { from: number; to: number } | null;
  split: RolloutSplit;
  filter: RolloutFilter;
  /** Turns distributions into the values of one rollout. */
  pinned: RolloutKey | null;
}

/** A scope with what it came to. */
export interface RewardScopeState {
  scope: RewardScope;
  /** What the scope resolved to; null when there are no rollouts anywhere. */
  source: RolloutSource | null;
  /** For people: "run 20260101-1, steps 12 to 19". Empty without a source. */
  label: string;
  numRollouts: number;
  numGroups: number;
  /** Why there is nothing, when something was expected. */
  problem: string | null;
  /** Whether the code on screen is run. */
  isLive: boolean;
}

/** What a person can choose from. */
export interface RewardScopeChoices {
  sources: { source: RolloutSource; label: string; detail: string; steps: number[] }[];
}

// --- expectations -----------------------------------------------------------------------------------------------------

/** What a person may expect of a reward: `0.5`, `>= 1`, `na` (it must not apply), `error` (it must fail). Groups: comparison, number. */
export const expectationPattern = /^\s*(?:(<=|>=|==|=|<|>|!=)?\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)|na|error)\s*$/i;

/** Text that has to go into a file so that it keeps a probe. */
export interface ProbeAddition {
  uri: string;
  /** The file has to be made first. */
  isNew: boolean;
  /** Where the file ends as it is on the disk, from 0. */
  end: { line: number; character: number };
  text: string;
}

// --- what a reward did -----------------------------------------------------------------------------------------------

/** Numbers of one column. */
export interface Distribution {
  count: number;
  mean: number;
  /** With divisor n − 1, over all rows; 0 for one. */
  std: number;
  min: number;
  max: number;
  p5: number;
  p50: number;
  p95: number;
  /** Counts of equally wide bins from `min` to `max`; one bin when all are equal. */
  bins: number[];
}

/** "none": no scores known. "recorded": as the run scored it. "live": re-scored with the code on screen. */
export type ReportFreshness = "none" | "recorded" | "live";

/** What an edit changed. */
export interface ScoreChange {
  /** The scores that the run recorded; or, for a reward that it did not know, those of the code as it was when it was first run here. */
  against: "recorded" | "first";
  /** Rows with another score: more than 1e-9 apart, or a number on one side only. */
  flips: number;
  compared: number;
  deltaMean: number;
  /** Groups whose totals were all equal and now differ, and the other way round. */
  regainedGroups: number;
  lostGroups: number;
  /** The first of the rows that flipped, at most 500. */
  rollouts: RolloutKey[];
}

/** One reward function over the scope. */
export interface RewardFunctionReport {
  name: string;
  freshness: ReportFreshness;
  /** Rows that it was asked about. */
  numRollouts: number;
  steps: { from: number; to: number; count: number } | null;
  /** Null when no row has a number. */
  scores: Distribution | null;
  counts: { ok: number; na: number; error: number };
  groups: { count: number; zeroVariance: number; meanStd: number } | null;
  /** Milliseconds a call; null for recorded scores. */
  timeMs: { p50: number; p99: number } | null;
  /** Part of the total's variance inside groups, 0 to 1 (negative when it works against the total); null when unknown. */
  varianceShare: number | null;
  /** Mean by step, rising; at most 64. */
  trend: { step: number; mean: number }[];
  change: ScoreChange | null;
  /** Lowest score, the worst against its group; null without scores. */
  worst: RolloutKey | null;
  /** Under a pinned rollout: its outcome. */
  pinned: RewardOutcomeView | null;
}

export interface RewardOutcomeView {
  status: "ok" | "na" | "error";
  score: number | null;
  /** Why it does not apply, or how it failed. */
  reason: string | null;
}

/** One place of the source that was watched. */
export interface SiteReport {
  kind: "expression" | "condition" | "return" | "catch" | "regex" | "call" | "statement";
  function: string;
  /** Offsets into the text that was run. */
  start: number;
  end: number;
  /** Times reached, and how many values were kept of that. */
  reached: number;
  kept: number;
  /** In how many of the rows; null where that is not known: outside of the loop over rows, and beyond the values that are kept. */
  rowsReached: number | null;
  /** Most frequent values, at most five. */
  top: { text: string; type: string; count: number }[];
  /** How many different values were seen. */
  distinct: number;
  /** When every value was a number. */
  numbers: Distribution | null;
  /** For conditions: how often true and false, and the mean score of the rows on each side. */
  branches: { yes: number; no: number; meanYes: number | null; meanNo: number | null } | null;
  /** Exceptions by text, most frequent first, at most five. */
  thrown: { message: string; count: number; line: number; rollout: RolloutKey | null }[];
  /** Mean score of rows that came here, and of the others. */
  meanReached: number | null;
  meanOthers: number | null;
  /** The place that decided that rows did not come here. */
  notReachedBecause: { line: number; truth: boolean; count: number } | null;
  /** Some rows behind the numbers, at most 100. */
  rollouts: RolloutKey[];
  regex: RegexReport | null;
}

/** A regular expression over the texts it was matched against. */
export interface RegexReport {
  pattern: string;
  tested: number;
  matched: number;
  /** One text that does not match. */
  failure: {
    rollout: RolloutKey | null;
    matchedUpTo: string;
    expected: string;
    saw: string;
    text: string;
    at: number;
  } | null;
  /** Rewrites with the share that they match. */
  trials: { title: string; pattern: string; matched: number }[];
  p99Ms: number | null;
  /** Why it may take very long; null when it cannot. */
  warning: string | null;
}

/** A finding as surfaces show it. */
export interface RewardFindingView {
  id: string;
  severity: "error" | "warning" | "information";
  function: string;
  message: string;
  certain: "static" | "dynamic";
  rollouts: RolloutKey[];
}

// --- decorations ------------------------------------------------------------------------------------------------------

/** How a reward file's lines were reached; sent whenever it changes. The editor draws. */
export interface RewardReach {
  uri: string;
  /** Version of the document that the lines belong to. */
  version: number;
  /** Lines with code of reward functions; `rows` of `total` rows came there. Empty: draw nothing. */
  lines: { line: number; rows: number; total: number }[];
  state: "off" | "idle" | "updating" | "live" | "failed";
  /** Why it failed, for people. */
  problem: string | null;
}

// --- requests ---------------------------------------------------------------------------------------------------------

export interface RewardPlace {
  uri: string;
  function: string;
}

/** How a person wants the surfaces. */
export interface RewardSurfaces {
  inlayHints: "off" | "returns" | "all";
  codeLens: boolean;
  /** Severity by finding id; those that are left out keep their own. */
  findings: Record<string, "off" | "info" | "warning" | "error">;
  /** Names of folders whose code files are looked through for rewards, besides `*.reward.*` everywhere; `rewards` when left out. */
  folders?: string[];
}

/** A reward function of an open file or of a file in the project. */
export interface RewardFunctionListing {
  name: string;
  uri: string;
  language: "typescript" | "python";
  shape: string;
  scope: "sample" | "group" | "batch";
  weight: number;
  line: number;
  character: number;
}

export interface RewardReportAnswer {
  function: RewardFunctionReport;
  findings: RewardFindingView[];
  /** The hover's text for sharing: no links, no picture. */
  markdown: string;
}

/** One probe of the battery with what the reward said. */
export interface ProbeView {
  id: string;
  title: string;
  completion: string;
  score: number | null;
  status: "ok" | "na" | "error";
  /** For people: "at most 2 (the gold completion)". */
  expectation: string;
  passed: boolean;
  /** RW118, RW119 … of a probe that did not pass. */
  finding: string | null;
}

export interface ProbeAnswer {
  function: string;
  probes: ProbeView[];
}

/** Everything that a debugger needs to stop in a reward with a rollout's arguments. */
export interface DebugLaunch {
  language: "typescript" | "python";
  /** Program that calls the reward. */
  program: string;
  args: string[];
  /** For the program's own runtime, such as options of Node. */
  runtimeArgs: string[];
  cwd: string;
  /** Where to stop first. */
  breakpoint: { path: string; line: number };
  /** Removes what was made; ask for it when the session has ended. */
  session: string;
}

/** Test of a reward: a probe or an expectation. */
export interface RewardTestItem {
  id: string;
  label: string;
  kind: "probe" | "expectation";
  function: string;
  uri: string;
  line: number;
}

export interface RewardTestResult {
  id: string;
  /** "skipped": it says nothing about this reward. */
  outcome: "passed" | "failed" | "errored" | "skipped";
  /** What was expected and what came; empty when passed. */
  message: string;
  expected: string;
  actual: string;
  milliseconds: number;
}

/** One rollout through one function: the path of evaluated places, in order of evaluation. */
export interface RewardTrace {
  outcome: RewardOutcomeView;
  steps: {
    start: number;
    end: number;
    line: number;
    kind: SiteReport["kind"];
    source: string;
    value: string;
    type: string;
  }[];
}

// --- all rewards at once ------------------------------------------------------------------------------------------------

/** A reward of the window's files, or one that the rollouts of the scope were scored with. */
export interface RewardTreeItem {
  name: string;
  /** Null for built-in rewards, which have no file here. */
  place: { uri: string; line: number; character: number } | null;
  language: "typescript" | "python" | null;
  /** As the run weighs it, else an experiment of the window, else as the file declares it. */
  weight: number;
  freshness: ReportFreshness;
  /** Mean over the scope; null without a number. */
  mean: number | null;
  counts: { ok: number; na: number; error: number } | null;
  /** Gravest first. */
  findings: { id: string; severity: RewardFindingView["severity"]; message: string; line: number }[];
}

// --- two versions of a reward -------------------------------------------------------------------------------------------

/** Text of a reward file: as the editor shows it, as it lies on the disk, as a run kept it, or another file that does the same. */
export type RewardVersionRef =
  | { kind: "screen" }
  | { kind: "disk" }
  | { kind: "run"; run: string; copy: string }
  | { kind: "file"; path: string };

/** A version that a person can choose. */
export interface RewardVersionChoice {
  version: RewardVersionRef;
  /** For a run's version: after which step it came into use; else null. */
  step: number | null;
  /** First letters of the SHA-256 of the text. */
  hash: string;
}

/** What one version of a function came to over the scope. */
export interface RewardVersionScores {
  /** Null when no row has a number. */
  mean: number | null;
  std: number | null;
  /** Mean of the groups' deviations. */
  stdInsideGroups: number | null;
  counts: { ok: number; na: number; error: number };
  /** Why the version could not be run; the counts are 0 then. */
  problem: string | null;
}

export interface ComparedFunction {
  name: string;
  /** Null where the version has no function of this name. */
  before: RewardVersionScores | null;
  after: RewardVersionScores | null;
  /** Rows with another score or another outcome. */
  flips: number;
  compared: number;
}

/** The same rollouts scored by two versions of a reward file; all other rewards as they were recorded. */
export interface RewardVersionComparison {
  source: RolloutSource | null;
  /** Of the scope. */
  label: string;
  numRollouts: number;
  numGroups: number;
  functions: ComparedFunction[];
  totals: {
    meanBefore: number | null;
    meanAfter: number | null;
    /** Groups without a difference. */
    flatBefore: number;
    flatAfter: number;
    regainedGroups: number;
    lostGroups: number;
    flips: number;
  };
  /** By each way to make advantages of totals: completions that are pushed the other way, or no longer. */
  advantages: { method: string; signChanges: number }[];
  /** Rows with another total, the largest changes first; at most 500. */
  changes: { rollout: RolloutKey; before: number | null; after: number | null; completion: string }[];
}
