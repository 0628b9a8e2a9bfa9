/**
 * Functions at random for the differential tests: every construct the rewriter has a rule for, in every combination, with values that
 * often do not fit, so that exceptions happen too. Loops end; nothing reads the clock. Same seed, same text.
 */

/** A small generator of numbers; the tests need repeatable choices, not quality. */
export class Choices {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 ≤ result < limit */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

export function generateFunction(name: string, choices: Choices): string {
  return new FunctionText(choices).text(name);
}

const names = ["a", "b", "c", "s", "o", "list", "f"];
const assignable = ["a", "b", "c", "s"];

class FunctionText {
  private counter = 0;
  private inGenerator = false;
  private loops = 0;
  private labels: string[] = [];

  constructor(private readonly choices: Choices) {}

  text(name: string): string {
    const directive = this.choices.below(4) === 0 ? '"use strict";' : "";
    return `export async function ${name}(a: any, b: any = ${this.expression(1)}, c?: any, log?: any, later?: any) {${directive}
  let s: any = "text <x>1</x>", f: any = (x: any, ...more: any[]) => x ?? more.length, list: any[] = [1, "2", a];
  const o: any = { n: 1, m(this: any, x: any) { return this.n + x }, deep: { list, f }, get side() { log("side"); return this.n++ }, set side(x) { log("set", x) } };
  o.self = o;
${this.statements(2, 3)}
  return [a, b, c, s, o.n, list.length, ${this.expression(2)}];
}`;
  }

  private statements(depth: number, count: number): string {
    return Array.from({ length: 1 + this.choices.below(count) }, () => this.statement(depth)).join("\n");
  }

  private statement(depth: number): string {
    const { choices } = this;
    const e = (d = 2) => this.expression(d);
    const simple: (() => string)[] = [
      () => `${choices.pick(assignable)} = ${e()};`,
      () => `${choices.pick(assignable)} ${choices.pick(["+=", "-=", "*=", "??=", "||=", "&&=", "|="])} ${e()}\n`,
      () => `log(${e()});`,
      () => `${this.target()} = ${e()};`,
      () => `${this.target()}${choices.pick(["++", "--"])};`,
      () => `let v${this.counter++} = ${e()}, w${this.counter++}: any = ${e(1)};`,
      () => `[${choices.pick(assignable)} = ${e(1)}, ...list] = ${choices.pick(["list", "[a, b]", "s", e(1)])};`,
      () =>
        `({ n: ${choices.pick(assignable)} = ${e(1)}, ["de" + "ep"]: { list: [o.n = ${e(1)}] } } = ${choices.pick(["o", "o.self", e(1)])});`,
      () =>
        `const { m: m${this.counter}, x: x${this.counter++} = ${e()}, ...rest${this.counter++} } = ${choices.pick(["o", "o.deep", e(1)])};`,
      () => `delete ${choices.pick(["o.deep.f", "o?.deep", 'o["n"]', "list[0]", `o[${e(1)}]`])};`,
      () =>
        choices.below(3) === 0
          ? `return ${e()}\n`
          : `if (${e()}) log("if")\nelse ${choices.pick(assignable)} = ${e()}\n`,
      () => (choices.below(4) === 0 ? `throw ${choices.pick(["new Error(String(a))", e()])};` : `void ${e()};`),
      () => (this.loops > 0 ? `if (${e()}) ${this.jump()}` : `{ ${choices.pick(assignable)} = ${e()} }`),
      () =>
        this.inGenerator
          ? `${choices.pick(assignable)} = yield ${e()};`
          : `a = await ${choices.pick(["later", "f"])}(${e()});`,
    ];
    if (depth === 0) return choices.pick(simple)();
    const compound: (() => string)[] = [
      () => `if (${e()}) {${this.statements(depth - 1, 2)}} else ${this.block(depth - 1)}`,
      () => this.loop((label, i) => `${label}for (let ${i} = 0; ${i} < ${1 + choices.below(3)}; ${i}++)`, depth),
      () =>
        this.loop(
          (label, i) => `${label}for (const ${i} of ${choices.pick(["list.slice(0, 3)", "[1, 2]", "s", e(1)])})`,
          depth,
        ),
      () => this.loop((label, i) => `${label}for (const ${i} in ${choices.pick(["o.deep", "list", e(1)])})`, depth),
      () => {
        const n = `n${this.counter++}`;
        return `let ${n} = 3; ${this.loop((label) => `${label}while (${n}-- > 0 && ${choices.pick(["true", e(1)])})`, depth)}`;
      },
      () => {
        const n = `n${this.counter++}`;
        this.loops++;
        const body = this.block(depth - 1);
        this.loops--;
        return `let ${n} = 2; do ${body} while (--${n} > 0 && ${e(1)});`;
      },
      () => {
        const n = `n${this.counter++}`;
        return `let ${n} = 0; ${this.loop((label) => `${label}for (;;)`, depth, `if (${n}++ > 2) break;`)}`;
      },
      () => `try {${this.statements(depth - 1, 2)}} catch ${this.catchHead()} {${this.statements(depth - 1, 2)}}`,
      () =>
        `try {${this.statements(depth - 1, 2)}} catch (error: any) { log(kind(error)) } finally {${this.statements(depth - 1, 1)}}`,
      () =>
        `switch (${e()}) { case ${e(1)}: ${this.statements(depth - 1, 1)} case 1: { ${choices.pick(assignable)} = ${e()}; } ${choices.pick(["break;", ""])} default: ${this.statements(depth - 1, 1)} }`,
      () => this.innerFunction(depth),
      () => this.innerClass(),
    ];
    return choices.pick(choices.below(5) < 3 ? compound : simple)();
  }

  private loop(head: (label: string, variable: string) => string, depth: number, first = ""): string {
    const named = this.choices.below(3) === 0;
    const label = `L${this.counter++}`;
    if (named) this.labels.push(label);
    this.loops++;
    const text = head(named ? `${label}: ` : "", `i${this.counter++}`);
    const body =
      first === "" && this.choices.below(3) === 0 ? this.simple(depth) : `{${first}${this.statements(depth - 1, 2)}}`;
    this.loops--;
    if (named) this.labels.pop();
    return `${text} ${body}`;
  }

  /** A statement without braces that is allowed as a body. */
  private simple(depth: number): string {
    const text = this.statement(0);
    return /^(?:let|const|class|function)\b/.test(text) || depth < 0 ? `{${text}}` : text;
  }

  private block(depth: number): string {
    return this.choices.below(3) === 0 ? this.simple(depth) : `{${this.statements(depth, 2)}}`;
  }

  private jump(): string {
    const word = this.choices.pick(["break", "continue"]);
    const label = this.labels.length > 0 && this.choices.below(2) === 0 ? ` ${this.choices.pick(this.labels)}` : "";
    return `${word}${label}\n`;
  }

  private catchHead(): string {
    return this.choices.pick(["(error: any)", "", "({ message, none = a }: any)", "([first]: any)", "(a)"]);
  }

  private innerFunction(depth: number): string {
    const name = `g${this.counter++}`;
    const outer = { loops: this.loops, labels: this.labels, inGenerator: this.inGenerator };
    Object.assign(this, { loops: 0, labels: [] });
    const kind = this.choices.below(4);
    this.inGenerator = kind === 1;
    const body = this.statements(depth - 1, 2).replaceAll(kind === 0 ? "await " : "\u0000", "");
    Object.assign(this, outer);
    const call = (args: string) => (this.inGenerator ? `log(${name}(${args}))` : `a = ${name}(${args})`);
    switch (kind) {
      case 0:
        return `function ${name}(p: any, { q = p } = {} as any) {${body}\n return p } ${call(this.expression(1))};`;
      case 1:
        return `function* ${name}() {${body}\n yield* [a, b]; return c } for (const y of ${name}()) { log(y); if (y === b) break }`;
      case 2:
        return this.inGenerator
          ? `log(${this.expression(2)});`
          : `const ${name} = async (p = ${this.expression(1)}) => {${body}\n return p }; c = await ${name}().catch(kind);`;
      default:
        return `const ${name} = (p: any) => ${this.choices.pick(["({ p, a })", "[p, a]", "p", "(a, p)"])}; ${call(this.expression(1))};`;
    }
  }

  private innerClass(): string {
    const name = `C${this.counter++}`;
    const e = (d = 1) => this.expression(d).replaceAll("await ", "").replaceAll("yield ", "");
    return `class ${name}Base { constructor(readonly n: any) {} up(x: any) { return [this.n, x] } get g() { log("get"); return ${e()} } }
      class ${name} extends ${name}Base { field = ${e()}; #hidden = ${e()}; static made = ${e()}; ["k" + 1] = 1;
        constructor() { super(${e()}); log(new.target?.name) } up(x: any) { return super.up(${e()}) && (#hidden in this) && this.#hidden } }
      try { const k = new ${name}; log(k.up(1), k.g, ${name}.made, k.field) } catch (error) { log(kind(error)) }`;
  }

  private target(): string {
    return this.choices.pick([
      "o.n",
      "o.side",
      'o["n"]',
      "list[1]",
      `list[${this.expression(1)}]`,
      "o.deep.x",
      "(o as any).y",
      "o!.z",
      "o.self.n",
    ]);
  }

  private expression(depth: number): string {
    const { choices } = this;
    if (depth <= 0) {
      return choices.pick([
        ...names,
        "0",
        "1",
        "2.5",
        '"x"',
        "``",
        "null",
        "undefined",
        "true",
        "[]",
        "({})",
        "/x(.)/",
        "o.n",
        "o.side",
        "list[0]",
        "-1",
        "o.none",
      ]);
    }
    const e = (d = depth - 1) => this.expression(d);
    const forms: (() => string)[] = [
      () => `(${e()} ${choices.pick(["+", "-", "*", "%", "<", ">", "===", "!=", "<=", "&", "<<"])} ${e()})`,
      () => `(${e()} ${choices.pick(["&&", "||"])} ${e()})`,
      () => `(${e()} ?? ${e()})`,
      () => `(${e()} ? ${e()} : ${e()})`,
      () => `(${choices.pick(["!", "-", "+", "~", "typeof ", "void "])}${e()})`,
      () => `(typeof ${choices.pick(["unknownName", "o.q", "o?.deep.f"])})`,
      () => `f(${e()}, ...${choices.pick(["list", "[a]", `[${e()}, b]`])})`,
      () => `o.m(${e()})`,
      () =>
        `${choices.pick(["o", "o.self", "o.none", "c", "a"])}?.${choices.pick(["n", "m(1)", "[a]", "deep.list?.[0]", "deep!.f(2).x", "self.m?.(3)", "(b)"])}`,
      () => `(${choices.pick(["o?.m", "(o.m)", "0, o.m", "o.none?.x"])})(${e()})`,
      () => `String(${choices.pick(["a", "b", "s", "o.n", `[${e()}].length`])})`,
      () => `\`<\${${e()} === 1}>\${typeof ${choices.pick(names)}}\``,
      () => `String.raw\`\\n\${o.n}\``,
      () => `tag\`x\${${e()}}\\y\${o.n}z\``,
      () => `[${e()}, ...${choices.pick(["list", "s", e()])}]`,
      () =>
        `({ a, [${choices.pick(["s", '"k"'])}]: ${e()}, ...${choices.pick(["o.deep", "null", e()])}, n: ${e()}, go() { return this.n }, get w() { return a } })`,
      () => `list.map((x: any, i: number) => ${choices.pick(["x", "[x, i]", "(log(i), x)", "({ x })"])}).length`,
      () => `list.filter(function (this: any, x: any) { return x && ${e()} }).length`,
      () => `(${choices.pick(assignable)} ${choices.pick(["=", "+=", "??="])} ${e()})`,
      () => `${choices.pick(["a", "o.n"])}${choices.pick(["++", "--"])}`,
      () => `(${e()}, ${e()})`,
      () =>
        `(${choices.pick(["/x>(\\d)</.exec(s)", "s.match(/<(.)>/)", "/1/.test(a)", "String(b).search(/\\d/)", 's.replace(/x/g, "y")', "s?.match(/q/)?.[0]"])})`,
      () => `(${choices.pick(['"n" in o', "list instanceof Array", `${e()} in o.deep`, `a instanceof ${e()}`])})`,
      () =>
        `new ${choices.pick(["Array(2)", "Map([[a, b]])", "(class { k = 1 })()", "Error(s)", "f(1)"])}${choices.pick(["", ""])}`,
      () => `(${e()} as ${choices.pick(["any", "string", "unknown as any"])})`,
      () => `(${e()} satisfies unknown)!`,
      () => (this.inGenerator ? `(yield ${e()})` : `(await later(${e()}))`),
      () => `(function (this: any, x: any) { return arguments.length + (x ?? 1) })(${e()})`,
      () => `(delete o.${choices.pick(["q", "deep", "n"])})`,
    ];
    return choices.below(8) === 0 ? this.expression(0) : choices.pick(forms)();
  }
}
