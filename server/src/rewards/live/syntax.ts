/**
 * The syntax tree of a TypeScript reward file: one way to parse it for everyone who looks at the text, and the few questions all of
 * them ask. Knows no rule and rewrites nothing.
 */
import { parse } from "@babel/parser";
import { RewardError } from "@iad-r1/models/errors";
import type * as t from "@babel/types";

export type SyntaxNode = t.Node;

/**
 * @throws RewardError `reward/syntax` (data: `{line, offset}`, 1-based line, 0-based UTF-16 offset) at the first place that cannot be read
 */
export function parseModule(source: string, file: string): t.File {
  try {
    return parse(source, {
      sourceType: "module",
      plugins: ["typescript", "decorators-legacy", "decoratorAutoAccessors", "explicitResourceManagement"],
    });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { loc, pos } = error as SyntaxError & { loc?: { line: number }; pos?: number };
    const line = loc?.line ?? 1;
    throw new RewardError(
      "reward/syntax",
      `This is not TypeScript that can be read: ${error.message.replace(/\s*\(\d+:\d+\)$/, "")}`,
      {
        hint: "Correct the line; values and findings come back by themselves.",
        where: `${file}:${line}`,
        data: { line, offset: pos ?? 0 },
        cause: error,
      },
    );
  }
}

/** Parts that exist for the type checker or the parser only. */
const notCode = new Set([
  "typeAnnotation",
  "typeParameters",
  "typeArguments",
  "returnType",
  "superTypeParameters",
  "superTypeArguments",
  "implements",
  "predicate",
  "loc",
  "extra",
  "leadingComments",
  "innerComments",
  "trailingComments",
  "errors",
]);

/** The parts of a node that run, in the order of the text; types are left out. */
export function childNodes(node: t.Node): t.Node[] {
  const children: t.Node[] = [];
  let isSorted = true;
  const add = (part: unknown): void => {
    if (!isNode(part)) return;
    if (children.length > 0 && children.at(-1)!.start! > part.start!) isSorted = false;
    children.push(part);
  };
  for (const key in node) {
    const value = node[key as keyof t.Node] as unknown;
    if (typeof value !== "object" || value === null || notCode.has(key)) continue;
    if (Array.isArray(value)) for (const part of value) add(part);
    else add(value);
  }
  return isSorted ? children : children.sort((a, b) => a.start! - b.start!);
}

/** Calls `visit` for the node and everything in it; what stands below a node for which it returns false is left out. */
export function walkTree(node: t.Node, visit: (node: t.Node, ancestors: readonly t.Node[]) => unknown): void {
  const ancestors: t.Node[] = [];
  const step = (current: t.Node): void => {
    if (visit(current, ancestors) === false) return;
    ancestors.push(current);
    for (const child of childNodes(current)) step(child);
    ancestors.pop();
  };
  step(node);
}

/** The expression without `as`, `satisfies`, `!` and type arguments around it. */
export function withoutTypes(node: t.Node): t.Node {
  switch (node.type) {
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSTypeAssertion":
    case "TSInstantiationExpression":
      return withoutTypes(node.expression);
    default:
      return node;
  }
}

export type FunctionNode =
  | t.FunctionDeclaration
  | t.FunctionExpression
  | t.ArrowFunctionExpression
  | t.ObjectMethod
  | t.ClassMethod
  | t.ClassPrivateMethod;

export function isFunctionNode(node: t.Node): node is FunctionNode {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "ObjectMethod":
    case "ClassMethod":
    case "ClassPrivateMethod":
      return true;
    default:
      return false;
  }
}

/** The name of a property or method where it is written as a name or text. */
export function keyName(key: t.Node, computed: boolean): string | null {
  if (key.type === "StringLiteral") return key.value;
  if (key.type === "PrivateName") return `#${key.id.name}`;
  return !computed && key.type === "Identifier" ? key.name : null;
}

/** Where a condition of a statement or an inserted call at the start of a body goes: behind the directives. */
export function bodyStart(body: t.BlockStatement): number {
  const last = body.directives.at(-1);
  return last === undefined ? body.start! + 1 : last.end!;
}

function isNode(value: unknown): value is t.Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}
