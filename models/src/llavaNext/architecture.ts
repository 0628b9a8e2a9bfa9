/** LLaVA-1.6 for the zoo. */
import type { Architecture } from "../architecture";
import { rowsPerImage } from "../llava/config";
import { viewFeeds } from "../llavaOnevision/feeds";
import type { PreparedViews } from "../llavaOnevision/processor";
import { savedName, tensorNames } from "../llavaOnevision/weights";
import { tokensPerCrop } from "../nn/visionTransformer";
import { type LlavaNextConfig, parseLlavaNextConfig } from "./config";
import { llavaNextNetwork } from "./model";
import { loadLlavaNextProcessor } from "./processor";
import { parameterShapes } from "./weights";

export const llavaNext: Architecture<LlavaNextConfig, PreparedViews, "llava-next"> = {
  name: "llava-next",
  modelType: "llava_next",
  parse: (json) => parseLlavaNextConfig(json),
  open: (config) => ({
    network: llavaNextNetwork(config),
    shapes: parameterShapes(config),
    tower: {
      feeds: (prompts) => viewFeeds(prompts, rowsPerImage(config)),
      load: ({ pixelShape }) => ({ sequences: pixelShape[0], tokens: tokensPerCrop(config.vision) }),
    },
  }),
  ...{ tensorNames, savedName },
  loadProcessor: (folder, model) => loadLlavaNextProcessor(folder, model),
};
