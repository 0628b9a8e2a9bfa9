/** Inspection as plain data: what one look at one image streams, and its result. No behaviour; imports only other protocol files. */
import type { FinishReason, ModelReference, WireError } from "./runs";

/** The tags of the answer grammar. */
export type AnswerTag = "think" | "location" | "type" | "answer";

/** The finished inspection of one image; one line of `inspect --json`. */
export interface Inspection {
  /** Path of the inspected image as given. */
  image: string;
  /** null when the text holds no readable yes or no. */
  answer: "yes" | "no" | null;
  location: string | null;
  type: string | null;
  think: string | null;
  /** The whole completion without special tokens. */
  text: string;
  /** Normalised probability of "yes" at the answer, 0 to 1; null when it could not be measured. */
  anomalyScore: number | null;
  finish: FinishReason;
  tokens: { prompt: number; image: number; completion: number };
  /** Milliseconds; `firstToken` counts from the start of the inspection. */
  timings: { preprocess: number; vision: number; prefill: number; firstToken: number; decode: number; total: number };
}

/** A token that a model chose, with what it might have chosen instead. */
export interface TokenChoice {
  /** What it added to the text; empty for all but the last token of a character that takes several. */
  text: string;
  /** 0 to 1, at temperature 1, whatever temperature it was drawn at. */
  probability: number;
  /** The likeliest other tokens, the likeliest first. */
  alternatives: { text: string; probability: number }[];
}

/** Where a model computes, and why there; a device that failed is named in the reason. */
export interface ComputingDevice {
  device: string;
  reason: string;
}

/**
 * What an inspection says while it runs, in this order: started, prefilled, then text and tags, then finished. A second "started" says
 * that its device failed and that everything begins again on the processor; what was said before it is void.
 */
export type InspectEvent =
  | {
      type: "started";
      image: string;
      references: string[];
      width: number;
      height: number;
      computes: ComputingDevice;
    }
  | { type: "prefilled"; promptTokens: number; imageTokens: number; ms: number }
  /**
   * A piece of text; never half a character. `anomalyScore` is set from the answer on. `numTokens` counts the tokens written so far,
   * `ms` the time since the first of them. `choices` are the tokens of this piece, when alternatives were asked for.
   */
  | {
      type: "text";
      text: string;
      anomalyScore: number | null;
      numTokens: number;
      ms: number;
      choices: TokenChoice[];
    }
  /** A tag opened or closed; `body` comes with the closing. */
  | { type: "tag"; tag: AnswerTag; phase: "open" | "close"; body: string | null }
  | { type: "finished"; result: Inspection };

/** A picture on the server's machine, or one that was uploaded to a remote server under its SHA-256. */
export type ImageReference = { path: string } | { sha256: string; name: string };

export interface InspectRequest {
  /** A reference, or the id of a listed model such as "nano" (the default). */
  model?: ModelReference | string;
  image: ImageReference;
  /** Pictures of good parts, shown first. */
  references?: ImageReference[];
  /** Instead of the usual question. */
  question?: string;
  /** 0, the default, is greedy. */
  temperature?: number;
  seed?: number;
  /** Default 512; less where the model's positions end before. */
  maxNewTokens?: number;
  /** Other tokens named with each one that is written, at most 20; 0, the default: no `choices` at all. */
  alternatives?: number;
  /** "interactive" (the default) goes before "batch". */
  priority?: "interactive" | "batch";
}

export interface HeatMapRequest extends Omit<InspectRequest, "temperature" | "seed" | "maxNewTokens" | "alternatives"> {
  /** The completion whose answer is explained, as the inspection gave it. */
  text: string;
  /** Cells along the longer side, 2 to 24; default 8. The work grows with its square. */
  cells?: number;
}

/**
 * Where the answer looked, found by occlusion: each cell is covered with the mean colour of the picture, and the probability of "yes"
 * behind the same reasoning is measured again.
 */
export interface HeatMap {
  method: "occlusion";
  columns: number;
  rows: number;
  /** Row by row from the top left: how much the probability of "yes" falls when the cell is covered; below 0 it rises. */
  values: number[];
  /** Probability of "yes" with nothing covered. */
  baseScore: number;
  seconds: number;
}

/** queued -> loading (the model) -> running -> finished | failed | cancelled. The last three are final. */
export type JobState = "queued" | "loading" | "running" | "finished" | "failed" | "cancelled";

/** What the stream `inspect/<job>` says; a snapshot is an InspectJob. */
export type InspectJobEvent =
  | { type: "state"; state: JobState; error: WireError | null }
  | { type: "queue"; ahead: number }
  | { type: "inspect"; event: InspectEvent }
  | { type: "heat-map-progress"; done: number; total: number }
  | { type: "heat-map"; result: HeatMap };

/** An inspection or a heat map, with everything that is known about it. */
export interface InspectJob {
  job: string;
  kind: "inspect" | "heat-map";
  model: ModelReference;
  image: ImageReference;
  state: JobState;
  /** Only with `failed`. */
  error: WireError | null;
  /** Jobs before it in the queue of its model. */
  ahead: number;
  queuedMs: number;
  /** Size of the picture in pixels, once it is read. */
  width: number | null;
  height: number | null;
  /** Null until the model has begun to look. */
  computes: ComputingDevice | null;
  /** The text so far. */
  text: string;
  /** Its tokens, when alternatives were asked for. */
  choices: TokenChoice[];
  /** Tags so far, in order; a body comes when the tag closes. */
  tags: { tag: AnswerTag; body: string | null }[];
  anomalyScore: number | null;
  numTokens: number;
  /** Tokens per second since the first one; null before the second. */
  tokensPerSecond: number | null;
  result: Inspection | null;
  /** Cells measured so far of a heat map. */
  progress: { done: number; total: number } | null;
  heatMap: HeatMap | null;
}
