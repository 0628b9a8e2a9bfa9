/**
 * Prompts with their completions as one padded batch for the log-probability and training programs, in either layout. Padding is on
 * the right, where causal attention cannot see it; only completion tokens are labelled. It weighs nothing: token weights are the
 * caller's.
 */
import { RopeRows, ropeTableLength } from "@iad-r1/models/nn/rope";
import type { TowerFeeds } from "@iad-r1/models/processor";
import { type EncodedPrompt, imageFeeds } from "../generate/generator";
import type { Tensor } from "../runtime/tensors";
import { tensor } from "../runtime/tensors";

/** A prompt and what is said to it, with the end token where there is one. */
export interface Sequence {
  prompt: EncodedPrompt;
  completionIds: ArrayLike<number>;
}

/** Several completions of one prompt. */
export interface SequenceGroup {
  prompt: EncodedPrompt;
  completions: readonly ArrayLike<number>[];
}

export interface CollatedBatch {
  /** Inputs of the program but for weights, rotary tables and what belongs to the objective. */
  feeds: Record<string, Tensor>;
  /** Of the longest sequence, padding included: rows of rotary tables that are needed. */
  length: number;
  /** Places of the rows behind the plain ones of the rotary tables; see `RopeRows`. */
  extraPlaces: readonly number[];
  /** M, labelled tokens. */
  numTargets: number;
  /** First labelled token of each completion among the M; one more at the end. */
  offsets: number[];
  /** Tokens that are computed, without padding. */
  numTokens: number;
}

/** Lengths are rounded up to a multiple of it, so that fewer shapes occur. */
const lengthStep = 8;

/**
 * Every sequence as a row of its own.
 *
 * @param width  C of the decoder
 * @param pixels the tower's inputs for the pictures of all rows, when the program computes features itself
 */
export function collate(sequences: readonly Sequence[], width: number, pixels?: TowerFeeds): CollatedBatch {
  const batch = sequences.length;
  const lengths = sequences.map(({ prompt, completionIds }) => prompt.inputIds.length + completionIds.length);
  const length = roundUp(Math.max(...lengths));
  const offsets = offsetsOf(sequences.map(({ completionIds }) => completionIds));
  const numTargets = offsets.at(-1)!;
  const inputIds = new BigInt64Array(batch * length);
  const positionIds = new BigInt64Array(batch * length);
  const targetPositions = new BigInt64Array(numTargets);
  const targets = new BigInt64Array(numTargets);
  const places = new RopeRows(ropeTableLength(length));
  for (const [b, { prompt, completionIds }] of sequences.entries()) {
    const start = prompt.inputIds.length;
    for (let t = 0; t < length; t++) {
      positionIds[b * length + t] = BigInt(places.row(prompt.positions, Math.min(t, lengths[b]! - 1)));
    }
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
    ...{ length, numTargets, offsets, extraPlaces: places.extra },
    numTokens: lengths.reduce((sum, one) => sum + one, 0),
  };
}

/**
 * Every prompt once, with its completions beside it (layout "shared-prompts"). Groups may differ in size: missing completions are
 * padding. A prompt's last token predicts the first token of each of its completions.
 */
export function collateShared(groups: readonly SequenceGroup[], width: number, pixels?: TowerFeeds): CollatedBatch {
  const batch = groups.length;
  const promptLengths = groups.map(({ prompt }) => prompt.inputIds.length);
  const promptTokens = roundUp(Math.max(...promptLengths));
  const groupSize = Math.max(...groups.map(({ completions }) => completions.length));
  const all = groups.flatMap(({ completions }) => completions);
  const completionTokens = roundUp(Math.max(...all.map(({ length }) => length)));
  const offsets = offsetsOf(all);
  const numTargets = offsets.at(-1)!;
  const inputIds = new BigInt64Array(batch * promptTokens);
  const positionIds = new BigInt64Array(batch * promptTokens);
  const completionIds = new BigInt64Array(batch * groupSize * completionTokens);
  const completionPositions = new BigInt64Array(completionIds.length);
  const targetPositions = new BigInt64Array(numTargets);
  const targets = new BigInt64Array(numTargets);
  let target = 0;
  const length = promptTokens + completionTokens;
  const places = new RopeRows(ropeTableLength(length));
  for (const [b, { prompt, completions }] of groups.entries()) {
    const start = promptLengths[b]!;
    const row = (at: number) => BigInt(places.row(prompt.positions, at));
    for (let p = 0; p < promptTokens; p++) positionIds[b * promptTokens + p] = row(Math.min(p, start - 1));
    for (let p = 0; p < start; p++) inputIds[b * promptTokens + p] = BigInt(prompt.inputIds[p]!);
    for (let g = 0; g < groupSize; g++) {
      const at = (b * groupSize + g) * completionTokens;
      const ids = completions[g] ?? [];
      const last = Math.max(0, ids.length - 1);
      for (let l = 0; l < completionTokens; l++) completionPositions[at + l] = row(start + Math.min(l, last));
      for (let l = 0; l < ids.length; l++) {
        completionIds[at + l] = BigInt(ids[l]!);
        targets[target] = BigInt(ids[l]!);
        const predicting = l === 0 ? b * promptTokens + start - 1 : batch * promptTokens + at + l - 1;
        targetPositions[target++] = BigInt(predicting);
      }
    }
  }
  const shape = [batch, groupSize, completionTokens];
  return {
    feeds: {
      input_ids: tensor("int64", inputIds, [batch, promptTokens]),
      position_ids: tensor("int64", positionIds, [batch, promptTokens]),
      prompt_lengths: tensor("int64", BigInt64Array.from(promptLengths, BigInt), [batch]),
      completion_ids: tensor("int64", completionIds, shape),
      completion_position_ids: tensor("int64", completionPositions, shape),
      target_positions: tensor("int64", targetPositions, [numTargets]),
      targets: tensor("int64", targets, [numTargets]),
      ...imageFeeds(
        groups.map(({ prompt }) => prompt),
        promptTokens,
        width,
      ),
      ...pixels,
    },
    ...{ length, numTargets, offsets, extraPlaces: places.extra },
    numTokens: promptLengths.reduce((sum, one) => sum + one, 0) + numTargets,
  };
}

function roundUp(length: number): number {
  return Math.ceil(length / lengthStep) * lengthStep;
}

/** Where each list begins when they lie one after another; one more at the end. */
function offsetsOf(lists: readonly ArrayLike<number>[]): number[] {
  const offsets = [0];
  for (const { length } of lists) offsets.push(offsets.at(-1)! + length);
  return offsets;
}
