/**
 * Tensors as sessions take and fill them: a typed array with a shape, in memory of this thread. Buffers are plain
 * ArrayBuffers (ONNX Runtime refuses shared ones) and one tensor may be fed to any number of runs and sessions. Beside them tensors
 * in the memory of a device, which tensorMemory.ts makes and reads.
 */
import { InternalError, ResourceError } from "@iad-r1/models/errors";
import type { DType } from "@iad-r1/models/graph/types";
import { numElements } from "@iad-r1/models/graph/dims";
import type { Tensor as OrtTensor } from "onnxruntime-node";
import { ort } from "./ort";

interface Arrays {
  float32: Float32Array;
  float64: Float64Array;
  /** Bits; see models/src/checkpoint/halfFloats.ts. */
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int8: Int8Array;
  uint8: Uint8Array;
  /** 0 or 1. */
  bool: Uint8Array;
}

/** Element types that can cross into a session; bfloat16 and the 4-bit types exist only inside graphs. */
export type TensorDType = keyof Arrays & DType;
export type TensorData = Arrays[TensorDType];

const constructors: { readonly [D in TensorDType]: new (buffer: ArrayBuffer) => Arrays[D] } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

const bytesPerElement: { readonly [D in TensorDType]: number } = {
  float32: 4,
  float64: 8,
  float16: 2,
  int64: 8,
  int32: 4,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** A tensor in memory. `data` may be written between runs, never during one. */
export interface Tensor<D extends TensorDType = TensorDType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly data: Arrays[D];
}

/** A tensor in the memory of a device: fed and filled like any other, but its values are not here. */
export interface DeviceTensor {
  readonly dtype: "float32";
  readonly dims: readonly number[];
  readonly location: "device";
}

/** What stays between runs, wherever that is: weights, moments, caches. */
export type StateTensor = Tensor<"float32"> | DeviceTensor;
export type AnyTensor = Tensor | DeviceTensor;

export function isOnDevice(given: AnyTensor): given is DeviceTensor {
  return "location" in given;
}

/**
 * Gives existing memory a shape; nothing is copied.
 *
 * @throws InternalError `internal/tensor` when the number of elements or the kind of array does not fit
 */
export function tensor<D extends TensorDType>(dtype: D, data: Arrays[D], dims: readonly number[]): Tensor<D> {
  const count = numElements(dims);
  if (data.length !== count) {
    const message = `A ${dtype}[${dims.join(",")}] tensor has ${count} elements, got ${data.length}.`;
    throw new InternalError("internal/tensor", message);
  }
  if (!(data instanceof constructors[dtype])) {
    throw new InternalError("internal/tensor", `A ${dtype} tensor cannot hold a ${data.constructor.name}.`);
  }
  if (!(data.buffer instanceof ArrayBuffer)) {
    throw new InternalError("internal/tensor", "Tensors cannot lie in shared memory: ONNX Runtime refuses it.");
  }
  return { dtype, dims: [...dims], data };
}

/**
 * A new tensor of zeros with a buffer of its own.
 *
 * @throws ResourceError `resource/memory` when there is not enough memory
 */
export function zeros<D extends TensorDType>(dtype: D, dims: readonly number[]): Tensor<D> {
  const sizeBytes = numElements(dims) * bytesPerElement[dtype];
  return { dtype, dims: [...dims], data: new constructors[dtype](allocate(sizeBytes)) };
}

/** A scalar: shape []. */
export function scalar<D extends TensorDType>(dtype: D, value: number): Tensor<D> {
  const result = zeros(dtype, []);
  result.data[0] = dtype === "int64" ? BigInt(value) : value;
  return result;
}

/** The same memory under another shape with as many elements. */
export function reshape<D extends TensorDType>(source: Tensor<D>, dims: readonly number[]): Tensor<D> {
  return tensor(source.dtype, source.data, dims);
}

/** "float32[2,3]", for messages. */
export function describeTensor({ dtype, dims }: Pick<AnyTensor, "dtype" | "dims">): string {
  return `${dtype}[${dims.join(",")}]`;
}

/** True for the element types a tensor can have. */
export function isTensorDType(name: string): name is TensorDType {
  return Object.hasOwn(constructors, name);
}

const handles = new WeakMap<AnyTensor, OrtTensor>();

/** The runtime's own view of a tensor's memory; made once for each tensor. For this folder only. */
export function toOrt(source: AnyTensor): OrtTensor {
  let handle = handles.get(source);
  if (handle === undefined) {
    if (isOnDevice(source)) {
      throw new InternalError("internal/tensor", `The tensor ${describeTensor(source)} on the device was given back.`);
    }
    handle = new (ort().Tensor)(source.dtype as "float32", source.data as Float32Array, source.dims);
    handles.set(source, handle);
  }
  return handle;
}

/** A tensor over a result that was left on the device. For this folder only. */
export function onDevice(result: OrtTensor): DeviceTensor {
  if (result.location !== "gpu-buffer" || result.type !== "float32") {
    throw new InternalError("internal/tensor", `A ${result.type} at ${result.location} is not on the device.`);
  }
  const made: DeviceTensor = { dtype: "float32", dims: result.dims, location: "device" };
  handles.set(made, result);
  return made;
}

/** Gives the memory of a tensor on the device back; it cannot be used afterwards. For this folder only. */
export function giveBack(given: DeviceTensor): void {
  handles.get(given)?.dispose();
  handles.delete(given);
}

/** A tensor over the memory of a result. For this folder only. */
export function fromOrt(result: OrtTensor): Tensor {
  if (!isTensorDType(result.type)) {
    throw new InternalError("internal/tensor", `An output of type ${result.type} cannot be read.`);
  }
  const data = result.data as TensorData;
  // Newer versions of Node have a Float16Array, which we do not use: halves are bits everywhere else.
  const bits =
    result.type === "float16" ? new Uint16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length) : data;
  return tensor(result.type, bits, result.dims);
}

/** @throws ResourceError `resource/memory` when there is not enough memory */
export function allocate(sizeBytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(sizeBytes);
  } catch (cause) {
    throw new ResourceError(
      "resource/memory",
      `Cannot allocate ${(sizeBytes / 2 ** 20).toFixed(0)} MiB for a tensor.`,
      {
        hint: "Use a smaller batch or model, or close other programs.",
        data: { sizeBytes },
        cause,
      },
    );
  }
}
