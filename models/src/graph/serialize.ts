/**
 * Writes a graph as an ONNX model. One way only: reading back is parse.ts; external weights stay where they are and the
 * message only points at them, so it remains small however large the model is.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { GraphError, InternalError } from "../errors";
import { assertNever } from "../util/assertNever";
import { numElements } from "./dims";
import { type ExternalLocations, locateExternalData } from "./externalData";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  type TypeProto,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./proto/onnx.gen";
import { sizeBytes } from "./shapes";
import type { AttributeKind, AttributeValue, Constant, DType, Graph, Node, Shape, TypedArray, Value } from "./types";

/** ONNX file format 10 and operator set 21: what ONNX Runtime 1.20 and newer read. */
export const irVersion = 10;
export const opsetVersion = 21;
export const microsoftOpsetVersion = 1;

/**
 * Name of the extra first output of a model written with `zeroCopy`. It is a sequence, which the JavaScript binding of
 * ONNX Runtime refuses to convert: it gives up before it copies any other output (see server/src/runtime/session.ts).
 */
export const zeroCopyOutput = "iad_r1_sequence";

export interface SerializeOptions {
  /** Adds the sequence output that lets outputs be written in place without a copy. Default true. */
  readonly zeroCopy?: boolean;
  /**
   * Also writes type and shape of every value in between. Default true: ONNX Runtime cannot calculate with named lengths, and its memory
   * planner searches all free buffers for one of equal shape, so that opening a graph whose lengths it has lost takes time by the square of
   * its nodes (a LoRA step of a 0.5B: 24 s instead of 4).
   */
  readonly valueInfo?: boolean;
}

/** A written model: the message, and the folder its external data is found in. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** Absolute; null when every constant is inside `bytes`. */
  readonly externalFolder: string | null;
}

/**
 * @throws GraphError `graph/not-lowered` when a composite operator is left (run `emit` first), `graph/attribute` when an
 *   attribute does not fit its kind
 * @throws ModelFileError `model/missing-file` when an external file is gone
 */
export function serialize(graph: Graph, options: SerializeOptions = {}): OnnxModel {
  const external = locateExternalData(graph.constants);
  const nodes = graph.nodes.map((node) => nodeProto(graph, node));
  const initializers = graph.constants.map((constant) => constantProto(constant, external));
  const outputs = graph.outputs.map(valueInfo);
  if (options.zeroCopy ?? true) {
    const element = `${zeroCopyOutput}_element`;
    initializers.push(tensorProto(element, "bool", [], new Uint8Array(1)));
    nodes.unshift(
      create(NodeProtoSchema, {
        name: zeroCopyOutput,
        opType: "SequenceConstruct",
        input: [element],
        output: [zeroCopyOutput],
      }),
    );
    outputs.unshift(
      create(ValueInfoProtoSchema, {
        name: zeroCopyOutput,
        type: { value: { case: "sequenceType", value: { elemType: tensorType("bool", []) } } },
      }),
    );
  }
  const opsetImport = [{ domain: "", version: BigInt(opsetVersion) }];
  if (graph.nodes.some((node) => graph.operatorSet[node.opType].domain === "com.microsoft")) {
    opsetImport.push({ domain: "com.microsoft", version: BigInt(microsoftOpsetVersion) });
  }
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    opsetImport,
    producerName: "iad-r1",
    graph: {
      name: graph.name,
      node: nodes,
      initializer: initializers,
      input: graph.inputs.map(valueInfo),
      output: outputs,
      valueInfo: options.valueInfo !== false ? valuesBetween(graph).map(valueInfo) : [],
    },
  });
  return { bytes: toBinary(ModelProtoSchema, model), externalFolder: external.folder };
}

/** ONNX's number of an element type. */
export const onnxDataType: Readonly<Record<DType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float64: TensorProto_DataType.DOUBLE,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  int8: TensorProto_DataType.INT8,
  uint8: TensorProto_DataType.UINT8,
  int4: TensorProto_DataType.INT4,
  uint4: TensorProto_DataType.UINT4,
  bool: TensorProto_DataType.BOOL,
};

function nodeProto(graph: Graph, node: Node): NodeProto {
  const signature = graph.operatorSet[node.opType];
  if (signature.domain === "iad-r1") {
    throw new GraphError("graph/not-lowered", `${node.opType} is no ONNX operator (node ${node.name}).`, {
      where: node.name,
      hint: "Lower the graph with emit() before it is written.",
    });
  }
  const kinds: Readonly<Record<string, AttributeKind>> = signature.attributes;
  const attribute: AttributeProto[] = [];
  for (const [name, value] of Object.entries(node.attributes)) {
    if (value === undefined) continue;
    const kind = kinds[name];
    if (kind === undefined) throw attributeError(node, name, "an attribute the operator has");
    attribute.push(attributeProto(node, name, kind, value));
  }
  return create(NodeProtoSchema, {
    name: node.name,
    opType: node.opType,
    domain: signature.domain,
    input: withoutTrailingBlanks(node.inputs),
    output: withoutTrailingBlanks(node.outputs),
    attribute,
  });
}

/** ONNX writes a left-out input or output as an empty name, and nothing after the last one present. */
function withoutTrailingBlanks(values: readonly (Value | null)[]): string[] {
  const names = values.map((value) => value?.name ?? "");
  while (names.at(-1) === "") names.pop();
  return names;
}

function attributeProto(node: Node, name: string, kind: AttributeKind, value: AttributeValue): AttributeProto {
  switch (kind) {
    case "int":
      if (typeof value !== "number" || !Number.isSafeInteger(value)) throw attributeError(node, name, "an integer");
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
    case "ints":
      if (!isNumbers(value) || !value.every(Number.isSafeInteger))
        throw attributeError(node, name, "a list of integers");
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
    case "float":
      if (typeof value !== "number") throw attributeError(node, name, "a number");
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value });
    case "string":
      if (typeof value !== "string") throw attributeError(node, name, "a string");
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.STRING,
        s: new TextEncoder().encode(value),
      });
    case "dtype": {
      if (typeof value !== "string" || !isDType(value)) throw attributeError(node, name, "an element type");
      const i = BigInt(onnxDataType[value]);
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i });
    }
    case "tensor": {
      if (typeof value !== "object" || isNumbers(value)) throw attributeError(node, name, "a tensor");
      const t = tensorProto("", value.dtype, value.shape, value.array);
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.TENSOR, t });
    }
    default:
      return assertNever(kind, "attribute kind");
  }
}

function isNumbers(value: AttributeValue): value is readonly number[] {
  return Array.isArray(value);
}

function isDType(name: string): name is DType {
  return Object.hasOwn(onnxDataType, name);
}

function attributeError(node: Node, name: string, expected: string): GraphError {
  const message = `${node.opType}: attribute ${name} must be ${expected}, got ${String(node.attributes[name])} (node ${node.name}).`;
  return new GraphError("graph/attribute", message, { where: node.name });
}

function constantProto({ value, data }: Constant, external: ExternalLocations): TensorProto {
  const shape = fixedShape(value);
  if (data.kind === "inline") return tensorProto(value.name, value.dtype, shape, data.array);
  const location = external.locations.get(data.file);
  if (location === undefined) throw new InternalError("internal/external-data", `${data.file} was not located.`);
  const expected = byteLength(value.dtype, shape);
  if (data.length !== expected) throw lengthError(value.name, value.dtype, shape, expected, data.length);
  return create(TensorProtoSchema, {
    name: value.name,
    dataType: onnxDataType[value.dtype],
    dims: shape.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: "location", value: location },
      { key: "offset", value: String(data.offset) },
      { key: "length", value: String(data.length) },
    ],
  });
}

function tensorProto(name: string, dtype: DType, shape: readonly number[], array: TypedArray): TensorProto {
  const expected = byteLength(dtype, shape);
  if (array.byteLength !== expected) throw lengthError(name, dtype, shape, expected, array.byteLength);
  return create(TensorProtoSchema, {
    ...(name === "" ? {} : { name }),
    dataType: onnxDataType[dtype],
    dims: shape.map(BigInt),
    rawData: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  });
}

function lengthError(name: string, dtype: DType, shape: readonly number[], expected: number, got: number): GraphError {
  const message = `The constant ${name} is ${dtype}[${shape.join(",")}] = ${expected} bytes, but has ${got} bytes.`;
  return new GraphError("graph/constant-size", message, { where: name });
}

function byteLength(dtype: DType, shape: readonly number[]): number {
  return sizeBytes(dtype, numElements(shape));
}

function fixedShape(value: Value): number[] {
  return value.shape.map((dim) => {
    if (typeof dim === "number") return dim;
    const message = `The constant ${value.name} must have a fixed shape, got [${value.shape.join(",")}].`;
    throw new GraphError("graph/constant-shape", message, { where: value.name });
  });
}

function valueInfo(value: Value): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name: value.name, type: tensorType(value.dtype, value.shape) });
}

function tensorType(dtype: DType, shape: Shape): TypeProto {
  const dim = shape.map((extent) =>
    typeof extent === "number"
      ? { value: { case: "dimValue" as const, value: BigInt(extent) } }
      : { value: { case: "dimParam" as const, value: extent } },
  );
  return create(TypeProtoSchema, {
    value: { case: "tensorType", value: { elemType: onnxDataType[dtype], shape: { dim } } },
  });
}

function valuesBetween(graph: Graph): Value[] {
  const named = new Set([...graph.inputs, ...graph.outputs]);
  return graph.nodes
    .flatMap((node) => node.outputs)
    .filter((value): value is Value => value !== null && !named.has(value));
}
