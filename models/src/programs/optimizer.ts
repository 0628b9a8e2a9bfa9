/**
 * AdamW with clipping by the global norm, as one graph over trainable weights: all of them, or a part when the host knows the
 * clipping factor. The step count, schedules and the zeroing of gradients are the host's.
 */
import type { GraphBuilder } from "../graph/builder";
import type { Dim, Graph, Value } from "../graph/types";
import { createBuilder } from "../ops/createBuilder";

/** A weight by its path, or a piece of one whose length is known when it runs. */
export interface OptimizedWeight {
  path: string;
  shape: readonly Dim[];
}

export interface OptimizerOptions {
  /** Which weights decay; all by default, as torch's AdamW. */
  decays?: (path: string) => boolean;
  /** "computed" from the gradients of this program (the default), or "given" as the scalar `clip` when they are a part of all. */
  clip?: "computed" | "given";
}

/** Settings of one step; betas, epsilon and decay as torch's AdamW names them. */
export interface AdamWStep {
  /** 1 for the first step. */
  step: number;
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Gradients are scaled down to this global norm; Infinity leaves them as they are. */
  maxGradNorm: number;
}

/** Scalar inputs of every program; beside them `max_grad_norm` or `clip`. */
const scalarNames = ["keep_m", "add_m", "keep_v", "add_v", "keep_weight", "step_size", "epsilon"] as const;

type Scalars = Record<(typeof scalarNames)[number], number>;

/**
 * The scalar inputs of one step. They are made here, in double precision: 1 - 0.999 taken in float32 would be off by 1e-5.
 */
export function adamWScalars(at: AdamWStep): Scalars & { max_grad_norm: number } {
  return { max_grad_norm: Math.min(at.maxGradNorm, 3e38), ...updateScalars(at) };
}

/**
 * The scalar inputs of one step with the clipping factor given.
 *
 * @param norm of all gradients
 */
export function clippedAdamWScalars(at: AdamWStep, norm: number): Scalars & { clip: number } {
  return { clip: Math.min(1, at.maxGradNorm / (norm + clipFloor)), ...updateScalars(at) };
}

/** Keeps the clipping factor finite, as torch does. */
const clipFloor = 1e-6;

function updateScalars(at: AdamWStep): Scalars {
  const rootCorrection = Math.sqrt(1 - at.beta2 ** at.step);
  return {
    keep_m: at.beta1,
    add_m: 1 - at.beta1,
    keep_v: at.beta2,
    add_v: 1 - at.beta2,
    keep_weight: 1 - at.learningRate * at.weightDecay,
    // m / (1 - beta1^t) over sqrt(v / (1 - beta2^t)) + epsilon, with what does not change from weight to weight taken out.
    step_size: (at.learningRate * rootCorrection) / (1 - at.beta1 ** at.step),
    epsilon: at.epsilon * rootCorrection,
  };
}

/**
 * Inputs: for each weight `<path>`, `grad.<path>`, `m.<path>` and `v.<path>`, and the scalars of `adamWScalars` (or
 * `clippedAdamWScalars`). Outputs: the ".next" of weight, m and v, and grad_norm [] before clipping when it is computed here.
 *
 * @see Decoupled Weight Decay Regularization, arXiv:1711.05101; clipping as torch's `clip_grad_norm_`: factor
 *   min(1, max / (norm + 1e-6))
 */
export function optimizerProgram(
  weights: readonly OptimizedWeight[],
  options: OptimizerOptions = {},
): { graph: Graph } {
  const b = createBuilder("adamw");
  const decays = options.decays ?? (() => true);
  const slots = weights.map(({ path, shape }) => ({
    path,
    weight: b.input(path, "float32", shape),
    gradient: b.input(`grad.${path}`, "float32", shape),
    m: b.input(`m.${path}`, "float32", shape),
    v: b.input(`v.${path}`, "float32", shape),
  }));
  const entries = scalarNames.map((name) => [name, b.input(name, "float32", [])] as const);
  const scalar = Object.fromEntries(entries) as Record<(typeof scalarNames)[number], Value>;
  let clip: Value;
  if (options.clip === "given") {
    clip = b.input("clip", "float32", []);
  } else {
    const norm = globalNorm(
      b,
      slots.map(({ gradient }) => gradient),
    );
    b.output("grad_norm", norm);
    // The clipping factor needs every gradient, so no weight is written before all gradients were read.
    clip = b.min(b.div(b.input("max_grad_norm", "float32", []), b.add(norm, clipFloor)), 1);
  }
  const addM = b.mul(clip, scalar.add_m);
  const addV = b.mul(b.mul(clip, clip), scalar.add_v);
  for (const { path, weight, gradient, m, v } of slots) {
    const nextM = b.add(b.mul(m, scalar.keep_m), b.mul(gradient, addM));
    const nextV = b.add(b.mul(v, scalar.keep_v), b.mul(b.mul(gradient, gradient), addV));
    const step = b.mul(b.div(nextM, b.add(b.sqrt(nextV), scalar.epsilon)), scalar.step_size);
    const kept = decays(path) ? b.mul(weight, scalar.keep_weight) : weight;
    b.output(`m.${path}.next`, nextM);
    b.output(`v.${path}.next`, nextV);
    b.output(`${path}.next`, b.sub(kept, step));
  }
  return { graph: b.finish() };
}

/** Inputs `grad.<path>` of all weights -> grad_norm []. */
export function gradientNormProgram(weights: readonly OptimizedWeight[]): { graph: Graph } {
  const b = createBuilder("gradient_norm");
  const norm = globalNorm(
    b,
    weights.map(({ path, shape }) => b.input(`grad.${path}`, "float32", shape)),
  );
  b.output("grad_norm", norm);
  return { graph: b.finish() };
}

/** Inputs `grad.<path>` of all weights and `keep_gradient` [] -> their ".next": the gradients times it, 0 to clear them. */
export function clearGradientsProgram(weights: readonly OptimizedWeight[]): { graph: Graph } {
  const b = createBuilder("clear_gradients");
  const keep = b.input("keep_gradient", "float32", []);
  for (const { path, shape } of weights) {
    b.output(`grad.${path}.next`, b.mul(b.input(`grad.${path}`, "float32", shape), keep));
  }
  return { graph: b.finish() };
}

/** Square root of the sum of all squares. */
function globalNorm(b: GraphBuilder, values: readonly Value[]): Value {
  return b.sqrt(b.sum(values.map((value) => b.reduceSumSquare(value, undefined, { keepDims: false }))));
}
