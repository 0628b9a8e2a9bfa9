/**
 * The description of a decoder-only language model (Qwen2, LLaMA, Mistral: RMSNorm, rotary positions, grouped keys, gated MLP)
 * and its parser. The parser takes both generations of Hugging Face files: nested `rope_parameters` (transformers 5) and flat
 * `rope_theta` with `rope_scaling` (public repositories). It builds no graph.
 */
import type { ConfigReader } from "../checkpoint/configReader";
import { isJsonObject } from "../util/jsonFile";

export interface DecoderConfig {
  vocabSize: number;
  /** Hidden width C. */
  width: number;
  /** Width of the gated MLP. */
  mlpWidth: number;
  layers: number;
  /** Query heads H. */
  heads: number;
  /** Key and value heads; H is a multiple of it. */
  kvHeads: number;
  /** Head width D, even. */
  headDim: number;
  normEpsilon: number;
  /** Base of the rotary frequencies. */
  ropeTheta: number;
  /**
   * With three-axis positions (M-RoPE of Qwen-VL): how many of the D/2 frequencies turn by time, height and width. Left out
   * when positions count tokens.
   */
  ropeSections?: readonly [number, number, number];
  /** Longest sequence that the checkpoint was made for. */
  maxPositions: number;
  /** Do the query, key and value projections carry a bias (Qwen2: yes; LLaMA and Mistral: no)? */
  attentionBias: boolean;
  /** Is the output head the embedding table? */
  tied: boolean;
}

/** The values that a model class assumes for keys its file leaves out, under Hugging Face's own names. */
export interface DecoderDefaults {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** null: as many as query heads. */
  num_key_value_heads: number | null;
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
  tie_word_embeddings: boolean;
  /** Not a key of Qwen2's file: the class always has the biases. */
  attention_bias: boolean;
  /** Do positions have three axes? */
  mrope?: boolean;
  /** From which layer on `use_sliding_window` counts; left out by classes that do not know the key. */
  max_window_layers?: number;
}

/** Defaults of transformers' `Qwen2Config`. */
export const qwen2Defaults: DecoderDefaults = {
  vocab_size: 151936,
  hidden_size: 4096,
  intermediate_size: 22016,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: false,
  attention_bias: true,
  max_window_layers: 28,
};

/**
 * Parses a text configuration.
 *
 * @throws ModelFileError `model/config-value` for values out of range, heads that do not divide, and features this engine does
 *   not compute (sliding windows, scaled rotary positions, other activations)
 */
export function parseDecoderConfig(reader: ConfigReader, defaults: DecoderDefaults): DecoderConfig {
  const width = reader.integer("hidden_size", { min: 1, max: 65536 }, defaults.hidden_size);
  const heads = reader.integer("num_attention_heads", { min: 1, max: 1024 }, defaults.num_attention_heads);
  // null in the file is as many as query heads, which need not be what the class assumes for a file without the key.
  const ungrouped = reader.rawOrNull("num_key_value_heads") === null;
  const kvHeads = reader.integer(
    "num_key_value_heads",
    { min: 1, max: heads },
    ungrouped || defaults.num_key_value_heads === null ? heads : Math.min(defaults.num_key_value_heads, heads),
  );
  if (heads % kvHeads !== 0) reader.fail("num_key_value_heads", `a divisor of num_attention_heads = ${heads}`, kvHeads);
  if (!reader.has("head_dim") && width % heads !== 0) {
    reader.fail("hidden_size", `a multiple of num_attention_heads = ${heads}`, width);
  }
  const headDim = reader.integer("head_dim", { min: 2, max: 1024 }, Math.floor(width / heads));
  if (headDim % 2 !== 0) reader.fail("head_dim", "an even number, because rotary positions turn pairs", headDim);
  reader.choice("hidden_act", ["silu"], "silu");
  const layers = reader.integer("num_hidden_layers", { min: 1, max: 512 }, defaults.num_hidden_layers);
  refuseSlidingWindow(reader, layers, defaults.max_window_layers ?? 0);
  if (!reader.boolean("is_causal", true))
    reader.fail("is_causal", "true", false, "Take a decoder that looks back only.");
  return {
    vocabSize: reader.integer("vocab_size", { min: 1, max: 1 << 22 }, defaults.vocab_size),
    width,
    mlpWidth: reader.integer("intermediate_size", { min: 1, max: 1 << 20 }, defaults.intermediate_size),
    layers,
    heads,
    kvHeads,
    headDim,
    normEpsilon: reader.number("rms_norm_eps", { min: 0, max: 1 }, defaults.rms_norm_eps),
    ropeTheta: parseRopeTheta(
      reader,
      defaults.rope_theta,
      defaults.mrope === true ? ["default", "mrope"] : ["default"],
    ),
    ...(defaults.mrope === true && { ropeSections: parseRopeSections(reader, headDim) }),
    maxPositions: reader.integer("max_position_embeddings", { min: 1, max: 1 << 24 }, defaults.max_position_embeddings),
    attentionBias: defaults.attention_bias,
    tied: reader.boolean("tie_word_embeddings", defaults.tie_word_embeddings),
  };
}

/** Where a file has both spellings, transformers takes `rope_scaling`, unless it is empty. */
function ropeReader(reader: ConfigReader): ConfigReader {
  const scaling = reader.raw("rope_scaling");
  const empty = scaling === undefined || (isJsonObject(scaling) && Object.keys(scaling).length === 0);
  return reader.object(empty ? "rope_parameters" : "rope_scaling", true);
}

/**
 * The base of rotary frequencies, in either spelling.
 *
 * @param types kinds of positions that are computed as they stand; the first is what a file without the key means
 */
export function parseRopeTheta(reader: ConfigReader, fallback: number, types: readonly string[]): number {
  const range = { min: 1, max: 1e12 };
  const rope = ropeReader(reader);
  const type = rope.raw("rope_type") ?? rope.raw("type") ?? types[0];
  if (!types.some((known) => known === type)) {
    rope.fail(
      "rope_type",
      types.map((known) => `"${known}"`).join(" or "),
      type,
      "Scaled rotary positions are not supported; use the unscaled checkpoint.",
    );
  }
  return rope.number("rope_theta", range, reader.number("rope_theta", range, fallback));
}

function parseRopeSections(reader: ConfigReader, headDim: number): [number, number, number] {
  const rope = ropeReader(reader);
  const sections = rope.integers("mrope_section", { min: 0, max: headDim / 2 }, 3);
  const total = sections.reduce((sum, count) => sum + count, 0);
  if (sections.length !== 3 || total !== headDim / 2) {
    rope.fail(
      "mrope_section",
      `three numbers that add up to half the head width, ${headDim / 2}`,
      sections.join(" + "),
    );
  }
  return sections as [number, number, number];
}

function refuseSlidingWindow(reader: ConfigReader, layers: number, maxWindowLayers: number): void {
  const types = reader.raw("layer_types");
  // Turned on without a width, windows are as wide as the class says; null is none.
  const windows = reader.boolean("use_sliding_window", false) && reader.rawOrNull("sliding_window") !== null;
  const firstWindow = reader.integer("max_window_layers", { min: 0, max: 1 << 16 }, maxWindowLayers);
  const sliding = Array.isArray(types)
    ? types.some((type) => type !== "full_attention")
    : windows && layers > firstWindow;
  if (sliding) {
    reader.fail("layer_types", "full attention in every layer", types ?? "use_sliding_window: true");
  }
}
