/**
 * What each architecture brings to the zoo, one object in each architecture's folder: how its configuration is parsed, its network and
 * parameters, its processor, and how pictures reach its tower.
 */
import type { NameMap, ParameterShapes } from "./checkpoint/parameterTable";
import type { SeveralImages } from "./llavaOnevision/processor";
import type { DecoderConfig } from "./nn/decoderConfig";
import type { AxisPositions } from "./nn/rope";
import type { PreparedImages, Processor, TowerFeeds, TowerLoad } from "./processor";
import type { VisionLanguageNetwork } from "./programs/program";
import type { JsonObject } from "./util/jsonFile";

/** Widths of a stack of transformer layers. */
export interface StackSize {
  layers: number;
  width: number;
  mlpWidth: number;
  heads: number;
}

/** What every configuration has; architectures add their own. */
export interface AnyModelConfig {
  text: DecoderConfig;
  vision: StackSize;
  /** Token id that stands for one row of image features. */
  imageTokenId: number;
}

export interface ProcessorOptions {
  /** How LLaVA-OneVision takes several pictures of one prompt. */
  severalImages?: SeveralImages;
}

/** Prepared pictures on their way to the tower. */
export interface TowerInputs<I extends PreparedImages> {
  /** The tower's inputs for the pictures of several prompts, one after another. */
  feeds(prompts: readonly I[]): TowerFeeds;
  load(images: I): TowerLoad;
  /** Where tokens stand on three axes, for pictures given one by one; missing when positions count tokens. */
  positions?(inputIds: Int32Array, images: readonly I[]): AxisPositions;
}

export interface Architecture<C extends AnyModelConfig, I extends PreparedImages, N extends string = string> {
  name: N;
  /** `model_type` of config.json. */
  modelType: string;
  parse: (json: JsonObject) => C;
  open: (config: C) => { network: VisionLanguageNetwork; shapes: ParameterShapes; tower: TowerInputs<I> };
  tensorNames: NameMap;
  /** The name under which transformers saves a parameter. */
  savedName: (path: string) => string;
  loadProcessor: (folder: string, config: C, options: ProcessorOptions) => Promise<Processor>;
}

/** An architecture behind a common face: nothing outside needs the types of its own. */
export type AnyArchitecture<N extends string = string> = Architecture<AnyModelConfig, PreparedImages, N>;

/** Its processor prepares what its tower takes, and its parser gives what it opens, so the types of its own can be forgotten. */
export function hidden<C extends AnyModelConfig, I extends PreparedImages, N extends string>(
  own: Architecture<C, I, N>,
): AnyArchitecture<N> {
  return own as unknown as AnyArchitecture<N>;
}
