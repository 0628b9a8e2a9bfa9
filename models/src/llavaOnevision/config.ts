/**
 * config.json of LlavaOnevisionForConditionalGeneration (SigLIP tower, two-layer projector, Qwen2 decoder), in the form that
 * transformers 5 writes and in the form of the public repositories. Values that a file leaves out are those of the model class.
 * Only data: the network is in model.ts, tensor names in weights.ts, image geometry in packing.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import { type DecoderConfig, parseDecoderConfig, qwen2Defaults } from "../nn/decoderConfig";
import { parseFeatureLayers, parseImageTokenId, parsePinpoints, parseTowerSizes } from "../nn/towerConfig";
import type { VisionTransformerConfig } from "../nn/visionTransformer";
import type { Resolution } from "../vision/anyRes";

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
  gridPinpoints: readonly Resolution[];
  /** The 9 of "anyres_max_9": crops are downsampled when they hold more than this many views' worth of patches. */
  maxViews: number;
}

const steps = [1, 2, 3, 4, 5, 6];
const defaultPinpoints = steps.flatMap((rows) => steps.map((columns): Resolution => [rows * 384, columns * 384]));

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
  return {
    vision,
    text,
    imageTokenId: parseImageTokenId(reader, text.vocabSize, 151646),
    featureLayers: parseFeatureLayers(reader, vision.layers, -1),
    projectorBias: reader.boolean("multimodal_projector_bias", true),
    gridPinpoints: parsePinpoints(reader, vision.imageSize, defaultPinpoints),
    maxViews: parseMaxViews(reader),
  };
}

/** The tower's keys; without any `vision_config` the class uses SigLIP-so400m at 384 pixels. */
function parseVision(reader: ConfigReader, given: boolean): VisionTransformerConfig {
  reader.choice("model_type", ["siglip_vision_model"], "siglip_vision_model");
  const or = (base: number, so400m: number) => (given ? base : so400m);
  const sizes = parseTowerSizes(reader, {
    width: or(768, 1152),
    mlpWidth: or(3072, 4304),
    layers: or(12, 26),
    heads: or(12, 16),
    imageSize: or(224, 384),
    patchSize: or(16, 14),
    normEpsilon: 1e-6,
  });
  reader.choice("hidden_act", ["gelu_pytorch_tanh"], "gelu_pytorch_tanh");
  return { ...sizes, activation: "geluTanh", classToken: false };
}

function parseMaxViews(reader: ConfigReader): number {
  const text = reader.string("vision_aspect_ratio", "anyres_max_9");
  const views = /^anyres_max_([1-9]\d{0,2})$/.exec(text)?.[1];
  return views === undefined
    ? reader.fail("vision_aspect_ratio", '"anyres_max_N" with N from 1 to 999', text)
    : Number(views);
}
