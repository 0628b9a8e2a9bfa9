/** Checkpoints of any shape with random weights: for timing and for comparing programs with each other, never for answers. */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { float32ToBfloat16, float32ToFloat16 } from "@iad-r1/models/checkpoint/halfFloats";
import { packedSuffixes } from "@iad-r1/models/checkpoint/packedWeights";
import { packedShapes, type Rounding } from "@iad-r1/models/checkpoint/quantize";
import type { StoredArray } from "@iad-r1/models/checkpoint/safetensors";
import { type TensorToWrite, writeShardedSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { roundedParameters, smallConfig } from "@iad-r1/models/quantizeCheckpoint";
import type { JsonObject } from "@iad-r1/models/util/jsonFile";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom, type Random } from "@iad-r1/models/util/random";
import { describeParameters } from "@iad-r1/models/zoo";
import type { RealShape } from "./realShapes";

/** Widths of the decoder; the rest of the configuration is small and fixed. */
export interface DecoderSize {
  layers: number;
  width: number;
  mlpWidth: number;
  heads: number;
  kvHeads: number;
  vocabSize: number;
}

/** Writes a LLaVA-OneVision with a one-layer tower into `folder`. */
export async function writeRandomCheckpoint(
  folder: string,
  size: DecoderSize,
  seed: number,
  dtype: "float32" | "float16" = "float32",
): Promise<void> {
  await writeRandomWeights(folder, { ...configOf(size), dtype }, dtype, seed);
}

/**
 * Writes a checkpoint of a real shape, or its small form at once: the matrices of a 7B are never there in half precision then.
 *
 * @param processor folder with the tokenizer, chat template and image settings of the model; its files are copied
 */
export async function writeRealShape(
  folder: string,
  { config, dtype }: RealShape,
  { processor, seed, rounding = null }: { processor: string; seed: number; rounding?: Rounding | null },
): Promise<void> {
  await writeRandomWeights(folder, config, dtype, seed, rounding);
  for (const name of await readdir(processor)) {
    if (/^(?:tokenizer|vocab|merges|added_tokens|chat_template|special_tokens|preprocessor|processor)/.test(name)) {
      await copyFile(join(processor, name), join(folder, name));
    }
  }
}

type Dtype = "float32" | "float16" | "bfloat16";

/**
 * Writes config.json and the weights it asks for. They are uniform with the variance that keeps activations in range, gains are 1 and
 * biases small; rounded matrices have the same variance and no mean.
 */
async function writeRandomWeights(
  folder: string,
  config: JsonObject,
  dtype: Dtype,
  seed: number,
  rounding: Rounding | null = null,
): Promise<void> {
  const random = createRandom("random-checkpoint", seed);
  const described = describeParameters(config);
  const rounded = rounding === null ? new Map<string, Rounding>() : roundedParameters(described, rounding);
  const pool = new Pool(random);
  const { shapes, paths, savedName } = described;
  const head = `${paths.head}.weight`;
  const withHead = new Map(shapes);
  // The head of a small checkpoint is a matrix of its own.
  if (rounded.has(head) && !shapes.has(head)) {
    withHead.set(head, shapes.get(`${paths.decoder}.embed_tokens.weight`)!);
  }
  const tensors = [...withHead].flatMap(([path, shape]): TensorToWrite[] => {
    const name = savedName(path);
    const how = rounded.get(path);
    const bound = shape.length === 1 ? 0.02 : Math.sqrt(3 / numElements(shape.slice(1)));
    if (how !== undefined) return packedTensors(pool, name, shape, how, bound);
    const gain = shape.length === 1 && path.endsWith("weight") ? 1 : 0;
    return [{ ...{ name, dtype, shape }, data: () => pool.numbers(numElements(shape), gain, bound, dtype) }];
  });
  await mkdir(folder, { recursive: true });
  const written = rounding === null ? config : smallConfig(config, rounding);
  await writeShardedSafetensors(folder, tensors);
  await writeFile(join(folder, "config.json"), `${JSON.stringify(written, null, 2)}\n`);
}

/** A matrix whose integers are drawn evenly; zero points on both sides of their middle in turns leave no mean. */
function packedTensors(
  pool: Pool,
  name: string,
  shape: readonly number[],
  rounding: Rounding,
  bound: number,
): TensorToWrite[] {
  const { values, scales, zeroPoints } = packedShapes(shape, rounding);
  const levels = 2 ** rounding.bits;
  const step = (2 * bound) / levels;
  const below = levels / 2 - 1;
  const middles = rounding.bits === 8 ? [below, below + 1] : [below | ((below + 1) << 4)];
  const zeros = () => repeat(new Uint8Array(numElements(zeroPoints)), Uint8Array.from(middles));
  const tensor = (suffix: string, dtype: "uint8" | "float32", dims: number[], data: () => StoredArray) => {
    return { name: name + suffix, dtype, shape: dims, data };
  };
  return [
    tensor(packedSuffixes.values, "uint8", values, () => pool.bytes(numElements(values))),
    tensor(packedSuffixes.scales, "float32", scales, () => new Float32Array(numElements(scales)).fill(step)),
    tensor(packedSuffixes.zeroPoints, "uint8", zeroPoints, zeros),
  ];
}

/** Random numbers that tensors repeat, each from a place of its own: drawing billions, or only scaling them, would take minutes. */
class Pool {
  private readonly drawn: Float32Array;
  private readonly drawnBytes: Uint8Array;

  constructor(private readonly random: Random) {
    this.drawn = Float32Array.from({ length: poolSize }, () => random.uniform(-1, 1));
    this.drawnBytes = Uint8Array.from(this.drawn, (value) => 128 * (value + 1));
  }

  /** `count` numbers around `middle`, as they are stored. */
  numbers(count: number, middle: number, bound: number, dtype: Dtype): StoredArray {
    const period = this.from(this.random.int(poolSize), count, this.drawn).map((value) => middle + bound * value);
    if (dtype === "float32") return repeat(new Float32Array(count), period);
    return repeat(new Uint16Array(count), dtype === "float16" ? float32ToFloat16(period) : float32ToBfloat16(period));
  }

  bytes(count: number): Uint8Array {
    return repeat(new Uint8Array(count), this.from(this.random.int(poolSize), count, this.drawnBytes));
  }

  /** The pool turned to begin at `start`, no longer than needed. */
  private from<T extends Float32Array | Uint8Array>(start: number, count: number, drawn: T): T {
    const turned = drawn.slice() as T;
    turned.set(drawn.subarray(start));
    turned.set(drawn.subarray(0, start), poolSize - start);
    return turned.subarray(0, count) as T;
  }
}

function repeat<T extends Float32Array | Uint16Array | Uint8Array>(all: T, period: T): T {
  all.set(period);
  for (let filled = period.length; filled < all.length; filled *= 2) all.copyWithin(filled, 0, filled);
  return all;
}

/** A prime, so that rows of a matrix begin at different places of the pool. */
const poolSize = 262_139;

function configOf({ layers, width, mlpWidth, heads, kvHeads, vocabSize }: DecoderSize) {
  return {
    architectures: ["LlavaOnevisionForConditionalGeneration"],
    model_type: "llava_onevision",
    dtype: "float32",
    image_grid_pinpoints: [[28, 28]],
    image_token_index: vocabSize - 1,
    video_token_index: vocabSize - 2,
    projector_hidden_act: "gelu",
    vision_aspect_ratio: "anyres_max_9",
    vision_feature_layer: -1,
    vision_feature_select_strategy: "full",
    tie_word_embeddings: true,
    text_config: {
      model_type: "qwen2",
      hidden_act: "silu",
      hidden_size: width,
      intermediate_size: mlpWidth,
      max_position_embeddings: 4096,
      num_attention_heads: heads,
      num_hidden_layers: layers,
      num_key_value_heads: kvHeads,
      rms_norm_eps: 1e-6,
      rope_parameters: { rope_theta: 10000, rope_type: "default" },
      tie_word_embeddings: true,
      vocab_size: vocabSize,
    },
    vision_config: {
      model_type: "siglip_vision_model",
      hidden_act: "gelu_pytorch_tanh",
      hidden_size: 32,
      image_size: 28,
      intermediate_size: 64,
      num_attention_heads: 2,
      num_channels: 3,
      num_hidden_layers: 1,
      patch_size: 14,
      vision_use_head: false,
    },
  };
}
