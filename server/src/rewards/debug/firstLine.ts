/** Where a debugger stops first: the line of the first statement of a reward function. Reads the text; runs nothing. */
import { TextLines } from "@iad-r1/models/util/textLines";
import { isNode, parseModule, walk } from "../user/babel";
import type { RewardDeclaration } from "../user/program";
import { readPython } from "../user/pythonLines";

/** @returns line from 0 */
export function firstStatementLine(source: string, declaration: RewardDeclaration): number {
  const offset =
    declaration.language === "python" ? firstOfPython(source, declaration) : firstOfScript(source, declaration);
  return new TextLines(source).position(offset).line - 1;
}

function firstOfScript(source: string, { bodySpan: [from, to] }: RewardDeclaration): number {
  for (const statement of parseModule(source).body) {
    for (const node of walk(statement)) {
      if (node.start < from || node.end > to) continue;
      const { body } = node;
      const isFunction = /Function|ObjectMethod|ClassMethod/.test(node.type) && isNode(body);
      if (!isFunction) continue;
      const statements = body.type === "BlockStatement" ? (body.body as { start: number }[]) : [body];
      return statements[0]?.start ?? body.start;
    }
  }
  return from;
}

/** Behind the head of the innermost `def`: a class holds its `__call__`. A docstring is no statement that runs. */
function firstOfPython(source: string, { bodySpan: [from, to], shape }: RewardDeclaration): number {
  const lines = readPython(source).lines.filter(({ start, end }) => start >= from && end <= to);
  const isDef = ({ tokens }: (typeof lines)[number]) => {
    const words = tokens.slice(0, 3).map(({ text }) => text);
    return words.includes("def") && (shape !== "swift-orm" || words.includes("__call__"));
  };
  const head = lines.findIndex(isDef);
  const indent = lines[head]?.indent ?? 0;
  const inside = lines.slice(head + 1).find((line) => {
    const isDocstring = line.tokens.length === 1 && line.tokens[0]!.kind === "text";
    return line.indent > indent && !isDocstring;
  });
  // `def f(x): return 1` has its statement in the head.
  return inside?.start ?? lines[head]?.start ?? from;
}
