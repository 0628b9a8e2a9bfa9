/**
 * Inspection as plain data: what one look at one image streams, and its result. No behaviour; imports only other protocol files.
 */
import type { FinishReason } from "./runs";

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

/** What an inspection says while it runs, in this order: started, prefilled, then text and tags, then finished. */
export type InspectEvent =
  | { type: "started"; image: string; references: string[]; width: number; height: number }
  | { type: "prefilled"; promptTokens: number; imageTokens: number; ms: number }
  /** A piece of text; never half a character. `anomalyScore` is set from the answer on. */
  | { type: "text"; text: string; anomalyScore: number | null }
  /** A tag opened or closed; `body` comes with the closing. */
  | { type: "tag"; tag: AnswerTag; phase: "open" | "close"; body: string | null }
  | { type: "finished"; result: Inspection };
