/** Graphs as text: what the builder makes, what differentiation adds, and what the emitters write. UPDATE_GOLDEN=1 rewrites. */
import { gradients } from "@iad-r1/models/autodiff/backward";
import { emit } from "@iad-r1/models/graph/emit";
import { printGraph } from "@iad-r1/models/graph/print";
import type { Graph } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { describe, it } from "vitest";
import { expectGoldenText } from "../helpers/goldenText";

/** One decoder layer: attention with two query heads on one key head, and a gated MLP. */
function layerGraph(options: { trained?: boolean; recompute?: boolean } = {}): Graph {
  const b = createBuilder("layer");
  const x = b.input("x", "float32", ["B", "T", 8]);
  const mask = b.input("mask", "float32", ["T", "T"]);
  const gain = b.input("gain", "float32", [8]);
  const qkv = b.input("qkv", "float32", [16, 8]);
  const bias = b.input("qkv.bias", "float32", [16]);
  const down = b.external("down", "bfloat16", [8, 8], { file: "model.safetensors", offset: 72, length: 128 });
  const y = b.scope("layers.0", () => {
    const normalized = b.simplifiedLayerNormalization(x, gain, 1e-6);
    const [q, k, v] = b.split(b.linear(normalized, qkv, bias), [8, 4, 4]);
    const heads = (value: typeof x, count: number) => b.transpose(b.reshape(value, ["B", "T", count, 4]), [0, 2, 1, 3]);
    const mixed = b.attention(heads(q!, 2), heads(k!, 1), heads(v!, 1), mask, 0.5);
    const joined = b.reshape(b.transpose(mixed, [0, 2, 1, 3]), ["B", "T", 8]);
    return b.add(x, b.linear(b.silu(joined), b.cast(down, "float32")));
  });
  b.output("y", y);
  if (options.trained === true) {
    const loss = b.reduceMean(b.mul(y, y), undefined, { keepDims: false });
    const wrt = [qkv, bias, gain];
    const recompute = options.recompute === true ? ["layers.0"] : [];
    for (const [i, gradient] of gradients(b, loss, wrt, { recompute }).entries()) {
      b.output(`${wrt[i]!.name}.grad`, gradient!);
    }
  }
  return b.finish();
}

describe("a printed graph", () => {
  it("reads as the program it is", () => {
    expectGoldenText("graphs/layer.txt", printGraph(layerGraph()));
  });

  it("shows what differentiation adds", () => {
    expectGoldenText("graphs/layerGradient.txt", printGraph(layerGraph({ trained: true })));
  });

  it("shows what is computed again in the backward pass", () => {
    expectGoldenText("graphs/layerRecompute.txt", printGraph(layerGraph({ trained: true, recompute: true })));
  });

  for (const target of ["fused", "primitive", "standard"] as const) {
    it(`shows its ${target} form`, () => {
      expectGoldenText(`graphs/layer.${target}.txt`, printGraph(emit(layerGraph(), { target })));
    });
  }
});
