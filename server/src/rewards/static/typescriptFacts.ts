/** Facts about a TypeScript reward file, from its syntax tree. */
import type * as t from "@babel/types";
import { findPatternConstants, literalPattern, patternCall } from "../live/patterns";
import type { FunctionNode, SyntaxNode } from "../live/syntax";
import { childNodes, isFunctionNode, keyName, parseModule, walkTree, withoutTypes } from "../live/syntax";
import type { CatchFact, FlowNode, PatternFact, RewardFacts } from "./facts";

/** @throws RewardError `reward/syntax` */
export function typescriptFacts(source: string, file: string): RewardFacts {
  const tree = parseModule(source, file);
  return new Collector(source, tree).collect();
}

class Collector {
  private readonly facts: RewardFacts = {
    functions: [],
    patterns: [],
    values: [],
    catches: [],
    loops: [],
    random: [],
    state: [],
  };
  private readonly moduleState = new Set<string>();

  constructor(
    private readonly source: string,
    private readonly tree: t.File,
  ) {}

  collect(): RewardFacts {
    this.findModuleState();
    for (const statement of this.tree.program.body) this.outer(statement, "");
    return this.facts;
  }

  /** Functions of the top level, those in descriptors among them; patterns outside of functions. */
  private outer(node: SyntaxNode, name: string): void {
    const inner = withoutTypes(node);
    if (isFunctionNode(inner)) {
      this.inner(inner, functionName(inner) ?? name);
      return;
    }
    if (inner.type === "VariableDeclarator" && inner.id.type === "Identifier") {
      if (inner.init) this.outer(inner.init, inner.id.name);
      return;
    }
    if (inner.type === "RegExpLiteral" || inner.type === "NewExpression") {
      const pattern = literalPattern(inner);
      if (pattern !== null) this.addPattern("", inner, pattern, "literal");
    }
    for (const child of childNodes(inner)) this.outer(child, name);
  }

  private inner(fn: FunctionNode, name: string): void {
    this.facts.functions.push({
      name,
      start: fn.start!,
      end: fn.end!,
      parameters: [],
      kwargs: null,
      kwargsAt: null,
    });
    const constants = findPatternConstants(this.tree);
    const lowered = loweredNames(fn);
    const seen = new Set<number>();
    walkTree(fn, (node) => {
      switch (node.type) {
        case "CallExpression":
        case "OptionalCallExpression": {
          const call = patternCall(node, constants);
          if (call !== null) {
            seen.add(call.pattern.start);
            this.addPattern(name, node, call.pattern, call.method, isLowered(call.subject, lowered));
          }
          this.random(node, name);
          this.mutation(node, name);
          return;
        }
        case "RegExpLiteral":
        case "NewExpression": {
          if (node.type === "NewExpression") this.clock(node, name);
          const pattern = literalPattern(node);
          if (pattern !== null && !seen.has(pattern.start)) this.addPattern(name, node, pattern, "literal");
          return;
        }
        case "AssignmentExpression":
        case "UpdateExpression": {
          const target = node.type === "AssignmentExpression" ? node.left : node.argument;
          const root = withoutTypes(target);
          const owner = root.type === "MemberExpression" ? withoutTypes(root.object) : root;
          this.changed(owner, name);
          return;
        }
        case "TryStatement":
          if (node.handler) this.facts.catches.push(catchFact(node, node.handler, name, this.source));
          return;
        default:
      }
    });
    this.values(fn, name);
    this.loops(fn, name);
  }

  private addPattern(
    name: string,
    node: SyntaxNode,
    pattern: PatternFact["pattern"],
    method: string,
    lowered = false,
  ): void {
    const written = this.source.slice(pattern.start, pattern.end);
    const isLiteral = written.startsWith("/");
    this.facts.patterns.push({
      function: name,
      method,
      start: node.start!,
      end: node.end!,
      pattern,
      approximate: false,
      lowered,
      literal: isLiteral ? { contentStart: pattern.start + 1, raw: true } : null,
      ...(isLiteral && { flagsAt: pattern.end }),
    });
  }

  // --- values ---

  private values(fn: FunctionNode, name: string): void {
    const returned = fn.body.type === "BlockStatement" ? ownReturns(fn.body) : [fn.body];
    for (const value of returned) {
      for (const part of kindsOf(value)) {
        const fact = {
          function: name,
          role: "return" as const,
          kind: part.kind,
          start: part.node.start!,
          end: part.node.end!,
        };
        const text = part.node.type === "StringLiteral" ? part.node.value : undefined;
        this.facts.values.push(text === undefined ? fact : { ...fact, text });
      }
    }
  }

  // --- chance, clock and state ---

  private random(call: t.CallExpression | t.OptionalCallExpression, name: string): void {
    const path = memberPath(call.callee);
    const what = chances.has(path) ? "chance" : clocks.has(path) ? "clock" : null;
    if (what !== null) this.facts.random.push({ function: name, start: call.start!, end: call.end!, what });
  }

  private clock(node: t.NewExpression, name: string): void {
    if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
      this.facts.random.push({ function: name, start: node.start!, end: node.end!, what: "clock" });
    }
  }

  private findModuleState(): void {
    for (const statement of this.tree.program.body) {
      const inner = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (inner?.type !== "VariableDeclaration") continue;
      for (const { id, init } of inner.declarations) {
        if (id.type !== "Identifier") continue;
        const value = init ? withoutTypes(init) : null;
        const isCollection =
          value?.type === "ArrayExpression" ||
          value?.type === "ObjectExpression" ||
          (value?.type === "NewExpression" &&
            value.callee.type === "Identifier" &&
            ["Map", "Set", "Array", "WeakMap"].includes(value.callee.name));
        if (inner.kind !== "const" || isCollection) this.moduleState.add(id.name);
      }
    }
  }

  private mutation(call: t.CallExpression | t.OptionalCallExpression, name: string): void {
    const { callee } = call;
    if (callee.type !== "MemberExpression") return;
    const method = keyName(callee.property, callee.computed);
    if (method !== null && mutators.has(method)) this.changed(withoutTypes(callee.object), name);
  }

  private changed(owner: SyntaxNode, name: string): void {
    if (owner.type !== "Identifier" || !this.moduleState.has(owner.name)) return;
    this.facts.state.push({ function: name, start: owner.start!, end: owner.end!, names: [owner.name] });
  }

  // --- loops that fill the list that is returned ---

  private loops(fn: FunctionNode, name: string): void {
    if (fn.body.type !== "BlockStatement") return;
    const empty = new Set<string>();
    walkTree(fn.body, (node) => {
      if (node.type !== "VariableDeclarator" || node.id.type !== "Identifier" || !node.init) return;
      const init = withoutTypes(node.init);
      if (init.type === "ArrayExpression" && init.elements.length === 0) empty.add(node.id.name);
    });
    const returned = ownReturns(fn.body).flatMap((value) => (value.type === "Identifier" ? [value.name] : []));
    for (const list of new Set(returned.filter((one) => empty.has(one)))) {
      const isPush = (node: SyntaxNode) => isPushTo(node, list);
      for (const node of fn.body.body) {
        if (node.type !== "ForOfStatement" || !isRows(node.right)) continue;
        const inside = count(node, isPush);
        if (inside === 0 || inside !== count(fn.body, isPush)) continue;
        const flow = flowOf(node.body, list, this.source);
        if (flow === null) continue;
        const body = flow.kind === "block" ? flow.body : [flow];
        this.facts.loops.push({ function: name, list, start: node.start!, end: node.right.end! + 1, flow: body });
      }
    }
  }
}

const chances = new Set(["Math.random", "crypto.randomUUID", "crypto.getRandomValues", "randomUUID"]);
const clocks = new Set(["Date.now", "performance.now", "process.hrtime", "process.hrtime.bigint"]);
const mutators = new Set([
  "push",
  "pop",
  "shift",
  "unshift",
  "splice",
  "add",
  "set",
  "delete",
  "clear",
  "sort",
  "reverse",
  "fill",
]);

function functionName(node: FunctionNode): string | null {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
      return node.id?.name ?? null;
    default:
      return null;
  }
}

/** `a.b.c` of names only; empty for anything else. */
function memberPath(node: SyntaxNode): string {
  const inner = withoutTypes(node);
  if (inner.type === "Identifier") return inner.name;
  if (inner.type !== "MemberExpression" && inner.type !== "OptionalMemberExpression") return "";
  const owner = memberPath(inner.object);
  const key = keyName(inner.property, inner.computed);
  if (owner === "" || key === null) return "";
  return `${owner.replace(/^globalThis\./, "")}.${key}`;
}

/** Values of the returns of a function, not of functions inside it. */
function ownReturns(body: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  walkTree(body, (node) => {
    if (isFunctionNode(node) || node.type === "ClassBody") return false;
    if (node.type === "ReturnStatement" && node.argument) found.push(withoutTypes(node.argument));
    return true;
  });
  return found;
}

/** The parts of a value that are surely texts or truths. */
function kindsOf(value: SyntaxNode): { kind: "string" | "boolean"; node: SyntaxNode }[] {
  const node = withoutTypes(value);
  switch (node.type) {
    case "ConditionalExpression":
      return [...kindsOf(node.consequent), ...kindsOf(node.alternate)];
    case "StringLiteral":
    case "TemplateLiteral":
      return [{ kind: "string", node }];
    case "BooleanLiteral":
      return [{ kind: "boolean", node }];
    case "UnaryExpression":
      if (node.operator === "!") return [{ kind: "boolean", node }];
      return node.operator === "typeof" ? [{ kind: "string", node }] : [];
    case "BinaryExpression":
      return /^(?:[=!]==?|[<>]=?|in|instanceof)$/.test(node.operator) ? [{ kind: "boolean", node }] : [];
    case "LogicalExpression": {
      if (node.operator === "??") return [];
      const sides = [kindsOf(node.left), kindsOf(node.right)];
      return sides.every((one) => one.length === 1 && one[0]!.kind === "boolean") ? [{ kind: "boolean", node }] : [];
    }
    case "CallExpression": {
      const path = memberPath(node.callee);
      const method =
        node.callee.type === "MemberExpression" ? keyName(node.callee.property, node.callee.computed) : null;
      if (
        path === "Boolean" ||
        ["includes", "startsWith", "endsWith", "test", "some", "every"].includes(method ?? "")
      ) {
        return [{ kind: "boolean", node }];
      }
      if (path === "String" || ["trim", "toLowerCase", "toUpperCase", "toFixed"].includes(method ?? "")) {
        return [{ kind: "string", node }];
      }
      return [];
    }
    default:
      return [];
  }
}

function loweredNames(fn: SyntaxNode): Set<string> {
  const names = new Set<string>();
  walkTree(fn, (node) => {
    if (node.type !== "VariableDeclarator" || node.id.type !== "Identifier" || !node.init) return;
    if (isLowered(node.init, names)) names.add(node.id.name);
  });
  return names;
}

function isLowered(expression: SyntaxNode, names: ReadonlySet<string>): boolean {
  const node = withoutTypes(expression);
  if (node.type === "Identifier") return names.has(node.name);
  let found = false;
  walkTree(node, (one) => {
    if (one.type === "MemberExpression" && keyName(one.property, one.computed) === "toLowerCase") found = true;
  });
  return found;
}

function catchFact(node: t.TryStatement, handler: t.CatchClause, name: string, source: string): CatchFact {
  const constants: CatchFact["constants"] = [];
  let isConstant = true;
  let logs = false;
  for (const statement of handler.body.body) {
    if (["ContinueStatement", "BreakStatement", "EmptyStatement"].includes(statement.type)) continue;
    const expression = statement.type === "ExpressionStatement" ? withoutTypes(statement.expression) : null;
    if (expression?.type === "CallExpression" && /^console\.|\blog$/.test(memberPath(expression.callee))) {
      logs = true;
      continue;
    }
    let value: SyntaxNode | null = null;
    if (statement.type === "ReturnStatement") value = statement.argument ?? null;
    else if (expression?.type === "AssignmentExpression") value = expression.right;
    else if (expression?.type === "CallExpression") value = expression.arguments[0] ?? null;
    const number = value === null ? null : constantNumber(value);
    if (number === null) isConstant = false;
    else constants.push({ start: value!.start!, end: value!.end!, value: number });
  }
  const end = handler.param ? source.indexOf(")", handler.param.end!) + 1 : handler.start! + "catch".length;
  return {
    function: name,
    start: handler.start!,
    end: Math.min(end, handler.body.start!),
    isBroad: true,
    names: [],
    isConstant,
    logs,
    constants,
    typeSpan: null,
    likely: [],
    tryLines: source.slice(node.block.start!, node.block.end!).split("\n").length,
  };
}

function constantNumber(expression: SyntaxNode): number | null {
  const node = withoutTypes(expression);
  if (node.type === "NumericLiteral") return node.value;
  if (node.type === "UnaryExpression" && node.operator === "-") {
    const inner = constantNumber(node.argument);
    return inner === null ? null : -inner;
  }
  return null;
}

function isPushTo(node: SyntaxNode, list: string): boolean {
  return (
    node.type === "CallExpression" &&
    node.arguments.length === 1 &&
    node.arguments[0]!.type !== "SpreadElement" &&
    memberPath(node.callee) === `${list}.push`
  );
}

function count(node: SyntaxNode, test: (node: SyntaxNode) => boolean): number {
  let found = 0;
  walkTree(node, (one) => {
    if (test(one)) found++;
  });
  return found;
}

/** `completions`, `ctx.peers`, `group`: what a reward for a whole group goes through. */
function isRows(expression: SyntaxNode): boolean {
  const node = withoutTypes(expression);
  const path = node.type === "CallExpression" ? memberPath(node.callee).replace(/\.entries$/, "") : memberPath(node);
  return /(?:^|\.)(?:completions|peers|group|rollouts|inputs)$/.test(path);
}

function flowOf(statement: SyntaxNode, list: string, source: string): FlowNode | null {
  const place = { start: statement.start!, end: statement.end! };
  const all = (nodes: readonly SyntaxNode[]): FlowNode[] | null => {
    const flows = nodes.map((node) => flowOf(node, list, source));
    return flows.includes(null) ? null : (flows as FlowNode[]);
  };
  const body = (node: SyntaxNode): FlowNode[] | null => all(node.type === "BlockStatement" ? node.body : [node]);
  switch (statement.type) {
    case "BlockStatement": {
      const flow = all(statement.body);
      return flow === null ? null : { kind: "block", ...place, body: flow };
    }
    case "ExpressionStatement":
      if (isPushTo(withoutTypes(statement.expression), list)) return { kind: "append", ...place };
      break;
    case "ContinueStatement":
    case "BreakStatement":
      // With a label it ends something else.
      return statement.label ? null : { kind: statement.type === "BreakStatement" ? "break" : "continue", ...place };
    case "ReturnStatement":
      return { kind: "return", ...place };
    case "ThrowStatement":
      return { kind: "raise", ...place };
    case "IfStatement": {
      const branches = [];
      const conditions = [];
      let last = statement;
      for (;;) {
        const flow = body(last.consequent);
        if (flow === null) return null;
        branches.push({ start: last.start!, end: last.test.end! + 1, body: flow });
        conditions.push(source.slice(last.test.start!, last.test.end!));
        if (last.alternate?.type !== "IfStatement") break;
        last = last.alternate;
      }
      const otherwise = last.alternate ? body(last.alternate) : null;
      if (last.alternate && otherwise === null) return null;
      const lineStart = source.lastIndexOf("\n", place.start - 1) + 1;
      const indent = /^\s*/.exec(source.slice(lineStart, place.start))![0];
      return { kind: "if", ...place, branches, otherwise, conditions, indent };
    }
    case "TryStatement": {
      const main = all(statement.block.body);
      const final = statement.finalizer ? all(statement.finalizer.body) : [];
      const handler = statement.handler;
      const handled = handler ? all(handler.body.body) : [];
      if (main === null || final === null || handled === null) return null;
      const handlers = handler ? [{ start: handler.start!, end: handler.body.start!, body: handled }] : [];
      return { kind: "try", ...place, body: main, orelse: [], finally: final, handlers };
    }
    default:
  }
  return count(statement, (node) => isPushTo(node, list)) > 0 ? null : { kind: "other", ...place };
}
