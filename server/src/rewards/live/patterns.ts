/**
 * Which calls of a TypeScript file match a regular expression, with which pattern and on which text. Patterns are followed to a constant
 * with one literal; what is put together while running stays unknown.
 */
import type * as t from "@babel/types";
import type { SitePattern } from "../user/recording";
import { walkTree, withoutTypes } from "./syntax";

/** `re.test(text)`, `text.match(re)` and the like. */
export interface PatternCall {
  pattern: SitePattern;
  method: "test" | "exec" | "match" | "search" | "matchAll" | "replace" | "replaceAll" | "split";
  /** The expression whose value is matched. */
  subject: t.Node;
}

/** Constants of a file that hold a regular expression, by name; a name that is bound twice is left out. */
export type PatternConstants = ReadonlyMap<string, SitePattern>;

export function findPatternConstants(file: t.File): PatternConstants {
  const found = new Map<string, SitePattern>();
  const bound = new Map<string, number>();
  const count = (name: string) => bound.set(name, (bound.get(name) ?? 0) + 1);
  walkTree(file.program, (node) => {
    if (node.type === "VariableDeclarator" && node.id.type === "Identifier") {
      count(node.id.name);
      const pattern = node.init ? literalPattern(node.init) : null;
      if (pattern !== null) found.set(node.id.name, pattern);
    } else if (node.type === "AssignmentExpression" && node.left.type === "Identifier") {
      count(node.left.name);
    } else if ("params" in node && Array.isArray(node.params)) {
      for (const param of node.params) if (param.type === "Identifier") count(param.name);
    }
  });
  for (const [name, times] of bound) if (times > 1) found.delete(name);
  return found;
}

export function patternCall(
  call: t.CallExpression | t.OptionalCallExpression,
  constants: PatternConstants,
): PatternCall | null {
  const { callee } = call;
  if (callee.type !== "MemberExpression" && callee.type !== "OptionalMemberExpression") return null;
  if (callee.computed || callee.property.type !== "Identifier" || callee.object.type === "Super") return null;
  const method = callee.property.name;
  const argument = call.arguments[0];
  if (argument === undefined || argument.type === "SpreadElement" || argument.type === "ArgumentPlaceholder")
    return null;
  if (method === "test" || method === "exec") {
    const pattern = patternOf(callee.object, constants);
    return pattern === null ? null : { pattern, method, subject: argument };
  }
  switch (method) {
    case "match":
    case "search":
    case "matchAll":
    case "replace":
    case "replaceAll":
    case "split": {
      const pattern = patternOf(argument, constants);
      return pattern === null ? null : { pattern, method, subject: callee.object };
    }
    default:
      return null;
  }
}

/** The pattern that an expression stands for: a literal, `new RegExp("…", "…")`, or a constant that holds one. */
function patternOf(expression: t.Node, constants: PatternConstants): SitePattern | null {
  const node = withoutTypes(expression);
  if (node.type === "Identifier") return constants.get(node.name) ?? null;
  return literalPattern(node);
}

export function literalPattern(expression: t.Node): SitePattern | null {
  const node = withoutTypes(expression);
  if (node.type === "RegExpLiteral") {
    return { pattern: node.pattern, flags: node.flags, start: node.start!, end: node.end!, anchor: "search" };
  }
  if ((node.type === "NewExpression" || node.type === "CallExpression") && node.callee.type === "Identifier") {
    if (node.callee.name !== "RegExp") return null;
    const [pattern, flags] = node.arguments.map(plainText);
    if (typeof pattern !== "string" || flags === null) return null;
    return { pattern, flags: flags ?? "", start: node.start!, end: node.end!, anchor: "search" };
  }
  return null;
}

function plainText(node: t.Node): string | null {
  if (node.type === "StringLiteral") return node.value;
  if (node.type === "TemplateLiteral" && node.expressions.length === 0) return node.quasis[0]!.value.cooked ?? null;
  if (
    node.type === "TaggedTemplateExpression" &&
    node.quasi.expressions.length === 0 &&
    node.tag.type === "MemberExpression" &&
    node.tag.object.type === "Identifier" &&
    node.tag.object.name === "String" &&
    node.tag.property.type === "Identifier" &&
    node.tag.property.name === "raw"
  ) {
    return node.quasi.quasis[0]!.value.raw;
  }
  return null;
}
