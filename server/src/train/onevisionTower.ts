/** The tower of a LLaVA-OneVision, for what is made for views of one fixed size and for no other architecture. */
import { ConfigError } from "@iad-r1/models/errors";
import type { LlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import type { VisionTransformerConfig } from "@iad-r1/models/nn/visionTransformer";
import type { ModelDescription } from "@iad-r1/models/zoo";

/** @throws ConfigError `perception/architecture` for a model of another class */
export function onevisionTower({ architecture, config }: ModelDescription): VisionTransformerConfig {
  if (architecture === "llava-onevision") return (config as LlavaOnevisionConfig).vision;
  throw new ConfigError(
    "perception/architecture",
    `Expected a model of the class llava-onevision, got ${architecture}.`,
    {
      hint: "Start from the config.json of a small LLaVA-OneVision, as models/nano has it.",
    },
  );
}
