/**
 * Tables of rotary positions, made on the host and fed as inputs. A graph looks rows up by `position_ids`, so a scheme with
 * several axes per token (M-RoPE) only needs other tables: one row per token instead of one per position.
 */

export interface RopeTables {
  /** (length, D/2), row-major. */
  cos: Float32Array;
  sin: Float32Array;
  length: number;
}

/**
 * Rows for the positions 0..length-1: angle = position / theta^(2i/D).
 *
 * @param headDim D, even
 * @see RoFormer, arXiv:2104.09864; halves are rotated, not neighbours, as in transformers' `rotate_half`
 */
export function ropeTables({ headDim, ropeTheta }: { headDim: number; ropeTheta: number }, length: number): RopeTables {
  const half = headDim / 2;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  // Frequencies and angles are rounded to float32 as in the reference, or late positions would differ visibly.
  const frequencies = Float32Array.from({ length: half }, (_, i) => 1 / Math.fround(ropeTheta ** ((2 * i) / headDim)));
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin, length };
}
