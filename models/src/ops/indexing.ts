/** Reading and writing elements by index. Gradients of reads are added writes, straight onto what was summed before. */
import type { GraphBuilder } from "../graph/builder";
import { sameShape } from "../graph/dims";
import {
  axisOf,
  formatShape,
  knownInts,
  required,
  requireDType,
  requireSameDType,
  requireShape,
  withDim,
} from "../graph/shapes";
import type { InferContext, OperatorAttributes, TensorType, Value } from "../graph/types";
import { inversePermutation } from "./layout";
import type { Operator } from "./operator";

const wholeNumbers = { none: "its result is an index" } as const;

export const gather: Operator<OperatorAttributes["Gather"]> = {
  domain: "",
  inputs: ["data", "indices"],
  outputs: ["output"],
  attributes: { axis: "int" },
  infer: (context) => {
    const [x, indices] = [required(context, 0), required(context, 1)];
    requireDType(context, indices, "int64", "int32");
    const axis = axisOf(context, context.attributes.axis ?? 0, x.shape.length);
    const picked = x.shape.length === 1 ? knownInts(indices) : undefined;
    return [
      {
        dtype: x.dtype,
        shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)],
        content: picked && x.content && picked.map((i) => x.content!.at(i) ?? context.fail(`there is no element ${i}`)),
      },
    ];
  },
  gradient: ({ b, attributes, input, gradient }) => {
    const [x, indices] = [input(0), input(1)];
    const axis = attributes.axis ?? 0;
    const rows = b.unsqueeze(b.cast(indices, "int64"), [indices.shape.length]);
    if (axis === 0) return [(sum) => b.scatterND(sum ?? zerosLike(b, x), rows, gradient(), "add")];
    // Bring the gathered axis to the front, where ScatterND writes.
    const front = [axis, ...axesOf(x).filter((i) => i !== axis)];
    const numIndexAxes = indices.shape.length;
    const gradientFront = [
      ...Array.from({ length: numIndexAxes }, (_, i) => axis + i),
      ...axesOf(gradient()).filter((i) => i < axis || i >= axis + numIndexAxes),
    ];
    const zeros = b.full(
      front.map((i) => x.shape[i]!),
      0,
      x.dtype,
    );
    const scattered = b.scatterND(zeros, rows, b.transpose(gradient(), gradientFront), "add");
    return [b.transpose(scattered, inversePermutation(front))];
  },
};

export const gatherElements: Operator<OperatorAttributes["GatherElements"]> = {
  domain: "",
  inputs: ["data", "indices"],
  outputs: ["output"],
  attributes: { axis: "int" },
  infer: (context) => {
    const [x, indices] = [required(context, 0), required(context, 1)];
    requireDType(context, indices, "int64", "int32");
    axisOf(context, context.attributes.axis ?? 0, x.shape.length);
    if (x.shape.length !== indices.shape.length) context.fail("data and indices must have one rank");
    return [{ dtype: x.dtype, shape: indices.shape }];
  },
  gradient: ({ b, attributes, input, gradient }) => [
    (sum) => b.scatterElements(sum ?? zerosLike(b, input(0)), input(1), gradient(), attributes.axis ?? 0, "add"),
  ],
};

export const gatherND: Operator<OperatorAttributes["GatherND"]> = {
  domain: "",
  inputs: ["data", "indices"],
  outputs: ["output"],
  attributes: { batch_dims: "int" },
  infer: (context) => {
    const [x, indices] = [required(context, 0), required(context, 1)];
    requireDType(context, indices, "int64");
    const batchDims = context.attributes.batch_dims ?? 0;
    const depth = indexDepth(context, indices);
    return [{ dtype: x.dtype, shape: [...indices.shape.slice(0, -1), ...x.shape.slice(batchDims + depth)] }];
  },
  gradient: ({ b, attributes, input, gradient, fail }) => {
    if ((attributes.batch_dims ?? 0) !== 0) fail("batch_dims must be 0");
    return [(sum) => b.scatterND(sum ?? zerosLike(b, input(0)), input(1), gradient(), "add")];
  },
};

/** Without reduction the indices must differ from each other: what happens with two writes to one place is undefined. */
export const scatterND: Operator<OperatorAttributes["ScatterND"]> = {
  domain: "",
  inputs: ["data", "indices", "updates"],
  outputs: ["output"],
  attributes: { reduction: "string" },
  infer: (context) => {
    const [x, indices, updates] = [required(context, 0), required(context, 1), required(context, 2)];
    requireDType(context, indices, "int64");
    requireSameDType(context, [x, updates]);
    const depth = indexDepth(context, indices);
    requireShape(context, updates, [...indices.shape.slice(0, -1), ...x.shape.slice(depth)], "updates");
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  gradient: ({ b, attributes, input, gradient, needs }) => [
    !needs(0)
      ? null
      : attributes.reduction === "add"
        ? gradient()
        : b.scatterND(gradient(), input(1), zerosLike(b, input(2))),
    null,
    needs(2) ? b.gatherND(gradient(), input(1)) : null,
  ],
};

/** As ScatterND, without reduction the indices must differ. */
export const scatterElements: Operator<OperatorAttributes["ScatterElements"]> = {
  domain: "",
  inputs: ["data", "indices", "updates"],
  outputs: ["output"],
  attributes: { axis: "int", reduction: "string" },
  infer: (context) => {
    const [x, indices, updates] = [required(context, 0), required(context, 1), required(context, 2)];
    requireDType(context, indices, "int64", "int32");
    requireSameDType(context, [x, updates]);
    axisOf(context, context.attributes.axis ?? 0, x.shape.length);
    if (!sameShape(indices.shape, updates.shape)) context.fail("indices and updates must have one shape");
    if (x.shape.length !== indices.shape.length) context.fail("data and indices must have one rank");
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  gradient: ({ b, attributes, input, gradient, needs }) => {
    const axis = attributes.axis ?? 0;
    return [
      !needs(0)
        ? null
        : attributes.reduction === "add"
          ? gradient()
          : b.scatterElements(gradient(), input(1), zerosLike(b, input(2)), axis),
      null,
      needs(2) ? b.gatherElements(gradient(), input(1), axis) : null,
    ];
  },
};

export const argMax: Operator<OperatorAttributes["ArgMax"]> = {
  domain: "",
  inputs: ["data"],
  outputs: ["reduced"],
  attributes: { axis: "int", keepdims: "int" },
  infer: (context) => {
    const x = required(context, 0);
    const axis = axisOf(context, context.attributes.axis ?? 0, x.shape.length);
    const kept = withDim(x.shape, axis, 1);
    return [{ dtype: "int64", shape: context.attributes.keepdims === 0 ? kept.filter((_, i) => i !== axis) : kept }];
  },
  gradient: wholeNumbers,
};

export const topK: Operator<OperatorAttributes["TopK"]> = {
  domain: "",
  inputs: ["X", "K"],
  outputs: ["Values", "Indices"],
  attributes: { axis: "int", largest: "int", sorted: "int" },
  infer: (context) => {
    const [x, k] = [required(context, 0), required(context, 1)];
    requireShape(context, k, [1], "K");
    const axis = axisOf(context, context.attributes.axis ?? -1, x.shape.length);
    const shape = withDim(x.shape, axis, k.content?.[0] ?? context.unknownDim());
    return [
      { dtype: x.dtype, shape },
      { dtype: "int64", shape },
    ];
  },
  gradient: { none: "it serves sampling, which is not differentiated" },
};

function axesOf(x: Value): number[] {
  return [...x.shape.keys()];
}

function zerosLike(b: GraphBuilder, x: Value): Value {
  return b.full(x.shape, 0, x.dtype);
}

function indexDepth<A>(context: InferContext<A>, indices: TensorType): number {
  const depth = indices.shape.at(-1);
  return typeof depth === "number"
    ? depth
    : context.fail(`the last extent of indices ${formatShape(indices.shape)} must be a number`);
}
