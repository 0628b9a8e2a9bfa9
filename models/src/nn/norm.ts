/** The two normalisations with their parameters. */
import type { Value } from "../graph/types";
import type { Network } from "./parameters";

export function layerNormShapes(path: string, width: number): [path: string, shape: number[]][] {
  return [
    [`${path}.weight`, [width]],
    [`${path}.bias`, [width]],
  ];
}

/** Mean 0, variance 1 over the last axis, then gain and bias. */
export function layerNorm(net: Network, path: string, x: Value, epsilon: number): Value {
  const shape = [x.shape.at(-1) as number];
  const gain = net.parameter(`${path}.weight`, shape);
  return net.b.layerNormalization(x, gain, net.parameter(`${path}.bias`, shape), epsilon);
}

/** Root mean square 1 over the last axis, then gain. */
export function rmsNorm(net: Network, path: string, x: Value, epsilon: number): Value {
  const gain = net.parameter(`${path}.weight`, [x.shape.at(-1) as number]);
  return net.b.simplifiedLayerNormalization(x, gain, epsilon);
}
