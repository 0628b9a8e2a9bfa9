/**
 * AdamW with clipping by the global norm, as one graph over all trainable weights. The step count, schedules and the zeroing of
 * gradients are the host's.
 */
import type { GraphBuilder } from "../graph/builder";
import type { Value } from "../graph/types";
import type { ParameterInput } from "../nn/parameters";
import { createBuilder } from "../ops/createBuilder";
import type { Program } from "./program";

export interface OptimizerOptions {
  /** Which weights decay; all by default, as torch's AdamW. */
  decays?: (path: string) => boolean;
}

/**
 * Inputs: for each weight `<path>`, `grad.<path>`, `m.<path>`, `v.<path>`; scalars learning_rate, weight_decay, max_grad_norm,
 * beta1, beta2, epsilon and the bias corrections correction1 = 1 - beta1^t, correction2 = 1 - beta2^t for step t = 1, 2, …
 * Outputs: the ".next" of weight, m and v, and grad_norm [] before clipping.
 *
 * @see Decoupled Weight Decay Regularization, arXiv:1711.05101; clipping as torch's `clip_grad_norm_`: factor
 *   min(1, max / (norm + 1e-6))
 */
export function optimizerProgram(weights: readonly ParameterInput[], options: OptimizerOptions = {}): Program {
  const b = createBuilder("adamw");
  const decays = options.decays ?? (() => true);
  const slots = weights.map(({ path, shape }) => ({
    path,
    weight: b.input(path, "float32", shape),
    gradient: b.input(`grad.${path}`, "float32", shape),
    m: b.input(`m.${path}`, "float32", shape),
    v: b.input(`v.${path}`, "float32", shape),
  }));
  const scalar = (name: string) => b.input(name, "float32", []);
  const learningRate = scalar("learning_rate");
  const [beta1, beta2] = [scalar("beta1"), scalar("beta2")];
  const epsilon = scalar("epsilon");
  const keep = b.sub(1, b.mul(learningRate, scalar("weight_decay")));
  const norm = globalNorm(
    b,
    slots.map(({ gradient }) => gradient),
  );
  b.output("grad_norm", norm);
  const clip = b.min(b.div(scalar("max_grad_norm"), b.add(norm, 1e-6)), 1);
  // Folding scalars first leaves ten elementwise passes per weight. As the clipping factor needs every gradient, no weight is
  // written before all gradients were read.
  const gradientShare = b.mul(clip, b.sub(1, beta1));
  const squareShare = b.mul(b.mul(clip, clip), b.sub(1, beta2));
  const stepSize = b.div(learningRate, scalar("correction1"));
  const rootCorrection = b.reciprocal(b.sqrt(scalar("correction2")));
  for (const { path, weight, gradient, m, v } of slots) {
    const nextM = b.add(b.mul(m, beta1), b.mul(gradient, gradientShare));
    const nextV = b.add(b.mul(v, beta2), b.mul(b.mul(gradient, gradient), squareShare));
    const denominator = b.add(b.mul(b.sqrt(nextV), rootCorrection), epsilon);
    const step = b.mul(b.div(nextM, denominator), stepSize);
    b.output(`m.${path}.next`, nextM);
    b.output(`v.${path}.next`, nextV);
    b.output(`${path}.next`, b.sub(decays(path) ? b.mul(weight, keep) : weight, step));
  }
  return { graph: b.finish(), parameters: weights.map((weight) => ({ ...weight, trainable: true })) };
}

/** Square root of the sum of all squares. */
function globalNorm(b: GraphBuilder, values: readonly Value[]): Value {
  return b.sqrt(b.sum(values.map((value) => b.reduceSumSquare(value, undefined, { keepDims: false }))));
}
