/** The linear layer, with a low-rank adapter where one is configured. */
import type { Value } from "../graph/types";
import type { Network } from "./parameters";

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
  const { b } = net;
  const inWidth = x.shape.at(-1) as number;
  const weight = net.parameter(`${path}.weight`, [outWidth, inWidth]);
  const y = b.linear(x, weight, bias ? net.parameter(`${path}.bias`, [outWidth]) : null);
  const adapter = net.lowRank(path, inWidth, outWidth);
  if (adapter === null) return y;
  // Scaling the narrow side costs r instead of `out` multiplications per row.
  const narrow = b.mul(b.linear(x, adapter.a), adapter.scale); // [.., r]
  return b.add(y, b.linear(narrow, adapter.b));
}
