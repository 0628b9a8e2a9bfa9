/**
 * config.json of Qwen2_5_VLForConditionalGeneration, in the form that transformers 5 writes and in the form of the public
 * repositories. Values that a file leaves out are those of the model class. Only data: the network is in model.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import type { DecoderConfig } from "../nn/decoderConfig";
import { type PatchTowerConfig, parsePatchTower, requireWidth } from "../qwen2Vl/config";
import { parseText } from "../qwen2Vl/text";

export interface WindowTowerConfig extends PatchTowerConfig {
  /** Side of a window in merged rows. */
  windowRows: number;
  /** Blocks in which a whole picture is seen; in the others only windows. */
  fullBlocks: readonly number[];
}

export interface Qwen25VlConfig {
  vision: WindowTowerConfig;
  text: DecoderConfig;
  /** Token id that stands for one row of image features. */
  imageTokenId: number;
}

/** @throws ModelFileError `model/config-value` */
export function parseQwen25VlConfig(value: unknown, where = "config.json"): Qwen25VlConfig {
  const reader = new ConfigReader(value, where);
  reader.choice("model_type", ["qwen2_5_vl"]);
  const { text, imageTokenId } = parseText(reader, ["qwen2_5_vl_text", "qwen2_5_vl"]);
  const vision = reader.object("vision_config", true);
  vision.choice("model_type", ["qwen2_5_vl_vision", "qwen2_5_vl"], "qwen2_5_vl_vision");
  vision.choice("hidden_act", ["silu"], "silu");
  const width = vision.integer("hidden_size", { min: 1, max: 65536 }, 3584);
  // The merger writes rows for the decoder, so its width is not a choice of the tower.
  requireWidth(vision, "out_hidden_size", 3584, text.width);
  const tower = parsePatchTower(vision, width);
  const side = tower.patchSize * tower.mergeSize;
  const windowSize = vision.integer("window_size", { min: 1, max: 1 << 14 }, 112);
  const windowRows = Math.floor(windowSize / side);
  if (windowRows < 1) vision.fail("window_size", `at least one merged patch of ${side} pixels`, windowSize);
  const given = vision.has("fullatt_block_indexes");
  const blocks = vision.integers("fullatt_block_indexes", { min: 0, max: 511 }, 512);
  return {
    vision: {
      ...tower,
      mlpWidth: vision.integer("intermediate_size", { min: 1, max: 1 << 20 }, 3420),
      windowRows,
      fullBlocks: given ? blocks : [7, 15, 23, 31],
    },
    ...{ text, imageTokenId },
  };
}
