/**
 * Which loops of a function go over the completions it was given, one turn for each. Values seen in such a loop belong to the
 * completion of that turn. Decided from the text:
 *
 * - a parameter (or a field of one) called `completions` is a list of rows;
 * - so is a variable made of such a list one for one: `const texts = completions.map(...)`, also through `await Promise.all(...)`,
 *   `Array.from`, `[...list]` and `list.slice()`;
 * - `for (const x of rows)`, `for (const [i, x] of rows.entries())`, `for (let i = 0; i < rows.length; i++)` and
 *   `rows.map/forEach/flatMap(function written in place)` go over rows. Loops inside such a loop do not count.
 *
 * A loop that is not recognized costs nothing but the row: its values are kept with row -1.
 */
import type * as t from "@babel/types";
import type { FunctionNode, SyntaxNode } from "./syntax";
import { childNodes, isFunctionNode, keyName, withoutTypes } from "./syntax";

export interface RowLoops {
  /** Loop statements by node. */
  statements: Map<SyntaxNode, number>;
  /** Calls with a function written in place, by call; `callback` is entered once for each row. */
  calls: Map<SyntaxNode, { loop: number; callback: FunctionNode; list: SyntaxNode }>;
}

/** What the list of completions is called, as TRL calls it. */
export const rowListName = "completions";

/** Adds the loops of one function (and of what is written inside it) to `into`; numbers go on from there. */
export function findRowLoops(fn: FunctionNode, into: RowLoops): void {
  const lists = new Set<string>();
  for (const param of fn.params) collectRowParameters(param, lists);
  const search = new LoopSearch(lists, into);
  search.visit(fn.body);
}

class LoopSearch {
  constructor(
    private readonly lists: Set<string>,
    private readonly into: RowLoops,
  ) {}

  visit(node: SyntaxNode): void {
    if (node.type === "ForOfStatement" && this.isRowIteration(node.right)) {
      this.addStatement(node);
      return;
    }
    if (node.type === "ForStatement" && this.countsRows(node)) {
      this.addStatement(node);
      return;
    }
    if (node.type === "CallExpression") {
      const turn = this.rowCall(node);
      if (turn !== null) {
        if (!this.into.calls.has(node)) this.into.calls.set(node, { loop: this.next(), ...turn });
        return;
      }
    }
    for (const child of childNodes(node)) this.visit(child);
    if (node.type === "VariableDeclarator" && node.id.type === "Identifier" && node.init && this.isRowList(node.init)) {
      this.lists.add(node.id.name);
    }
  }

  private addStatement(node: SyntaxNode): void {
    // A function inside another one is searched again on its own; the first look wins.
    if (!this.into.statements.has(node)) this.into.statements.set(node, this.next());
  }

  private next(): number {
    return this.into.statements.size + this.into.calls.size;
  }

  private isRowIteration(expression: SyntaxNode): boolean {
    const node = withoutTypes(expression);
    if (node.type === "CallExpression" && methodName(node) === "entries") {
      return this.isRowList((node.callee as t.MemberExpression).object);
    }
    return this.isRowList(node);
  }

  private countsRows({ init, test }: t.ForStatement): boolean {
    if (init?.type !== "VariableDeclaration" || test?.type !== "BinaryExpression" || test.operator !== "<")
      return false;
    const counter = init.declarations[0];
    const limit = withoutTypes(test.right);
    return (
      counter?.id.type === "Identifier" &&
      counter.init?.type === "NumericLiteral" &&
      counter.init.value === 0 &&
      test.left.type === "Identifier" &&
      test.left.name === counter.id.name &&
      limit.type === "MemberExpression" &&
      keyName(limit.property, limit.computed) === "length" &&
      this.isRowList(limit.object)
    );
  }

  private rowCall(node: t.CallExpression): { callback: FunctionNode; list: SyntaxNode } | null {
    const method = methodName(node);
    if (method !== "map" && method !== "forEach" && method !== "flatMap") return null;
    const { object } = node.callee as t.MemberExpression;
    const callback = node.arguments[0];
    if (callback === undefined || !isFunctionNode(callback) || !this.isRowList(object)) return null;
    return { callback, list: object };
  }

  private isRowList(expression: SyntaxNode): boolean {
    const node = withoutTypes(expression);
    switch (node.type) {
      case "Identifier":
        return this.lists.has(node.name);
      case "MemberExpression":
        return keyName(node.property, node.computed) === rowListName && node.object.type === "Identifier";
      case "AwaitExpression":
        return this.isRowList(node.argument);
      case "ArrayExpression":
        return (
          node.elements.length === 1 &&
          node.elements[0]?.type === "SpreadElement" &&
          this.isRowList(node.elements[0].argument)
        );
      case "CallExpression": {
        const method = methodName(node);
        const owner = node.callee.type === "MemberExpression" ? node.callee.object : null;
        const [first] = node.arguments;
        if (owner?.type === "Identifier" && first !== undefined) {
          if (owner.name === "Promise" && method === "all") return this.isRowList(first);
          if (owner.name === "Array" && method === "from") return this.isRowList(first);
        }
        if (owner === null) return false;
        if (method === "map") return this.isRowList(owner);
        return method === "slice" && node.arguments.length === 0 && this.isRowList(owner);
      }
      default:
        return false;
    }
  }
}

function collectRowParameters(param: SyntaxNode, into: Set<string>): void {
  switch (param.type) {
    case "Identifier":
      if (param.name === rowListName) into.add(param.name);
      return;
    case "AssignmentPattern":
      collectRowParameters(param.left, into);
      return;
    case "ObjectPattern":
      for (const property of param.properties) {
        if (property.type !== "ObjectProperty" || keyName(property.key, property.computed) !== rowListName) continue;
        const target = property.value.type === "AssignmentPattern" ? property.value.left : property.value;
        if (target.type === "Identifier") into.add(target.name);
      }
      return;
    default:
  }
}

function methodName(call: t.CallExpression): string | null {
  return call.callee.type === "MemberExpression" ? keyName(call.callee.property, call.callee.computed) : null;
}
