/** Qwen2-VL for the zoo. */
import type { Architecture, TowerInputs } from "../architecture";
import type { TowerFeeds } from "../processor";
import { parseQwen2VlConfig, type Qwen2VlConfig } from "./config";
import { axisPositions, patchFeeds, patchLoad } from "./feeds";
import { qwen2VlNetwork, qwen2VlShapes } from "./model";
import { loadQwen2VlProcessor, type PreparedPatches } from "./processor";
import { savedName, tensorNames } from "./text";

/** Names and files, the same in both models of the family. */
export const qwenFiles = {
  ...{ tensorNames, savedName },
  loadProcessor: (folder: string, { vision, text, imageTokenId }: Qwen2VlConfig) =>
    loadQwen2VlProcessor(folder, { ...vision, imageTokenId, vocabSize: text.vocabSize }),
};

/** What pictures of any size mean for hosts, the same in both models of the family. */
export function patchTower(
  { vision, imageTokenId }: Qwen2VlConfig,
  feeds: (prompts: readonly PreparedPatches[]) => TowerFeeds,
): TowerInputs<PreparedPatches> {
  return {
    feeds,
    load: (images) => patchLoad(images, vision),
    positions: (inputIds, images) => axisPositions(inputIds, imageTokenId, images, vision.mergeSize),
  };
}

export const qwen2Vl: Architecture<Qwen2VlConfig, PreparedPatches, "qwen2-vl"> = {
  name: "qwen2-vl",
  modelType: "qwen2_vl",
  parse: (json) => parseQwen2VlConfig(json),
  open: (config) => ({
    network: qwen2VlNetwork(config),
    shapes: qwen2VlShapes(config),
    tower: patchTower(config, (prompts) => patchFeeds(prompts, config.vision)),
  }),
  ...qwenFiles,
};
