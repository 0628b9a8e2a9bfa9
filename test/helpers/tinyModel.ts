/** The LLaVA-OneVision fixture as a model that computes, and its prompts as the decoder takes them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { EncodedPrompt } from "@iad-r1/server/generate/generator";
import { ImageFeatures } from "@iad-r1/server/generate/imageFeatures";
import { LiveModel, type LiveModelOptions } from "@iad-r1/server/generate/liveModel";

export const tinyFixture = fileURLToPath(new URL("../fixtures/vlm/llava-onevision", import.meta.url));
export const tinyCheckpoint = join(tinyFixture, "checkpoint");

export interface TinyCase {
  images: string[];
  messages: ChatMessage[];
  completion: string;
}

export function tinyJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(tinyFixture, name), "utf8")) as T;
}

export function openTinyModel(options: LiveModelOptions & { adapter?: boolean } = {}): Promise<LiveModel> {
  const { adapter = false, ...rest } = options;
  return LiveModel.open({ base: tinyCheckpoint, adapter: adapter ? tinyFixture : null }, { threads: 1, ...rest });
}

/** Prompts of the fixture's cases, with features from the vision tower. */
export async function tinyPrompts(model: LiveModel, names: readonly string[]): Promise<EncodedPrompt[]> {
  const { cases } = tinyJson<{ cases: Record<string, TinyCase> }>("cases.json");
  const features = new ImageFeatures(model);
  return Promise.all(
    names.map(async (name) => {
      const { images, messages } = cases[name]!;
      const pictures = await Promise.all(images.map((image) => loadImage(join(tinyFixture, "images", image))));
      const [rows] = await features.encode([
        { key: name, prepare: () => Promise.resolve(model.processor.prepareImages(pictures)) },
      ]);
      const inputs = model.processor.prepareInputs(messages, rows!.prepared);
      return { inputIds: inputs.inputIds, imageTokenPositions: inputs.imageTokenPositions, images: rows! };
    }),
  );
}
