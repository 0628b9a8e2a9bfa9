/**
 * One or more gradient checks per differentiable operator. Named lengths are declared where a rule works with shapes.
 * Values keep away from kinks (|x|, max, clip), where no difference can tell the derivative.
 */
import type { OpType } from "@iad-r1/models/graph/types";
import type { CaseInput, GradientCase } from "../helpers/checkGradient";

const positive: readonly [number, number] = [0.5, 2];

function x(...shape: number[]): CaseInput {
  return { shape };
}

function inRange(range: readonly [number, number], ...shape: number[]): CaseInput {
  return { shape, range };
}

function fixed(data: readonly number[], ...shape: number[]): CaseInput {
  return { shape, data };
}

function ints(data: readonly number[], ...shape: number[]): CaseInput {
  return { shape, data, dtype: "int64" };
}

type Checks = readonly (Omit<GradientCase, "title"> & { readonly title: string })[];

export const gradientCases: { readonly [K in OpType]?: Checks } = {
  Add: [
    { title: "adds equal shapes", inputs: { a: x(2, 3), b: x(2, 3) }, build: (b, { a, b: c }) => b.add(a!, c!) },
    {
      title: "adds a row to a tensor of named lengths",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] }, b: x(4) },
      build: (b, { a, b: c }) => b.add(a!, c!),
    },
    { title: "adds a tensor to itself", inputs: { a: x(2, 3) }, build: (b, { a }) => b.add(a!, a!) },
    {
      title: "adds a column and a row",
      inputs: { a: x(3, 1), b: x(1, 4) },
      build: (b, { a, b: c }) => b.add(a!, c!),
    },
  ],
  Sub: [
    { title: "subtracts a scalar", inputs: { a: x(2, 3), b: x() }, build: (b, { a, b: c }) => b.sub(a!, c!) },
    {
      title: "subtracts a middle axis",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", 3, "T"] }, b: { shape: [2, 1, 4], declared: ["B", 1, "T"] } },
      build: (b, { a, b: c }) => b.sub(a!, c!),
    },
  ],
  Mul: [
    { title: "multiplies equal shapes", inputs: { a: x(2, 3), b: x(2, 3) }, build: (b, { a, b: c }) => b.mul(a!, c!) },
    {
      title: "multiplies by a column",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] }, b: { shape: [2, 3, 1], declared: ["B", "T", 1] } },
      build: (b, { a, b: c }) => b.mul(a!, c!),
    },
    { title: "squares", inputs: { a: x(2, 3) }, build: (b, { a }) => b.mul(a!, a!) },
  ],
  Div: [
    {
      title: "divides by a row",
      inputs: { a: x(2, 3), b: inRange(positive, 3) },
      build: (b, { a, b: c }) => b.div(a!, c!),
    },
  ],
  Pow: [
    {
      title: "raises to a power",
      inputs: { a: inRange(positive, 2, 3), b: x(2, 3) },
      build: (b, { a, b: c }) => b.pow(a!, c!),
    },
  ],
  Min: [
    {
      title: "takes the smaller and broadcasts",
      inputs: { a: fixed([0.1, 0.9, -0.5, 0.2, -0.8, 0.6], 2, 3), b: fixed([0.4, 0.3, -0.1], 3) },
      build: (b, { a, b: c }) => b.min(a!, c!),
    },
    // Both sides move together, so that the tie stays.
    { title: "shares the gradient of a tie", inputs: { a: x(2, 3) }, build: (b, { a }) => b.min(a!, b.mul(a!, 1)) },
  ],
  Max: [
    {
      title: "takes the larger",
      inputs: { a: fixed([0.1, 0.9, -0.5], 3), b: fixed([0.4, 0.3, -0.1], 3) },
      build: (b, { a, b: c }) => b.max(a!, c!),
    },
  ],
  Sum: [
    {
      title: "sums three tensors with broadcasting",
      inputs: { a: x(2, 3), b: x(3), c: x(2, 1) },
      build: (b, { a, b: second, c }) => b.sum([a!, second!, c!]),
    },
  ],
  Neg: [{ title: "changes the sign", inputs: { a: x(2, 3) }, build: (b, { a }) => b.neg(a!) }],
  Abs: [{ title: "takes the size", inputs: { a: fixed([0.4, -0.3, 0.9], 3) }, build: (b, { a }) => b.abs(a!) }],
  Sign: [
    {
      title: "has a gradient of zero beside others",
      inputs: { a: fixed([0.4, -0.3, 0.9], 3) },
      build: (b, { a }) => b.add(b.sign(a!), a!),
    },
  ],
  Sqrt: [{ title: "takes the root", inputs: { a: inRange(positive, 2, 3) }, build: (b, { a }) => b.sqrt(a!) }],
  Reciprocal: [{ title: "inverts", inputs: { a: inRange(positive, 2, 3) }, build: (b, { a }) => b.reciprocal(a!) }],
  Exp: [{ title: "exponentiates", inputs: { a: x(2, 3) }, build: (b, { a }) => b.exp(a!) }],
  Log: [{ title: "takes the logarithm", inputs: { a: inRange(positive, 2, 3) }, build: (b, { a }) => b.log(a!) }],
  Sin: [{ title: "takes the sine", inputs: { a: x(2, 3) }, build: (b, { a }) => b.sin(a!) }],
  Cos: [{ title: "takes the cosine", inputs: { a: inRange(positive, 2, 3) }, build: (b, { a }) => b.cos(a!) }],
  Tanh: [{ title: "saturates", inputs: { a: x(2, 3) }, build: (b, { a }) => b.tanh(a!) }],
  Erf: [{ title: "integrates the normal density", inputs: { a: x(2, 3) }, build: (b, { a }) => b.erf(a!) }],
  Sigmoid: [
    { title: "maps to a probability", inputs: { a: inRange([-3, 3], 2, 3) }, build: (b, { a }) => b.sigmoid(a!) },
  ],
  Softplus: [{ title: "bends softly", inputs: { a: inRange([-3, 3], 2, 3) }, build: (b, { a }) => b.softplus(a!) }],
  Relu: [{ title: "cuts negatives", inputs: { a: fixed([0.4, -0.3, 0.9, -0.6], 4) }, build: (b, { a }) => b.relu(a!) }],
  Clip: [
    {
      title: "limits to both sides",
      inputs: { a: fixed([0.4, -0.9, 0.9, -0.2], 4) },
      build: (b, { a }) => b.clip(a!, -0.5, 0.5),
    },
    {
      title: "limits from above only",
      inputs: { a: fixed([0.4, -0.9, 0.9, -0.2], 4) },
      build: (b, { a }) => b.clip(a!, null, 0.5),
    },
  ],
  Where: [
    {
      title: "chooses by a mask that broadcasts",
      inputs: { c: { shape: [3], data: [1, 0, 1], dtype: "bool" }, a: x(2, 3), b: x() },
      build: (b, { c, a, b: other }) => b.where(c!, a!, other!),
    },
  ],
  Cast: [
    {
      title: "goes through another float type and back",
      inputs: { a: x(2, 3) },
      build: (b, { a }) => b.cast(b.mul(b.cast(a!, "float64"), b.cast(a!, "float64")), "float32"),
    },
  ],
  Identity: [{ title: "passes on", inputs: { a: x(2, 3) }, build: (b, { a }) => b.identity(a!) }],
  StraightThrough: [
    {
      title: "goes along the path",
      inputs: { a: x(2, 3) },
      build: (b, { a }) => b.straightThrough(b.mul(a!, a!), b.pow(a!, 2)),
    },
    {
      title: "is that of a constant without a path",
      inputs: { a: x(2, 3) },
      build: (b, { a }) => b.sub(a!, b.straightThrough(b.full([2, 3], 2))),
    },
  ],
  QuickGelu: [
    { title: "is SiLU with alpha 1", inputs: { a: inRange([-3, 3], 2, 5) }, build: (b, { a }) => b.silu(a!) },
    { title: "has a steeper form", inputs: { a: inRange([-3, 3], 2, 5) }, build: (b, { a }) => b.quickGelu(a!) },
  ],
  Gelu: [
    { title: "is exact", inputs: { a: inRange([-3, 3], 2, 5) }, build: (b, { a }) => b.gelu(a!) },
    {
      title: "is approximated by tanh",
      inputs: { a: inRange([-3, 3], 2, 5) },
      build: (b, { a }) => b.gelu(a!, "tanh"),
    },
  ],
  QuantizedLinear: [4, 8].map((bits) => ({
    title: `multiplies by the unpacked weights of ${bits} bits`,
    inputs: { a: { shape: [2, 3, 32], declared: ["B", "T", 32] } },
    build: (b, { a }) => {
      const dtype = bits === 4 ? "uint4" : "uint8";
      const bytes = Uint8Array.from({ length: (5 * 32 * bits) / 8 }, (_, i) => (i * 37 + 11) % 256);
      const weight = b.constant(dtype, [5, 32], bytes, "weight");
      const scales = b.constant(
        "float32",
        [5, 2],
        Float32Array.from({ length: 10 }, (_, i) => 0.01 * (i + 1)),
        "scales",
      );
      const zeros = b.constant(dtype, [5, 2], new Uint8Array((10 * bits) / 8).fill(bits === 4 ? 0x76 : 120), "zeros");
      return b.quantizedLinear(a!, weight, scales, zeros, { block_size: 16 });
    },
  })),
  MatMul: [
    { title: "multiplies matrices", inputs: { a: x(3, 4), b: x(4, 5) }, build: (b, { a, b: c }) => b.matMul(a!, c!) },
    {
      title: "multiplies many rows by one matrix",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] }, b: x(4, 5) },
      build: (b, { a, b: c }) => b.matMul(a!, c!),
    },
    {
      title: "broadcasts batches on both sides",
      inputs: { a: x(2, 1, 3, 4), b: x(3, 4, 2) },
      build: (b, { a, b: c }) => b.matMul(a!, c!),
    },
  ],
  FusedMatMul: [
    ...[false, true].flatMap((transA) =>
      [false, true].map((transB) => ({
        title: `multiplies batches, transA ${transA}, transB ${transB}`,
        inputs: { a: transA ? x(2, 4, 3) : x(2, 3, 4), b: transB ? x(2, 5, 4) : x(2, 4, 5) },
        build: ((b, { a, b: c }) => b.fusedMatMul(a!, c!, { transA, transB, alpha: 0.5 })) as GradientCase["build"],
      })),
    ),
    {
      title: "multiplies many rows by one transposed matrix",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] }, b: x(5, 4) },
      build: (b, { a, b: c }) => b.fusedMatMul(a!, c!, { transB: true, alpha: 2 }),
    },
  ],
  Gemm: [false, true].flatMap((transA) =>
    [false, true].map((transB) => ({
      title: `multiplies and adds, transA ${transA}, transB ${transB}`,
      inputs: { a: transA ? x(4, 3) : x(3, 4), b: transB ? x(5, 4) : x(4, 5), c: x(5) },
      build: ((b, { a, b: second, c }) =>
        b.gemm(a!, second!, c!, { transA, transB, alpha: 0.5, beta: 2 })) as GradientCase["build"],
    })),
  ),
  Linear: [
    {
      title: "maps rows of named lengths, with bias",
      inputs: { x: { shape: [2, 3, 4], declared: ["B", "T", 4] }, w: x(5, 4), bias: x(5) },
      build: (b, { x: rows, w, bias }) => b.linear(rows!, w!, bias!),
    },
    {
      title: "sums the gradients of a weight used twice",
      inputs: { x: { shape: [2, 3, 4], declared: ["B", "T", 4] }, w: x(4, 4) },
      build: (b, { x: rows, w }) => b.linear(b.tanh(b.linear(rows!, w!)), w!),
    },
    { title: "maps a matrix", inputs: { x: x(3, 4), w: x(2, 4) }, build: (b, { x: rows, w }) => b.linear(rows!, w!) },
    {
      title: "sums the gradients of an embedding and the head tied to it",
      inputs: { ids: { ...ints([1, 0, 1, 4, 1, 2], 2, 3), declared: ["B", "T"] }, table: x(5, 4) },
      build: (b, { ids, table }) => b.linear(b.tanh(b.gather(table!, ids!)), table!),
    },
  ],
  Reshape: [
    {
      title: "splits heads",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] } },
      build: (b, { a }) => b.reshape(a!, ["B", "T", 2, 2]),
    },
    {
      title: "joins two named lengths and parts them again",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] } },
      build: (b, { a }) => b.reshape(b.tanh(b.reshape(a!, ["B*T", 4])), ["T", "B", 4]),
    },
  ],
  Transpose: [
    { title: "permutes three axes", inputs: { a: x(2, 3, 4) }, build: (b, { a }) => b.transpose(a!, [2, 0, 1]) },
  ],
  Concat: [
    {
      title: "joins named lengths",
      inputs: { a: { shape: [2, 3], declared: [2, "T"] }, b: { shape: [2, 2], declared: [2, "S"] } },
      build: (b, { a, b: c }) => b.concat([a!, c!], 1),
    },
    {
      title: "joins three",
      inputs: { a: x(2, 3), b: x(1, 3), c: x(2, 3) },
      build: (b, { a, b: d, c }) => b.concat([a!, d!, c!], 0),
    },
  ],
  Split: [
    { title: "parts the last axis", inputs: { a: x(2, 5) }, build: (b, { a }) => b.split(a!, [2, 3]) },
    {
      title: "fills in zeros for a piece that is not used",
      inputs: { a: { shape: [4, 5], declared: ["T", 5] } },
      build: (b, { a }) => b.split(a!, [2, 3])[1]!,
    },
  ],
  Slice: [
    {
      title: "drops the last of a named length",
      inputs: { a: { shape: [2, 4], declared: ["B", "T"] } },
      build: (b, { a }) => b.slice(a!, [0], [-1], [1]),
    },
    { title: "cuts two axes", inputs: { a: x(4, 5) }, build: (b, { a }) => b.slice(a!, [1, 2], [3, 9], [0, -1]) },
  ],
  Squeeze: [{ title: "drops an axis", inputs: { a: x(2, 1, 3) }, build: (b, { a }) => b.squeeze(a!, [1]) }],
  Unsqueeze: [{ title: "adds axes", inputs: { a: x(2, 3) }, build: (b, { a }) => b.unsqueeze(a!, [0, -1]) }],
  Expand: [
    {
      title: "repeats along a named length",
      inputs: { a: x(1, 3), like: { shape: [4], declared: ["T"], frozen: true } },
      build: (b, { a, like }) => b.mul(b.expand(a!, ["T", 3]), b.unsqueeze(like!, [1])),
    },
  ],
  Pad: [
    {
      title: "surrounds with zeros",
      inputs: { a: { shape: [2, 3], declared: ["B", "T"] } },
      build: (b, { a }) => b.pad(a!, [1, 0], [0, 2]),
    },
  ],
  Gather: [
    {
      title: "looks up rows, some twice and some never",
      inputs: { table: x(5, 3), ids: { ...ints([1, 4, 1, 0], 2, 2), declared: ["B", "T"] } },
      build: (b, { table, ids }) => b.gather(table!, ids!),
    },
    {
      title: "picks along a middle axis, counted from the end",
      inputs: { a: x(2, 4, 3), ids: ints([3, 0, -1], 3) },
      build: (b, { a, ids }) => b.gather(a!, ids!, 1),
    },
  ],
  GatherElements: [
    {
      title: "picks one entry per row",
      inputs: { a: { shape: [3, 4], declared: ["M", 4] }, ids: { ...ints([1, 3, 0], 3, 1), declared: ["M", 1] } },
      build: (b, { a, ids }) => b.gatherElements(a!, ids!, 1),
    },
  ],
  GatherND: [
    {
      title: "picks rows by one index and entries by two",
      inputs: { a: x(3, 4), rows: ints([2, 0, 2], 3, 1), places: ints([0, 1, 2, 3], 2, 2) },
      build: (b, { a, rows, places }) => [b.gatherND(a!, rows!), b.gatherND(a!, places!)],
    },
  ],
  ScatterND: [
    {
      title: "overwrites rows",
      inputs: { a: x(4, 3), ids: ints([2, 0], 2, 1), updates: x(2, 3) },
      build: (b, { a, ids, updates }) => b.scatterND(a!, ids!, updates!),
    },
    {
      title: "adds to rows, one twice",
      inputs: { a: x(4, 3), ids: ints([2, 0, 2], 3, 1), updates: x(3, 3) },
      build: (b, { a, ids, updates }) => b.scatterND(a!, ids!, updates!, "add"),
    },
  ],
  ScatterElements: [
    {
      title: "overwrites entries",
      inputs: { a: x(3, 4), ids: ints([1, 3, 0], 3, 1), updates: x(3, 1) },
      build: (b, { a, ids, updates }) => b.scatterElements(a!, ids!, updates!, 1),
    },
    {
      title: "adds to entries along the first axis",
      inputs: { a: x(3, 2), ids: ints([1, 1, 2, 0], 2, 2), updates: x(2, 2) },
      build: (b, { a, ids, updates }) => b.scatterElements(a!, ids!, updates!, 0, "add"),
    },
  ],
  ReduceSum: [
    {
      title: "sums a named length away",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] } },
      build: (b, { a }) => b.reduceSum(a!, [1], { keepDims: false }),
    },
    { title: "sums everything", inputs: { a: x(2, 3) }, build: (b, { a }) => b.reduceSum(a!) },
  ],
  ReduceMean: [
    { title: "averages the last axis", inputs: { a: x(2, 3) }, build: (b, { a }) => b.reduceMean(a!, [-1]) },
    {
      title: "averages over named lengths",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] } },
      build: (b, { a }) => b.reduceMean(a!, [0, 1], { keepDims: false }),
    },
  ],
  ReduceMax: [
    {
      title: "finds the largest of each row",
      inputs: { a: fixed([0.1, 0.9, -0.5, 0.2, -0.8, 0.6], 2, 3) },
      build: (b, { a }) => b.reduceMax(a!, [1], { keepDims: false }),
    },
  ],
  ReduceSumSquare: [
    {
      title: "sums squares",
      inputs: { a: x(2, 3) },
      build: (b, { a }) => b.reduceSumSquare(a!, [0], { keepDims: false }),
    },
  ],
  CumSum: [{ title: "adds up along an axis", inputs: { a: x(2, 4) }, build: (b, { a }) => b.cumSum(a!, 1) }],
  Softmax: [
    { title: "normalises the last axis", inputs: { a: inRange([-2, 2], 3, 4) }, build: (b, { a }) => b.softmax(a!) },
    { title: "normalises a middle axis", inputs: { a: x(2, 3, 2) }, build: (b, { a }) => b.softmax(a!, 1) },
  ],
  LogSoftmax: [
    { title: "normalises the last axis", inputs: { a: inRange([-2, 2], 3, 4) }, build: (b, { a }) => b.logSoftmax(a!) },
  ],
  TokenLogProbs: [
    {
      title: "selects targets",
      inputs: {
        logits: { shape: [3, 5], declared: ["M", 5] },
        targets: { ...ints([4, 0, 2], 3), declared: ["M"] },
      },
      build: (b, { logits, targets }) => b.tokenLogProbs(logits!, targets!).selected,
    },
    {
      title: "selects targets and measures entropy",
      inputs: { logits: x(3, 5), targets: ints([4, 0, 2], 3) },
      build: (b, { logits, targets }) => {
        const { selected, all } = b.tokenLogProbs(logits!, targets!);
        return [selected, b.neg(b.reduceSum(b.mul(b.exp(all), all), [1], { keepDims: false }))];
      },
    },
  ],
  LayerNormalization: [
    {
      title: "normalises rows of named lengths",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] }, gain: inRange(positive, 4), bias: x(4) },
      build: (b, { a, gain, bias }) => b.layerNormalization(a!, gain!, bias!, 1e-5),
    },
    {
      title: "normalises without bias and with a frozen gain",
      inputs: { a: x(3, 4), gain: { ...inRange(positive, 4), frozen: true } },
      build: (b, { a, gain }) => b.layerNormalization(a!, gain!, null, 1e-5),
    },
  ],
  SimplifiedLayerNormalization: [
    {
      title: "normalises rows of named lengths",
      inputs: { a: { shape: [2, 3, 4], declared: ["B", "T", 4] }, gain: inRange(positive, 4) },
      build: (b, { a, gain }) => b.simplifiedLayerNormalization(a!, gain!, 1e-5),
    },
    {
      title: "has a gain whose input is frozen",
      inputs: { a: { ...x(3, 4), frozen: true }, gain: inRange(positive, 4) },
      build: (b, { a, gain }) => b.simplifiedLayerNormalization(a!, gain!, 1e-5),
    },
  ],
  SkipSimplifiedLayerNormalization: [
    {
      title: "normalises a sum and passes it on",
      inputs: { a: x(2, 3, 4), skip: x(2, 3, 4), gain: inRange(positive, 4) },
      build: (b, { a, skip, gain }) => {
        const { normalized, sum } = b.skipSimplifiedLayerNormalization(a!, skip!, gain!, 1e-5);
        return [normalized, sum];
      },
    },
    {
      title: "normalises a sum that nothing else reads",
      inputs: { a: x(2, 3, 4), skip: x(2, 3, 4), gain: inRange(positive, 4) },
      build: (b, { a, skip, gain }) => b.skipSimplifiedLayerNormalization(a!, skip!, gain!, 1e-5).normalized,
    },
  ],
  RotaryEmbedding: [
    {
      title: "rotates queries and keys",
      inputs: {
        q: { shape: [2, 3, 2, 4], declared: ["B", 3, "T", 4] },
        k: { shape: [2, 1, 2, 4], declared: ["B", 1, "T", 4] },
        positions: { ...ints([0, 1, 2, 4], 2, 2), declared: ["B", "T"] },
        cos: { ...x(5, 2), frozen: true },
        sin: { ...x(5, 2), frozen: true },
      },
      build: (b, { q, k, positions, cos, sin }) => [
        b.rotaryEmbedding(q!, positions!, cos!, sin!),
        b.rotaryEmbedding(k!, positions!, cos!, sin!),
      ],
    },
    {
      title: "rotates heads that lie side by side",
      inputs: {
        q: { shape: [2, 3, 8], declared: ["B", "T", 8] },
        positions: { ...ints([0, 1, 2, 4, 3, 2], 2, 3), declared: ["B", "T"] },
        cos: { ...x(5, 2), frozen: true },
        sin: { ...x(5, 2), frozen: true },
      },
      build: (b, { q, positions, cos, sin }) => b.rotaryEmbedding(q!, positions!, cos!, sin!),
    },
  ],
  Attention: [
    {
      title: "lets six query heads share two key heads under a mask",
      inputs: {
        q: { shape: [2, 6, 3, 4], declared: ["B", 6, "T", 4] },
        k: { shape: [2, 2, 3, 4], declared: ["B", 2, "T", 4] },
        v: { shape: [2, 2, 3, 4], declared: ["B", 2, "T", 4] },
        mask: { ...fixed([0, -9, -9, 0, 0, -9, 0, 0, 0], 3, 3), declared: ["T", "T"], frozen: true },
      },
      build: (b, { q, k, v, mask }) => b.attention(q!, k!, v!, mask!, 0.5),
    },
    {
      title: "looks both ways without a mask, keys of another length and values of another width",
      inputs: {
        q: { shape: [1, 2, 3, 4], declared: ["B", 2, "T", 4] },
        k: { shape: [1, 2, 5, 4], declared: ["B", 2, "S", 4] },
        v: { shape: [1, 2, 5, 3], declared: ["B", 2, "S", 3] },
      },
      build: (b, { q, k, v }) => b.attention(q!, k!, v!, null, 0.7),
    },
    {
      title: "differentiates a mask per head",
      inputs: { q: x(1, 2, 3, 4), k: x(1, 1, 3, 4), v: x(1, 1, 3, 4), mask: x(2, 3, 3) },
      build: (b, { q, k, v, mask }) => b.attention(q!, k!, v!, mask!, 0.5),
    },
    {
      title: "differentiates the values alone",
      inputs: { q: { ...x(1, 2, 3, 4), frozen: true }, k: { ...x(1, 2, 3, 4), frozen: true }, v: x(1, 2, 3, 4) },
      build: (b, { q, k, v }) => b.attention(q!, k!, v!, null, 0.5),
    },
  ],
};
