/** The linear layer, with a low-rank adapter where one is configured. */
import type { GraphBuilder } from "../graph/builder";
import { mulDims } from "../graph/dims";
import type { Dim, Value } from "../graph/types";
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
  const outputs = layers.map(({ path, outWidth }) => {
    const added = bias ? net.parameter(`${path}.bias`, [outWidth]) : null;
    return net.product(x, `${path}.weight`, [outWidth, inWidth], added);
  });
  const adapters = layers.map(({ path, outWidth }) => net.lowRank(path, inWidth, outWidth));
  const present = adapters.filter((adapter) => adapter !== null);
  if (present.length === 0) return outputs;
  const narrow = narrowed(b, x, present);
  return outputs.map((y, i) => {
    const adapter = adapters[i]!;
    return adapter === null ? y : addProduct(b, y, narrow[present.indexOf(adapter)]!, adapter.b);
  });
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
  return b.reshape(x, [x.shape.slice(0, -1).reduce<Dim>(mulDims, 1), x.shape.at(-1)!]);
}
