/** CommonJS by its syntax: what a file gives with `module.exports` and `exports.name`, and what it takes with `require`. */
import { type AnyNode, isNode, unwrapped, walk } from "./babel";

/** Neither `import` nor `export` at the top, but `require`, `exports` or `module.exports`: what Node would run as CommonJS. */
export function isCommonJs(body: readonly AnyNode[]): boolean {
  if (body.some(({ type }) => /^(Import|Export)/.test(type))) return false;
  return body.some((statement) => {
    for (const node of walk(statement)) if (requiredBy(node) !== null || isExports(node)) return true;
    return false;
  });
}

/** What `require("…")` asks for; null for any other node. */
export function requiredBy(node: AnyNode): string | null {
  if (node.type !== "CallExpression" || !isNamed(node.callee, "require")) return null;
  const [argument] = node.arguments as AnyNode[];
  return argument?.type === "StringLiteral" ? String(argument.value) : null;
}

export interface CommonExport {
  /** "default" for all of `module.exports`. */
  name: string;
  value: AnyNode;
  nameNode: AnyNode | null;
  /** Where a comment about it would stand above. */
  statement: AnyNode;
}

/** `exports.a = …`, `module.exports.a = …`, `module.exports = { a, b: …, c() {} }` and `module.exports = …`, at the top level. */
export function commonExports(body: readonly AnyNode[]): CommonExport[] {
  const found: CommonExport[] = [];
  for (const statement of body) {
    if (statement.type !== "ExpressionStatement") continue;
    let assignment = statement.expression as AnyNode;
    const targets: AnyNode[] = [];
    while (assignment.type === "AssignmentExpression" && assignment.operator === "=") {
      targets.push(unwrapped(assignment.left as AnyNode));
      assignment = unwrapped(assignment.right as AnyNode);
    }
    const value = assignment;
    const isWhole = targets.some(isWholeExports);
    // One value with several names is one reward.
    const target = targets.find((one) => isMember(one) && isExports(one.object) && memberName(one) !== null);
    // What compilers write first: `exports.a = void 0`.
    if (target !== undefined && value.type !== "UnaryExpression") {
      found.push({ name: memberName(target)!, value, nameNode: target.property as AnyNode, statement });
    }
    if (!isWhole) continue;
    if (value.type !== "ObjectExpression") found.push({ name: "default", value, nameNode: null, statement });
    else found.push(...propertiesOf(value));
  }
  // The last assignment to a name is what others get.
  return found.filter(({ name }, i) => !found.some((other, j) => j > i && other.name === name));
}

function propertiesOf(object: AnyNode): CommonExport[] {
  return (object.properties as AnyNode[]).flatMap((property) => {
    const { key } = property;
    if (property.computed === true || !isNode(key) || property.type === "SpreadElement") return [];
    const name = typeof key.name === "string" ? key.name : key.type === "StringLiteral" ? String(key.value) : null;
    const value = property.type === "ObjectMethod" ? property : property.value;
    return name === null || !isNode(value) ? [] : [{ name, value, nameNode: key, statement: property }];
  });
}

function isExports(node: unknown): boolean {
  return isNamed(node, "exports") || isWholeExports(node);
}

function isWholeExports(node: unknown): boolean {
  return isMember(node) && isNamed(node.object, "module") && memberName(node) === "exports";
}

function isMember(node: unknown): node is AnyNode {
  return isNode(node) && node.type === "MemberExpression";
}

function memberName(node: AnyNode): string | null {
  const { name, value } = node.property as { name?: unknown; value?: unknown };
  if (node.computed !== true && typeof name === "string") return name;
  return node.computed === true && typeof value === "string" ? value : null;
}

function isNamed(node: unknown, name: string): boolean {
  return isNode(node) && node.type === "Identifier" && node.name === name;
}
