import { emit } from "@iad-r1/models/graph/emit";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { operators } from "@iad-r1/models/ops/table";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { describe, expect, it } from "vitest";
import { type HostTensor, runGraph } from "../../helpers/runGraph";
import { type ForwardCase, forwardCases } from "./forwardCases";

for (const [opType, cases] of Object.entries(forwardCases)) {
  it(`${opType} computes what its examples say`, async () => {
    for (const example of cases) await checkForward(opType, example);
  });
}

async function checkForward(opType: string, { inputs, build, expected, targets }: ForwardCase): Promise<void> {
  const b = createBuilder("forward");
  const values = inputs.map(({ dtype, shape }, i) => b.input(`x${i}`, dtype, shape));
  const outputs = [build(b, ...values)].flat();
  expect(b.nodes.map((node) => node.opType)).toContain(opType);
  for (const [i, output] of outputs.entries()) b.output(`y${i}`, output);
  const graph = b.finish();
  const feeds = Object.fromEntries(inputs.map((input, i) => [`x${i}`, input]));
  for (const target of targets ?? (["fused", "primitive", "standard"] as const)) {
    const results = await runGraph(graph, feeds, { target });
    for (const [i, { dtype, shape, data }] of expected.entries()) {
      const found = results[`y${i}`]!;
      expect({ dtype: found.dtype, shape: found.shape }).toEqual({ dtype, shape });
      for (const [j, number] of data.entries()) {
        const message = `${opType} ${target}: output ${i}[${j}] is ${found.data[j]}, not ${number}`;
        expect(Math.abs(found.data[j]! - number), message).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(number)));
      }
    }
  }
}

describe("GroupQueryAttention", () => {
  /** Keys 0..5 in two calls (prefill of 4, then 2 single steps) equal causal attention over all at once. */
  it("continues a cache as attention over everything would", async () => {
    const [heads, keyHeads, width, length] = [4, 2, 16, 6];
    const random = createRandom("gqa");
    const make = (...shape: number[]): HostTensor => ({
      dtype: "float32",
      shape,
      data: Array.from({ length: numElements(shape) }, () => Math.fround(random.normal())),
    });
    const query = make(1, length, heads * width);
    const [key, value] = [make(1, length, keyHeads * width), make(1, length, keyHeads * width)];
    const angles = Array.from({ length: length * (width / 2) }, (_, i) => {
      return Math.floor(i / (width / 2)) * 100 ** (-(i % (width / 2)) / (width / 2));
    });
    const cos: HostTensor = { dtype: "float32", shape: [length, width / 2], data: angles.map(Math.cos) };
    const sin: HostTensor = { ...cos, data: angles.map(Math.sin) };

    const full = createBuilder("full");
    const declare = (name: string, { dtype, shape }: HostTensor) => full.input(name, dtype, shape);
    const [q, k, v] = [declare("query", query), declare("key", key), declare("value", value)];
    const [cosTable, sinTable] = [declare("cos", cos), declare("sin", sin)];
    const positions = full.reshape(full.range(0, full.scalar(length, "int64")), [1, length]);
    const split = (x: typeof q, count: number) =>
      full.transpose(full.reshape(x, [1, length, count, width]), [0, 2, 1, 3]);
    const rotate = (x: typeof q) => full.rotaryEmbedding(x, positions, cosTable, sinTable);
    const causal = Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0));
    const mask = full.constant("float32", [length, length], Float32Array.from(causal), "mask");
    const mixed = full.attention(rotate(split(q, heads)), rotate(split(k, keyHeads)), split(v, keyHeads), mask, 0.25);
    full.output("y", full.reshape(full.transpose(mixed, [0, 2, 1, 3]), [1, length, heads * width]));
    const expected = (await runGraph(full.finish(), { query, key, value, cos, sin })).y!.data;

    const step = createBuilder("step");
    const inputs = {
      query: step.input("query", "float32", ["B", "T", heads * width]),
      key: step.input("key", "float32", ["B", "T", keyHeads * width]),
      value: step.input("value", "float32", ["B", "T", keyHeads * width]),
      pastKey: step.input("pastKey", "float32", ["B", keyHeads, "P", width]),
      pastValue: step.input("pastValue", "float32", ["B", keyHeads, "P", width]),
      seqlensK: step.input("seqlensK", "int32", ["B"]),
      totalLength: step.input("totalLength", "int32", []),
      cos: step.input("cos", "float32", ["S", width / 2]),
      sin: step.input("sin", "float32", ["S", width / 2]),
    };
    const attributes = { num_heads: heads, kv_num_heads: keyHeads, do_rotary: 1, scale: 0.25 };
    const { output, presentKey, presentValue } = step.groupQueryAttention(inputs, attributes);
    step.output("y", output);
    step.output("presentKey", presentKey);
    step.output("presentValue", presentValue);
    const graph = step.finish();

    const found: number[] = [];
    const empty: HostTensor = { dtype: "float32", shape: [1, keyHeads, length, width], data: new Array(192).fill(0) };
    let [pastKey, pastValue] = [empty, empty];
    for (const [from, to] of [
      [0, 4],
      [4, 5],
      [5, 6],
    ] as const) {
      const rows = ({ shape, data }: HostTensor): HostTensor => {
        const row = shape[2]!;
        return { dtype: "float32", shape: [1, to - from, row], data: data.slice(from * row, to * row) };
      };
      const results = await runGraph(graph, {
        query: rows(query),
        key: rows(key),
        value: rows(value),
        pastKey,
        pastValue,
        seqlensK: { dtype: "int32", shape: [1], data: [to - 1] },
        totalLength: { dtype: "int32", shape: [], data: [to] },
        cos,
        sin,
      });
      found.push(...results.y!.data);
      [pastKey, pastValue] = [results.presentKey!, results.presentValue!];
    }
    expect(found.length).toBe(expected.length);
    for (const [i, number] of expected.entries()) expect(found[i]).toBeCloseTo(number, 4);
  });
});

describe("the operator table", () => {
  it("names inputs and outputs of every operator", () => {
    for (const [opType, { inputs, outputs }] of Object.entries(operators)) {
      expect(outputs.length, opType).toBeGreaterThan(0);
      // Optional and repeated ones come last.
      expect([...inputs].map((name) => /[?.]$/.test(name)).join(), opType).toMatch(/^(false,?)*(true,?)*$/);
    }
  });
});

describe("emit", () => {
  it("leaves no operator of ours and nothing the target lacks", () => {
    const lacking = {
      fused: [],
      primitive: ["FusedMatMul", "LogSoftmax", "ScatterElements", "Softplus"],
      standard: ["FusedMatMul", "QuickGelu", "SimplifiedLayerNormalization", "RotaryEmbedding"],
    };
    for (const target of ["fused", "primitive", "standard"] as const) {
      for (const [opType, cases] of Object.entries(forwardCases)) {
        const { inputs, build, targets } = cases[0];
        if (targets !== undefined && !targets.includes(target)) continue;
        const b = createBuilder("emit");
        const values = inputs.map(({ dtype, shape }, i) => b.input(`x${i}`, dtype, shape));
        for (const [i, output] of [build(b, ...values)].flat().entries()) b.output(`y${i}`, output);
        for (const node of emit(b.finish(), { target }).nodes) {
          const { domain } = operators[node.opType];
          expect(domain, `${opType} ${target}`).not.toBe("iad-r1");
          if (target === "standard") expect(domain, `${opType} ${target}`).toBe("");
          expect(lacking[target], `${opType} ${target}`).not.toContain(node.opType);
        }
      }
    }
  });

  it("says what has no form in plain ONNX", () => {
    const b = createBuilder("packed");
    const packed = b.constant("uint8", [1, 1, 16], new Uint8Array(16), "packed");
    const scales = b.constant("float32", [1], new Float32Array(1), "scales");
    const x = b.input("x", "float32", [1, 32]);
    b.output("y", b.matMulNBits(x, packed, scales, null, { K: 32, N: 1, bits: 4, block_size: 32 }));
    expect(() => emit(b.finish(), { target: "standard" })).toThrow(
      "MatMulNBits has no form in plain ONNX (node MatMulNBits).",
    );
  });
});
