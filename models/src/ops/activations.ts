/** Activations that ONNX or ONNX Runtime have as one operator. Others are made of elementwise operators. */
import { required } from "../graph/shapes";
import type { InferContext, OperatorAttributes, TensorType } from "../graph/types";
import type { Operator } from "./operator";

/** x * sigmoid(alpha x). With alpha 1 it is SiLU (Swish). */
export const quickGelu: Operator<OperatorAttributes["QuickGelu"]> = {
  domain: "com.microsoft",
  inputs: ["X"],
  outputs: ["Y"],
  attributes: { alpha: "float" },
  infer: sameAsInput,
  // s = sigmoid(alpha x), y = x s: dy/dx = s + alpha y (1 - s)
  gradient: ({ b, attributes, input, output, gradient }) => {
    const alpha = attributes.alpha ?? 1.702;
    const s = b.sigmoid(alpha === 1 ? input(0) : b.mul(input(0), alpha));
    const rest = b.mul(output(0), b.sub(1, s));
    return [b.mul(gradient(), b.add(s, alpha === 1 ? rest : b.mul(rest, alpha)))];
  },
};

export const gelu: Operator<OperatorAttributes["Gelu"]> = {
  domain: "",
  inputs: ["X"],
  outputs: ["Y"],
  attributes: { approximate: "string" },
  infer: sameAsInput,
  gradient: ({ b, attributes, input, output, gradient }) => {
    const x = input(0);
    const square = b.mul(x, x);
    if (attributes.approximate === "tanh") {
      // 0.5 (1 + tanh u) = sigmoid(2u) with 2u = x (k + k c x^2), so y = x s and dy/dx = s + y (1 - s) (k + 3 k c x^2).
      const k = 2 * Math.sqrt(2 / Math.PI);
      const cubic = b.mul(square, k * 0.044715);
      const s = b.sigmoid(b.mul(x, b.add(cubic, k)));
      const slope = b.add(b.mul(cubic, 3), k);
      return [b.mul(gradient(), b.add(s, b.mul(b.mul(output(0), b.sub(1, s)), slope)))];
    }
    // y = x Phi(x): dy/dx = Phi(x) + x phi(x)
    const cumulative = b.add(b.mul(b.erf(b.mul(x, Math.SQRT1_2)), 0.5), 0.5);
    const density = b.mul(b.exp(b.mul(square, -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [b.mul(gradient(), b.add(cumulative, b.mul(x, density)))];
  },
};

function sameAsInput<A>(context: InferContext<A>): TensorType[] {
  const x = required(context, 0);
  return [{ dtype: x.dtype, shape: x.shape }];
}
