import { gradients } from "@iad-r1/models/autodiff/backward";
import { emit } from "@iad-r1/models/graph/emit";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { describe, expect, it } from "vitest";

describe("emit", () => {
  it("keeps names, types and order of inputs, outputs and constants", () => {
    const b = createBuilder("names");
    const x = b.input("x", "float32", ["N", 4]);
    const w = b.external("w", "bfloat16", [3, 4], { file: "model.safetensors", offset: 16, length: 24 });
    b.output(
      "second",
      b.scope("layer", () => b.linear(x, b.cast(w, "float32"))),
    );
    b.output("first", b.identity(x));
    const graph = emit(b.finish(), { target: "fused" });
    expect(graph.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([["x", "float32", ["N", 4]]]);
    expect(graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ["second", ["N", 3]],
      ["first", ["N", 4]],
    ]);
    expect(graph.constants.map(({ value, data }) => [value.name, data])).toEqual([
      ["w", { kind: "external", file: "model.safetensors", offset: 16, length: 24 }],
    ]);
  });

  it("does not change the graph it is given", () => {
    const b = createBuilder("unchanged");
    const x = b.input("x", "float32", [2, 2]);
    b.output("y", b.linear(x, x));
    const graph = b.finish();
    const before = graph.nodes.map(({ name, opType }) => [name, opType]);
    emit(graph, { target: "fused" });
    emit(graph, { target: "primitive" });
    expect(graph.nodes.map(({ name, opType }) => [name, opType])).toEqual(before);
    expect(graph.outputs[0]!.name).toBe("y");
  });

  it("puts what nobody reads last, first built at the very end, and what reads constants only first", () => {
    const b = createBuilder("order");
    const x = b.input("x", "float32", ["N", 2]);
    const [w0, w1] = [b.input("w0", "float32", [2, 2]), b.input("w1", "float32", [2, 2])];
    const frozen = b.constant("bfloat16", [2, 2], new Uint16Array(4), "frozen");
    const hidden = b.linear(b.linear(b.linear(x, w0), w1), b.cast(frozen, "float32"));
    const loss = b.reduceMean(hidden, undefined, { keepDims: false });
    b.output("loss", loss);
    for (const [i, gradient] of gradients(b, loss, [w0, w1]).entries()) b.output(`dw${i}`, gradient!);
    const { nodes } = emit(b.finish(), { target: "fused" });
    const firstOutputs = nodes.map((node) => node.outputs[0]!.name);
    expect(nodes[0]!.opType).toBe("Cast");
    expect(firstOutputs.slice(-3)).toEqual(["dw0", "dw1", "loss"]);
  });
});
