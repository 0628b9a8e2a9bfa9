/**
 * What each operator computes, by example: small inputs and literal results. A missing operator does not compile.
 * All forms that can be written must give the result.
 */
import type { GraphBuilder } from "@iad-r1/models/graph/builder";
import type { EmitTarget } from "@iad-r1/models/graph/emit";
import type { OpType, Value } from "@iad-r1/models/graph/types";
import type { HostTensor } from "../../helpers/runGraph";

export interface ForwardCase {
  readonly inputs: readonly HostTensor[];
  readonly build: (b: GraphBuilder, ...inputs: Value[]) => Value | readonly Value[];
  readonly expected: readonly HostTensor[];
  readonly targets?: readonly EmitTarget[];
}

function floats(shape: readonly number[], ...data: number[]): HostTensor {
  return { dtype: "float32", shape, data };
}
function ints(shape: readonly number[], ...data: number[]): HostTensor {
  return { dtype: "int64", shape, data };
}
function bools(shape: readonly number[], ...data: number[]): HostTensor {
  return { dtype: "bool", shape, data };
}

/** Two inputs of one row each. */
function pair(
  a: readonly number[],
  b: readonly number[],
  build: (builder: GraphBuilder, a: Value, b: Value) => Value,
  expected: readonly number[],
  dtype: "float32" | "bool" = "float32",
): ForwardCase {
  return {
    inputs: [floats([a.length], ...a), floats([b.length], ...b)],
    build: build as ForwardCase["build"],
    expected: [{ dtype, shape: [expected.length], data: expected }],
  };
}

function single(
  x: readonly number[],
  build: (b: GraphBuilder, x: Value) => Value,
  expected: readonly number[],
): ForwardCase {
  return {
    inputs: [floats([x.length], ...x)],
    build: build as ForwardCase["build"],
    expected: [floats([expected.length], ...expected)],
  };
}

/** [[1,2,3],[4,5,6]]. */
const matrix = floats([2, 3], 1, 2, 3, 4, 5, 6);

export const forwardCases: { readonly [K in OpType]: readonly [ForwardCase, ...ForwardCase[]] } = {
  Add: [
    pair([1, 2], [10, 20], (b, x, y) => b.add(x, y), [11, 22]),
    {
      inputs: [matrix, floats([2, 1], 10, 20)],
      build: (b, x, y) => b.add(x!, y!),
      expected: [floats([2, 3], 11, 12, 13, 24, 25, 26)],
    },
  ],
  Sub: [pair([1, 2], [10, 20], (b, x, y) => b.sub(x, y), [-9, -18]), single([1, 2], (b, x) => b.sub(1, x), [0, -1])],
  Mul: [pair([1, 2], [10, 20], (b, x, y) => b.mul(x, y), [10, 40])],
  Div: [
    pair([1, 2], [10, 4], (b, x, y) => b.div(x, y), [0.1, 0.5]),
    { inputs: [ints([2], 7, 9)], build: (b, x) => b.div(x!, 2), expected: [ints([2], 3, 4)] },
  ],
  Pow: [pair([2, 9], [3, 0.5], (b, x, y) => b.pow(x, y), [8, 3])],
  Min: [pair([1, 5], [3, 2], (b, x, y) => b.min(x, y), [1, 2])],
  Max: [pair([1, 5], [3, 2], (b, x, y) => b.max(x, y), [3, 5])],
  Sum: [
    {
      inputs: [floats([2], 1, 2), floats([2], 10, 20), floats([1], 100)],
      build: (b, ...values) => b.sum(values),
      expected: [floats([2], 111, 122)],
    },
  ],
  Equal: [pair([1, 2], [1, 3], (b, x, y) => b.equal(x, y), [1, 0], "bool")],
  Less: [pair([1, 2, 3], [2, 2, 2], (b, x, y) => b.less(x, y), [1, 0, 0], "bool")],
  LessOrEqual: [pair([1, 2, 3], [2, 2, 2], (b, x, y) => b.lessOrEqual(x, y), [1, 1, 0], "bool")],
  Greater: [pair([1, 2, 3], [2, 2, 2], (b, x, y) => b.greater(x, y), [0, 0, 1], "bool")],
  GreaterOrEqual: [pair([1, 2, 3], [2, 2, 2], (b, x, y) => b.greaterOrEqual(x, y), [0, 1, 1], "bool")],
  And: [
    {
      inputs: [bools([4], 0, 0, 1, 1), bools([4], 0, 1, 0, 1)],
      build: (b, x, y) => b.and(x!, y!),
      expected: [bools([4], 0, 0, 0, 1)],
    },
  ],
  Or: [
    {
      inputs: [bools([4], 0, 0, 1, 1), bools([4], 0, 1, 0, 1)],
      build: (b, x, y) => b.or(x!, y!),
      expected: [bools([4], 0, 1, 1, 1)],
    },
  ],
  Not: [{ inputs: [bools([2], 0, 1)], build: (b, x) => b.not(x!), expected: [bools([2], 1, 0)] }],
  Neg: [single([1, -2], (b, x) => b.neg(x), [-1, 2])],
  Abs: [single([1, -2], (b, x) => b.abs(x), [1, 2])],
  Sign: [single([3, -2, 0], (b, x) => b.sign(x), [1, -1, 0])],
  Sqrt: [single([4, 2.25], (b, x) => b.sqrt(x), [2, 1.5])],
  Reciprocal: [single([4, -0.5], (b, x) => b.reciprocal(x), [0.25, -2])],
  Exp: [single([0, 1], (b, x) => b.exp(x), [1, Math.E])],
  Log: [single([1, Math.E], (b, x) => b.log(x), [0, 1])],
  Sin: [single([0, Math.PI / 2], (b, x) => b.sin(x), [0, 1])],
  Cos: [single([0, Math.PI], (b, x) => b.cos(x), [1, -1])],
  Tanh: [single([0, 1], (b, x) => b.tanh(x), [0, 0.7615942])],
  Erf: [single([0, 1], (b, x) => b.erf(x), [0, 0.8427008])],
  Sigmoid: [single([0, Math.log(3)], (b, x) => b.sigmoid(x), [0.5, 0.75])],
  // Softplus(x) is x + softplus(-x); at 100 the exponential alone would overflow.
  Softplus: [single([0, 100, -100], (b, x) => b.softplus(x), [Math.LN2, 100, 0])],
  Relu: [single([1, -2], (b, x) => b.relu(x), [1, 0])],
  Clip: [
    single([-3, 0.5, 3], (b, x) => b.clip(x, -1, 2), [-1, 0.5, 2]),
    single([-3, 3], (b, x) => b.clip(x, null, 2), [-3, 2]),
    single([-3, 3], (b, x) => b.clip(x, -1, null), [-1, 3]),
  ],
  Where: [
    {
      inputs: [bools([2], 1, 0), floats([2], 1, 2)],
      build: (b, condition, x) => b.where(condition!, x!, -1),
      expected: [floats([2], 1, -1)],
    },
  ],
  Cast: [
    { inputs: [floats([3], 1.7, -1.7, 2)], build: (b, x) => b.cast(x!, "int64"), expected: [ints([3], 1, -1, 2)] },
    { inputs: [bools([2], 1, 0)], build: (b, x) => b.cast(x!, "float32"), expected: [floats([2], 1, 0)] },
  ],
  Identity: [single([1, 2], (b, x) => b.identity(x), [1, 2])],
  StraightThrough: [
    single([1, 2], (b, x) => b.straightThrough(b.mul(x, 3), b.neg(x)), [3, 6]),
    single([1, 2], (b, x) => b.straightThrough(b.neg(x)), [-1, -2]),
  ],
  // x sigmoid(alpha x) at ln 3: ln 3 * 3/4.
  QuickGelu: [
    single([0, Math.log(3)], (b, x) => b.silu(x), [0, 0.75 * Math.log(3)]),
    single([Math.log(3)], (b, x) => b.quickGelu(x, 2), [0.9 * Math.log(3)]),
  ],
  Gelu: [
    single([0, 1, -1], (b, x) => b.gelu(x), [0, 0.8413447, -0.1586553]),
    single([0, 1, -1], (b, x) => b.gelu(x, "tanh"), [0, 0.841192, -0.158808]),
  ],
  MatMul: [
    {
      inputs: [matrix, floats([3, 2], 1, 0, 0, 1, 1, 1)],
      build: (b, x, y) => b.matMul(x!, y!),
      expected: [floats([2, 2], 4, 5, 10, 11)],
    },
  ],
  FusedMatMul: [
    {
      inputs: [matrix, floats([2, 3], 1, 0, 1, 0, 1, 1)],
      build: (b, x, y) => b.fusedMatMul(x!, y!, { transB: true, alpha: 0.5 }),
      expected: [floats([2, 2], 2, 2.5, 5, 5.5)],
    },
    {
      inputs: [floats([1, 2, 1], 1, 2), floats([1, 2, 2], 1, 2, 3, 4)],
      build: (b, x, y) => b.fusedMatMul(x!, y!, { transA: true, transB: true }),
      expected: [floats([1, 1, 2], 5, 11)],
    },
  ],
  Gemm: [
    {
      inputs: [matrix, floats([2, 3], 1, 0, 1, 0, 1, 1), floats([2], 10, 20)],
      build: (b, x, y, c) => b.gemm(x!, y!, c!, { transB: true, alpha: 2, beta: 3 }),
      expected: [floats([2, 2], 38, 70, 50, 82)],
    },
  ],
  Linear: [
    {
      inputs: [floats([1, 2, 2], 1, 2, 3, 4), floats([1, 2], 10, 100)],
      build: (b, x, w) => b.linear(x!, w!),
      expected: [floats([1, 2, 1], 210, 430)],
    },
    {
      inputs: [floats([1, 2, 2], 1, 2, 3, 4), floats([1, 2], 10, 100), floats([1], 0.5)],
      build: (b, x, w, bias) => b.linear(x!, w!, bias!),
      expected: [floats([1, 2, 1], 210.5, 430.5)],
    },
  ],
  // Row 0 of B: blocks of 16 with scales 0.5 and 2; 4-bit values minus 8. Low nibble first: 9 -> 1, 7 -> -1.
  MatMulNBits: [
    {
      inputs: [floats([1, 32], ...new Array<number>(16).fill(1), ...new Array<number>(16).fill(10))],
      build: (b, x) => {
        const packed = b.constant("uint8", [1, 2, 8], new Uint8Array(16).fill(0x79).fill(0x99, 8), "packed");
        const scales = b.constant("float32", [2], Float32Array.of(0.5, 2), "scales");
        return b.matMulNBits(x!, packed, scales, null, { K: 32, N: 1, bits: 4, block_size: 16 });
      },
      // Block 0: eight ones and eight minus ones cancel. Block 1: 16 * 1 * 2 * 10.
      expected: [floats([1, 1], 320)],
      targets: ["fused", "primitive"],
    },
  ],
  // Two rows of 32 in two blocks of 16. Row 0: (9 - 8) * 0.5 and (7 - 8) * 0.5 in turns, then (9 - 7) * 2; row 1 is zero.
  QuantizedLinear: [
    {
      inputs: [floats([1, 32], ...new Array<number>(16).fill(1), ...new Array<number>(16).fill(10))],
      build: (b, x) => {
        const bytes = new Uint8Array(32).fill(0x79).fill(0x99, 8, 16).fill(0x88, 16);
        const weight = b.constant("uint4", [2, 32], bytes, "weight");
        const scales = b.constant("float32", [2, 2], Float32Array.of(0.5, 2, 3, 3), "scales");
        const zeroPoints = b.constant("uint4", [2, 2], Uint8Array.of(0x78, 0x88), "zeroPoints");
        return b.quantizedLinear(x!, weight, scales, zeroPoints, { block_size: 16 });
      },
      // Block 0 cancels; block 1: 16 * 2 * 2 * 10.
      expected: [floats([1, 2], 640, 0)],
    },
    {
      inputs: [floats([1, 1, 32], ...new Array<number>(32).fill(1))],
      build: (b, x) => {
        const weight = b.constant("uint8", [1, 32], new Uint8Array(32).fill(130).fill(255, 16), "weight");
        const scales = b.constant("float32", [1, 2], Float32Array.of(0.5, 0.25), "scales");
        const zeroPoints = b.constant("uint8", [1, 2], Uint8Array.of(128, 251), "zeroPoints");
        return b.quantizedLinear(x!, weight, scales, zeroPoints, { block_size: 16, accuracy_level: 0 });
      },
      // 16 * 2 * 0.5 and 16 * 4 * 0.25.
      expected: [floats([1, 1, 1], 32)],
    },
  ],
  DequantizeLinear: [
    {
      inputs: [],
      build: (b) => {
        const x = b.constant("uint8", [2, 2], Uint8Array.of(0, 4, 130, 255), "x");
        const scale = b.constant("float32", [2], Float32Array.of(0.5, 2), "scale");
        const zero = b.constant("uint8", [2], Uint8Array.of(2, 128), "zero");
        return b.dequantizeLinear(x, scale, zero, { axis: 0 });
      },
      expected: [floats([2, 2], -1, 1, 4, 254)],
    },
    {
      inputs: [],
      build: (b) => {
        // int4 pairs, low half first: 1, -1, 7, -8 in two blocks of two.
        const x = b.constant("int4", [1, 4], Uint8Array.of(0xf1, 0x87), "x");
        const scale = b.constant("float32", [1, 2], Float32Array.of(1, 0.5), "scale");
        return b.dequantizeLinear(x, scale, null, { axis: 1, block_size: 2 });
      },
      expected: [floats([1, 4], 1, -1, 3.5, -4)],
    },
  ],
  Reshape: [{ inputs: [matrix], build: (b, x) => b.reshape(x!, [3, 2]), expected: [floats([3, 2], 1, 2, 3, 4, 5, 6)] }],
  Transpose: [
    { inputs: [matrix], build: (b, x) => b.transpose(x!, [1, 0]), expected: [floats([3, 2], 1, 4, 2, 5, 3, 6)] },
  ],
  Concat: [
    {
      inputs: [matrix, floats([2, 1], 7, 8)],
      build: (b, x, y) => b.concat([x!, y!], 1),
      expected: [floats([2, 4], 1, 2, 3, 7, 4, 5, 6, 8)],
    },
  ],
  Split: [
    {
      inputs: [matrix],
      build: (b, x) => b.split(x!, [1, 2]),
      expected: [floats([2, 1], 1, 4), floats([2, 2], 2, 3, 5, 6)],
    },
  ],
  Slice: [
    {
      inputs: [matrix],
      build: (b, x) => b.slice(x!, [1, -2], [2, 2 ** 31], [0, 1]),
      expected: [floats([1, 2], 5, 6)],
    },
  ],
  Squeeze: [
    { inputs: [floats([1, 2, 1], 1, 2)], build: (b, x) => b.squeeze(x!, [0, -1]), expected: [floats([2], 1, 2)] },
  ],
  Unsqueeze: [
    { inputs: [floats([2], 1, 2)], build: (b, x) => b.unsqueeze(x!, [0, -1]), expected: [floats([1, 2, 1], 1, 2)] },
  ],
  Expand: [
    { inputs: [floats([2, 1], 1, 2)], build: (b, x) => b.expand(x!, [2, 2]), expected: [floats([2, 2], 1, 1, 2, 2)] },
  ],
  Pad: [
    {
      inputs: [floats([1, 2], 1, 2)],
      build: (b, x) => b.pad(x!, [0, 1], [1, 0]),
      expected: [floats([2, 3], 0, 1, 2, 0, 0, 0)],
    },
  ],
  Shape: [
    { inputs: [matrix], build: (b, x) => [b.shape(x!), b.shape(x!, 1)], expected: [ints([2], 2, 3), ints([1], 3)] },
  ],
  ConstantOfShape: [
    { inputs: [], build: (b) => b.full([2, 2], -1.5), expected: [floats([2, 2], -1.5, -1.5, -1.5, -1.5)] },
  ],
  Range: [{ inputs: [ints([], 7)], build: (b, n) => b.range(1, n!, 2), expected: [ints([3], 1, 3, 5)] }],
  Gather: [
    {
      inputs: [matrix, ints([1, 2], 1, -2)],
      build: (b, x, ids) => [b.gather(x!, ids!), b.gather(x!, ids!, 1)],
      expected: [floats([1, 2, 3], 4, 5, 6, 1, 2, 3), floats([2, 1, 2], 2, 2, 5, 5)],
    },
  ],
  GatherElements: [
    {
      inputs: [matrix, ints([2, 1], 2, 0)],
      build: (b, x, ids) => b.gatherElements(x!, ids!, 1),
      expected: [floats([2, 1], 3, 4)],
    },
  ],
  GatherND: [
    {
      inputs: [matrix, ints([2, 2], 0, 1, 1, 2)],
      build: (b, x, ids) => b.gatherND(x!, ids!),
      expected: [floats([2], 2, 6)],
    },
    {
      inputs: [matrix, ints([2, 1], 2, 0)],
      build: (b, x, ids) => b.gatherND(x!, ids!, 1),
      expected: [floats([2], 3, 4)],
    },
  ],
  ScatterND: [
    {
      inputs: [matrix, ints([1, 1], 1), floats([1, 3], 7, 8, 9)],
      build: (b, x, ids, updates) => b.scatterND(x!, ids!, updates!),
      expected: [floats([2, 3], 1, 2, 3, 7, 8, 9)],
    },
    {
      // Twice the same place, once counted from the end.
      inputs: [matrix, ints([3, 2], 1, 0, 1, -3, 0, 2), floats([3], 10, 100, 1000)],
      build: (b, x, ids, updates) => b.scatterND(x!, ids!, updates!, "add"),
      expected: [floats([2, 3], 1, 2, 1003, 114, 5, 6)],
    },
  ],
  ScatterElements: [
    {
      inputs: [matrix, ints([2, 1], 2, 0), floats([2, 1], 7, 8)],
      build: (b, x, ids, updates) => b.scatterElements(x!, ids!, updates!, 1),
      expected: [floats([2, 3], 1, 2, 7, 8, 5, 6)],
    },
    {
      inputs: [matrix, ints([2, 2], 1, 1, 1, 0), floats([2, 2], 10, 20, 30, 40)],
      build: (b, x, ids, updates) => b.scatterElements(x!, ids!, updates!, 0, "add"),
      expected: [floats([2, 3], 1, 42, 3, 44, 25, 6)],
    },
  ],
  ArgMax: [
    {
      inputs: [floats([2, 3], 1, 9, 3, 7, 5, 6)],
      build: (b, x) => b.argMax(x!, 1, { keepDims: false }),
      expected: [ints([2], 1, 0)],
    },
  ],
  TopK: [
    {
      inputs: [floats([1, 4], 1, 9, 3, 7)],
      build: (b, x) => Object.values(b.topK(x!, 2)),
      expected: [floats([1, 2], 9, 7), ints([1, 2], 1, 3)],
    },
  ],
  ReduceSum: [
    { inputs: [matrix], build: (b, x) => b.reduceSum(x!, [0]), expected: [floats([1, 3], 5, 7, 9)] },
    { inputs: [matrix], build: (b, x) => b.reduceSum(x!, undefined, { keepDims: false }), expected: [floats([], 21)] },
  ],
  ReduceMean: [
    { inputs: [matrix], build: (b, x) => b.reduceMean(x!, [-1], { keepDims: false }), expected: [floats([2], 2, 5)] },
  ],
  ReduceMax: [
    { inputs: [matrix], build: (b, x) => b.reduceMax(x!, [1], { keepDims: false }), expected: [floats([2], 3, 6)] },
  ],
  ReduceSumSquare: [
    {
      inputs: [matrix],
      build: (b, x) => b.reduceSumSquare(x!, undefined, { keepDims: false }),
      expected: [floats([], 91)],
    },
  ],
  CumSum: [{ inputs: [matrix], build: (b, x) => b.cumSum(x!, 1), expected: [floats([2, 3], 1, 3, 6, 4, 9, 15)] }],
  Softmax: [single([0, Math.log(3)], (b, x) => b.softmax(x), [0.25, 0.75])],
  LogSoftmax: [
    single([0, Math.log(3)], (b, x) => b.logSoftmax(x), [Math.log(0.25), Math.log(0.75)]),
    // The largest is taken off first: nothing overflows.
    single([1000, 0], (b, x) => b.logSoftmax(x), [0, -1000]),
  ],
  TokenLogProbs: [
    {
      inputs: [floats([2, 2], 0, Math.log(3), 0, 0), ints([2], 1, 0)],
      build: (b, logits, targets) => Object.values(b.tokenLogProbs(logits!, targets!)),
      expected: [
        floats([2], Math.log(0.75), Math.log(0.5)),
        floats([2, 2], Math.log(0.25), Math.log(0.75), Math.log(0.5), Math.log(0.5)),
      ],
    },
  ],
  // Mean 2, variance 1 (population).
  LayerNormalization: [
    {
      inputs: [floats([1, 2], 1, 3), floats([2], 10, 100), floats([2], 0.5, 0.25)],
      build: (b, x, gain, bias) => b.layerNormalization(x!, gain!, bias!, 0),
      expected: [floats([1, 2], -9.5, 100.25)],
    },
  ],
  // Mean square 25 / 2 plus epsilon 3.5: root 4.
  SimplifiedLayerNormalization: [
    {
      inputs: [floats([1, 2], 3, 4), floats([2], 1, 10)],
      build: (b, x, gain) => b.simplifiedLayerNormalization(x!, gain!, 3.5),
      expected: [floats([1, 2], 0.75, 10)],
    },
  ],
  SkipSimplifiedLayerNormalization: [
    {
      inputs: [floats([1, 1, 2], 1, 1), floats([1, 1, 2], 2, 3), floats([2], 1, 10)],
      build: (b, x, skip, gain) => Object.values(b.skipSimplifiedLayerNormalization(x!, skip!, gain!, 3.5)),
      expected: [floats([1, 1, 2], 0.75, 10), floats([1, 1, 2], 3, 4)],
    },
  ],
  // Position 1 turns by a right angle: (x1, x2) -> (-x2, x1); position 0 stays.
  RotaryEmbedding: [
    {
      inputs: [floats([1, 1, 2, 2], 1, 2, 3, 4), ints([1, 2], 1, 0), floats([2, 1], 1, 0), floats([2, 1], 0, 1)],
      build: (b, x, positions, cos, sin) => b.rotaryEmbedding(x!, positions!, cos!, sin!),
      expected: [floats([1, 1, 2, 2], -2, 1, 3, 4)],
    },
  ],
  // Two query heads read one key head. Scores of head 0: (0, ln 3) -> 1/4, 3/4; head 1 sees the first key only.
  Attention: [
    {
      inputs: [
        floats([1, 2, 1, 1], 1, 0),
        floats([1, 1, 2, 1], 0, 2 * Math.log(3)),
        floats([1, 1, 2, 1], 4, 8),
        floats([2, 1, 2], 0, 0, 0, -1000),
      ],
      build: (b, q, k, v, mask) => b.attention(q!, k!, v!, mask!, 0.5),
      expected: [floats([1, 2, 1, 1], 7, 4)],
    },
  ],
  // No past: the single new position sees itself, so the output is the value, and the cache holds key and value.
  GroupQueryAttention: [
    {
      inputs: [
        floats([1, 1, 16], ...new Array<number>(16).fill(1)),
        floats([1, 1, 8], 1, 2, 3, 4, 5, 6, 7, 8),
        floats([1, 1, 8], 8, 7, 6, 5, 4, 3, 2, 1),
        floats([1, 1, 0, 8]),
        floats([1, 1, 0, 8]),
        { dtype: "int32", shape: [1], data: [0] },
        { dtype: "int32", shape: [], data: [1] },
      ],
      build: (b, query, key, value, pastKey, pastValue, seqlensK, totalLength) => {
        const inputs = { query, key, value, pastKey, pastValue, seqlensK, totalLength } as never;
        return b.groupQueryAttention(inputs, { num_heads: 2, kv_num_heads: 1 }).output;
      },
      expected: [floats([1, 1, 16], 8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1)],
      targets: ["fused", "primitive"],
    },
  ],
};
