/**
 * A folder of recorded numbers (layout: README of the vision-language fixtures): inputs, logits, losses, gradients and whole
 * trajectories of the original libraries. Reading and naming only; nothing is compared here.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Checkpoint, openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { DataError } from "@iad-r1/models/errors";
import { type JsonObject, readJsonFile } from "@iad-r1/models/util/jsonFile";

/** One parameter's recorded gradient; null where it gets none. */
export type RecordedGradients = Record<string, { shape: number[]; norm: number; first: number[] } | null>;

export interface RecordedTrajectory {
  /** Before each step. */
  loss: number[];
  grad_norm_before_clip: number[];
  loss_after_last_step: number;
  parameters_without_gradient: string[];
  final_parameter_norms?: Record<string, number>;
  final_norms?: Record<string, number>;
}

export interface RecordedCase {
  images: string[];
  prompt_text: string;
  prompt_length: number;
  completion_length: number;
  pixel_values_shape?: number[] | null;
  loss: number;
  greedy?: { ids: number[]; text: string; top1_minus_top2: number[] };
}

export interface ReferenceJson {
  /** Of transformers, as in the checkpoint's `architectures`. */
  class?: string;
  special_ids: { pad: number | null; eos: number | null };
  cases: Record<string, RecordedCase>;
  two_pictures_with_crops?: { name: string; loss: number; prompt_length: number };
  left_padded_batch?: { cases: string[]; greedy_ids: number[][] };
  train_batch?: { cases: string[]; loss: number };
  gradients_of_train_loss?: RecordedGradients;
  bf16_sharded?: { loss_a: number };
  full_finetuning?: { all_parameters: RecordedTrajectory; language_model_and_head_only: RecordedTrajectory };
}

export interface LoraJson {
  r: number;
  scaling: number;
  loss_a_adapter_on: number;
  loss_a_adapter_off: number;
  trainable_parameters: number;
  gradients_at_step_0_train_batch: RecordedGradients;
  trajectory: RecordedTrajectory;
}

export interface GrpoRun {
  loss_type: string;
  beta: number;
  epsilon_low: number;
  epsilon_high: number;
}

export interface GrpoSingle extends GrpoRun {
  old_logps: string;
  loss: number;
  grad_norm: number;
  grad_norm_lora_A: number;
  grad_norm_lora_B: number;
  kl?: number;
  "clip_ratio/low_mean": number;
  "clip_ratio/high_mean": number;
  "clip_ratio/region_mean": number;
  entropy: number;
}

export interface GrpoSteps extends GrpoRun {
  loss: number[];
  grad_norm_before_clip: number[];
  loss_after_last_step: number;
}

export interface GrpoJson {
  setup: { case: string; max_completion_length: number; num_items_in_batch: number };
  single: GrpoSingle[];
  three_steps: GrpoSteps[];
}

/** Messages of the cases, as given to the processor. */
export interface CasesJson {
  cases: Record<string, { images: string[]; messages: unknown[]; completion: string }>;
}

export interface Reference {
  folder: string;
  json: ReferenceJson;
  tensors: RecordedTensors;
  cases: CasesJson | null;
  lora: { json: LoraJson; tensors: RecordedTensors; folder: string } | null;
  grpo: { json: GrpoJson; tensors: RecordedTensors } | null;
}

/** Recorded arrays by name. */
export class RecordedTensors {
  constructor(private readonly file: Checkpoint) {}

  has(name: string): boolean {
    return this.file.has(name);
  }

  /** Names that start with a prefix. */
  names(prefix: string): string[] {
    return [...this.file.tensors.keys()].filter((name) => name.startsWith(prefix));
  }

  shape(name: string): readonly number[] {
    return this.file.entry(name).shape;
  }

  floats(name: string): Promise<Float32Array> {
    return this.file.readFloat32(name);
  }

  /** An integer array as plain numbers. */
  async integers(name: string): Promise<number[]> {
    const values = await this.file.read(name);
    if (!(values instanceof BigInt64Array)) {
      throw new DataError("verify/reference", `${this.file.source}: ${name} must be int64.`, {
        where: this.file.source,
      });
    }
    return Array.from(values, Number);
  }

  /** An integer matrix as rows. */
  async rows(name: string): Promise<number[][]> {
    const [count, length] = this.shape(name) as [number, number];
    const values = await this.integers(name);
    return Array.from({ length: count }, (_, row) => values.slice(row * length, (row + 1) * length));
  }
}

/**
 * Opens the folder; parts that are not there (adapter, GRPO) are null.
 *
 * @throws DataError `verify/reference` when reference.json is missing or has no cases, ModelFileError for damaged files
 */
export async function openReference(folder: string): Promise<Reference> {
  const json = await readJsonFile(folder, "reference.json");
  if (json === undefined || !isRecord(json.cases)) {
    throw new DataError("verify/reference", `${folder} has no reference.json with recorded cases.`, {
      where: folder,
      hint: "Point --reference at a folder with reference.json and reference.safetensors.",
    });
  }
  const cases = await readJsonFile(folder, "cases.json");
  const lora = await readJsonFile(folder, "lora.json");
  const grpo = await readJsonFile(folder, "grpo.json");
  return {
    folder,
    json: json as unknown as ReferenceJson,
    tensors: await openTensors(folder, "reference.safetensors"),
    cases: cases === undefined ? null : (cases as unknown as CasesJson),
    lora:
      lora === undefined
        ? null
        : { json: lora as unknown as LoraJson, tensors: await openTensors(folder, "lora.safetensors"), folder },
    grpo:
      grpo === undefined
        ? null
        : { json: grpo as unknown as GrpoJson, tensors: await openTensors(folder, "grpo.safetensors") },
  };
}

async function openTensors(folder: string, name: string): Promise<RecordedTensors> {
  const file = join(folder, name);
  if (!existsSync(file)) {
    const packed = existsSync(`${file}.gz`);
    throw new DataError("verify/reference", `${folder} has no ${name}${packed ? ", only its compressed form" : ""}.`, {
      where: file,
      hint: packed ? `Unpack it: gunzip -k ${file}.gz` : "The record is not complete; copy it again.",
    });
  }
  return new RecordedTensors(await openSafetensors(file));
}

function isRecord(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
