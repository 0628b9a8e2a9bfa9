/**
 * Rewrites a TypeScript reward so that it reports every value it computes, without changing what it does. Only inserts text: the
 * lines stay where they are, TypeScript stays TypeScript. What the inserted calls do is in `recorder.ts`.
 *
 * The rules that keep the meaning: a callee, a target of `=`, `++` or `delete`, an operand of `typeof` and the tag of a template
 * are never wrapped (they are references, not values); an optional chain is one unit; functions and classes are not wrapped
 * (they would lose their names); nothing is evaluated twice, left out or moved. Code outside functions runs once, when the
 * file is loaded, and is not watched.
 */
import type * as t from "@babel/types";
import MagicString from "magic-string";
import type { InstrumentedSource, Site, SiteKind } from "../user/recording";
import { recorderName } from "../user/recording";
import type { PatternConstants } from "./patterns";
import { findPatternConstants, patternCall } from "./patterns";
import type { RowLoops } from "./rowLoops";
import { findRowLoops, rowListName } from "./rowLoops";
import type { FunctionNode, SyntaxNode } from "./syntax";
import { bodyStart, isFunctionNode, keyName, parseModule, withoutTypes } from "./syntax";

/**
 * How much of an expression is of interest: nothing but its parts, its value unless that stands in the text, also the value of
 * a plain name, or its value whatever it is.
 */
type Interest = "parts" | "value" | "operand" | "condition" | "return";

/**
 * @param file for messages and the source map
 * @throws RewardError `reward/syntax` when the text cannot be parsed
 */
export function instrumentTypeScript(source: string, file: string): InstrumentedSource {
  const tree = parseModule(source, file);
  const rewriter = new Rewriter(source, findPatternConstants(tree));
  rewriter.program(tree.program);
  const map = rewriter.text.generateMap({ source: file, hires: "boundary", includeContent: false });
  return { code: rewriter.text.toString(), sites: rewriter.sites, map: map.toString() };
}

type Guard = NonNullable<Site["guards"]>[number];

class Rewriter {
  readonly text: MagicString;
  readonly sites: Site[] = [];
  /** Prefix of the inserted names; does not occur in the source. */
  private readonly prefix: string;
  /** Names of the functions around the current node; empty outside of functions. */
  private readonly functions: string[] = [];
  /** What must be true or false for the current node to be reached. */
  private guards: Guard[] = [];
  private readonly loops: RowLoops = { statements: new Map(), calls: new Map() };
  private readonly callbackLoops = new Map<SyntaxNode, number>();
  private readonly mayHaveRows: boolean;
  private caught = 0;

  constructor(
    private readonly source: string,
    private readonly constants: PatternConstants,
  ) {
    this.text = new MagicString(source);
    this.mayHaveRows = source.includes(rowListName);
    let prefix = "$l";
    while (source.includes(prefix)) prefix += "$";
    this.prefix = prefix;
  }

  program(program: t.Program): void {
    this.statements(program.body);
    const first = program.body[0];
    if (first === undefined) return;
    const names = [..."vbawesmlndr"].map((hook) => `${hook}:${this.prefix}${hook}`).join(",");
    // In front of everything else that was inserted here, and behind directives and a hashbang.
    this.text.prependRight(first.start!, `const {${names}}=${recorderName};`);
  }

  // --- statements ----------------------------------------------------------------------------------------------------

  private statements(nodes: readonly SyntaxNode[]): void {
    this.under(null, true, () => {
      for (const node of nodes) this.statement(node);
    });
  }

  private statement(node: SyntaxNode): void {
    switch (node.type) {
      case "ExpressionStatement":
        this.expression(node.expression, node.expression.type === "UpdateExpression" ? "parts" : "value");
        this.endStatement(node);
        return;
      case "ReturnStatement":
        if (!node.argument) {
          this.reachedStatement(node);
          return;
        }
        this.expression(node.argument, "return");
        this.endStatement(node);
        return;
      case "BreakStatement":
      case "ContinueStatement":
        this.reachedStatement(node);
        return;
      case "ThrowStatement":
        this.expression(node.argument, "value");
        this.endStatement(node);
        return;
      case "IfStatement":
        this.branches(node);
        return;
      case "WhileStatement": {
        const test = this.decider(node.test, "condition");
        this.under(test, true, () => this.loopBody(node.body, null));
        return;
      }
      case "DoWhileStatement":
        this.under(null, true, () => this.loopBody(node.body, null));
        this.expression(node.test, "condition");
        return;
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
        this.forLoop(node, node);
        return;
      case "LabeledStatement":
        this.labelled(node);
        return;
      case "SwitchStatement":
        this.expression(node.discriminant, "operand");
        for (const branch of node.cases) {
          if (branch.test) this.expression(branch.test, "operand");
          this.statements(branch.consequent);
        }
        return;
      case "CatchClause":
        this.catchClause(node);
        return;
      case "VariableDeclaration":
        if (node.declare) return;
        this.declarations(node);
        this.endStatement(node);
        return;
      case "ClassDeclaration":
        if (!node.declare) this.classBody(node);
        return;
      case "ExportDefaultDeclaration":
        isStatementLike(node.declaration)
          ? this.statement(node.declaration)
          : this.expression(node.declaration, "value");
        return;
      case "TSModuleDeclaration":
        if (!node.declare) this.statement(node.body);
        return;
      case "TSEnumDeclaration":
      case "TSExportAssignment":
      case "TSImportEqualsDeclaration":
      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
      case "TSDeclareFunction":
      case "TSNamespaceExportDeclaration":
      case "ImportDeclaration":
      case "ExportAllDeclaration":
      case "EmptyStatement":
      case "DebuggerStatement":
        return;
      case "ExportNamedDeclaration":
        if (node.declaration) this.statement(node.declaration);
        return;
      case "BlockStatement":
      case "TSModuleBlock":
      case "StaticBlock":
        this.statements(node.body);
        return;
      case "TryStatement":
        this.statement(node.block);
        if (node.handler) this.catchClause(node.handler);
        if (node.finalizer) this.statement(node.finalizer);
        return;
      default:
        if (isFunctionNode(node)) {
          this.functionBody(node);
          return;
        }
        // A statement of a syntax to come: left as it is, its parts too.
        return;
    }
  }

  private branches({ test, consequent, alternate }: t.IfStatement): void {
    const site = this.decider(test, "condition");
    this.under(site, true, () => this.statement(consequent));
    if (alternate) this.under(site, false, () => this.statement(alternate));
    // What follows is only reached where the branch that leaves was not taken.
    if (leaves(consequent)) this.guard(site, false);
    else if (alternate && leaves(alternate)) this.guard(site, true);
  }

  /** An expression that decides what is reached: its site, or null when it is not watched. */
  private decider(node: SyntaxNode, interest: Interest): number | null {
    const id = this.sites.length;
    this.expression(node, interest);
    const { start, end } = withoutTypes(node);
    const site = this.sites[id];
    return site !== undefined && site.start === start && site.end === end ? id : null;
  }

  private guard(site: number | null, truth: boolean): void {
    if (site !== null) this.guards = [...this.guards, [site, truth]];
  }

  private under(site: number | null, truth: boolean, visit: () => void): void {
    const outside = this.guards;
    this.guard(site, truth);
    visit();
    this.guards = outside;
  }

  private declarations(node: t.VariableDeclaration): void {
    for (const one of node.declarations) this.declarator(one);
  }

  /** `a--`, a line break and `[b] = c` are two statements; behind a call the bracket would go on. So what ends by itself is ended. */
  private endStatement(node: SyntaxNode): void {
    if (this.functions.length > 0 && this.source[node.end! - 1] !== ";") this.text.appendLeft(node.end!, ";");
  }

  private declarator(node: t.VariableDeclarator): void {
    this.pattern(node.id);
    if (!node.init) return;
    const init = withoutTypes(node.init);
    if (node.id.type === "Identifier" && isFunctionNode(init)) this.functionBody(init, node.id.name);
    else this.expression(node.init, "value");
  }

  /** `break` becomes `{reached;break}`: valid wherever a statement is. */
  private reachedStatement(node: SyntaxNode): void {
    if (this.functions.length === 0) return;
    const site = this.addSite("statement", node.start!, node.end!);
    this.text.appendRight(node.start!, `{${this.prefix}r(${site});`);
    this.text.appendLeft(node.end!, "}");
  }

  private labelled(node: t.LabeledStatement): void {
    let body: t.Statement = node.body;
    while (body.type === "LabeledStatement") body = body.body;
    if (body.type === "ForStatement" || body.type === "ForInStatement" || body.type === "ForOfStatement") {
      this.forLoop(body, node);
    } else {
      this.statement(body);
    }
  }

  /** @param whole the loop with its labels */
  private forLoop(node: t.ForStatement | t.ForInStatement | t.ForOfStatement, whole: SyntaxNode): void {
    const loop = this.loops.statements.get(node) ?? null;
    if (loop !== null) this.text.appendRight(whole.start!, `{${this.prefix}l(${loop});`);
    let entry: [number, number] | null = null;
    let test: number | null = null;
    if (node.type === "ForStatement") {
      if (node.init) {
        if (node.init.type === "VariableDeclaration") this.declarations(node.init);
        else this.expression(node.init, "parts");
      }
      if (node.test) test = this.decider(node.test, "condition");
      else entry = [node.start!, node.start! + "for".length];
      if (node.update) this.expression(node.update, "parts");
    } else {
      if (node.left.type === "VariableDeclaration") this.declarations(node.left);
      else this.pattern(node.left);
      this.expression(node.right, "value");
    }
    this.under(test, true, () => this.loopBody(node.body, loop, entry));
    if (loop !== null) this.text.appendLeft(whole.end!, `${this.prefix}d(${loop});}`);
  }

  /** @param entry where the site of the loop's start is shown; null for loops with a condition, which tells as much */
  private loopBody(body: t.Statement, loop: number | null, entry: [number, number] | null = null): void {
    let head = loop === null ? "" : `${this.prefix}n(${loop});`;
    if (entry !== null) head += `${this.prefix}r(${this.addSite("statement", ...entry)});`;
    if (body.type === "BlockStatement") {
      if (head !== "") this.text.appendRight(bodyStart(body), head);
      this.statement(body);
      return;
    }
    if (head !== "") this.text.appendRight(body.start!, `{${head}`);
    this.statement(body);
    if (head !== "") this.text.appendLeft(body.end!, "}");
  }

  private catchClause(node: t.CatchClause): void {
    const { param, body } = node;
    if (this.functions.length > 0) {
      const end = param ? this.source.indexOf(")", param.end!) + 1 : node.start! + "catch".length;
      const site = this.addSite("catch", node.start!, Math.min(end, body.start!));
      const own = `${this.prefix}${this.caught++}`;
      if (!param) {
        this.text.appendRight(body.start!, `(${own})`);
        this.text.appendRight(bodyStart(body), `${this.prefix}e(${site},${own});`);
      } else if (param.type === "Identifier") {
        this.text.appendRight(bodyStart(body), `${this.prefix}e(${site},${param.name});`);
      } else {
        // catch ({ message }) {   becomes   catch ($0) {e(1,$0);let { message }=$0;
        this.text.appendRight(param.start!, `${own}){${this.prefix}e(${site},${own});let `);
        const between = this.source.slice(param.end!, body.start! + 1);
        this.text.overwrite(param.end!, body.start! + 1, `=${own};${between.replaceAll(/[^\r\n\u2028\u2029]/g, "")}`);
        this.pattern(param);
      }
    }
    this.statement(body);
  }

  // --- functions and classes -----------------------------------------------------------------------------------------

  private functionBody(node: FunctionNode, name: string | null = ownName(node)): void {
    this.functions.push(name ?? this.functions.at(-1) ?? "");
    // A function may be called from anywhere.
    const outside = this.guards;
    this.guards = [];
    if (this.mayHaveRows) findRowLoops(node, this.loops);
    for (const param of node.params) this.pattern(param);
    const loop = this.callbackLoops.get(node);
    const turn = loop === undefined ? "" : `${this.prefix}n(${loop})`;
    if (node.body.type === "BlockStatement") {
      if (turn !== "") this.text.appendRight(bodyStart(node.body), `${turn};`);
      this.statement(node.body);
    } else {
      if (turn !== "") this.text.appendRight(node.body.start!, `(${turn},`);
      this.expression(node.body, "return");
      if (turn !== "") this.text.appendLeft(node.body.end!, ")");
    }
    this.guards = outside;
    this.functions.pop();
  }

  private classBody(node: t.Class): void {
    const name = node.id?.name ?? this.functions.at(-1) ?? "";
    for (const member of node.body.body) {
      if ("computed" in member && member.computed && "key" in member) this.expression(member.key, "value");
      switch (member.type) {
        case "ClassMethod":
        case "ClassPrivateMethod":
          this.functionBody(member);
          break;
        case "ClassProperty":
        case "ClassPrivateProperty":
        case "ClassAccessorProperty":
          if (!member.value || ("declare" in member && member.declare)) break;
          this.functions.push(name);
          this.expression(member.value, "value");
          this.endStatement(member);
          this.functions.pop();
          break;
        case "StaticBlock":
          this.functions.push(name);
          this.statement(member);
          this.functions.pop();
          break;
        default:
      }
    }
  }

  /** Targets of assignments, parameters and declarations: only defaults and computed keys are values. */
  private pattern(node: SyntaxNode): void {
    switch (node.type) {
      case "AssignmentPattern":
        this.pattern(node.left);
        this.expression(node.right, "value");
        return;
      case "ObjectPattern":
        for (const property of node.properties) {
          if (property.type === "RestElement") this.pattern(property.argument);
          else {
            if (property.computed) this.expression(property.key, "value");
            this.pattern(property.value);
          }
        }
        return;
      case "ArrayPattern":
        for (const element of node.elements) if (element !== null) this.pattern(element);
        return;
      case "RestElement":
        this.pattern(node.argument);
        return;
      case "TSParameterProperty":
        this.pattern(node.parameter);
        return;
      case "TSAsExpression":
      case "TSSatisfiesExpression":
      case "TSNonNullExpression":
      case "TSTypeAssertion":
        this.pattern(node.expression);
        return;
      case "MemberExpression":
        this.expression(node, "parts");
        return;
      default:
    }
  }

  // --- expressions ---------------------------------------------------------------------------------------------------

  private expression(node: SyntaxNode, interest: Interest): void {
    const always = interest === "condition" || interest === "return";
    const wanted = interest !== "parts";
    const kind: SiteKind = always ? interest : "expression";
    switch (node.type) {
      case "TSAsExpression":
      case "TSSatisfiesExpression":
      case "TSNonNullExpression":
      case "TSTypeAssertion":
      case "TSInstantiationExpression":
        this.expression(node.expression, interest);
        return;

      case "CallExpression":
      case "OptionalCallExpression":
      case "MemberExpression":
      case "OptionalMemberExpression":
        this.chain(node, interest);
        return;
      case "NewExpression":
        this.wrap(node, wanted ? (always ? kind : "call") : null, () => this.callArguments(node.arguments));
        return;
      case "TaggedTemplateExpression":
        this.wrap(node, wanted ? (always ? kind : "call") : null, () => {
          this.callee(node.tag);
          for (const part of node.quasi.expressions) this.expression(part, "operand");
        });
        return;

      case "AwaitExpression":
        this.wrap(node, wanted ? kind : null, () => {
          // The promise itself says little; the awaited value is what was asked for.
          this.expression(node.argument, "parts");
        });
        return;
      case "YieldExpression":
        this.wrap(node, wanted ? kind : null, () => {
          if (node.argument) this.expression(node.argument, "operand");
        });
        return;

      case "BinaryExpression":
        this.wrap(node, wanted ? kind : null, () => {
          if (node.left.type !== "PrivateName") this.expression(node.left, "operand");
          this.expression(node.right, "operand");
        });
        return;
      case "LogicalExpression":
        this.wrap(node, wanted ? kind : null, () => {
          const left = this.decider(node.left, "operand");
          // What `??` asks is not the truth of its left side.
          const decides = node.operator === "??" ? null : left;
          this.under(decides, node.operator === "&&", () => this.expression(node.right, "operand"));
        });
        return;
      case "ConditionalExpression":
        this.wrap(node, wanted ? kind : null, () => {
          const test = this.decider(node.test, "condition");
          this.under(test, true, () => this.expression(node.consequent, "operand"));
          this.under(test, false, () => this.expression(node.alternate, "operand"));
        });
        return;
      case "UnaryExpression":
        this.unary(node, interest, kind);
        return;
      case "UpdateExpression":
        this.wrap(node, wanted ? kind : null, () => this.pattern(node.argument));
        return;
      case "AssignmentExpression":
        // What `x = value` is worth is seen at the value.
        this.wrap(node, always || (wanted && node.operator !== "=") ? kind : null, () => {
          this.pattern(node.left);
          this.namedValue(node.left, node.right);
        });
        return;
      case "SequenceExpression":
        this.wrap(node, always ? kind : null, () => {
          for (const part of node.expressions) this.expression(part, "value");
        });
        return;

      case "TemplateLiteral":
        this.wrap(node, wanted && (always || node.expressions.length > 0) ? kind : null, () => {
          for (const part of node.expressions) this.expression(part, "operand");
        });
        return;
      case "ArrayExpression":
        this.wrap(node, always ? kind : null, () => {
          for (const element of node.elements) if (element !== null) this.expression(element, "value");
        });
        return;
      case "ObjectExpression":
        this.wrap(node, always ? kind : null, () => {
          for (const property of node.properties) this.property(property);
        });
        return;
      case "SpreadElement":
        this.expression(node.argument, "value");
        return;
      case "ClassExpression":
        this.classBody(node);
        return;

      case "Identifier":
        if (node.name === "undefined" && !always) return;
        this.wrap(node, always || interest === "operand" ? kind : null, () => {});
        return;
      case "StringLiteral":
      case "NumericLiteral":
      case "BooleanLiteral":
      case "NullLiteral":
      case "BigIntLiteral":
      case "RegExpLiteral":
      case "ThisExpression":
      case "MetaProperty":
        this.wrap(node, always ? kind : null, () => {});
        return;
      default:
        if (isFunctionNode(node)) this.functionBody(node);
    }
  }

  private unary(node: t.UnaryExpression, interest: Interest, kind: SiteKind): void {
    const always = interest === "condition" || interest === "return";
    const argument = withoutTypes(node.argument);
    switch (node.operator) {
      case "typeof":
      case "delete":
        // Both look at the reference: `typeof unknownName` is no error, `delete a.b` needs the place.
        this.wrap(node, always ? kind : null, () => this.expression(argument, "parts"));
        return;
      case "void":
        this.wrap(node, always ? kind : null, () => this.expression(node.argument, "value"));
        return;
      default: {
        const isNumber = argument.type === "NumericLiteral";
        const wanted = always || (interest !== "parts" && !isNumber);
        this.wrap(node, wanted ? kind : null, () => this.expression(node.argument, "operand"));
        return;
      }
    }
  }

  private property(node: t.ObjectProperty | t.ObjectMethod | t.SpreadElement): void {
    if (node.type === "SpreadElement") {
      this.expression(node.argument, "value");
      return;
    }
    if (node.computed) this.expression(node.key, "value");
    if (node.type === "ObjectMethod") {
      this.functionBody(node);
      return;
    }
    if (node.shorthand) return;
    const value = withoutTypes(node.value);
    const name = keyName(node.key, node.computed);
    // Arrow functions and function expressions go by the name of their property, as `score: (ctx) => …`.
    if (isFunctionNode(value) && name !== null) this.functionBody(value, ownName(value) ?? name);
    else this.expression(node.value, "value");
  }

  private namedValue(target: SyntaxNode, value: SyntaxNode): void {
    const inner = withoutTypes(value);
    if (target.type === "Identifier" && isFunctionNode(inner)) this.functionBody(inner, ownName(inner) ?? target.name);
    else this.expression(value, "value");
  }

  /** Calls and member accesses; `a?.b.c()` is one unit because the chain ends as a whole where it is cut short. */
  private chain(
    node: t.CallExpression | t.OptionalCallExpression | t.MemberExpression | t.OptionalMemberExpression,
    interest: Interest,
  ): void {
    const always = interest === "condition" || interest === "return";
    if (node.type === "MemberExpression" || node.type === "OptionalMemberExpression") {
      const kind: SiteKind = always ? interest : "expression";
      this.wrap(node, interest === "parts" ? null : kind, () => this.links(node));
      return;
    }
    if (node.callee.type === "Super" || node.callee.type === "Import") {
      this.wrap(node, null, () => this.callArguments(node.arguments));
      return;
    }
    const matching = patternCall(node, this.constants);
    if (matching !== null && interest !== "parts" && isSingleMatch(matching.method)) {
      this.wrap(
        node,
        "regex",
        (site) => {
          const subject = site < 0 || isInChain(matching.subject) ? null : matching.subject;
          if (subject !== null) this.openSubject(subject, site);
          this.links(node);
          if (subject !== null) this.closeSubject(subject);
        },
        { regex: matching.pattern },
      );
      return;
    }
    const turn = node.type === "CallExpression" ? this.loops.calls.get(node) : undefined;
    if (turn !== undefined) this.callbackLoops.set(turn.callback, turn.loop);
    this.wrap(node, interest === "parts" ? null : always ? interest : "call", () => {
      if (turn !== undefined) {
        this.text.appendRight(node.start!, `${this.prefix}d(${turn.loop},`);
        this.text.appendRight(turn.list.start!, `${this.prefix}l(${turn.loop},`);
      }
      this.links(node);
      if (turn !== undefined) {
        this.text.appendLeft(turn.list.end!, ")");
        this.text.appendLeft(node.end!, ")");
      }
    });
    return;
  }

  /** The parts of a call or member access that are values of their own. */
  private links(node: SyntaxNode): void {
    const link = withoutTypes(node);
    switch (link.type) {
      case "CallExpression":
      case "OptionalCallExpression":
        this.callee(link.callee);
        this.callArguments(link.arguments);
        return;
      case "MemberExpression":
      case "OptionalMemberExpression":
        if (link.computed) {
          this.chainStart(link);
          this.expression(link.property, "operand");
          return;
        }
        this.chainStart(link);
        return;
      default:
    }
  }

  /** What a member is taken from. Inside a chain it is not a value of its own; before the chain it is. */
  private chainStart(link: t.MemberExpression | t.OptionalMemberExpression): void {
    const object = withoutTypes(link.object);
    if (object.type === "Super") return;
    const sameChain =
      link.type === "OptionalMemberExpression" &&
      (object.type === "OptionalMemberExpression" || object.type === "OptionalCallExpression");
    const parenthesized = object.extra?.parenthesized === true;
    if (sameChain && !parenthesized) {
      this.links(object);
      return;
    }
    if (object.type === "MemberExpression" || object.type === "OptionalMemberExpression") {
      this.links(object);
      return;
    }
    this.expression(link.object, "value");
  }

  /** A callee keeps its `this`: only what stands around the reference is a value. */
  private callee(node: SyntaxNode): void {
    const callee = withoutTypes(node);
    switch (callee.type) {
      case "Identifier":
      case "Super":
      case "Import":
        return;
      case "MemberExpression":
      case "OptionalMemberExpression": {
        const object = withoutTypes(callee.object);
        const plainObject = object.type === "MemberExpression" && callee.type === "MemberExpression";
        if (callee.computed) this.expression(callee.property, "operand");
        // `ctx.completion.trim()`: the receiver is worth a look; `Math.max()`: a plain name is not.
        plainObject ? this.expression(callee.object, "value") : this.chainStart(callee);
        return;
      }
      case "OptionalCallExpression":
        this.links(callee);
        return;
      default:
        this.expression(node, "value");
        return;
    }
  }

  private callArguments(nodes: readonly SyntaxNode[]): void {
    for (const node of nodes) this.expression(node, "value");
  }

  /** The text that a pattern is matched against is kept for the texts that do not match. */
  private openSubject(node: SyntaxNode, site: number): void {
    this.text.appendRight(node.start!, `${this.prefix}s(${site},${node.type === "SequenceExpression" ? "(" : ""}`);
  }

  private closeSubject(node: SyntaxNode): void {
    this.text.appendLeft(node.end!, node.type === "SequenceExpression" ? "))" : ")");
  }

  /**
   * Inserts the recorder's call around a node, and visits its parts in between, so that outer calls stand outside.
   *
   * @param kind null: only the parts
   */
  private wrap(node: SyntaxNode, kind: SiteKind | null, parts: (site: number) => void, more: Partial<Site> = {}): void {
    if (kind === null || this.functions.length === 0) {
      // Loops over rows exist outside of functions as little as sites do, but their parts are visited all the same.
      parts(-1);
      return;
    }
    const site = this.addSite(kind, node.start!, node.end!, more);
    const p = this.prefix;
    // Evaluated before the value: where a program hangs, this is the last that was reached.
    const entered = mayHang(node) ? `${p}b(${site})` : `${site}`;
    const hook =
      kind === "regex" ? `m(${entered},` : node.type === "AwaitExpression" ? `a(${entered},${p}w(),` : `v(${entered},`;
    const isSequence = node.type === "SequenceExpression";
    this.text.appendRight(node.start!, `${p}${hook}${isSequence ? "(" : ""}`);
    parts(site);
    this.text.appendLeft(node.end!, isSequence ? "))" : ")");
  }

  private addSite(kind: SiteKind, start: number, end: number, more: Partial<Site> = {}): number {
    const id = this.sites.length;
    const { guards } = this;
    const reached = guards.length === 0 ? {} : { guards };
    this.sites.push({ id, kind, start, end, function: this.functions.at(-1) ?? "", ...reached, ...more });
    return id;
  }
}

function isSingleMatch(method: string): boolean {
  return method === "test" || method === "exec" || method === "match" || method === "search";
}

/** `a?.b.match(/x/)`: `a?.b` cannot be taken out, the call must not happen when `a` is missing. */
function isInChain(subject: SyntaxNode): boolean {
  const inner = withoutTypes(subject);
  const parenthesized = inner.extra?.parenthesized === true || subject.extra?.parenthesized === true;
  return !parenthesized && (inner.type === "OptionalMemberExpression" || inner.type === "OptionalCallExpression");
}

function mayHang(node: SyntaxNode): boolean {
  switch (node.type) {
    case "CallExpression":
    case "OptionalCallExpression":
    case "OptionalMemberExpression":
    case "NewExpression":
    case "TaggedTemplateExpression":
    case "AwaitExpression":
      return true;
    default:
      return false;
  }
}

/** Whether what stands behind a statement is never reached from it. */
function leaves(node: t.Statement): boolean {
  switch (node.type) {
    case "ReturnStatement":
    case "ThrowStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return true;
    case "BlockStatement":
      return node.body.length > 0 && leaves(node.body.at(-1)!);
    case "IfStatement":
      return node.alternate != null && leaves(node.consequent) && leaves(node.alternate);
    default:
      return false;
  }
}

function ownName(node: FunctionNode): string | null {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
      return node.id?.name ?? null;
    case "ObjectMethod":
    case "ClassMethod":
      return keyName(node.key, node.computed);
    case "ClassPrivateMethod":
      return keyName(node.key, false);
    case "ArrowFunctionExpression":
      return null;
  }
}

function isStatementLike(node: SyntaxNode): boolean {
  return node.type === "FunctionDeclaration" || node.type === "ClassDeclaration" || node.type.startsWith("TS");
}
