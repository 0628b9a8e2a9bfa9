/**
 * Start values of a decoder that can already look at what its vision tower marks. A random decoder learns slowly from text alone
 * which of a hundred patches a word is about. But the dense heads of `perception.ts` are linear maps of the patches as the first
 * layer sees them, so one group of its attention heads can begin with them: the keys are "is this patch defect?", the values what
 * the heads say about a patch. All of it is only a start; training goes on from there.
 *
 * Why it works with rotary positions: the last of the frequencies turns a query against a key by less than a twentieth of a
 * radian over a whole conversation, so a key in that dimension is a content, not a distance.
 */
import { ConfigError } from "@iad-r1/models/errors";
import type { DecoderConfig } from "@iad-r1/models/nn/decoderConfig";
import { createRandom, type Random } from "@iad-r1/models/util/random";

/** A trained head over patches: weight (classes, width), row-major. */
export interface DenseHead {
  classes: number;
  weight: Float32Array;
}

export interface DenseHeads {
  /** One class. */
  defect: DenseHead;
  type: DenseHead;
  kind: DenseHead;
  cell: DenseHead;
}

/** How sharply the first and the last reading head choose patches: factors on the logit of the defect head. */
const SHARPNESS: readonly [number, number] = [0.5, 2];
/** Deviations of embeddings and of what the reading heads add to them, so that neither drowns the other. */
const EMBEDDING = 0.05;
const WRITTEN = 0.005;
const NOISE = 0.02;

/**
 * Start values for the parameters of the decoder that differ from plain random ones.
 *
 * @param path  of the decoder, "model.language_model"
 * @returns row-major values by path: the first layer's attention, and the embeddings, which no reading head takes for a defect
 * @throws ConfigError `perception/reader` when the head width is too small for what the heads say, or projections have no bias
 */
export function readingDecoder(
  path: string,
  config: DecoderConfig,
  heads: DenseHeads,
  seed: number,
): Map<string, Float32Array> {
  const { width, heads: numHeads, kvHeads, headDim, vocabSize } = config;
  const said = [...rowsOf(heads.defect), ...centred(rowsOf(heads.cell)), ...centred(rowsOf(heads.type))].map(unit);
  const shown = centred(rowsOf(heads.kind)).map(unit);
  if (!config.attentionBias || kvHeads < 2 || said.length > headDim || shown.length > headDim) {
    const need = `at least 2 key heads of width ${Math.max(said.length, shown.length)} with biases`;
    const got = `${kvHeads} of width ${headDim} ${config.attentionBias ? "with" : "without"} biases`;
    throw new ConfigError("perception/reader", `A decoder that reads the dense heads needs ${need}, got ${got}.`);
  }
  const group = numHeads / kvHeads;
  const contentDim = headDim / 2 - 1;
  const [defect] = rowsOf(heads.defect);
  const random = (name: string) => createRandom("decoder start", seed, name);
  const layer = `${path}.layers.0.self_attn`;

  // Keys of the first key head: the defect logit. The second's stay random: nearly even attention.
  const keys = normal(random("keys"), kvHeads * headDim * width, NOISE);
  keys.set(defect!, contentDim * width);
  const queryBias = new Float32Array(numHeads * headDim);
  for (let head = 0; head < group; head++) {
    const sharpness = SHARPNESS[0] + ((SHARPNESS[1] - SHARPNESS[0]) * head) / Math.max(1, group - 1);
    queryBias[head * headDim + contentDim] = sharpness * Math.sqrt(headDim);
  }
  // Values: what the heads say of the chosen patches, and on average what the product is.
  const values = normal(random("values"), kvHeads * headDim * width, 1 / Math.sqrt(width));
  for (const [row, direction] of said.entries()) values.set(direction, row * width);
  for (const [row, direction] of shown.entries()) values.set(direction, (headDim + row) * width);

  const embeddings = normal(random("embeddings"), vocabSize * width, EMBEDDING);
  removeDirection(embeddings, width, unit(defect!));
  return new Map([
    [`${layer}.q_proj.weight`, normal(random("queries"), numHeads * headDim * width, NOISE)],
    [`${layer}.q_proj.bias`, queryBias],
    [`${layer}.k_proj.weight`, keys],
    [`${layer}.v_proj.weight`, values],
    [`${layer}.o_proj.weight`, normal(random("written"), width * numHeads * headDim, WRITTEN)],
    [`${path}.embed_tokens.weight`, embeddings],
  ]);
}

function rowsOf({ classes, weight }: DenseHead): Float32Array[] {
  const width = weight.length / classes;
  return Array.from({ length: classes }, (_, row) => weight.slice(row * width, (row + 1) * width));
}

/** Of the rows of a softmax only their differences mean anything. */
function centred(rows: readonly Float32Array[]): Float32Array[] {
  return rows.map((row) =>
    row.map((value, i) => value - rows.reduce((sum, other) => sum + other[i]!, 0) / rows.length),
  );
}

function unit(row: Float32Array): Float32Array {
  const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
  return row.map((value) => value / norm);
}

function removeDirection(rows: Float32Array, width: number, direction: Float32Array): void {
  for (let at = 0; at < rows.length; at += width) {
    let along = 0;
    for (let i = 0; i < width; i++) along += rows[at + i]! * direction[i]!;
    for (let i = 0; i < width; i++) rows[at + i]! -= along * direction[i]!;
  }
}

function normal(random: Random, count: number, deviation: number): Float32Array {
  return Float32Array.from({ length: count }, () => deviation * random.normal());
}
