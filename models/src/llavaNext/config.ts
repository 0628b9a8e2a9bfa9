/**
 * config.json of LlavaNextForConditionalGeneration (LLaVA-1.6: CLIP tower, two-layer projector, Mistral or LLaMA decoder): that of
 * LLaVA-1.5 and the resolutions that a picture may be cut for. Only data: the network is in model.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import type { LlavaConfig } from "../llava/config";
import { parseLlamaConfig } from "../nn/llamaConfig";
import { parseClipTower, parseFeatureLayers, parseImageTokenId, parsePinpoints } from "../nn/towerConfig";
import type { Resolution } from "../vision/anyRes";

export interface LlavaNextConfig extends LlavaConfig {
  /** Resolutions [height, width] in pixels among which a picture's crops are chosen. */
  gridPinpoints: readonly Resolution[];
}

export const defaultPinpoints: readonly Resolution[] = [
  [336, 672],
  [672, 336],
  [672, 672],
  [1008, 336],
  [336, 1008],
];

/** @throws ModelFileError `model/config-value` */
export function parseLlavaNextConfig(value: unknown, where = "config.json"): LlavaNextConfig {
  const reader = new ConfigReader(value, where);
  reader.choice("model_type", ["llava_next"]);
  reader.choice("projector_hidden_act", ["gelu"], "gelu");
  // With its class token a view is no square that could be put into a mosaic.
  reader.choice("vision_feature_select_strategy", ["default"], "default");
  const vision = parseClipTower(reader);
  const text = parseLlamaConfig(reader);
  return {
    vision,
    text,
    imageTokenId: parseImageTokenId(reader, text.vocabSize, 32000),
    featureLayers: parseFeatureLayers(reader, vision.layers, -2),
    dropClassToken: true,
    projectorBias: reader.boolean("multimodal_projector_bias", true),
    gridPinpoints: parsePinpoints(reader, vision.imageSize, defaultPinpoints),
  };
}
