/** LLaVA-1.5 for the zoo. */
import type { Architecture } from "../architecture";
import { viewFeeds } from "../llavaOnevision/feeds";
import type { PreparedViews } from "../llavaOnevision/processor";
import { savedName, tensorNames } from "../llavaOnevision/weights";
import { tokensPerCrop } from "../nn/visionTransformer";
import { type LlavaConfig, parseLlavaConfig, rowsPerImage } from "./config";
import { llavaNetwork } from "./model";
import { loadLlavaProcessor } from "./processor";
import { parameterShapes } from "./weights";

export const llava: Architecture<LlavaConfig, PreparedViews, "llava"> = {
  name: "llava",
  modelType: "llava",
  parse: (json) => parseLlavaConfig(json),
  open: (config) => ({
    network: llavaNetwork(config),
    shapes: parameterShapes(config),
    tower: {
      feeds: (prompts) => viewFeeds(prompts, rowsPerImage(config)),
      load: ({ pixelShape }) => ({ sequences: pixelShape[0], tokens: tokensPerCrop(config.vision) }),
    },
  }),
  ...{ tensorNames, savedName },
  loadProcessor: (folder, model) => loadLlavaProcessor(folder, model),
};
