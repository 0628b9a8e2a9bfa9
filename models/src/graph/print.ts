/** A graph as text a person can read; one line per node, numbered in order. For eyes and golden files, not for parsing. */
import { evaluateDim } from "./dims";
import { formatShape, formatType } from "./shapes";
import type { Attributes, Constant, Graph, Node, Value } from "./types";

/**
 * ```
 * graph tiny(x: float32[B,4], w: float32[3,4])
 *   # layers.0
 *   %0: float32[B,3] = Linear(x, w)
 *   return loss = %0
 * ```
 */
export function printGraph(graph: Graph): string {
  const names = new Map<Value, string>();
  for (const input of graph.inputs) names.set(input, input.name);
  for (const constant of graph.constants) names.set(constant.value, printConstant(constant));
  const lines = [`graph ${graph.name}(${graph.inputs.map((x) => `${x.name}: ${formatType(x)}`).join(", ")})`];
  for (const { value, data } of graph.constants) {
    if (names.get(value) !== value.name) continue;
    const place = data.kind === "external" ? `${data.file} at ${data.offset}` : "inline";
    lines.push(`  ${value.name}: ${formatType(value)} = constant(${place})`);
  }
  let scope = "";
  for (const node of graph.nodes) {
    if (node.scope !== scope) lines.push(`  # ${node.scope === "" ? "top" : node.scope}`);
    scope = node.scope;
    for (const output of node.outputs)
      if (output !== null) names.set(output, `%${names.size - graph.inputs.length - graph.constants.length}`);
    lines.push(`  ${printNode(node, names)}`);
  }
  const outputs = graph.outputs.map((output) => `${output.name} = ${names.get(output) ?? "?"}`);
  lines.push(`  return ${outputs.join(", ")}`);
  return `${lines.join("\n")}\n`;
}

function printNode(node: Node, names: ReadonlyMap<Value, string>): string {
  const nameOf = (value: Value | null) => (value === null ? "_" : (names.get(value) ?? "?"));
  const outputs = node.outputs.map((output) => (output === null ? "_" : `${nameOf(output)}: ${formatType(output)}`));
  const call = [...node.inputs.map(nameOf), ...printAttributes(node.attributes)].join(", ");
  return `${outputs.join(", ")} = ${node.opType}(${call})`;
}

function printAttributes(attributes: Attributes): string[] {
  return Object.entries(attributes).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (typeof value === "number" || typeof value === "string") return [`${name}=${value}`];
    if (isNumbers(value)) return [`${name}=${formatShape(value)}`];
    return [`${name}=${value.dtype}${formatShape(Array.from<number | bigint>(value.array).map(String))}`];
  });
}

/** Small inline constants by their numbers, others by name. */
function printConstant({ value, data }: Constant): string {
  if (data.kind === "external" || value.shape.length > 1 || data.array.length > 8) return value.name;
  const count = value.shape.reduce<number>((product, dim) => product * evaluateDim(dim, {}), 1);
  if (count !== data.array.length) return value.name;
  const numbers = Array.from<number | bigint>(data.array).map((number) => String(printNumber(number)));
  return value.shape.length === 0 ? numbers[0]! : `[${numbers.join(",")}]`;
}

/** float32 constants without the digits that only double precision has. */
function printNumber(number: number | bigint): string {
  return typeof number === "bigint" || Number.isInteger(number)
    ? String(number)
    : String(Number(number.toPrecision(7)));
}

function isNumbers(value: object): value is readonly number[] {
  return Array.isArray(value);
}
