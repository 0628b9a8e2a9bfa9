/** Names and shapes of the parameters of LLaVA-1.5; how tensors map to them is llavaOnevision/weights.ts. */
import type { ParameterShapes } from "../checkpoint/parameterTable";
import { decoderShapes } from "../nn/decoder";
import { linearShapes } from "../nn/linear";
import { projectorShapes } from "../nn/projector";
import { visionTransformerShapes } from "../nn/visionTransformer";
import type { LlavaConfig } from "./config";

/** Module paths of the parts. */
export const modules = {
  vision: "model.vision_tower",
  projector: "model.multi_modal_projector",
  decoder: "model.language_model",
  head: "lm_head",
} as const;

/** Every parameter; a tied head has none of its own. */
export function parameterShapes(config: LlavaConfig): ParameterShapes {
  const { vision, text } = config;
  return new Map<string, readonly number[]>([
    ...visionTransformerShapes(modules.vision, vision),
    ...projectorShapes(modules.projector, vision.width * config.featureLayers.length, text.width, config.projectorBias),
    ...decoderShapes(modules.decoder, text),
    ...(text.tied ? [] : linearShapes(modules.head, text.width, text.vocabSize, false)),
  ]);
}
