/**
 * Builds a graph node by node: one camelCase method per operator, shapes checked at once, names given by scopes.
 * It knows the operators only through the table it is given; it never computes and never simplifies what it is asked for.
 * Longer than most files because it is a list: one short method for each operator.
 */
import { GraphError } from "../errors";
import { checkDim, dimTerms, floorDivDims, numElements, quotientOperands, sameShape } from "./dims";
import { NameAuthority } from "./names";
import { prune } from "./prune";
import { formatShape, formatType, normalizeAxis, sizeBytes } from "./shapes";
import type {
  Attributes,
  Constant,
  Dim,
  DType,
  ExternalData,
  Graph,
  InferContext,
  Node,
  OperatorAttributes,
  OperatorSet,
  OpType,
  Shape,
  TensorAttribute,
  TensorType,
  TypedArray,
  Value,
} from "./types";

/** A number stands for a constant scalar of the element type of the other operand. */
export type Operand = Value | number;

export interface KeepDims {
  /** Whether reduced axes stay as extents of 1. Default true, as in ONNX. */
  keepDims?: boolean;
}

export class GraphBuilder {
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly constants: Constant[] = [];
  private readonly names = new NameAuthority();
  private readonly inlineConstants = new Map<string, Value>();
  private readonly reinterpreted = new Map<string, Value>();
  /** Where a named length can be read at run time: the first value that has it as an extent. */
  private readonly lengthSources = new Map<string, { value: Value; axis: number }>();
  private readonly lengthTensors = new Map<string, Value>();
  private scopePath = "";
  private numValues = 0;
  private numUnknownDims = 0;

  constructor(
    readonly name: string,
    readonly operatorSet: OperatorSet,
    /** Begins the names of lengths nothing is known of; a graph copied into this one must have used another. */
    private readonly unknownPrefix = "_u",
  ) {}

  // --- inputs, constants, outputs -----------------------------------------------------------------------------------

  /** Declares a graph input. Throws GraphError when the name is taken. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const value = this.newValue(this.claimName(name), { dtype, shape }, null);
    this.inputs.push(value);
    return value;
  }

  /** Numbers held in the graph file; without a name, equal small constants are one value. */
  constant(dtype: DType, shape: readonly number[], array: TypedArray, name?: string): Value {
    const count = numElements(shape);
    if (array.byteLength !== sizeBytes(dtype, count)) {
      const found = `${array.byteLength} bytes`;
      throw new GraphError(
        "graph/constant",
        `Constant ${name ?? ""} ${dtype}${formatShape(shape)} needs ${sizeBytes(dtype, count)} bytes, got ${found}.`,
      );
    }
    if (name !== undefined || array.length > 64) {
      return this.addConstant(name === undefined ? this.names.unique("constant") : this.claimName(name), dtype, shape, {
        kind: "inline",
        array,
      });
    }
    const key = `${dtype}[${shape.join(",")}]${Array.from<number | bigint>(array).map(exactText).join(",")}`;
    let value = this.inlineConstants.get(key);
    if (value === undefined) {
      value = this.addConstant(this.names.unique("constant"), dtype, shape, { kind: "inline", array });
      this.inlineConstants.set(key, value);
    }
    return value;
  }

  /** A tensor that lies in a file, for example a weight in a safetensors file. Offset and length are in bytes. */
  external(name: string, dtype: DType, shape: readonly number[], source: Omit<ExternalData, "kind">): Value {
    const expected = sizeBytes(dtype, numElements(shape));
    if (source.length !== expected) {
      throw new GraphError(
        "graph/constant",
        `Constant ${name} ${dtype}${formatShape(shape)} needs ${expected} bytes, got ${source.length} in ${source.file}.`,
      );
    }
    return this.addConstant(this.claimName(name), dtype, shape, { kind: "external", ...source });
  }

  /** A constant of another graph, under its name. */
  copyConstant({ value, data }: Constant): Value {
    return this.addConstant(this.claimName(value.name), value.dtype, value.shape as readonly number[], data);
  }

  /**
   * The bytes of a constant read as elements of another type and shape.
   *
   * @throws GraphError `graph/constant` when `value` is no constant of this graph or the sizes differ
   */
  reinterpret(value: Value, dtype: DType, shape: readonly number[]): Value {
    const key = `${value.name} as ${dtype}[${shape.join(",")}]`;
    const known = this.reinterpreted.get(key);
    if (known !== undefined) return known;
    const data = this.constants.find((constant) => constant.value === value)?.data;
    const bytes = data === undefined ? -1 : data.kind === "inline" ? data.array.byteLength : data.length;
    const expected = sizeBytes(dtype, numElements(shape));
    if (
      data === undefined ||
      bytes !== expected ||
      (data.kind === "inline" && dtype !== "uint8" && dtype !== value.dtype)
    ) {
      const found = data === undefined ? "no constant" : `a constant of ${bytes} bytes`;
      throw new GraphError("graph/constant", `${key} needs a constant of ${expected} bytes, got ${found}.`);
    }
    const same: Constant["data"] =
      data.kind === "inline" && dtype === "uint8"
        ? { kind: "inline", array: new Uint8Array(data.array.buffer, data.array.byteOffset, bytes) }
        : data;
    const result = this.addConstant(this.names.unique(`${value.name}.${dtype}`), dtype, shape, same);
    this.reinterpreted.set(key, result);
    return result;
  }

  /** A constant scalar. */
  scalar(number: number, dtype: DType = "float32"): Value {
    return this.constant(dtype, [], numbersToArray(dtype, [number]));
  }

  /** A constant int64[n]. */
  int64s(numbers: readonly number[]): Value {
    return this.constant("int64", [numbers.length], numbersToArray("int64", numbers));
  }

  /**
   * Makes `value` a graph output under `name`, renaming it; no node is added unless the value is an input, a constant or
   * an output already. Returns the value that carries the name.
   */
  output(name: string, value: Value): Value {
    let result = value;
    if (value.producer === null || this.outputs.includes(value)) result = this.identity(value);
    result.name = result.name === name ? name : this.claimName(name);
    this.outputs.push(result);
    return result;
  }

  /** Runs `build` with every name inside prefixed by "<name>."; scopes nest and mark the blocks that may be recomputed. */
  scope<T>(name: string, build: () => T): T {
    const outer = this.scopePath;
    this.scopePath = outer === "" ? name : `${outer}.${name}`;
    try {
      return build();
    } finally {
      this.scopePath = outer;
    }
  }

  /** Runs `build` with the scope set to exactly `path`: for code that adds nodes on behalf of others. */
  inScope<T>(path: string, build: () => T): T {
    const outer = this.scopePath;
    this.scopePath = path;
    try {
      return build();
    } finally {
      this.scopePath = outer;
    }
  }

  /** The graph without dead nodes and unread constants. The builder may go on; the graph does not change. */
  finish(): Graph {
    if (this.outputs.length === 0) throw new GraphError("graph/no-output", `The graph ${this.name} has no output.`);
    return prune({
      name: this.name,
      operatorSet: this.operatorSet,
      inputs: [...this.inputs],
      outputs: [...this.outputs],
      nodes: [...this.nodes],
      constants: [...this.constants],
    });
  }

  // --- the general door ---------------------------------------------------------------------------------------------

  /**
   * Adds one node and returns its outputs, one per name in the operator table.
   *
   * @param types overrides what the shape rule finds: only for callers that know more, such as `reshape`
   * @throws GraphError `graph/shape` naming the operator, its input types and the node
   */
  apply<K extends OpType>(
    opType: K,
    inputs: readonly (Value | null)[],
    attributes: OperatorAttributes[K],
    types?: readonly TensorType[],
  ): Value[] {
    const name = this.names.unique(this.scopePath === "" ? opType : `${this.scopePath}.${opType}`);
    const signature = this.operatorSet[opType];
    const context: InferContext<OperatorAttributes[K]> = {
      inputs,
      attributes,
      fail: (expected) => {
        const found = inputs.map((input) => (input === null ? "nothing" : formatType(input))).join(", ");
        throw new GraphError("graph/shape", `${opType}: ${expected}; inputs are ${found} (node ${name}).`, {
          where: name,
        });
      },
      unknownDim: () => `${this.unknownPrefix}${this.numUnknownDims++}`,
    };
    const min = signature.inputs.filter((input) => !/[?.]$/.test(input)).length;
    const max = signature.inputs.some((input) => input.endsWith("...")) ? Infinity : signature.inputs.length;
    if (inputs.length < min || inputs.length > max) context.fail(`takes ${min} to ${max} inputs, got ${inputs.length}`);
    return this.addNode(name, opType, inputs, attributes, types ?? signature.infer(context));
  }

  /** Adds `node` of this or another graph again, reading `inputs`; its outputs keep their types and their null places. */
  copy(node: Node, inputs: readonly (Value | null)[], scope = node.scope): (Value | null)[] {
    const outputs: (Value | null)[] = [];
    const copied: Node = {
      ...node,
      id: this.nodes.length,
      name: this.names.unique(node.name),
      inputs: [...inputs],
      outputs,
      scope,
    };
    for (const output of node.outputs) {
      outputs.push(output === null ? null : this.newValue(this.names.unique(output.name), output, copied));
    }
    this.nodes.push(copied);
    return outputs;
  }

  // --- lengths ------------------------------------------------------------------------------------------------------

  /** int64[n] that holds the lengths at run time: a constant where they are numbers, otherwise read from a value that has them. */
  lengths(dims: readonly Dim[]): Value {
    if (dims.every((dim) => typeof dim === "number")) return this.int64s(dims);
    const parts = dims.map((dim) => this.lengthTensor(dim));
    return parts.length === 1 ? parts[0]! : this.concat(parts, 0);
  }

  private lengthTensor(dim: Dim): Value {
    if (typeof dim === "number") return this.int64s([dim]);
    let tensor = this.lengthTensors.get(dim);
    if (tensor === undefined) {
      tensor = this.inScope("", () => this.computeLength(dim));
      this.lengthTensors.set(dim, tensor);
    }
    return tensor;
  }

  private computeLength(dim: string): Value {
    const source = this.lengthSources.get(dim);
    if (source !== undefined) return this.shape(source.value, source.axis, source.axis + 1);
    const quotient = quotientOperands(dim);
    if (quotient !== undefined) return this.div(this.lengthTensor(quotient[0]), this.lengthTensor(quotient[1]));
    let total: Value | undefined;
    for (const [coefficient, atoms] of dimTerms(dim)) {
      if (atoms.length === 1 && atoms[0] === dim) {
        throw new GraphError("graph/unbound-length", `No value in graph ${this.name} has the length "${dim}".`, {
          hint: "Declare the graph input that has this length before it is used.",
        });
      }
      let term = atoms.length === 0 || coefficient !== 1 ? this.int64s([coefficient]) : undefined;
      for (const atom of atoms) {
        const length = this.lengthTensor(atom);
        term = term === undefined ? length : this.mul(term, length);
      }
      total = total === undefined ? term : this.add(total, term!);
    }
    return total ?? this.int64s([0]);
  }

  // --- elementwise, with broadcasting -------------------------------------------------------------------------------

  add(a: Operand, b: Operand): Value {
    return this.binary("Add", a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.binary("Sub", a, b);
  }
  mul(a: Operand, b: Operand): Value {
    return this.binary("Mul", a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.binary("Div", a, b);
  }
  pow(a: Operand, b: Operand): Value {
    return this.binary("Pow", a, b);
  }
  min(a: Operand, b: Operand): Value {
    return this.binary("Min", a, b);
  }
  max(a: Operand, b: Operand): Value {
    return this.binary("Max", a, b);
  }
  equal(a: Operand, b: Operand): Value {
    return this.binary("Equal", a, b);
  }
  less(a: Operand, b: Operand): Value {
    return this.binary("Less", a, b);
  }
  lessOrEqual(a: Operand, b: Operand): Value {
    return this.binary("LessOrEqual", a, b);
  }
  greater(a: Operand, b: Operand): Value {
    return this.binary("Greater", a, b);
  }
  greaterOrEqual(a: Operand, b: Operand): Value {
    return this.binary("GreaterOrEqual", a, b);
  }
  and(a: Value, b: Value): Value {
    return this.binary("And", a, b);
  }
  or(a: Value, b: Value): Value {
    return this.binary("Or", a, b);
  }
  /** Sum of any number of tensors, one node. */
  sum(values: readonly Value[]): Value {
    return values.length === 1 ? values[0]! : this.one("Sum", values, {});
  }
  not(x: Value): Value {
    return this.one("Not", [x], {});
  }
  neg(x: Value): Value {
    return this.one("Neg", [x], {});
  }
  abs(x: Value): Value {
    return this.one("Abs", [x], {});
  }
  sign(x: Value): Value {
    return this.one("Sign", [x], {});
  }
  sqrt(x: Value): Value {
    return this.one("Sqrt", [x], {});
  }
  reciprocal(x: Value): Value {
    return this.one("Reciprocal", [x], {});
  }
  exp(x: Value): Value {
    return this.one("Exp", [x], {});
  }
  log(x: Value): Value {
    return this.one("Log", [x], {});
  }
  sin(x: Value): Value {
    return this.one("Sin", [x], {});
  }
  cos(x: Value): Value {
    return this.one("Cos", [x], {});
  }
  tanh(x: Value): Value {
    return this.one("Tanh", [x], {});
  }
  erf(x: Value): Value {
    return this.one("Erf", [x], {});
  }
  sigmoid(x: Value): Value {
    return this.one("Sigmoid", [x], {});
  }
  /** log(1 + e^x), without overflow. */
  softplus(x: Value): Value {
    return this.one("Softplus", [x], {});
  }
  relu(x: Value): Value {
    return this.one("Relu", [x], {});
  }
  /** x limited to [low, high]; either may be null. Scalars. */
  clip(x: Value, low: Operand | null, high: Operand | null): Value {
    return this.one("Clip", [x, this.limit(low, x), this.limit(high, x)], {});
  }
  where(condition: Value, whenTrue: Operand, whenFalse: Operand): Value {
    const [a, b] = this.pair(whenTrue, whenFalse);
    return this.one("Where", [condition, a, b], {});
  }
  /** No node when `x` has the type already. */
  cast(x: Value, to: DType): Value {
    return x.dtype === to ? x : this.one("Cast", [x], { to });
  }
  identity(x: Value): Value {
    return this.one("Identity", [x], {});
  }

  /** `value`, whose gradient is that of `path`, or none. */
  straightThrough(value: Value, path: Value | null = null): Value {
    return this.one("StraightThrough", path === null ? [value] : [value, path], {});
  }

  // --- activations --------------------------------------------------------------------------------------------------

  /** x * sigmoid(alpha x); alpha 1.702 by default, as in ONNX Runtime. */
  quickGelu(x: Value, alpha = 1.702): Value {
    return this.one("QuickGelu", [x], { alpha });
  }
  /** x * sigmoid(x). */
  silu(x: Value): Value {
    return this.quickGelu(x, 1);
  }
  gelu(x: Value, approximate: "none" | "tanh" = "none"): Value {
    return this.one("Gelu", [x], { approximate });
  }

  // --- matrices -----------------------------------------------------------------------------------------------------

  /** [..,M,K] x [..,K,N] -> [..,M,N], leading extents broadcast. */
  matMul(a: Value, b: Value): Value {
    return this.one("MatMul", [a, b], {});
  }
  /** alpha * a^(T) b^(T) on the last two axes. */
  fusedMatMul(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; alpha?: number } = {}): Value {
    return this.one("FusedMatMul", [a, b], {
      transA: Number(options.transA ?? false),
      transB: Number(options.transB ?? false),
      alpha: options.alpha ?? 1,
    });
  }
  /** alpha * a^(T) b^(T) + beta * c for matrices; c broadcasts to [M,N]. */
  gemm(
    a: Value,
    b: Value,
    c: Value | null = null,
    options: { transA?: boolean; transB?: boolean; alpha?: number; beta?: number } = {},
  ): Value {
    return this.one("Gemm", c === null ? [a, b] : [a, b, c], {
      transA: Number(options.transA ?? false),
      transB: Number(options.transB ?? false),
      alpha: options.alpha ?? 1,
      beta: options.beta ?? 1,
    });
  }
  /** x [..,K], weight [N,K], bias [N] -> [..,N]: weights as Hugging Face stores them. */
  linear(x: Value, weight: Value, bias: Value | null = null): Value {
    return this.one("Linear", bias === null ? [x, weight] : [x, weight, bias], {});
  }
  /** x [..,K], packed uint8 [N,K/block,block*bits/8], scales [N*K/block] -> [..,N]. */
  matMulNBits(
    x: Value,
    packed: Value,
    scales: Value,
    zeroPoints: Value | null,
    attributes: OperatorAttributes["MatMulNBits"],
  ): Value {
    return this.one(
      "MatMulNBits",
      zeroPoints === null ? [x, packed, scales] : [x, packed, scales, zeroPoints],
      attributes,
    );
  }
  /** x [..,K], weight uint4 or uint8 [N,K], scales and zero points [N,K/block] -> [..,N]. */
  quantizedLinear(
    x: Value,
    weight: Value,
    scales: Value,
    zeroPoints: Value,
    attributes: OperatorAttributes["QuantizedLinear"],
  ): Value {
    return this.one("QuantizedLinear", [x, weight, scales, zeroPoints], attributes);
  }
  /** (x - zeroPoint) * scale; one scale per tensor, per axis, or per block of `block_size` along `axis`. */
  dequantizeLinear(
    x: Value,
    scale: Value,
    zeroPoint: Value | null = null,
    attributes: OperatorAttributes["DequantizeLinear"] = {},
  ): Value {
    return this.one("DequantizeLinear", zeroPoint === null ? [x, scale] : [x, scale, zeroPoint], attributes);
  }

  // --- layout -------------------------------------------------------------------------------------------------------

  /**
   * The same elements under another shape. One extent may be -1: what remains.
   * Writes the target with copies (0) and at most one inferred extent (-1); lengths are read at run time only when more
   * than one stays unknown. No node when the shape is the same.
   */
  reshape(x: Value, dims: readonly Dim[]): Value {
    const total = numElements(x.shape);
    const shape = [...dims];
    const open = shape.indexOf(-1);
    if (open >= 0) {
      shape[open] = 1;
      shape[open] = floorDivDims(total, numElements(shape));
    }
    const wanted = numElements(shape);
    if (typeof total === "number" && typeof wanted === "number" && total !== wanted) {
      throw new GraphError(
        "graph/shape",
        `Reshape: ${formatType(x)} has ${total} elements, ${formatShape(dims)} would have ${wanted} (${x.name}).`,
      );
    }
    if (sameShape(shape, x.shape)) return x;
    let inferred = false;
    let readAtRunTime = false;
    const target = shape.map((dim, i) => {
      if (typeof dim === "number") return dim;
      if (dim === x.shape[i]) return 0;
      if (inferred) {
        readAtRunTime = true;
        return dim;
      }
      inferred = true;
      return -1;
    });
    const targetTensor = readAtRunTime ? this.lengths(target) : this.int64s(target as number[]);
    return this.one("Reshape", [x, targetTensor], {}, [{ dtype: x.dtype, shape, content: x.content }]);
  }
  /** Output axis i is input axis perm[i]. No node for the identity permutation; two in a row are one. */
  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.length === x.shape.length && perm.every((axis, i) => axis === i)) return x;
    if (x.producer?.opType !== "Transpose") return this.one("Transpose", [x], { perm });
    const inner = (x.producer.attributes as OperatorAttributes["Transpose"]).perm;
    return this.transpose(
      x.producer.inputs[0]!,
      perm.map((axis) => inner[axis]!),
    );
  }
  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? values[0]! : this.one("Concat", values, { axis });
  }
  /** Pieces of the given sizes along `axis`; the last axis by default. */
  split(x: Value, sizes: readonly Dim[], axis = -1): Value[] {
    return this.apply("Split", [x, this.lengths(sizes)], { axis: normalizeAxis(axis, x.shape.length) });
  }
  /** Elements [start, end) along one axis, or along several; bounds may be int64[n] tensors. */
  slice(x: Value, starts: readonly number[] | Value, ends: readonly number[] | Value, axes: readonly number[]): Value {
    const tensor = (bounds: readonly number[] | Value) => (isNumbers(bounds) ? this.int64s(bounds) : bounds);
    const normalized = axes.map((axis) => normalizeAxis(axis, x.shape.length));
    return this.one("Slice", [x, tensor(starts), tensor(ends), this.int64s(normalized)], {});
  }
  squeeze(x: Value, axes: readonly number[]): Value {
    return this.one("Squeeze", [x, this.int64s(axes)], {});
  }
  unsqueeze(x: Value, axes: readonly number[]): Value {
    return this.one("Unsqueeze", [x, this.int64s(axes)], {});
  }
  /** Broadcasts to `dims`. No node when the shape is the same. */
  expand(x: Value, dims: readonly Dim[]): Value {
    if (sameShape(x.shape, dims)) return x;
    return this.one("Expand", [x, this.lengths(dims)], {});
  }
  /** int64 extents [start, end) of x. */
  shape(x: Value, start = 0, end = x.shape.length): Value {
    return this.one("Shape", [x], { start, end });
  }
  /** Zeros around x: `before` and `after` have one entry per axis. */
  pad(x: Value, before: readonly Dim[], after: readonly Dim[]): Value {
    return this.one("Pad", [x, this.lengths([...before, ...after])], {});
  }
  /** A tensor of one number repeated. */
  full(dims: readonly Dim[], number: number, dtype: DType = "float32"): Value {
    const value: TensorAttribute = { dtype, shape: [1], array: numbersToArray(dtype, [number]) };
    return this.one("ConstantOfShape", [this.lengths(dims)], { value });
  }
  /** start, start+step, ... below limit: int64 scalars. */
  range(start: Operand, limit: Operand, step: Operand = 1): Value {
    const scalar = (x: Operand) => (typeof x === "number" ? this.scalar(x, "int64") : x);
    return this.one("Range", [scalar(start), scalar(limit), scalar(step)], {});
  }

  // --- indexing -----------------------------------------------------------------------------------------------------

  /** Slices of x along `axis` at integer `indices` (any shape); negative counts from the end. */
  gather(x: Value, indices: Value, axis = 0): Value {
    return this.one("Gather", [x, indices], { axis: normalizeAxis(axis, x.shape.length) });
  }
  /** out[i][j] = x[i][indices[i][j]] for axis 1, and alike. */
  gatherElements(x: Value, indices: Value, axis: number): Value {
    return this.one("GatherElements", [x, indices], { axis: normalizeAxis(axis, x.shape.length) });
  }
  /** indices [..,k] pick x[i1,..,ik]. */
  gatherND(x: Value, indices: Value, batchDims = 0): Value {
    return this.one("GatherND", [x, indices], { batch_dims: batchDims });
  }
  /** A copy of x with `updates` written (or added) at indices [..,k]. */
  scatterND(x: Value, indices: Value, updates: Value, reduction: "none" | "add" = "none"): Value {
    return this.one("ScatterND", [x, indices, updates], { reduction });
  }
  scatterElements(x: Value, indices: Value, updates: Value, axis: number, reduction: "none" | "add" = "none"): Value {
    const normalized = normalizeAxis(axis, x.shape.length);
    return this.one("ScatterElements", [x, indices, updates], { axis: normalized, reduction });
  }
  argMax(x: Value, axis: number, { keepDims = true }: KeepDims = {}): Value {
    return this.one("ArgMax", [x], { axis: normalizeAxis(axis, x.shape.length), keepdims: Number(keepDims) });
  }
  /** The k largest along `axis` in descending order. */
  topK(x: Value, k: number | Value, axis = -1): { values: Value; indices: Value } {
    const count = typeof k === "number" ? this.int64s([k]) : k;
    const [values, indices] = this.apply("TopK", [x, count], { axis: normalizeAxis(axis, x.shape.length) });
    return { values: values!, indices: indices! };
  }

  // --- reductions ---------------------------------------------------------------------------------------------------

  /** Over `axes`, all by default. */
  reduceSum(x: Value, axes?: readonly number[], options: KeepDims = {}): Value {
    return this.reduce("ReduceSum", x, axes, options);
  }
  reduceMean(x: Value, axes?: readonly number[], options: KeepDims = {}): Value {
    return this.reduce("ReduceMean", x, axes, options);
  }
  reduceMax(x: Value, axes?: readonly number[], options: KeepDims = {}): Value {
    return this.reduce("ReduceMax", x, axes, options);
  }
  reduceSumSquare(x: Value, axes?: readonly number[], options: KeepDims = {}): Value {
    return this.reduce("ReduceSumSquare", x, axes, options);
  }
  cumSum(x: Value, axis: number): Value {
    return this.one("CumSum", [x, this.scalar(normalizeAxis(axis, x.shape.length), "int64")], {});
  }

  // --- normalisation and probabilities ------------------------------------------------------------------------------

  softmax(x: Value, axis = -1): Value {
    return this.one("Softmax", [x], { axis });
  }
  logSoftmax(x: Value, axis = -1): Value {
    return this.one("LogSoftmax", [x], { axis });
  }
  /** logits [M,V], targets int64 [M] -> the targets' log-probabilities [M] and all log-probabilities [M,V]. */
  tokenLogProbs(logits: Value, targets: Value): { selected: Value; all: Value } {
    const [selected, all] = this.apply("TokenLogProbs", [logits, targets], {});
    return { selected: selected!, all: all! };
  }
  /** Over the last axis; gain and bias [C]. */
  layerNormalization(x: Value, gain: Value, bias: Value | null, epsilon: number): Value {
    return this.one("LayerNormalization", bias === null ? [x, gain] : [x, gain, bias], { axis: -1, epsilon });
  }
  /** RMSNorm over the last axis; gain [C]. */
  simplifiedLayerNormalization(x: Value, gain: Value, epsilon: number): Value {
    return this.one("SimplifiedLayerNormalization", [x, gain], { axis: -1, epsilon, stash_type: 1 });
  }
  /** RMSNorm of x + skip, and that sum: [B,T,C] both. */
  skipSimplifiedLayerNormalization(
    x: Value,
    skip: Value,
    gain: Value,
    epsilon: number,
  ): { normalized: Value; sum: Value } {
    const outputs = this.apply("SkipSimplifiedLayerNormalization", [x, skip, gain], { epsilon });
    return { normalized: outputs[0]!, sum: outputs[3]! };
  }

  // --- attention ----------------------------------------------------------------------------------------------------

  /** x [B,H,T,D] or [B,T,H*D], positionIds int64 [B,T], cos and sin [S,D/2]; rotates halves (not interleaved). */
  rotaryEmbedding(x: Value, positionIds: Value, cos: Value, sin: Value): Value {
    return this.one("RotaryEmbedding", [x, positionIds, cos, sin], {});
  }
  /**
   * softmax(scale * q k^T + mask) v for training and encoders. q [B,H,T,D], k and v [B,KV,S,D] with KV dividing H
   * (query head h reads key head h * KV / H), mask added to the scores: broadcasts to [B,H,T,S] -> [B,H,T,D].
   */
  attention(q: Value, k: Value, v: Value, mask: Value | null, scale: number): Value {
    return this.one("Attention", mask === null ? [q, k, v] : [q, k, v, mask], { scale });
  }
  /**
   * Attention with rotary embedding and a KV cache, inference only. query [B,T,H*D], key and value [B,T,KV*D], past
   * [B,KV,S,D], seqlensK int32 [B] (total length minus 1), totalLength int32 scalar, cos and sin [S,D/2].
   */
  groupQueryAttention(
    inputs: {
      query: Value;
      key: Value;
      value: Value;
      pastKey: Value;
      pastValue: Value;
      seqlensK: Value;
      totalLength: Value;
      cos?: Value;
      sin?: Value;
    },
    attributes: OperatorAttributes["GroupQueryAttention"],
  ): { output: Value; presentKey: Value; presentValue: Value } {
    const { query, key, value, pastKey, pastValue, seqlensK, totalLength, cos, sin } = inputs;
    const given = [query, key, value, pastKey, pastValue, seqlensK, totalLength];
    const [output, presentKey, presentValue] = this.apply(
      "GroupQueryAttention",
      cos === undefined || sin === undefined ? given : [...given, cos, sin],
      attributes,
    );
    return { output: output!, presentKey: presentKey!, presentValue: presentValue! };
  }

  // --- helpers ------------------------------------------------------------------------------------------------------

  private one<K extends OpType>(
    opType: K,
    inputs: readonly (Value | null)[],
    attributes: OperatorAttributes[K],
    types?: readonly TensorType[],
  ): Value {
    return this.apply(opType, inputs, attributes, types)[0]!;
  }

  private binary<K extends BinaryOpType>(opType: K, a: Operand, b: Operand): Value {
    return this.apply(opType, this.pair(a, b), {} as OperatorAttributes[K])[0]!;
  }

  private pair(a: Operand, b: Operand): [Value, Value] {
    if (typeof a !== "number") return [a, typeof b === "number" ? this.scalar(b, a.dtype) : b];
    if (typeof b !== "number") return [this.scalar(a, b.dtype), b];
    return [this.scalar(a), this.scalar(b)];
  }

  private limit(bound: Operand | null, x: Value): Value | null {
    return typeof bound === "number" ? this.scalar(bound, x.dtype) : bound;
  }

  private reduce(
    opType: "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceSumSquare",
    x: Value,
    axes: readonly number[] | undefined,
    { keepDims = true }: KeepDims,
  ): Value {
    const normalized = axes?.map((axis) => normalizeAxis(axis, x.shape.length));
    const inputs = normalized === undefined ? [x] : [x, this.int64s(normalized)];
    return this.one(opType, inputs, { keepdims: Number(keepDims) });
  }

  private addNode(
    name: string,
    opType: OpType,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    types: readonly TensorType[],
  ): Value[] {
    const outputs: Value[] = [];
    const node: Node = {
      id: this.nodes.length,
      name,
      opType,
      inputs: [...inputs],
      outputs,
      attributes,
      scope: this.scopePath,
    };
    for (const [i, type] of types.entries()) {
      const suffix = i === 0 ? ".out" : `.out${i}`;
      outputs.push(this.newValue(this.names.unique(name + suffix), type, node));
    }
    this.nodes.push(node);
    return outputs;
  }

  private addConstant(name: string, dtype: DType, shape: readonly number[], data: Constant["data"]): Value {
    const content =
      data.kind === "inline" && (dtype === "int64" || dtype === "int32") && shape.length <= 1 && data.array.length <= 64
        ? Array.from<number | bigint>(data.array).map(Number)
        : undefined;
    const value = this.newValue(name, { dtype, shape, content }, null);
    this.constants.push({ value, data });
    return value;
  }

  private newValue(name: string, type: TensorType, producer: Node | null): Value {
    for (const dim of type.shape) checkDim(dim);
    const { dtype, shape, content } = type;
    const value: Value = { id: this.numValues++, name, dtype, shape: [...shape], content, producer };
    for (const [axis, dim] of shape.entries()) {
      if (typeof dim === "string" && !this.lengthSources.has(dim)) this.lengthSources.set(dim, { value, axis });
    }
    return value;
  }

  private claimName(name: string): string {
    if (this.names.claim(name)) return name;
    throw new GraphError("graph/duplicate-name", `The graph ${this.name} has two values named "${name}".`);
  }
}

type BinaryOpType =
  | "Add"
  | "Sub"
  | "Mul"
  | "Div"
  | "Pow"
  | "Min"
  | "Max"
  | "Equal"
  | "Less"
  | "LessOrEqual"
  | "Greater"
  | "GreaterOrEqual"
  | "And"
  | "Or";

/** Numbers as the array that holds them in a graph. Throws GraphError for types that plain numbers do not fit. */
export function numbersToArray(dtype: DType, numbers: readonly number[]): TypedArray {
  switch (dtype) {
    case "float32":
      return Float32Array.from(numbers);
    case "float64":
      return Float64Array.from(numbers);
    case "int64":
      return BigInt64Array.from(numbers, BigInt);
    case "int32":
      return Int32Array.from(numbers);
    case "int8":
      return Int8Array.from(numbers);
    case "uint8":
    case "bool":
      return Uint8Array.from(numbers);
    case "float16":
    case "bfloat16":
    case "int4":
    case "uint4":
      throw new GraphError("graph/constant", `Plain numbers cannot be written as ${dtype}; use float32 and a Cast.`);
  }
}

function isNumbers(bounds: readonly number[] | Value): bounds is readonly number[] {
  return Array.isArray(bounds);
}

/** Distinguishes -0 from 0. */
function exactText(number: number | bigint): string {
  return Object.is(number, -0) ? "-0" : String(number);
}
