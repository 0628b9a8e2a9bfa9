/**
 * The graph in memory: typed values, nodes, constants, and the signature of an operator.
 * Not ONNX's protobuf (that is only the file this is written to) and not the rules of any operator (those live in ops/).
 */

export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int8"
  | "uint8"
  | "int4"
  | "uint4"
  | "bool";

/**
 * One extent of a shape: a number, or a canonical polynomial of named lengths such as "B", "B*T" or "P+2*T" (see dims.ts).
 * Two symbolic extents are the same exactly when their strings are equal.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array;

/** What is known of a tensor before it is computed. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
  /** The elements themselves, for small integer tensors that describe shapes; symbolic where lengths are. */
  readonly content?: readonly Dim[];
}

export interface Value extends TensorType {
  readonly id: number;
  /** Unique within the graph; the name in the written file. */
  name: string;
  /** The node that computes it; null for graph inputs and constants. */
  producer: Node | null;
}

export interface Node {
  readonly id: number;
  readonly name: string;
  readonly opType: OpType;
  /** null is an input that was left out. */
  readonly inputs: readonly (Value | null)[];
  /** null is an optional output nobody reads. */
  readonly outputs: (Value | null)[];
  readonly attributes: Attributes;
  /** Dotted path of the name scopes around it, such as "language_model.layers.0"; "" at the top. */
  readonly scope: string;
}

/** A tensor that is part of the graph: a few numbers held here, or a range of bytes of a file. */
export interface Constant {
  readonly value: Value;
  readonly data: InlineData | ExternalData;
}

/** float16 and bfloat16 are bits in a Uint16Array, bool is a Uint8Array, 4-bit integers are packed two per byte. */
export interface InlineData {
  readonly kind: "inline";
  readonly array: TypedArray;
}

/** Raw little-endian bytes in a file, usually a safetensors file; offset and length are in bytes. */
export interface ExternalData {
  readonly kind: "external";
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export interface Graph {
  readonly name: string;
  readonly operatorSet: OperatorSet;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Each after the producers of its inputs. */
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
}

// --- operators ------------------------------------------------------------------------------------------------------

/** "" is ONNX itself, "com.microsoft" ONNX Runtime's own operators, "iad-r1" ours: the emitter lowers them before a file is written. */
export type Domain = "" | "com.microsoft" | "iad-r1";

/** How an attribute is written: "float" always as FLOAT even when whole-numbered, "dtype" as ONNX's number of the type. */
export type AttributeKind = "int" | "ints" | "float" | "string" | "dtype" | "tensor";

export interface TensorAttribute {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly array: TypedArray;
}

export type AttributeValue = number | readonly number[] | string | TensorAttribute;
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

type NoAttributes = Record<never, never>;
type Axis = { axis?: number };
type Reduce = { keepdims?: number };

/**
 * Every operator and its attributes, spelled as ONNX spells them; flags are 0 or 1.
 * A key here without an entry in ops/table.ts does not compile, and the reverse.
 */
export type OperatorAttributes = {
  // elementwise
  Add: NoAttributes;
  Sub: NoAttributes;
  Mul: NoAttributes;
  Div: NoAttributes;
  Pow: NoAttributes;
  Min: NoAttributes;
  Max: NoAttributes;
  Sum: NoAttributes;
  Equal: NoAttributes;
  Less: NoAttributes;
  LessOrEqual: NoAttributes;
  Greater: NoAttributes;
  GreaterOrEqual: NoAttributes;
  And: NoAttributes;
  Or: NoAttributes;
  Not: NoAttributes;
  Neg: NoAttributes;
  Abs: NoAttributes;
  Sign: NoAttributes;
  Sqrt: NoAttributes;
  Reciprocal: NoAttributes;
  Exp: NoAttributes;
  Log: NoAttributes;
  Sin: NoAttributes;
  Cos: NoAttributes;
  Tanh: NoAttributes;
  Erf: NoAttributes;
  Sigmoid: NoAttributes;
  Softplus: NoAttributes;
  Relu: NoAttributes;
  Clip: NoAttributes;
  Where: NoAttributes;
  Cast: { to: DType };
  Identity: NoAttributes;
  StraightThrough: NoAttributes;
  // activations
  QuickGelu: { alpha?: number };
  Gelu: { approximate?: "none" | "tanh" };
  // matrices
  MatMul: NoAttributes;
  FusedMatMul: { transA?: number; transB?: number; alpha?: number };
  Gemm: { transA?: number; transB?: number; alpha?: number; beta?: number };
  Linear: NoAttributes;
  MatMulNBits: { K: number; N: number; bits: number; block_size: number; accuracy_level?: number };
  QuantizedLinear: { block_size: number; accuracy_level?: number };
  DequantizeLinear: { axis?: number; block_size?: number };
  // layout
  Reshape: NoAttributes;
  Transpose: { perm: readonly number[] };
  Concat: { axis: number };
  Split: Axis & { num_outputs?: number };
  Slice: NoAttributes;
  Squeeze: NoAttributes;
  Unsqueeze: NoAttributes;
  Expand: NoAttributes;
  Shape: { start?: number; end?: number };
  Pad: NoAttributes;
  ConstantOfShape: { value: TensorAttribute };
  Range: NoAttributes;
  // indexing
  Gather: Axis;
  GatherElements: Axis;
  GatherND: { batch_dims?: number };
  ScatterND: { reduction?: "none" | "add" };
  ScatterElements: Axis & { reduction?: "none" | "add" };
  ArgMax: Axis & Reduce;
  TopK: Axis & { largest?: number; sorted?: number };
  // reductions
  ReduceSum: Reduce;
  ReduceMean: Reduce;
  ReduceMax: Reduce;
  ReduceSumSquare: Reduce;
  CumSum: { exclusive?: number; reverse?: number };
  // normalisation and probabilities
  Softmax: Axis;
  LogSoftmax: Axis;
  TokenLogProbs: NoAttributes;
  LayerNormalization: Axis & { epsilon?: number };
  SimplifiedLayerNormalization: Axis & { epsilon?: number; stash_type?: number };
  SkipSimplifiedLayerNormalization: { epsilon?: number };
  // attention
  RotaryEmbedding: { interleaved?: number; num_heads?: number; rotary_embedding_dim?: number };
  Attention: { scale: number };
  GroupQueryAttention: {
    num_heads: number;
    kv_num_heads: number;
    scale?: number;
    do_rotary?: number;
    rotary_interleaved?: number;
    local_window_size?: number;
  };
};

export type OpType = keyof OperatorAttributes & string;

/** What a shape rule sees of one use of an operator. */
export interface InferContext<A = Attributes> {
  /** One entry per named input, null where left out; variadic inputs follow the named ones. */
  readonly inputs: readonly (TensorType | null)[];
  readonly attributes: Readonly<A>;
  /** Throws GraphError naming the operator, its input types and the node. `expected` completes "<operator>: ...". */
  fail(expected: string): never;
  /** A length nothing is known of, unique to this node. */
  unknownDim(): string;
}

/** Everything of an operator but its gradient. */
export interface OperatorSignature<A = Attributes> {
  readonly domain: Domain;
  /** Input names in order; a trailing "?" marks one that may be left out, a trailing "..." any number of one kind. */
  readonly inputs: readonly string[];
  /** Output names in order; a trailing "?" marks one that may be left out, "..." any number of one kind. */
  readonly outputs: readonly string[];
  readonly attributes: { readonly [N in keyof A]-?: AttributeKind };
  /** Type and shape of every output. */
  readonly infer: (context: InferContext<A>) => readonly TensorType[];
}

/** Operator table without gradients: all that building, checking, printing and writing a graph needs. */
export type OperatorSet = { readonly [K in OpType]: OperatorSignature<OperatorAttributes[K]> };
