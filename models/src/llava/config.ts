/**
 * config.json of LlavaForConditionalGeneration (CLIP tower, two-layer projector, LLaMA decoder), in the form that transformers 5
 * writes and in the form of the public repositories, which leave out what equals the class's defaults. Only data: the network is in
 * model.ts, names and shapes in weights.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import type { DecoderConfig } from "../nn/decoderConfig";
import { parseLlamaConfig } from "../nn/llamaConfig";
import { parseClipTower, parseFeatureLayers, parseImageTokenId } from "../nn/towerConfig";
import { patchesPerSide, type VisionTransformerConfig } from "../nn/visionTransformer";

export interface LlavaConfig {
  vision: VisionTransformerConfig;
  text: DecoderConfig;
  /** Token id that stands for one row of image features. */
  imageTokenId: number;
  /** Which hidden states of the tower feed the projector, as indices 0..layers; several lie side by side. */
  featureLayers: number[];
  /** Is the row of the class token left out ("default"), or kept as the first row of a picture ("full")? */
  dropClassToken: boolean;
  /** Do the projector's linears have a bias? */
  projectorBias: boolean;
}

/**
 * Parses the file.
 *
 * @param value what JSON.parse gave for config.json
 * @param where the file's name for messages
 * @throws ModelFileError `model/config-value`
 */
export function parseLlavaConfig(value: unknown, where = "config.json"): LlavaConfig {
  const reader = new ConfigReader(value, where);
  reader.choice("model_type", ["llava"]);
  refuseOriginalLayout(reader);
  reader.choice("projector_hidden_act", ["gelu"], "gelu");
  const vision = parseClipTower(reader);
  const text = parseLlamaConfig(reader);
  return {
    vision,
    text,
    imageTokenId: parseImageTokenId(reader, text.vocabSize, 32000),
    featureLayers: parseFeatureLayers(reader, vision.layers, -2),
    dropClassToken: reader.choice("vision_feature_select_strategy", ["default", "full"], "default") === "default",
    projectorBias: reader.boolean("multimodal_projector_bias", true),
  };
}

/** Checkpoints of the original LLaVA code have the same `model_type`, but none of these keys: all sizes would be the class's. */
function refuseOriginalLayout(reader: ConfigReader): void {
  const tower = reader.raw("mm_vision_tower");
  if (tower === undefined) return;
  const hint = "Take the same model from huggingface.co/llava-hf, where it is in the layout of transformers.";
  reader.fail("mm_vision_tower", "vision_config and text_config in its place", tower, hint);
}

/** Rows of one picture. */
export function rowsPerImage({ vision, dropClassToken }: LlavaConfig): number {
  return patchesPerSide(vision) ** 2 + (dropClassToken ? 0 : 1);
}
