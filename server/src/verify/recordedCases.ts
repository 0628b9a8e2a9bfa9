/** The recorded cases as batches: full sequences, prompts alone, the training batch, GRPO's completions. */
import type { ModelDescription } from "@iad-r1/models/zoo";
import { imagesOfCase, type RecordedImage } from "./recordedImages";
import { labelledTargets, type RecordedBatch, type Targets, unpadded } from "./recordedInputs";
import type { Reference } from "./referenceFiles";

/** A record, and the model whose forms its pictures are in. */
export interface RecordedModel {
  model: ModelDescription;
  reference: Reference;
}

/** Token ids and pictures of a case by its name in reference.safetensors ("a", "c_anyres", …). */
export async function caseBatch(recorded: RecordedModel, name: string): Promise<RecordedBatch> {
  const { tensors } = recorded.reference;
  return { rows: await tensors.rows(`${name}.input_ids`), images: await imagesOfCase(recorded, name) };
}

/** The case without its completion. */
export async function promptBatch(recorded: RecordedModel, names: readonly string[]): Promise<RecordedBatch> {
  const rows: number[][] = [];
  for (const name of names) {
    const { reference } = recorded;
    const [row] = await reference.tensors.rows(`${name}.input_ids`);
    rows.push(row!.slice(0, reference.json.cases[name]!.prompt_length));
  }
  return { rows, images: await imagesOf(recorded, names) };
}

/** The pictures of several cases, one after another. */
export async function imagesOf(recorded: RecordedModel, names: readonly string[]): Promise<RecordedImage[]> {
  const images: RecordedImage[] = [];
  for (const name of names) images.push(...(await imagesOfCase(recorded, name)));
  return images;
}

export interface TrainingCase {
  batch: RecordedBatch;
  targets: Targets;
}

/** The recorded training batch without its padding; null when there is none. */
export async function trainingCase(recorded: RecordedModel): Promise<TrainingCase | null> {
  const { tensors, json } = recorded.reference;
  if (json.train_batch === undefined || !tensors.has("train.input_ids")) return null;
  const rows = unpadded(await tensors.rows("train.input_ids"), await tensors.rows("train.attention_mask"));
  const labels = await tensors.rows("train.labels");
  return {
    batch: { rows, images: await imagesOf(recorded, json.train_batch.cases) },
    targets: labelledTargets(rows, labels),
  };
}
