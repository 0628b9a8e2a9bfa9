/**
 * The programs without derivatives: the vision encoder, the decoder with its key-value cache, and the log-probabilities of given
 * tokens. Sampling and buffers are the host's.
 */
import type { ParameterTable } from "../checkpoint/parameterTable";
import type { Value } from "../graph/types";
import { cachedDecoderStack, cacheHeadDim, decoderLogits, type LayerCache } from "../nn/decoder";
import {
  embedInputs,
  entropy,
  imageInputs,
  type ImageSource,
  openNetwork,
  type Program,
  ropeInputs,
  type SequenceLayout,
  targetLogProbs,
  type VisionLanguageNetwork,
  type WeightOptions,
} from "./program";
import type { Network } from "../nn/parameters";

/** Pictures -> image_features [N,C]; the inputs are the architecture's own (see its model.ts). */
export function visionEncoderProgram(
  model: VisionLanguageNetwork,
  table: ParameterTable,
  options: WeightOptions = {},
): Program {
  const { b, net } = openNetwork("vision_encoder", table, options);
  b.output("image_features", model.encodeImages(net).features());
  return close(net);
}

export interface DecoderOptions extends WeightOptions {
  /** With `image_features` [N,C] and `image_positions` [N,1], for prompts with pictures. */
  images: boolean;
  /** Also the outputs log_sum_exp [M] and entropy [M] of the rows of logits. */
  statistics?: boolean;
}

/**
 * Prefill and decoding in one graph. Inputs input_ids and position_ids int64 [B,T], rope_cos and rope_sin [L,D/2], seqlens_k int32
 * [B] (each row's total length minus one), total_sequence_length int32 [] (the largest), key_cache.<l> and value_cache.<l>
 * [B, KV, S, cacheHeadDim], logit_positions int64 [M] (flat rows b*T + t) -> logits [M,V] and the caches' ".next".
 *
 * To fill the cache, T is the longest row, rows are padded on the right and the total is T. To go on, T is 1, or more of a single row
 * (a long prompt in pieces, guessed tokens). Rows may have different lengths.
 */
export function decoderProgram(model: VisionLanguageNetwork, table: ParameterTable, options: DecoderOptions): Program {
  const { b, net } = openNetwork("decoder", table, options);
  const { decoder, paths } = model;
  const inputIds = b.input("input_ids", "int64", ["B", "T"]);
  const rope = ropeInputs(b, decoder.headDim);
  const lengths = {
    seqlensK: b.input("seqlens_k", "int32", ["B"]),
    totalLength: b.input("total_sequence_length", "int32", []),
  };
  const rows = b.input("logit_positions", "int64", ["M"]);
  const cacheShape = ["B", decoder.kvHeads, "S", cacheHeadDim(decoder)];
  const cache = Array.from(
    { length: decoder.layers },
    (_, i): LayerCache => ({
      key: b.input(`key_cache.${i}`, "float32", cacheShape),
      value: b.input(`value_cache.${i}`, "float32", cacheShape),
    }),
  );
  const embedded = embedInputs(net, model, inputIds, imageInputs(net, model, options.images ? "features" : "none"));
  const result = cachedDecoderStack(net, paths.decoder, decoder, embedded, rope, cache, lengths, rows);
  const logits = b.output("logits", decoderLogits(net, paths, decoder, result.hidden));
  if (options.statistics === true) {
    const all = b.logSoftmax(logits, -1); // [M,V]
    // The logarithm of the sum is the same for every token of a row; the first one tells it.
    const first = (values: Value) => b.squeeze(b.slice(values, [0], [1], [1]), [1]); // [M]
    b.output("log_sum_exp", b.sub(first(logits), first(all)));
    b.output("entropy", entropy(b, all));
  }
  for (const [i, { key, value }] of result.cache.entries()) {
    b.output(`key_cache.${i}.next`, key);
    b.output(`value_cache.${i}.next`, value);
  }
  return close(net);
}

export interface LogProbsOptions extends WeightOptions {
  images: ImageSource;
  /** "rows" when left out. */
  layout?: SequenceLayout;
  /** Also the output entropy [M]. */
  entropy?: boolean;
  /** What logits are divided by; 1 when left out. */
  temperature?: number;
}

/** Inputs of the layout, target_positions and targets int64 [M] -> log_probs [M] (and entropy [M]), in nats. */
export function logProbsProgram(
  model: VisionLanguageNetwork,
  table: ParameterTable,
  options: LogProbsOptions,
): Program {
  const { b, net } = openNetwork("log_probs", table, options, { wholeSequences: true });
  const images = imageInputs(net, model, options.images);
  const { selected, all } = targetLogProbs(net, model, images, options.layout, options.temperature);
  b.output("log_probs", selected);
  if (options.entropy === true) b.output("entropy", entropy(b, all));
  return close(net);
}

function close(net: Network): Program {
  return { graph: net.b.finish(), parameters: net.inputs.map(({ input }) => ({ ...input, trainable: false })) };
}
