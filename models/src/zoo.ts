/**
 * The one door of this library: opens a checkpoint folder, finds out its architecture and hands out its facts, its parameters and
 * its programs. It reads configurations and headers, never weights, and runs nothing.
 */
import { type AdapterBase, linearModulesOf, readAdapter, type StoredAdapter } from "./adapters/adapter";
import { ConfigReader } from "./checkpoint/configReader";
import { type GenerationConfig, readGenerationConfig } from "./checkpoint/generationConfig";
import {
  locateParameters,
  type NameMap,
  type ParameterShapes,
  type ParameterTable,
  parameterPath,
  sameTensor,
} from "./checkpoint/parameterTable";
import { type Checkpoint, openSafetensors } from "./checkpoint/safetensors";
import { ModelFileError } from "./errors";
import { type LlavaOnevisionConfig, parseLlavaOnevisionConfig } from "./llavaOnevision/config";
import { viewFeeds } from "./llavaOnevision/feeds";
import { llavaOnevisionNetwork } from "./llavaOnevision/model";
import { loadLlavaOnevisionProcessor, type PreparedViews, type SeveralImages } from "./llavaOnevision/processor";
import * as llavaOnevision from "./llavaOnevision/weights";
import type { DecoderConfig } from "./nn/decoderConfig";
import type { AxisPositions } from "./nn/rope";
import { patchesPerSide } from "./nn/visionTransformer";
import type { PreparedImages, Processor, TowerFeeds, TowerLoad } from "./processor";
import {
  type DecoderOptions,
  decoderProgram,
  type LogProbsOptions,
  logProbsProgram,
  visionEncoderProgram,
} from "./programs/inference";
import type { Program, VisionLanguageNetwork, WeightOptions } from "./programs/program";
import { type TrainingOptions, trainingProgram } from "./programs/training";
import { parseQwen25VlConfig, type Qwen25VlConfig } from "./qwen25Vl/config";
import { qwen25VlNetwork, qwen25VlShapes, windowFeeds } from "./qwen25Vl/model";
import { parseQwen2VlConfig, type Qwen2VlConfig } from "./qwen2Vl/config";
import { axisPositions, patchFeeds, patchLoad } from "./qwen2Vl/feeds";
import { qwen2VlNetwork, qwen2VlShapes } from "./qwen2Vl/model";
import { loadQwen2VlProcessor, type PreparedPatches } from "./qwen2Vl/processor";
import * as qwen2Vl from "./qwen2Vl/text";
import { type JsonObject, readJsonFile } from "./util/jsonFile";

export type ArchitectureName = "llava-onevision" | "qwen2-vl" | "qwen2.5-vl";

/** What config.json says, by architecture. */
export type ModelConfig = LlavaOnevisionConfig | Qwen2VlConfig | Qwen25VlConfig;

/** Widths of a stack of transformer layers. */
export interface StackSize {
  layers: number;
  width: number;
  mlpWidth: number;
  heads: number;
}

/** What hosts need to know of any architecture. */
export interface ModelFacts {
  decoder: DecoderConfig;
  /** The token that stands for one image row. */
  imageTokenId: number;
  tower: StackSize;
  numParameters: number;
}

export interface ModelDescription {
  architecture: ArchitectureName;
  /** config.json, parsed. */
  config: ModelConfig;
  folder: string;
  facts: ModelFacts;
  /** Module paths of the decoder and of the output head. */
  paths: VisionLanguageNetwork["paths"];
  generation: GenerationConfig;
  /** Every parameter and where it lies; with an adapter, parameters that it replaces are the adapter's. */
  parameters: ParameterTable;
  /** What an adapter for this model is checked against. */
  base: AdapterBase;
  /** The adapter the description was loaded with. */
  adapter: StoredAdapter | null;
  programs: ModelPrograms;
  /** Opens tokenizer, chat template and image processor, checked against the configuration. */
  loadProcessor: (options?: ProcessorOptions) => Promise<Processor>;
  /** Pictures that this model's processor prepared, on their way to the tower. */
  tower: TowerInputs<PreparedImages>;
  /** The name under which transformers saves a parameter. */
  savedName: (path: string) => string;
}

/** The graphs of one model; see programs/ for inputs and outputs. Building one takes milliseconds and reads no weights. */
export interface ModelPrograms {
  visionEncoder: (options?: WeightOptions) => Program;
  decoder: (options: DecoderOptions) => Program;
  logProbs: (options: LogProbsOptions) => Program;
  training: (options: TrainingOptions) => Program;
}

export interface ProcessorOptions {
  /** How LLaVA-OneVision takes several pictures of one prompt. */
  severalImages?: SeveralImages;
}

export interface TowerInputs<I extends PreparedImages> {
  /** The tower's inputs for the pictures of several prompts, one after another. */
  feeds(prompts: readonly I[]): TowerFeeds;
  load(images: I): TowerLoad;
  /** Where tokens stand on three axes, for pictures given one by one; missing when positions count tokens. */
  positions?(inputIds: Int32Array, images: readonly I[]): AxisPositions;
}

/** What each architecture brings. */
interface Architecture<C extends ModelConfig, I extends PreparedImages> {
  name: ArchitectureName;
  parse: (json: JsonObject) => C;
  open: (config: C) => {
    network: VisionLanguageNetwork;
    shapes: ParameterShapes;
    facts: Omit<ModelFacts, "numParameters">;
    tower: TowerInputs<I>;
  };
  tensorNames: NameMap;
  savedName: (path: string) => string;
  loadProcessor: (folder: string, config: C, options: ProcessorOptions) => Promise<Processor>;
}

/** An architecture behind a common face: nothing outside needs the types of its own. */
type AnyArchitecture = Architecture<ModelConfig, PreparedImages>;

/** The processor of an architecture prepares what its tower takes, and parsing gives what it opens. */
function architecture<C extends ModelConfig, I extends PreparedImages>(own: Architecture<C, I>): AnyArchitecture {
  return own as unknown as AnyArchitecture;
}

const qwenFiles = {
  tensorNames: qwen2Vl.tensorNames,
  savedName: qwen2Vl.savedName,
  loadProcessor: (folder: string, { vision, text, imageTokenId }: Qwen2VlConfig) =>
    loadQwen2VlProcessor(folder, { ...vision, imageTokenId, vocabSize: text.vocabSize }),
};

/** By `model_type` of config.json. */
const architectures: Readonly<Record<string, AnyArchitecture>> = {
  llava_onevision: architecture<LlavaOnevisionConfig, PreparedViews>({
    name: "llava-onevision",
    parse: (json) => parseLlavaOnevisionConfig(json),
    open: (config) => {
      const patches = patchesPerSide(config.vision) ** 2;
      return {
        network: llavaOnevisionNetwork(config),
        shapes: llavaOnevision.parameterShapes(config),
        facts: { decoder: config.text, imageTokenId: config.imageTokenId, tower: config.vision },
        tower: {
          feeds: (prompts) => viewFeeds(prompts, patches),
          load: ({ pixelShape }) => ({ sequences: pixelShape[0], tokens: patches }),
        },
      };
    },
    tensorNames: llavaOnevision.tensorNames,
    savedName: llavaOnevision.savedName,
    loadProcessor: (folder, model, options) => loadLlavaOnevisionProcessor(folder, { ...options, model }),
  }),
  qwen2_vl: architecture<Qwen2VlConfig, PreparedPatches>({
    name: "qwen2-vl",
    parse: (json) => parseQwen2VlConfig(json),
    open: (config) => ({
      network: qwen2VlNetwork(config),
      shapes: qwen2VlShapes(config),
      facts: { decoder: config.text, imageTokenId: config.imageTokenId, tower: config.vision },
      tower: patchTower(config, (prompts) => patchFeeds(prompts, config.vision)),
    }),
    ...qwenFiles,
  }),
  qwen2_5_vl: architecture<Qwen25VlConfig, PreparedPatches>({
    name: "qwen2.5-vl",
    parse: (json) => parseQwen25VlConfig(json),
    open: (config) => ({
      network: qwen25VlNetwork(config),
      shapes: qwen25VlShapes(config),
      facts: { decoder: config.text, imageTokenId: config.imageTokenId, tower: config.vision },
      tower: patchTower(config, (prompts) => windowFeeds(prompts, config.vision)),
    }),
    ...qwenFiles,
  }),
};

/** What pictures of any size mean for hosts, the same in both models of the family. */
function patchTower(
  { vision, imageTokenId }: Qwen2VlConfig,
  feeds: (prompts: readonly PreparedPatches[]) => TowerFeeds,
): TowerInputs<PreparedPatches> {
  return {
    feeds,
    load: patchLoad,
    positions: (inputIds, images) => axisPositions(inputIds, imageTokenId, images, vision.mergeSize),
  };
}

/**
 * Opens a checkpoint folder in Hugging Face's layout.
 *
 * @param options.adapter a PEFT adapter's folder
 * @throws ModelFileError for anything missing, damaged, hostile or unsupported
 */
export async function loadModelDescription(
  folder: string,
  options: { adapter?: string } = {},
): Promise<ModelDescription> {
  const json = await readJsonFile(folder, "config.json");
  if (json === undefined) {
    throw new ModelFileError("model/missing-config", `${folder} has no config.json.`, {
      where: folder,
      hint: "Point at the folder of a checkpoint in Hugging Face's layout.",
    });
  }
  const architecture = architectureOf(json);
  const config = architecture.parse(json);
  const checkpoint = await openSafetensors(folder);
  if (config.text.tied && (await hasHeadOfItsOwn(checkpoint, architecture.tensorNames))) config.text.tied = false;
  const { network, shapes, facts, tower } = architecture.open(config);
  const table = locateParameters(shapes, checkpoint, architecture.tensorNames);
  const base: AdapterBase = {
    shapes,
    linearModules: linearModulesOf(shapes, network.paths.head),
    nameRules: architecture.tensorNames.rules,
  };
  const adapter = options.adapter === undefined ? null : await readAdapter(options.adapter, base);
  const parameters = adapter === null ? table : new Map([...table, ...adapter.replaced]);
  const reader = new ConfigReader(json, "config.json");
  // Public Qwen files have the text keys at the top.
  const text = reader.has("text_config") ? reader.object("text_config") : reader;
  return {
    architecture: architecture.name,
    config,
    folder,
    facts: { ...facts, numParameters: countElements(shapes) },
    paths: network.paths,
    generation: await readGenerationConfig(folder, text, facts.decoder.vocabSize),
    parameters,
    base,
    adapter,
    programs: {
      visionEncoder: (weights) => visionEncoderProgram(network, parameters, weights),
      decoder: (decoder) => decoderProgram(network, parameters, decoder),
      logProbs: (logProbs) => logProbsProgram(network, parameters, logProbs),
      training: (training) => trainingProgram(network, parameters, training),
    },
    loadProcessor: (processor = {}) => architecture.loadProcessor(folder, config, processor),
    tower,
    savedName: architecture.savedName,
  };
}

function architectureOf(json: JsonObject): AnyArchitecture {
  const type = new ConfigReader(json, "config.json").string("model_type");
  const architecture = Object.hasOwn(architectures, type) ? architectures[type] : undefined;
  if (architecture !== undefined) return architecture;
  const known = Object.keys(architectures).join(", ");
  throw new ModelFileError(
    "model/architecture",
    `The model type "${type.slice(0, 60)}" is not supported, expected ${known}.`,
    {
      where: "config.json",
      hint: "Use a checkpoint of one of these in Hugging Face's layout.",
    },
  );
}

/**
 * Does a checkpoint whose configuration says "tied" hold a head that differs from the embedding? Then the tensors are right and the
 * configuration is not, as transformers decides too.
 */
async function hasHeadOfItsOwn(checkpoint: Checkpoint, { rules }: NameMap): Promise<boolean> {
  const find = (path: string) => [...checkpoint.tensors.keys()].find((name) => parameterPath(name, rules) === path);
  const [head, embedding] = [find("lm_head.weight"), find("model.language_model.embed_tokens.weight")];
  return head !== undefined && embedding !== undefined && !(await sameTensor(checkpoint, head, embedding));
}

function countElements(shapes: ParameterShapes): number {
  let count = 0;
  for (const shape of shapes.values()) count += shape.reduce((product, extent) => product * extent, 1);
  return count;
}
