/**
 * Weights in 8 or 4 bits. `QuantizedLinear` is what networks are built of: its forward pass is ONNX Runtime's product with packed
 * weights, its backward pass unpacks the weights and multiplies by them, so floats live only while a product, or a block that is computed
 * again, needs them.
 */

import type { GraphBuilder } from "../graph/builder";
import { floorDivDims, mulDims } from "../graph/dims";
import { axisOf, requireDim, requireDType, required, requireRank, requireShape, withDim } from "../graph/shapes";
import type { OperatorAttributes, TensorType, Value } from "../graph/types";
import type { GradientContext, Operator } from "./operator";

/** Gives the value of a key, which is made at its first use. */
type Once = GradientContext["once"];

export const matMulNBits: Operator<OperatorAttributes["MatMulNBits"]> = {
  domain: "com.microsoft",
  inputs: ["A", "B", "scales", "zero_points?"],
  outputs: ["Y"],
  attributes: { K: "int", N: "int", bits: "int", block_size: "int", accuracy_level: "int" },
  infer: (context) => {
    const [a, packed, scales] = [required(context, 0), required(context, 1), required(context, 2)];
    const { K, N, bits, block_size: blockSize } = context.attributes;
    const numBlocks = Math.ceil(K / blockSize);
    requireDim(context, a.shape.at(-1), K, "the last extent of A");
    requireDType(context, packed, "uint8");
    requireShape(context, packed, [N, numBlocks, (blockSize * bits) / 8], "B");
    requireShape(context, scales, [N * numBlocks], "scales");
    return [{ dtype: a.dtype, shape: [...a.shape.slice(0, -1), N] }];
  },
  gradient: { none: "it is the written form of QuantizedLinear, which has a rule" },
};

/**
 * x [..,K] times W [N,K]^T with W = (weight - zero_points) * scales, one scale and zero point for `block_size` weights in a row. The
 * weight and its zero points are unsigned integers of 4 or 8 bits and must be constants.
 */
export const quantizedLinear: Operator<OperatorAttributes["QuantizedLinear"]> = {
  domain: "iad-r1",
  inputs: ["X", "weight", "scales", "zero_points"],
  outputs: ["Y"],
  attributes: { block_size: "int", accuracy_level: "int" },
  infer: (context) => {
    const [x, weight, scales, zeroPoints] = [0, 1, 2, 3].map((index) => required(context, index)) as [
      TensorType,
      TensorType,
      TensorType,
      TensorType,
    ];
    requireDType(context, x, "float32");
    requireDType(context, weight, "uint4", "uint8");
    requireDType(context, zeroPoints, weight.dtype);
    requireDType(context, scales, "float32");
    requireRank(context, weight, 2, "weight");
    const [outWidth, inWidth] = weight.shape as [number, number];
    requireDim(context, x.shape.at(-1), inWidth, "the last extent of X");
    const { block_size: blockSize } = context.attributes;
    const blocks = inWidth / blockSize;
    // Rows of zero points then end at a byte, as ONNX Runtime's product wants them.
    if (!Number.isInteger(blocks) || (weight.dtype === "uint4" && blocks % 2 !== 0)) {
      context.fail(`a row of ${inWidth} weights must be a whole, for 4 bits an even number of blocks of ${blockSize}`);
    }
    requireShape(context, scales, [outWidth, blocks], "scales");
    requireShape(context, zeroPoints, [outWidth, blocks], "zero_points");
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), outWidth] }];
  },
  gradient: ({ b, attributes, input, gradient, needs, onceInBlock }) => {
    if (!needs(0)) return [null, null, null, null];
    const weight = unpacked(b, [input(1), input(2), input(3)], attributes, onceInBlock);
    return [b.matMul(gradient(), weight), null, null, null];
  },
};

/** The inputs of a QuantizedLinear, its weights unpacked: what prepared weights are not worth their memory for. */
export function unpackedLinear(
  b: GraphBuilder,
  [x, ...weight]: readonly Value[],
  attributes: OperatorAttributes["QuantizedLinear"],
  once: Once,
): Value {
  return b.linear(x!, unpacked(b, weight, attributes, once));
}

function unpacked(
  b: GraphBuilder,
  [weight, scales, zeroPoints]: readonly Value[],
  { block_size }: OperatorAttributes["QuantizedLinear"],
  once: Once,
): Value {
  const make = () => b.dequantizeLinear(weight!, scales!, zeroPoints!, { axis: 1, block_size });
  return once(`unpacked ${weight!.name}`, make);
}

export const dequantizeLinear: Operator<OperatorAttributes["DequantizeLinear"]> = {
  domain: "",
  inputs: ["x", "x_scale", "x_zero_point?"],
  outputs: ["y"],
  attributes: { axis: "int", block_size: "int" },
  infer: (context) => {
    const [x, scale, zeroPoint] = [required(context, 0), required(context, 1), context.inputs[2]];
    requireDType(context, x, "int8", "uint8", "int4", "uint4", "int32");
    requireDType(context, scale, "float32", "float16", "bfloat16");
    const blockSize = context.attributes.block_size ?? 0;
    if (scale.shape.length > 0) {
      const axis = axisOf(context, context.attributes.axis ?? 1, x.shape.length);
      const extent = x.shape[axis]!;
      const expected =
        blockSize === 0
          ? [extent]
          : withDim(
              x.shape,
              axis,
              floorDivDims(typeof extent === "number" ? extent + blockSize - 1 : extent, blockSize),
            );
      requireShape(context, scale, expected, "x_scale");
      if (blockSize > 0 && typeof extent === "string" && mulDims(expected[axis]!, blockSize) !== extent) {
        context.fail(`the extent ${extent} must be a multiple of block_size ${blockSize}`);
      }
    }
    if (zeroPoint !== null && zeroPoint !== undefined) {
      requireDType(context, zeroPoint, x.dtype);
      requireShape(context, zeroPoint, scale.shape, "x_zero_point");
    }
    return [{ dtype: scale.dtype, shape: x.shape }];
  },
  gradient: { none: "quantised weights and their scales are frozen" },
};
