/** The recorded cases as batches: full sequences, prompts alone, the training batch, GRPO's completions. */
import { DataError } from "@iad-r1/models/errors";
import {
  labelledTargets,
  type RecordedBatch,
  type RecordedImage,
  recordedImages,
  type Targets,
  unpadded,
} from "./recordedInputs";
import type { Reference } from "./referenceFiles";

/** Token ids and pictures of a case by its name in reference.safetensors ("a", "c_anyres", …). */
export async function caseBatch(reference: Reference, name: string): Promise<RecordedBatch> {
  const { tensors } = reference;
  return { rows: await tensors.rows(`${name}.input_ids`), images: await caseImages(reference, name) };
}

/** The case without its completion. */
export async function promptBatch(reference: Reference, names: readonly string[]): Promise<RecordedBatch> {
  const rows: number[][] = [];
  for (const name of names) {
    const [row] = await reference.tensors.rows(`${name}.input_ids`);
    rows.push(row!.slice(0, reference.json.cases[name]!.prompt_length));
  }
  return { rows, images: await imagesOf(reference, names) };
}

/** The pictures of several cases, one after another. */
export async function imagesOf(reference: Reference, names: readonly string[]): Promise<RecordedImage[]> {
  const images: RecordedImage[] = [];
  for (const name of names) images.push(...(await caseImages(reference, name)));
  return images;
}

/**
 * A case's pictures. Pixels that equal those of earlier cases are recorded once: then they are looked up there, and cut as this
 * case says.
 */
async function caseImages(reference: Reference, name: string): Promise<RecordedImage[]> {
  const { tensors, json } = reference;
  const stored = await recordedImages(tensors, name);
  if (stored.length > 0 || !tensors.has(`${name}.image_sizes`)) return stored;
  const sizes = await tensors.rows(`${name}.image_sizes`);
  const alone = sizes.length === 1 || !tensors.has(`${name}.batch_num_images`);
  const earlier = await imagesOf(
    reference,
    Object.keys(json.cases).filter((other) => other !== name && tensors.has(`${other}.pixel_values`)),
  );
  return sizes.map(([height, width]) => {
    const image = earlier.find(({ size, cut }) => size.height === height && size.width === width && cut === alone);
    if (image !== undefined) return image;
    throw new DataError(
      "verify/reference",
      `Case ${name}: no pixels are recorded for its picture of ${height} x ${width}.`,
      {
        where: reference.folder,
      },
    );
  });
}

export interface TrainingCase {
  batch: RecordedBatch;
  targets: Targets;
}

/** The recorded training batch without its padding; null when there is none. */
export async function trainingCase(reference: Reference): Promise<TrainingCase | null> {
  const { tensors, json } = reference;
  if (json.train_batch === undefined || !tensors.has("train.input_ids")) return null;
  const rows = unpadded(await tensors.rows("train.input_ids"), await tensors.rows("train.attention_mask"));
  const labels = await tensors.rows("train.labels");
  return {
    batch: { rows, images: await imagesOf(reference, json.train_batch.cases) },
    targets: labelledTargets(rows, labels),
  };
}
