/**
 * Weights in 8 or 4 bits inside a checkpoint: three tensors for each matrix (`<name>.values`, `.scales`, `.zero_points`), the layout
 * of the bytes, and unpacking. How numbers are rounded is quantize.ts; products with packed weights are ops/quantized.ts.
 *
 * Layout: uint8, or two uint4 in a byte with the earlier one in the low half; rows one after another.
 */
import { ModelFileError } from "../errors";
import type { FileRange, PackedWeight, StoredParameter } from "./parameterTable";
import type { Checkpoint } from "./safetensors";
import type { TensorEntry } from "./safetensorsHeader";

/** `quant_method` in config.json of checkpoints with such weights. */
export const packedMethod = "iad-r1";

/** The cure for weights that another program rounded. */
export const unroundedHint =
  "Take the checkpoint in half or single precision; `iad-r1 quantize` makes a small one of it.";

export const packedSuffixes = { values: ".values", scales: ".scales", zeroPoints: ".zero_points" } as const;

/** The three tensors of one packed weight, by the weight's own name. */
export interface PackedTensors {
  name: string;
  values: TensorEntry;
  scales: TensorEntry;
  zeroPoints: TensorEntry;
}

/**
 * Packed weights by the name of their values; the names of their other pieces map to null.
 *
 * @throws ModelFileError `model/missing-tensor` when a piece is missing
 */
export function findPackedWeights(checkpoint: Checkpoint): Map<string, PackedTensors | null> {
  const found = new Map<string, PackedTensors | null>();
  for (const values of checkpoint.tensors.values()) {
    if (!values.name.endsWith(`.weight${packedSuffixes.values}`)) continue;
    const name = values.name.slice(0, -packedSuffixes.values.length);
    const scales = checkpoint.entry(name + packedSuffixes.scales);
    const zeroPoints = checkpoint.entry(name + packedSuffixes.zeroPoints);
    found.set(values.name, { name, values, scales, zeroPoints });
    found.set(scales.name, null);
    found.set(zeroPoints.name, null);
  }
  return found;
}

/**
 * A packed weight as the parameter of a given shape.
 *
 * @throws ModelFileError `model/packed-weight` when the pieces do not fit the shape or each other
 */
export function packedParameter(
  checkpoint: Checkpoint,
  tensors: PackedTensors,
  shape: readonly number[],
): StoredParameter {
  const { name, values, scales, zeroPoints } = tensors;
  const fail = (expected: string, tensor: TensorEntry): never => {
    throw new ModelFileError(
      "model/packed-weight",
      `The packed weight "${name}" [${shape.join(", ")}]: ${expected}, got ${tensor.dtype}[${tensor.shape.join(", ")}] in "${tensor.name}".`,
      { where: values.file, hint: "Make the small checkpoint again with `iad-r1 quantize`." },
    );
  };
  const [rows, columns] = shape as [number, number];
  if (shape.length !== 2) fail("only a matrix can be packed", values);
  const packedColumns = values.shape[1] ?? 0;
  const bits = packedColumns === columns ? 8 : 4;
  const isWhole = values.dtype === "uint8" && values.shape.length === 2 && values.shape[0] === rows;
  if (!isWhole || packedColumns !== (columns * bits) / 8) {
    fail(`its values must be uint8[${rows}, ${columns}] for 8 bits or [${rows}, ${columns / 2}] for 4`, values);
  }
  const blocks = scales.shape[1] ?? 0;
  const blockSize = columns / blocks;
  const isPower = Number.isInteger(Math.log2(blockSize)) && blockSize >= 16;
  if (scales.dtype !== "float32" || scales.shape.length !== 2 || scales.shape[0] !== rows || !isPower) {
    fail(`its scales must be float32[${rows}, ${columns} / block], the block a power of two from 16 on`, scales);
  }
  const zeroColumns = (blocks * bits) / 8;
  if (zeroPoints.dtype !== "uint8" || zeroPoints.shape.join() !== `${rows},${zeroColumns}`) {
    fail(`its zero points must be uint8[${rows}, ${zeroColumns}]`, zeroPoints);
  }
  const packed: PackedWeight = {
    bits,
    blockSize,
    values: rangeOf(values),
    scales: rangeOf(scales),
    zeroPoints: rangeOf(zeroPoints),
  };
  return {
    ...{ name, dtype: "float32", shape, file: values.file, offset: values.offset, length: values.length },
    packed,
    read: async (into) =>
      unpack(
        (await checkpoint.read(values.name)) as Uint8Array,
        (await checkpoint.read(scales.name)) as Float32Array,
        (await checkpoint.read(zeroPoints.name)) as Uint8Array,
        { bits, blockSize },
        into,
      ),
  };
}

function rangeOf({ file, offset, length }: TensorEntry): FileRange {
  return { file, offset, length };
}

/** (value - zero point) * scale for every weight. */
export function unpack(
  values: Uint8Array,
  scales: Float32Array,
  zeroPoints: Uint8Array,
  { bits, blockSize }: Pick<PackedWeight, "bits" | "blockSize">,
  result: Float32Array = new Float32Array(scales.length * blockSize),
): Float32Array {
  const at = (bytes: Uint8Array, index: number) =>
    bits === 8 ? bytes[index]! : (bytes[index >> 1]! >> ((index & 1) << 2)) & 15;
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block]!;
    const zero = at(zeroPoints, block);
    const end = (block + 1) * blockSize;
    for (let i = block * blockSize; i < end; i++) result[i] = (at(values, i) - zero) * scale;
  }
  return result;
}
