/** Recorded token ids as the feeds of programs: right padding, positions, rotary tables, places of image tokens. */
import { type AxisPositions, RopeRows, ropeTables } from "@iad-r1/models/nn/rope";
import type { TowerFeeds } from "@iad-r1/models/processor";
import type { ModelDescription } from "@iad-r1/models/zoo";
import { type Tensor, tensor } from "../runtime/tensors";
import type { RecordedImage } from "./recordedImages";

/** Sequences of one batch, of any lengths, with the pictures of all rows in order. */
export interface RecordedBatch {
  rows: number[][];
  images: RecordedImage[];
}

/** Inputs of the tower. */
export function imageFeeds(model: ModelDescription, images: readonly RecordedImage[]): TowerFeeds {
  return model.tower.feeds(images.map(({ prepared }) => prepared));
}

/** input_ids, position_ids and the rotary tables of right-padded rows. */
export function sequenceFeeds(model: ModelDescription, batch: RecordedBatch): Record<string, Tensor> {
  const { rows } = batch;
  const length = longest(rows);
  const flat = rows.flatMap((row) => [...row, ...Array<number>(length - row.length).fill(0)]);
  const places = new RopeRows(length);
  const axes = axisPositions(model, batch);
  const positions = rows.flatMap((_, b) => Array.from({ length }, (_, t) => places.row(axes[b], t)));
  return {
    input_ids: int64s(flat, [rows.length, length]),
    position_ids: int64s(positions, [rows.length, length]),
    ...ropeFeeds(model, length, places.extra),
  };
}

/** Where the tokens of each row stand; undefined when positions count tokens. */
export function axisPositions(model: ModelDescription, { rows, images }: RecordedBatch): (AxisPositions | undefined)[] {
  const { positions } = model.tower;
  if (positions === undefined) return rows.map(() => undefined);
  let next = 0;
  return rows.map((row) => {
    let open = row.filter((id) => id === model.facts.imageTokenId).length;
    const own: RecordedImage[] = [];
    while (open > 0 && next < images.length) {
      const image = images[next++]!;
      own.push(image);
      open -= image.prepared.tokensPerImage[0]!;
    }
    return positions(
      Int32Array.from(row),
      own.map(({ prepared }) => prepared),
    );
  });
}

export function ropeFeeds(
  model: ModelDescription,
  length: number,
  extra: readonly number[] = [],
): Record<string, Tensor> {
  const { cos, sin, length: count } = ropeTables(model.facts.decoder, length, extra);
  const dims = [count, model.facts.decoder.headDim / 2];
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

export function targetFeeds({ positions, tokens }: Targets): Record<string, Tensor> {
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
