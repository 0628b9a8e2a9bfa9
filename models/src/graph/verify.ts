/** Checks a finished graph: order, names, types, nothing dead. It changes nothing and checks no numbers. */
import { GraphError } from "../errors";
import { evaluateDim } from "./dims";
import { formatType, sizeBytes } from "./shapes";
import type { Dim, Graph, InferContext, Node, OperatorSignature, TensorType, Value } from "./types";

/** Returns everything that is wrong, as sentences; an empty list is a sound graph. */
export function findProblems(graph: Graph): string[] {
  const problems: string[] = [];
  const defined = new Set<Value>();
  const valueNames = new Set<string>();
  const nodeNames = new Set<string>();
  const used = new Set<Value>(graph.outputs);
  for (const node of graph.nodes) for (const input of node.inputs) if (input !== null) used.add(input);

  const define = (value: Value, where: string) => {
    if (defined.has(value)) problems.push(`${value.name} is defined twice (${where}).`);
    else if (valueNames.has(value.name)) problems.push(`Two values are named "${value.name}" (${where}).`);
    defined.add(value);
    valueNames.add(value.name);
  };

  for (const input of graph.inputs) define(input, "graph input");
  for (const constant of graph.constants) {
    define(constant.value, "constant");
    const problem = constantProblem(
      constant.value,
      constant.data.kind === "inline" ? constant.data.array.byteLength : constant.data.length,
    );
    if (problem !== undefined) problems.push(problem);
    if (!used.has(constant.value)) problems.push(`The constant ${constant.value.name} is never read.`);
  }
  for (const node of graph.nodes) {
    if (nodeNames.has(node.name)) problems.push(`Two nodes are named "${node.name}".`);
    nodeNames.add(node.name);
    for (const input of node.inputs) {
      if (input !== null && !defined.has(input))
        problems.push(`${node.name} reads ${input.name} before it is defined.`);
    }
    for (const output of node.outputs) if (output !== null) define(output, `node ${node.name}`);
    if (!node.outputs.some((output) => output !== null && used.has(output))) {
      problems.push(`${node.name} is dead: nothing reads what it computes.`);
    }
    problems.push(...typeProblems(graph, node));
  }
  for (const output of graph.outputs) {
    if (!defined.has(output)) problems.push(`The output ${output.name} is computed nowhere.`);
  }
  return problems;
}

/** @throws GraphError `graph/invalid` listing what `findProblems` finds */
export function verify(graph: Graph): void {
  const problems = findProblems(graph);
  if (problems.length === 0) return;
  throw new GraphError("graph/invalid", `The graph ${graph.name} is not sound: ${problems.slice(0, 20).join(" ")}`, {
    data: { problems },
  });
}

function constantProblem({ name, dtype, shape }: Value, found: number): string | undefined {
  if (shape.some((dim) => typeof dim !== "number")) return `The constant ${name} has a symbolic shape.`;
  const expected = sizeBytes(
    dtype,
    shape.reduce<number>((count, dim) => count * evaluateDim(dim, {}), 1),
  );
  return found === expected ? undefined : `The constant ${name} needs ${expected} bytes and has ${found}.`;
}

const unknown = "unknown";

/** Runs the shape rule again and compares. */
function typeProblems(graph: Graph, node: Node): string[] {
  const signature = graph.operatorSet[node.opType] as OperatorSignature;
  const context: InferContext = {
    inputs: node.inputs,
    attributes: node.attributes,
    fail: (expected) => {
      throw new GraphError("graph/shape", `${node.opType}: ${expected} (node ${node.name}).`);
    },
    unknownDim: () => unknown,
  };
  let types: readonly TensorType[];
  try {
    types = signature.infer(context);
  } catch (error) {
    if (GraphError.is(error)) return [error.message];
    throw error;
  }
  return node.outputs.flatMap((output, i) => {
    const expected = types[i];
    if (output === null) return [];
    if (expected !== undefined && agrees(output, expected)) return [];
    return [
      `${node.name} should give ${expected === undefined ? "nothing" : formatType(expected)} as output ${i}, not ${formatType(output)}.`,
    ];
  });
}

/** Where the rule knows nothing of a length, the builder may have known more. */
function agrees(found: TensorType, expected: TensorType): boolean {
  const sameDim = (a: Dim, b: Dim | undefined) =>
    a === b || (typeof b === "string" && b.includes(unknown)) || (typeof a === "string" && /\b_[ue]\d+\b/.test(a));
  return (
    found.dtype === expected.dtype &&
    found.shape.length === expected.shape.length &&
    found.shape.every((dim, i) => sameDim(dim, expected.shape[i]))
  );
}
