/**
 * Matrix products. Gradients are matrix products again: transposes are flags, never nodes, and a weight that every row
 * shares gets its gradient from one product over all rows, added to what is there already by Gemm itself.
 */
import type { GraphBuilder } from "../graph/builder";
import { mulDims } from "../graph/dims";
import {
  broadcastShapes,
  required,
  requireDim,
  requireDType,
  requireRank,
  requireSameDType,
  requireShape,
} from "../graph/shapes";
import type { Dim, InferContext, OperatorAttributes, TensorType, Value } from "../graph/types";
import type { Contribution, GradientContext, Operator } from "./operator";

export const matMul: Operator<OperatorAttributes["MatMul"]> = {
  domain: "",
  inputs: ["A", "B"],
  outputs: ["Y"],
  attributes: {},
  infer: (context) => [productType(context, false, false)],
  gradient: (context) => productGradient(context, { transA: false, transB: false, alpha: 1 }),
};

export const fusedMatMul: Operator<OperatorAttributes["FusedMatMul"]> = {
  domain: "com.microsoft",
  inputs: ["A", "B"],
  outputs: ["Y"],
  attributes: { transA: "int", transB: "int", alpha: "float" },
  infer: (context) => [productType(context, context.attributes.transA === 1, context.attributes.transB === 1)],
  gradient: (context) =>
    productGradient(context, {
      transA: context.attributes.transA === 1,
      transB: context.attributes.transB === 1,
      alpha: context.attributes.alpha ?? 1,
    }),
};

export const gemm: Operator<OperatorAttributes["Gemm"]> = {
  domain: "",
  inputs: ["A", "B", "C?"],
  outputs: ["Y"],
  attributes: { transA: "int", transB: "int", alpha: "float", beta: "float" },
  infer: (context) => {
    requireRank(context, required(context, 0), 2, "A");
    requireRank(context, required(context, 1), 2, "B");
    const product = productType(context, context.attributes.transA === 1, context.attributes.transB === 1);
    const c = context.inputs[2];
    if (c !== null && c !== undefined) {
      requireSameDType(context, [product, c]);
      requireShape(context, product, broadcastShapes(product.shape, c.shape) ?? [], "C broadcast to A B");
    }
    return [product];
  },
  gradient: ({ b, attributes, input, gradient, needs }) => {
    const transA = attributes.transA === 1;
    const transB = attributes.transB === 1;
    const alpha = attributes.alpha ?? 1;
    const beta = attributes.beta ?? 1;
    const product = (x: Value, y: Value, flags: { transA?: boolean; transB?: boolean }) => (sum: Value | null) =>
      b.gemm(x, y, sum, { ...flags, alpha });
    const dy = gradient();
    return [
      !needs(0)
        ? null
        : transA
          ? product(input(1), dy, { transA: transB, transB: true })
          : product(dy, input(1), { transB: !transB }),
      !needs(1)
        ? null
        : transB
          ? product(dy, input(0), { transA: true, transB: transA })
          : product(input(0), dy, { transA: !transA }),
      !needs(2) ? null : beta === 1 ? dy : b.mul(dy, beta),
    ];
  },
};

export const linear: Operator<OperatorAttributes["Linear"]> = {
  domain: "iad-r1",
  inputs: ["X", "weight", "bias?"],
  outputs: ["Y"],
  attributes: {},
  infer: (context) => {
    const [x, weight, bias] = [required(context, 0), required(context, 1), context.inputs[2]];
    requireRank(context, weight, 2, "weight");
    if (x.shape.length < 2) context.fail("X must have at least rank 2; reshape a vector to [1,K]");
    requireSameDType(context, [x, weight]);
    const [outWidth, inWidth] = weight.shape as [Dim, Dim];
    requireDim(context, x.shape.at(-1), inWidth, "the last extent of X");
    if (bias !== null && bias !== undefined) {
      requireSameDType(context, [x, bias]);
      requireShape(context, bias, [outWidth], "bias");
    }
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), outWidth] }];
  },
  gradient: ({ b, input, gradient, needs }) => [
    needs(0) ? b.matMul(gradient(), input(1)) : null,
    needs(1) ? weightGradient(b, gradient(), input) : null,
    gradient(),
  ],
};

/** dW [N,K] = dy^T x over all rows. */
function weightGradient(b: GraphBuilder, dy: Value, input: (index: number) => Value): Contribution {
  return (sum) => b.gemm(flattenRows(b, dy), flattenRows(b, input(0)), sum, { transA: true });
}

/** [..,C] -> [rows,C]. */
export function flattenRows(b: GraphBuilder, x: Value): Value {
  return b.reshape(x, [x.shape.slice(0, -1).reduce(mulDims, 1), x.shape.at(-1)!]);
}

interface ProductFlags {
  transA: boolean;
  transB: boolean;
  alpha: number;
}

function productType<A>(context: InferContext<A>, transA: boolean, transB: boolean): TensorType {
  const [a, b] = [required(context, 0), required(context, 1)];
  requireSameDType(context, [a, b]);
  requireDType(context, a, "float32", "float64", "float16", "bfloat16");
  if (a.shape.length < 2 || b.shape.length < 2)
    context.fail("operands must have at least rank 2; reshape vectors to [1,K] or [K,1]");
  const [rows, innerA] = lastTwo(a, transA);
  const [innerB, columns] = lastTwo(b, transB);
  if (innerA !== innerB) context.fail(`inner extents must agree, got ${innerA} and ${innerB}`);
  const batch =
    broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? context.fail("leading extents must agree or be 1");
  return { dtype: a.dtype, shape: [...batch, rows, columns] };
}

function lastTwo(type: TensorType, transposed: boolean): [Dim, Dim] {
  const [rows, columns] = type.shape.slice(-2) as [Dim, Dim];
  return transposed ? [columns, rows] : [rows, columns];
}

/** Y = alpha op(A) op(B): d op(A) = alpha dY op(B)^T and d op(B) = alpha op(A)^T dY, transposed where op transposes. */
function productGradient<A>(
  { b, input, gradient, needs }: GradientContext<A>,
  { transA, transB, alpha }: ProductFlags,
): Contribution[] {
  const product = (x: Value, y: Value, flagA: boolean, flagB: boolean) =>
    !flagA && !flagB && alpha === 1 ? b.matMul(x, y) : b.fusedMatMul(x, y, { transA: flagA, transB: flagB, alpha });
  const dy = gradient();
  const dA = () => (transA ? product(input(1), dy, transB, true) : product(dy, input(1), false, !transB));
  const dB = (): Contribution => {
    const a = input(0);
    // One matrix for all batches: one product over all rows instead of a batch of products that are summed.
    if (!transA && a.shape.length > 2 && input(1).shape.length === 2) {
      const [rows, dRows] = [flattenRows(b, a), flattenRows(b, dy)];
      const [left, right] = transB ? [dRows, rows] : [rows, dRows];
      return (sum) => b.gemm(left, right, sum, { transA: true, alpha });
    }
    return transB ? product(dy, a, true, transA) : product(a, dy, !transA, false);
  };
  return [needs(0) ? dA() : null, needs(1) ? dB() : null];
}
