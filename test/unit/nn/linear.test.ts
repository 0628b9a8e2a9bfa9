/** Linears with adapters: changed weights give what products beside the weights give, in values and in derivatives. */
import { gradients } from "@iad-r1/models/autodiff/backward";
import type { ParameterTable, StoredParameter } from "@iad-r1/models/checkpoint/parameterTable";
import { linears } from "@iad-r1/models/nn/linear";
import { type AdapterLayout, Network } from "@iad-r1/models/nn/parameters";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { describe, expect, it } from "vitest";
import { type HostTensor, runGraph } from "../../helpers/runGraph";

interface Setting {
  inWidth: number;
  layers: { path: string; outWidth: number }[];
  adapter: AdapterLayout;
  bias: boolean;
  /** Weights that learn beside the adapter. */
  trained?: string[];
  recompute?: boolean;
}

const rows = 12;
const one: Setting = {
  inWidth: 6,
  layers: [{ path: "up", outWidth: 10 }],
  adapter: new Map([["up", { rank: 3, scaling: 0.5 }]]),
  bias: false,
};
const three: Setting = {
  inWidth: 8,
  layers: ["q", "k", "v"].map((path, i) => ({ path, outWidth: [8, 4, 6][i]! })),
  adapter: new Map([
    ["q", { rank: 2, scaling: 2 }],
    ["v", { rank: 4, scaling: 0.25 }],
  ]),
  bias: true,
};

function build({ inWidth, layers, adapter, bias, trained = [], recompute = false }: Setting, wholeSequences: boolean) {
  const b = createBuilder("linears");
  const table: ParameterTable = new Map(
    layers.flatMap(({ path, outWidth }) => [
      stored(`${path}.weight`, [outWidth, inWidth]),
      stored(`${path}.bias`, [outWidth]),
    ]),
  );
  const net = new Network(b, { table, adapter, isInput: () => true, wholeSequences });
  const x = b.input("x", "float32", [3, rows / 3, inWidth]);
  const outputs = net.block("block", () => linears(net, b.mul(x, x), layers, bias));
  const weighted = outputs.map((y, i) => {
    b.output(`y${i}`, y);
    return b.reduceSum(b.mul(y, b.input(`w${i}`, "float32", y.shape)), undefined, { keepDims: false });
  });
  const learns = net.inputs.filter(({ input }) => /lora/.test(input.path) || trained.includes(input.path));
  const wrt = [x, ...learns.map(({ value }) => value)];
  const sums = gradients(b, b.sum(weighted), wrt, recompute ? { recompute: net.blocks } : {});
  for (const [i, sum] of sums.entries()) b.output(`grad.${wrt[i]!.name}`, sum!);
  return b.finish();
}

async function results(setting: Setting, wholeSequences: boolean) {
  const graph = build(setting, wholeSequences);
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [name, name === "adapter_scale" ? scale : numbers(name, shape as number[])]),
  );
  return { graph, values: await runGraph(graph, feeds, { target: "fused" }) };
}

const scale: HostTensor = { dtype: "float32", shape: [], data: [1.5] };

function numbers(name: string, shape: readonly number[]): HostTensor {
  const random = createRandom("linears", name);
  const count = numElements(shape);
  return {
    dtype: "float32",
    shape: [...shape],
    data: Array.from({ length: count }, () => Math.fround(random.normal())),
  };
}

function stored(name: string, shape: number[]): [string, StoredParameter] {
  const read = () => Promise.reject(new Error("Weights are fed."));
  return [name, { name, shape, dtype: "float32", file: "none", offset: 0, length: 0, read }];
}

describe("adapters in weights and beside them", () => {
  it.each<[string, Setting]>([
    ["one linear", one],
    ["three linears of one input, one without an adapter, two scalings, biases", three],
    ["a weight that learns itself", { ...one, trained: ["up.weight"] }],
    ["a block that is computed again", { ...three, recompute: true }],
  ])("agree: %s", async (_, setting) => {
    const [folded, beside] = [await results(setting, true), await results(setting, false)];
    expect(Object.keys(folded.values)).toEqual(Object.keys(beside.values));
    expect(Object.keys(folded.values).length).toBeGreaterThan(3);
    for (const [name, { shape, data }] of Object.entries(beside.values)) {
      const found = folded.values[name]!;
      expect(found.shape).toEqual(shape);
      const size = Math.hypot(...data);
      expect(size, name).toBeGreaterThan(0);
      const off = Math.hypot(...data.map((value, i) => value - found.data[i]!));
      expect(off / size, name).toBeLessThan(1e-6);
    }
  });

  it("leave large weights as they are", () => {
    const large = (outWidth: number): Setting => ({ ...one, inWidth: 512, layers: [{ path: "up", outWidth }] });
    const changed = (setting: Setting) => build(setting, true).nodes.some(({ opType }) => opType === "StraightThrough");
    expect([512, 513].map((outWidth) => changed(large(outWidth)))).toEqual([true, false]);
  });
});
