/**
 * Names and shapes of the parameters of LLaVA-OneVision, and how the tensors of a checkpoint map to them. Three spellings are
 * in use: the public repositories (`vision_tower.vision_model…`, `language_model.model…`), transformers 5
 * (`vision_tower.embeddings…`, `language_model.model…`) and bare module paths (`model.language_model…`). Module paths are ours.
 */
import type { NameMap, ParameterShapes } from "../checkpoint/parameterTable";
import { decoderShapes } from "../nn/decoder";
import { linearShapes } from "../nn/linear";
import { projectorShapes } from "../nn/projector";
import { visionTransformerShapes } from "../nn/visionTransformer";
import type { LlavaOnevisionConfig } from "./config";

/** Module paths of the parts. */
export const modules = {
  vision: "model.vision_tower",
  projector: "model.multi_modal_projector",
  newline: "model.image_newline",
  decoder: "model.language_model",
  head: "lm_head",
} as const;

/** Every parameter; a tied head has none of its own. */
export function parameterShapes(config: LlavaOnevisionConfig): ParameterShapes {
  const { vision, text } = config;
  return new Map<string, readonly number[]>([
    [modules.newline, [text.width]],
    ...visionTransformerShapes(modules.vision, vision),
    ...projectorShapes(modules.projector, vision.width * config.featureLayers.length, text.width, config.projectorBias),
    ...decoderShapes(modules.decoder, text),
    ...(text.tied ? [] : linearShapes(modules.head, text.width, text.vocabSize, false)),
  ]);
}

export const tensorNames: NameMap = {
  rules: [
    [/^(?:model\.)?language_model\.lm_head\./, "lm_head."],
    [/^(?:model\.)?language_model\.model\./, "model.language_model."],
    [/^language_model\./, "model.language_model."],
    [/^(?:model\.)?vision_tower\.vision_model\./, "model.vision_tower."],
    [/^vision_tower\./, "model.vision_tower."],
    [/^multi_modal_projector\./, "model.multi_modal_projector."],
    [/^image_newline$/, "model.image_newline"],
  ],
  ignored: [/\.rotary_emb\.inv_freq$/, /\.position_ids$/, /^model\.vision_tower\.head\./, /^lm_head\.weight$/],
};

/** The name under which transformers saves a parameter, for checkpoints written from scratch. */
export function savedName(path: string): string {
  return path
    .replace(/^lm_head\./, "language_model.lm_head.")
    .replace(/^model\.language_model\./, "language_model.model.")
    .replace(/^model\./, "");
}
