/** Undoes broadcasting in the backward walk: the gradient of a repeated tensor is the sum over its repetitions. */
import type { GraphBuilder } from "../graph/builder";
import { mulDims, sameShape } from "../graph/dims";
import { isFloat } from "../graph/shapes";
import type { Shape, Value } from "../graph/types";

/** A value that several places share, made at its first use. */
export type Once = (key: string, make: () => Value) => Value;

/** `gradient` summed down to `shape`, from which it was broadcast. No node when it has the shape already. */
export function sumToShape(b: GraphBuilder, gradient: Value, shape: Shape, once: Once): Value {
  if (sameShape(gradient.shape, shape)) return gradient;
  const numLeading = gradient.shape.length - shape.length;
  const isRepeated = gradient.shape.map((dim, i) => i < numLeading || (shape[i - numLeading] === 1 && dim !== 1));
  const numRepeated = isRepeated.lastIndexOf(true) + 1;
  const kept = gradient.shape.slice(numRepeated);
  // Rows of a matrix: a product with a row of ones is several times faster than ReduceSum over the first axis.
  if (isFloat(gradient.dtype) && kept.length > 0 && isRepeated.slice(0, numRepeated).every(Boolean)) {
    const rows = gradient.shape.slice(0, numRepeated).reduce(mulDims, 1);
    const columns = kept.reduce(mulDims, 1);
    const ones = once(`ones ${gradient.dtype} ${rows}`, () => b.full([1, rows], 1, gradient.dtype));
    return b.reshape(b.matMul(ones, b.reshape(gradient, [rows, columns])), shape);
  }
  const axes = isRepeated.flatMap((repeated, axis) => (repeated ? [axis] : []));
  return b.reshape(b.reduceSum(gradient, axes), shape);
}
