/** Sums, means and maxima over axes. Axes are a constant second input, as in ONNX; without it all axes are reduced. */
import type { GraphBuilder } from "../graph/builder";
import { numElements } from "../graph/dims";
import { axisOf, knownInts, required } from "../graph/shapes";
import type { InferContext, OperatorAttributes, Shape, TensorType, Value } from "../graph/types";
import type { GradientContext, GradientRule, Operator } from "./operator";

type Reduce = OperatorAttributes["ReduceSum"];

export const reduceSum = reduction(({ b, input, gradient }, axes) => [
  b.expand(withKeptAxes(b, gradient(), input(0).shape, axes), input(0).shape),
]);

export const reduceMean = reduction(({ b, input, gradient }, axes) => {
  const x = input(0);
  const count = numElements(axes.map((axis) => x.shape[axis]!));
  const share =
    typeof count === "number"
      ? b.mul(gradient(), 1 / count)
      : b.div(gradient(), b.cast(b.reshape(b.lengths([count]), []), x.dtype));
  return [b.expand(withKeptAxes(b, share, x.shape, axes), x.shape)];
});

/** Elements that tie share the gradient evenly, as PyTorch's amax does. */
export const reduceMax = reduction(({ b, input, output, gradient }, axes) => {
  const x = input(0);
  const isMax = b.cast(b.equal(x, withKeptAxes(b, output(0), x.shape, axes)), x.dtype);
  const share = b.div(withKeptAxes(b, gradient(), x.shape, axes), b.reduceSum(isMax, axes));
  return [b.mul(isMax, share)];
});

export const reduceSumSquare = reduction(({ b, input, gradient }, axes) => [
  b.mul(input(0), withKeptAxes(b, b.mul(gradient(), 2), input(0).shape, axes)),
]);

export const cumSum: Operator<OperatorAttributes["CumSum"]> = {
  domain: "",
  inputs: ["x", "axis"],
  outputs: ["y"],
  attributes: { exclusive: "int", reverse: "int" },
  infer: (context) => {
    const x = required(context, 0);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  gradient: ({ b, attributes, input, gradient }) => {
    const reverse = attributes.reverse === 1 ? 0 : 1;
    return b.apply("CumSum", [gradient(), input(1)], { exclusive: attributes.exclusive, reverse });
  },
};

function reduction(
  gradient: (context: GradientContext<Reduce>, axes: readonly number[]) => ReturnType<GradientRule<Reduce>>,
): Operator<Reduce> {
  return {
    domain: "",
    inputs: ["data", "axes?"],
    outputs: ["reduced"],
    attributes: { keepdims: "int" },
    infer: (context) => {
      const x = required(context, 0);
      const axes = reducedAxes(context, x);
      const kept = x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
      const shape = context.attributes.keepdims === 0 ? kept.filter((_, i) => !axes.includes(i)) : kept;
      return [{ dtype: x.dtype, shape }];
    },
    gradient: (context) => {
      const x = context.input(0);
      const axes = context.hasInput(1) ? knownInts(context.input(1))! : [...x.shape.keys()];
      return gradient(context, axes);
    },
  };
}

function reducedAxes<A>(context: InferContext<A>, x: TensorType): number[] {
  const axes = context.inputs[1];
  if (axes === null || axes === undefined) return [...x.shape.keys()];
  const known = knownInts(axes) ?? context.fail("axes must be constant");
  return known.map((axis) => axisOf(context, axis, x.shape.length));
}

/** A reduced tensor with extents of 1 where it was reduced, whether they were kept or not. */
function withKeptAxes(b: GraphBuilder, reduced: Value, shape: Shape, axes: readonly number[]): Value {
  return b.reshape(
    reduced,
    shape.map((dim, i) => (axes.includes(i) ? 1 : dim)),
  );
}
