/**
 * Rounds the matrices of a checkpoint to 8 or 4 bits and writes the small checkpoint, in one pass over the weights: each is read,
 * rounded and written a few rows at a time, so memory holds a few megabytes whatever the model. What to round is the caller's
 * choice; reading the result back is packedWeights.ts.
 */
import { CancelledError, CheckpointError } from "../errors";
import { writeAtomically } from "./atomicFile";
import { bfloat16ToFloat32, float16ToFloat32 } from "./halfFloats";
import { packedSuffixes } from "./packedWeights";
import type { Checkpoint } from "./safetensors";
import { elementBytes, formatHeader, type StoredDType, type TensorEntry } from "./safetensorsHeader";

export interface Rounding {
  bits: 4 | 8;
  /** Weights in a row that share a scale; halved for matrices whose width is no multiple of it (with 4 bits: of two blocks). */
  blockSize: number;
}

/**
 * Weights that share a scale where nobody chose. 8 bits lose next to nothing with blocks of 128, and ONNX Runtime's products are 1.2 to 1.4
 * times as fast as with blocks of 32 (1 to 256 rows, AVX-512 with VNNI); 4 bits need the short ones.
 */
export const usualBlockSize: Readonly<Record<Rounding["bits"], number>> = { 4: 32, 8: 128 };

/** What becomes of one tensor of the source. */
export interface QuantizeStep {
  /** The tensor's name in the source. */
  source: string;
  /** The name to write it under. */
  name: string;
  /** null: copied as it is. */
  rounding: Rounding | null;
}

export interface QuantizeOptions {
  signal?: AbortSignal;
  /** Bytes of the source that are done. */
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The rounding that a matrix of this width can have, or null when it stays as it is. */
export function roundingOf(width: number, wanted: Rounding): Rounding | null {
  for (let blockSize = wanted.blockSize; blockSize >= 16; blockSize /= 2) {
    // Zero points of 4 bits are stored in pairs, and a row of them ends at a byte.
    const unit = wanted.bits === 4 ? 2 * blockSize : blockSize;
    if (width % unit === 0) return { ...wanted, blockSize };
  }
  return null;
}

/** The three tensors that stand for a matrix [N,K]: values and zero points as bytes, scales as float32. */
export function packedShapes(
  [rows, columns]: readonly number[],
  { bits, blockSize }: Rounding,
): Record<keyof typeof packedSuffixes, [rows: number, width: number]> {
  const blocks = columns! / blockSize;
  return {
    values: [rows!, (columns! * bits) / 8],
    scales: [rows!, blocks],
    zeroPoints: [rows!, (blocks * bits) / 8],
  };
}

/** One tensor of the new file. */
interface Piece {
  name: string;
  dtype: StoredDType;
  shape: readonly number[];
  length: number;
  /** In the new file, behind its header. */
  offset: number;
}

/**
 * Writes `file` from the tensors of `source`.
 *
 * @param steps one for each tensor to write; a source may be used twice (a tied head beside its embedding)
 * @throws CheckpointError `quantize/not-finite` for weights that are no numbers, ResourceError `disk/full`, CancelledError
 */
export async function writeQuantized(
  file: string,
  source: Checkpoint,
  steps: readonly QuantizeStep[],
  metadata: Readonly<Record<string, string>>,
  options: QuantizeOptions = {},
): Promise<void> {
  const pieces = layOut(source, steps);
  const byName = new Map(pieces.map((piece) => [piece.name, piece]));
  const header = formatHeader(pieces, { format: "pt", ...metadata });
  const totalBytes = steps.reduce((sum, step) => sum + source.entry(step.source).length, 0);
  let doneBytes = 0;
  await writeAtomically(file, async (writer) => {
    await writer.write(header);
    const progress = (bytes: number) => {
      doneBytes += bytes;
      options.onProgress?.(doneBytes, totalBytes);
      if (options.signal?.aborted === true) throw new CancelledError();
    };
    for (const step of steps) {
      const entry = source.entry(step.source);
      const writeAt = (name: string, bytes: Uint8Array, at: number) =>
        writer.writeAt(bytes, header.byteLength + byName.get(name)!.offset + at);
      if (step.rounding === null) await copy(source, entry, (bytes, at) => writeAt(step.name, bytes, at), progress);
      else await round(source, entry, step.rounding, step.name, writeAt, progress);
    }
  });
}

/** Wide elements first: every tensor then begins at a multiple of its element size. */
function layOut(source: Checkpoint, steps: readonly QuantizeStep[]): Piece[] {
  const pieces: Omit<Piece, "offset">[] = steps.flatMap(({ source: from, name, rounding }) => {
    const { dtype, shape, length } = source.entry(from);
    if (rounding === null) return [{ name, dtype, shape, length }];
    const { values, scales, zeroPoints } = packedShapes(shape, rounding);
    const piece = (suffix: string, kind: "uint8" | "float32", dims: readonly number[]) => ({
      ...{ name: name + suffix, dtype: kind, shape: dims, length: dims[0]! * dims[1]! * elementBytes(kind) },
    });
    return [
      piece(packedSuffixes.values, "uint8", values),
      piece(packedSuffixes.scales, "float32", scales),
      piece(packedSuffixes.zeroPoints, "uint8", zeroPoints),
    ];
  });
  const names = new Set(pieces.map(({ name }) => name));
  if (names.size !== pieces.length) throw new CheckpointError("checkpoint/tensor", "Two tensors have the same name.");
  let offset = 0;
  return [...pieces]
    .sort((a, b) => elementBytes(b.dtype) - elementBytes(a.dtype))
    .map((piece) => {
      const placed = { ...piece, offset };
      offset += piece.length;
      return placed;
    });
}

type WriteAt = (name: string, bytes: Uint8Array, at: number) => Promise<void>;

async function copy(
  source: Checkpoint,
  entry: TensorEntry,
  write: (bytes: Uint8Array, at: number) => Promise<void>,
  progress: (bytes: number) => void,
): Promise<void> {
  let at = 0;
  for await (const chunk of source.chunks(entry.name)) {
    await write(chunk, at);
    at += chunk.byteLength;
    progress(chunk.byteLength);
  }
}

async function round(
  source: Checkpoint,
  entry: TensorEntry,
  { bits, blockSize }: Rounding,
  name: string,
  writeAt: WriteAt,
  progress: (bytes: number) => void,
): Promise<void> {
  const columns = entry.shape[1]!;
  const rowBytes = columns * elementBytes(entry.dtype);
  const chunkBytes = rowBytes * Math.max(1, Math.floor((4 * 2 ** 20) / rowBytes));
  const blocks = columns / blockSize;
  let row = 0;
  for await (const chunk of source.chunks(entry.name, chunkBytes)) {
    const rows = chunk.byteLength / rowBytes;
    const weights = widen(chunk, entry, rows * columns);
    const packed = roundBlocks(weights, bits, blockSize);
    if (packed === null) throw notFinite(entry);
    await writeAt(name + packedSuffixes.values, packed.values, (row * columns * bits) / 8);
    const scaleBytes = new Uint8Array(packed.scales.buffer);
    await writeAt(name + packedSuffixes.scales, scaleBytes, row * blocks * 4);
    await writeAt(name + packedSuffixes.zeroPoints, packed.zeroPoints, (row * blocks * bits) / 8);
    row += rows;
    progress(chunk.byteLength);
  }
}

function widen(chunk: Uint8Array, entry: TensorEntry, count: number): Float32Array {
  if (entry.dtype === "float32") return new Float32Array(chunk.buffer, chunk.byteOffset, count);
  const halves = new Uint16Array(chunk.buffer, chunk.byteOffset, count);
  const out = new Float32Array(count);
  if (entry.dtype === "bfloat16") bfloat16ToFloat32(halves, out);
  else float16ToFloat32(halves, out);
  return out;
}

/** How much of a block's range is kept, from all on: cutting a few outliers off can cost less than the finer steps gain. */
const keptRanges = [1, 0.95, 0.9, 0.85, 0.8, 0.75];

/**
 * Blocks of weights as integers: value = round(w / scale) + zero point, cut to the range of the integers. Zero stays zero. With 4
 * bits the range is chosen by the least squared error.
 *
 * @returns null when a weight is no finite number
 */
export function roundBlocks(
  weights: Float32Array,
  bits: 4 | 8,
  blockSize: number,
): { values: Uint8Array; scales: Float32Array; zeroPoints: Uint8Array } | null {
  const top = (1 << bits) - 1;
  const blocks = weights.length / blockSize;
  const values = new Uint8Array((weights.length * bits) / 8);
  const scales = new Float32Array(blocks);
  const zeroPoints = new Uint8Array((blocks * bits) / 8);
  const put = (bytes: Uint8Array, index: number, value: number) => {
    if (bits === 8) bytes[index] = value;
    else bytes[index >> 1]! |= value << ((index & 1) << 2);
  };
  const candidates = bits === 4 ? keptRanges : keptRanges.slice(0, 1);
  for (let block = 0; block < blocks; block++) {
    const from = block * blockSize;
    const to = from + blockSize;
    let low = 0;
    let high = 0;
    let total = 0;
    for (let i = from; i < to; i++) {
      const weight = weights[i]!;
      if (weight < low) low = weight;
      else if (weight > high) high = weight;
      total += weight;
    }
    if (!Number.isFinite(total) || !Number.isFinite(low) || !Number.isFinite(high)) return null;
    let [scale, zero, least] = [1, 0, Number.POSITIVE_INFINITY];
    for (const kept of high === low ? [] : candidates) {
      const step = Math.fround(((high - low) * kept) / top);
      // So small that its steps are no numbers any more: the block is zero.
      if (!(step > 0)) break;
      const inverse = 1 / step;
      const origin = Math.min(top, Math.max(0, Math.round((-low * kept) / step)));
      let error = 0;
      if (candidates.length > 1) {
        for (let i = from; i < to; i++) {
          const weight = weights[i]!;
          // A number below -0.5 is cut to 0 afterwards, so truncation rounds rightly; Math.round costs ten times as much.
          const place = (weight * inverse + origin + 0.5) | 0;
          const value = place < 0 ? 0 : place > top ? top : place;
          const difference = weight - (value - origin) * step;
          error += difference * difference;
        }
      }
      if (error < least) [scale, zero, least] = [step, origin, error];
    }
    scales[block] = scale;
    put(zeroPoints, block, zero);
    const inverse = 1 / scale;
    for (let i = from; i < to; i++) {
      const place = (weights[i]! * inverse + zero + 0.5) | 0;
      const value = place < 0 ? 0 : place > top ? top : place;
      if (bits === 8) values[i] = value;
      else values[i >> 1]! |= value << ((i & 1) << 2);
    }
  }
  return { values, scales, zeroPoints };
}

function notFinite(entry: TensorEntry): CheckpointError {
  return new CheckpointError(
    "quantize/not-finite",
    `The tensor "${entry.name}" holds NaN or infinity, which cannot be rounded.`,
    { where: entry.file, hint: "Its file is damaged, or its training diverged: use another checkpoint." },
  );
}
