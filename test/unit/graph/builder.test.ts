import { GraphError } from "@iad-r1/models/errors";
import type { GraphBuilder } from "@iad-r1/models/graph/builder";
import type { Dim } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { describe, expect, it } from "vitest";
import { runGraph } from "../../helpers/runGraph";

function floats(...data: number[]) {
  return { dtype: "float32" as const, shape: [data.length], data };
}

function opTypes(b: GraphBuilder): string[] {
  return b.nodes.map((node) => node.opType);
}

describe("the builder", () => {
  it("gives names from scopes, each once", () => {
    const b = createBuilder("names");
    const x = b.input("x", "float32", [2]);
    const y = b.scope("layers", () => b.scope("0", () => b.neg(b.neg(x))));
    expect(b.nodes.map((node) => node.name)).toEqual(["layers.0.Neg", "layers.0.Neg_1"]);
    expect(b.nodes.map((node) => node.scope)).toEqual(["layers.0", "layers.0"]);
    expect(y.producer).toBe(b.nodes[1]);
    expect(() => b.input("x", "float32", [2])).toThrow('The graph names has two values named "x".');
  });

  it("leaves a scope that throws", () => {
    const b = createBuilder("throws");
    const fail = () => {
      throw new GraphError("test", "no");
    };
    expect(() => b.scope("inner", fail)).toThrow("no");
    b.output("y", b.neg(b.input("x", "float32", [2])));
    expect(b.nodes[0]!.scope).toBe("");
  });

  it("renames a value that becomes an output and adds a node only for inputs, constants and second names", () => {
    const b = createBuilder("outputs");
    const x = b.input("x", "float32", [1]);
    const y = b.neg(x);
    expect(b.output("y", y)).toBe(y);
    expect(y.name).toBe("y");
    expect(opTypes(b)).toEqual(["Neg"]);
    b.output("again", y);
    b.output("passed", x);
    b.output("three", b.scalar(3));
    expect(opTypes(b)).toEqual(["Neg", "Identity", "Identity", "Identity"]);
    expect(b.finish().outputs.map((output) => output.name)).toEqual(["y", "again", "passed", "three"]);
  });

  it("drops what no output needs", () => {
    const b = createBuilder("prune");
    const x = b.input("x", "float32", [2, 4]);
    b.exp(x);
    b.scalar(7);
    const normalized = b.simplifiedLayerNormalization(x, b.input("gain", "float32", [4]), 1e-6);
    b.output("y", normalized);
    const graph = b.finish();
    expect(graph.nodes.map((node) => node.opType)).toEqual(["SimplifiedLayerNormalization"]);
    expect(graph.nodes[0]!.outputs).toEqual([normalized]);
    expect(graph.constants).toEqual([]);
    expect(graph.inputs.length).toBe(2);
  });

  it("refuses a graph without outputs", () => {
    expect(() => createBuilder("empty").finish()).toThrow("The graph empty has no output.");
  });

  it("shares small constants, but not 0 with -0 nor 1 of another type", () => {
    const b = createBuilder("constants");
    expect(b.scalar(2)).toBe(b.scalar(2));
    expect(b.scalar(0)).not.toBe(b.scalar(-0));
    expect(b.scalar(1, "float64")).not.toBe(b.scalar(1));
    expect(b.int64s([1])).not.toBe(b.scalar(1, "int64"));
  });

  it("checks that bytes fit a constant's shape", () => {
    const b = createBuilder("bytes");
    expect(() => b.constant("float32", [3], new Float32Array(2), "w")).toThrow(
      "Constant w float32[3] needs 12 bytes, got 8 bytes.",
    );
    const source = { file: "model.safetensors", offset: 0, length: 10 };
    expect(() => b.external("w", "bfloat16", [2, 3], source)).toThrow("needs 12 bytes, got 10 in model.safetensors");
    expect(b.external("packed", "int4", [5], { ...source, length: 3 }).shape).toEqual([5]);
  });

  it("says operator, shapes and place when shapes do not fit", () => {
    const b = createBuilder("shapes");
    const [x, y] = [b.input("x", "float32", [2, 3]), b.input("y", "float32", [2, "T"])];
    expect(() => b.scope("layers.0", () => b.matMul(x, y))).toThrow(
      "MatMul: inner extents must agree, got 3 and 2; inputs are float32[2,3], float32[2,T] (node layers.0.MatMul).",
    );
    expect(() => b.concat([x, y], 0)).toThrow(
      /^Concat: inputs must agree except on axis 0; inputs are .* \(node Concat\)/,
    );
    expect(() => b.add(x, b.input("n", "int64", [3]))).toThrow("Add: inputs must have one element type");
    expect(() => b.softmax(x, 2)).toThrow("Softmax: axis 2 must lie in -2 to 1");
    expect(() => b.transpose(x, [1, 1])).toThrow("Transpose: perm [1,1] must list each axis once");
    expect(() => b.reduceSum(x, [5])).toThrow("Axis 5 is outside of rank 2");
    expect(() => b.apply("Linear", [x], {})).toThrow("Linear: takes 2 to 3 inputs, got 1");
  });
});

describe("transpose", () => {
  it("makes one node of two in a row and none of a pair that cancels", () => {
    const b = createBuilder("transpose");
    const x = b.input("x", "float32", [2, 3, 4]);
    const y = b.transpose(x, [1, 2, 0]);
    const z = b.transpose(y, [1, 0, 2]);
    expect(z.producer!.inputs[0]).toBe(x);
    expect(z.producer!.attributes).toEqual({ perm: [2, 1, 0] });
    expect(z.shape).toEqual([4, 3, 2]);
    expect(b.transpose(y, [2, 0, 1])).toBe(x);
  });
});

describe("reshape", () => {
  function targetOf(from: Dim[], to: Dim[]): readonly Dim[] | undefined {
    const b = createBuilder("reshape");
    const x = b.input("x", "float32", from);
    const y = b.reshape(x, to);
    return y === x ? undefined : y.producer!.inputs[1]!.content;
  }

  it("copies and infers lengths instead of reading them", () => {
    expect(targetOf(["B", "T", 64], ["B", "T", 4, 16])).toEqual([0, 0, 4, 16]);
    expect(targetOf(["B", "T", 4, 16], ["B", "T", 64])).toEqual([0, 0, 64]);
    expect(targetOf(["B", "T", 64], ["B*T", 64])).toEqual([-1, 64]);
    expect(targetOf(["B", 6, "T", 8], ["B", 2, "3*T", 8])).toEqual([0, 2, -1, 8]);
    expect(targetOf(["B", 2, "3*T", "T"], ["B", 6, "T", "T"])).toEqual([0, 6, -1, 0]);
    expect(targetOf([6, "T"], [2, 3, -1])).toEqual([2, 3, -1]);
  });

  it("adds no node when nothing changes", () => {
    expect(targetOf(["B", "T"], ["B", "T"])).toBeUndefined();
    expect(targetOf(["B", 4], ["B", -1])).toBeUndefined();
  });

  it("refuses another number of elements", () => {
    expect(() => targetOf([2, 3], [4])).toThrow("Reshape: float32[2,3] has 6 elements, [4] would have 4 (x).");
  });

  it("reads lengths at run time when two stay unknown", async () => {
    const b = createBuilder("unflatten");
    const like = b.input("like", "float32", ["B", "T"]);
    const x = b.input("x", "float32", ["B*T"]);
    b.output("y", b.transpose(b.reshape(x, ["B", "T"]), [1, 0]));
    b.output("z", like);
    const feeds = {
      like: { dtype: "float32" as const, shape: [2, 3], data: [0, 0, 0, 0, 0, 0] },
      x: floats(1, 2, 3, 4, 5, 6),
    };
    const { y } = await runGraph(b.finish(), feeds);
    expect(y).toEqual({ dtype: "float32", shape: [3, 2], data: [1, 4, 2, 5, 3, 6] });
  });
});

describe("lengths read at run time", () => {
  it("are computed from whatever value has them", async () => {
    const b = createBuilder("lengths");
    b.input("x", "float32", ["B", "T"]);
    b.output(
      "y",
      b.lengths(["B*T", "2*T+1", 5, "B-T", "floor(T,2)", "floor(B,2)*floor(T,2)", "floor(B,2)+floor(T,2)"]),
    );
    const x = { dtype: "float32" as const, shape: [2, 3], data: [0, 0, 0, 0, 0, 0] };
    const { y } = await runGraph(b.finish(), { x });
    expect(y!.data).toEqual([6, 7, 5, -1, 1, 1, 2]);
  });

  it("must exist", () => {
    const b = createBuilder("missing");
    expect(() => b.lengths(["S"])).toThrow('No value in graph missing has the length "S".');
  });

  it("are followed through arithmetic on shapes", () => {
    const b = createBuilder("content");
    const x = b.input("x", "float32", ["B", "T", 8]);
    const [batch, length] = [b.shape(x, 0, 1), b.shape(x, 1, 2)];
    const target = b.concat([b.mul(batch, length), b.int64s([-1])], 0);
    const [y] = b.apply("Reshape", [x, target], {});
    expect(y!.shape).toEqual(["B*T", 8]);
    const count = b.range(0, b.reshape(length, []));
    expect(count.shape).toEqual(["T"]);
    expect(b.gather(b.shape(x), b.int64s([1, -1])).content).toEqual(["T", 8]);
  });

  it("stay apart when nothing is known of them", () => {
    const b = createBuilder("unknown");
    const rows = b.input("rows", "int64", [2]);
    const x = b.input("x", "float32", ["N"]);
    const [first] = b.apply("Reshape", [x, rows], {});
    const [second] = b.apply("Reshape", [x, rows], {});
    expect(first!.shape).not.toEqual(second!.shape);
  });
});
