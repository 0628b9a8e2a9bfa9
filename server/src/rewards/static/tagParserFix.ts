/**
 * The quick fix that reads an element with the tag parser of "iad-r1/reward" instead of a pattern of its own, for TypeScript rewards: where a
 * pattern is about one element of the answer grammar and the code asks only whether it is there and what is in it. Anything else keeps its
 * pattern; a fix that changes what code means beyond reading with more care would be none.
 */
import type * as t from "@babel/types";
import { type SyntaxNode, parseModule, walkTree, withoutTypes } from "../live/syntax";
import type { FindingEdit, FindingFix } from "../analysis/finding";
import type { PatternFact } from "./facts";
import { type PatternNode, patternNodes } from "./patternTree";

const apiName = "iad-r1/reward";

/** What the parser calls the body of an element. */
const fields: Readonly<Record<string, string>> = {
  ...{ think: "think", location: "location", type: "type", description: "description", answer: "answerText" },
};

/** @returns null where the pattern, or what the code does with it, is not that simple */
export function tagParserFix(source: string, file: string, fact: PatternFact, root: PatternNode): FindingFix | null {
  const name = singleElement(root);
  const field = name === null ? undefined : fields[name];
  if (name === null || field === undefined) return null;
  const { program } = parseModule(source, file);
  const found = callAt(program, fact);
  if (found === null) return null;
  const api = apiImport(program);
  const read = `${api.name}(${source.slice(found.subject.start!, found.subject.end!)}).${field}`;
  const edits = editsFor(found, read);
  return edits === null ? null : { title: `Read <${name}> with the tag parser`, edits: [...api.edits, ...edits] };
}

/** `<name>…</name>` with nothing around it but anchors and white space: its name. */
function singleElement(root: PatternNode): string | null {
  const nodes = [...patternNodes(root)];
  if (nodes.some(({ kind }) => kind === "choice" || kind === "look" || kind === "back")) return null;
  const groups = nodes.filter((node) => node.kind === "group" && node.capturing);
  if (groups.length > 1) return null;
  const text = writtenText(root);
  return /^<(\w+)>\0+<\/\1>$/.exec(text)?.[1] ?? null;
}

/** Characters as they are, repeats as NUL; white space and edges left out. */
function writtenText(node: PatternNode): string {
  switch (node.kind) {
    case "sequence":
      return node.items.map(writtenText).join("");
    case "group":
      return writtenText(node.item);
    case "char":
      return node.char;
    case "edge":
      return "";
    case "repeat":
      return node.item.kind === "set" && node.item.js === "\\s" ? "" : "\0";
    default:
      return "\u0001";
  }
}

interface Found {
  call: t.Node;
  method: "test" | "exec" | "match";
  subject: t.Node;
  /** From the innermost outwards. */
  around: readonly t.Node[];
}

function callAt(program: t.Program, { start, end, method }: PatternFact): Found | null {
  let found: Found | null = null;
  walkTree(program, (node, ancestors) => {
    const isCall = node.type === "CallExpression" && node.start === start && node.end === end;
    if (!isCall || node.callee.type !== "MemberExpression") return;
    const [argument] = node.arguments;
    const around = [...ancestors].reverse();
    if (method === "match") found = { call: node, method, subject: node.callee.object, around };
    else if ((method === "test" || method === "exec") && argument !== undefined) {
      found = { call: node, method, subject: argument, around };
    }
  });
  return found;
}

function editsFor({ call, method, around }: Found, read: string): FindingEdit[] | null {
  if (method === "test") return [replaced(call, `(${read} !== null)`)];
  // Brackets and assertions say nothing.
  let at = 0;
  let whole: t.Node = call;
  while (around[at] !== undefined && around[at] !== whole && withoutTypes(around[at]!) === withoutTypes(call))
    whole = around[at++]!;
  const parent = around[at];
  if (parent !== undefined && isBody(parent, call)) return [replaced(parent, `(${read} ?? undefined)`)];
  if (parent?.type !== "VariableDeclarator" || parent.id.type !== "Identifier" || parent.init !== whole) return null;
  const scope = around.find(({ type }) => /Function|ObjectMethod|ClassMethod|Program/.test(type))!;
  const uses = usesOf(scope, parent.id);
  return uses === null ? null : [replaced(parent.init, read), ...uses];
}

/** `value[1]`, `value?.[1]`, also behind `!`. */
function isBody(node: t.Node, value: t.Node): boolean {
  if (node.type !== "MemberExpression" && node.type !== "OptionalMemberExpression") return false;
  const isFirst = node.computed && node.property.type === "NumericLiteral" && node.property.value === 1;
  return isFirst && withoutTypes(node.object) === withoutTypes(value);
}

/** What to write for each use of the variable that holds the match; null where one of them wants more than the body. */
function usesOf(scope: t.Node, id: t.Identifier): FindingEdit[] | null {
  const edits: FindingEdit[] = [];
  let isSimple = true;
  walkTree(scope, (node, ancestors) => {
    if (node.type !== "Identifier" || node.name !== id.name || node === id) return;
    const around = [...ancestors].reverse();
    const outer = around.findIndex((one) => withoutTypes(one) !== node);
    const parent = around[outer];
    const name = parent?.type === "MemberExpression" || parent?.type === "OptionalMemberExpression" ? parent : null;
    // Another thing of that name: a property.
    if (name !== null && !name.computed && name.property === node) return;
    if (parent !== undefined && isBody(parent, node)) edits.push(replaced(parent, id.name));
    else if (parent === undefined || !asksWhetherNull(parent)) isSimple = false;
  });
  return isSimple ? edits : null;
}

function asksWhetherNull(node: t.Node): boolean {
  if (node.type !== "BinaryExpression") return false;
  const isNull = [node.left, node.right].some((side) => side.type === "NullLiteral");
  return isNull && /^[!=]==?$/.test(node.operator);
}

/** What the parser is called in this file, and how to import it where it is not. */
function apiImport({ body }: t.Program): { name: string; edits: FindingEdit[] } {
  for (const statement of body) {
    if (statement.type !== "ImportDeclaration" || statement.source.value !== apiName) continue;
    if (statement.importKind === "type") continue;
    for (const specifier of statement.specifiers) {
      if (specifier.type === "ImportNamespaceSpecifier")
        return { name: `${specifier.local.name}.parseTags`, edits: [] };
      const imported = specifier.type === "ImportSpecifier" ? specifier.imported : null;
      if (imported?.type === "Identifier" && imported.name === "parseTags")
        return { name: specifier.local.name, edits: [] };
    }
    const last = statement.specifiers.filter(({ type }) => type === "ImportSpecifier").at(-1);
    if (last !== undefined) {
      return { name: "parseTags", edits: [{ start: last.end!, end: last.end!, text: ", parseTags" }] };
    }
  }
  const at = body[0]?.start ?? 0;
  return { name: "parseTags", edits: [{ start: at, end: at, text: `import { parseTags } from "${apiName}";\n` }] };
}

function replaced({ start, end }: SyntaxNode, text: string): FindingEdit {
  return { start: start!, end: end!, text };
}
