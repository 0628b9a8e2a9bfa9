/**
 * Runs as plain data: states, events, scalars, rollouts and evaluation reports. This is what a run process tells the server, what
 * the server tells every view, and what lies in the run folder. It holds no behaviour and imports nothing.
 */

/** queued -> starting -> running <-> paused -> stopping -> completed | stopped | failed. The last three are final. */
export type RunState = "queued" | "starting" | "running" | "paused" | "stopping" | "completed" | "stopped" | "failed";

/** The states in which nothing more will come from this attempt. */
export type FinalRunState = "completed" | "stopped" | "failed";

/** Why a run is paused when nothing but a person's wish holds it. */
export const pausedByUser = "paused by the user";

/** What a run was started to do; also the name of the command behind it. */
export type RunKind = "post-train" | "pa-sft" | "sc-grpo" | "perception" | "evaluate";

/** The kinds of work inside a run. */
export type StageKind = "perception" | "pa-sft" | "sc-grpo" | "evaluate";

/** One part of a run, in order. `id` is unique in the run: `evaluate-base`, `pa-sft`, `evaluate-pa-sft`, `sc-grpo`, `evaluate-sc-grpo`. */
export interface StagePlan {
  id: string;
  kind: StageKind;
  /** For people: "Evaluate the base model". */
  title: string;
  /** Optimiser steps of a training stage, images of an evaluation. */
  totalSteps: number;
}

/** Where a model comes from. Paths are absolute; in run.json those inside the run folder are relative to it. */
export interface ModelReference {
  /** Folder of the base checkpoint. */
  base: string;
  /** Folder of a PEFT adapter, or null for the base alone. */
  adapter: string | null;
}

/** An error as it crosses processes. */
export interface WireError {
  /** Stable code such as `config/unknown-key`. */
  code: string;
  /** What, expected, got. */
  message: string;
  /** The cure. */
  hint?: string;
  /** File, line, tensor, node. */
  where?: string;
}

interface RunEventBase {
  runId: string;
  /**
   * Counts the events of an attempt without gap; a resume goes on above the last number on disk. A view that sees a gap asks for
   * a snapshot.
   */
  seq: number;
  /** Milliseconds since 1970. */
  timeMs: number;
}

/** A change of state. Exactly one event with a final state ends every attempt, whatever happens. */
export interface RunStateEvent extends RunEventBase {
  type: "state";
  state: RunState;
  /** 1 for the first start, one more for each resume. */
  attempt: number;
  /** Why, for people: "resumed at pa-sft step 40", "stopped by the user", "disk full". */
  reason: string | null;
  /** Only with `failed`. */
  error: WireError | null;
}

/** All stages of the run; sent once per attempt, before the first stage. */
export interface RunPlanEvent extends RunEventBase {
  type: "plan";
  stages: StagePlan[];
  /** Stages that an earlier attempt already finished. */
  finished: string[];
}

/** A stage begins or is over. */
export interface RunStageEvent extends RunEventBase {
  type: "stage";
  stage: string;
  kind: StageKind;
  phase: "started" | "finished";
  /** Step at which it begins (above 0 when resumed) or ended. */
  step: number;
  totalSteps: number;
  /** The model that enters (started) or leaves (finished) the stage. */
  model: ModelReference;
  /** Numbers worth one line: trainable parameters, samples, tokens; a key says its unit. */
  facts: Record<string, number | string>;
}

/** How far the stage is. At most ten a second; never backwards; not in the journal. */
export interface RunProgressEvent extends RunEventBase {
  type: "progress";
  stage: string;
  /** Finished steps (optimiser steps, or images of an evaluation). */
  step: number;
  totalSteps: number;
  /** What the step is busy with: "rollouts 24/32", "update", "evaluating". */
  activity: string;
  /** Tokens through the model per second over the last steps (prompt and completion), or null before the first. */
  tokensPerSecond: number | null;
  /** Of this stage, from the recent pace; null while unknown. */
  secondsLeft: number | null;
}

/** The metrics of one step, by their usual names. Every point is also in `scalars.bin` and the TensorBoard file. */
export interface RunScalarsEvent extends RunEventBase {
  type: "scalars";
  stage: string;
  /** Optimiser step within the stage, from 1; 0 for an evaluation before the first step. */
  step: number;
  /** A metric that does not exist at this step is left out; NaN never occurs. */
  values: Record<string, number>;
}

/** Held-out numbers. */
export interface RunEvaluationEvent extends RunEventBase {
  type: "evaluation";
  /** The stage that evaluated: an `evaluate` stage, or a training stage (every n steps). */
  stage: string;
  /** Step of the training stage, 0 in an `evaluate` stage. */
  step: number;
  /** Short name of the model state: "base", "pa-sft", "sc-grpo", "pa-sft@40". */
  label: string;
  report: EvaluationReport;
  /** True when this is the best held-out balanced accuracy of the stage so far. */
  best: boolean;
  /** File of the samples, relative to the run folder (JSON lines of EvaluatedSample). */
  samplesFile: string;
}

/** A checkpoint that can be read is on disk. */
export interface RunCheckpointEvent extends RunEventBase {
  type: "checkpoint";
  stage: string;
  step: number;
  /** Relative to the run folder. */
  path: string;
  /** Held-out balanced accuracy in percent at this step, or null when it was not evaluated. */
  balancedAccuracy: number | null;
  /** Best of its stage so far by balanced accuracy, never by reward. */
  best: boolean;
  sizeBytes: number;
}

/** The completions of one SC-GRPO step are on disk. */
export interface RunRolloutsEvent extends RunEventBase {
  type: "rollouts";
  stage: string;
  step: number;
  /** Relative to the run folder; JSON lines of RolloutRecord. */
  file: string;
  numRollouts: number;
  numGroups: number;
  rewardMean: number;
  /** Share of groups whose totals are all equal, 0 to 1. */
  zeroVarianceShare: number;
  /** The completion with the highest advantage, for a live line; shortened to 400 characters. */
  example: { sampleId: string; completion: string; total: number; advantage: number } | null;
}

/** Which rewards a stage uses: told when it begins, and whenever one is exchanged for another version. Curves mark it. */
export interface RunRewardsEvent extends RunEventBase {
  type: "rewards";
  stage: string;
  /** The last step that was done without them. */
  step: number;
  reason: "started" | "exchanged";
  rewards: RewardVersion[];
}

/** A reward as a run uses it. */
export interface RewardVersion {
  name: string;
  weight: number;
  /** SHA-256 of the code of a person's own reward; null for built-in ones. */
  version: string | null;
  /** Path of its file; null for built-in ones. */
  file: string | null;
  /** Where the run folder keeps the text of the file, relative to it. */
  copy: string | null;
}

/** The guard of a stage saw something in the rollouts. Told once for each id and reward, and again after an exchange. */
export interface RunFindingEvent extends RunEventBase {
  type: "finding";
  stage: string;
  step: number;
  /** RW101 to RW124. */
  id: string;
  severity: "error" | "warning" | "information";
  reward: string;
  /** Path of the reward's file; null for built-in ones. */
  file: string | null;
  message: string;
  /** The run waits because of it. */
  pauses: boolean;
}

/** A rule of the experiment file (`alerts`) was met. Told once for each rule and stage of an attempt. */
export interface RunAlertEvent extends RunEventBase {
  type: "alert";
  stage: string;
  step: number;
  /** Which of the file's rules, counted from 0; missing in journals of earlier versions. */
  rule?: number;
  /** What the file calls it; null when it has no name. */
  name: string | null;
  metric: string;
  value: number;
  /** For people: "kl is 0.61, above 0.5 for 3 steps." */
  message: string;
}

/** Something a person may want to know: a fallback, a truncated sample, a stale lock that was taken over. */
export interface RunLogEvent extends RunEventBase {
  type: "log";
  level: "info" | "warning";
  /** Stable, for filters: `data/truncated`, `runtime/copying`. */
  code: string;
  message: string;
}

/** The before/between/after table; last event before the final state of a completed run with evaluations. */
export interface RunSummaryEvent extends RunEventBase {
  type: "summary";
  rows: { label: string; report: EvaluationReport }[];
  /** The model that the run leaves behind. */
  model: ModelReference;
  wallSeconds: number;
}

/** Everything a run says, in order of `seq`. */
export type RunEvent =
  | RunStateEvent
  | RunPlanEvent
  | RunStageEvent
  | RunProgressEvent
  | RunScalarsEvent
  | RunEvaluationEvent
  | RunCheckpointEvent
  | RunRolloutsEvent
  | RunRewardsEvent
  | RunFindingEvent
  | RunAlertEvent
  | RunLogEvent
  | RunSummaryEvent;

/** A RunEvent before the recorder adds run, number and time. */
export type RunEventBody = RunEvent extends infer E
  ? E extends RunEvent
    ? Omit<E, keyof RunEventBase>
    : never
  : never;

/** Accuracy on one category of images, in percent. */
export interface CategoryAccuracy {
  numNormal: number;
  numAnomalous: number;
  /** Mean of the two below; null when one kind is missing. */
  balancedAccuracy: number | null;
  /** Share of normal images answered "No"; null without normal images. */
  normalAccuracy: number | null;
  /** Share of anomalous images answered "Yes"; null without anomalous images. */
  anomalousAccuracy: number | null;
}

/** One evaluation. All accuracies in percent; an answer that cannot be parsed is neither right nor dropped: it counts as wrong and in `unparsed`. */
export interface EvaluationReport extends CategoryAccuracy {
  numSamples: number;
  /** Area under the ROC curve of the anomaly score, in percent; null when one kind is missing. */
  auroc: number | null;
  /** Share of anomalous images with a known place whose `<location>` is right; null without such images. */
  locationAccuracy: number | null;
  /** Mean score of `<type>` against the true type over anomalous images, in percent; null without such images. */
  typeScore: number | null;
  /** Share of completions without a readable yes or no, in percent. */
  unparsed: number;
  perCategory: Record<string, CategoryAccuracy>;
  /** Mean of every reward over the samples it applied to, and of their weighted total; empty when no rewards were given. */
  rewards: Record<string, number>;
  /** Weighted total of `rewards`, or null. */
  rewardTotal: number | null;
  /** Mean completion length in tokens. */
  meanLength: number;
  seconds: number;
  /** Ends of 95 % intervals by bootstrap, by the names of the numbers above; null where there is none. Older runs have not got them. */
  intervals?: Readonly<Record<string, readonly [low: number, high: number] | null>>;
}

/** What the model said about one held-out image. */
export interface EvaluatedSample {
  id: string;
  /** Paths of the images in prompt order; the last one is the query. */
  images: string[];
  category: string;
  label: "normal" | "anomalous" | null;
  /** The ground truth in the answer grammar, tags only. */
  solution: string | null;
  completion: string;
  /** null = unparsed. */
  answer: "yes" | "no" | null;
  location: string | null;
  type: string | null;
  /** Normalised probability of "yes" at the answer, 0 to 1; null when it could not be measured. */
  anomalyScore: number | null;
  correct: boolean;
  rewards: Record<string, number | null>;
  numTokens: number;
}

/** What the reward said: a number, does not apply, or it failed. */
export type RewardStatus = "ok" | "na" | "error";

/** One completion of one group, as recorded in `rollouts/step-*.jsonl`. */
export interface RolloutRecord {
  run: string;
  step: number;
  mode: "train" | "eval";
  /** Number of the group within the step. */
  group: number;
  /** Number of the completion within the group. */
  index: number;
  sampleId: string;
  imageRefs: { id: string; sha256: string; sizeBytes: number }[];
  /** SHA-256 of the rendered prompt. */
  promptHash: string;
  /** The ground truth the rewards were given. */
  solution: string | null;
  completion: string;
  finish: FinishReason;
  /** Completion length in tokens, with the end token when there is one. */
  length: number;
  rewards: Record<string, number | null>;
  status: Record<string, RewardStatus>;
  /** Extra columns that rewards noted, and error texts. */
  notes: Record<string, string | number | boolean | null>;
  /** Weighted sum over the rewards that applied; null when none did. */
  total: number | null;
  advantage: number;
  /** Mean k3 estimate against the start model, or null when KL is off. */
  refKl: number | null;
  /** Mean entropy of the tokens in nats. */
  entropy: number;
  /** Mean log-probability of the tokens under the policy that wrote them. */
  meanLogProb: number;
  timings: { generateMs: number; rewardMs: number };
  /** (T,) signs of the completion that each token added; missing where the trainer does not say, and in runs of earlier versions. */
  tokenLengths?: number[];
  /** (T,) log-probability of each token at temperature 1 with nothing cut, in nats, to three digits; there with `tokenLengths`. */
  tokenLogProbs?: number[];
}

/** Why a completion ended: its end token, the token limit, a stop string, or the person. */
export type FinishReason = "eos" | "length" | "stop" | "cancelled";

/** One column of the scalar store. */
export interface ScalarColumn {
  stage: string;
  name: string;
}

/** All points of one column, in order of writing. */
export interface ScalarSeries extends ScalarColumn {
  steps: Uint32Array;
  timesMs: Float64Array;
  values: Float64Array;
}

/** `run.json`: what was run, from what, with what. Rewritten atomically when the state changes. */
export interface RunManifest {
  format: "iad-r1/run";
  version: 1;
  id: string;
  kind: RunKind;
  /** From the configuration; not unique. */
  project: string;
  state: RunState;
  attempt: number;
  createdMs: number;
  updatedMs: number;
  /** The whole configuration after defaults and overrides. */
  config: unknown;
  /** Path of the file the configuration came from, or null. */
  configFile: string | null;
  plan: StagePlan[];
  finishedStages: string[];
  /** The model that each finished stage left. */
  stageModels: Record<string, ModelReference>;
  /** SHA-256 of everything that decides the numbers. */
  hashes: {
    config: string;
    code: string;
    model: string;
    data: Record<string, string>;
    rewards: Record<string, string>;
  };
  versions: Record<string, string>;
  device: string;
  /** Why this device; missing in runs of other trainers and while it is not known. */
  deviceReason?: string;
  threads: number;
  /** The run and checkpoint this one was started from, or null. */
  lineage: { run: string; checkpoint: string } | null;
  /** Rewards that were exchanged while the run was under way, in order; missing in runs without. */
  rewardLineage?: { stage: string; step: number; rewards: RewardVersion[] }[];
}

/** One line of `runs list`. */
export interface RunListing {
  id: string;
  kind: RunKind;
  project: string;
  /** A run whose process is gone without a final event is listed as failed. */
  state: RunState;
  /** Why it is in this state: what made it fail or stop; null when there is nothing to say. */
  reason: string | null;
  attempt: number;
  createdMs: number;
  updatedMs: number;
  plan: StagePlan[];
  finishedStages: string[];
  lastStage: string | null;
  lastStep: number;
  /** Last known values, for a table. */
  last: Record<string, number>;
  /** What it is busy with; null when nothing is known or it has ended. */
  progress: Pick<
    RunProgressEvent,
    "stage" | "step" | "totalSteps" | "activity" | "tokensPerSecond" | "secondsLeft"
  > | null;
  folder: string;
  lineage: RunManifest["lineage"];
  /** What the guard found in the rewards that are in use, oldest first; at most 20. */
  findings: ListedFinding[];
  /** What rules of the experiment file told, oldest first; at most 20, and missing where there is nothing. */
  alerts?: ListedAlert[];
}

export type ListedAlert = Pick<RunAlertEvent, "stage" | "step" | "rule" | "name" | "metric" | "value" | "message">;

/** What an alert is about: a rule in a stage. A later one with the same key takes its place in lists. */
export const alertKey = ({ stage, rule, name, metric }: Pick<RunAlertEvent, "stage" | "rule" | "name" | "metric">) =>
  `${stage} ${rule ?? ""} ${name ?? ""} ${metric}`;

export type ListedFinding = Pick<
  RunFindingEvent,
  "id" | "severity" | "reward" | "file" | "message" | "step" | "pauses"
>;

/** A checkpoint that is on disk now. */
export interface CheckpointInfo {
  /** Relative to the run folder. */
  path: string;
  stage: string;
  step: number;
  balancedAccuracy: number | null;
  /** Best of its stage by balanced accuracy. */
  best: boolean;
  sizeBytes: number;
  /** The model in it, with absolute paths. */
  model: ModelReference;
}

/** One run in full. */
export interface RunDetails {
  listing: RunListing;
  manifest: RunManifest;
  checkpoints: CheckpointInfo[];
  /** The last evaluation of every label, in order. */
  evaluations: { label: string; stage: string; step: number; report: EvaluationReport; samplesFile: string }[];
  /** What the process printed last, at most 64 KiB; empty when it printed nothing. */
  log: string;
}

/** Several runs side by side. */
export interface RunComparison {
  runs: string[];
  evaluations: { run: string; label: string; report: EvaluationReport }[];
  /** Settings that are not the same in all, by dotted path; a value is null where the setting is missing. */
  differences: { key: string; values: unknown[] }[];
}

/** What a run will need. Every number says where it comes from in `basis`. */
export interface RunEstimate {
  memory: {
    /** Bytes at the peak of the whole run: the largest of the stages. */
    peakBytes: number;
    availableBytes: number;
    fits: boolean;
    stages: {
      stage: string;
      weightsBytes: number;
      optimizerBytes: number;
      activationsBytes: number;
      cacheBytes: number;
    }[];
  };
  /** Null where the speed of this machine is not known. */
  seconds: number | null;
  stages: { stage: string; steps: number; seconds: number | null }[];
  basis: string[];
}
