/** Weights in 8 or 4 bits: a product for inference, and unpacking to floats, through which training differentiates. */
import { floorDivDims, mulDims } from "../graph/dims";
import { axisOf, required, requireDim, requireDType, requireShape, withDim } from "../graph/shapes";
import type { OperatorAttributes } from "../graph/types";
import type { Operator } from "./operator";

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
  gradient: { none: "it is for inference; train through DequantizeLinear and Linear" },
};

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
