/** From patches of views to the rows that replace image tokens, by a plan that the host made. */
import type { Value } from "../graph/types";
import type { Network } from "./parameters";

/**
 * patches [S*P,C] -> rows [N,C]. The table is all patches in order, then `newline` [C] as its last row where the architecture has
 * one. Each packed row is a weighted sum of K rows of the table: one, unless a mosaic was shrunk, which interpolates between four
 * neighbours. Inputs: pack_index int64 [K,N] and pack_weight [K,N].
 */
export function packRows(net: Network, patches: Value, newline: () => Value | null): Value {
  const { b } = net;
  return b.scope("pack", () => {
    const index = b.input("pack_index", "int64", ["K", "N"]);
    const weight = b.input("pack_weight", "float32", ["K", "N"]);
    const last = newline();
    const width = patches.shape[1]!;
    const table = last === null ? patches : b.concat([patches, b.reshape(last, [1, width])], 0); // [S*P + 1, C]
    const taps = b.mul(b.gather(table, index), b.unsqueeze(weight, [2])); // [K,N,C]
    return b.reduceSum(taps, [0], { keepDims: false });
  });
}
