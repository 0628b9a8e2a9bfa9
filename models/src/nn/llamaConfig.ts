/** The text configuration of LLaVA-1.5 and 1.6: LLaMA or Mistral, which differ in defaults and in the width of attention. */
import type { ConfigReader } from "../checkpoint/configReader";
import { type DecoderConfig, type DecoderDefaults, parseDecoderConfig } from "./decoderConfig";

/** Defaults of transformers' `LlamaConfig`. */
const llamaDefaults: DecoderDefaults = {
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: null,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: false,
  attention_bias: false,
};

/** Defaults of transformers' `MistralConfig`. */
const mistralDefaults: DecoderDefaults = {
  ...llamaDefaults,
  intermediate_size: 14336,
  num_key_value_heads: 8,
  max_position_embeddings: 4096 * 32,
};

/** `sliding_window` of a Mistral file that does not say; null in the file means none. */
const mistralWindow = 4096;

/**
 * Parses `text_config` of a LLaVA file.
 *
 * @throws ModelFileError `model/config-value` as parseDecoderConfig, and for biases that these networks do not have
 */
export function parseLlamaConfig(config: ConfigReader): DecoderConfig {
  const reader = config.object("text_config", true);
  const isMistral = reader.choice("model_type", ["llama", "mistral"], "llama") === "mistral";
  for (const key of ["attention_bias", "mlp_bias"]) {
    if (reader.boolean(key, false)) reader.fail(key, "false", true, "Biases in this decoder are not supported.");
  }
  const decoder = parseDecoderConfig(reader, isMistral ? mistralDefaults : llamaDefaults);
  // The flag may stand at either level; one true is enough (transformers copies it upwards).
  decoder.tied ||= config.boolean("tie_word_embeddings", false);
  if (isMistral && reader.rawOrNull("sliding_window") !== null) {
    // Attention over a window is full attention as long as the sequence fits into it, so longer ones are refused.
    const window = reader.integer("sliding_window", { min: 1, max: 1 << 24 }, mistralWindow);
    decoder.maxPositions = Math.min(decoder.maxPositions, window);
  }
  return decoder;
}
