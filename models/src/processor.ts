/**
 * What the processors of all architectures have in common, so that hosts need not know which one they hold: prepared pictures, and
 * prompts made from messages with them. How pictures are cut is each processor's own affair.
 */
import type { AxisPositions } from "./nn/rope";
import type { ChatMessage, ChatTemplate } from "./text/chatTemplate";
import type { PreparedText } from "./text/placeholders";
import type { Tokenizer } from "./text/tokenizer";
import type { ImageSize, RgbImage } from "./vision/image";
import type { PixelScaling } from "./vision/pixelValues";

/** Pictures of one prompt, in order. Processors add what their tower needs to know. */
export interface PreparedImages {
  pixelValues: Float32Array;
  pixelShape: readonly number[];
  /** Original sizes. */
  imageSizes: ImageSize[];
  /** Image tokens, and rows of features, of each picture. */
  tokensPerImage: number[];
}

export type PreparedInputs = PreparedImages &
  PreparedText & {
    /** Where the tokens stand when positions have several axes; left out when they count tokens. */
    positions?: AxisPositions;
  };

export interface Processor {
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate;
  readonly settings: { readonly imageToken: string; readonly scaling: PixelScaling };
  /** Is a picture among others taken in another way than alone? */
  readonly severalDiffer: boolean;
  /**
   * Pictures of one prompt. Dear for large pictures: keep the result where several prompts share them.
   *
   * @param numImages pictures of the prompt, when these are only some of them
   */
  prepareImages(images: readonly RgbImage[], numImages?: number): PreparedImages;
  /** Pictures of one prompt that were prepared one by one, as if together. */
  joinImages(images: readonly PreparedImages[]): PreparedImages;
  /**
   * @param images           one for each image part of the messages, in order; or already prepared
   * @param options.addGenerationPrompt end with the opening of the answer; default true
   * @throws DataError `data/chat`, `data/placeholders`, `data/image-size`
   */
  prepareInputs(
    messages: readonly ChatMessage[],
    images: readonly RgbImage[] | PreparedImages,
    options?: { addGenerationPrompt?: boolean },
  ): PreparedInputs;
}

/** Rows of features of all pictures. */
export function numImageRows({ tokensPerImage }: Pick<PreparedImages, "tokensPerImage">): number {
  return tokensPerImage.reduce((sum, tokens) => sum + tokens, 0);
}

/** A graph's input by name, in memory of the host. */
export type HostTensor =
  | { dtype: "float32"; data: Float32Array; dims: readonly number[] }
  | { dtype: "int64"; data: BigInt64Array; dims: readonly number[] };

/** Inputs of a tower. */
export type TowerFeeds = Record<string, HostTensor>;

/** How much work pictures are for the tower: so many sequences of at most so many patches that look at each other. */
export interface TowerLoad {
  sequences: number;
  tokens: number;
  /** Attention scores that are alive at a time; all heads of all sequences when left out. */
  scores?: number;
}
