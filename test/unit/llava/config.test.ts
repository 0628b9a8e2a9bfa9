/** config.json of LLaVA-1.5 and LLaVA-1.6, as public repositories have it and as it must not be. */
import { parseLlavaConfig, rowsPerImage } from "@iad-r1/models/llava/config";
import { parameterShapes } from "@iad-r1/models/llava/weights";
import { parseLlavaNextConfig } from "@iad-r1/models/llavaNext/config";
import { parameterShapes as nextShapes } from "@iad-r1/models/llavaNext/weights";
import { numElements } from "@iad-r1/models/graph/dims";
import { describe, expect, it } from "vitest";

const clip = {
  model_type: "clip_vision_model",
  hidden_size: 1024,
  image_size: 336,
  intermediate_size: 4096,
  num_attention_heads: 16,
  num_hidden_layers: 24,
  patch_size: 14,
  projection_dim: 768,
};

/** Public files leave out what equals the class's defaults. */
const llava15 = {
  model_type: "llava",
  image_token_index: 32000,
  projector_hidden_act: "gelu",
  vision_feature_layer: -2,
  vision_feature_select_strategy: "default",
  text_config: { model_type: "llama", max_position_embeddings: 4096, rms_norm_eps: 1e-5, vocab_size: 32064 },
  vision_config: clip,
};

const llava16 = {
  model_type: "llava_next",
  image_token_index: 32000,
  image_grid_pinpoints: [
    [336, 672],
    [672, 336],
    [672, 672],
    [1008, 336],
    [336, 1008],
  ],
  text_config: {
    model_type: "mistral",
    intermediate_size: 14336,
    max_position_embeddings: 32768,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-5,
    rope_theta: 1e6,
    sliding_window: null,
    vocab_size: 32064,
  },
  vision_config: clip,
};

function count(shapes: ReadonlyMap<string, readonly number[]>): number {
  return [...shapes.values()].reduce((sum, shape) => sum + numElements(shape), 0);
}

describe("LLaVA-1.5", () => {
  it("has the sizes of the public 7B checkpoint where its file says nothing", () => {
    const config = parseLlavaConfig(llava15);
    expect(config.text).toMatchObject({
      width: 4096,
      mlpWidth: 11008,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      headDim: 128,
    });
    expect(config.text).toMatchObject({ ropeTheta: 10000, attentionBias: false, tied: false, maxPositions: 4096 });
    expect(config.featureLayers).toEqual([23]);
    expect(rowsPerImage(config)).toBe(576);
    // 7,063,427,072: what `num_parameters()` of the public checkpoint gives.
    expect(count(parameterShapes(config))).toBe(7_063_427_072);
  });

  it("uses CLIP-L at 336 pixels without a vision_config, and LLaMA without a text_config", () => {
    const config = parseLlavaConfig({ model_type: "llava", image_token_index: 31999 });
    expect(config.vision).toMatchObject({ width: 1024, layers: 24, imageSize: 336, patchSize: 14, classToken: true });
    expect(config.text).toMatchObject({ vocabSize: 32000, maxPositions: 2048, normEpsilon: 1e-6 });
  });

  it("keeps the class token's row when asked to, and takes several layers", () => {
    const config = parseLlavaConfig({
      ...llava15,
      vision_feature_layer: [-2, -5],
      vision_feature_select_strategy: "full",
    });
    expect(rowsPerImage(config)).toBe(577);
    expect(config.featureLayers).toEqual([23, 20]);
    expect(parameterShapes(config).get("model.multi_modal_projector.linear_1.weight")).toEqual([4096, 2048]);
  });

  it("takes rope_scaling before rope_parameters, as transformers does, unless it is empty", () => {
    const theta = (rope: object) =>
      parseLlavaConfig({ ...llava15, image_token_index: 1, text_config: rope }).text.ropeTheta;
    const rope_parameters = { rope_type: "default", rope_theta: 500 };
    expect(theta({ rope_parameters, rope_scaling: { rope_type: "default", rope_theta: 77 } })).toBe(77);
    expect(theta({ rope_parameters, rope_scaling: {} })).toBe(500);
    expect(theta({ rope_parameters, rope_scaling: null })).toBe(500);
  });

  it.each([
    ["biases", { text_config: { ...llava15.text_config, attention_bias: true } }, "attention_bias: expected false"],
    ["another decoder", { text_config: { model_type: "gemma" } }, 'expected one of "llama", "mistral"'],
    ["another tower", { vision_config: { model_type: "siglip_vision_model" } }, 'expected one of "clip_vision_model"'],
    [
      "scaled positions",
      { text_config: { rope_scaling: { type: "linear", factor: 2 } } },
      'rope_type: expected "default"',
    ],
    [
      "scaled positions that stand beside plain ones",
      { text_config: { rope_parameters: { rope_type: "default" }, rope_scaling: { type: "linear", factor: 2 } } },
      'rope_type: expected "default"',
    ],
    [
      "the layout of the original code",
      { mm_vision_tower: "openai/clip-vit-large-patch14-336" },
      'mm_vision_tower: expected vision_config and text_config in its place, got "openai/clip-vit-large-patch14-336"',
    ],
    ["a decoder that looks ahead", { text_config: { is_causal: false } }, "is_causal: expected true"],
    ["an image token outside the vocabulary", { image_token_index: 40000 }, "an id below vocab_size = 32064"],
    ["a layer that the tower does not have", { vision_feature_layer: -26 }, "integers from -25 to 24"],
  ])("refuses %s", (_, change, message) => {
    expect(() => parseLlavaConfig({ ...llava15, ...change })).toThrow(message);
  });
});

describe("LLaVA-1.6", () => {
  it("has the sizes of the public Mistral checkpoint", () => {
    const config = parseLlavaNextConfig(llava16);
    expect(config.text).toMatchObject({ kvHeads: 8, mlpWidth: 14336, ropeTheta: 1e6, maxPositions: 32768 });
    // 7,566,747,648: what `num_parameters()` of the public checkpoint gives.
    expect(count(nextShapes(config))).toBe(7_566_747_648);
  });

  it("has Mistral's window of 4096 where the file does not say that there is none", () => {
    const { sliding_window: _, ...text } = llava16.text_config;
    expect(parseLlavaNextConfig({ ...llava16, text_config: text }).text.maxPositions).toBe(4096);
    const wide = { ...text, sliding_window: 8192 };
    expect(parseLlavaNextConfig({ ...llava16, text_config: wide }).text.maxPositions).toBe(8192);
  });

  it.each([
    ["views with their class token", { vision_feature_select_strategy: "full" }, 'expected one of "default"'],
    ["resolutions that are no grid of views", { image_grid_pinpoints: [[336, 500]] }, "multiples of image_size = 336"],
    ["a grid of millions of views", { image_grid_pinpoints: [[336, 336 * 100_000]] }, "at most"],
  ])("refuses %s", (_, change, message) => {
    expect(() => parseLlavaNextConfig({ ...llava16, ...change })).toThrow(message);
  });
});
