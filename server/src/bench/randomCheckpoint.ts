/** Checkpoints of any shape with random weights: for timing and for comparing programs with each other, never for answers. */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeShardedSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import type { JsonObject } from "@iad-r1/models/util/jsonFile";
import { createRandom } from "@iad-r1/models/util/random";
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
 * Writes a checkpoint of a real shape.
 *
 * @param processor folder with the tokenizer, chat template and image settings of the model; its files are copied
 */
export async function writeRealShape(folder: string, shape: RealShape, processor: string, seed: number): Promise<void> {
  await writeRandomWeights(folder, shape.config, shape.dtype, seed);
  for (const name of await readdir(processor)) {
    if (/^(?:tokenizer|vocab|merges|added_tokens|chat_template|special_tokens|preprocessor|processor)/.test(name)) {
      await copyFile(join(processor, name), join(folder, name));
    }
  }
}

/**
 * Writes config.json and the weights it asks for. They are uniform with the variance that keeps activations in range, gains are 1 and
 * biases small.
 */
async function writeRandomWeights(
  folder: string,
  config: JsonObject,
  dtype: "float32" | "float16" | "bfloat16",
  seed: number,
): Promise<void> {
  const random = createRandom("random-checkpoint", seed);
  const { shapes, savedName } = describeParameters(config);
  // Large tensors repeat a pool of numbers from places of their own: drawing billions would take minutes.
  const pool = Float32Array.from({ length: poolSize }, () => random.uniform(-1, 1));
  const tensors = [...shapes].map(([path, shape]) => ({
    ...{ name: savedName(path), dtype, shape },
    data: () => {
      const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
      const isGain = shape.length === 1 && path.endsWith("weight");
      const bound = shape.length === 1 ? 0.02 : Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b, 1));
      const from = random.int(poolSize);
      for (let i = 0; i < values.length; i++) values[i] = (isGain ? 1 : 0) + bound * pool[(from + i) % poolSize]!;
      return values;
    },
  }));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  await writeShardedSafetensors(folder, tensors);
}

/** A prime, so that rows of a matrix begin at different places of the pool. */
const poolSize = 4_999_999;

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
