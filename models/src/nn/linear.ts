/**
 * The linear layer, with a low-rank adapter where one is configured: y = x W^T + s (x A^T) B^T. Where there are many rows and few weights, the
 * weights are changed instead, y = x (W + s B A)^T, which spares two passes over the rows; derivatives by A and B stay narrow products.
 */
import type { GraphBuilder } from "../graph/builder";
import { numElements } from "../graph/dims";
import type { Value } from "../graph/types";
import type { LowRank, Network } from "./parameters";

/** Parameter shapes of a linear, as entries of ParameterShapes. */
export function linearShapes(
  path: string,
  inWidth: number,
  outWidth: number,
  bias: boolean,
): [path: string, shape: number[]][] {
  const weight: [string, number[]] = [`${path}.weight`, [outWidth, inWidth]];
  return bias ? [weight, [`${path}.bias`, [outWidth]]] : [weight];
}

/** x [.., in] -> [.., out]. */
export function linear(net: Network, path: string, x: Value, outWidth: number, bias: boolean): Value {
  return linears(net, x, [{ path, outWidth }], bias)[0]!;
}

/** Several linears of one input x [.., in] -> [.., out] each. Their adapters read it together. */
export function linears(
  net: Network,
  x: Value,
  layers: readonly { path: string; outWidth: number }[],
  bias: boolean,
): Value[] {
  const { b } = net;
  const inWidth = x.shape.at(-1) as number;
  const adapters = layers.map(({ path, outWidth }) => net.lowRank(path, inWidth, outWidth));
  const present = adapters.filter((adapter) => adapter !== null);
  const folds = layers.map(({ path, outWidth }) => net.foldsAdapter(`${path}.weight`, [outWidth, inWidth]));
  // Linears of one input fold together or not at all, so that their adapters read one input.
  const folded = present.length > 0 && adapters.every((adapter, i) => adapter === null || folds[i]);
  const outputs = layers.map(({ path, outWidth }, i) => {
    const added = bias ? net.parameter(`${path}.bias`, [outWidth]) : null;
    const [weight, adapter] = [`${path}.weight`, adapters[i]!];
    if (!folded || adapter === null) return net.product(x, weight, [outWidth, inWidth], added);
    return b.linear(x, fold(b, net.parameter(weight, [outWidth, inWidth]), adapter), added);
  });
  if (present.length === 0) return outputs;
  // Through folded weights x has all of its gradient already.
  const narrow = narrowed(b, folded ? b.straightThrough(x) : x, present);
  return outputs.map((y, i) => {
    const adapter = adapters[i]!;
    if (adapter === null) return y;
    const sum = addProduct(b, y, narrow[present.indexOf(adapter)]!, adapter.b);
    return folded ? b.straightThrough(y, sum) : sum;
  });
}

/** W + scale * B A [out, in]; derivatives reach W alone. */
function fold(b: GraphBuilder, weight: Value, adapter: LowRank): Value {
  return b.straightThrough(b.gemm(b.mul(adapter.b, adapter.scale), adapter.a, weight), weight);
}

/** scale * x A^T [rows, r] for each adapter, in one product. */
function narrowed(b: GraphBuilder, x: Value, adapters: readonly LowRank[]): Value[] {
  const rows = flat(b, x);
  const ranks = adapters.map(({ a }) => a.shape[0] as number);
  const all = b.linear(
    rows,
    b.concat(
      adapters.map(({ a }) => a),
      0,
    ),
  );
  // Scaling the narrow side costs r instead of `out` multiplications per row.
  if (adapters.every(({ scale }) => scale === adapters[0]!.scale)) {
    return pieces(b, b.mul(all, adapters[0]!.scale), ranks);
  }
  return pieces(b, all, ranks).map((piece, i) => b.mul(piece, adapters[i]!.scale));
}

function pieces(b: GraphBuilder, x: Value, widths: readonly number[]): Value[] {
  return widths.length === 1 ? [x] : b.split(x, widths, 1);
}

/** y [.., out] + narrow [rows, r] times weight [out, r]^T: the product is added while it is written. */
function addProduct(b: GraphBuilder, y: Value, narrow: Value, weight: Value): Value {
  return b.reshape(b.gemm(narrow, weight, flat(b, y), { transB: true }), y.shape);
}

function flat(b: GraphBuilder, x: Value): Value {
  return b.reshape(x, [numElements(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}
