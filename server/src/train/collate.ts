/**
 * Prompts with their completions as one padded batch for the log-probability and training programs. Rows are padded on the right,
 * which causal attention cannot see; only completion tokens are labelled. It weighs nothing: token weights are the caller's.
 */
import type { Tensor } from "../runtime/tensors";
import { tensor } from "../runtime/tensors";
import type { PixelFeeds } from "../generate/imageFeatures";
import { type EncodedPrompt, imageFeeds } from "../generate/generator";

/** A prompt and what is said to it, with the end token where there is one. */
export interface Sequence {
  prompt: EncodedPrompt;
  completionIds: ArrayLike<number>;
}

export interface CollatedBatch {
  /** Inputs of the program but for weights, rotary tables and what belongs to the objective. */
  feeds: Record<string, Tensor>;
  /** T, of the longest row; rounded up so that fewer shapes occur. */
  length: number;
  /** M, labelled tokens. */
  numTargets: number;
  /** First labelled token of each row among the M; one more at the end. */
  offsets: number[];
  /** Tokens without padding. */
  numTokens: number;
}

/** Lengths are rounded up to a multiple of it, as the reference pads. */
const lengthStep = 8;

/**
 * @param width  C of the decoder
 * @param pixels the tower's inputs for the pictures of all rows, when the program computes features itself
 */
export function collate(sequences: readonly Sequence[], width: number, pixels?: PixelFeeds): CollatedBatch {
  const batch = sequences.length;
  const lengths = sequences.map(({ prompt, completionIds }) => prompt.inputIds.length + completionIds.length);
  const length = Math.ceil(Math.max(...lengths) / lengthStep) * lengthStep;
  const offsets = [0];
  for (const { completionIds } of sequences) offsets.push(offsets.at(-1)! + completionIds.length);
  const numTargets = offsets.at(-1)!;
  const inputIds = new BigInt64Array(batch * length);
  const positionIds = new BigInt64Array(batch * length);
  const targetPositions = new BigInt64Array(numTargets);
  const targets = new BigInt64Array(numTargets);
  for (const [b, { prompt, completionIds }] of sequences.entries()) {
    const start = prompt.inputIds.length;
    for (let t = 0; t < length; t++) positionIds[b * length + t] = BigInt(Math.min(t, lengths[b]! - 1));
    for (let t = 0; t < start; t++) inputIds[b * length + t] = BigInt(prompt.inputIds[t]!);
    for (let t = 0; t < completionIds.length; t++) {
      const id = BigInt(completionIds[t]!);
      inputIds[b * length + start + t] = id;
      // The hidden state one place earlier predicts the token.
      targetPositions[offsets[b]! + t] = BigInt(b * length + start + t - 1);
      targets[offsets[b]! + t] = id;
    }
  }
  const images = imageFeeds(
    sequences.map(({ prompt }) => prompt),
    length,
    width,
  );
  return {
    feeds: {
      input_ids: tensor("int64", inputIds, [batch, length]),
      position_ids: tensor("int64", positionIds, [batch, length]),
      target_positions: tensor("int64", targetPositions, [numTargets]),
      targets: tensor("int64", targets, [numTargets]),
      ...images,
      ...pixels,
    },
    ...{ length, numTargets, offsets },
    numTokens: lengths.reduce((sum, one) => sum + one, 0),
  };
}

/**
 * Splits sequences into passes of at most `maxRows`, like lengths together, so that little is padded.
 *
 * @returns indices into `sequences`, pass by pass; the same for the same lengths
 */
export function splitByLength(sequences: readonly Sequence[], maxRows: number): number[][] {
  const length = (i: number) => sequences[i]!.prompt.inputIds.length + sequences[i]!.completionIds.length;
  const order = sequences.map((_, i) => i).sort((a, b) => length(b) - length(a) || a - b);
  const passes: number[][] = [];
  for (let from = 0; from < order.length; from += maxRows) passes.push(order.slice(from, from + maxRows));
  return passes;
}
