/**
 * The quick fix that reads an element with a tag parser instead of a pattern: in TypeScript `parseTags` of "iad-r1/reward", in Python
 * `read_tags`, a function that is written into the file, so that it goes on working where nothing of ours is installed. Offered where a pattern
 * is about one element of the answer grammar and the code asks only whether it is there and what is in it. Anything else keeps its
 * pattern; a fix that changes what code means beyond reading with more care would be none.
 */
import type * as t from "@babel/types";
import { type SyntaxNode, parseModule, walkTree, withoutTypes } from "../live/syntax";
import type { FindingEdit, FindingFix } from "../analysis/finding";
import type { RewardProgram } from "../user/program";
import type { PatternFact, RewardFacts } from "./facts";
import { type PatternNode, patternNodes } from "./patternTree";

const apiName = "iad-r1/reward";

/** What the parser calls the body of an element. */
const fields: Readonly<Record<string, string>> = {
  ...{ think: "think", location: "location", type: "type", description: "description", answer: "answerText" },
};

/**
 * @param uses every place that uses the pattern, not where it is made
 * @returns null where the pattern, or what the code does with it, is not that simple
 */
export function tagParserFix(
  { source, file, language }: RewardProgram,
  { tagParser }: Pick<RewardFacts, "tagParser">,
  uses: readonly PatternFact[],
  root: PatternNode,
): FindingFix | null {
  const name = singleElement(root);
  const field = name === null ? undefined : fields[name];
  if (name === null || field === undefined || uses.length === 0) return null;
  const edits =
    language === "python" ? pythonEdits(source, tagParser, uses, name) : typescriptEdits(source, file, uses, field);
  return edits === null ? null : { title: `Read <${name}> with the tag parser`, edits };
}

function pythonEdits(
  source: string,
  parser: RewardFacts["tagParser"],
  uses: readonly PatternFact[],
  name: string,
): FindingEdit[] | null {
  if (parser === undefined) return null;
  const edits = uses.map(({ tagRead }) => {
    if (tagRead === undefined || tagRead === null) return null;
    const read = `${parser.name}(${source.slice(...tagRead.subject)}).get("${name}")`;
    return tagRead.edits.map(({ text, ...place }) => ({ ...place, text: text.replaceAll("\0", () => read) }));
  });
  const { at, text } = parser;
  const written = text === "" ? [] : [{ start: at, end: at, text }];
  return edits.some((one) => one === null) ? null : [...written, ...edits.flatMap((one) => one ?? [])];
}

function typescriptEdits(
  source: string,
  file: string,
  uses: readonly PatternFact[],
  field: string,
): FindingEdit[] | null {
  const { program } = parseModule(source, file);
  const api = apiImport(program);
  const edits = uses.map((use) => {
    const found = callAt(program, use);
    // With the flag g, `match` gives all matches and `[1]` is the second of them; with g or y, calls go on where the last one stopped.
    if (found === null || /[gy]/.test(use.pattern.flags)) return null;
    return editsFor(found, `${api.name}(${source.slice(found.subject.start!, found.subject.end!)}).${field}`);
  });
  return edits.some((one) => one === null) ? null : [...api.edits, ...edits.flatMap((one) => one ?? [])];
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
  const { whole, above } = withoutBrackets(call, around);
  const [parent] = above;
  if (parent !== undefined && isBody(parent, call)) return [replaced(parent, `(${read} ?? undefined)`)];
  const asked = truthEdit(call, above, read);
  if (asked !== null) return [asked];
  if (parent?.type !== "VariableDeclarator" || parent.id.type !== "Identifier" || parent.init !== whole) return null;
  const scope = around.find(({ type }) => /Function|ObjectMethod|ClassMethod|Program/.test(type))!;
  const uses = usesOf(scope, parent.id);
  return uses === null ? null : [replaced(parent.init, read), ...uses];
}

/** Brackets and assertions around a node say nothing: the outermost of them, and what stands above it, innermost first. */
function withoutBrackets(node: t.Node, around: readonly t.Node[]): { whole: t.Node; above: readonly t.Node[] } {
  let at = 0;
  while (around[at] !== undefined && withoutTypes(around[at]!) === withoutTypes(node)) at++;
  return { whole: around[at - 1] ?? node, above: around.slice(at) };
}

/** `value[1]`, `value?.[1]`, also behind `!`. */
function isBody(node: t.Node, value: t.Node): boolean {
  if (node.type !== "MemberExpression" && node.type !== "OptionalMemberExpression") return false;
  const isFirst = node.computed && node.property.type === "NumericLiteral" && node.property.value === 1;
  return isFirst && withoutTypes(node.object) === withoutTypes(value);
}

/**
 * `if (match)`, `!match`, `match ? … : …`, `Boolean(match)`: asks the same of a body, which may be empty; null for anything else.
 *
 * @param above what stands around it, without brackets and assertions, innermost first
 */
function truthEdit(node: t.Node, above: readonly t.Node[], text: string): FindingEdit | null {
  const [parent] = above;
  if (parent?.type === "UnaryExpression" && parent.operator === "!") {
    const isTest = isTruth(parent, above.slice(1));
    return replaced(parent, isTest ? `${text} === null` : `(${text} === null)`);
  }
  if (parent?.type === "CallExpression" && parent.callee.type === "Identifier" && parent.callee.name === "Boolean")
    return parent.arguments.length === 1 ? replaced(parent, `(${text} !== null)`) : null;
  return isTruth(node, above) ? replaced(node, `${text} !== null`) : null;
}

/** Only whether it is true matters here. */
function isTruth(node: t.Node, [parent, ...above]: readonly t.Node[]): boolean {
  switch (parent?.type) {
    case "IfStatement":
    case "WhileStatement":
    case "DoWhileStatement":
    case "ForStatement":
    case "ConditionalExpression":
      return parent.test === node;
    case "LogicalExpression":
      return parent.operator !== "??" && isTruth(parent, above);
    default:
      return false;
  }
}

/** What to write for each use of the variable that holds the match; null where one of them wants more than the body. */
function usesOf(scope: t.Node, id: t.Identifier): FindingEdit[] | null {
  const edits: FindingEdit[] = [];
  let isSimple = true;
  walkTree(scope, (node, ancestors) => {
    if (node.type !== "Identifier" || node.name !== id.name || node === id) return;
    const { above } = withoutBrackets(node, [...ancestors].reverse());
    const [parent] = above;
    const name = parent?.type === "MemberExpression" || parent?.type === "OptionalMemberExpression" ? parent : null;
    // Another thing of that name: a property.
    if (name !== null && !name.computed && name.property === node) return;
    if (parent !== undefined && isBody(parent, node)) return void edits.push(replaced(parent, id.name));
    if (parent !== undefined && asksWhetherNull(parent)) return;
    const asked = truthEdit(node, above, id.name);
    if (asked === null) isSimple = false;
    else edits.push(asked);
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
