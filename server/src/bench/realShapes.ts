/**
 * config.json of the seven models in their real shapes, without their weights, as the public repositories describe them. For random
 * checkpoints that cost what the real ones cost.
 */

export interface RealShape {
  /** Contents of config.json. */
  config: Record<string, unknown>;
  /** As the public files store their weights. */
  dtype: "bfloat16" | "float16";
}

const clip = {
  model_type: "clip_vision_model",
  ...{ hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
  ...{ image_size: 336, patch_size: 14 },
};

const siglip = {
  model_type: "siglip_vision_model",
  ...{ hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 26, num_attention_heads: 16 },
  ...{ image_size: 384, patch_size: 14, vision_use_head: false },
};

function onevision(text: Record<string, unknown>, tied: boolean): RealShape {
  return {
    config: {
      model_type: "llava_onevision",
      ...{ image_token_index: 151646, projector_hidden_act: "gelu", vision_aspect_ratio: "anyres_max_9" },
      ...{ vision_feature_layer: -1, vision_feature_select_strategy: "full", tie_word_embeddings: tied },
      text_config: {
        model_type: "qwen2",
        ...{ max_position_embeddings: 32768, rms_norm_eps: 1e-6, rope_theta: 1e6, eos_token_id: 151645 },
        ...text,
      },
      vision_config: siglip,
    },
    dtype: "float16",
  };
}

function qwen(modelType: string, text: Record<string, unknown>, vision: Record<string, unknown>): RealShape {
  return {
    config: {
      model_type: modelType,
      ...{ image_token_id: 151655, rms_norm_eps: 1e-6, rope_theta: 1e6, use_sliding_window: false },
      rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
      eos_token_id: 151645,
      ...text,
      vision_config: {
        ...{ depth: 32, num_heads: 16, in_chans: 3, patch_size: 14, spatial_merge_size: 2, temporal_patch_size: 2 },
        ...vision,
      },
    },
    dtype: "bfloat16",
  };
}

const windows = { intermediate_size: 3420, window_size: 112, fullatt_block_indexes: [7, 15, 23, 31] };

export const realShapes: Readonly<Record<string, RealShape>> = {
  "llava-onevision-0.5b": onevision(
    {
      ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, num_attention_heads: 14 },
      ...{ num_key_value_heads: 2, vocab_size: 152000 },
    },
    true,
  ),
  "llava-onevision-7b": onevision(
    {
      ...{ hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, num_attention_heads: 28 },
      ...{ num_key_value_heads: 4, vocab_size: 152128 },
    },
    false,
  ),
  "qwen2-vl-2b": qwen(
    "qwen2_vl",
    {
      ...{ hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12 },
      ...{ num_key_value_heads: 2, vocab_size: 151936, max_position_embeddings: 32768, tie_word_embeddings: true },
    },
    { embed_dim: 1280, mlp_ratio: 4, hidden_size: 1536 },
  ),
  "qwen2.5-vl-3b": qwen(
    "qwen2_5_vl",
    {
      ...{ hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36, num_attention_heads: 16 },
      ...{ num_key_value_heads: 2, vocab_size: 151936, max_position_embeddings: 128000, tie_word_embeddings: true },
    },
    { hidden_size: 1280, out_hidden_size: 2048, ...windows },
  ),
  "qwen2.5-vl-7b": qwen(
    "qwen2_5_vl",
    {
      ...{ hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, num_attention_heads: 28 },
      ...{ num_key_value_heads: 4, vocab_size: 152064, max_position_embeddings: 128000, tie_word_embeddings: false },
    },
    { hidden_size: 1280, out_hidden_size: 3584, ...windows },
  ),
  "llava-1.5-7b": {
    config: {
      model_type: "llava",
      ...{ image_token_index: 32000, projector_hidden_act: "gelu", vision_feature_layer: -2 },
      vision_feature_select_strategy: "default",
      text_config: {
        model_type: "llama",
        ...{ hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, num_attention_heads: 32 },
        ...{ num_key_value_heads: 32, vocab_size: 32064, max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
      },
      vision_config: clip,
    },
    dtype: "float16",
  },
  "llava-1.6-mistral-7b": {
    config: {
      model_type: "llava_next",
      ...{ image_token_index: 32000, projector_hidden_act: "gelu", vision_feature_layer: -2 },
      vision_feature_select_strategy: "default",
      image_grid_pinpoints: [
        [336, 672],
        [672, 336],
        [672, 672],
        [1008, 336],
        [336, 1008],
      ],
      text_config: {
        model_type: "mistral",
        ...{ hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32, num_attention_heads: 32 },
        ...{ num_key_value_heads: 8, vocab_size: 32064, max_position_embeddings: 32768, rms_norm_eps: 1e-5 },
        rope_theta: 1e6,
      },
      vision_config: clip,
    },
    dtype: "float16",
  },
};
