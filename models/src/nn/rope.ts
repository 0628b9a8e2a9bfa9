/**
 * Tables of rotary positions, made on the host and fed as inputs. A graph looks rows up by `position_ids`, so a scheme with
 * several axes per token (M-RoPE) only needs other rows: text stands at the same place on all axes and shares the plain rows, the
 * places of a picture get rows of their own behind them.
 */
import type { DecoderConfig } from "./decoderConfig";

export interface RopeTables {
  /** (length, D/2), row-major. */
  cos: Float32Array;
  sin: Float32Array;
  length: number;
}

/** Where the tokens of a sequence stand on three axes. */
export interface AxisPositions {
  /** (3, T): time, height, width. */
  axes: Int32Array;
  /** Place of the next text token minus T, the same on all axes. */
  delta: number;
}

/**
 * Rows for the positions 0..length-1, then for `extra`: angle = position / theta^(2i/D).
 *
 * @param decoder.ropeSections how many of the D/2 frequencies turn by each axis, one axis after the other
 * @param extra places (time, height, width), one after another
 * @see RoFormer, arXiv:2104.09864; halves are rotated, not neighbours, as in transformers' `rotate_half`. M-RoPE: Qwen2-VL,
 *   arXiv:2409.12191, section 2.1
 */
export function ropeTables(
  decoder: Pick<DecoderConfig, "headDim" | "ropeTheta" | "ropeSections">,
  length: number,
  extra: ArrayLike<number> = [],
): RopeTables {
  const { headDim, ropeTheta, ropeSections } = decoder;
  const half = headDim / 2;
  const rows = length + extra.length / 3;
  const cos = new Float32Array(rows * half);
  const sin = new Float32Array(rows * half);
  const frequencies = ropeFrequencies(headDim, ropeTheta);
  const axisOf = (ropeSections ?? [half]).flatMap((count, axis) => Array<number>(count).fill(axis));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < half; i++) {
      const position = row < length ? row : extra[(row - length) * 3 + axisOf[i]!]!;
      const angle = Math.fround(position * frequencies[i]!);
      cos[row * half + i] = Math.cos(angle);
      sin[row * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin, length: rows };
}

/** Frequencies and angles are rounded to float32 as in the reference, or late positions would differ visibly. */
export function ropeFrequencies(width: number, theta: number): Float32Array {
  return Float32Array.from({ length: width / 2 }, (_, i) => 1 / Math.fround(theta ** ((2 * i) / width)));
}

/**
 * Chooses rows of the tables for tokens that stand on three axes: plain rows for text, one more row for every other place. Collects
 * the extra places of all sequences of a batch.
 */
export class RopeRows {
  private readonly known = new Map<number, number>();
  private readonly places: number[] = [];

  /** @param length rows for plain positions, before the extra ones */
  constructor(private readonly length: number) {}

  /** Places (time, height, width) of the rows behind the plain ones. */
  get extra(): readonly number[] {
    return this.places;
  }

  /** The row of token `at`; tokens behind the end of `positions` go on as text. */
  row(positions: AxisPositions | undefined, at: number): number {
    if (positions === undefined) return at;
    const count = positions.axes.length / 3;
    if (at >= count) return at + positions.delta;
    const [time, height, width] = [0, 1, 2].map((axis) => positions.axes[axis * count + at]!) as [
      number,
      number,
      number,
    ];
    if (time === height && height === width) return time;
    const key = (time * 2 ** 17 + height) * 2 ** 17 + width;
    let row = this.known.get(key);
    if (row === undefined) {
      row = this.length + this.places.length / 3;
      this.places.push(time, height, width);
      this.known.set(key, row);
    }
    return row;
  }
}

/** Rows of tables are made in powers of two, so that they are made seldom. */
export function ropeTableLength(length: number): number {
  let size = 256;
  while (size < length) size *= 2;
  return size;
}
