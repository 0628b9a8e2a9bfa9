/**
 * What a reward function is, as plain types: what it is given and the three ways it can end. No function lives here.
 */

/** One note of a reward about one completion: an extra column for the record. */
export type RewardNote = string | number | boolean | null;

/** A number, "says nothing about this completion", or "failed". A missing score is never a zero. */
export type RewardOutcome =
  | { readonly status: "ok"; readonly score: number; readonly notes?: Readonly<Record<string, RewardNote>> }
  | { readonly status: "not-applicable"; readonly reason: string }
  | { readonly status: "error"; readonly message: string; readonly cause?: RewardFailure };

/**
 * How a reward failed, where that is known. raised: it threw. value: what it gave is no finite number. range: a number outside
 * of the declared range. count: a function for many completions did not give one value for each.
 */
export type RewardFailure = "raised" | "value" | "range" | "count";

/** One completion with what is known about its prompt. */
export interface RewardInput {
  /** Text of the completion's first message. Anything but a string comes from a damaged record; most rewards refuse it. */
  readonly completion: unknown;
  /** The ground truth in the answer grammar. Anything but a string: as above. */
  readonly solution: unknown;
  /** The other columns of the data row. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** Where it comes from; only people's own rewards are told. */
  readonly origin?: RewardOrigin;
}

/** What is known about a completion besides its text. */
export interface RewardOrigin {
  /** Same for all completions of a prompt; consecutive runs of the group size where it is not said. */
  readonly group?: string;
  /** Messages, or a text. */
  readonly prompt?: unknown;
  readonly sampleId?: string;
  readonly step?: number;
  readonly finish?: "eos" | "length" | "stop";
  /** In tokens. */
  readonly length?: number;
}

interface RewardDescription {
  /** `<set>/<function>` for built-in ones, unique in a run. */
  readonly name: string;
  /** Least and greatest score; the evaluation refuses scores outside. */
  readonly range: { readonly min: number; readonly max: number };
  /** One sentence for lists and hovers. */
  readonly description: string;
}

/** Scores one completion at a time, whatever stands beside it. */
export interface SampleReward extends RewardDescription {
  readonly scope: "sample";
  score(input: RewardInput): RewardOutcome;
}

/** Scores the completions of one prompt together; one outcome per input, in order. */
export interface GroupReward extends RewardDescription {
  readonly scope: "group";
  score(inputs: readonly RewardInput[]): readonly RewardOutcome[];
}

/** A reward whose code runs in a process of its own; one outcome per input, in order. */
export interface OutsideReward extends RewardDescription {
  readonly scope: "outside";
  /** SHA-256 of the code as it runs. */
  readonly version: string;
  /** Its scores depend on all completions of a prompt. */
  readonly needsGroups: boolean;
  /** Consecutive inputs that share a prompt are `groupSize` many. */
  scoreAll(
    inputs: readonly RewardInput[],
    options: { groupSize: number; signal?: AbortSignal },
  ): Promise<readonly RewardOutcome[]>;
}

export type RewardFunction = SampleReward | GroupReward | OutsideReward;

/** A reward as a run uses it. The total is the sum of weight times score over the rewards that applied. */
export interface WeightedReward {
  readonly reward: RewardFunction;
  readonly weight: number;
}

export function scored(score: number, notes?: Record<string, RewardNote>): RewardOutcome {
  return notes === undefined ? { status: "ok", score } : { status: "ok", score, notes };
}

export function notApplicable(reason: string): RewardOutcome {
  return { status: "not-applicable", reason };
}

export function failed(message: string, cause?: RewardFailure): RewardOutcome {
  return cause === undefined ? { status: "error", message } : { status: "error", message, cause };
}
