/**
 * What one inspection or one LoRA step of a model will take, before anything is read: memory from shapes, time from the number of
 * operations and from how fast this machine multiplies now.
 */
import { adapterParameters, adapterSpec } from "@iad-r1/models/adapters/adapter";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { isPacked } from "@iad-r1/models/checkpoint/parameterTable";
import { packedShapes, type Rounding, usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import { isLanguagePath } from "@iad-r1/models/nn/decoder";
import { refuseRounded, roundedParameters } from "@iad-r1/models/quantizeCheckpoint";
import { numElements } from "@iad-r1/models/graph/dims";
import type { RgbImage } from "@iad-r1/models/vision/image";
import type { ModelDescription } from "@iad-r1/models/zoo";
import { generateSample } from "../data/synth/sample";
import { inspectionPrompt } from "../generate/examples";
import {
  allPackedBytes,
  deviceWeightBytes,
  inspectionBytes,
  largestWeightBytes,
  packedWeights,
  preparedForTraining,
  processBytes,
  type WeightUse,
  weightBytes,
} from "../generate/footprint";
import { languageTargets } from "../generate/liveModel";
import { decoderOperations } from "../runtime/deviceChoice";
import type { Device } from "../runtime/devices";
import { availableBytes } from "../runtime/memory";
import { openTensorMemory } from "../runtime/tensorMemory";
import { activationBytes, trainingStateBytes } from "../train/memory";

export interface TaskSize {
  task: "inspect" | "lora-step";
  /** Where it is computed; the processor when left out. */
  device?: Device;
  /** Side of the square picture in pixels. */
  side: number;
  /** Tokens that are written, or learnt. */
  tokens: number;
}

export type MemoryParts = Record<string, number> & { total: number };

export interface TaskEstimate extends TaskSize {
  promptTokens: number;
  imageTokens: number;
  device: Device;
  /** Bytes of each part in memory of this machine; `total` is their sum. */
  memory: MemoryParts;
  /** The same in memory of the device; null for one that keeps nothing between runs, and for the processor. */
  deviceMemory: MemoryParts | null;
  availableBytes: number;
  fits: boolean;
  /** What to do when it does not fit. */
  cure: string | null;
  /** Null where the speed of this machine is not known. */
  seconds: Record<string, number> | null;
}

/**
 * How much of the speed of a plain matrix product each part reaches, fitted to `iad-r1 bench shape` in processor seconds of one core, as what
 * follows. The spread is that of the shapes and of a neighbour on the same core; docs/models.md has predicted and measured. Reading
 * with packed weights is with whole numbers. Writing one sequence reads every weight for every token, so memory sets its pace.
 */
export const reachedShare = { look: 0.8, read: 0.8, readPacked: 1.2, write: 0.06, learn: 1 } as const;
/** What a second does of other work, on a core with so many operations a second in a product; another core in proportion. */
const fittedFlops = 1.75e11;
/** Seconds to start and to read settings and headers, and for each word of the vocabulary. */
const openingSeconds = 0.25;
const wordSeconds = 8e-6;
/** Bytes of float32 that come out of half-precision files. */
const wideningSpeed = 2.5e9;
/** Bytes of packed weights that are prepared for their product, and that are read to write a token. */
const preparingSpeed = 8e8;
const packedReadSpeed = 1.3e10;
/**
 * Packed weights that are unpacked, by their bits, and those in 8 bits that a product of floats takes as they are, as ONNX Runtime has no
 * prepared form of them.
 */
const unpackingSpeed = { 4: 3.4e8, 8: 5.5e8 } as const;
const unpreparedSpeed = 3.3e8;
/** Decoder layers that are compiled with their derivatives, forward twice; packed ones without rewriting. */
const compilingSpeed = { floats: 3.5, packed: 7 } as const;
/** A step is a training of texts without evaluations between its steps. */
const learning: WeightUse = { learns: "adapter", writes: false, refers: false };
/** The adapter of the estimate: rank 8 on all linears of the decoder. */
const lora = { rank: 8, alpha: 16 };
const linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

export interface MachineSpeed {
  /** Of a plain matrix product on the device, by all threads together. */
  flopsPerSecond: number;
  /** Of these products; other work has one. Null where no processor multiplies. */
  threads: number | null;
  /** To touch a new byte of memory for the first time. */
  touchSeconds: number;
  /** From one operation to the next, however small; none on the processor. */
  startSeconds?: number | undefined;
}

/** @param speed null where it is not known */
export async function estimateTask(
  model: ModelDescription,
  size: TaskSize,
  speed: MachineSpeed | null,
): Promise<TaskEstimate> {
  const processor = await model.loadProcessor();
  const image: RgbImage = generateSample({ seed: 1, index: 0, size: size.side }).image;
  const { messages } = inspectionPrompt([{ id: "picture", load: () => Promise.resolve(image) }]);
  const prepared = processor.prepareImages([image]);
  const { inputIds } = processor.prepareInputs(messages, prepared);
  const imageTokens = prepared.tokensPerImage.reduce((sum, tokens) => sum + tokens, 0);
  const prompt = { promptTokens: inputIds.length, tower: model.tower.load(prepared) };
  const { device = "cpu" } = size;
  const needed = taskMemory(model, size, prompt);
  const { memory, deviceMemory } = divide(model, size.task, device, needed);
  const available = availableBytes();
  const fits = memory.total <= available;
  return {
    ...{ ...size, device, promptTokens: inputIds.length, imageTokens, memory, deviceMemory, fits },
    availableBytes: available,
    cure: fits ? null : cureFor(size.task, memory, available),
    seconds: speed === null ? null : taskSeconds(model, size, prompt, needed, speed),
  };
}

/**
 * A model as if it had been quantised, for its sizes: nothing of that is in a file.
 *
 * @throws ConfigError `quantize/source` for a checkpoint that is small already
 */
export function smallForm(
  model: ModelDescription,
  bits: Rounding["bits"],
  blockSize = usualBlockSize[bits],
): ModelDescription {
  refuseRounded(model);
  const rounding = { bits, blockSize };
  const { base, facts, paths } = model;
  const parameters = new Map(model.parameters);
  const { tied } = facts.decoder;
  for (const [path, how] of roundedParameters({ ...base, paths, tied }, rounding)) {
    // A tied head becomes a matrix of its own.
    const source = parameters.get(path) ?? parameters.get(`${paths.decoder}.embed_tokens.weight`)!;
    const shapes = packedShapes(source.shape, how);
    const range = ([rows, width]: readonly [number, number], bytes: number) => {
      return { file: source.file, offset: source.offset, length: rows * width * bytes };
    };
    const values = range(shapes.values, 1);
    const packed = { ...how, values, scales: range(shapes.scales, 4), zeroPoints: range(shapes.zeroPoints, 1) };
    parameters.set(path, { ...source, dtype: "float32", length: values.length, packed });
  }
  return { ...model, parameters, facts: { ...facts, decoder: { ...facts.decoder, tied: false } } };
}

/** A prompt with its picture, in tokens and in what the tower has to do. */
export interface PromptSize {
  promptTokens: number;
  tower: ReturnType<ModelDescription["tower"]["load"]>;
}

/** Bytes of each part in memory of the processor. */
export function taskMemory(
  model: ModelDescription,
  { task, tokens }: Pick<TaskSize, "task" | "tokens">,
  prompt: PromptSize,
): MemoryParts {
  if (task === "inspect") return { ...inspectionBytes(model, { rows: 1, newTokens: tokens, ...prompt }) };
  return loraStepBytes(model, { ...prompt, tokens });
}

/** The tower looks once, then a step with activations computed again layer by layer. */
function loraStepBytes(
  model: ModelDescription,
  { promptTokens, tower, tokens }: PromptSize & { tokens: number },
): MemoryParts {
  const { decoder } = model.facts;
  const { held, mapped, opening } = weightBytes(model, learning);
  const looking = inspectionBytes(model, { rows: 1, promptTokens: 1, newTokens: 0, tower });
  const config = createLoraConfig({ ...lora, targetModules: languageTargets(linears), baseModel: model.folder });
  const { layout } = adapterSpec(config, model.base);
  const trained = adapterParameters(layout, model.base.shapes).reduce((sum, { shape }) => sum + numElements(shape), 0);
  const pass = { rows: 1, tokens: promptTokens + tokens, labelled: tokens, vocabSize: decoder.vocabSize };
  const activations = activationBytes({ stack: decoder, ...pass, recompute: true });
  const { tower: towerBytes } = looking;
  return summed({
    ...{ held, mapped, opening: Math.max(0, opening - towerBytes - activations), tower: towerBytes },
    ...{ process: processBytes, adapter: trainingStateBytes(trained), activations },
  });
}

/**
 * What of the memory is the device's: for one that keeps tensors, all but the process and what is on its way there. Programs that hold
 * packed weights: reading a prompt and writing are two, a training step is one.
 */
function divide(
  model: ModelDescription,
  task: TaskSize["task"],
  device: Device,
  memory: MemoryParts,
): { memory: MemoryParts; deviceMemory: MemoryParts | null } {
  if (openTensorMemory(device).isHost) return { memory, deviceMemory: null };
  const { held, mapped, opening, process: own, total, ...work } = memory;
  const weights = deviceWeightBytes(model, task === "inspect" ? 2 : 1);
  return {
    memory: summed({ process: own!, upload: largestWeightBytes(model) }),
    deviceMemory: summed({ weights, ...(work as Record<string, number>) }),
  };
}

function summed(parts: Record<string, number>): MemoryParts {
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

function cureFor(task: TaskSize["task"], memory: MemoryParts, available: number): string {
  const weights = (memory.held ?? memory.upload ?? 0) + (memory.mapped ?? 0);
  // No picture is small enough beside weights that leave no room.
  if (weights <= available / 2) {
    return task === "inspect"
      ? "Show a smaller picture, or ask for fewer tokens."
      : "Show a smaller picture, or learn from shorter answers.";
  }
  return "Make a copy in 4 bits with `iad-r1 quantize`, which needs about an eighth, or use a smaller model.";
}

/**
 * Seconds of each part: two operations for each weight and token, those of attention, and what is done to weights whatever the tokens.
 *
 * @param memory of the same task (`taskMemory`): new memory takes time as well
 */
export function taskSeconds(
  model: ModelDescription,
  { task, tokens }: Pick<TaskSize, "task" | "tokens">,
  { promptTokens, tower }: PromptSize,
  { total, mapped, process }: MemoryParts,
  { flopsPerSecond, threads, touchSeconds, startSeconds = 0 }: MachineSpeed,
): Record<string, number> {
  const { decoder, tower: stack } = model.facts;
  const count = (test: (path: string) => boolean) =>
    [...model.base.shapes].filter(([one]) => test(one)).reduce((sum, [, shape]) => sum + numElements(shape), 0);
  const embedding = decoder.vocabSize * decoder.width;
  const layers = count((one) => one.startsWith(`${model.paths.decoder}.layers.`));
  const vision = count((one) => !isLanguagePath(model.paths, one));
  const attention = (one: { layers: number; width: number }, rows: number, keys: number) =>
    4 * one.layers * one.width * rows * keys;
  const look =
    2 * vision * tower.sequences * tower.tokens + tower.sequences * attention(stack, tower.tokens, tower.tokens);
  const width = decoder.heads * decoder.headDim;
  const through = (rows: number, keys: number) =>
    2 * layers * rows + attention({ layers: decoder.layers, width }, rows, keys);
  const at = (flops: number, share: number) => flops / (share * flopsPerSecond);
  const pace = threads === null ? 1 : flopsPerSecond / threads / fittedFlops;
  const starts = (passes: number) => passes * decoderOperations(decoder.layers) * startSeconds;
  const packed = allPackedBytes(model);
  const looking = {
    load: (openingSeconds + wordSeconds * decoder.vocabSize + widenedBytes(model) / wideningSpeed) / pace,
    memory: (total - mapped! - process!) * touchSeconds,
    look: at(look, reachedShare.look),
  };
  if (task === "inspect") {
    const read = through(promptTokens, promptTokens / 2) + 2 * embedding;
    const write = through(tokens, promptTokens + tokens / 2) + 2 * embedding * tokens;
    const writing = packed > 0 ? (packed * tokens) / packedReadSpeed / pace : at(write, reachedShare.write);
    return {
      ...looking,
      read:
        packed / preparingSpeed / pace + at(read, packed > 0 ? reachedShare.readPacked : reachedShare.read) + starts(1),
      write: writing + starts(tokens),
    };
  }
  // Forward, again forward, and back to the inputs; the head forward and back.
  const all = promptTokens + tokens;
  const compile = decoder.layers / compilingSpeed[packed > 0 ? "packed" : "floats"] / pace;
  // Deriving an operation takes about two.
  const products = at(3 * through(all, all / 2) + 4 * embedding * tokens, reachedShare.learn) + starts(4);
  if (packed === 0) return { ...looking, compile, step: products };
  // Prepared for the forward pass, where there is such a form; unpacked once for what is computed again and for the way back.
  const [four, eight] = [packedWeights(model, 4), packedWeights(model, 8)];
  const unpack = (four / unpackingSpeed[4] + eight / unpackingSpeed[8] + eight / unpreparedSpeed) / pace;
  return { ...looking, compile, prepare: preparedForTraining(model) / preparingSpeed / pace, step: unpack + products };
}

/** Half-precision weights that are widened when they are read: all, or beside packed ones those that are not the decoder's. */
function widenedBytes({ parameters, paths }: ModelDescription): number {
  const isSmall = isPacked(parameters);
  return [...parameters]
    .filter(([path, { dtype, packed }]) => {
      return dtype !== "float32" && packed === undefined && !(isSmall && path.startsWith(`${paths.decoder}.`));
    })
    .reduce((sum, [, { shape }]) => sum + 4 * numElements(shape), 0);
}
