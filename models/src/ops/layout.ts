/** Operators that move or count elements and compute none. */
import { addDims, divideExactly, floorDivDims, numElements, subDims } from "../graph/dims";
import {
  axisOf,
  broadcastShapes,
  knownInts,
  required,
  requireDType,
  requireRank,
  requireSameDType,
  sumDims,
  withDim,
} from "../graph/shapes";
import type { Dim, InferContext, OperatorAttributes, TensorType, Value } from "../graph/types";
import type { GradientContext, Operator } from "./operator";

export const reshape: Operator<OperatorAttributes["Reshape"]> = {
  domain: "",
  inputs: ["data", "shape"],
  outputs: ["reshaped"],
  attributes: {},
  infer: (context) => {
    const [x, target] = [required(context, 0), required(context, 1)];
    const wanted = lengthsOf(context, target);
    const shape = wanted.map((dim, i) => (dim === 0 ? (x.shape[i] ?? context.fail(`no extent ${i} to copy`)) : dim));
    const open = shape.indexOf(-1);
    if (open >= 0) {
      shape[open] = 1;
      shape[open] = divideExactly(numElements(x.shape), numElements(shape)) ?? context.unknownDim();
    }
    const [before, after] = [numElements(x.shape), numElements(shape)];
    if (typeof before === "number" && typeof after === "number" && before !== after) {
      context.fail(`${before} elements do not fit into [${wanted.join(",")}]`);
    }
    return [{ dtype: x.dtype, shape, content: shape.length <= 1 ? x.content : undefined }];
  },
  gradient: toInputShape,
};

export const squeeze: Operator<OperatorAttributes["Squeeze"]> = {
  domain: "",
  inputs: ["data", "axes"],
  outputs: ["squeezed"],
  attributes: {},
  infer: (context) => {
    const x = required(context, 0);
    const axes = axesOf(context, 1, x.shape.length);
    for (const axis of axes) if (x.shape[axis] !== 1) context.fail(`the extent at axis ${axis} must be 1`);
    return [{ dtype: x.dtype, shape: x.shape.filter((_, i) => !axes.includes(i)), content: x.content }];
  },
  gradient: toInputShape,
};

export const unsqueeze: Operator<OperatorAttributes["Unsqueeze"]> = {
  domain: "",
  inputs: ["data", "axes"],
  outputs: ["expanded"],
  attributes: {},
  infer: (context) => {
    const x = required(context, 0);
    const count = knownInts(context.inputs[1])?.length ?? context.fail("axes must be constant");
    const axes = axesOf(context, 1, x.shape.length + count);
    const rest = [...x.shape];
    const shape = Array.from({ length: x.shape.length + count }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!));
    return [{ dtype: x.dtype, shape, content: shape.length <= 1 ? x.content : undefined }];
  },
  gradient: toInputShape,
};

export const transpose: Operator<OperatorAttributes["Transpose"]> = {
  domain: "",
  inputs: ["data"],
  outputs: ["transposed"],
  attributes: { perm: "ints" },
  infer: (context) => {
    const x = required(context, 0);
    const { perm } = context.attributes;
    const isPermutation = perm.length === x.shape.length && x.shape.every((_, i) => perm.includes(i));
    if (!isPermutation) context.fail(`perm [${perm.join(",")}] must list each axis once`);
    return [{ dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]!) }];
  },
  gradient: ({ b, attributes, gradient }) => [b.transpose(gradient(), inversePermutation(attributes.perm))],
};

export function inversePermutation(perm: readonly number[]): number[] {
  return perm.map((_, axis) => perm.indexOf(axis));
}

export const concat: Operator<OperatorAttributes["Concat"]> = {
  domain: "",
  inputs: ["inputs", "inputs..."],
  outputs: ["concat_result"],
  attributes: { axis: "int" },
  infer: (context) => {
    const types = context.inputs.map((_, i) => required(context, i));
    requireSameDType(context, types);
    const first = types[0]!;
    const axis = axisOf(context, context.attributes.axis, first.shape.length);
    const agree = types.every(
      ({ shape }) =>
        shape.length === first.shape.length && shape.every((dim, i) => i === axis || dim === first.shape[i]),
    );
    if (!agree) context.fail(`inputs must agree except on axis ${axis}`);
    const contents = types.map((type) => type.content);
    return [
      {
        dtype: first.dtype,
        shape: withDim(first.shape, axis, sumDims(types.map(({ shape }) => shape[axis]!))),
        content: contents.includes(undefined) ? undefined : contents.flatMap((content) => content!),
      },
    ];
  },
  gradient: ({ b, attributes, numInputs, input, gradient }) => {
    const axis = attributes.axis < 0 ? attributes.axis + gradient().shape.length : attributes.axis;
    const sizes = Array.from({ length: numInputs }, (_, i) => input(i).shape[axis]!);
    return b.split(gradient(), sizes, axis);
  },
};

export const split: Operator<OperatorAttributes["Split"]> = {
  domain: "",
  inputs: ["input", "split"],
  outputs: ["outputs..."],
  attributes: { axis: "int", num_outputs: "int" },
  infer: (context) => {
    const x = required(context, 0);
    const axis = axisOf(context, context.attributes.axis ?? 0, x.shape.length);
    const sizes = required(context, 1).content ?? context.fail("sizes must be known");
    if (sumDims(sizes) !== x.shape[axis]) {
      context.fail(`sizes [${sizes.join(",")}] must add up to ${x.shape[axis]}, got ${sumDims(sizes)}`);
    }
    return sizes.map((size) => ({ dtype: x.dtype, shape: withDim(x.shape, axis, size) }));
  },
  gradient: ({ b, attributes, input, output, gradient, hasGradient }) => {
    const count = input(1).content!.length;
    const pieces = Array.from({ length: count }, (_, i) =>
      hasGradient(i) ? gradient(i) : b.full(output(i).shape, 0, output(i).dtype),
    );
    return [b.concat(pieces, attributes.axis ?? 0)];
  },
};

export const slice: Operator<OperatorAttributes["Slice"]> = {
  domain: "",
  inputs: ["data", "starts", "ends", "axes"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const x = required(context, 0);
    const bounds = sliceBounds(context);
    const shape = [...x.shape];
    for (const { axis, start, end } of bounds) {
      shape[axis] = start === undefined || end === undefined ? context.unknownDim() : subDims(end, start);
    }
    const only = bounds.length === 1 && x.shape.length === 1 ? bounds[0]! : undefined;
    const content =
      typeof only?.start === "number" && typeof only.end === "number"
        ? x.content?.slice(only.start, only.end)
        : undefined;
    return [{ dtype: x.dtype, shape, content }];
  },
  gradient: ({ b, input, gradient, fail }) => {
    const x = input(0);
    const before: Dim[] = x.shape.map(() => 0);
    const after: Dim[] = x.shape.map(() => 0);
    const inputs = [x, input(1), input(2), input(3)];
    for (const { axis, start, end } of sliceBounds({ inputs, fail })) {
      if (start === undefined || end === undefined) fail("bounds must be known when the graph is built");
      before[axis] = start!;
      after[axis] = subDims(x.shape[axis]!, end!);
    }
    return [b.pad(gradient(), before, after)];
  },
};

export const pad: Operator<OperatorAttributes["Pad"]> = {
  domain: "",
  inputs: ["data", "pads"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const x = required(context, 0);
    const pads = required(context, 1).content ?? context.fail("pads must be known");
    const rank = x.shape.length;
    if (pads.length !== 2 * rank) context.fail(`pads must have ${2 * rank} entries, got ${pads.length}`);
    return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => sumDims([pads[i]!, dim, pads[rank + i]!])) }];
  },
  gradient: ({ b, input, gradient }) => {
    const { shape } = input(0);
    const before = input(1).content!.slice(0, shape.length);
    const ends = shape.map((dim, i) => addDims(before[i]!, dim));
    return [
      b.slice(
        gradient(),
        b.lengths(before),
        b.lengths(ends),
        shape.map((_, i) => i),
      ),
    ];
  },
};

export const expand: Operator<OperatorAttributes["Expand"]> = {
  domain: "",
  inputs: ["input", "shape"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const x = required(context, 0);
    const target = lengthsOf(context, required(context, 1));
    const shape = broadcastShapes(x.shape, target) ?? context.fail(`it cannot broadcast to [${target.join(",")}]`);
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ gradient }) => [gradient()],
};

export const shape: Operator<OperatorAttributes["Shape"]> = {
  domain: "",
  inputs: ["data"],
  outputs: ["shape"],
  attributes: { start: "int", end: "int" },
  infer: (context) => {
    const { start = 0, end } = context.attributes;
    const content = required(context, 0).shape.slice(start, end);
    return [{ dtype: "int64", shape: [content.length], content }];
  },
  gradient: { none: "its result is a shape" },
};

export const constantOfShape: Operator<OperatorAttributes["ConstantOfShape"]> = {
  domain: "",
  inputs: ["input"],
  outputs: ["output"],
  attributes: { value: "tensor" },
  infer: (context) => [{ dtype: context.attributes.value.dtype, shape: lengthsOf(context, required(context, 0)) }],
  gradient: { none: "its result depends on a shape only" },
};

export const range: Operator<OperatorAttributes["Range"]> = {
  domain: "",
  inputs: ["start", "limit", "delta"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const types = [required(context, 0), required(context, 1), required(context, 2)];
    requireSameDType(context, types);
    for (const type of types) requireRank(context, type, 0, "each input");
    const [start, limit, delta] = types.map((type) => type.content?.[0]);
    const known = start !== undefined && limit !== undefined && typeof delta === "number" && delta > 0;
    const length = known ? floorDivDims(sumDims([subDims(limit, start), delta - 1]), delta) : context.unknownDim();
    return [{ dtype: types[0]!.dtype, shape: [length] }];
  },
  gradient: { none: "its result is a sequence of counts" },
};

// --- helpers --------------------------------------------------------------------------------------------------------

function toInputShape<A>({ b, input, gradient }: GradientContext<A>): Value[] {
  return [b.reshape(gradient(), input(0).shape)];
}

/** The lengths an int64[n] tensor describes; unknown ones get names of their own. */
function lengthsOf<A>(context: InferContext<A>, tensor: TensorType): Dim[] {
  requireDType(context, tensor, "int64");
  requireRank(context, tensor, 1, "the shape");
  if (tensor.content !== undefined) return [...tensor.content];
  const rank = tensor.shape[0];
  if (typeof rank !== "number") return context.fail("the rank of the result must be known");
  return Array.from({ length: rank }, () => context.unknownDim());
}

function axesOf<A>(context: InferContext<A>, index: number, rank: number): number[] {
  const axes = knownInts(context.inputs[index]) ?? context.fail("axes must be constant");
  return axes.map((axis) => axisOf(context, axis, rank));
}

interface Bounds {
  axis: number;
  /** Counted from the front; undefined when not known before the graph runs. */
  start: Dim | undefined;
  end: Dim | undefined;
}

/** Bounds per sliced axis, negative ones counted from the end and numbers limited to a known extent. */
function sliceBounds(context: Pick<InferContext, "inputs" | "fail">): Bounds[] {
  const [x, starts, ends, axes] = context.inputs;
  const axisList = knownInts(axes) ?? context.fail("axes must be constant");
  return axisList.map((axis, i) => {
    const extent = x!.shape[axis] ?? context.fail(`there is no axis ${axis}`);
    const place = (bound: Dim | undefined) => {
      if (typeof bound !== "number") return bound;
      if (bound < 0) return typeof extent === "number" ? Math.max(0, bound + extent) : addDims(extent, bound);
      // 2^31 - 1 and above is ONNX's way to write "to the end".
      if (bound >= 2 ** 31 - 1) return extent;
      return typeof extent === "number" ? Math.min(bound, extent) : bound;
    };
    return { axis, start: place(starts?.content?.[i]), end: place(ends?.content?.[i]) };
  });
}
