/** The two-layer projector between a vision tower and a language model (LLaVA 1.5, 1.6 and OneVision): exact-erf GELU. */
import type { Value } from "../graph/types";
import { linear, linearShapes } from "./linear";
import type { Network } from "./parameters";

export function projectorShapes(
  path: string,
  inWidth: number,
  outWidth: number,
  bias: boolean,
): [path: string, shape: number[]][] {
  return [
    ...linearShapes(`${path}.linear_1`, inWidth, outWidth, bias),
    ...linearShapes(`${path}.linear_2`, outWidth, outWidth, bias),
  ];
}

/** x [.., in] -> [.., out]. */
export function projector(net: Network, path: string, x: Value, outWidth: number, bias: boolean): Value {
  return net.b.scope(path, () => {
    const hidden = net.b.gelu(linear(net, `${path}.linear_1`, x, outWidth, bias), "none");
    return linear(net, `${path}.linear_2`, hidden, outWidth, bias);
  });
}
