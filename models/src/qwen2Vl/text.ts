/** What the decoders of Qwen2-VL and Qwen2.5-VL share: Qwen2 with three-axis positions, and where the file keeps its settings. */
import type { ConfigReader } from "../checkpoint/configReader";
import type { NameMap } from "../checkpoint/parameterTable";
import { type DecoderConfig, type DecoderDefaults, parseDecoderConfig } from "../nn/decoderConfig";

/** Defaults of transformers' `Qwen2VLTextConfig` and `Qwen2_5_VLTextConfig`. */
const defaults: DecoderDefaults = {
  vocab_size: 152064,
  hidden_size: 8192,
  intermediate_size: 29568,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-5,
  rope_theta: 1e6,
  tie_word_embeddings: false,
  attention_bias: true,
  mrope: true,
  max_window_layers: 80,
};

/** Parses the text keys, nested (transformers 5) or at the top of the file (public repositories), and the image token. */
export function parseText(
  reader: ConfigReader,
  modelTypes: readonly string[],
): { text: DecoderConfig; imageTokenId: number } {
  const nested = reader.has("text_config");
  const own = nested ? reader.object("text_config") : reader;
  own.choice("model_type", modelTypes, modelTypes[0]!);
  const text = parseDecoderConfig(own, defaults);
  // The flag may stand at either level; one true is enough (transformers copies it upwards).
  text.tied ||= reader.boolean("tie_word_embeddings", false);
  const imageTokenId = reader.integer("image_token_id", { min: 0, max: (1 << 22) - 1 }, 151655);
  if (imageTokenId >= text.vocabSize)
    reader.fail("image_token_id", `an id below vocab_size = ${text.vocabSize}`, imageTokenId);
  return { text, imageTokenId };
}

/** Module paths of the parts, the same in both. */
export const modules = {
  vision: "model.visual",
  merger: "model.visual.merger",
  decoder: "model.language_model",
  head: "lm_head",
} as const;

/** Three spellings: public files (`visual…`, `model.layers…`), nested ones, and bare module paths (`model.language_model…`). */
export const tensorNames: NameMap = {
  rules: [
    [/^(?:model\.)?visual\./, "model.visual."],
    [/^(?:model\.)?language_model\.lm_head\./, "lm_head."],
    [/^(?:model\.)?language_model\.(?:model\.)?/, "model.language_model."],
    [/^model\./, "model.language_model."],
  ],
  ignored: [/\.rotary_(?:pos_)?emb\.inv_freq$/, /^lm_head\.weight$/],
};

/** The name under which transformers saves a parameter, for checkpoints written from scratch. */
export function savedName(path: string): string {
  return path.replace(/^model\.language_model\./, "model.").replace(/^model\.visual\./, "visual.");
}
