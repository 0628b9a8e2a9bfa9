import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { emit } from "@iad-r1/models/graph/emit";
import { parseModel } from "@iad-r1/models/graph/parse";
import { printGraph } from "@iad-r1/models/graph/print";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  TensorProto_DataType,
} from "@iad-r1/models/graph/proto/onnx.gen";
import { type SerializeOptions, serialize } from "@iad-r1/models/graph/serialize";
import type { Graph } from "@iad-r1/models/graph/types";
import { verify } from "@iad-r1/models/graph/verify";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { operators } from "@iad-r1/models/ops/table";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

function written(graph: Graph, options?: SerializeOptions) {
  return fromBinary(ModelProtoSchema, serialize(graph, options).bytes);
}

/** A graph with every kind of attribute and constant, scopes, left-out inputs and lengths with names. */
function variedGraph(file?: string): Graph {
  const b = createBuilder("varied");
  const x = b.input("x", "float32", ["B", "T", 8]);
  const ids = b.input("ids", "int64", ["B", "T"]);
  const y = b.scope("block.0", () => {
    const table = b.constant("float32", [4, 8], new Float32Array(32).fill(0.5), "table");
    const rows = b.add(x, b.gather(table, ids));
    const normal = b.layerNormalization(rows, b.constant("float32", [8], new Float32Array(8).fill(1), "gain"), null, 1);
    return b.clip(b.transpose(normal, [0, 2, 1]), null, 6);
  });
  b.output("flat", b.reshape(y, ["B*T", 8]));
  b.output("chosen", b.where(b.less(y, 0), b.full(["B", 8, "T"], 2), b.cast(b.cast(y, "float16"), "float32")));
  b.output("total", b.reduceSum(b.gelu(y, "tanh"), [-1], { keepDims: false }));
  if (file !== undefined) {
    const weight = b.external("weight", "bfloat16", [8, 8], { file, offset: 64, length: 128 });
    b.output("product", b.matMul(b.transpose(y, [0, 2, 1]), b.cast(weight, "float32")));
  }
  return b.finish();
}

test("a model names its format, its operator sets and only those it uses", () => {
  const plain = written(variedGraph());
  expect(plain.irVersion).toBe(10n);
  expect(plain.opsetImport.map(({ domain, version }) => `${domain}:${version}`)).toEqual([":21"]);
  const b = createBuilder("fused");
  b.output("y", b.fusedMatMul(b.input("x", "float32", ["N", 2]), b.input("w", "float32", [3, 2]), { transB: true }));
  const fused = written(b.finish());
  expect(fused.opsetImport.map(({ domain, version }) => `${domain}:${version}`)).toEqual([":21", "com.microsoft:1"]);
  expect(fused.graph!.node.at(-1)).toMatchObject({ opType: "FusedMatMul", domain: "com.microsoft" });
});

test("inputs and outputs keep names, element types and lengths with and without a name", () => {
  const { graph } = written(variedGraph(), { zeroCopy: false });
  const signature = (info: (typeof graph & object)["input"][number]) => {
    const type = info.type!.value;
    if (type.case !== "tensorType") return `${info.name}: ${type.case}`;
    const dims = type.value.shape!.dim.map(({ value }) => String(value.value));
    return `${info.name}: ${TensorProto_DataType[type.value.elemType]}[${dims.join(", ")}]`;
  };
  expect(graph!.input.map(signature)).toEqual(["x: FLOAT[B, T, 8]", "ids: INT64[B, T]"]);
  expect(graph!.output.map(signature)).toEqual(["flat: FLOAT[B*T, 8]", "chosen: FLOAT[B, 8, T]", "total: FLOAT[B, 8]"]);
});

test("attributes are written by their kind: a whole number that is a float stays a float", () => {
  const { graph } = written(variedGraph());
  const attributes = graph!.node.flatMap((node) => node.attribute.map((attribute) => ({ node, attribute })));
  const find = (opType: string, name: string) =>
    attributes.find(({ node, attribute }) => node.opType === opType && attribute.name === name)!.attribute;
  expect(find("LayerNormalization", "epsilon")).toMatchObject({ type: AttributeProto_AttributeType.FLOAT, f: 1 });
  expect(find("Transpose", "perm")).toMatchObject({ type: AttributeProto_AttributeType.INTS, ints: [0n, 2n, 1n] });
  expect(find("Gelu", "approximate")).toMatchObject({ s: new TextEncoder().encode("tanh") });
  expect(find("Cast", "to")).toMatchObject({ type: AttributeProto_AttributeType.INT, i: 10n });
  expect(find("ConstantOfShape", "value").t).toMatchObject({ dataType: 1, dims: [1n] });
});

test("an input that was left out is an empty name, and none at the end", () => {
  const { graph } = written(variedGraph());
  expect(graph!.node.find(({ opType }) => opType === "Clip")!.input).toEqual([
    expect.any(String),
    "",
    expect.stringMatching(/./),
  ]);
  expect(graph!.node.find(({ opType }) => opType === "LayerNormalization")!.input.length).toBe(2);
});

test("the sequence output comes first, or not at all when it is not wanted", () => {
  const withSequence = written(variedGraph()).graph!;
  expect(withSequence.output[0]!.type!.value.case).toBe("sequenceType");
  expect(withSequence.node[0]!.opType).toBe("SequenceConstruct");
  expect(written(variedGraph(), { zeroCopy: false }).graph!.output[0]!.name).toBe("flat");
});

test("external data is a place below the folder that holds every file, however the files lie", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "base/shards"), { recursive: true });
  mkdirSync(join(folder, "adapter"));
  const files = [join(folder, "base/shards/a.safetensors"), join(folder, "adapter/b.safetensors")];
  for (const file of files) writeFileSync(file, "");
  const b = createBuilder("external");
  const weights = files.map((file, i) => b.external(`w${i}`, "float32", [2], { file, offset: 64 * i, length: 8 }));
  b.output("y", b.add(weights[0]!, weights[1]!));
  const model = serialize(b.finish());
  expect(model.externalFolder).toBe(folder);
  const entries = fromBinary(ModelProtoSchema, model.bytes).graph!.initializer.slice(0, 2);
  expect(entries.map(({ externalData }) => externalData.map(({ key, value }) => `${key}=${value}`).join(" "))).toEqual([
    "location=base/shards/a.safetensors offset=0 length=8",
    "location=adapter/b.safetensors offset=64 length=8",
  ]);
});

test("what was written is read back as the same graph", () => {
  const file = join(temporaryFolder(), "model.safetensors");
  writeFileSync(file, "");
  for (const target of ["fused", "primitive", "standard"] as const) {
    const graph = emit(variedGraph(file), { target });
    for (const valueInfo of [true, false]) {
      const model = serialize(graph, { valueInfo });
      const parsed = parseModel(model.bytes, operators, model.externalFolder);
      verify(parsed);
      expect(parsed.nodes.map(({ opType }) => opType)).toEqual(graph.nodes.map(({ opType }) => opType));
      expect(Buffer.from(serialize(parsed, { valueInfo }).bytes).equals(model.bytes)).toBe(true);
    }
    // Floats are single precision in the file, so only a graph that was read once prints the same after another round.
    const once = parseModel(serialize(graph, { valueInfo: true }).bytes, operators, join(file, ".."));
    const twice = parseModel(serialize(once, { valueInfo: true }).bytes, operators, join(file, ".."));
    expect(printGraph(twice)).toBe(printGraph(once));
  }
});

test("composite operators are refused until they are lowered", () => {
  const b = createBuilder("composite");
  b.output("y", b.linear(b.input("x", "float32", ["N", 2]), b.input("w", "float32", [3, 2]), null));
  const graph = b.finish();
  expect(() => serialize(graph)).toThrow(expect.objectContaining({ code: "graph/not-lowered" }));
  expect(() => serialize(emit(graph, { target: "fused" }))).not.toThrow();
});

test("an attribute of the wrong kind is refused with its node", () => {
  const b = createBuilder("wrong");
  const x = b.input("x", "float32", ["N", 2]);
  b.output("y", b.apply("Softmax", [x], { axis: 1 })[0]!);
  const graph = b.finish();
  const damaged: Graph = { ...graph, nodes: [{ ...graph.nodes[0]!, attributes: { axis: 0.5 } }] };
  expect(() => serialize(damaged)).toThrow(/Softmax: attribute axis must be an integer, got 0.5 \(node Softmax/);
  const unknown: Graph = { ...graph, nodes: [{ ...graph.nodes[0]!, attributes: { axes: 1 } }] };
  expect(() => serialize(unknown)).toThrow(/attribute axes must be an attribute the operator has/);
});

test("a constant whose bytes do not fit its shape is refused", () => {
  const graph = variedGraph();
  const [first, ...rest] = graph.constants;
  const damaged: Graph = {
    ...graph,
    constants: [{ ...first!, data: { kind: "inline", array: new Float32Array(3) } }, ...rest],
  };
  expect(() => serialize(damaged)).toThrow(expect.objectContaining({ code: "graph/constant-size" }));
});

test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
  ["nothing", () => new Uint8Array()],
  ["text", () => new TextEncoder().encode("this is not a model")],
  ["half a model", (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ["an operator nobody knows", (bytes) => replaceText(bytes, "Transpose", "Transport")],
  ["an attribute nobody knows", (bytes) => replaceText(bytes, "perm", "prem")],
])("parsing %s ends in one error", (_, damage) => {
  const { bytes } = serialize(variedGraph());
  expect(() => parseModel(damage(bytes), operators)).toThrow(expect.objectContaining({ code: "model/onnx" }));
});

test("external data outside its folder is refused", () => {
  const file = join(temporaryFolder(), "model.safetensors");
  writeFileSync(file, "");
  const model = serialize(variedGraph(file));
  const escaping = replaceText(model.bytes, "model.safetensors", "../el.safetensors");
  expect(() => parseModel(escaping, operators, model.externalFolder)).toThrow(/external data of "weight"/);
});

function replaceText(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll(from, to), "latin1");
}
