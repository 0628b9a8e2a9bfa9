import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { type Hooks, makeRecorder } from "@iad-r1/server/rewards/live/recorder";
import { sharedLayout } from "@iad-r1/server/rewards/user/recording";
import { describe, expect, it } from "vitest";
import { runInstrumented, runPlain, siteAt, valuesAt } from "../../../helpers/liveRun";

/** Each construct the rewriter must leave alone: the same outcome and the same calls of `log`, and values where some are worth seeing. */
const constructs: { title: string; source: string; args?: unknown[]; values?: Record<string, string[]> }[] = [
  {
    title: "a method keeps its this",
    source: `class Box { n = 3; get() { return this.n } }
      export function run() { const b = new Box(); const o = { b }; return b.get() + o.b.get() + (o.b).get() + o["b"]["get"]() }`,
    values: { "b.get()": ["3"], "o.b.get()": ["3"], "o.b": ["Box { n: 3 }"] },
  },
  {
    title: "a callee taken out of its object loses this as before",
    source: `export function run() { "use strict"; const o = { f() { return this === undefined } }; return [(0, o.f)(), (o.f)() ] }`,
  },
  {
    title: "an optional chain is one unit",
    source: `export function run(a: any) { log(a?.b.c.d()); log(a?.b!.c); log((a?.b)?.c); log(a?.[log("key")]?.(log("never"))); return a?.b.c }`,
    args: [undefined],
    values: { "a?.b.c": ["undefined"], "a?.b.c.d()": ["undefined"] },
  },
  {
    title: "an optional call keeps its this",
    source: `export function run() { const o: any = { n: 1, f() { return this?.n } }; return [o.f?.(), o?.f(), o?.["f"]?.(), (o?.f)()] }`,
    values: { "o.f?.()": ["1"], "(o?.f)()": ["1"] },
  },
  {
    title: "delete takes the property away",
    source: `export function run() { const o: any = { a: { b: 1, c: 2 } }; const done = delete o.a.b; delete o?.a["c"]; return [done, o] }`,
  },
  {
    title: "typeof of an unknown name is no error",
    source: `declare const nowhere: unknown;
      export function run(x: any) { return [typeof nowhere, typeof x.y, typeof (x.y), typeof x === "object" && typeof nowhere] }`,
    args: [{ y: 1 }],
  },
  {
    title: "targets of assignments and updates stay places",
    source: `export function run() {
      const o: any = { n: 1, list: [1, 2] }; let i = 0; let x: any;
      o.n += 2; o["list"][i++] = 5; o.list[i]++; --o.n; x = o.n = 7; x ??= 1; o.none ||= "set"; (o as any).cast = 1; o!.bang = 2; o.n!++;
      i = (i++, i + 1);
      return [o, i, x, o.n++ + ++o.n] }`,
    values: { "o.n += 2": ["3"], 'o.none ||= "set"': ['"set"'] },
  },
  {
    title: "destructuring with defaults and computed keys",
    source: `export function run(v: any) {
      const key = () => (log("key"), "k");
      const { a = log("default a") ?? 1, [key()]: b = a + 1, ...rest } = v; let p, q: any; [p = 9, [q] = [a]] = [undefined];
      for (const { c = b } of [{}, { c: 5 }] as any[]) log(c);
      (({ deep: { x = 4 } = {} as any, y: [z] = [a] }: any) => log(x, z))({});
      ({ a: v.target, b: v["t" + 2] = 3 } = { a: 8 } as any);
      return [a, b, rest, p, q, v.target, v.t2] }`,
    args: [{ other: 1 }],
    values: { "a + 1": ["2"] },
  },
  {
    title: "tagged templates get their strings, and keep this and identity",
    source: `export function run() {
      const seen: any[] = []; const o = { n: 2, tag(s: any, ...v: any[]) { seen.push(s); return s.raw.join("|") + v.map((x: number) => x * this.n) } };
      const once = (x: number) => o.tag\`a\\n\${x}b\${x + 1}\`; const r = [once(1), once(2)];
      return [r, seen[0] === seen[1], String.raw\`\\d\${r.length}\`] }`,
    values: { "x + 1": ["2", "3"] },
  },
  {
    title: "super, new.target and classes",
    source: `class A { static made = 0; constructor(public k: number) { A.made += new.target === B ? 1 : 10 } hi() { return "A" + this.k } get g() { return 5 } }
      class B extends A { f = this.k + 1; #p = this.f * 2; static s = A.made; constructor() { super(4) } override hi() { return super.hi() + this.#p + super.g + (#p in this) } }
      export function run() { const b = new B; new A(1); return [b.hi(), A.made, B.s, new (class { n = 1 })().n, B.name, Object.keys(b)] }`,
    values: { "super.hi()": ['"A4"'], "this.k + 1": ["5"] },
  },
  {
    title: "await and yield record what came back",
    source: `export async function run() {
      async function slow(x: number) { return (await later(x)) + 1 }
      function* gen() { const got: any = yield 1; log(got); try { yield* [2, 3] } finally { log("closed") } return 9 }
      const g = gen(); log(g.next()); log(g.next("hello")); log(g.return(5));
      async function* many() { yield await later(1); for await (const x of [later(2)]) yield x * 2 }
      const out = []; for await (const m of many()) out.push(m);
      return [await slow(2), out, await Promise.all([1, 2].map(async (x) => { const y = await later(x); return y * 10 }))] }`,
    values: { "await slow(2)": ["3"], "yield 1": ['"hello"'], "await later(x)": ["2"] },
  },
  {
    title: "comma and spread",
    source: `export function run() { const f = (...xs: number[]) => xs.length; let n = 0;
      for (let i = 0, j = 9; i < j; i++, j--) n += (log(i), j);
      const o = { ...{ a: f(1) }, ...(n > 3 && { b: 2 }) }; return [f(...[1, 2], ...[...[3]]), (n, n + 1), o, [...[n], ,]] }`,
    values: { "(n, n + 1)": [] as string[] },
  },
  {
    title: "labelled loops, break and continue without braces",
    source: `export function run() { let n = 0;
      outer: for (let i = 0; i < 3; i++) for (const j of [0, 1, 2]) { if (j == 1) continue outer; if (i == 2) break outer; n += 10 * i + j + 1 }
      block: { if (n) break block; n = -1 }
      do n++; while (n < 20)
      for (;;) if (n++ > 25) break
      for (const k in { a: 1, b: 2 }) switch (k) { case "a": n += 100; case "c": n += 1000; break; default: n += 5; continue }
      return n }`,
  },
  {
    title: "a getter is read once and never for the preview",
    source: `export function run() { let reads = 0; const o = { get side() { reads++; return { get deep() { reads += 100; return 1 } } } };
      const s = o.side; const p = new Proxy({}, { get() { reads += 1000; return 1 }, ownKeys() { reads += 1000; return [] }, getPrototypeOf() { reads += 1000; return null } });
      const pair = [s, p].filter((x) => x); return [reads, pair.length, { toString() { reads++; return "x" } } && reads] }`,
    values: { "o.side": ["{ deep: getter }"] },
  },
  {
    title: "functions and classes keep their names",
    source: `export function run() { const arrow = () => 1; let later = function () {}; const C = class {}; const o = { m: () => 1, ["k" + 1]: () => 2, n() {} };
      const { d = () => 1 } = {} as any; later ??= () => 2; let q; q = () => 3; const or = null ?? (() => 1);
      return [arrow.name, later.name, C.name, o.m.name, (o as any).k1.name, o.n.name, d.name, (q as any).name, or.name, (() => 1).length, (function (a, b = 1) {}).length] }`,
  },
  {
    title: "as, satisfies, ! and generics",
    source: `enum Colour { Red = 1 << 2, Green = Red + 1 } namespace N { export const inner = (x: number) => x * 2 } declare function ghost(): void;
      function pick<T>(x: T, ..._: unknown[]): T { return x } abstract class Q<T> { abstract z(): T; declare d: number; constructor(protected readonly w = pick(3)) {} }
      class R extends Q<number> { z() { return this.w! + (this.w as number satisfies number) } }
      export function run(x: unknown) { const list = [1, 2] as const; const id = pick<number>; return [(x as any).y.z!, pick<string>("g"), list[0]! satisfies number, <number>list[1], Colour.Green, Colour[4], N.inner(2), new R().z(), id(4)] }`,
    args: [{ y: { z: "deep" } }],
    values: { "(x as any).y.z": ['"deep"'], "this.w": ["3"] },
  },
  {
    title: "exceptions, finally and every form of catch",
    source: `export function run() { const out: any[] = [];
      const f = (x: any) => { try { return x.a.b } catch (error) { log(String(error)); return -1 } finally { log("finally") } };
      const g = (x: any) => { try { throw x } catch ({ message, code = 7 }: any) { var inner = message; return [inner, code] } };
      const h = () => { try { null!.x } catch { return "none" } };
      const k = () => { try { try { throw 1 } finally { log("inner") } } catch (e: any) { e += 1; return e } };
      const dead = () => { for (const i of [1]) { try { return i } finally { continue } } return 2 };
      out.push(f(null), f({ a: { b: 5 } }), g(new Error("m")), h(), k(), dead()); return out }`,
  },
  {
    title: "conditions of every kind",
    source: `export function run(x: number) { let n = 0; if (x) n = 1; else if (n) n = 2; while (n < 3) n++; do n += 2; while (false);
      const t = x > 1 ? "big" : x ? "some" : "none"; if (x > 1 && n) n++; if ((n = 5)) n = 6; return x && t || !n }`,
    args: [1],
    values: { x: ["1", "1", "1", "1", "1"].slice(0, 1), "x > 1": ["false"], "n < 3": ["true", "true", "false"] },
  },
  {
    title: "lines end without semicolons",
    source: `export function run() {
  let a = 1
  let b = a
  ++b
  const o = { a, b }
  o.a
  log(o)
  const s = \`x\${b}\`
  if (a) log(s)
  else log("no")
  return (
    a + b
  )
}`,
    values: { "a + b": ["3"] },
  },
  {
    title: "a statement that ends before a bracket still ends there",
    source: `export function run() {
  let a = 1, b = [0]
  a--
  [b] = [[5]]
  const c = a--
  b.n = a++
  [a] = [7]
  log(c)
  ;(log)("x")
  class K { x = a--
    ["y"] = 2 }
  log(new K())
  if (a) a++
  else a--
  return a--
}`,
  },
  {
    title: "directives stay first, also with a hashbang, and nothing ends the file",
    source: `#!/usr/bin/env node\n"use strict";"other"; export function run() { "use strict"; const f = function () { return this }; return f() === undefined } // the end`,
  },
  { title: "an empty function body and an empty module", source: "export function run() {}" },
  {
    title: "arrows with every kind of body",
    source: `export const run = async (x: number) => { const f = (a: number) => ({ a }), g = (a: number) => (log(a), a + 1), h = async (a: number) => await later(a), i = () => () => x, j = (a = f(1)) => [a, ...[x]]; return [f(1), g(2), await h(3), i()(), j()] }`,
    args: [4],
  },
  {
    title: "arguments, default parameters and getters with setters",
    source: `export function run() { function f(a: any, b = a + 1, { c = b } = {} as any) { return [arguments.length, a, b, c] }
      const o = { _v: 1, get v() { return this._v }, set v(x) { this._v = x * 2 }, async *[Symbol.iterator]() {}, ["x" + 1]: 3, __proto__: { up: 1 } };
      o.v = 4; return [f(1), f(1, 2, { c: 3 }), o.v, (o as any).up, o.x1] }`,
    values: { "a + 1": ["2"] },
  },
  {
    title: "decorators are left alone",
    source: `const seen: string[] = []; const use = (name: string) => (_: any, key?: any) => void seen.push(name + String(key));
      @use("a" + "b") class X { @use("field") y = seen.length + 1; @use("method") m(@use("param") p: number) { return p + this.y } }
      export function run() { return [new X().m(2), seen] }`,
    // Four decorators have run by then: y is 5.
    values: { "p + this.y": ["7"] },
  },
  {
    title: "regular expressions: literals, constants, constructors, global state",
    source: `const RE = /b(.)/g; const MADE = new RegExp("^a", "i");
      export function run(t: string) { const out: any[] = []; let m; while ((m = RE.exec(t)) !== null) out.push(m[1], RE.lastIndex);
      return [out, /x/.test(t), t.match(/a(?<n>.)/)?.groups?.n, MADE.test(t), t.search(/z/), t.replace(/b/g, "B"), [...t.matchAll(/b/g)].length, (t as any)?.foo?.match(/x/), t?.match(/q/)] }`,
    args: ["abcbd"],
    values: { "/x/.test(t)": ["false"], "t.search(/z/)": ["-1"], "MADE.test(t)": ["true"] },
  },
  {
    title: "in, instanceof, bigint, exponent and void",
    source: `export function run() { const o = { a: 1 }; return ["a" in o, o instanceof Object, 2n ** 3n, (-2) ** 2, void log("v"), -o.a, +"3", ~1, !o, typeof 1n] }`,
  },
  {
    title: "names that the recorder would use are free",
    source: `export function run() { const $l = 1, $lv = (x: number) => x * 2, __iadR1 = 3; return [$l, $lv(4), __iadR1] }`,
  },
];

describe("instrumenting TypeScript", () => {
  for (const { title, source, args = [], values = {} } of constructs) {
    it(`does not change: ${title}`, async () => {
      const plain = await runPlain(source, structuredClone(args));
      const { observed, recorded, code } = await runInstrumented(source, structuredClone(args));
      expect(observed, code).toEqual(plain);
      expect(plain.outcome).toMatch(/^returned /);
      for (const [text, expected] of Object.entries(values)) {
        if (expected.length > 0) expect(valuesAt(recorded, text), text).toEqual(expected);
      }
    });
  }

  it("keeps every line where it was", () => {
    for (const { source } of constructs) {
      const { code } = instrumentTypeScript(source, "x.ts");
      expect(code.split("\n").length).toBe(source.split("\n").length);
    }
  });

  it("leaves decorators with their arguments as they stand", () => {
    const source = `@tag("a") class X { @field({ deep: f(1) }) y = g(2); m(@param() p: number) { return p } }\nexport default X;`;
    const { code } = instrumentTypeScript(source, "x.ts");
    expect(code).toContain('@tag("a") class X');
    expect(code).toContain("@field({ deep: f(1) }) y = ");
    expect(code).toContain("m(@param() p: number)");
  });

  it("points back to the source from any inserted text", async () => {
    const source =
      "export function run(a: number) {\n  return a + bad(a);\n}\nfunction bad(x: number) { return x * 2 }\n";
    const { code, map } = instrumentTypeScript(source, "x.reward.ts");
    const { mappings, sources } = JSON.parse(map!) as { mappings: string; sources: string[] };
    expect(sources).toEqual(["x.reward.ts"]);
    expect(mappings.split(";").length).toBe(code.split("\n").length);
  });

  it("says where a text cannot be parsed", () => {
    expect(() => instrumentTypeScript("export function f( {\n  return 1;\n", "bad.ts")).toThrowError(
      expect.objectContaining({ code: "reward/syntax", where: expect.stringMatching(/^bad\.ts:\d+$/) }),
    );
  });
});

describe("what is recorded", () => {
  it("counts on when values are no longer kept", async () => {
    const source = "export function run() { let n = 0; for (let i = 0; i < 5000; i++) n += i % 2; return n }";
    const { recorded } = await runInstrumented(source);
    const record = recorded.records[siteAt(recorded, "i % 2").id]!;
    expect(record.reached).toBe(5000);
    expect(record.values).toHaveLength(4096);
  });

  it("keeps a value as it was, not as it became", async () => {
    const source =
      "export function run() { const list = make(); list.push(2); return list.length } function make() { return [1] }";
    const { recorded } = await runInstrumented(source);
    expect(valuesAt(recorded, "make()")).toEqual(["[1]"]);
  });

  it("shows which side of a short circuit was not reached", async () => {
    const source = "export function run(a: boolean) { return a && second() } function second() { return 1 }";
    const { recorded } = await runInstrumented(source, [false]);
    expect(recorded.records[siteAt(recorded, "second()").id]!.reached).toBe(0);
    expect(recorded.records[siteAt(recorded, "a").id]!.reached).toBe(1);
  });

  it("says what a catch swallowed and which line threw it", async () => {
    const source = `export function run(x: string) {
  try {
    const parsed = parse(x);
    return parsed.score;
  } catch {
    return 0;
  }
}
function parse(x: string) {
  return JSON.parse(x);
}`;
    const { recorded } = await runInstrumented(source, ["no json"], { row: 7 });
    const [site] = recorded.sites.filter(({ kind }) => kind === "catch");
    const { thrown } = recorded.records[site!.id]!;
    expect(source.slice(site!.start, site!.end)).toBe("catch");
    expect(thrown).toEqual([{ row: 7, line: 10, message: expect.stringMatching(/^SyntaxError: /) }]);
  });

  it("says what lets a place be reached", () => {
    const source = `export function run(c: string, n: number) {
      if (!c) return one();
      switch (n) { case 1: if (c === "x") break; two(); break; default: three() }
      for (let i = 0; i < n; i++) if (i === 5) { four(); break } else if (c! as any) five();
      while (n > 2) { try { six() } catch { seven(); continue } eight() }
      const inner = () => nine();
      return (n > 1 && c < "9") || ten() ? (c ?? eleven()) : twelve();
    }`;
    const { sites } = instrumentTypeScript(source, "/f.ts");
    const guards = (text: string) =>
      (sites.find(({ start, end }) => source.slice(start, end) === text)!.guards ?? []).map(([id, truth]) => {
        return `${source.slice(sites[id]!.start, sites[id]!.end)}: ${truth}`;
      });
    expect(guards("one()")).toEqual(["!c: true"]);
    expect(guards("two()")).toEqual(["!c: false", 'c === "x": false']);
    expect(guards("three()")).toEqual(["!c: false"]);
    expect(guards("four()")).toEqual(["!c: false", "i < n: true", "i === 5: true"]);
    expect(guards("five()")).toEqual(["!c: false", "i < n: true", "i === 5: false", "c: true"]);
    for (const text of ["six()", "seven()", "eight()"]) expect(guards(text)).toEqual(["!c: false", "n > 2: true"]);
    expect(guards("nine()")).toEqual([]);
    expect(guards('c < "9"')).toEqual(["!c: false", "n > 1: true"]);
    expect(guards("ten()")).toEqual(["!c: false", 'n > 1 && c < "9": false']);
    expect(guards("eleven()")).toEqual(["!c: false", '(n > 1 && c < "9") || ten(): true']);
    expect(guards("twelve()")).toEqual(["!c: false", '(n > 1 && c < "9") || ten(): false']);
  });

  it("keeps what was reached while the file was loaded apart", () => {
    const { sites } = instrumentTypeScript(
      "const make = (limit: number) => { const top = limit * 2; return top + 1 }",
      "/f.ts",
    );
    const recorder = makeRecorder(sites, new Int32Array(sharedLayout.length).fill(-1));
    const hooks = recorder.hooks as Hooks;
    hooks.v(0, 6);
    recorder.reset();
    hooks.v(1, 7);
    const [before, after] = recorder.records();
    expect(before).toMatchObject({ reached: 0, values: [], atLoad: { reached: 1, values: [{ row: -1 }] } });
    expect(after).toMatchObject({ reached: 1, values: [{ row: -1 }] });
    expect(after!.atLoad).toBeUndefined();
  });

  it("keeps the texts that a pattern missed", async () => {
    const source = `const RE = /<answer>(.*?)<\\/answer>/;
      export function run(texts: string[]) { return texts.map((text) => RE.exec(text)?.[1] ?? null) }`;
    const { recorded } = await runInstrumented(source, [["<answer>Yes</answer>", "<answer>Yes\n</answer>"]]);
    const call = siteAt(recorded, "RE.exec(text)", "regex");
    expect(call.regex).toMatchObject({ pattern: "<answer>(.*?)<\\/answer>", flags: "", anchor: "search" });
    expect(recorded.records[call.id]!.regex).toEqual({
      matched: 1,
      missed: [{ row: -1, text: "<answer>Yes\n</answer>" }],
    });
  });

  it("does not take a subject out of an optional chain", async () => {
    const source = "export function run(a: any) { return a?.text.match(/x/) }";
    const { observed, recorded } = await runInstrumented(source, [undefined]);
    expect(observed.outcome).toBe("returned undefined");
    expect(recorded.records[siteAt(recorded, "a?.text.match(/x/)").id]!.regex).toEqual({ matched: 0, missed: [] });
  });

  it("names the place that was being evaluated", async () => {
    const source =
      "export function run() { const a = 1 + 1; return hang(a) } function hang(_: number) { throw new Error('x') }";
    const { recorded } = await runInstrumented(source);
    const site = recorded.sites[recorded.lastSite]!;
    expect(source.slice(site.start, site.end)).toBe("new Error('x')");
  });

  it("records the path of the pinned row alone, in order of evaluation", async () => {
    const source = "export function run(x: number) { const y = x * 2; if (y > 3) return 1; return y - 1 }";
    const { recorded } = await runInstrumented(source, [1], { row: 3, pinned: 3 });
    const path = recorded.trace!.steps.map(({ site, preview }) => {
      const { start, end } = recorded.sites[site]!;
      return `${source.slice(start, end)} = ${preview?.text}`;
    });
    expect(path).toEqual(["x = 1", "x * 2 = 2", "y = 2", "y > 3 = false", "y = 2", "y - 1 = 1"]);
    expect((await runInstrumented(source, [1], { row: 2, pinned: 3 })).recorded.trace!.steps).toEqual([]);
  });
});

describe("rows of a batch", () => {
  const rowsOf = async (body: string, text: string): Promise<number[]> => {
    const { observed, recorded } = await runInstrumented(
      `export async function run({ completions, solutions }: any) { ${body} }`,
      [{ completions: ["a", "b", "c"], solutions: ["x", "y", "z"] }],
      { batchStart: 10 },
    );
    expect(observed.outcome).not.toMatch(/^threw/);
    return recorded.records[siteAt(recorded, text).id]!.values.map(({ row }) => row);
  };

  it("are the turns of a loop over completions", async () => {
    expect(await rowsOf("for (const c of completions) log(c + 1)", "c + 1")).toEqual([10, 11, 12]);
    expect(await rowsOf("for (const [i, c] of completions.entries()) if (i != 1) log(c + 1)", "c + 1")).toEqual([
      10, 12,
    ]);
    expect(
      await rowsOf("for (let i = 0; i < completions.length; i++) { if (!i) continue; log(i * 2) }", "i * 2"),
    ).toEqual([11, 12]);
    expect(await rowsOf("return completions.map((c: string) => c + 1)", "c + 1")).toEqual([10, 11, 12]);
    expect(await rowsOf("completions.forEach(function (c: string) { log(c + 1) })", "c + 1")).toEqual([10, 11, 12]);
  });

  it("follow lists made one for one", async () => {
    const body = "const texts = completions.map((c: string) => c + 1); for (const t of texts) log(t + 2); return texts";
    expect(await rowsOf(body, "t + 2")).toEqual([10, 11, 12]);
  });

  it("end with the loop, and loops inside do not count", async () => {
    expect(await rowsOf("for (const c of completions) log(c); const n = 1 + 1; log(n)", "1 + 1")).toEqual([-1]);
    expect(await rowsOf("for (const c of completions) for (const d of completions) log(c + d)", "c + d")).toEqual([
      10, 10, 10, 11, 11, 11, 12, 12, 12,
    ]);
    expect(
      await rowsOf(
        "x: for (const c of completions) { for (;;) { if (c == 'b') continue x; break } log(c + 1) }",
        "c + 1",
      ),
    ).toEqual([10, 12]);
  });

  it("are known of a line that only leaves", async () => {
    const loop = "for (const c of completions) { if (c === 'b') continue; log(c) }";
    expect(await rowsOf(loop, "continue;")).toEqual([11]);
  });

  it("survive an await, where other rows come in between", async () => {
    const body =
      "return Promise.all(completions.map(async (c: string) => { const d = await later(c); const e = await later(d); return e + 1 }))";
    expect(await rowsOf(body, "e + 1")).toEqual([10, 11, 12]);
    expect(await rowsOf(body, "await later(c)")).toEqual([10, 11, 12]);
  });
});
