/**
 * What all programs share: the view they have of an architecture, the choice of which weights are fed, and the inputs that
 * language programs have in common. A program is a graph and the list of weights that the host feeds to it.
 *
 * Names are a contract with the host: an output "X.next" is written into the buffer of the input "X".
 */
import type { ParameterTable } from "../checkpoint/parameterTable";
import type { GraphBuilder } from "../graph/builder";
import { mulDims, subDims } from "../graph/dims";
import type { Dim, Graph, Value } from "../graph/types";
import {
  decoderLogits,
  decoderStack,
  embedTokens,
  placeRows,
  type Rope,
  type SharedPrompts,
  sharedDecoderStack,
  wholeBlocks,
} from "../nn/decoder";
import type { DecoderConfig } from "../nn/decoderConfig";
import { type AdapterLayout, Network, type ParameterInput } from "../nn/parameters";
import { createBuilder } from "../ops/createBuilder";

/** An architecture as the programs see it: one vision tower whose rows replace image tokens of one decoder. */
export interface VisionLanguageNetwork {
  decoder: DecoderConfig;
  /** Module paths of the decoder and of the output head. */
  paths: { decoder: string; head: string };
  /** Declares the image inputs of the graph and builds the tower. */
  encodeImages: (net: Network) => ImageRows;
}

export interface ImageRows {
  /** [rows, C]: one row per patch of each crop after the projector, before packing. */
  patches: Value;
  /** Builds the rows that replace image tokens, in their order: [N,C]. */
  features: () => Value;
}

/** Where frozen weights are: constants in the checkpoint's files, or graph inputs that the host feeds. */
export type WeightPlacement = "files" | "inputs";

export interface WeightOptions {
  weights?: WeightPlacement;
  adapter?: AdapterLayout | null;
  /** Parameters of the base that an adapter saves in full and that learn with it: inputs wherever the others are. */
  saved?: ReadonlySet<string>;
  /** Of products with packed weights; "float32" when left out, which training and exact comparisons need. */
  activations?: "float32" | "int8";
  /** Packed weights are unpacked for each product. Not for programs with derivatives: their weights would stay unpacked. */
  unpacks?: boolean;
}

export interface Program {
  graph: Graph;
  /** Weights among the graph's inputs, by path; all float32. */
  parameters: readonly ProgramParameter[];
}

export interface ProgramParameter extends ParameterInput {
  /** Has the program an accumulator `grad.<path>` for it? */
  trainable: boolean;
}

interface OpenedFor {
  trains?: (path: string) => boolean;
  wholeSequences?: boolean;
}

/**
 * Starts a graph whose weights are placed as `options` say; weights for which `trains` holds are inputs in any case. `wholeSequences`: its
 * rows are all tokens of its sequences, not the newest ones.
 */
export function openNetwork(
  name: string,
  table: ParameterTable,
  options: WeightOptions,
  { trains = () => false, wholeSequences = false }: OpenedFor = {},
): { b: GraphBuilder; net: Network } {
  const b = createBuilder(name);
  const fed = options.weights === "inputs";
  // Packed weights cannot be fed: the runtime's interface has no such tensors. They stay in their file unless they are trained.
  const isInput = (path: string) =>
    trains(path) || options.saved?.has(path) === true || (fed && table.get(path)?.packed === undefined);
  const { adapter = null, activations, unpacks = false } = options;
  const net = new Network(b, { table, adapter, isInput, wholeSequences, unpacks, ...(activations && { activations }) });
  return { b, net };
}

/** Position inputs: position_ids int64 [B,T] and the tables rope_cos, rope_sin [L, D/2]. */
export function ropeInputs(b: GraphBuilder, headDim: number): Rope {
  return {
    positionIds: b.input("position_ids", "int64", ["B", "T"]),
    cos: b.input("rope_cos", "float32", ["L", headDim / 2]),
    sin: b.input("rope_sin", "float32", ["L", headDim / 2]),
  };
}

/** What stands for pictures in a language program: nothing, ready-made features, or pixels with the tower in the graph. */
export type ImageSource = "none" | "features" | "pixels";

/** Image inputs of a language program; null for "none". Features are the input image_features [N,C] or computed from pixels. */
export function imageInputs(net: Network, model: VisionLanguageNetwork, source: ImageSource): ImageRows | null {
  if (source === "none") return null;
  if (source === "pixels") return model.encodeImages(net);
  const features = net.b.input("image_features", "float32", ["N", model.decoder.width]);
  return { features: () => features, patches: features };
}

/**
 * How sequences lie in a batch.
 * - "rows": each sequence is a row. Inputs input_ids and position_ids int64 [B,T].
 * - "shared-prompts": each row is a prompt that G completions share, which are inputs of their own; the prompt is computed once for
 *   all of them. Inputs input_ids and position_ids int64 [B,P], prompt_lengths int64 [B], completion_ids and
 *   completion_position_ids int64 [B,G,U]. Flat rows count all prompts first (b*P + p), then all completions
 *   (B*P + (b*G + g)*U + u).
 */
export type SequenceLayout = "rows" | "shared-prompts";

/** Hidden states [M,C] of whole sequences at the flat `rows` int64 [M]. */
function sequenceHidden(
  net: Network,
  model: VisionLanguageNetwork,
  images: ImageRows | null,
  layout: SequenceLayout,
  rows: Value,
): Value {
  const { b } = net;
  const { decoder, paths } = model;
  const inputIds = b.input("input_ids", "int64", ["B", "T"]);
  const rope = ropeInputs(b, decoder.headDim);
  // From here on rows (or prompts) have `width` tokens.
  const width = wholeBlocks("T");
  const ids = fillUp(b, inputIds, width);
  const positionIds = fillUp(b, rope.positionIds, width);
  const places = (flat: Value) => placesAfterFilling(b, flat, width);
  if (layout === "rows") {
    const embedded = embedInputs(net, model, ids, images, places);
    const each = { ...rope, positionIds: b.reshape(positionIds, [mulDims("B", width), 1]) };
    return decoderStack(net, paths.decoder, decoder, embedded, each, places(rows));
  }
  const completionIds = b.input("completion_ids", "int64", ["B", "G", "U"]);
  const completionPositions = b.input("completion_position_ids", "int64", ["B", "G", "U"]);
  const shared: SharedPrompts = {
    ...{ batch: "B", promptTokens: width, completions: "G", completionTokens: "U" },
    promptLengths: b.input("prompt_lengths", "int64", ["B"]),
  };
  const joined = (prompts: Value, completions: Value) =>
    b.concat([b.reshape(prompts, [mulDims("B", width)]), b.reshape(completions, ["B*G*U"])], 0); // [R]
  const embedded = embedInputs(net, model, joined(ids, completionIds), images, places); // [R,C]
  const all = { ...rope, positionIds: b.unsqueeze(joined(positionIds, completionPositions), [1]) }; // [R,1]
  return sharedDecoderStack(net, paths.decoder, decoder, embedded, all, shared, places(rows));
}

/** [B,T] -> [B,width], zeros on the right. */
function fillUp(b: GraphBuilder, x: Value, width: Dim): Value {
  return b.pad(x, [0, 0], [0, subDims(width, "T")]);
}

/** Where flat rows of [B,T] (and what follows behind all rows) lie once each row has `width` tokens. */
function placesAfterFilling(b: GraphBuilder, flat: Value, width: Dim): Value {
  const rowsBefore = b.min(b.div(flat, b.lengths(["T"])), b.lengths(["B"]));
  return b.add(flat, b.mul(rowsBefore, b.lengths([subDims(width, "T")])));
}

/**
 * Token embeddings [..,C] with the image rows at the flat rows `image_positions` int64 [N,1].
 *
 * @param places turns the positions that are fed into those of the given ids
 */
export function embedInputs(
  net: Network,
  model: VisionLanguageNetwork,
  inputIds: Value,
  images: ImageRows | null,
  places: (flat: Value) => Value = (flat) => flat,
): Value {
  const embedded = embedTokens(net, model.paths.decoder, model.decoder, inputIds);
  if (images === null) return embedded;
  const features = images.features();
  const positions = net.b.input("image_positions", "int64", [features.shape[0]!, 1]);
  return placeRows(net, embedded, features, places(positions));
}

/**
 * Log-probabilities [M] of `targets` int64 [M] read at the flat rows `target_positions` int64 [M] that predict them.
 *
 * @param temperature what logits are divided by; 1 when left out
 */
export function targetLogProbs(
  net: Network,
  model: VisionLanguageNetwork,
  images: ImageRows | null,
  layout: SequenceLayout = "rows",
  temperature = 1,
): { selected: Value; all: Value } {
  const { b } = net;
  const rows = b.input("target_positions", "int64", ["M"]);
  const targets = b.input("targets", "int64", ["M"]);
  const hidden = sequenceHidden(net, model, images, layout, rows);
  return b.tokenLogProbs(decoderLogits(net, model.paths, model.decoder, hidden, temperature), targets);
}

/** all [M,V] log-probabilities -> entropy [M] in nats. */
export function entropy(b: GraphBuilder, all: Value): Value {
  return b.neg(b.reduceSum(b.mul(b.exp(all), all), [-1], { keepDims: false }));
}
