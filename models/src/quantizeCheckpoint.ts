/**
 * A small checkpoint made from any other: the matrices of the decoder in 4 or 8 bits, the output head in 8, everything else as it
 * is. The result is a folder like any checkpoint's, so it is opened, asked and trained (adapters only) in the same way.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "./checkpoint/atomicFile";
import { copyCompanionFiles } from "./checkpoint/companionFiles";
import {
  type QuantizeOptions,
  type QuantizeStep,
  type Rounding,
  roundingOf,
  usualBlockSize,
  writeQuantized,
} from "./checkpoint/quantize";
import { openSafetensors } from "./checkpoint/safetensors";
import { ConfigError } from "./errors";
import { isJsonObject, type JsonObject, readJsonFile } from "./util/jsonFile";
import type { ModelDescription } from "./zoo";

export interface QuantizeReport {
  /** Matrices that were rounded, and tensors that were copied. */
  rounded: number;
  copied: number;
  /** Of the weights, before and after. */
  sourceBytes: number;
  bytes: number;
}

/**
 * @param model a checkpoint without an adapter
 * @param folder where to write; config.json is written last, so the folder is complete once it has one
 * @throws ConfigError `quantize/source` for a checkpoint that is small already
 * @throws CheckpointError, ResourceError `disk/full`, CancelledError
 */
export async function quantizeCheckpoint(
  model: ModelDescription,
  folder: string,
  rounding: Rounding,
  options: QuantizeOptions = {},
): Promise<QuantizeReport> {
  const source = await openSafetensors(model.folder);
  const steps = planSteps(model, rounding);
  if ([...model.parameters.values()].some(({ packed }) => packed !== undefined)) {
    throw new ConfigError("quantize/source", `${model.folder} holds rounded weights already.`, {
      where: model.folder,
      hint: "Quantise the checkpoint that it was made from.",
    });
  }
  await mkdir(folder, { recursive: true });
  const metadata = { quantized: `${rounding.bits} bits, blocks of ${rounding.blockSize}` };
  await writeQuantized(join(folder, "model.safetensors"), source, steps, metadata, options);
  await copyCompanionFiles(model.folder, folder, ["config.json"]);
  const config = await smallConfig(model, rounding);
  await writeFileAtomically(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  const written = await openSafetensors(folder);
  return {
    rounded: steps.filter((step) => step.rounding !== null).length,
    copied: steps.filter((step) => step.rounding === null).length,
    sourceBytes: sum([...model.parameters.values()].map(({ length }) => length)),
    bytes: sum([...written.tensors.values()].map(({ length }) => length)),
  };
}

/** The head is worth more bits than the rest: its rounding errors reach the logits directly. */
const headBits = 8;
const headRounding: Rounding = { bits: headBits, blockSize: usualBlockSize[headBits] };

function planSteps(model: ModelDescription, rounding: Rounding): QuantizeStep[] {
  const { decoder, head } = model.paths;
  const inDecoder = new Set(model.base.linearModules.filter((module) => module.startsWith(`${decoder}.`)));
  const steps: QuantizeStep[] = [];
  for (const [path, { name, shape }] of model.parameters) {
    const module = path.replace(/\.weight$/, "");
    const width = shape.at(-1)!;
    let chosen: Rounding | null = null;
    if (path.endsWith(".weight") && inDecoder.has(module)) chosen = roundingOf(width, rounding);
    else if (path === `${head}.weight`) chosen = roundingOf(width, headRounding);
    steps.push({ source: name, name, rounding: chosen });
  }
  if (model.facts.decoder.tied) {
    // The embedding is looked up row by row and stays as it is; as the head it is a matrix of its own.
    const embedding = model.parameters.get(`${decoder}.embed_tokens.weight`)!;
    const chosen = roundingOf(embedding.shape[1]!, headRounding);
    if (chosen !== null) {
      steps.push({ source: embedding.name, name: model.savedName(`${head}.weight`), rounding: chosen });
    }
  }
  return steps;
}

/** config.json that says what was done; a head that was tied has its own weights now. */
async function smallConfig(model: ModelDescription, { bits, blockSize }: Rounding): Promise<JsonObject> {
  const config = (await readJsonFile(model.folder, "config.json"))!;
  const untied = { tie_word_embeddings: false };
  return {
    ...config,
    ...untied,
    ...(isJsonObject(config.text_config) && { text_config: { ...config.text_config, ...untied } }),
    quantization_config: { quant_method: "iad-r1", bits, block_size: blockSize, head_bits: headBits },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
