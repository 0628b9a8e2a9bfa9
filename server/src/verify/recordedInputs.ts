/** Recorded token ids and pictures as the feeds of programs: right padding, positions, rotary tables, packing plans. */
import { DataError } from "@iad-r1/models/errors";
import { packImages } from "@iad-r1/models/llavaOnevision/packing";
import { ropeTables } from "@iad-r1/models/nn/rope";
import { patchesPerSide } from "@iad-r1/models/nn/visionTransformer";
import type { ModelDescription } from "@iad-r1/models/zoo";
import type { Tensors } from "../runtime/session";
import { type Tensor, tensor } from "../runtime/tensors";
import type { RecordedTensors } from "./referenceFiles";

/** One picture as recorded: its crops' pixels and whether it was cut into them. */
export interface RecordedImage {
  size: { height: number; width: number };
  cut: boolean;
  /** [crops, 3, H, W]; may hold padding crops behind the real ones. */
  pixels: Float32Array;
}

/** Sequences of one batch, of any lengths, with the pictures of all rows in order. */
export interface RecordedBatch {
  rows: number[][];
  images: RecordedImage[];
}

/** Pictures recorded under `<name>.pixel_values`, `.image_sizes` and `.batch_num_images`; none when they are not there. */
export async function recordedImages(tensors: RecordedTensors, name: string): Promise<RecordedImage[]> {
  if (!tensors.has(`${name}.pixel_values`) || !tensors.has(`${name}.image_sizes`)) return [];
  const [count, ...perImage] = tensors.shape(`${name}.pixel_values`) as [number, ...number[]];
  const size = perImage.reduce((product, extent) => product * extent, 1);
  const pixels = await tensors.floats(`${name}.pixel_values`);
  const sizes = await tensors.rows(`${name}.image_sizes`);
  const cut = await cutFlags(tensors, name, count);
  return sizes.map(([height, width], i) => ({
    size: { height: height!, width: width! },
    cut: cut[i]!,
    pixels: pixels.subarray(i * size, (i + 1) * size),
  }));
}

/** A picture that is alone in its prompt is cut into crops, others are one view; without the counts all are cut. */
async function cutFlags(tensors: RecordedTensors, name: string, count: number): Promise<boolean[]> {
  if (!tensors.has(`${name}.batch_num_images`)) return Array<boolean>(count).fill(true);
  const counts = await tensors.integers(`${name}.batch_num_images`);
  return counts.flatMap((images) => Array<boolean>(images).fill(images === 1));
}

/** Inputs of the tower: pixels of the real crops, and the packing plan. */
export function imageFeeds(model: ModelDescription, images: readonly RecordedImage[]): Tensors {
  const { config } = model;
  const { imageSize, channels } = config.vision;
  const plan = packImages(images, {
    gridPinpoints: config.gridPinpoints,
    viewSize: imageSize,
    patchesPerSide: patchesPerSide(config.vision),
    maxViews: config.maxViews,
  });
  const view = channels * imageSize * imageSize;
  const pixels = new Float32Array(plan.numViews * view);
  let offset = 0;
  for (const [i, image] of images.entries()) {
    const size = plan.viewsPerImage[i]! * view;
    if (image.pixels.length < size) {
      throw new DataError(
        "verify/reference",
        `Picture ${i} has ${image.pixels.length / view} recorded crops, its size asks for ${plan.viewsPerImage[i]}.`,
      );
    }
    pixels.set(image.pixels.subarray(0, size), offset);
    offset += size;
  }
  const weights = plan.weights ?? new Float32Array(plan.numRows).fill(1);
  return {
    pixel_values: tensor("float32", pixels, [plan.numViews, channels, imageSize, imageSize]),
    pack_index: tensor("int64", BigInt64Array.from(plan.index, BigInt), [plan.taps, plan.numRows]),
    pack_weight: tensor("float32", weights, [plan.taps, plan.numRows]),
  };
}

/** input_ids, position_ids and the rotary tables of right-padded rows. */
export function sequenceFeeds(model: ModelDescription, rows: readonly number[][]): Record<string, Tensor> {
  const length = longest(rows);
  const flat = rows.flatMap((row) => [...row, ...Array<number>(length - row.length).fill(0)]);
  const positions = rows.flatMap(() => [...Array(length).keys()]);
  return {
    input_ids: int64s(flat, [rows.length, length]),
    position_ids: int64s(positions, [rows.length, length]),
    ...ropeFeeds(model, length),
  };
}

export function ropeFeeds(model: ModelDescription, length: number): Record<string, Tensor> {
  const { cos, sin } = ropeTables(model.facts.decoder, length);
  const dims = [length, model.facts.decoder.headDim / 2];
  return { rope_cos: tensor("float32", cos, dims), rope_sin: tensor("float32", sin, dims) };
}

/** Flat rows b*T + t of the image tokens: int64 [N,1]. */
export function imagePositions(model: ModelDescription, rows: readonly number[][]): Tensor<"int64"> {
  const length = longest(rows);
  const places = rows.flatMap((row, b) =>
    row.flatMap((id, t) => (id === model.facts.imageTokenId ? [b * length + t] : [])),
  );
  return int64s(places, [places.length, 1]);
}

/** Which flat rows predict which tokens: everything behind the first token, or the labelled tokens (label -100 is none). */
export interface Targets {
  positions: number[];
  tokens: number[];
}

export function allTargets(rows: readonly number[][]): Targets {
  return labelledTargets(rows, rows);
}

export function labelledTargets(rows: readonly number[][], labels: readonly number[][]): Targets {
  const length = longest(rows);
  const positions: number[] = [];
  const tokens: number[] = [];
  for (const [b, row] of labels.entries()) {
    for (let t = 1; t < row.length; t++) {
      if (row[t] === -100) continue;
      positions.push(b * length + t - 1);
      tokens.push(row[t]!);
    }
  }
  return { positions, tokens };
}

export function targetFeeds({ positions, tokens }: Targets): Tensors {
  return { target_positions: int64s(positions), targets: int64s(tokens) };
}

/** Recorded rows without their padding, by their attention mask. */
export function unpadded(rows: readonly number[][], mask: readonly number[][]): number[][] {
  return rows.map((row, b) => row.filter((_, t) => mask[b]![t] === 1));
}

export function longest(rows: readonly number[][]): number {
  return Math.max(...rows.map((row) => row.length));
}

export function int64s(values: readonly number[], dims: readonly number[] = [values.length]): Tensor<"int64"> {
  return tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

export function int32s(values: readonly number[], dims: readonly number[] = [values.length]): Tensor<"int32"> {
  return tensor("int32", Int32Array.from(values), dims);
}

export function float32s(values: ArrayLike<number>, dims: readonly number[] = [values.length]): Tensor<"float32"> {
  return tensor("float32", Float32Array.from(values), dims);
}
