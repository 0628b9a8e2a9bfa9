/** Operators and their gradients against numbers recorded from PyTorch (make.py). */
import { readFileSync } from "node:fs";
import { gradients } from "@iad-r1/models/autodiff/backward";
import type { GraphBuilder } from "@iad-r1/models/graph/builder";
import type { Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { expect, it } from "vitest";
import { type HostTensor, runGraph } from "../../helpers/runGraph";

interface Recorded {
  inputs: Record<string, HostTensor>;
  weight: HostTensor;
  output: HostTensor;
  gradients: Record<string, HostTensor>;
}

const { cases } = JSON.parse(readFileSync(new URL("operators.json", import.meta.url), "utf8")) as {
  cases: Record<string, Recorded>;
};

const programs: Record<string, (b: GraphBuilder, inputs: Record<string, Value>) => Value> = {
  linear: (b, { x, w, bias }) => b.linear(x!, w!, bias!),
  gelu: (b, { x }) => b.gelu(x!),
  geluTanh: (b, { x }) => b.gelu(x!, "tanh"),
  silu: (b, { x }) => b.silu(x!),
  softplus: (b, { x }) => b.softplus(x!),
  softmax: (b, { x }) => b.softmax(x!),
  logSoftmax: (b, { x }) => b.logSoftmax(x!),
  layerNorm: (b, { x, gain, bias }) => b.layerNormalization(x!, gain!, bias!, 1e-5),
  rmsNorm: (b, { x, gain }) => b.simplifiedLayerNormalization(x!, gain!, 1e-6),
  embedding: (b, { ids, table }) => b.gather(table!, ids!),
  crossEntropy: (b, { logits, targets }) => b.neg(b.tokenLogProbs(logits!, targets!).selected),
  rotary: (b, { x, positions, cos, sin }) => b.rotaryEmbedding(x!, positions!, cos!, sin!),
  attention: (b, { q, k, v, mask }) => b.attention(q!, k!, v!, mask!, 0.3),
  minimum: (b, { a, b: other }) => b.min(a!, other!),
  amax: (b, { x }) => b.reduceMax(x!, [1], { keepDims: false }),
  clippedObjective: (b, { p, old, advantages }) => {
    const ratio = b.exp(b.sub(p!, old!));
    return b.neg(b.min(b.mul(ratio, advantages!), b.mul(b.clip(ratio, 0.8, 1.28), advantages!)));
  },
};

for (const [name, { inputs, weight, output, gradients: recorded }] of Object.entries(cases)) {
  it(`${name} and its gradients equal PyTorch's`, async () => {
    const b = createBuilder(name);
    const values = Object.fromEntries(
      Object.entries(inputs).map(([input, { dtype, shape }]) => [input, b.input(input, dtype, shape)]),
    );
    const y = programs[name]!(b, values);
    const weights = b.input("output weight", "float32", weight.shape);
    const loss = b.reduceSum(b.mul(y, weights), undefined, { keepDims: false });
    const wrt = Object.keys(recorded);
    const found = gradients(
      b,
      loss,
      wrt.map((input) => values[input]!),
    );
    b.output("output", y);
    for (const [i, input] of wrt.entries()) b.output(`gradient of ${input}`, found[i]!);
    const results = await runGraph(b.finish(), { ...inputs, "output weight": { ...weight, dtype: "float32" } });
    expectClose("output", results.output!, output);
    for (const input of wrt) expectClose(`gradient of ${input}`, results[`gradient of ${input}`]!, recorded[input]!);
  });
}

/** Within 3e-6 of the largest number: float32 against the double precision of the record. */
function expectClose(what: string, found: HostTensor, expected: HostTensor): void {
  expect(found.shape).toEqual(expected.shape);
  const scale = Math.max(...expected.data.map(Math.abs));
  for (const [i, number] of expected.data.entries()) {
    const message = `${what}[${i}] is ${found.data[i]}, not ${number}`;
    expect(Math.abs(found.data[i]! - number), message).toBeLessThan(3e-6 * scale);
  }
}
