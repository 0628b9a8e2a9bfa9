/**
 * The one door of this library: opens a checkpoint folder, finds out its architecture and hands out its facts, its parameters and
 * its programs. It reads configurations and headers, never weights, and runs nothing.
 */
import { type AdapterBase, linearModulesOf, readAdapter, type StoredAdapter } from "./adapters/adapter";
import {
  type AnyArchitecture,
  type AnyModelConfig,
  hidden,
  type ProcessorOptions,
  type StackSize,
  type TowerInputs,
} from "./architecture";
import { ConfigReader } from "./checkpoint/configReader";
import { type GenerationConfig, readGenerationConfig } from "./checkpoint/generationConfig";
import { packedMethod, unroundedHint } from "./checkpoint/packedWeights";
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
import { llava } from "./llava/architecture";
import { llavaNext } from "./llavaNext/architecture";
import { llavaOnevision } from "./llavaOnevision/architecture";
import type { DecoderConfig } from "./nn/decoderConfig";
import type { PreparedImages, Processor } from "./processor";
import {
  type DecoderOptions,
  decoderProgram,
  type LogProbsOptions,
  logProbsProgram,
  visionEncoderProgram,
} from "./programs/inference";
import type { Program, VisionLanguageNetwork, WeightOptions } from "./programs/program";
import { type TrainingOptions, trainingProgram } from "./programs/training";
import { qwen25Vl } from "./qwen25Vl/architecture";
import { qwen2Vl } from "./qwen2Vl/architecture";
import { type JsonObject, readJsonFile } from "./util/jsonFile";
import { numElements } from "./graph/dims";

/** All architectures; a new one is a folder and a line here. */
const architectures = [
  hidden(llavaOnevision),
  hidden(llava),
  hidden(llavaNext),
  hidden(qwen2Vl),
  hidden(qwen25Vl),
] as const;

export type ArchitectureName = (typeof architectures)[number]["name"];

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
  /** config.json, parsed; with the architecture's own fields. */
  config: AnyModelConfig;
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
  /** The same base with another PEFT adapter's folder, or with none; the base's files are not looked at again. */
  withAdapter: (folder: string | null) => Promise<ModelDescription>;
}

/** The graphs of one model; see programs/ for inputs and outputs. Building one takes milliseconds and reads no weights. */
export interface ModelPrograms {
  visionEncoder: (options?: WeightOptions) => Program;
  decoder: (options: DecoderOptions) => Program;
  logProbs: (options: LogProbsOptions) => Program;
  training: (options: TrainingOptions) => Program;
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
  const { network, shapes, tower } = architecture.open(config);
  const table = locateParameters(shapes, checkpoint, architecture.tensorNames);
  const base: AdapterBase = {
    shapes,
    linearModules: linearModulesOf(shapes, network.paths.head),
    nameRules: architecture.tensorNames.rules,
  };
  const reader = new ConfigReader(json, "config.json");
  // Public Qwen files have the text keys at the top.
  const text = reader.has("text_config") ? reader.object("text_config") : reader;
  const generation = await readGenerationConfig(folder, text, config.text.vocabSize);
  const withAdapter = async (adapterFolder: string | null): Promise<ModelDescription> => {
    const adapter = adapterFolder === null ? null : await readAdapter(adapterFolder, base);
    const parameters = adapter === null ? table : replaceParameters(table, adapter.replaced);
    return {
      architecture: architecture.name,
      config,
      folder,
      facts: {
        ...{ decoder: config.text, tower: config.vision, imageTokenId: config.imageTokenId },
        numParameters: countElements(shapes),
      },
      paths: network.paths,
      generation,
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
      withAdapter,
    };
  };
  return withAdapter(options.adapter ?? null);
}

/** A parameter that an adapter saves in full keeps the base's tensor name, under which a merged checkpoint has it. */
function replaceParameters(table: ParameterTable, replaced: ParameterTable): ParameterTable {
  const named = [...replaced].map(([path, stored]) => [path, { ...stored, name: table.get(path)!.name }] as const);
  return new Map([...table, ...named]);
}

/** Every parameter that a config.json asks for, with the name under which it is saved; no checkpoint is needed. */
export interface DescribedParameters {
  shapes: ParameterShapes;
  savedName: (path: string) => string;
  paths: VisionLanguageNetwork["paths"];
  linearModules: readonly string[];
  /** Is the embedding the output head as well? */
  tied: boolean;
}

export function describeParameters(json: JsonObject): DescribedParameters {
  const architecture = architectureOf(json);
  const config = architecture.parse(json);
  const { network, shapes } = architecture.open(config);
  const { paths } = network;
  return {
    ...{ shapes, savedName: architecture.savedName, paths, tied: config.text.tied },
    linearModules: linearModulesOf(shapes, paths.head),
  };
}

function architectureOf(json: JsonObject): AnyArchitecture<ArchitectureName> {
  const reader = new ConfigReader(json, "config.json");
  const type = reader.string("model_type");
  const architecture = architectures.find(({ modelType }) => modelType === type);
  if (architecture !== undefined) {
    refuseForeignRounding(reader);
    return architecture;
  }
  const known = architectures.map(({ modelType }) => modelType).join(", ");
  throw new ModelFileError(
    "model/architecture",
    `The model type "${type.slice(0, 60)}" is not supported, expected ${known}.`,
    {
      where: "config.json",
      hint: "Use a checkpoint of one of these in Hugging Face's layout.",
    },
  );
}

/** Weights that another program rounded (AWQ, GPTQ, bitsandbytes) are tensors of other names and types, which would only seem to be missing. */
function refuseForeignRounding(config: ConfigReader): void {
  if (!config.has("quantization_config")) return;
  const rounding = config.object("quantization_config");
  const method = rounding.raw("quant_method");
  if (method === packedMethod) return;
  rounding.fail("quant_method", `"${packedMethod}", or weights that are not rounded`, method, unroundedHint);
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
  for (const shape of shapes.values()) count += numElements(shape);
  return count;
}
