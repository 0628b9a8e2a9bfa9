/** Qwen2.5-VL for the zoo. */
import type { Architecture } from "../architecture";
import { patchTower, qwenFiles } from "../qwen2Vl/architecture";
import type { PreparedPatches } from "../qwen2Vl/processor";
import { parseQwen25VlConfig, type Qwen25VlConfig } from "./config";
import { qwen25VlNetwork, qwen25VlShapes, windowFeeds } from "./model";

export const qwen25Vl: Architecture<Qwen25VlConfig, PreparedPatches, "qwen2.5-vl"> = {
  name: "qwen2.5-vl",
  modelType: "qwen2_5_vl",
  parse: (json) => parseQwen25VlConfig(json),
  open: (config) => ({
    network: qwen25VlNetwork(config),
    shapes: qwen25VlShapes(config),
    tower: patchTower(config, (prompts) => windowFeeds(prompts, config.vision)),
  }),
  ...qwenFiles,
};
