/**
 * Memory that a model takes: its weights, and what one inspection adds. Counted from shapes before anything is read, and held against
 * measured peaks (docs/models.md). Training adds to the weights what train/memory.ts counts.
 */

import { isPacked, type PackedWeight } from "@iad-r1/models/checkpoint/parameterTable";
import { cacheHeadDim, isLanguagePath } from "@iad-r1/models/nn/decoder";
import type { TowerLoad } from "@iad-r1/models/processor";
import { numElements } from "@iad-r1/models/graph/dims";
import type { ModelDescription } from "@iad-r1/models/zoo";

/** Bytes of weights. */
export interface WeightBytes {
  /** In memory of this process; halves are widened to float32. */
  held: number;
  /** Pages of the checkpoint's files: resident while they are used, given back when others need the memory. */
  mapped: number;
  /** Beside them only while the model is opened, before anything is computed. */
  opening: number;
}

/** What a model is opened for: it says which programs hold its weights. */
export interface WeightUse {
  learns: "nothing" | "adapter" | "language-model" | "all";
  /** Whether completions are written: inspections and evaluations, rollouts of SC-GRPO. */
  writes: boolean;
  /** Whether a reference, the model as it was at first, is asked for log-probabilities (SC-GRPO with a KL term). */
  refers: boolean;
}

export const inspecting: WeightUse = { learns: "nothing", writes: true, refers: false };

export interface InspectionSize {
  /** Completions written together. */
  rows: number;
  promptTokens: number;
  newTokens: number;
  /** Pictures through the tower at a time. */
  tower: TowerLoad;
}

/**
 * Bytes of each part at its own peak. Memory that a part has let go stays with the process, so they add up; what only opening takes
 * counts as far as the prompt does not take it again.
 */
export interface InspectionBytes extends WeightBytes {
  tower: number;
  prompt: number;
  cache: number;
  /** Code, sessions, tables. */
  process: number;
  total: number;
}

/** Prepacking keeps a second copy of the weights; above this size the memory, and the time to make it, are worth more than the faster tokens. */
const maxPrepackedBytes = 2 ** 32;
/** The process before it has opened a model. */
export const processBytes = 130e6;
/** Tokens through the decoder at a time; the generator's own default. */
const prefillTokens = 2048;

/** Whether matrices in floats that do not change are prepacked for the programs that look and write: a token then takes half the time. */
export function preparesFloats({ facts, parameters }: Pick<ModelDescription, "facts" | "parameters">): boolean {
  return !isPacked(parameters) && 4 * facts.numParameters <= maxPrepackedBytes;
}

/** What the weights of a model take. */
export function weightBytes({ parameters, facts, paths }: ModelDescription, use: WeightUse = inspecting): WeightBytes {
  const all = [...parameters];
  const isHalf = all.some(([, { dtype }]) => dtype !== "float32");
  const isSmall = isPacked(parameters);
  const learns = use.learns !== "nothing";
  const isOfDecoder = (path: string) => path.startsWith(`${paths.decoder}.`);
  const isTrained = (path: string) =>
    use.learns === "all" || (use.learns === "language-model" && isLanguagePath(paths, path));
  const prepares = use.writes && (!learns || use.learns === "adapter") && preparesFloats({ parameters, facts });
  // Of a table that is only looked up few pages are ever read.
  const lookedUp = facts.decoder.tied ? null : `${paths.decoder}.embed_tokens.weight`;
  let [held, mapped, opening, passing] = [0, 0, 0, 0];
  const packed: [string, PackedWeight, number][] = [];
  for (const [path, one] of all) {
    const bytes = 4 * numElements(one.shape);
    if (one.packed !== undefined) {
      packed.push([path, one.packed, bytes]);
      continue;
    }
    // Beside packed weights the others stay in their file as they are. A product of the tower has its matrix in single precision meanwhile.
    const isWidened = isHalf && !isSmall;
    if (isSmall && one.dtype !== "float32" && !isOfDecoder(path)) passing = Math.max(passing, bytes);
    const isPrepared = prepares && path !== lookedUp && (isWidened || one.shape.length > 1);
    const isFed = isTrained(path) || (isWidened && (!prepares || (learns && isLanguagePath(paths, path))));
    held += bytes * (Number(isFed) + Number(isPrepared));
    // While a tensor is widened to be fed, its own bytes are there as well; to be prepared, it is there in both forms.
    if (one.dtype !== "float32") opening = Math.max(opening, isFed ? one.length : 0, isPrepared ? bytes : 0);
    // A session lets go of the pages that it has prepared; what learns maps them again.
    if (!isFed && path !== lookedUp && (learns || !isPrepared)) mapped += one.length;
  }
  for (const [, { bits, values, scales, zeroPoints }] of packed) {
    held +=
      (use.writes ? values.length + 2 * scales.length : 0) + (learns ? preparedForTrainingBytes({ bits, values }) : 0);
    // Preparing lets go of the integers that it has copied, not of scales and zero points; derivatives unpack what is in the file.
    mapped += scales.length + zeroPoints.length + (learns ? values.length : 0);
    if (!learns) opening = Math.max(opening, values.length);
  }
  return { held: held + passing + unpackedBytes(packed, use), mapped, opening };
}

/**
 * The copy of a packed weight in the layout of ONNX Runtime's product with floats, which derivatives want: only 4 bits have one, and 8 bits
 * are unpacked for every product. That of the product with rounded activations, which writes, has scales and a sum for each block as well.
 */
function preparedForTrainingBytes({ bits, values }: Pick<PackedWeight, "bits" | "values">): number {
  return bits === 4 ? values.length : 0;
}

/**
 * Packed weights in floats. Each session keeps the memory that it once had: a training step that of the matrices of a layer, which are
 * unpacked together for its way back, or of the head; the reference's that of one matrix.
 */
function unpackedBytes(packed: readonly [string, PackedWeight, number][], { learns, refers }: WeightUse): number {
  if (learns === "nothing" || packed.length === 0) return 0;
  const layers = new Map<string, number>();
  for (const [path, , bytes] of packed) {
    const layer = /^.*\.layers\.\d+\./.exec(path)?.[0] ?? path;
    layers.set(layer, (layers.get(layer) ?? 0) + bytes);
  }
  const most = (sizes: Iterable<number>) => Math.max(0, ...sizes);
  return most(layers.values()) + (refers ? most(packed.map(([, , bytes]) => bytes)) : 0);
}

/** All packed weights as they are stored. */
export function allPackedBytes({ parameters }: ModelDescription): number {
  return [...parameters.values()].reduce(
    (sum, { packed }) => sum + (packed === undefined ? 0 : packedBytes(packed)),
    0,
  );
}

/** Of packed weights what is prepared for a training step. */
export function preparedForTraining({ parameters }: ModelDescription): number {
  return [...parameters.values()].reduce(
    (sum, { packed }) => sum + (packed === undefined ? 0 : preparedForTrainingBytes(packed)),
    0,
  );
}

/** How many weights are packed in so many bits. */
export function packedWeights({ parameters }: ModelDescription, bits: PackedWeight["bits"]): number {
  return [...parameters.values()]
    .filter(({ packed }) => packed?.bits === bits)
    .reduce((sum, { shape }) => sum + numElements(shape), 0);
}

/** Integers, scales and zero points. */
function packedBytes({ values, scales, zeroPoints }: PackedWeight): number {
  return values.length + scales.length + zeroPoints.length;
}

/** Weights on a device that keeps tensors: what is fed is there once and in single precision, packed constants once for each program. */
export function deviceWeightBytes({ parameters }: ModelDescription, programs: number): number {
  return [...parameters.values()].reduce((sum, { shape, packed }) => {
    const bytes = packed === undefined ? 4 * numElements(shape) : programs * packedBytes(packed);
    return sum + bytes;
  }, 0);
}

/** While a weight is on its way to a device it is here, as it is stored and in single precision. */
export function largestWeightBytes({ parameters }: ModelDescription): number {
  const sizes = [...parameters.values()]
    .filter(({ packed }) => packed === undefined)
    .map(({ shape, length }) => length + 4 * numElements(shape));
  return sizes.reduce((most, size) => Math.max(most, size), 0);
}

export function inspectionBytes(model: ModelDescription, size: InspectionSize): InspectionBytes {
  const { held, mapped, opening } = weightBytes(model);
  const prompt = promptBytes(model, size);
  const parts = {
    ...{ held, mapped, opening: Math.max(0, opening - prompt), tower: towerBytes(model, size.tower), prompt },
    ...{ cache: cacheBytes(model, size), process: processBytes },
  };
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
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
