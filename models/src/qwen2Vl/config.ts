/**
 * config.json of Qwen2VLForConditionalGeneration, in the form that transformers 5 writes and in the form of the public repositories.
 * Values that a file leaves out are those of the model class. Only data: the network is in model.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import { type DecoderConfig, parseRopeTheta } from "../nn/decoderConfig";
import type { PatchSize } from "../nn/patchTower";
import { parseText } from "./text";

/** A tower over patches; Qwen2.5-VL's has windows besides. */
export interface PatchTowerConfig extends PatchSize {
  width: number;
  mlpWidth: number;
  layers: number;
  heads: number;
  /** Base of the rotary frequencies. */
  ropeTheta: number;
}

export interface Qwen2VlConfig {
  vision: PatchTowerConfig;
  text: DecoderConfig;
  /** Token id that stands for one row of image features. */
  imageTokenId: number;
}

/** @throws ModelFileError `model/config-value` */
export function parseQwen2VlConfig(value: unknown, where = "config.json"): Qwen2VlConfig {
  const reader = new ConfigReader(value, where);
  reader.choice("model_type", ["qwen2_vl"]);
  const { text, imageTokenId } = parseText(reader, ["qwen2_vl_text", "qwen2_vl"]);
  const vision = reader.object("vision_config", true);
  vision.choice("model_type", ["qwen2_vl_vision", "qwen2_vl"], "qwen2_vl_vision");
  vision.choice("hidden_act", ["quick_gelu"], "quick_gelu");
  const width = vision.integer("embed_dim", { min: 1, max: 65536 }, 1280);
  // The merger writes rows for the decoder, so its width is not a choice of the tower.
  requireWidth(vision, "hidden_size", 3584, text.width);
  const mlpWidth = Math.trunc(width * vision.number("mlp_ratio", { min: 0, max: 64 }, 4));
  if (mlpWidth < 1) vision.fail("mlp_ratio", `at least 1 / ${width}`, vision.raw("mlp_ratio"));
  return {
    vision: { ...parsePatchTower(vision, width), mlpWidth },
    ...{ text, imageTokenId },
  };
}

/** The keys that both towers have. */
export function parsePatchTower(vision: ConfigReader, width: number): Omit<PatchTowerConfig, "mlpWidth"> {
  const heads = vision.integer("num_heads", { min: 1, max: 1024 }, 16);
  if (width % heads !== 0) vision.fail("num_heads", `a divisor of the width, ${width}`, heads);
  if ((width / heads) % 4 !== 0) {
    vision.fail("num_heads", "heads whose width is a multiple of 4, as two axes turn pairs", heads);
  }
  const channelKey = vision.has("in_channels") ? "in_channels" : "in_chans";
  const small = { min: 1, max: 256 };
  return {
    width,
    layers: vision.integer("depth", { min: 1, max: 512 }, 32),
    heads,
    channels: vision.integer(channelKey, { min: 3, max: 3 }, 3),
    patchSize: vision.integer("patch_size", small, 14),
    temporalPatchSize: vision.integer("temporal_patch_size", small, 2),
    mergeSize: vision.integer("spatial_merge_size", { min: 1, max: 16 }, 2),
    ropeTheta: parseRopeTheta(vision, 10000, ["axial", "default"]),
  };
}

export function requireWidth(vision: ConfigReader, key: string, fallback: number, width: number): void {
  const given = vision.integer(key, { min: 1, max: 65536 }, fallback);
  if (given !== width) vision.fail(key, `the decoder's width, ${width}`, given);
}
