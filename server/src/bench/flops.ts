/** Floating point operations of a graph's matrix products, read from its shapes. Everything else counts nothing. */
import { evaluateDim, mulDims } from "@iad-r1/models/graph/dims";
import type { Dim, Graph, Node } from "@iad-r1/models/graph/types";

/**
 * Two operations per multiply-add of MatMul, FusedMatMul, Gemm, Linear, Conv-free products and Attention, as often as the graph
 * does them: what is computed again in the backward pass counts again.
 *
 * @param lengths values of the graph's named lengths
 * @throws GraphError `graph/unbound-length` when a length is missing
 */
export function matrixFlops(graph: Graph, lengths: Readonly<Record<string, number>>): number {
  let total = 0;
  for (const node of graph.nodes) total += nodeFlops(node, lengths);
  return total;
}

function nodeFlops(node: Node, lengths: Readonly<Record<string, number>>): number {
  const inner = innerExtent(node);
  if (inner === undefined) return 0;
  const elements = node.outputs[0]!.shape.reduce<Dim>(mulDims, 1);
  return 2 * evaluateDim(elements, lengths) * evaluateDim(inner, lengths);
}

/** The extent that is summed over for each element of the first output; undefined for what is no matrix product. */
function innerExtent({ opType, attributes, inputs }: Node): Dim | undefined {
  const left = inputs[0]?.shape;
  switch (opType) {
    case "MatMul":
    case "Linear":
      return left!.at(-1)!;
    case "FusedMatMul":
    case "Gemm":
      return (attributes as { transA?: number }).transA === 1 ? left!.at(-2)! : left!.at(-1)!;
    case "Attention":
      // q k^T and p v: for each element of the output, its head width is summed for each key, and then the keys.
      return mulDims(2, inputs[1]!.shape[2]!);
    default:
      return undefined;
  }
}
