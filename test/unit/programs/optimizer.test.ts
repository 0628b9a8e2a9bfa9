import { adamWScalars, optimizerProgram } from "@iad-r1/models/programs/optimizer";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { describe, expect, it } from "vitest";
import { compileGraph, type HostTensor } from "../../helpers/runGraph";

const weights = [
  { path: "layer.weight", shape: [3, 4] },
  { path: "layer.bias", shape: [3] },
];
const settings = { learningRate: 0.01, weightDecay: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, maxGradNorm: 1 };
const decays = (path: string) => path !== "layer.bias";

/** AdamW in double precision, straight from the paper, for one tensor. */
function reference(weight: number[], gradients: number[][], decay: number, learningRate: number): number[] {
  const { beta1, beta2, epsilon } = settings;
  return weight.map((start, i) => {
    let [w, m, v] = [start, 0, 0];
    for (const [step, gradient] of gradients.entries()) {
      const g = gradient[i]!;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const [mHat, vHat] = [m / (1 - beta1 ** (step + 1)), v / (1 - beta2 ** (step + 1))];
      w = w - learningRate * decay * w - (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
    }
    return w;
  });
}

describe("the optimiser program", () => {
  it("is AdamW with decoupled decay, bias correction and clipping by the global norm", async () => {
    const random = createRandom("optimizer");
    const state: Record<string, HostTensor> = {};
    const draw = (shape: readonly number[], scale: number): HostTensor => {
      const count = numElements(shape);
      return {
        dtype: "float32",
        shape,
        data: Array.from({ length: count }, () => Math.fround(scale * random.normal())),
      };
    };
    for (const { path, shape } of weights) {
      state[path] = draw(shape, 1);
      state[`m.${path}`] = { ...draw(shape, 0) };
      state[`v.${path}`] = { ...draw(shape, 0) };
    }
    const start = { ...state };
    const program = await compileGraph(optimizerProgram(weights, { decays }).graph);
    const clipped: Record<string, number[][]> = { "layer.weight": [], "layer.bias": [] };
    // The second step's gradients are far above the norm of 1, the others below.
    for (const [index, scale] of [0.1, 30, 0.05, 0.2].entries()) {
      const gradients = Object.fromEntries(weights.map(({ path, shape }) => [path, draw(shape, scale)]));
      const norm = Math.hypot(...Object.values(gradients).flatMap(({ data }) => data));
      for (const [path, { data }] of Object.entries(gradients)) {
        clipped[path]!.push(data.map((value) => value * Math.min(1, 1 / (norm + 1e-6))));
      }
      const scalars = Object.entries(adamWScalars({ ...settings, step: index + 1 })).map(
        ([name, value]): [string, HostTensor] => [name, { dtype: "float32", shape: [], data: [value] }],
      );
      const feeds = { ...state, ...Object.fromEntries(scalars) };
      for (const [path, gradient] of Object.entries(gradients)) feeds[`grad.${path}`] = gradient;
      const results = await program.run(feeds);
      expect(results.grad_norm!.data[0]).toBeCloseTo(norm, 3);
      for (const name of Object.keys(state)) state[name] = results[`${name}.next`]!;
    }
    await program.dispose();
    for (const { path } of weights) {
      const decay = decays(path) ? settings.weightDecay : 0;
      const expected = reference([...start[path]!.data], clipped[path]!, decay, settings.learningRate);
      for (const [i, value] of expected.entries()) expect(state[path]!.data[i]).toBeCloseTo(value, 5);
    }
  });

  it("takes its scalars in double precision: 1 - 0.999 is not that of float32", () => {
    const scalars = adamWScalars({ ...settings, step: 1 });
    expect(scalars.add_v).toBeCloseTo(0.001, 12);
    // Learning rate and epsilon for moments that are not corrected yet: 0.01 sqrt(1 - 0.999) / (1 - 0.9).
    expect(scalars.step_size).toBeCloseTo(0.1 * Math.sqrt(0.001), 12);
    expect(scalars.epsilon).toBeCloseTo(settings.epsilon * Math.sqrt(0.001), 18);
    expect(scalars.keep_weight).toBe(1 - 0.001);
    expect(Math.fround(adamWScalars({ ...settings, step: 1, maxGradNorm: Infinity }).max_grad_norm)).toBeLessThan(
      Infinity,
    );
  });
});
