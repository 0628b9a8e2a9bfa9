/**
 * Reads an ONNX model back into a graph: for tools and tests that look at written files. Only operators of the given table
 * are known; control flow, functions and sparse tensors are refused. No weights are read, external data stays where it is.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { GraphError, ModelFileError } from "../errors";
import { numElements } from "./dims";
import {
  type AttributeProto,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
  type TypeProto,
  type ValueInfoProto,
} from "./proto/onnx.gen";
import { onnxDataType, zeroCopyOutput } from "./serialize";
import { sizeBytes } from "./shapes";
import type {
  AttributeKind,
  Attributes,
  AttributeValue,
  Constant,
  Dim,
  DType,
  Graph,
  InferContext,
  Node,
  OperatorSet,
  OperatorSignature,
  OpType,
  TensorType,
  TypedArray,
  Value,
} from "./types";

/**
 * @param folder where external data lies; `OnnxModel.externalFolder`
 * @throws ModelFileError `model/onnx` when the bytes are no model of the supported kind
 */
export function parseModel(bytes: Uint8Array, operatorSet: OperatorSet, folder: string | null = null): Graph {
  let graph: GraphProto | undefined;
  try {
    graph = fromBinary(ModelProtoSchema, bytes).graph;
  } catch (cause) {
    throw new ModelFileError("model/onnx", `This is no ONNX model: ${(cause as Error).message}.`, { cause });
  }
  if (graph === undefined) throw damaged("it has no graph");
  return new Parser(graph, operatorSet, folder).parse();
}

class Parser {
  private readonly values = new Map<string, Value>();
  /** Types that the file states, by value name. */
  private readonly stated = new Map<string, TensorType>();
  private numUnknownDims = 0;

  constructor(
    private readonly graph: GraphProto,
    private readonly operatorSet: OperatorSet,
    private readonly folder: string | null,
  ) {}

  parse(): Graph {
    const { graph } = this;
    const outputs = graph.output.filter(({ name }) => name !== zeroCopyOutput);
    for (const info of [...graph.valueInfo, ...outputs]) this.stated.set(info.name, tensorType(info));
    const constants = graph.initializer
      .filter(({ name }) => name !== `${zeroCopyOutput}_element`)
      .map((tensor) => this.constant(tensor));
    const inputs = graph.input
      .filter(({ name }) => !this.values.has(name))
      .map((info) => this.define(info.name, tensorType(info), null));
    const nodes = graph.node.filter(({ name }) => name !== zeroCopyOutput).map((node, index) => this.node(node, index));
    return {
      name: graph.name,
      operatorSet: this.operatorSet,
      inputs,
      outputs: outputs.map(({ name }) => this.value(name, "the outputs")),
      nodes,
      constants,
    };
  }

  private define(name: string, type: TensorType, producer: Node | null): Value {
    if (name === "" || this.values.has(name)) throw damaged(`the value "${name}" is defined twice`);
    const value: Value = { id: this.values.size, name, producer, ...type };
    this.values.set(name, value);
    return value;
  }

  private value(name: string, where: string): Value {
    const value = this.values.get(name);
    if (value === undefined) throw damaged(`"${name}" is used in ${where} before it is defined`);
    return value;
  }

  private constant(tensor: TensorProto): Constant {
    const dtype = dtypeOf(tensor.dataType, tensor.name);
    const shape = tensor.dims.map(Number);
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) {
      const array = arrayOf(tensor, dtype, shape);
      const describesShape = (dtype === "int64" || dtype === "int32") && shape.length <= 1 && array.length <= 64;
      const content = describesShape ? Array.from<number | bigint>(array).map(Number) : undefined;
      return { value: this.define(tensor.name, { dtype, shape, content }, null), data: { kind: "inline", array } };
    }
    const value = this.define(tensor.name, { dtype, shape }, null);
    const fields = new Map(tensor.externalData.map(({ key, value: text }) => [key, text]));
    const location = fields.get("location") ?? "";
    const [offset, length] = [Number(fields.get("offset") ?? 0), Number(fields.get("length") ?? Number.NaN)];
    // A location comes from a file: it may name nothing outside its folder.
    const escapes = location.split(/[/\\]/).some((part) => part === "" || part === ".." || part.includes(":"));
    if (this.folder === null || escapes || !isNatural(offset) || !isNatural(length)) {
      throw damaged(`the external data of "${tensor.name}" is at "${location}", bytes ${offset} + ${length}`);
    }
    return { value, data: { kind: "external", file: `${this.folder}/${location}`, offset, length } };
  }

  private node(proto: NodeProto, index: number): Node {
    const name = proto.name === "" ? `${proto.opType}_${index}` : proto.name;
    const signature = Object.hasOwn(this.operatorSet, proto.opType)
      ? (this.operatorSet[proto.opType as OpType] as OperatorSignature)
      : undefined;
    if (signature === undefined || signature.domain !== proto.domain) {
      throw damaged(`node ${name} has the unknown operator ${proto.domain}:${proto.opType}`);
    }
    const inputs = proto.input.map((input) => (input === "" ? null : this.value(input, name)));
    const node: Node = {
      id: index,
      name,
      opType: proto.opType as OpType,
      inputs,
      outputs: [],
      attributes: attributesOf(proto, signature.attributes, name),
      scope: name.split(".").slice(0, -1).join("."),
    };
    const types = this.outputTypes(node, signature, proto.output);
    for (const [i, output] of proto.output.entries()) {
      node.outputs.push(output === "" ? null : this.define(output, types[i]!, node));
    }
    return node;
  }

  /** What the shape rule finds, with the lengths the file states: those have the names of the graph that was written. */
  private outputTypes(node: Node, signature: OperatorSignature, names: readonly string[]): readonly TensorType[] {
    const context: InferContext = {
      inputs: node.inputs,
      attributes: node.attributes,
      fail: (expected) => {
        throw new GraphError("graph/shape", `${node.opType}: ${expected} (node ${node.name}).`, { where: node.name });
      },
      unknownDim: () => `parsed_${this.numUnknownDims++}`,
    };
    const inferred = signature.infer(context);
    if (inferred.length < names.length) throw damaged(`node ${node.name} has ${names.length} outputs`);
    return inferred.map((type, i) => ({ ...type, ...this.stated.get(names[i] ?? "") }));
  }
}

function attributesOf(proto: NodeProto, kinds: Readonly<Record<string, AttributeKind>>, node: string): Attributes {
  const attributes: Record<string, AttributeValue> = {};
  for (const attribute of proto.attribute) {
    const kind = Object.hasOwn(kinds, attribute.name) ? kinds[attribute.name] : undefined;
    if (kind === undefined) throw damaged(`node ${node} has the unknown attribute ${attribute.name}`);
    attributes[attribute.name] = attributeValue(attribute, kind, node);
  }
  return attributes;
}

function attributeValue(attribute: AttributeProto, kind: AttributeKind, node: string): AttributeValue {
  switch (kind) {
    case "int":
      return Number(attribute.i);
    case "ints":
      return attribute.ints.map(Number);
    case "float":
      return attribute.f;
    case "string":
      return new TextDecoder().decode(attribute.s);
    case "dtype":
      return dtypeOf(Number(attribute.i), node);
    case "tensor": {
      if (attribute.t === undefined) throw damaged(`node ${node}: attribute ${attribute.name} has no tensor`);
      const dtype = dtypeOf(attribute.t.dataType, node);
      const shape = attribute.t.dims.map(Number);
      return { dtype, shape, array: arrayOf(attribute.t, dtype, shape) };
    }
  }
}

function tensorType(info: ValueInfoProto): TensorType {
  const type: TypeProto["value"] | undefined = info.type?.value;
  if (type?.case !== "tensorType" || type.value.shape === undefined) throw damaged(`"${info.name}" is no tensor`);
  const shape = type.value.shape.dim.map(({ value }): Dim => {
    if (value.case === undefined) throw damaged(`"${info.name}" has a length without a name`);
    return value.case === "dimParam" ? value.value : Number(value.value);
  });
  return { dtype: dtypeOf(type.value.elemType, info.name), shape };
}

function dtypeOf(number: number, where: string): DType {
  for (const [dtype, code] of Object.entries(onnxDataType)) if (code === number) return dtype as DType;
  throw damaged(`${where} has the unknown element type ${number}`);
}

const arrays: { readonly [D in DType]: new (buffer: ArrayBuffer) => TypedArray } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
  bool: Uint8Array,
};

function arrayOf(tensor: TensorProto, dtype: DType, shape: readonly number[]): TypedArray {
  const expected = shape.every(isNatural) ? sizeBytes(dtype, numElements(shape)) : Number.NaN;
  const { rawData } = tensor;
  if (rawData.byteLength !== expected) {
    throw damaged(`"${tensor.name}" is ${dtype}[${shape.join(",")}], but has ${rawData.byteLength} bytes of raw data`);
  }
  // A copy of its own: the bytes of the message need not be aligned.
  return new arrays[dtype](rawData.slice().buffer as ArrayBuffer);
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function damaged(reason: string): ModelFileError {
  return new ModelFileError("model/onnx", `The ONNX model cannot be used: ${reason}.`);
}
