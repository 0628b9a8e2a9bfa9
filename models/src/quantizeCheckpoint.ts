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
import { packedMethod } from "./checkpoint/packedWeights";
import { isPacked, type ParameterShapes } from "./checkpoint/parameterTable";
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
  refuseRounded(model);
  const steps = planSteps(model, rounding);
  await mkdir(folder, { recursive: true });
  const metadata = { quantized: `${rounding.bits} bits, blocks of ${rounding.blockSize}` };
  await writeQuantized(join(folder, "model.safetensors"), source, steps, metadata, options);
  await copyCompanionFiles(model.folder, folder, ["config.json"]);
  const head = model.savedName(`${model.paths.head}.weight`);
  const staysTied = model.facts.decoder.tied && !steps.some(({ name }) => name === head);
  const config = smallConfig((await readJsonFile(model.folder, "config.json"))!, rounding, staysTied);
  await writeFileAtomically(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  const written = await openSafetensors(folder);
  return {
    rounded: steps.filter((step) => step.rounding !== null).length,
    copied: steps.filter((step) => step.rounding === null).length,
    sourceBytes: sum([...model.parameters.values()].map(({ length }) => length)),
    bytes: sum([...written.tensors.values()].map(({ length }) => length)),
  };
}

/** @throws ConfigError `quantize/source` for a checkpoint that is small already */
export function refuseRounded({ folder, parameters }: ModelDescription): void {
  if (!isPacked(parameters)) return;
  throw new ConfigError("quantize/source", `${folder} holds rounded weights already.`, {
    where: folder,
    hint: "Quantise the checkpoint that it was made from.",
  });
}

/** The head is worth more bits than the rest: its rounding errors reach the logits directly. */
const headBits = 8;
const headRounding: Rounding = { bits: headBits, blockSize: usualBlockSize[headBits] };

/** What of a network is rounded, and how; its files are not needed for that. */
export interface RoundedNetwork {
  shapes: ParameterShapes;
  linearModules: readonly string[];
  paths: { decoder: string; head: string };
  tied: boolean;
}

/** The rounding of each parameter that has one. A tied head, a matrix of its own here, is among them under its own path. */
export function roundedParameters(
  { shapes, linearModules, paths: { decoder, head }, tied }: RoundedNetwork,
  rounding: Rounding,
): Map<string, Rounding> {
  const inDecoder = new Set(linearModules.filter((module) => module.startsWith(`${decoder}.`)));
  const chosen = new Map<string, Rounding>();
  const choose = (path: string, width: number, wanted: Rounding) => {
    const possible = roundingOf(width, wanted);
    if (possible !== null) chosen.set(path, possible);
  };
  for (const [path, shape] of shapes) {
    if (path === `${head}.weight`) choose(path, shape[1]!, headRounding);
    else if (path.endsWith(".weight") && inDecoder.has(path.slice(0, -".weight".length))) {
      choose(path, shape[1]!, rounding);
    }
  }
  // The embedding is looked up row by row and stays as it is; as the head it is a matrix of its own.
  if (tied) choose(`${head}.weight`, shapes.get(embeddingPath(decoder))![1]!, headRounding);
  return chosen;
}

function embeddingPath(decoder: string): string {
  return `${decoder}.embed_tokens.weight`;
}

function planSteps(
  { base, facts, parameters, paths, savedName }: ModelDescription,
  rounding: Rounding,
): QuantizeStep[] {
  const { shapes, linearModules } = base;
  const chosen = roundedParameters({ shapes, linearModules, paths, tied: facts.decoder.tied }, rounding);
  const steps: QuantizeStep[] = [...parameters].map(([path, { name }]) => {
    return { source: name, name, rounding: chosen.get(path) ?? null };
  });
  const head = `${paths.head}.weight`;
  if (!parameters.has(head) && chosen.has(head)) {
    const { name } = parameters.get(embeddingPath(paths.decoder))!;
    steps.push({ source: name, name: savedName(head), rounding: chosen.get(head)! });
  }
  return steps;
}

/**
 * config.json that says what was done.
 *
 * @param staysTied whether the head is still the embedding, as its rows cannot be rounded; else it has weights of its own now
 */
export function smallConfig(config: JsonObject, { bits, blockSize }: Rounding, staysTied = false): JsonObject {
  const untied = staysTied ? {} : { tie_word_embeddings: false };
  return {
    ...config,
    ...untied,
    ...(isJsonObject(config.text_config) && { text_config: { ...config.text_config, ...untied } }),
    quantization_config: { quant_method: packedMethod, bits, block_size: blockSize, head_bits: headBits },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
