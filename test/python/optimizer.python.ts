/** The optimiser graph and the learning rates against torch's AdamW, clipping and transformers' schedulers, on random problems. */
import { createRandom } from "@iad-r1/models/util/random";
import { learningRateAt, type Schedule } from "@iad-r1/server/train/schedule";
import { TrainableWeights } from "@iad-r1/server/train/trainableWeights";
import { expect, test } from "vitest";
import { runPython } from "../helpers/python";

type Values = Record<string, number[]>;
const sizes = { "layer.weight": 15, "layer.bias": 3, "norm.weight": 1, "embedding.weight": 64 };
const steps = 40;

function randomValues(seed: string, scale: number): Values {
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => {
      const random = createRandom(seed, name);
      return [name, Array.from({ length: size }, () => Math.fround(scale * random.normal()))];
    }),
  );
}

/** Gradients of very different sizes, some of them zero: steps with and without clipping, and sparse rows. */
function gradientsOf(seed: string): Values[] {
  return Array.from({ length: steps }, (_, step) => {
    const values = randomValues(`${seed} ${step}`, 10 ** ((step % 7) - 4));
    if (step % 3 === 0) values["embedding.weight"]!.fill(0, 8);
    if (step % 11 === 10) for (const list of Object.values(values)) list.fill(0);
    return values;
  });
}

interface Settings {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  maxGradNorm: number;
  withoutDecay: string[];
}

const cases: [string, Settings, Schedule][] = [
  [
    "cosine with warm-up, clipped, decay on matrices only",
    {
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0.1,
      maxGradNorm: 1,
      withoutDecay: ["layer.bias", "norm.weight"],
    },
    { learningRate: 1e-2, schedule: "cosine", warmupSteps: 5, totalSteps: steps },
  ],
  [
    "linear without warm-up, no decay",
    { beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0, maxGradNorm: 0.1, withoutDecay: [] },
    { learningRate: 3e-3, schedule: "linear", warmupSteps: 0, totalSteps: steps },
  ],
  [
    "constant with warm-up, longer than it runs, never clipped",
    { beta1: 0.8, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1e9, withoutDecay: [] },
    { learningRate: 1e-1, schedule: "constant", warmupSteps: 10, totalSteps: 1000 },
  ],
];

test.each(cases)("%s", async (name, settings, schedule) => {
  const start = randomValues(name, 1);
  const gradients = gradientsOf(name);
  const theirs = runPython<{ rates: number[]; norms: number[]; weights: Values }>("test/python/optimizerCheck.py", [], {
    ...{ weights: start, gradients, settings, schedule },
  });

  const parameters = Object.entries(sizes).map(([path, size]) => ({ path, shape: [size], trainable: true }));
  const { withoutDecay, ...adamW } = settings;
  const decays = (path: string) => !withoutDecay.includes(path);
  const initial = (path: string) => Float32Array.from(start[path]!);
  const weights = await TrainableWeights.create(parameters, initial, { ...adamW, decays }, { threads: 1 });
  try {
    for (const [step, values] of gradients.entries()) {
      for (const { path } of parameters) weights.feeds[`grad.${path}`]!.data.set(values[path]! as never);
      const rate = learningRateAt(step, schedule);
      expect(rate).toBeCloseTo(theirs.rates[step]!, 12);
      const norm = await weights.step(rate);
      expect(Math.abs(norm - theirs.norms[step]!)).toBeLessThanOrEqual(1e-6 * theirs.norms[step]!);
    }
    for (const { path } of parameters) {
      const ours = weights.weights[path]!.data;
      // Both add up 40 steps in float32, in another order.
      for (const [i, value] of theirs.weights[path]!.entries()) {
        expect(Math.abs(ours[i]! - value), `${path}[${i}]`).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
      }
      expect(theirs.weights[path]).not.toEqual(start[path]);
    }
  } finally {
    await weights.dispose();
  }
});
