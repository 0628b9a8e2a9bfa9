/**
 * Compares the gradient a graph computes with finite differences, input by input, each in one random direction.
 * Differences are taken of sum(weights * output) in double precision on the host, with a fourth-order formula, so that
 * rounding of float32 outputs is the only error: about 1e-5 of the gradient's length.
 */
import { gradients } from "@iad-r1/models/autodiff/backward";
import type { GraphBuilder } from "@iad-r1/models/graph/builder";
import type { EmitTarget } from "@iad-r1/models/graph/emit";
import type { Shape, Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { expect } from "vitest";
import { compileGraph, type HostTensor } from "./runGraph";

export interface CaseInput {
  readonly shape: readonly number[];
  /** As declared in the graph, when it has named lengths. */
  readonly declared?: Shape;
  /** Integers or booleans are given and not differentiated. */
  readonly data?: readonly number[];
  readonly dtype?: "float32" | "int64" | "bool";
  /** Range of the random numbers of a float input; default -1 to 1. */
  readonly range?: readonly [number, number];
  /** Float inputs that are not differentiated. */
  readonly frozen?: boolean;
}

export interface GradientCase {
  readonly title: string;
  readonly inputs: Readonly<Record<string, CaseInput>>;
  readonly build: (b: GraphBuilder, inputs: Record<string, Value>) => Value | readonly Value[];
  /** Distance between the points of the difference; smaller beside a kink. Default 0.02. */
  readonly step?: number;
  readonly recompute?: readonly string[];
  /** Forms that must give the same numbers. Default all. */
  readonly targets?: readonly EmitTarget[];
}

export async function checkGradient(test: GradientCase): Promise<void> {
  const random = createRandom(`gradient ${test.title}`);
  const feeds: Record<string, HostTensor> = {};
  for (const [name, input] of Object.entries(test.inputs)) feeds[name] = tensorFor(input, () => random.next());
  const differentiated = Object.keys(test.inputs).filter(
    (name) => feeds[name]!.dtype === "float32" && test.inputs[name]!.frozen !== true,
  );

  const forward = createBuilder("forward");
  for (const [i, output] of outputsOf(forward, test).entries()) forward.output(`out${i}`, output);
  const forwardRun = await compileGraph(forward.finish());
  const outputs = await forwardRun.run(feeds);

  const weights: Record<string, HostTensor> = {};
  for (const [name, output] of Object.entries(outputs)) {
    weights[name] = { ...output, data: output.data.map(() => random.next() * 2 - 1) };
  }
  const objective = (results: Record<string, HostTensor>) => {
    let total = 0;
    for (const [name, { data }] of Object.entries(results)) {
      for (const [i, value] of data.entries()) total += value * weights[name]!.data[i]!;
    }
    return total;
  };

  const found = await computeGradients(test, differentiated, feeds, weights);
  for (const name of differentiated) {
    const x = feeds[name]!;
    const direction = x.data.map(() => random.next() * 2 - 1);
    const at = async (step: number) => {
      const moved = { ...x, data: x.data.map((value, i) => value + step * direction[i]!) };
      return objective(await forwardRun.run({ ...feeds, [name]: moved }));
    };
    const h = test.step ?? 0.02;
    const numeric = (8 * ((await at(h)) - (await at(-h))) - ((await at(2 * h)) - (await at(-2 * h)))) / (12 * h);
    const gradient = found[name]!;
    expect(gradient.shape).toEqual(x.shape);
    const analytic = gradient.data.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    const length = Math.hypot(...gradient.data) * Math.hypot(...direction);
    expect(length, `the gradient of ${name} vanishes`).toBeGreaterThan(1e-4);
    const message = `gradient of ${name}: ${analytic} by the rule, ${numeric} by differences`;
    expect(Math.abs(analytic - numeric), message).toBeLessThan(2e-4 * length + 1e-5);
  }
  await forwardRun.dispose();
}

/** Gradients by name, the same from every target, with and without ONNX Runtime's own rewriting. */
async function computeGradients(
  test: GradientCase,
  differentiated: readonly string[],
  feeds: Record<string, HostTensor>,
  weights: Record<string, HostTensor>,
): Promise<Record<string, HostTensor>> {
  const b = createBuilder("gradient");
  const inputs = declareInputs(b, test);
  const terms = [test.build(b, inputs)].flat().map((output, i) => {
    const weight = b.input(`weight${i}`, "float32", output.shape);
    return b.reduceSum(b.mul(output, weight), undefined, { keepDims: false });
  });
  const loss = b.sum(terms);
  const wrt = differentiated.map((name) => inputs[name]!);
  for (const [i, gradient] of gradients(b, loss, wrt, { recompute: test.recompute }).entries()) {
    const name = differentiated[i]!;
    expect(gradient, `the loss does not depend on ${name}`).not.toBeNull();
    b.output(`d ${name}`, gradient!);
  }
  const graph = b.finish();
  const allFeeds = { ...feeds };
  for (const [name, weight] of Object.entries(weights)) allFeeds[name.replace("out", "weight")] = weight;
  let first: Record<string, HostTensor> | undefined;
  for (const target of test.targets ?? (["fused", "primitive", "standard"] as const)) {
    for (const optimization of ["disabled", "all"] as const) {
      const run = await compileGraph(graph, { target, optimization });
      const results = await run.run(allFeeds);
      await run.dispose();
      first ??= results;
      for (const [name, { data }] of Object.entries(results)) {
        const scale = Math.max(...first[name]!.data.map(Math.abs), 1e-3);
        for (const [i, value] of data.entries()) {
          const message = `${name}[${i}] as ${target}, optimisation ${optimization}`;
          expect(Math.abs(value - first[name]!.data[i]!), message).toBeLessThan(2e-5 * scale);
        }
      }
    }
  }
  return Object.fromEntries(differentiated.map((name) => [name, first![`d ${name}`]!]));
}

function outputsOf(b: GraphBuilder, test: GradientCase): readonly Value[] {
  return [test.build(b, declareInputs(b, test))].flat();
}

function declareInputs(b: GraphBuilder, test: GradientCase): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(test.inputs).map(([name, input]) => {
      return [name, b.input(name, input.dtype ?? "float32", input.declared ?? input.shape)];
    }),
  );
}

function tensorFor({ shape, data, dtype = "float32", range = [-1, 1] }: CaseInput, next: () => number): HostTensor {
  const count = numElements(shape);
  const [low, high] = range;
  return { dtype, shape, data: data ?? Array.from({ length: count }, () => Math.fround(low + (high - low) * next())) };
}
