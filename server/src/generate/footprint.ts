/**
 * Memory that a model takes: its weights, and what one inspection adds. Counted from shapes before anything is read, and held against
 * measured peaks (docs/models.md). Training adds to the weights what train/memory.ts counts.
 */

import { isPacked, type PackedWeight } from "@iad-r1/models/checkpoint/parameterTable";
import { cacheHeadDim } from "@iad-r1/models/nn/decoder";
import type { TowerLoad } from "@iad-r1/models/processor";
import type { ModelDescription } from "@iad-r1/models/zoo";

/** Bytes of weights. */
export interface WeightBytes {
  /** In memory of this process; halves are widened to float32. */
  held: number;
  /** Pages of the checkpoint's files: resident while they are used, given back when others need the memory. */
  mapped: number;
}

export interface InspectionSize {
  /** Completions written together. */
  rows: number;
  promptTokens: number;
  newTokens: number;
  /** Pictures through the tower at a time. */
  tower: TowerLoad;
}

/** Bytes of each part at its own peak. Memory that a part has let go stays with the process, so they add up. */
export interface InspectionBytes extends WeightBytes {
  tower: number;
  prompt: number;
  cache: number;
  /** Code, sessions, tables. */
  process: number;
  total: number;
}

/** Prepacking keeps a second copy of the weights; above this size the memory is worth more than the time. */
export const maxPrepackedBytes = 1 << 30;
/** The process before it has opened a model. */
export const processBytes = 130e6;
/** Tokens through the decoder at a time; the generator's own default. */
const prefillTokens = 2048;

/**
 * What the weights of a model take.
 *
 * @param learns an adapter is trained on it: matrices in floats have no second copy; packed ones have one, for the forward pass, and are
 *               unpacked for the way back, those of a layer together
 */
export function weightBytes({ parameters, facts, paths }: ModelDescription, learns = false): WeightBytes {
  const all = [...parameters];
  const isHalf = all.some(([, { dtype }]) => dtype !== "float32");
  const isSmall = isPacked(parameters);
  let [held, mapped, matrices, largest] = [0, 0, 0, 0];
  const unpacked = new Map<string, number>();
  for (const [path, { shape, length, packed }] of all) {
    const bytes = 4 * shape.reduce((product, extent) => product * extent, 1);
    const stored = packed === undefined ? length : packedBytes(packed);
    // Beside packed weights the decoder's others, the embedding above all, stay in their file too.
    const inFile = packed !== undefined || !isHalf || (isSmall && path.startsWith(`${paths.decoder}.`));
    // Prepacking lets go of the integers that it has copied, not of scales and zero points.
    if (inFile) mapped += packed === undefined || learns ? stored : stored - packed.values.length;
    else held += bytes;
    if (shape.length > 1 && isSmall === (packed !== undefined)) matrices += packed === undefined ? bytes : stored;
    largest = Math.max(largest, length);
    if (packed !== undefined) {
      const layer = /^.*\.layers\.\d+\./.exec(path)?.[0] ?? path;
      unpacked.set(layer, (unpacked.get(layer) ?? 0) + bytes);
    }
  }
  // Prepacking keeps a second copy of the matrices; packed weights are always prepacked.
  if (isSmall || (!learns && !isHalf && 4 * facts.numParameters <= maxPrepackedBytes)) held += matrices;
  // While a half-precision tensor is widened, its own bytes are there as well.
  if (isHalf && !isSmall) held += largest;
  if (isSmall && learns) held += Math.max(...unpacked.values());
  return { held, mapped };
}

/** All packed weights as they are stored. */
export function allPackedBytes({ parameters }: ModelDescription): number {
  return [...parameters.values()].reduce(
    (sum, { packed }) => sum + (packed === undefined ? 0 : packedBytes(packed)),
    0,
  );
}

/** How many weights are packed. */
export function allPackedWeights({ parameters }: ModelDescription): number {
  return [...parameters.values()]
    .filter(({ packed }) => packed !== undefined)
    .reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}

/** Integers, scales and zero points. */
function packedBytes({ values, scales, zeroPoints }: PackedWeight): number {
  return values.length + scales.length + zeroPoints.length;
}

/** Weights on a device that keeps tensors: what is fed is there once and in single precision, packed constants once for each program. */
export function deviceWeightBytes({ parameters }: ModelDescription, programs: number): number {
  return [...parameters.values()].reduce((sum, { shape, packed }) => {
    const bytes =
      packed === undefined
        ? 4 * shape.reduce((product, extent) => product * extent, 1)
        : programs * packedBytes(packed);
    return sum + bytes;
  }, 0);
}

/** While a weight is on its way to a device it is here, as it is stored and in single precision. */
export function largestWeightBytes({ parameters }: ModelDescription): number {
  const sizes = [...parameters.values()]
    .filter(({ packed }) => packed === undefined)
    .map(({ shape, length }) => length + 4 * shape.reduce((product, extent) => product * extent, 1));
  return sizes.reduce((most, size) => Math.max(most, size), 0);
}

export function inspectionBytes(model: ModelDescription, size: InspectionSize): InspectionBytes {
  const weights = weightBytes(model);
  const parts = {
    tower: towerBytes(model, size.tower),
    prompt: promptBytes(model, size),
    cache: cacheBytes(model, size),
    process: processBytes,
  };
  const total = weights.held + weights.mapped + parts.tower + parts.prompt + parts.cache + parts.process;
  return { ...weights, ...parts, total };
}

/** Of one pass through the tower: hidden states, projections and scores of a layer. */
function towerBytes({ facts }: ModelDescription, { sequences, tokens, scores }: TowerLoad): number {
  const { width, mlpWidth, heads } = facts.tower;
  const perToken = Math.max(10 * width, 3 * width + 2 * mlpWidth);
  const attention = 2 * (scores ?? sequences * heads * tokens ** 2);
  return 4 * (sequences * tokens * perToken + attention);
}

/** Of one piece of a prompt: hidden states, the gated MLP, attention with the cache, distributions. */
function promptBytes({ facts }: ModelDescription, { promptTokens, rows }: InspectionSize): number {
  const { width, mlpWidth, heads, vocabSize } = facts.decoder;
  const tokens = Math.min(promptTokens, prefillTokens);
  // Pieces but the last are whole and see what was read before them.
  const last = promptTokens % prefillTokens || tokens;
  const scores = heads * Math.max(last * promptTokens, Math.min(tokens, promptTokens - last) * (promptTokens - last));
  return 4 * (tokens * (8 * width + 3 * mlpWidth) + scores + 4 * rows * vocabSize);
}

function cacheBytes({ facts }: ModelDescription, { promptTokens, newTokens, rows }: InspectionSize): number {
  const { layers, kvHeads } = facts.decoder;
  const slots = Math.ceil((promptTokens + newTokens) / 64) * 64;
  return 2 * 4 * layers * kvHeads * cacheHeadDim(facts.decoder) * rows * slots;
}
