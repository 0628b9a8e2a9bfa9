/** The small recorded checkpoints as models that compute, and their prompts as the decoder takes them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PreparedImages } from "@iad-r1/models/processor";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { EncodedPrompt } from "@iad-r1/server/generate/generator";
import { ImageFeatures } from "@iad-r1/server/generate/imageFeatures";
import { LiveModel, type LiveModelOptions } from "@iad-r1/server/generate/liveModel";
import { vlmFixture } from "./vlmFixture";

export interface TinyCase {
  images: string[];
  messages: ChatMessage[];
  completion: string;
}

export interface TinyFixture {
  name: string;
  folder: string;
  checkpoint: string;
  json<T>(file: string): T;
  open(options?: LiveModelOptions & { adapter?: boolean }): Promise<LiveModel>;
  /**
   * Prompts of the fixture's cases, with features from the vision tower.
   *
   * @param change what is done to the prepared pictures of a case before the tower sees them
   */
  prompts(
    model: LiveModel,
    names: readonly string[],
    change?: (name: string, images: PreparedImages) => PreparedImages,
  ): Promise<EncodedPrompt[]>;
}

export function tinyModel(name: string): TinyFixture {
  const isCompressed = name === "llava-1-5" || name === "llava-1-6-mistral";
  const folder = isCompressed ? vlmFixture(name) : fileURLToPath(new URL(`../fixtures/vlm/${name}`, import.meta.url));
  const checkpoint = join(folder, "checkpoint");
  const json = <T>(file: string): T => JSON.parse(readFileSync(join(folder, file), "utf8")) as T;
  return {
    ...{ name, folder, checkpoint, json },
    open({ adapter = false, ...rest } = {}) {
      return LiveModel.open({ base: checkpoint, adapter: adapter ? folder : null }, { threads: 1, ...rest });
    },
    async prompts(model, names, change = (_, images) => images) {
      const { cases } = json<{ cases: Record<string, TinyCase> }>("cases.json");
      const features = new ImageFeatures(model);
      return Promise.all(
        names.map(async (key) => {
          const { images, messages } = cases[key]!;
          const pictures = await Promise.all(images.map((image) => loadImage(join(folder, "images", image))));
          const prepare = () => change(key, model.processor.prepareImages(pictures));
          const open = () => Promise.resolve({ content: key, prepare });
          const [rows] = await features.encode([{ name: key, open }]);
          const { inputIds, imageTokenPositions, positions } = model.processor.prepareInputs(messages, rows!.prepared);
          return { inputIds, imageTokenPositions, images: rows!, ...(positions !== undefined && { positions }) };
        }),
      );
    },
  };
}

/** The fixture that most tests use. */
const onevision = tinyModel("llava-onevision");
export const tinyFixture = onevision.folder;
export const tinyCheckpoint = onevision.checkpoint;

export function tinyJson<T>(name: string): T {
  return onevision.json<T>(name);
}

export function openTinyModel(options: LiveModelOptions & { adapter?: boolean } = {}): Promise<LiveModel> {
  return onevision.open(options);
}

export function tinyPrompts(model: LiveModel, names: readonly string[]): Promise<EncodedPrompt[]> {
  return onevision.prompts(model, names);
}
