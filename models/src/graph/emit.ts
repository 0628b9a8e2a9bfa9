/**
 * Lowers a graph to operators that a written file may have, and that its device runs well.
 * Every target computes the same; only names of operators and the order of rounding differ, and that the CPU's form may take and give
 * tall gradient accumulators in parts. No other rewriting here.
 */
import { GraphError } from "../errors";
import { GraphBuilder } from "./builder";
import { mulDims, numElements } from "./dims";
import { rowsName } from "./rows";
import type { Dim, Graph, Node, OperatorAttributes, OpType, Value } from "./types";

/**
 * - `fused`: ONNX and ONNX Runtime's own operators, for the CPU.
 * - `primitive`: what GPU providers have: no FusedMatMul, LogSoftmax, ScatterElements, Softplus, Sum.
 * - `standard`: ONNX alone, for checkers and other runtimes; graphs with a KV cache or packed weights have no such form.
 */
export type EmitTarget = "fused" | "primitive" | "standard";

/** Adds nodes that compute what `node` does from `inputs`, and returns one value per output that is read. */
type Lowering<A> = (b: GraphBuilder, inputs: readonly Value[], attributes: A, node: Node) => (Value | null)[];
type Lowerings = { readonly [K in OpType]?: Lowering<OperatorAttributes[K]> };

/** @throws GraphError `graph/no-lowering` when an operator has no form for the target */
export function emit(graph: Graph, { target }: { target: EmitTarget }): Graph {
  const b = new GraphBuilder(graph.name, graph.operatorSet, "_e");
  const values = new Map<Value, Value>();
  const tall = target === "fused" ? tallAccumulators(graph) : new Set<Value>();
  const parts = new Map<Value, Part[]>();
  for (const input of graph.inputs) {
    if (tall.has(input)) parts.set(input, inputParts(b, input));
    else values.set(input, b.input(input.name, input.dtype, input.shape));
  }
  for (const constant of graph.constants) values.set(constant.value, b.copyConstant(constant));
  for (const node of graph.nodes) {
    // Nothing but their product reads accumulators in parts.
    const sums = parts.get(node.inputs[2]!);
    if (sums !== undefined) {
      const [dy, x] = node.inputs.slice(0, 2).map((input) => values.get(input!)!) as [Value, Value];
      parts.set(
        node.outputs[0]!,
        b.inScope(node.scope, () => addProduct(b, sums, dy, x)),
      );
      continue;
    }
    const inputs = node.inputs.map((input) => (input === null ? null : values.get(input)!));
    const lowering = lowerings[target][node.opType] as Lowering<Node["attributes"]> | undefined;
    const outputs =
      lowering === undefined
        ? b.copy(node, inputs)
        : b.inScope(node.scope, () => lowering(b, inputs as Value[], node.attributes, node));
    for (const [i, output] of node.outputs.entries()) if (output !== null) values.set(output, outputs[i]!);
  }
  for (const output of graph.outputs) {
    const sums = parts.get(output);
    if (sums === undefined) b.output(output.name, values.get(output)!);
    else for (const { from, to, value } of sums) b.output(rowsName(output.name, from, to), value);
  }
  return inRunOrder(b.finish());
}

/**
 * ONNX Runtime does not run nodes in file order. It starts from the nodes that nothing reads, the last in the file first, and
 * runs what each needs, of several inputs the one built last first. Left as built, every weight gradient would wait for
 * the end of the backward pass, with its activations alive until then, and all weights would be unpacked at the start.
 * With unread nodes at the end, in reverse, and those that read constants only in front, things run when they are needed.
 */
function inRunOrder(graph: Graph): Graph {
  const fixed = new Set<Value | null>(graph.constants.map(({ value }) => value));
  const read = new Set<Value | null>(graph.nodes.flatMap((node) => node.inputs));
  const [first, middle, last]: [Node[], Node[], Node[]] = [[], [], []];
  for (const node of graph.nodes) {
    if (node.inputs.every((input) => input === null || fixed.has(input))) {
      for (const output of node.outputs) fixed.add(output);
      first.push(node);
    } else if (node.outputs.some((output) => read.has(output))) middle.push(node);
    else last.push(node);
  }
  return { ...graph, nodes: [...first, ...middle, ...last.reverse()] };
}

/*
 * Gradients of weights, dy^T x + sum with dy [R,N] and x [R,K]. ONNX Runtime's product turns dy again for every 128 of K, and passes over
 * sum [N,128] once for every 128 of R. So dy is turned once where that is worth a copy, and a sum with so many rows that the passes
 * leave a core's cache comes and goes in parts (rows.ts): 0.9 of the time, and 0.95 of a whole step that trains all weights.
 */

/** Rows from (including) to (excluding) of a matrix that the emitted graph has in parts only. */
interface Part {
  from: number;
  to: number;
  value: Value;
}

/** Most rows of a part: as many times 128 floats are 600 KiB. */
const partRows = 1216;

function isWeightGradient({ transA = 0, transB = 0, alpha = 1, beta = 1 }: OperatorAttributes["Gemm"]): boolean {
  return transA === 1 && transB === 0 && alpha === 1 && beta === 1;
}

/** Measured: with fewer columns than rows turning costs what it saves, and the few rows of an adapter are not worth it. */
function isWide({ shape: [rows, columns] }: Value): boolean {
  return typeof rows === "number" && typeof columns === "number" && rows >= 64 && rows <= columns;
}

function isTall({ shape: [rows, columns] }: Value): boolean {
  return typeof rows === "number" && typeof columns === "number" && rows >= 1.5 * partRows && columns >= 512;
}

/** Inputs that nothing reads but the product whose output is their sum with it. */
function tallAccumulators(graph: Graph): Set<Value> {
  const [inputs, outputs] = [new Set(graph.inputs), new Set(graph.outputs)];
  const reads = new Map<Value, number>();
  for (const value of graph.nodes.flatMap((node) => node.inputs)) {
    if (value !== null) reads.set(value, (reads.get(value) ?? 0) + 1);
  }
  const result = new Set<Value>();
  for (const { opType, inputs: read, outputs: written, attributes } of graph.nodes) {
    if (opType !== "Gemm" || !isWeightGradient(attributes as OperatorAttributes["Gemm"])) continue;
    const [sum, total] = [read[2] ?? null, written[0]!];
    if (sum === null || !inputs.has(sum) || !outputs.has(total) || outputs.has(sum)) continue;
    if (reads.get(sum) === 1 && !reads.has(total) && isTall(sum)) result.add(sum);
  }
  return result;
}

function inputParts(b: GraphBuilder, { name, dtype, shape }: Value): Part[] {
  const [rows, columns] = shape as [number, number];
  const count = Math.ceil(rows / partRows);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [Math.round((i * rows) / count), Math.round(((i + 1) * rows) / count)];
    return { from, to, value: b.input(rowsName(name, from, to), dtype, [to - from, columns]) };
  });
}

function addProduct(b: GraphBuilder, sums: readonly Part[], dy: Value, x: Value): Part[] {
  const sizes = sums.map(({ from, to }) => to - from);
  const turned = b.split(b.transpose(dy, [1, 0]), sizes, 0);
  return sums.map((sum, i) => ({ ...sum, value: b.gemm(turned[i]!, x, sum.value) }));
}

/** What is left of operators that only tell derivatives something. */
const shared: Lowerings = { StraightThrough: (_b, [value]) => [value!] };

const fused: Lowerings = {
  ...shared,
  QuantizedLinear: quantizedProduct,
  Linear: (b, [x, weight, bias]) => {
    // Gemm adds the bias while it writes; FusedMatMul takes any rank but no bias.
    if (bias == null) return [b.fusedMatMul(x!, weight!, { transB: true })];
    return [gemmOverRows(b, x!, weight!, bias)];
  },
  Attention: (b, inputs, attributes) => attention(b, inputs, attributes.scale),
  Gemm: (b, [x, y, sum], attributes, node) =>
    sum != null && isWeightGradient(attributes) && isWide(sum)
      ? [b.gemm(b.transpose(x!, [1, 0]), y!, sum)]
      : b.copy(node, [x!, y!, sum ?? null]),
  // ONNX Runtime's ScatterND adds from several threads at once and loses additions to one place (measured on 1.30).
  ScatterND: (b, [data, indices, updates], { reduction }, node) =>
    reduction === "add" ? [scatterAdd(b, data!, indices!, updates!)] : b.copy(node, [data!, indices!, updates!]),
  TokenLogProbs: (b, [logits, targets]) => {
    const all = b.logSoftmax(logits!, -1);
    const selected = b.gatherElements(all, b.unsqueeze(targets!, [1]), 1);
    return [b.reshape(selected, targets!.shape), all];
  },
};

const primitive: Lowerings = {
  ...shared,
  QuantizedLinear: quantizedProduct,
  Linear: (b, [x, weight, bias]) => [gemmOverRows(b, x!, weight!, bias ?? null)],
  FusedMatMul: (b, [x, y], { transA = 0, transB = 0, alpha = 1 }) => [
    product(b, x!, y!, transA === 1, transB === 1, alpha),
  ],
  Attention: (b, inputs, { scale }) => attention(b, inputs, scale, product),
  // The WebGPU provider has no Sum: each term would travel to the CPU.
  Sum: (b, terms) => [terms.reduce((sum, term) => b.add(sum, term))],
  LogSoftmax: (b, [x], { axis = -1 }) => [logSoftmax(b, x!, axis)],
  TokenLogProbs: (b, [logits, targets]) => {
    const all = logSoftmax(b, logits!, -1);
    const selected = b.gatherElements(all, b.unsqueeze(targets!, [1]), 1);
    return [b.reshape(selected, targets!.shape), all];
  },
  ScatterElements: (b, [data, indices, updates], { axis = 0, reduction = "none" }) => [
    b.scatterND(data!, fullIndices(b, indices!, axis), updates!, reduction),
  ],
  // The WebGPU provider leaves the second output (inverse root mean square) unwritten, and says nothing (measured on 1.30).
  SimplifiedLayerNormalization: (b, [x, gain], { epsilon = 1e-5 }, node) =>
    node.outputs[1] == null
      ? b.copy(node, [x!, gain!])
      : [b.simplifiedLayerNormalization(x!, gain!, epsilon), inverseRms(b, x!, epsilon)],
  SkipSimplifiedLayerNormalization: (b, [x, skip, gain], { epsilon = 1e-5 }, node) => {
    if (node.outputs[2] == null) return b.copy(node, [x!, skip!, gain!]);
    const { normalized, sum } = b.skipSimplifiedLayerNormalization(x!, skip!, gain!, epsilon);
    return [normalized, null, inverseRms(b, sum, epsilon), sum];
  },
  // max(x, 0) + log(1 + exp(-|x|))
  Softplus: (b, [x]) => [b.add(b.relu(x!), b.log(b.add(b.exp(b.neg(b.abs(x!))), 1)))],
};

const standard: Lowerings = {
  ...primitive,
  QuickGelu: (b, [x], { alpha = 1.702 }) => [b.mul(x!, b.sigmoid(alpha === 1 ? x! : b.mul(x!, alpha)))],
  SimplifiedLayerNormalization: (b, [x, gain], { epsilon = 1e-5 }) => rmsNorm(b, x!, gain!, epsilon),
  SkipSimplifiedLayerNormalization: (b, [x, skip, gain], { epsilon = 1e-5 }) => {
    const sum = b.add(x!, skip!);
    const [normalized, inverse] = rmsNorm(b, sum, gain!, epsilon);
    return [normalized!, null, inverse!, sum];
  },
  RotaryEmbedding: (b, [x, positions, cos, sin]) => {
    const width = mulDims(cos!.shape[1]!, 2) as number;
    // [B,H,T,D], or [B,T,H*D] seen as [B,T,H,D]: the angles broadcast over the heads.
    const isFlat = x!.shape.length === 3;
    const heads = isFlat ? b.reshape(x!, [...x!.shape.slice(0, 2), -1, width]) : x!;
    const angles = (table: Value) => b.unsqueeze(b.gather(table, positions!), [isFlat ? 2 : 1]);
    const rest = (heads.shape[3] as number) - width;
    const pieces = b.split(heads, rest > 0 ? [width / 2, width / 2, rest] : [width / 2, width / 2], 3);
    const [x1, x2, unrotated] = pieces as [Value, Value, Value?];
    const [c, s] = [angles(cos!), angles(sin!)];
    const rotated = [b.sub(b.mul(x1, c), b.mul(x2, s)), b.add(b.mul(x2, c), b.mul(x1, s))];
    return [b.reshape(b.concat(unrotated === undefined ? rotated : [...rotated, unrotated], 3), x!.shape)];
  },
  QuantizedLinear: (b, [x, weight, scales, zeroPoints], { block_size }) => [
    gemmOverRows(b, x!, b.dequantizeLinear(weight!, scales!, zeroPoints!, { axis: 1, block_size }), null),
  ],
  GroupQueryAttention: (_b, _inputs, _attributes, node) => noStandardForm(node),
  MatMulNBits: (_b, _inputs, _attributes, node) => noStandardForm(node),
};

const lowerings: Readonly<Record<EmitTarget, Lowerings>> = { fused, primitive, standard };

/** The same bytes in the layout that ONNX Runtime's product names them by. */
function quantizedProduct(
  b: GraphBuilder,
  [x, weight, scales, zeroPoints]: readonly Value[],
  { block_size: blockSize, accuracy_level }: OperatorAttributes["QuantizedLinear"],
): Value[] {
  const [outWidth, inWidth] = weight!.shape as [number, number];
  const bits = weight!.dtype === "uint4" ? 4 : 8;
  const blocks = inWidth / blockSize;
  return [
    b.matMulNBits(
      x!,
      b.reinterpret(weight!, "uint8", [outWidth, blocks, (blockSize * bits) / 8]),
      b.reinterpret(scales!, "float32", [outWidth * blocks]),
      b.reinterpret(zeroPoints!, "uint8", [(outWidth * blocks * bits) / 8]),
      { K: inWidth, N: outWidth, bits, block_size: blockSize, accuracy_level: accuracy_level ?? 0 },
    ),
  ];
}

/** [..,K] x [N,K]^T + [N] -> [..,N]. */
function gemmOverRows(b: GraphBuilder, x: Value, weight: Value, bias: Value | null): Value {
  const rows = x.shape.slice(0, -1);
  const flat = b.reshape(x, [numElements(rows), x.shape.at(-1)!]);
  return b.reshape(b.gemm(flat, weight, bias, { transB: true }), [...rows, weight.shape[0]!]);
}

type Product = (b: GraphBuilder, x: Value, y: Value, transA: boolean, transB: boolean, alpha: number) => Value;

const fusedProduct: Product = (b, x, y, transA, transB, alpha) => b.fusedMatMul(x, y, { transA, transB, alpha });

const product: Product = (b, x, y, transA, transB, alpha) => {
  if (x.shape.length === 2 && y.shape.length === 2) return b.gemm(x, y, null, { transA, transB, alpha });
  const result = b.matMul(transA ? transposeLastTwo(b, x) : x, transB ? transposeLastTwo(b, y) : y);
  return alpha === 1 ? result : b.mul(result, alpha);
};

function transposeLastTwo(b: GraphBuilder, x: Value): Value {
  const axes = [...x.shape.keys()];
  return b.transpose(x, [...axes.slice(0, -2), ...axes.slice(-2).reverse()]);
}

function attention(
  b: GraphBuilder,
  [q, k, v, mask]: readonly (Value | undefined)[],
  scale: number,
  multiply: Product = fusedProduct,
): Value[] {
  const [batch, heads, rows] = q!.shape as [Dim, Dim, Dim, Dim];
  const [, keyHeads, keys] = k!.shape as [Dim, Dim, Dim, Dim];
  // Query heads that share a key head are rows of one product: keys and values are never repeated.
  const stacked = b.reshape(q!, [batch, keyHeads, -1, q!.shape[3]!]);
  let scores = multiply(b, stacked, k!, false, true, scale);
  const stackedScores = scores.shape;
  if (mask != null) {
    scores = b.reshape(b.add(b.reshape(scores, [batch, heads, rows, keys]), mask), stackedScores);
  }
  const probabilities = b.softmax(scores, -1);
  const y = b.reshape(b.matMul(probabilities, v!), [batch, heads, rows, v!.shape[3]!]);
  return [y, probabilities];
}

function logSoftmax(b: GraphBuilder, x: Value, axis: number): Value {
  const shifted = b.sub(x, b.reduceMax(x, [axis]));
  return b.sub(shifted, b.log(b.reduceSum(b.exp(shifted), [axis])));
}

function rmsNorm(b: GraphBuilder, x: Value, gain: Value, epsilon: number): [normalized: Value, inverse: Value] {
  const inverse = inverseRms(b, x, epsilon);
  return [b.mul(b.mul(x, inverse), gain), inverse];
}

function inverseRms(b: GraphBuilder, x: Value, epsilon: number): Value {
  return b.reciprocal(b.sqrt(b.add(b.reduceMean(b.mul(x, x), [-1]), epsilon)));
}

/** ScatterND with addition, written as ScatterElements over rows: one place is only ever touched by one thread. */
function scatterAdd(b: GraphBuilder, data: Value, indices: Value, updates: Value): Value {
  const depth = indices.shape.at(-1) as number;
  const indexed = data.shape.slice(0, depth);
  const width = numElements(data.shape.slice(depth));
  const numUpdates = numElements(indices.shape.slice(0, -1));
  let rows = b.reshape(indices, [numUpdates, depth]);
  if (depth > 1) {
    const positive = b.where(b.less(rows, 0), b.add(rows, b.lengths(indexed)), rows);
    const strides = indexed.map((_, i) => numElements(indexed.slice(i + 1)));
    rows = b.reduceSum(b.mul(positive, b.lengths(strides)), [1]);
  }
  const sum = b.scatterElements(
    b.reshape(data, [numElements(indexed), width]),
    b.expand(rows, [numUpdates, width]),
    b.reshape(updates, [numUpdates, width]),
    0,
    "add",
  );
  return b.reshape(sum, data.shape);
}

/** The place of every element of `indices` as ScatterND wants it: [..indices, rank]. */
function fullIndices(b: GraphBuilder, indices: Value, axis: number): Value {
  const { shape } = indices;
  const wide = b.cast(indices, "int64");
  const columns = shape.map((dim, i) => {
    if (i === axis) return b.unsqueeze(wide, [shape.length]);
    const count = b.range(0, b.reshape(b.lengths([dim]), []));
    const along = b.reshape(count, [...shape.map((_, j) => (j === i ? dim : 1)), 1]);
    return b.expand(along, [...shape, 1]);
  });
  return b.concat(columns, shape.length);
}

function noStandardForm(node: Node): never {
  throw new GraphError("graph/no-lowering", `${node.opType} has no form in plain ONNX (node ${node.name}).`, {
    where: node.name,
    hint: "Emit the graph with target fused or primitive.",
  });
}
