/** The one user of Babel's parser in this folder: TypeScript and JavaScript to a tree with UTF-16 offsets. */
import { type ParseResult, parse } from "@babel/parser";

type File = ParseResult;

/** A node of the tree as code that walks it sees it. */
export interface AnyNode {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

export interface ParsedModule {
  body: AnyNode[];
  comments: AnyNode[];
  problems: { message: string; start: number; end: number }[];
}

/** Reads as much as can be read; what cannot is in `problems`. */
export function parseModule(source: string): ParsedModule {
  let file: File;
  try {
    file = parse(source, {
      sourceType: "module",
      errorRecovery: true,
      allowReturnOutsideFunction: true,
      plugins: ["typescript", "decorators", "explicitResourceManagement", "importAttributes"],
    });
  } catch (error) {
    const { message, pos = 0 } = error as SyntaxError & { pos?: number };
    return { body: [], comments: [], problems: [{ message: cleaned(message), start: pos, end: pos + 1 }] };
  }
  return {
    body: file.program.body as unknown as AnyNode[],
    comments: (file.comments ?? []) as unknown as AnyNode[],
    problems: (file.errors ?? []).map((error) => {
      const { message = "This cannot be read.", pos = 0 } = error as unknown as { message?: string; pos?: number };
      return { message: cleaned(message), start: pos, end: pos + 1 };
    }),
  };
}

/** Statements of a text without a fault, with brackets as nodes of their own; null where there is a fault. */
export function parseExactly(source: string, isTyped: boolean): AnyNode[] | null {
  try {
    const { program } = parse(source, {
      ...{ sourceType: "module", createParenthesizedExpressions: isTyped },
      plugins: [...(isTyped ? (["typescript"] as const) : []), "decorators", "explicitResourceManagement"],
    });
    return program.body as unknown as AnyNode[];
  } catch {
    return null;
  }
}

/** Babel writes line and column behind its messages. */
function cleaned(message: string): string {
  return message.replace(/\s*\(\d+:\d+\)$/, "");
}

export function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as AnyNode).type === "string";
}

/** Every node below and including `node`, outer before inner. */
export function* walk(node: AnyNode): Generator<AnyNode> {
  const stack = [node];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    yield next;
    const children: AnyNode[] = [];
    for (const [key, value] of Object.entries(next)) {
      if (key === "loc" || key.endsWith("Comments") || key === "errors") continue;
      if (Array.isArray(value)) children.push(...value.filter(isNode));
      else if (isNode(value)) children.push(value);
    }
    stack.push(...children.reverse());
  }
}

/** Without `as`, `satisfies`, `!`, brackets and type assertions around it. */
export function unwrapped(node: AnyNode): AnyNode {
  let inner = node;
  while (
    [
      "TSAsExpression",
      "TSSatisfiesExpression",
      "TSNonNullExpression",
      "TSTypeAssertion",
      "ParenthesizedExpression",
    ].includes(inner.type)
  ) {
    inner = inner.expression as AnyNode;
  }
  return inner;
}
