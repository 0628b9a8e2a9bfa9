/**
 * From messages and pictures to prompts as the decoder takes them: chat template, token ids, image features. Pictures are loaded and
 * encoded once; what a picture is and where it lies is the caller's business.
 */
import { createHash } from "node:crypto";
import { numImageRows, type PreparedImages, type Processor } from "@iad-r1/models/processor";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { joinValues } from "@iad-r1/models/vision/pixelValues";
import type { EncodedPrompt } from "./generator";
import { ImageFeatures, type ImageRows, type PictureToEncode } from "./imageFeatures";
import type { LiveModel } from "./liveModel";

/** A picture that is loaded when it is needed. */
export interface Picture {
  /** Names its pixels: equal ids must mean equal pixels. */
  id: string;
  load: () => Promise<RgbImage>;
  /** Its size and a hash of its pixels, where somebody has computed them already. */
  content?: string;
}

/** A picture that is loaded already, named by its pixels: however it came, the tower sees it once. */
export function contentPicture(image: RgbImage): Picture {
  const content = contentOf(image);
  return { id: content, load: () => Promise.resolve(image), content };
}

function contentOf({ width, height, data }: RgbImage): string {
  return `${width}x${height}:${createHash("sha256").update(data).digest("hex")}`;
}

/** Messages with one picture for each image part, in order. */
export interface PromptSource {
  messages: readonly ChatMessage[];
  pictures: readonly Picture[];
}

export interface EncodedPromptWithText extends EncodedPrompt {
  promptText: string;
  numImageTokens: number;
}

/** A prompt for a program with the tower inside: pixels instead of features. */
export interface PixelPrompt extends EncodedPromptWithText {
  pixels: PreparedImages | null;
}

export class PromptEncoder {
  readonly features: ImageFeatures;
  /** Prepared pixels for programs with the tower inside; bounded by number, as small models are trained so. */
  private readonly prepared = new Map<string, PreparedImages>();

  constructor(
    private readonly model: LiveModel,
    maxFeatureBytes?: number,
  ) {
    this.features = new ImageFeatures(model, maxFeatureBytes);
  }

  /**
   * @throws DataError for pictures that cannot be read and messages that do not fit the template
   */
  async encode(prompts: readonly PromptSource[]): Promise<EncodedPromptWithText[]> {
    const rows = await this.features.encode(
      prompts.flatMap(({ pictures }) => pictures.map((picture) => this.toEncode(picture, pictures.length))),
    );
    return prompts.map((prompt) => {
      const images = joinRows(this.model.processor, rows.splice(0, prompt.pictures.length));
      const inputs = this.model.processor.prepareInputs(prompt.messages, images?.prepared ?? []);
      return {
        inputIds: inputs.inputIds,
        imageTokenPositions: inputs.imageTokenPositions,
        images,
        ...(inputs.positions !== undefined && { positions: inputs.positions }),
        promptText: inputs.promptText,
        numImageTokens: images?.numRows ?? 0,
      };
    });
  }

  /** The same with pixels; `images` only counts the rows, as their values come from the tower in the program. */
  async encodePixels(prompts: readonly PromptSource[]): Promise<PixelPrompt[]> {
    return Promise.all(
      prompts.map(async (prompt) => {
        const pixels = prompt.pictures.length === 0 ? null : await this.keepPrepared(prompt.pictures);
        const inputs = this.model.processor.prepareInputs(prompt.messages, pixels ?? []);
        const numImageTokens = pixels === null ? 0 : numImageRows(pixels);
        return {
          inputIds: inputs.inputIds,
          imageTokenPositions: inputs.imageTokenPositions,
          images: null,
          ...(inputs.positions !== undefined && { positions: inputs.positions }),
          promptText: inputs.promptText,
          ...{ numImageTokens, pixels },
        };
      }),
    );
  }

  /** A picture of a prompt with `numImages`, known by its pixels and by how such a prompt takes them. */
  private toEncode({ id, load, content }: Picture, numImages: number): PictureToEncode {
    const { processor } = this.model;
    const suffix = processor.severalDiffer && numImages > 1 ? " among others" : "";
    return {
      name: id + suffix,
      open: async () => {
        const image = await load();
        return {
          content: (content ?? contentOf(image)) + suffix,
          prepare: () => processor.prepareImages([image], numImages),
        };
      },
    };
  }

  private async keepPrepared(pictures: readonly Picture[]): Promise<PreparedImages> {
    const key = keyOf(pictures);
    const kept = this.prepared.get(key);
    if (kept !== undefined) return kept;
    const images = await this.prepare(pictures);
    if (this.prepared.size >= 512) this.prepared.delete(this.prepared.keys().next().value!);
    this.prepared.set(key, images);
    return images;
  }

  private async prepare(pictures: readonly Picture[]): Promise<PreparedImages> {
    return this.model.processor.prepareImages(await Promise.all(pictures.map(({ load }) => load())));
  }
}

/** Rows of a prompt's pictures one after another; null without pictures. */
function joinRows(processor: Processor, pictures: readonly ImageRows[]): ImageRows | null {
  if (pictures.length < 2) return pictures[0] ?? null;
  return {
    rows: joinValues(pictures.map(({ rows }) => rows)),
    numRows: pictures.reduce((sum, { numRows }) => sum + numRows, 0),
    prepared: processor.joinImages(pictures.map(({ prepared }) => prepared)),
  };
}

/** SHA-256 of a rendered prompt. */
export function promptHash(promptText: string): string {
  return createHash("sha256").update(promptText).digest("hex");
}

function keyOf(pictures: readonly Picture[]): string {
  return pictures.map(({ id }) => id).join("\n");
}
