/** Removes what no output needs: dead nodes, unread optional outputs of live nodes, unread constants. Graph inputs stay. */
import type { Graph, Node, OperatorSet, Value } from "./types";

export function prune(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs);
  const live: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => output !== null && needed.has(output))) continue;
    live.push(node);
    for (const input of node.inputs) if (input !== null) needed.add(input);
  }
  const nodes = live.reverse().map((node) => withoutUnread(node, needed, graph.operatorSet));
  const constants = graph.constants.filter(({ value }) => needed.has(value));
  return { ...graph, nodes, constants };
}

function withoutUnread(node: Node, needed: ReadonlySet<Value>, operatorSet: OperatorSet): Node {
  const names = operatorSet[node.opType].outputs;
  const outputs = node.outputs.map((output, i) => {
    const isOptional = names[i]?.endsWith("?") === true;
    return isOptional && output !== null && !needed.has(output) ? null : output;
  });
  while (outputs.at(-1) === null) outputs.pop();
  return { ...node, outputs };
}
