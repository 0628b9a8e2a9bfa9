/** Names and shapes of the parameters of LLaVA-1.6: those of LLaVA-1.5 and the newline. */
import type { ParameterShapes } from "../checkpoint/parameterTable";
import { modules as llavaModules, parameterShapes as llavaShapes } from "../llava/weights";
import type { LlavaNextConfig } from "./config";

/** Module paths of the parts. */
export const modules = { ...llavaModules, newline: "model.image_newline" } as const;

export function parameterShapes(config: LlavaNextConfig): ParameterShapes {
  return new Map([[modules.newline, [config.text.width]], ...llavaShapes(config)]);
}
