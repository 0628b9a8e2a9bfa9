/**
 * Reward functions of a TypeScript or JavaScript file: exported descriptors made with `defineReward` from "iad-r1/reward", and exported
 * functions with the JSDoc tag `@reward`; the same in CommonJS. Values that are not written as literals are unknown here; the worker checks them.
 */
import { type AnyNode, isNode, parseModule, unwrapped, walk } from "./babel";
import { commonExports, isCommonJs, requiredBy } from "./commonJs";
import { type Discovered, type MarkerOptions, parseMarker } from "./marker";
import type { ProgramProblem, RewardDeclaration, RewardScope } from "./program";

/** What rewards import, without any package to install. */
export const rewardModule = "iad-r1/reward";

export function discoverTypeScript(file: string, source: string): Discovered {
  const { body, comments, problems } = parseModule(source);
  const found: Discovered = { functions: [], problems: [...problems, ...body.flatMap(unrunnable)] };
  const makers = makerNames(body);
  const functions = topLevelFunctions(body);
  for (const { name, value, nameNode, statement } of exportsOf(body)) {
    const call = value === null ? null : unwrapped(value);
    if (call !== null && isMakerCall(call, makers)) {
      const made = fromDescriptor(call, functions, found.problems);
      if (made === null) continue;
      const [start, end] = nameNode === null ? calleeSpan(call) : [nameNode.start, nameNode.end];
      const fallback = name === "default" ? baseName(file) : name;
      found.functions.push({ ...made, name: made.name ?? fallback, file, exportName: name, nameSpan: [start, end] });
      continue;
    }
    const implementation = call === null ? null : functionOf(call, functions);
    const marker = implementation === null ? null : markerAbove(source, comments, statement);
    if (implementation === null || marker === null) continue;
    found.problems.push(...marker.problems);
    const fallback = name === "default" ? baseName(file) : name;
    const [start, end] =
      nameNode === null ? [implementation.start, implementation.start + 1] : [nameNode.start, nameNode.end];
    found.functions.push({
      ...describe(implementation, marker.options),
      ...{ name: marker.options.name ?? fallback, file, shape: "plain", exportName: name, nameSpan: [start, end] },
    });
  }
  return found;
}

/** What the parser takes and no engine runs: patterns with a mistake, and namespaces that hold values, which are no JavaScript. */
function unrunnable(statement: AnyNode): ProgramProblem[] {
  const found: ProgramProblem[] = [];
  for (const node of walk(statement)) {
    const { start, end } = node;
    if (node.type === "RegExpLiteral") {
      try {
        new RegExp(node.pattern as string, node.flags as string);
      } catch (error) {
        found.push({ message: `${(error as SyntaxError).message}.`, start, end });
      }
    }
    if (node.type === "TSModuleDeclaration" && statement.declare !== true && node.declare !== true && hasValues(node)) {
      const message = "A namespace cannot be run here. Put what is in it into a file of its own, or into an object.";
      found.push({ message, start, end: start + "namespace".length });
    }
  }
  return found;
}

function hasValues({ body }: AnyNode): boolean {
  const statements = isNode(body) ? ((body.body as AnyNode[] | undefined) ?? []) : [];
  return statements.some((one) => {
    const declared = one.type === "ExportNamedDeclaration" && isNode(one.declaration) ? one.declaration : one;
    return !["TSInterfaceDeclaration", "TSTypeAliasDeclaration"].includes(declared.type) && declared.declare !== true;
  });
}

/** Local names of `defineReward`, and of namespaces it is a member of. */
function makerNames(body: readonly AnyNode[]): { functions: Set<string>; namespaces: Set<string> } {
  const names = { functions: new Set<string>(), namespaces: new Set<string>() };
  for (const node of body) {
    if (node.type === "VariableDeclaration") addRequired(node, names);
    if (node.type !== "ImportDeclaration" || (node.source as { value?: unknown }).value !== rewardModule) continue;
    for (const specifier of node.specifiers as AnyNode[]) {
      const local = (specifier.local as { name: string }).name;
      if (specifier.type === "ImportNamespaceSpecifier") names.namespaces.add(local);
      const imported = specifier.imported as { name?: string; value?: string } | undefined;
      if ((imported?.name ?? imported?.value) === "defineReward") names.functions.add(local);
    }
  }
  return names;
}

/** `const { defineReward } = require("iad-r1/reward")`, or the whole of it. */
function addRequired(declaration: AnyNode, names: ReturnType<typeof makerNames>): void {
  for (const { id, init } of declaration.declarations as { id: AnyNode; init?: AnyNode | null }[]) {
    if (init == null || requiredBy(unwrapped(init)) !== rewardModule) continue;
    if (id.type === "Identifier") names.namespaces.add(id.name as string);
    for (const property of (id.properties as AnyNode[] | undefined) ?? []) {
      const local = property.value as { name?: string } | undefined;
      if (keyOf(property) === "defineReward" && local?.name !== undefined) names.functions.add(local.name);
    }
  }
}

function isMakerCall(node: AnyNode, { functions, namespaces }: ReturnType<typeof makerNames>): boolean {
  if (node.type !== "CallExpression") return false;
  const written = unwrapped(node.callee as AnyNode);
  // Compilers write `(0, reward.defineReward)(…)`.
  const callee = written.type === "SequenceExpression" ? (written.expressions as AnyNode[]).at(-1)! : written;
  if (callee.type === "Identifier") return functions.has(callee.name as string);
  if (callee.type !== "MemberExpression" || callee.computed === true) return false;
  const { object, property } = callee as unknown as { object: AnyNode; property: { name?: string } };
  return object.type === "Identifier" && namespaces.has(object.name as string) && property.name === "defineReward";
}

function calleeSpan(call: AnyNode): [number, number] {
  const callee = call.callee as AnyNode;
  return [callee.start, callee.end];
}

/** Functions that have a name at the top of the module. */
function topLevelFunctions(body: readonly AnyNode[]): Map<string, AnyNode> {
  const functions = new Map<string, AnyNode>();
  for (const statement of body) {
    const node = isNode(statement.declaration) ? statement.declaration : statement;
    if (node.type === "FunctionDeclaration" && isNode(node.id)) functions.set(node.id.name as string, node);
    if (node.type !== "VariableDeclaration") continue;
    for (const { id, init } of node.declarations as { id: AnyNode; init?: AnyNode | null }[]) {
      if (id.type === "Identifier" && init != null && isFunction(unwrapped(init))) {
        functions.set(id.name as string, unwrapped(init));
      }
    }
  }
  return functions;
}

interface Exported {
  name: string;
  /** What is exported; null when it stands in another file. */
  value: AnyNode | null;
  nameNode: AnyNode | null;
  /** The statement that a JSDoc comment would stand above. */
  statement: AnyNode;
}

function exportsOf(body: readonly AnyNode[]): Exported[] {
  const locals = new Map<string, { value: AnyNode; nameNode: AnyNode; statement: AnyNode }>();
  const exported: Exported[] = [];
  const declare = (statement: AnyNode, declaration: AnyNode, isExported: boolean) => {
    const add = (id: AnyNode, value: AnyNode) => {
      locals.set(id.name as string, { value, nameNode: id, statement });
      if (isExported) exported.push({ name: id.name as string, value, nameNode: id, statement });
    };
    if (declaration.type === "FunctionDeclaration" && isNode(declaration.id)) add(declaration.id, declaration);
    if (declaration.type !== "VariableDeclaration") return;
    for (const { id, init } of declaration.declarations as { id: AnyNode; init?: AnyNode | null }[]) {
      if (id.type === "Identifier" && init != null) add(id, init);
    }
  };
  for (const node of body) {
    if (node.type === "ExportNamedDeclaration" && isNode(node.declaration)) declare(node, node.declaration, true);
    else declare(node, node, false);
  }
  for (const node of body) {
    if (node.type === "ExportDefaultDeclaration") {
      const value = node.declaration as AnyNode;
      const local = value.type === "Identifier" ? locals.get(value.name as string) : undefined;
      const nameNode = isNode(value.id) ? value.id : null;
      exported.push({ name: "default", value, nameNode, statement: node, ...local });
    }
    if (node.type === "ExportNamedDeclaration" && node.source == null && !isNode(node.declaration)) {
      for (const specifier of node.specifiers as AnyNode[]) {
        const local = locals.get((specifier.local as { name?: string } | undefined)?.name ?? "");
        const outer = specifier.exported as { name?: string; value?: string };
        if (local !== undefined) exported.push({ ...local, name: outer.name ?? outer.value ?? "" });
      }
    }
  }
  if (isCommonJs(body)) {
    for (const { name, value, nameNode, statement } of commonExports(body)) {
      const local = value.type === "Identifier" ? locals.get(value.name as string) : undefined;
      exported.push({ name, value, nameNode, statement, ...local });
    }
  }
  return exported;
}

type Described = Omit<RewardDeclaration, "name" | "file" | "shape" | "exportName" | "nameSpan">;

function fromDescriptor(
  call: AnyNode,
  functions: ReadonlyMap<string, AnyNode>,
  problems: ProgramProblem[],
): (Described & { name: string | null; shape: "contract" }) | null {
  const argument = (call.arguments as AnyNode[])[0];
  const object = argument === undefined ? null : unwrapped(argument);
  const [start, end] = calleeSpan(call);
  if (object?.type !== "ObjectExpression") {
    problems.push({ message: "defineReward wants an object with `score`, written here.", start, end });
    return null;
  }
  const values = new Map<string, AnyNode>();
  for (const property of object.properties as AnyNode[]) {
    const key = keyOf(property);
    if (key !== null) values.set(key, property.type === "ObjectMethod" ? property : (property.value as AnyNode));
  }
  const score = values.get("score");
  const implementation = score === undefined ? null : functionOf(unwrapped(score), functions);
  if (implementation === null) {
    problems.push({ message: "defineReward wants `score`, a function of this file.", start, end });
    return null;
  }
  const literal = (key: string): unknown => {
    const node = values.get(key);
    return node === undefined ? undefined : literalOf(unwrapped(node));
  };
  const options: MarkerOptions = {};
  const [weight, range, scope, impure, name] = ["weight", "range", "scope", "impure", "name"].map(literal);
  if (typeof weight === "number") options.weight = weight;
  if (isRange(range)) options.range = range;
  if (scope === "sample" || scope === "group") options.scope = scope;
  if (impure === true) options.impure = true;
  const understood = {
    weight: [options.weight !== undefined, "a number"],
    range: [options.range !== undefined, "{ min, max }, two numbers"],
    scope: [options.scope !== undefined, '"sample" or "group"'],
    impure: [typeof impure === "boolean", "true or false"],
  } as const;
  for (const [key, [isUnderstood, wanted]] of Object.entries(understood)) {
    const node = values.get(key);
    // Passed over, the reward would count otherwise than its author believes.
    if (node === undefined || isUnderstood) continue;
    problems.push({
      message: `${key} wants ${wanted}, written out here: it is read without running the code.`,
      start: node.start,
      end: node.end,
    });
  }
  return {
    ...describe(implementation, options),
    shape: "contract",
    name: typeof name === "string" && name !== "" ? name : null,
  };
}

function describe(implementation: AnyNode, options: MarkerOptions): Described {
  const scope: RewardScope = options.scope ?? "sample";
  return {
    ...{ language: "typescript", scope, weight: options.weight ?? 1, range: options.range ?? null },
    ...{ impure: options.impure ?? false, isAsync: implementation.async === true },
    bodySpan: [implementation.start, implementation.end],
    ...{ columns: columnsOf(implementation), takesKwargs: true },
  };
}

function isRange(value: unknown): value is { min: number; max: number } {
  if (typeof value !== "object" || value === null) return false;
  const { min, max } = value as { min?: unknown; max?: unknown };
  return typeof min === "number" && typeof max === "number" && min <= max;
}

function isFunction(node: AnyNode): boolean {
  return ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression", "ObjectMethod"].includes(node.type);
}

function functionOf(node: AnyNode, functions: ReadonlyMap<string, AnyNode>): AnyNode | null {
  if (isFunction(node)) return node;
  return node.type === "Identifier" ? (functions.get(node.name as string) ?? null) : null;
}

function keyOf(property: AnyNode): string | null {
  if (property.computed === true || !isNode(property.key)) return null;
  const { name, value } = property.key as { name?: unknown; value?: unknown };
  return typeof name === "string" ? name : typeof value === "string" ? value : null;
}

/** The value of a literal, of a negative number, or of an object of such; undefined for anything else. */
function literalOf(node: AnyNode): unknown {
  switch (node.type) {
    case "StringLiteral":
    case "NumericLiteral":
    case "BooleanLiteral":
      return node.value;
    case "UnaryExpression": {
      const value = node.operator === "-" ? literalOf(node.argument as AnyNode) : undefined;
      return typeof value === "number" ? -value : undefined;
    }
    case "ObjectExpression":
      return Object.fromEntries(
        (node.properties as AnyNode[]).flatMap((property) => {
          const key = keyOf(property);
          return key === null || !isNode(property.value) ? [] : [[key, literalOf(unwrapped(property.value))] as const];
        }),
      );
    default:
      return undefined;
  }
}

/** Names that the function takes out of `columns`, however it reaches them. */
function columnsOf(implementation: AnyNode): string[] {
  const names = new Set<string>();
  const isColumns = (node: AnyNode): boolean => {
    const inner = unwrapped(node);
    if (inner.type === "Identifier") return inner.name === "columns";
    if (!/^(Optional)?MemberExpression$/.test(inner.type) || inner.computed === true) return false;
    return (inner.property as { name?: string }).name === "columns";
  };
  const addPattern = (pattern: unknown) => {
    if (!isNode(pattern) || pattern.type !== "ObjectPattern") return;
    for (const property of pattern.properties as AnyNode[]) {
      const key = property.type === "ObjectProperty" ? keyOf(property) : null;
      if (key !== null) names.add(key);
    }
  };
  for (const node of walk(implementation)) {
    if (/^(Optional)?MemberExpression$/.test(node.type) && isColumns(node.object as AnyNode)) {
      const { name, value } = node.property as { name?: unknown; value?: unknown };
      if (node.computed !== true && typeof name === "string") names.add(name);
      if (node.computed === true && typeof value === "string") names.add(value);
    }
    if (node.type === "VariableDeclarator" && isNode(node.init) && isColumns(node.init)) addPattern(node.id);
    if (node.type === "ObjectProperty" && keyOf(node) === "columns") addPattern(node.value);
  }
  return [...names];
}

/** The `@reward` tag in the JSDoc comment right above a statement. */
function markerAbove(
  source: string,
  comments: readonly AnyNode[],
  statement: AnyNode,
): ReturnType<typeof parseMarker> | null {
  const above = comments.findLast(
    ({ type, end, value }) => type === "CommentBlock" && end <= statement.start && String(value).startsWith("*"),
  );
  if (above === undefined || source.slice(above.end, statement.start).trim() !== "") return null;
  const tag = /@reward(?![\w-])[^\S\n]*([^\n@]*)/.exec(source.slice(above.start, above.end - 2));
  if (tag === null) return null;
  return parseMarker(tag[1]!, above.start + tag.index + tag[0].length - tag[1]!.length);
}

/** `rewards/strict.reward.ts` -> "strict". */
function baseName(file: string): string {
  return (file.split(/[\\/]/).at(-1) ?? file).replace(/(\.reward)?\.[cm]?[jt]s$/i, "");
}
