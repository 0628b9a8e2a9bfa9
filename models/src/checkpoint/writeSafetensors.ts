/**
 * Writes tensors as a safetensors file, or as several with an index, atomically and one tensor at a time: only the header
 * and one converted piece are in memory beside the caller's own arrays.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../errors";
import { writeAtomically, writeFileAtomically } from "./atomicFile";
import { float32ToBfloat16, float32ToFloat16 } from "./halfFloats";
import type { StoredArray } from "./safetensors";
import { elementBytes, formatHeader, type StoredDType } from "./safetensorsHeader";

export interface TensorToWrite {
  readonly name: string;
  /** Element type in the file. float32 data is rounded when this is float16 or bfloat16. */
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** The elements, or where to get them when it is their turn; as many as the shape says. */
  readonly data: StoredArray | (() => StoredArray | Promise<StoredArray>);
}

/**
 * @param metadata beside `format: "pt"`, which transformers and peft want to find
 * @throws CheckpointError `checkpoint/tensor` when names repeat or data does not fit its shape, `checkpoint/unwritable`
 * @throws ResourceError `disk/full`; the file that was there before is untouched
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = orderForAlignment(tensors);
  checkNames(path, ordered);
  const header = formatHeader(
    ordered.map((tensor) => ({ ...tensor, length: byteLength(tensor) })),
    { format: "pt", ...metadata },
  );
  await writeAtomically(path, async (file) => {
    await file.write(header);
    for (const tensor of ordered) {
      const data = typeof tensor.data === "function" ? await tensor.data() : tensor.data;
      for (const piece of encode(path, tensor, data)) await file.write(piece);
    }
  });
}

/**
 * Writes `model.safetensors` into a folder, or `model-00001-of-0000N.safetensors` with an index when there are more bytes
 * than one file should have. The index (or the single file) is written last, so the folder is complete once it is there.
 *
 * @returns the names of the files written
 */
export async function writeShardedSafetensors(
  folder: string,
  tensors: readonly TensorToWrite[],
  maxFileBytes = 5_000_000_000,
): Promise<string[]> {
  const shards: TensorToWrite[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    const length = byteLength(tensor);
    if (size + length > maxFileBytes) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push(tensor);
    size += length;
  }
  const index = join(folder, "model.safetensors.index.json");
  if (shards.length <= 1) {
    await writeSafetensors(join(folder, "model.safetensors"), tensors);
    await rm(index, { force: true });
    return ["model.safetensors"];
  }
  checkNames(folder, tensors);
  const weightMap: [string, string][] = [];
  const files: string[] = [];
  for (const [position, shard] of shards.entries()) {
    const file = `model-${pad(position + 1)}-of-${pad(shards.length)}.safetensors`;
    await writeSafetensors(join(folder, file), shard);
    files.push(file);
    for (const { name } of shard) weightMap.push([name, file]);
  }
  const totalSize = tensors.reduce((sum, tensor) => sum + byteLength(tensor), 0);
  const content = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(weightMap) };
  await writeFileAtomically(index, `${JSON.stringify(content, null, 2)}\n`);
  await rm(join(folder, "model.safetensors"), { force: true });
  return [...files, "model.safetensors.index.json"];
}

/** Wide elements first: with a start at 64 bytes, every tensor then begins at a multiple of its element size. */
function orderForAlignment(tensors: readonly TensorToWrite[]): TensorToWrite[] {
  return [...tensors].sort((a, b) => elementBytes(b.dtype) - elementBytes(a.dtype));
}

function byteLength({ dtype, shape }: TensorToWrite): number {
  return shape.reduce((product, dim) => product * dim, elementBytes(dtype));
}

function checkNames(where: string, tensors: readonly TensorToWrite[]): void {
  const seen = new Set(["__metadata__"]);
  for (const { name } of tensors) {
    if (seen.has(name)) {
      throw new CheckpointError("checkpoint/tensor", `${where}: two tensors are named "${name}".`, { where });
    }
    seen.add(name);
  }
}

function* encode(path: string, tensor: TensorToWrite, data: StoredArray): Generator<Uint8Array> {
  const { name, dtype, shape } = tensor;
  const rounded = data instanceof Float32Array && (dtype === "bfloat16" || dtype === "float16");
  const got = rounded ? data.length * 2 : data.byteLength;
  const sameWidth = rounded || data.BYTES_PER_ELEMENT === elementBytes(dtype);
  if (got !== byteLength(tensor) || !sameWidth) {
    const message = `${path}: tensor "${name}" is ${dtype}[${shape.join(",")}], but its data is ${data.constructor.name}(${data.length}).`;
    throw new CheckpointError("checkpoint/tensor", message, { where: path, data: { tensor: name } });
  }
  if (!rounded) {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return;
  }
  const round = dtype === "bfloat16" ? float32ToBfloat16 : float32ToFloat16;
  const pieceElements = 2 ** 22;
  for (let start = 0; start < data.length; start += pieceElements) {
    const bits = round(data.subarray(start, start + pieceElements));
    yield new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  }
}

function pad(number: number): string {
  return String(number).padStart(5, "0");
}
