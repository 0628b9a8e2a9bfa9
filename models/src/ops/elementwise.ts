/** Operators that work element by element, with numpy broadcasting. Broadcasting is undone by the walk, not here. */
import { addDims, floorDivDims, mulDims, subDims } from "../graph/dims";
import { broadcastShapes, isFloat, requireDType, required, requireSameDType, requireShape } from "../graph/shapes";
import type { Dim, DType, InferContext, OperatorAttributes, Shape, TensorType } from "../graph/types";
import type { GradientRule, Operator } from "./operator";

type Attributeless = OperatorAttributes["Add"];
type Elementwise = Operator<Attributeless>;

const notSmooth = { none: "its result is true or false" } as const;

export const add = arithmetic(addDims, ({ gradient }) => [gradient(), gradient()]);
export const sub = arithmetic(subDims, ({ b, gradient, needs }) => [gradient(), needs(1) ? b.neg(gradient()) : null]);
export const mul = arithmetic(mulDims, ({ b, input, gradient, needs }) => [
  needs(0) ? b.mul(gradient(), input(1)) : null,
  needs(1) ? b.mul(gradient(), input(0)) : null,
]);
export const div = arithmetic(floorDivDims, ({ b, input, output, gradient, needs }) => {
  const scaled = b.div(gradient(), input(1));
  return [scaled, needs(1) ? b.neg(b.mul(scaled, output(0))) : null];
});
export const pow = arithmetic(undefined, ({ b, input, output, gradient, needs }) => {
  const exponent = needs(0) || needs(1) ? input(1) : null;
  return [
    needs(0) ? b.mul(gradient(), b.mul(exponent!, b.pow(input(0), b.sub(exponent!, 1)))) : null,
    needs(1) ? b.mul(gradient(), b.mul(output(0), b.log(input(0)))) : null,
  ];
});
/** Equal inputs share the gradient evenly, as PyTorch does. */
export const min = arithmetic(undefined, extremum("less"));
export const max = arithmetic(undefined, extremum("greater"));

export const sum: Elementwise = {
  domain: "",
  inputs: ["data", "data..."],
  outputs: ["sum"],
  attributes: {},
  infer: (context) => {
    const types = context.inputs.map((_, i) => required(context, i));
    requireSameDType(context, types);
    return [{ dtype: types[0]!.dtype, shape: types.map((type) => type.shape).reduce(broadcasting(context)) }];
  },
  gradient: ({ numInputs, gradient }) => Array.from({ length: numInputs }, () => gradient()),
};

export const equal = comparison();
export const less = comparison();
export const lessOrEqual = comparison();
export const greater = comparison();
export const greaterOrEqual = comparison();
export const and = comparison("bool");
export const or = comparison("bool");
export const not: Elementwise = {
  ...unary(() => []),
  infer: (context) => {
    const x = required(context, 0);
    requireDType(context, x, "bool");
    return [{ dtype: "bool", shape: x.shape }];
  },
  gradient: notSmooth,
};

export const neg = unary(({ b, gradient }) => [b.neg(gradient())]);
export const abs = unary(({ b, input, gradient }) => [b.mul(gradient(), b.sign(input(0)))]);
export const sign = unary(() => [null]);
export const sqrt = unary(({ b, output, gradient }) => [b.div(b.mul(gradient(), 0.5), output(0))]);
export const reciprocal = unary(({ b, output, gradient }) => [b.neg(b.mul(gradient(), b.mul(output(0), output(0))))]);
export const exp = unary(({ b, output, gradient }) => [b.mul(gradient(), output(0))]);
export const log = unary(({ b, input, gradient }) => [b.div(gradient(), input(0))]);
export const sin = unary(({ b, input, gradient }) => [b.mul(gradient(), b.cos(input(0)))]);
export const cos = unary(({ b, input, gradient }) => [b.neg(b.mul(gradient(), b.sin(input(0))))]);
export const tanh = unary(({ b, output, gradient }) => {
  const y = output(0);
  return [b.mul(gradient(), b.sub(1, b.mul(y, y)))];
});
export const erf = unary(({ b, input, gradient }) => {
  const x = input(0);
  return [b.mul(gradient(), b.mul(b.exp(b.neg(b.mul(x, x))), 2 / Math.sqrt(Math.PI)))];
});
export const sigmoid = unary(({ b, output, gradient }) => {
  const y = output(0);
  return [b.mul(gradient(), b.mul(y, b.sub(1, y)))];
});
export const softplus = unary(({ b, input, gradient }) => [b.mul(gradient(), b.sigmoid(input(0)))]);
export const relu = unary(({ b, output, gradient }) => [b.where(b.greater(output(0), 0), gradient(), 0)]);

export const clip: Elementwise = {
  domain: "",
  inputs: ["input", "min?", "max?"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const x = required(context, 0);
    for (const bound of context.inputs.slice(1)) {
      if (bound === null || bound === undefined) continue;
      if (bound.shape.length > 0) context.fail("limits must be scalars");
      requireSameDType(context, [x, bound]);
    }
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  /** The limits themselves belong to the inside, as in PyTorch. */
  gradient: ({ b, input, hasInput, gradient, needs, fail }) => {
    if (needs(1) || needs(2)) fail("its limits have no gradient");
    const inside = [];
    if (hasInput(1)) inside.push(b.greaterOrEqual(input(0), input(1)));
    if (hasInput(2)) inside.push(b.lessOrEqual(input(0), input(2)));
    if (inside.length === 0) return [gradient()];
    return [b.where(inside.length === 1 ? inside[0]! : b.and(inside[0]!, inside[1]!), gradient(), 0)];
  },
};

export const where: Elementwise = {
  domain: "",
  inputs: ["condition", "X", "Y"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const [condition, x, y] = [required(context, 0), required(context, 1), required(context, 2)];
    requireDType(context, condition, "bool");
    requireSameDType(context, [x, y]);
    return [{ dtype: x.dtype, shape: [condition.shape, x.shape, y.shape].reduce(broadcasting(context)) }];
  },
  gradient: ({ b, input, gradient, needs }) => [
    null,
    needs(1) ? b.where(input(0), gradient(), 0) : null,
    needs(2) ? b.where(input(0), 0, gradient()) : null,
  ],
};

export const cast: Operator<OperatorAttributes["Cast"]> = {
  domain: "",
  inputs: ["input"],
  outputs: ["output"],
  attributes: { to: "dtype" },
  infer: (context) => {
    const x = required(context, 0);
    return [
      { dtype: context.attributes.to, shape: x.shape, content: isFloat(context.attributes.to) ? undefined : x.content },
    ];
  },
  gradient: ({ b, input, gradient }) => [b.cast(gradient(), input(0).dtype)],
};

export const identity: Elementwise = {
  ...unary(({ gradient }) => [gradient()]),
  infer: (context) => [required(context, 0)],
};

/**
 * Its first input; gradients go to `path` alone, another computation of the same value, or nowhere. For values that are cheaper to compute
 * in one way and to differentiate in another. What only `path` needs is never computed.
 */
export const straightThrough: Elementwise = {
  domain: "iad-r1",
  inputs: ["value", "path?"],
  outputs: ["output"],
  attributes: {},
  infer: (context) => {
    const [value, path] = [required(context, 0), context.inputs[1]];
    if (path !== null && path !== undefined) {
      requireSameDType(context, [value, path]);
      requireShape(context, path, value.shape, "path");
    }
    return [{ dtype: value.dtype, shape: value.shape }];
  },
  gradient: ({ gradient }) => [null, gradient()],
};

// --- helpers --------------------------------------------------------------------------------------------------------

/** Two inputs of one number type; `onLengths` follows small integer tensors that describe shapes. */
function arithmetic(
  onLengths: ((a: Dim, b: Dim) => Dim) | undefined,
  gradient: GradientRule<Attributeless>,
): Elementwise {
  return {
    domain: "",
    inputs: ["A", "B"],
    outputs: ["C"],
    attributes: {},
    infer: (context) => {
      const [a, b] = [required(context, 0), required(context, 1)];
      requireSameDType(context, [a, b]);
      const shape = broadcasting(context)(a.shape, b.shape);
      return [{ dtype: a.dtype, shape, content: onLengths && combineContent(a, b, onLengths) }];
    },
    gradient,
  };
}

function unary(gradient: GradientRule<Attributeless>): Elementwise {
  return {
    domain: "",
    inputs: ["X"],
    outputs: ["Y"],
    attributes: {},
    infer: (context) => {
      const x = required(context, 0);
      return [{ dtype: x.dtype, shape: x.shape }];
    },
    gradient,
  };
}

function comparison(only?: DType): Elementwise {
  return {
    domain: "",
    inputs: ["A", "B"],
    outputs: ["C"],
    attributes: {},
    infer: (context) => {
      const [a, b] = [required(context, 0), required(context, 1)];
      requireSameDType(context, [a, b]);
      if (only !== undefined) requireDType(context, a, only);
      return [{ dtype: "bool", shape: broadcasting(context)(a.shape, b.shape) }];
    },
    gradient: notSmooth,
  };
}

function extremum(wins: "less" | "greater"): GradientRule<Attributeless> {
  return ({ b, input, gradient }) => {
    const strictly = b[wins](input(0), input(1));
    const tied = b.equal(input(0), input(1));
    const share = b.add(b.cast(strictly, gradient().dtype), b.mul(b.cast(tied, gradient().dtype), 0.5));
    const first = b.mul(gradient(), share);
    return [first, b.sub(gradient(), first)];
  };
}

function broadcasting<A>(context: InferContext<A>): (a: Shape, b: Shape) => Shape {
  return (a, b) => broadcastShapes(a, b) ?? context.fail("shapes must agree or be 1 on every axis");
}

function combineContent(a: TensorType, b: TensorType, combine: (a: Dim, b: Dim) => Dim): Dim[] | undefined {
  if (a.content === undefined || b.content === undefined) return undefined;
  const length = Math.max(a.content.length, b.content.length);
  const pick = (content: readonly Dim[], i: number) => content[content.length === 1 ? 0 : i]!;
  return Array.from({ length }, (_, i) => combine(pick(a.content!, i), pick(b.content!, i)));
}
