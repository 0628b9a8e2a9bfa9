/**
 * TypeScript with blanks in the place of its types: every other character stays at its line and column, so a debugger that is given this
 * text shows the person's own file and is right about it without a map. What cannot be done with blanks alone (enums, parameter properties)
 * is left to `stripTypes`, which keeps lines only. Not used where nobody looks at columns: there one way of taking types out is enough.
 */
import { type AnyNode, isNode, parseExactly, walk } from "./babel";
import { stripTypes } from "./stripTypes";

/** @throws RewardError `reward/load` for what cannot be read */
export function blankTypes(code: string, file: string): string {
  // Whatever blanks do, it must be the same program: this one is proven by long use, and compared with.
  const stripped = stripTypes(code, file);
  const blanked = blanksFor(code);
  return blanked !== null && isSameProgram(blanked, stripped) ? blanked : stripped;
}

type Span = [start: number, end: number];

/** null where characters would have to be written. */
function blanksFor(code: string): string | null {
  const body = parseExactly(code, true);
  if (body === null) return null;
  const blanks: Span[] = [];
  const used = new Set<string>();
  for (const statement of body) if (!collect(statement, code, blanks, used)) return null;
  for (const statement of body) {
    if (statement.type === "ImportDeclaration" && statement.importKind !== "type") {
      blankUnusedImports(statement, code, used, blanks);
    }
  }
  const characters = code.split("");
  for (const [start, end] of blanks) {
    for (let at = start; at < end; at++) if (!/[\n\r\u2028\u2029]/.test(characters[at]!)) characters[at] = " ";
  }
  for (const statement of body) for (const node of walk(statement)) closeBeforeArrow(node, code, characters);
  return characters.join("");
}

/** `=>` must stand on the line of the bracket before it: behind a return type of several lines the bracket moves down to it. */
function closeBeforeArrow({ type, returnType }: AnyNode, code: string, characters: string[]): void {
  if (type !== "ArrowFunctionExpression" || !isNode(returnType)) return;
  const { start, end } = returnType;
  if (!code.slice(start, end).includes("\n")) return;
  characters[code.lastIndexOf(")", start)] = " ";
  characters[end - 1] = ")";
}

/** Code that has to be written for them. */
const written = new Set([
  ...["TSEnumDeclaration", "TSModuleDeclaration", "TSParameterProperty"],
  ...["TSImportEqualsDeclaration", "TSExportAssignment", "TSNamespaceExportDeclaration"],
]);

/** Wholly for the type checker. */
const onlyTypes = new Set([
  ...["TSInterfaceDeclaration", "TSTypeAliasDeclaration", "TSDeclareFunction", "TSDeclareMethod"],
  ...["TSIndexSignature", "TSTypeAnnotation", "TSTypeParameterDeclaration", "TSTypeParameterInstantiation"],
]);

/** Keywords before a declaration or member that are not JavaScript, with the property that tells of them. */
const modifiers = { abstract: "abstract", declare: "declare", override: "override", readonly: "readonly" } as const;

/**
 * Notes what to blank in a node and, of what remains, the names that are used as values.
 *
 * @returns false where blanks are not enough
 */
function collect(node: AnyNode, code: string, blanks: Span[], used: Set<string>): boolean {
  if (written.has(node.type)) return false;
  if (isTypeOnly(node)) {
    blanks.push([node.start, node.end]);
    return true;
  }
  const inner = node.expression;
  switch (node.type) {
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSInstantiationExpression":
      blanks.push([(inner as AnyNode).end, node.end]);
      return collect(inner as AnyNode, code, blanks, used);
    case "TSTypeAssertion":
      blanks.push([node.start, (inner as AnyNode).start]);
      return collect(inner as AnyNode, code, blanks, used);
    // When it is known what is used: `blankUnusedImports`.
    case "ImportDeclaration":
      return true;
    case "Identifier":
      used.add(String(node.name));
      break;
  }
  blankWords(node, code, blanks);
  const params = Array.isArray(node.params) ? (node.params as AnyNode[]) : [];
  const [first] = params;
  const hasThis = first?.type === "Identifier" && first.name === "this";
  if (hasThis) blanks.push(withComma(first, code));
  for (const [key, value] of Object.entries(node)) {
    if (key === "loc" || key === "errors" || key.endsWith("Comments")) continue;
    if (key === "implements" && Array.isArray(value) && value.length > 0) {
      const [from, to] = [(value[0] as AnyNode).start, (value.at(-1) as AnyNode).end];
      blanks.push([code.lastIndexOf("implements", from), to]);
      continue;
    }
    // The name of a property is no use of what is called so.
    const isName = (key === "property" || key === "key") && node.computed !== true && node.shorthand !== true;
    for (const child of (Array.isArray(value) ? value : [value]).filter(isNode)) {
      if (hasThis && child === first) continue;
      if (isName && child.type === "Identifier") blankWords(child, code, blanks);
      else if (!collect(child, code, blanks, used)) return false;
    }
  }
  return true;
}

function isTypeOnly(node: AnyNode): boolean {
  if (onlyTypes.has(node.type) || node.importKind === "type" || node.exportKind === "type") return true;
  if (node.declare === true) return true;
  if (node.abstract === true && node.type !== "ClassDeclaration" && node.type !== "ClassExpression") return true;
  const { declaration } = node;
  return node.type === "ExportNamedDeclaration" && isNode(declaration) && isTypeOnly(declaration);
}

/** `?`, `!` and words such as `readonly` around a name. */
function blankWords(node: AnyNode, code: string, blanks: Span[]): void {
  const key = node.type === "Identifier" ? null : isNode(node.key) ? node.key : isNode(node.id) ? node.id : null;
  const annotation = isNode(node.typeAnnotation) ? node.typeAnnotation.start : null;
  if (node.optional === true && !/^Optional/.test(node.type)) {
    const from = key?.end ?? node.start;
    const at = code.indexOf("?", from);
    if (at >= 0 && at <= (annotation ?? node.end)) blanks.push([at, at + 1]);
  }
  if (node.definite === true && key !== null) {
    const from = isNode(key.typeAnnotation) ? key.start : key.end;
    const at = code.indexOf("!", from);
    if (at >= 0) blanks.push([at, at + 1]);
  }
  const words: string[] = Object.entries(modifiers).flatMap(([word, name]) => (node[name] === true ? [word] : []));
  if (typeof node.accessibility === "string") words.push(node.accessibility);
  for (const word of words) {
    const end = key?.start ?? node.end;
    const found = new RegExp(`\\b${word}\\b`).exec(code.slice(node.start, end));
    if (found !== null) blanks.push([node.start + found.index, node.start + found.index + word.length]);
  }
}

/** As TypeScript does: an import of which nothing is used as a value is none. */
function blankUnusedImports(node: AnyNode, code: string, used: ReadonlySet<string>, blanks: Span[]): void {
  const specifiers = node.specifiers as AnyNode[];
  const unused = specifiers.filter(({ importKind, local }) => {
    return importKind === "type" || !used.has(String((local as AnyNode).name));
  });
  if (unused.length === 0) return;
  if (unused.length === specifiers.length) blanks.push([node.start, node.end]);
  else for (const specifier of unused) blanks.push(withComma(specifier, code));
}

/** A member of a list with the comma behind it. */
function withComma(node: AnyNode, code: string): Span {
  const comma = /^\s*,/.exec(code.slice(node.end));
  return [node.start, node.end + (comma?.[0].length ?? 0)];
}

/** Whether two texts in JavaScript are one program. */
function isSameProgram(a: string, b: string): boolean {
  const [one, other] = [a, b].map((code) => {
    const body = parseExactly(code, false);
    return body === null ? null : body.flatMap((statement) => shapeOf(statement) || []).join("\n");
  });
  return one !== null && one === other;
}

/** The tree without places. */
function shapeOf(statement: AnyNode): string {
  const parts: string[] = [];
  for (const node of walk(statement)) {
    if (node.type === "EmptyStatement") continue;
    const values = Object.entries(node).filter(([key, value]) => {
      return !/^(start|end|loc|range|extra|errors)$/.test(key) && !key.endsWith("Comments") && !isNode(value);
    });
    const plain = values.flatMap(([key, value]) => {
      const isList = Array.isArray(value) && value.some(isNode);
      return isList || value === undefined || value === null || value === false ? [] : [[key, value]];
    });
    parts.push(JSON.stringify(plain, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
  }
  return parts.join("\n");
}
