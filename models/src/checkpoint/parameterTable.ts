/**
 * Matches the tensors of a checkpoint with the parameters of a network: every parameter found once, with the shape the
 * configuration asks for, and nothing left over. It reads no weights; the bytes stay where they are.
 */
import { ModelFileError } from "../errors";
import { findPackedWeights, packedParameter, unroundedHint } from "./packedWeights";
import type { Checkpoint } from "./safetensors";
import type { StoredDType, TensorEntry } from "./safetensorsHeader";

/** A parameter in a checkpoint: the tensor's own name and the bytes of a file that hold it (offset and length in bytes). */
export interface StoredParameter {
  name: string;
  dtype: ParameterDType;
  shape: readonly number[];
  file: string;
  offset: number;
  length: number;
  /** The elements as float32, packed ones unpacked: in a buffer of their own, or in the memory that is given for them. */
  read: (into?: Float32Array) => Promise<Float32Array>;
  /** Where the pieces lie of a weight that is kept in 8 or 4 bits (packedWeights.ts); `dtype` is then float32, what `read` gives. */
  packed?: PackedWeight;
}

/** A matrix [N,K] in unsigned integers: (value - zero point) * scale, one scale and zero point for `blockSize` numbers of a row. */
export interface PackedWeight {
  bits: 4 | 8;
  blockSize: number;
  /** uint4 or uint8 [N,K] */
  values: FileRange;
  /** float32 [N,K/blockSize] */
  scales: FileRange;
  /** uint4 or uint8 [N,K/blockSize] */
  zeroPoints: FileRange;
}

/** Bytes of a file. */
export interface FileRange {
  file: string;
  offset: number;
  length: number;
}

export type ParameterDType = "float32" | "float16" | "bfloat16";

/** Parameter path (the module path in transformers 5, such as "lm_head.weight") to its shape. */
export type ParameterShapes = ReadonlyMap<string, readonly number[]>;
/** Parameter path to the tensor that holds it. */
export type ParameterTable = ReadonlyMap<string, StoredParameter>;

/** Whether some weights are kept in 8 or 4 bits. */
export function isPacked(table: ParameterTable): boolean {
  return [...table.values()].some(({ packed }) => packed !== undefined);
}

/** One step of a renaming: the first rule whose pattern fits is applied. */
export type NameRule = readonly [pattern: RegExp, replacement: string];

export interface NameMap {
  rules: readonly NameRule[];
  /** Tensors, by parameter path, that checkpoints may carry and the network does not use. */
  ignored: readonly RegExp[];
}

/** The parameter path of a stored tensor's name. */
export function parameterPath(name: string, rules: readonly NameRule[]): string {
  const rule = rules.find(([pattern]) => pattern.test(name));
  return rule === undefined ? name : name.replace(rule[0], rule[1]);
}

/**
 * Finds every parameter among the tensors of a checkpoint.
 *
 * @throws ModelFileError `model/missing-tensor`, `model/unexpected-tensor`, `model/tensor-shape`, `model/tensor-type` or
 *   `model/duplicate-tensor`; the first few offenders are named
 */
export function locateParameters(shapes: ParameterShapes, checkpoint: Checkpoint, names: NameMap): ParameterTable {
  const where = checkpoint.source;
  const hint = "The weights and config.json must belong to the same model; download both again.";
  const table = new Map<string, StoredParameter>();
  const unexpected: string[] = [];
  const packed = findPackedWeights(checkpoint);
  for (const tensor of checkpoint.tensors.values()) {
    const weight = packed.get(tensor.name);
    // The other pieces of a packed weight are found through its values.
    if (weight === null) continue;
    const path = parameterPath(weight?.name ?? tensor.name, names.rules);
    const shape = shapes.get(path);
    if (shape === undefined) {
      if (!names.ignored.some((pattern) => pattern.test(path))) unexpected.push(tensor.name);
      continue;
    }
    const earlier = table.get(path);
    if (earlier !== undefined) {
      throw new ModelFileError(
        "model/duplicate-tensor",
        `The tensors "${earlier.name}" and "${tensor.name}" are both the parameter ${path}.`,
        { where, hint },
      );
    }
    table.set(
      path,
      weight === undefined ? storedParameter(checkpoint, tensor, shape) : packedParameter(checkpoint, weight, shape),
    );
  }
  const missing = [...shapes.keys()].filter((path) => !table.has(path));
  if (missing.length > 0) {
    throw new ModelFileError("model/missing-tensor", `The checkpoint lacks ${listed(missing)}.`, {
      where,
      hint,
      data: { missing: missing.length },
    });
  }
  if (unexpected.length > 0) {
    throw new ModelFileError(
      "model/unexpected-tensor",
      `The checkpoint holds tensors of another model: ${listed(unexpected)}.`,
      {
        where,
        hint,
        data: { unexpected: unexpected.length },
      },
    );
  }
  return table;
}

/**
 * One tensor as the parameter of a given shape.
 *
 * @throws ModelFileError `model/tensor-shape` or `model/tensor-type`
 */
export function storedParameter(
  checkpoint: Checkpoint,
  tensor: TensorEntry,
  shape: readonly number[],
): StoredParameter {
  const { name, dtype, file, offset, length } = tensor;
  const where = file;
  if (!isParameterDType(dtype)) {
    throw new ModelFileError(
      "model/tensor-type",
      `The tensor "${name}" must be float32, float16 or bfloat16, got ${dtype}.`,
      {
        where,
        hint: unroundedHint,
      },
    );
  }
  if (shape.length !== tensor.shape.length || shape.some((extent, axis) => extent !== tensor.shape[axis])) {
    throw new ModelFileError(
      "model/tensor-shape",
      `The tensor "${name}" must have shape [${shape.join(", ")}] by the configuration, got [${tensor.shape.join(", ")}].`,
      {
        where,
        hint: "Weights belong to their configuration, an adapter to the base that it was trained on; if these do, download them again.",
      },
    );
  }
  return { name, dtype, shape, file, offset, length, read: (into) => checkpoint.readFloat32(name, into) };
}

/** Whether two tensors of a checkpoint are the same, byte by byte. */
export async function sameTensor(checkpoint: Checkpoint, a: string, b: string): Promise<boolean> {
  const [first, second] = [checkpoint.entry(a), checkpoint.entry(b)];
  if (first.dtype !== second.dtype || first.shape.join() !== second.shape.join()) return false;
  const chunks = checkpoint.chunks(b);
  try {
    for await (const chunk of checkpoint.chunks(a)) {
      const { value } = await chunks.next();
      if (value === undefined || Buffer.compare(chunk, value) !== 0) return false;
    }
    return true;
  } finally {
    // Nobody walks this one to its end, where it closes its file.
    await chunks.return(undefined);
  }
}

function isParameterDType(dtype: StoredDType): dtype is ParameterDType {
  return dtype === "float32" || dtype === "float16" || dtype === "bfloat16";
}

/** "a", "b" and 12 more */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name.length > 120 ? `${name.slice(0, 117)}...` : name}"`);
  return names.length <= 3 ? shown.join(", ") : `${shown.join(", ")} and ${names.length - 3} more`;
}
