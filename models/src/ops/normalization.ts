/** Normalisation layers and log-probabilities: gradients in the forms that touch the activations least often. */
import type { GraphBuilder } from "../graph/builder";
import {
  axisOf,
  required,
  requireDim,
  requireDType,
  requireRank,
  requireSameDType,
  requireShape,
  withDim,
} from "../graph/shapes";
import type { Dim, InferContext, OperatorAttributes, Shape, TensorType, Value } from "../graph/types";
import type { Contribution, Operator } from "./operator";

export const softmax: Operator<OperatorAttributes["Softmax"]> = {
  domain: "",
  inputs: ["input"],
  outputs: ["output"],
  attributes: { axis: "int" },
  infer: alongAxis,
  gradient: ({ b, attributes, output, gradient }) => {
    const y = output(0);
    const weighted = b.mul(gradient(), y);
    return [b.sub(weighted, b.mul(y, b.reduceSum(weighted, [attributes.axis ?? -1])))];
  },
};

export const logSoftmax: Operator<OperatorAttributes["LogSoftmax"]> = {
  domain: "",
  inputs: ["input"],
  outputs: ["output"],
  attributes: { axis: "int" },
  infer: alongAxis,
  gradient: ({ b, attributes, output, gradient }) => [
    logSoftmaxGradient(b, output(0), gradient(), attributes.axis ?? -1),
  ],
};

/** LogSoftmax over the vocabulary and the entries of the target tokens: the head of a language model. */
export const tokenLogProbs: Operator<OperatorAttributes["TokenLogProbs"]> = {
  domain: "iad-r1",
  inputs: ["logits", "targets"],
  outputs: ["selected", "all"],
  attributes: {},
  infer: (context) => {
    const [logits, targets] = [required(context, 0), required(context, 1)];
    requireRank(context, logits, 2, "logits");
    requireDType(context, targets, "int64");
    requireShape(context, targets, [logits.shape[0]!], "targets");
    return [
      { dtype: logits.dtype, shape: targets.shape },
      { dtype: logits.dtype, shape: logits.shape },
    ];
  },
  // d logits = g (onehot - p): p is exp of what is stored, and the one entry per row is added in place.
  gradient: ({ b, input, output, gradient, hasGradient }) => {
    const all = output(1);
    const rest = hasGradient(1) ? logSoftmaxGradient(b, all, gradient(1), -1) : null;
    if (!hasGradient(0)) return [rest];
    const column = b.unsqueeze(gradient(0), [1]);
    const dense = b.mul(b.exp(all), b.neg(column));
    const targets = b.unsqueeze(input(1), [1]);
    return [b.scatterElements(rest === null ? dense : b.add(dense, rest), targets, column, 1, "add")];
  },
};

export const layerNormalization: Operator<OperatorAttributes["LayerNormalization"]> = {
  domain: "",
  inputs: ["X", "Scale", "B?"],
  outputs: ["Y", "Mean?", "InvStdDev?"],
  attributes: { axis: "int", epsilon: "float" },
  infer: (context) => {
    const { x, statistic } = normalizedType(context);
    return [x, statistic, statistic];
  },
  // x^ = (x - mean) r, d = dy gain: dx = r (d - mean(d) - x^ mean(d x^))
  gradient: ({ b, input, output, gradient, needs }) => {
    const dy = gradient();
    const r = output(2);
    const normalized = b.mul(b.sub(input(0), output(1)), r);
    const weighted = needs(0) || needs(1) ? b.mul(dy, normalized) : dy;
    const dx = () => {
      const d = b.mul(dy, input(1));
      const alongNormal = rowDot(b, weighted, input(1));
      const alongOnes = rowDot(b, dy, input(1));
      return b.mul(b.sub(b.sub(d, alongOnes), b.mul(normalized, alongNormal)), r);
    };
    return [needs(0) ? dx() : null, weighted, dy];
  },
};

/** RMSNorm: x / sqrt(mean(x^2) + epsilon) * gain. */
export const simplifiedLayerNormalization: Operator<OperatorAttributes["SimplifiedLayerNormalization"]> = {
  domain: "",
  inputs: ["X", "scale"],
  outputs: ["Y", "inv_std_var?"],
  attributes: { axis: "int", epsilon: "float", stash_type: "int" },
  infer: (context) => {
    const { x, statistic } = normalizedType(context);
    return [x, statistic];
  },
  gradient: ({ b, input, output, gradient, needs }) =>
    rmsNormGradient(b, input(0), output(1), input(1), gradient(), needs(0)),
};

export const skipSimplifiedLayerNormalization: Operator<OperatorAttributes["SkipSimplifiedLayerNormalization"]> = {
  domain: "com.microsoft",
  inputs: ["input", "skip", "gamma"],
  outputs: ["output", "mean?", "inv_std_var?", "input_skip_bias_sum?"],
  attributes: { epsilon: "float" },
  infer: (context) => {
    const [x, skip, gain] = [required(context, 0), required(context, 1), required(context, 2)];
    requireSameDType(context, [x, skip, gain]);
    requireRank(context, x, 3, "input");
    requireShape(context, skip, x.shape, "skip");
    requireShape(context, gain, [x.shape[2]!], "gamma");
    const type: TensorType = { dtype: x.dtype, shape: x.shape };
    const statistic: TensorType = { dtype: x.dtype, shape: withDim(x.shape, 2, 1) };
    return [type, statistic, statistic, type];
  },
  // The CPU kernel leaves the inverse deviation empty, so it is computed again.
  gradient: ({ b, attributes, input, output, gradient, hasGradient }) => {
    const x = output(3);
    const dSum = hasGradient(3) ? gradient(3) : null;
    if (!hasGradient(0)) return [dSum, dSum];
    const meanSquare = b.reduceMean(b.mul(x, x), [-1]);
    const r = b.reciprocal(b.sqrt(b.add(meanSquare, attributes.epsilon ?? 1e-5)));
    const [dx, dGain] = rmsNormGradient(b, x, r, input(2), gradient(0), true) as [Value, Value];
    const total = dSum === null ? dx : b.add(dx, dSum);
    return [total, total, dGain];
  },
};

// --- helpers --------------------------------------------------------------------------------------------------------

/** u = dy r and w = u x serve both: d gain = sum of w over rows, dx = u gain - x r^2 mean(w gain). */
function rmsNormGradient(
  b: GraphBuilder,
  x: Value,
  r: Value,
  gain: Value,
  dy: Value,
  needsX: boolean,
): [dx: Contribution, dGain: Value] {
  const u = b.mul(dy, r);
  const w = b.mul(u, x);
  if (!needsX) return [null, w];
  const factor = b.mul(b.mul(r, r), rowDot(b, w, gain));
  return [b.sub(b.mul(u, gain), b.mul(x, factor)), w];
}

/** mean over the last axis of x * gain, as a product of a matrix and a vector: [..,C], [C] -> [..,1]. */
function rowDot(b: GraphBuilder, x: Value, gain: Value): Value {
  const width = x.shape.at(-1) as number;
  return b.mul(b.matMul(x, b.reshape(gain, [width, 1])), 1 / width);
}

function logSoftmaxGradient(b: GraphBuilder, logProbs: Value, dy: Value, axis: number): Value {
  return b.sub(dy, b.mul(b.exp(logProbs), b.reduceSum(dy, [axis])));
}

function alongAxis(context: InferContext<{ axis?: number }>): TensorType[] {
  const x = required(context, 0);
  axisOf(context, context.attributes.axis ?? -1, x.shape.length);
  return [{ dtype: x.dtype, shape: x.shape }];
}

function normalizedType<A extends { axis?: number }>(
  context: InferContext<A>,
): { x: TensorType; statistic: TensorType } {
  const [x, gain, bias] = [required(context, 0), required(context, 1), context.inputs[2]];
  const rank = x.shape.length;
  if (rank < 2) context.fail("X must have at least rank 2");
  const axis = axisOf(context, context.attributes.axis ?? -1, rank);
  if (axis !== rank - 1) context.fail("only the last axis is normalised");
  const width: Dim = x.shape[axis]!;
  if (typeof width !== "number") context.fail("the last extent must be a number");
  const weights = bias === null || bias === undefined ? [gain] : [gain, bias];
  requireSameDType(context, [x, ...weights]);
  for (const weight of weights)
    requireDim(context, weight.shape.length === 1 ? weight.shape[0] : undefined, width, "the length of gain and bias");
  const shape: Shape = withDim(x.shape, axis, 1);
  return { x: { dtype: x.dtype, shape: x.shape }, statistic: { dtype: x.dtype, shape } };
}
