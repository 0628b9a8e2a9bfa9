/** LLaVA-OneVision for the zoo. */
import type { Architecture } from "../architecture";
import { patchesPerSide } from "../nn/visionTransformer";
import { type LlavaOnevisionConfig, parseLlavaOnevisionConfig } from "./config";
import { viewFeeds } from "./feeds";
import { llavaOnevisionNetwork } from "./model";
import { loadLlavaOnevisionProcessor, type PreparedViews } from "./processor";
import { parameterShapes, savedName, tensorNames } from "./weights";

export const llavaOnevision: Architecture<LlavaOnevisionConfig, PreparedViews, "llava-onevision"> = {
  name: "llava-onevision",
  modelType: "llava_onevision",
  parse: (json) => parseLlavaOnevisionConfig(json),
  open: (config) => {
    const patches = patchesPerSide(config.vision) ** 2;
    return {
      network: llavaOnevisionNetwork(config),
      shapes: parameterShapes(config),
      tower: {
        feeds: (prompts) => viewFeeds(prompts, patches),
        load: ({ pixelShape }) => ({ sequences: pixelShape[0], tokens: patches }),
      },
    };
  },
  ...{ tensorNames, savedName },
  loadProcessor: (folder, model, options) => loadLlavaOnevisionProcessor(folder, { ...options, model }),
};
