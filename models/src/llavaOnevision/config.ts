/**
 * config.json of LlavaOnevisionForConditionalGeneration (SigLIP tower, two-layer projector, Qwen2 decoder), in the form that
 * transformers 5 writes and in the form of the public repositories. Values that a file leaves out are those of the model class.
 * Only data: the network is in model.ts, tensor names in weights.ts, image geometry in packing.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import { type DecoderConfig, parseDecoderConfig, qwen2Defaults } from "../nn/decoderConfig";
import type { VisionTransformerConfig } from "../nn/visionTransformer";
import { describeResolutions, isResolution } from "../vision/anyRes";

export interface LlavaOnevisionConfig {
  vision: VisionTransformerConfig;
  text: DecoderConfig;
  /** Token id that stands for one row of image features. */
  imageTokenId: number;
  /**
   * Which hidden states of the tower feed the projector, as indices 0..layers (0 = patch embeddings, `layers` = output of the
   * last block before `post_layernorm`). More than one are concatenated.
   */
  featureLayers: number[];
  /** Do the projector's linears have a bias? */
  projectorBias: boolean;
  /** Resolutions [height, width] in pixels among which a picture's crops are chosen. */
  gridPinpoints: [height: number, width: number][];
  /** The 9 of "anyres_max_9": crops are downsampled when they hold more than this many views' worth of patches. */
  maxViews: number;
}

const pixels = { min: 1, max: 1 << 14 };

/**
 * Parses the file.
 *
 * @param value what JSON.parse gave for config.json
 * @param where the file's name for messages
 * @throws ModelFileError `model/config-value`
 */
export function parseLlavaOnevisionConfig(value: unknown, where = "config.json"): LlavaOnevisionConfig {
  const reader = new ConfigReader(value, where);
  reader.choice("model_type", ["llava_onevision"]);
  const vision = parseVision(reader.object("vision_config", true), reader.has("vision_config"));
  const textReader = reader.object("text_config", true);
  textReader.choice("model_type", ["qwen2"], "qwen2");
  const text = parseDecoderConfig(textReader, qwen2Defaults);
  // The flag may stand at either level; one true is enough (transformers copies it upwards).
  text.tied ||= reader.boolean("tie_word_embeddings", false);

  reader.choice("projector_hidden_act", ["gelu"], "gelu");
  // "default" would drop a class token, which SigLIP does not have.
  reader.choice("vision_feature_select_strategy", ["full"], "full");
  const imageTokenKey = reader.has("image_token_id") ? "image_token_id" : "image_token_index";
  const imageTokenId = reader.integer(imageTokenKey, { min: 0, max: (1 << 22) - 1 }, 151646);
  if (imageTokenId >= text.vocabSize) {
    reader.fail(imageTokenKey, `an id below vocab_size = ${text.vocabSize}`, imageTokenId);
  }
  return {
    vision,
    text,
    imageTokenId,
    featureLayers: parseFeatureLayers(reader, vision.layers),
    projectorBias: reader.boolean("multimodal_projector_bias", true),
    gridPinpoints: parsePinpoints(reader, vision.imageSize),
    maxViews: parseMaxViews(reader),
  };
}

/** The tower's keys; without any `vision_config` the class uses SigLIP-so400m at 384 pixels. */
function parseVision(reader: ConfigReader, given: boolean): VisionTransformerConfig {
  reader.choice("model_type", ["siglip_vision_model"], "siglip_vision_model");
  const or = (base: number, so400m: number) => (given ? base : so400m);
  const width = reader.integer("hidden_size", { min: 1, max: 65536 }, or(768, 1152));
  const heads = reader.integer("num_attention_heads", { min: 1, max: 1024 }, or(12, 16));
  if (width % heads !== 0) reader.fail("hidden_size", `a multiple of num_attention_heads = ${heads}`, width);
  const imageSize = square(reader, "image_size", or(224, 384));
  const patchSize = square(reader, "patch_size", or(16, 14));
  if (patchSize > imageSize) reader.fail("patch_size", `at most image_size = ${imageSize}`, patchSize);
  reader.choice("hidden_act", ["gelu_pytorch_tanh"], "gelu_pytorch_tanh");
  return {
    width,
    mlpWidth: reader.integer("intermediate_size", { min: 1, max: 1 << 20 }, or(3072, 4304)),
    layers: reader.integer("num_hidden_layers", { min: 1, max: 512 }, or(12, 26)),
    heads,
    channels: reader.integer("num_channels", { min: 3, max: 3 }, 3),
    imageSize,
    patchSize,
    normEpsilon: reader.number("layer_norm_eps", { min: 0, max: 1 }, 1e-6),
    activation: "geluTanh",
  };
}

/** A side length given as one number or as two equal ones. */
function square(reader: ConfigReader, key: string, fallback: number): number {
  const value = reader.raw(key);
  if (!Array.isArray(value)) return reader.integer(key, pixels, fallback);
  const [first, second] = reader.integers(key, pixels, 2);
  if (first === undefined || (second !== undefined && first !== second)) reader.fail(key, "a square", value);
  return first;
}

function parseFeatureLayers(reader: ConfigReader, layers: number): number[] {
  const given = reader.integers("vision_feature_layer", { min: -layers - 1, max: layers });
  return (given.length === 0 ? [-1] : given).map((layer) => (layer < 0 ? layers + 1 + layer : layer));
}

function parsePinpoints(reader: ConfigReader, imageSize: number): [number, number][] {
  const value = reader.raw("image_grid_pinpoints");
  if (value === undefined) {
    const steps = [1, 2, 3, 4, 5, 6];
    return steps.flatMap((rows) => steps.map((columns): [number, number] => [rows * 384, columns * 384]));
  }
  const expected = describeResolutions(`image_size = ${imageSize}`);
  if (!Array.isArray(value) || value.length === 0 || value.length > 1024) {
    return reader.fail("image_grid_pinpoints", expected, value);
  }
  const wrong: unknown = value.find((item) => !isResolution(item, imageSize));
  if (wrong !== undefined) reader.fail("image_grid_pinpoints", expected, JSON.stringify(wrong));
  return value;
}

function parseMaxViews(reader: ConfigReader): number {
  const text = reader.string("vision_aspect_ratio", "anyres_max_9");
  const views = /^anyres_max_([1-9]\d{0,2})$/.exec(text)?.[1];
  return views === undefined
    ? reader.fail("vision_aspect_ratio", '"anyres_max_N" with N from 1 to 999', text)
    : Number(views);
}
