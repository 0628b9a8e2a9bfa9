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
import { llavaOnevisionNetwork } from "./llavaOnevision/model";
import {
  type LlavaOnevisionProcessor,
  loadLlavaOnevisionProcessor,
  type SeveralImages,
} from "./llavaOnevision/processor";
import { parameterShapes, savedName, tensorNames } from "./llavaOnevision/weights";
import type { DecoderConfig } from "./nn/decoderConfig";
import { patchesPerSide } from "./nn/visionTransformer";
import {
  type DecoderOptions,
  decoderProgram,
  type LogProbsOptions,
  logProbsProgram,
  visionEncoderProgram,
} from "./programs/inference";
import type { Program, VisionLanguageNetwork, WeightOptions } from "./programs/program";
import { type TrainingOptions, trainingProgram } from "./programs/training";
import { type JsonObject, readJsonFile } from "./util/jsonFile";

export type ArchitectureName = "llava-onevision";

/** What hosts need to know of any architecture. */
export interface ModelFacts {
  decoder: DecoderConfig;
  /** The token that stands for one image row. */
  imageTokenId: number;
  /** Side of a crop in pixels, and how many patches a crop has. */
  imageSize: number;
  patchesPerCrop: number;
  numParameters: number;
}

export interface ModelDescription {
  architecture: ArchitectureName;
  /** config.json, parsed. */
  config: LlavaOnevisionConfig;
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
  loadProcessor: (options?: { severalImages?: SeveralImages }) => Promise<LlavaOnevisionProcessor>;
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

/** What each architecture brings. */
interface Architecture {
  name: ArchitectureName;
  parse: (json: JsonObject) => LlavaOnevisionConfig;
  open: (config: LlavaOnevisionConfig) => {
    network: VisionLanguageNetwork;
    shapes: ParameterShapes;
    facts: Omit<ModelFacts, "numParameters">;
  };
  tensorNames: NameMap;
  savedName: (path: string) => string;
}

/** By `model_type` of config.json. */
const architectures: Readonly<Record<string, Architecture>> = {
  llava_onevision: {
    name: "llava-onevision",
    parse: (json) => parseLlavaOnevisionConfig(json),
    open: (config) => {
      const facts = {
        decoder: config.text,
        imageTokenId: config.imageTokenId,
        imageSize: config.vision.imageSize,
        patchesPerCrop: patchesPerSide(config.vision) ** 2,
      };
      return { network: llavaOnevisionNetwork(config), shapes: parameterShapes(config), facts };
    },
    tensorNames,
    savedName,
  },
};

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
  const { network, shapes, facts } = architecture.open(config);
  const table = locateParameters(shapes, checkpoint, architecture.tensorNames);
  const base: AdapterBase = {
    shapes,
    linearModules: linearModulesOf(shapes, network.paths.head),
    nameRules: architecture.tensorNames.rules,
  };
  const adapter = options.adapter === undefined ? null : await readAdapter(options.adapter, base);
  const parameters = adapter === null ? table : new Map([...table, ...adapter.replaced]);
  const text = new ConfigReader(json, "config.json").object("text_config", true);
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
    loadProcessor: (processor) => loadLlavaOnevisionProcessor(folder, { ...processor, model: config }),
    savedName: architecture.savedName,
  };
}

function architectureOf(json: JsonObject): Architecture {
  const type = new ConfigReader(json, "config.json").string("model_type");
  const architecture = Object.hasOwn(architectures, type) ? architectures[type] : undefined;
  if (architecture !== undefined) return architecture;
  const known = Object.keys(architectures).join(", ");
  throw new ModelFileError(
    "model/architecture",
    `The model type "${type.slice(0, 60)}" is not supported, expected ${known}.`,
    {
      where: "config.json",
      hint: "Use a LLaVA-OneVision checkpoint in Hugging Face's layout.",
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
