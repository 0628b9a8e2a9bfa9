import { gradients } from "@iad-r1/models/autodiff/backward";
import type { GraphBuilder } from "@iad-r1/models/graph/builder";
import type { Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { describe, expect, it } from "vitest";
import { type HostTensor, runGraph } from "../../helpers/runGraph";

function floats(shape: readonly number[], ...data: number[]): HostTensor {
  return { dtype: "float32", shape, data };
}

function sumOf(b: GraphBuilder, x: Value): Value {
  return b.reduceSum(x, undefined, { keepDims: false });
}

describe("gradients", () => {
  it("are null where the loss does not depend on a value", () => {
    const b = createBuilder("partial");
    const [x, y, z] = [b.input("x", "float32", [2]), b.input("y", "float32", [2]), b.input("z", "float32", [2])];
    b.mul(y, z);
    const [dx, dy] = gradients(b, sumOf(b, b.exp(x)), [x, y]);
    expect(dx?.shape).toEqual([2]);
    expect(dy).toBeNull();
  });

  it("do not pass integers and comparisons", () => {
    const b = createBuilder("integers");
    const x = b.input("x", "float32", [3]);
    const chosen = b.where(b.greater(x, 0), b.scalar(1), b.scalar(2));
    const counted = b.cast(b.cast(x, "int64"), "float32");
    expect(gradients(b, sumOf(b, b.add(chosen, counted)), [x])).toEqual([null]);
  });

  it("of the loss itself are one", async () => {
    const b = createBuilder("identity");
    const x = b.input("x", "float32", []);
    const loss = b.mul(x, 3);
    const [dLoss, dx] = gradients(b, loss, [loss, x]);
    b.output("dLoss", dLoss!);
    b.output("dx", dx!);
    const results = await runGraph(b.finish(), { x: floats([], 2) });
    expect(results.dLoss!.data).toEqual([1]);
    expect(results.dx!.data).toEqual([3]);
  });

  it("add up over every path", async () => {
    const b = createBuilder("paths");
    const x = b.input("x", "float32", [2]);
    const y = b.mul(x, x);
    // x^2 + x^3 + 5 x at 1 and 2: 2x + 3x^2 + 5
    const loss = sumOf(b, b.add(b.add(y, b.mul(y, x)), b.mul(x, 5)));
    b.output("dx", gradients(b, loss, [x])[0]!);
    const { dx } = await runGraph(b.finish(), { x: floats([2], 1, 2) });
    expect(dx!.data).toEqual([10, 21]);
  });

  it("of values in between are those of the values", async () => {
    const b = createBuilder("between");
    const x = b.input("x", "float32", [2]);
    const y = b.mul(x, 2);
    b.output("dy", gradients(b, sumOf(b, b.mul(y, y)), [y])[0]!);
    const { dy } = await runGraph(b.finish(), { x: floats([2], 1, 3) });
    expect(dy!.data).toEqual([4, 12]);
  });

  it("start from an accumulator", async () => {
    const b = createBuilder("accumulate");
    const x = b.input("x", "float32", ["N", 2]);
    const [w, bias] = [b.input("w", "float32", [1, 2]), b.input("bias", "float32", [1])];
    const [wSum, biasSum] = [b.input("w.sum", "float32", [1, 2]), b.input("bias.sum", "float32", [1])];
    const loss = sumOf(b, b.linear(x, w, bias));
    const [dw, dBias] = gradients(b, loss, [w, bias], { accumulate: [wSum, biasSum] });
    // The product adds what is there itself: no node of its own.
    expect(dw!.producer!.opType).toBe("Gemm");
    expect(dw!.producer!.inputs[2]).toBe(wSum);
    b.output("dw", dw!);
    b.output("dBias", dBias!);
    const { dw: first, dBias: second } = await runGraph(b.finish(), {
      x: floats([2, 2], 1, 2, 3, 4),
      w: floats([1, 2], 0, 0),
      bias: floats([1], 0),
      "w.sum": floats([1, 2], 10, 20),
      "bias.sum": floats([1], 30),
    });
    expect(first!.data).toEqual([14, 26]);
    expect(second!.data).toEqual([32]);
  });

  it("refuse an accumulator that does not fit or belongs to no parameter", () => {
    const b = createBuilder("accumulators");
    const x = b.input("x", "float32", [2]);
    const y = b.exp(x);
    const loss = sumOf(b, y);
    const short = b.input("short", "float32", [1]);
    expect(() => gradients(b, loss, [x], { accumulate: [short] })).toThrow(
      "The accumulator of x must be float32[2], got float32[1].",
    );
    expect(() => gradients(b, loss, [y], { accumulate: [x] })).toThrow("for inputs and constants only, not Exp.out");
  });

  it("need one float number as loss", () => {
    const b = createBuilder("loss");
    const x = b.input("x", "float32", [2]);
    expect(() => gradients(b, x, [x])).toThrow("A loss must be one float number, got float32[2] (x).");
  });

  it("say which operator has none, and why", () => {
    const b = createBuilder("none");
    const x = b.input("x", "float32", [2, 4]);
    const { values } = b.topK(x, 2);
    expect(() => gradients(b, sumOf(b, values), [x])).toThrow(
      "TopK(float32[2,4], int64[1]) has no gradient: it serves sampling, which is not differentiated (node TopK).",
    );
  });

  it("flow through a product with packed weights into the activations", async () => {
    const b = createBuilder("packed");
    const x = b.input("x", "float32", [1, 2]);
    const packed = b.constant("int8", [3, 2], Int8Array.of(1, -2, 3, 4, -5, 6), "w");
    const scale = b.constant("float32", [3], Float32Array.of(0.5, 1, 2), "w.scale");
    const y = b.linear(x, b.dequantizeLinear(packed, scale, null, { axis: 0 }));
    b.output("y", y);
    b.output("dx", gradients(b, sumOf(b, y), [x])[0]!);
    const { y: found, dx } = await runGraph(b.finish(), { x: floats([1, 2], 1, 1) });
    // Rows of w: (0.5, -1), (3, 4), (-10, 12).
    expect(found!.data).toEqual([-0.5, 7, 2]);
    expect(dx!.data).toEqual([-6.5, 15]);
  });

  it("of embeddings hold every token that repeats, with several threads", async () => {
    const b = createBuilder("embedding");
    const ids = b.input("ids", "int64", ["N"]);
    const table = b.input("table", "float32", [50, 64]);
    const [dTable] = gradients(b, sumOf(b, b.gather(table, ids)), [table]);
    b.output("dTable", dTable!);
    const count = 6000;
    const feeds = {
      ids: { dtype: "int64" as const, shape: [count], data: Array.from({ length: count }, (_, i) => i % 3) },
      table: floats([50, 64], ...new Array<number>(50 * 64).fill(0)),
    };
    const { dTable: found } = await runGraph(b.finish(), feeds, { threads: 4 });
    expect(found!.data.slice(0, 3 * 64)).toEqual(new Array(3 * 64).fill(count / 3));
    expect(found!.data.slice(3 * 64)).toEqual(new Array(47 * 64).fill(0));
  });
});

describe("recomputed blocks", () => {
  /** Three blocks of normalisation, product and activation, each its own scope. */
  function blocks(recompute: boolean): ReturnType<GraphBuilder["finish"]> {
    const b = createBuilder("blocks");
    let x = b.input("x", "float32", ["B", "T", 8]);
    const weights: Value[] = [];
    for (const i of [0, 1, 2]) {
      x = b.scope(`layers.${i}`, () => {
        const gain = b.input(`gain.${i}`, "float32", [8]);
        const weight = b.input(`weight.${i}`, "float32", [8, 8]);
        weights.push(gain, weight);
        return b.add(x, b.silu(b.linear(b.simplifiedLayerNormalization(x, gain, 1e-6), weight)));
      });
    }
    const loss = b.reduceMean(b.mul(x, x), undefined, { keepDims: false });
    const scopes = recompute ? ["layers.0", "layers.1", "layers.2"] : undefined;
    for (const [i, gradient] of gradients(b, loss, weights, { recompute: scopes }).entries()) {
      b.output(`gradient${i}`, gradient!);
    }
    b.output("loss", loss);
    return b.finish();
  }

  it("give the same gradients, digit for digit", async () => {
    const random = createRandom("recompute");
    const feeds: Record<string, HostTensor> = {};
    for (const { name, shape } of blocks(false).inputs) {
      const numbers = shape.map((dim) => (dim === "B" ? 2 : dim === "T" ? 5 : (dim as number)));
      const count = numElements(numbers);
      feeds[name] = floats(numbers, ...Array.from({ length: count }, () => Math.fround(random.normal())));
    }
    for (const optimization of ["disabled", "all"] as const) {
      const kept = await runGraph(blocks(false), feeds, { optimization });
      const recomputed = await runGraph(blocks(true), feeds, { optimization });
      expect(recomputed).toEqual(kept);
    }
  });

  it("read nothing inside a block from the forward pass", () => {
    const graph = blocks(true);
    const inner = graph.nodes.filter((node) => /^layers\.\d$/.test(node.scope) && node.opType !== "Add");
    const backward = graph.nodes.filter((node) => /^(gradient|recompute)/.test(node.scope));
    const read = new Set(backward.flatMap((node) => node.inputs));
    expect(inner.length).toBe(9);
    for (const node of inner) for (const output of node.outputs) expect(read.has(output)).toBe(false);
  });

  it("unpack their frozen weights again", async () => {
    const results = [];
    for (const recompute of [[], ["block"]]) {
      const b = createBuilder("unpack");
      const [x, first] = [b.input("x", "float32", ["N", 4]), b.input("first", "float32", [4, 4])];
      const packed = b.constant(
        "int4",
        [4, 4],
        Uint8Array.of(0x21, 0x43, 0x65, 0x87, 0xa9, 0xcb, 0xed, 0x0f),
        "packed",
      );
      const scale = b.constant(
        "float32",
        [4, 2],
        Float32Array.from({ length: 8 }, (_, i) => i + 1),
        "scale",
      );
      const halves = b.constant("bfloat16", [4, 4], new Uint16Array(16).fill(0x3f80), "halves");
      const hidden = b.linear(x, first);
      const y = b.scope("block", () => {
        const unpacked = b.dequantizeLinear(packed, scale, null, { axis: 1, block_size: 2 });
        return b.linear(b.silu(b.linear(hidden, unpacked)), b.cast(halves, "float32"));
      });
      b.output("gradient", gradients(b, sumOf(b, y), [first], { recompute })[0]!);
      b.output("y", y);
      const graph = b.finish();
      const unpacking = graph.nodes.filter((node) => ["DequantizeLinear", "Cast"].includes(node.opType));
      expect(unpacking.map((node) => node.scope)).toEqual(
        recompute.length === 0 ? ["block", "block"] : ["block", "block", "recompute.block", "recompute.block"],
      );
      const feeds = { x: floats([2, 4], 1, 2, 3, 4, 5, 6, 7, 8), first: floats([4, 4], ...new Array(16).fill(0.01)) };
      results.push(await runGraph(graph, feeds));
    }
    expect(results[1]).toEqual(results[0]);
  });

  it("multiply by unpacked weights where the forward pass multiplies by packed ones, which are then prepared once", async () => {
    const results = [];
    for (const recompute of [[], ["block"]]) {
      const b = createBuilder("packed");
      const integers = (seed: number) => Uint8Array.from({ length: 256 }, (_, i) => (i * seed) % 256);
      const packed = [37, 101].map((seed, i) => ({
        values: b.constant("uint8", [16, 16], integers(seed), `w${i}`),
        scales: b.constant("float32", [16, 1], new Float32Array(16).fill(0.01), `w${i}.scales`),
        zeroPoints: b.constant("uint8", [16, 1], new Uint8Array(16).fill(128), `w${i}.zero_points`),
      }));
      const times = (x: Value, { values, scales, zeroPoints }: (typeof packed)[number]) =>
        b.quantizedLinear(x, values, scales, zeroPoints, { block_size: 16, accuracy_level: 0 });
      const x = b.input("x", "float32", [2, 16]);
      const y = b.scope("block", () => times(b.silu(times(b.silu(x), packed[0]!)), packed[1]!));
      b.output("gradient", gradients(b, sumOf(b, b.mul(y, y)), [x], { recompute })[0]!);
      b.output("y", y);
      const graph = b.finish();
      const again = graph.nodes.filter((node) => node.scope.startsWith("recompute"));
      expect(graph.nodes.filter((node) => node.opType === "QuantizedLinear")).toHaveLength(2);
      expect(again.filter((node) => node.opType === "Linear").length > 0).toBe(recompute.length > 0);
      results.push(await runGraph(graph, { x: floats([2, 16], ...Array.from({ length: 32 }, (_, i) => i / 16 - 1)) }));
    }
    const [kept, again] = [results[0]!.gradient!.data, results[1]!.gradient!.data];
    expect(Math.hypot(...kept)).toBeGreaterThan(1);
    for (const [i, value] of kept.entries()) expect(again[i]).toBeCloseTo(value, 4);
  });

  it("wait for the gradient that enters them", () => {
    const graph = blocks(true);
    // Everything recomputed must descend from a node of the backward pass.
    const late = new Set<Value>();
    for (const node of graph.nodes) {
      if (node.scope.startsWith("gradient") || node.inputs.some((input) => input !== null && late.has(input))) {
        for (const output of node.outputs) if (output !== null) late.add(output);
      }
    }
    const again = graph.nodes.filter((node) => node.scope.startsWith("recompute"));
    expect(again.filter((node) => node.opType === "Linear").length).toBe(3);
    for (const node of again) expect(late.has(node.outputs[0]!), node.name).toBe(true);
  });
});
