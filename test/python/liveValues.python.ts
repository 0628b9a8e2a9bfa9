/**
 * Live values of Python rewards: each construct the rewriter must leave alone, what it records, and thousands of generated functions
 * that must do the same plain and instrumented. Needs a plain Python 3.9 or newer, no package.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { findPython } from "@iad-r1/server/runtime/python";
import type { Site, SiteRecord } from "@iad-r1/server/rewards/user/recording";
import { describe, expect, it } from "vitest";

interface CaseResult {
  plain: string[][];
  live: string[][];
  sites: Site[];
  records: SiteRecord[];
  trace: { row: number; steps: { site: number; preview: { text: string } | null }[] } | null;
}

function ask<T>(input: unknown): T {
  const script = join(import.meta.dirname, "liveCases.py");
  const output = execFileSync(findPython(), ["-W", "ignore", script], {
    input: JSON.stringify(input),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(output) as T;
}

const version = execFileSync(findPython(), ["-c", "import sys; print(sys.version_info[1])"], { encoding: "utf8" });
const minor = Number(version);

/** Indented by four, as bodies of `run`. */
const constructs: {
  title: string;
  source: string;
  calls?: string[];
  values?: Record<string, string[]>;
  since?: number;
}[] = [
  {
    title: "f-strings, nested and with format specifications",
    source: `def run(x):
    w = 8
    return f"{x!r:>{w}} {x + 1:{w}.2f} {{}} {f'{x}'}" + f'{x=}'`,
    calls: ["(2,)"],
    values: { "f\"{x!r:>{w}} {x + 1:{w}.2f} {{}} {f'{x}'}\"": [`'       2     3.00 {} 2'`] },
  },
  {
    title: "the walrus in conditions, comprehensions and arguments",
    source: `def run(xs):
    if (n := len(xs)) > 2 and (m := n * 2): log(n, m)
    total = 0
    parts = [total := total + v for v in xs if (half := v // 2)]
    return parts, half, log((k := 3)), k`,
    calls: ["([1, 2, 3, 4],)"],
    values: { "total + v": ["2", "5", "9"] },
  },
  {
    title: "comprehensions have their own scope, in classes too",
    source: `def run(xs):
    x = "outer"
    class K:
        y = 2
        first = [a for a in range(y)]
        second = {a: b for a, b in zip(first, "ab")}
    g = (x for x in xs if x)
    return x, list(g), K.first, K.second, {i % 2 for i in xs}, [[j for j in range(i)] for i in xs]`,
    calls: ["([0, 1, 2],)"],
  },
  {
    title: "decorators, defaults, star arguments and keyword-only arguments",
    source: `def twice(n):
    log("twice", n)
    def wrap(f):
        def inner(*args, **kwargs): return [f(*args, **kwargs)] * n
        inner.__name__ = f.__name__
        return inner
    return wrap
def run(x):
    @twice(1 + 1)
    def f(a, b=x + 1, /, *rest, c, d=x * 2, **more): return a, b, rest, c, d, more
    return f(1, c=2), f(1, 2, *[3, *"ab"], c=4, **{"z": 5}), f.__name__, f.__defaults__ if hasattr(f, "__defaults__") else 0`,
    calls: ["(5,)"],
    values: { "x + 1": ["6"] },
  },
  {
    title: "del of names, items, attributes and slices",
    source: `class O: pass
def run(xs):
    o = O(); o.a = 1; y = 2
    del xs[len(xs) - 1], o.a, y
    del (xs[0:1])
    try: y
    except UnboundLocalError as error: return xs, vars(o), type(error).__name__`,
    calls: ["([1, 2, 3, 4],)"],
    values: { "len(xs) - 1": ["3"] },
  },
  {
    title: "match with every kind of pattern",
    since: 10,
    source: `class P:
    __match_args__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
class C: RED = 3
def run(v):
    out = []
    for one in v + [P(1, 2), P(0, 5), C.RED]:
        match one:
            case P(x=1, y=b) if b > 1: out.append(("p1", b))
            case P(a, b): out.append(("p", a, b))
            case C.RED: out.append("red")
            case [1, *rest] | (2, *rest): out.append(rest)
            case {"k": int(n), **more}: out.append((n, more))
            case -1 | 2.5 | "t" | None | True: out.append("literal")
            case str() as s: out.append(s)
            case _: out.append("other")
    return out`,
    calls: ["([[1, 2], {'k': 4, 'z': 5}, -1, 't', None, 'word', object],)"],
    values: { "b > 1": ["True"] },
  },
  {
    title: "global and nonlocal",
    source: `count = 0
def run(x):
    global count
    seen = 0
    def step(n):
        nonlocal seen
        global count
        seen += n; count += 1
        return seen
    return [step(v) for v in x], seen, count`,
    calls: ["([1, 2],)"],
    values: { "step(v)": ["1", "3"] },
  },
  {
    title: "docstrings and __future__ imports stay first",
    source: `"""Module."""
from __future__ import annotations
def run(x: Undefined) -> AlsoUndefined:
    "doc"
    class K:
        """K doc"""
        field: Undefined = 1
    async def co():
        """co doc"""
        return await later(1)
    return run.__doc__, K.__doc__, co.__doc__, run.__annotations__, K.__annotations__`,
    calls: ["(1,)"],
  },
  {
    title: "async functions, generators and loops",
    source: `import asyncio
async def many(n):
    for i in range(n):
        got = yield await later(i)
class A:
    async def __aenter__(self): log("in"); return self
    async def __aexit__(self, *error): log("out"); return True
async def run(n):
    out = [v async for v in many(n) if v]
    async for v in many(1): out.append(v)
    async with A() as a, A(): raise ValueError(a)
    return out, await asyncio.gather(*[later(i) for i in range(n)])`,
    calls: ["(3,)"],
    values: { "await later(i)": ["0", "1", "2", "0"] },
  },
  {
    title: "generators, send, throw and yield from",
    source: `def inner():
    try:
        got = yield 1
        log(got)
        yield from (2, 3)
    except ValueError as error:
        yield str(error)
    finally:
        log("closed")
    return 9
def outer():
    result = yield from inner()
    yield result
def run():
    g = outer(); a = next(g); b = g.send("hi"); c = g.throw(ValueError("thrown"))
    return a, b, c, list(g)`,
    calls: ["()"],
    values: { "yield 1": ["'hi'"] },
  },
  {
    title: "exceptions: else, finally, chaining, bare except, loops with else",
    source: `def run(x):
    out = []
    for i in range(3):
        try:
            if i == x: raise KeyError(i) from ValueError("cause")
            out.append(10 // i)
        except ZeroDivisionError: out.append("zero")
        except (KeyError, TypeError) as error:
            out.append((repr(error), repr(error.__cause__))); continue
        else: out.append("else")
        finally: out.append("finally")
    else: out.append("no break")
    try: [][1]
    except: out.append("bare")
    while True:
        x += 1
        if x > 3: break
    else: out.append("never")
    def early():
        for _ in [1]:
            try: return 1
            finally: out.append("early")
    return out, early()`,
    calls: ["(1,)", "(9,)"],
  },
  {
    title: "the truth of a value is asked as often as before",
    source: `class T:
    def __init__(self, v): self.v = v
    def __bool__(self): log("bool", self.v); return self.v
    def __lt__(self, other): return T(True)
def run(a, b):
    a, b = T(a), T(b)
    if a and not b: log("x")
    y = a or b
    if (a or b) and a: log("y")
    while b: break
    z = [1 for q in [a, b] if q]
    w = 1 if a else 2
    assert a or True
    if (a if b else b): log("z")
    return y is a, z, w, not a, len([k for k in (a, b) if not k])`,
    calls: ["(True, False)", "(False, True)"],
  },
  {
    title: "super, class cells, mangled names, properties and slots",
    source: `class A:
    __slots__ = ("n", "__dict__")
    def __init__(self, n): self.n = n
    @property
    def side(self): log("side"); self.n += 1; return self.n
    def hi(self): return "A%d" % self.n
class B(A):
    def __init__(self): super().__init__(4); self.__own = 7
    def hi(self): return super().hi() + str(self.__own) + __class__.__name__
    __call__ = lambda self, x=1: (x, self.side)
def run():
    b = B()
    return b.hi(), b(), b(2), sorted(vars(b))`,
    calls: ["()"],
    values: { "super().hi()": ["'A4'"] },
  },
  {
    title: "locals, eval and exec see what they saw",
    source: `def run(x):
    y = x + 1
    exec("z = 5")
    return sorted(locals()), eval("x + y"), [v for v in dir() if not v.startswith("_")], callable(globals)`,
    calls: ["(1,)"],
  },
  {
    title: "targets: attributes, items, slices, stars, chains, augmented",
    source: `class O: n = 1
def run(xs):
    o = O(); (a, *b), o.n = [1, 2, 3], 4
    xs[0], xs[1:2] = xs[-1], [8, 9]
    xs[len(xs) - 1] += o.n
    o.n -= 1; o.list = c = [0]; o.list[0] |= 6
    for o.n in range(2): pass
    for xs[0], (d, e) in [(1, (2, 3))]: log(d, e)
    with open(__import__("os").devnull) as o.file: o.file = 1
    first: int = xs[0]
    return a, b, o.n, xs, c, d, e, first, {**{"a": 1}, "b": 2}, xs[::2], xs[1:][0]`,
    calls: ["([1, 2, 3],)"],
  },
  {
    title: "lines are kept in tracebacks",
    source: `def helper(x):
    return (x +
            1 / x)
def run(x):
    y = [
        helper(v)
        for v in x
    ]
    return y`,
    calls: ["([1, 0],)"],
  },
  {
    title: "numbers, strings, bytes and operators of every kind",
    source: `def run(a):
    return -1, -a, ~a, not a, a ** 2, a @ a if False else 0, a // 2 % 3, a << 2 | 1 & 3 ^ 5, 1 < a <= 5 != 7, a is not None, "x" "y", b"z", ..., 1j, a if a else None, (lambda: a)()`,
    calls: ["(3,)"],
    values: { "1 < a <= 5 != 7": ["True"] },
  },
];

describe("instrumenting Python", () => {
  const known = constructs.filter(({ since = 9 }) => minor >= since);
  // One process for all: starting Python is what takes time.
  const cases = known.map(({ source, calls = [] }) => ({ source, calls }));
  const results = ask<CaseResult[]>({ mode: "cases", cases });

  it.each(known.map((one, i) => ({ ...one, i })))("does not change: $title", ({ source, values = {}, i }) => {
    const result = results[i];
    expect(result!.live).toEqual(result!.plain);
    for (const [text, expected] of Object.entries(values))
      expect(valuesAt(source, result!, text), text).toEqual(expected);
  });

  it("does the same for 2000 generated functions", { timeout: 600_000 }, () => {
    const answer = ask<Record<string, number> & { different: unknown[] }>({
      mode: "generated",
      seed: 1,
      functions: 2000,
    });
    expect(answer.different).toEqual([]);
    expect(answer.functions).toBe(2000);
    expect(answer.returned).toBeGreaterThan(700);
    expect(answer.raised).toBeGreaterThan(700);
    expect(answer.reached! / answer.sites!).toBeGreaterThan(0.25);
  });
});

describe("what Python rewards record", () => {
  const source = `import re
PATTERN = re.compile(r"<answer>(.*?)</answer>", re.S | re.I)
def run(completions, solution, weights=(1, 2), **kwargs):
    """Grüße: a line with 🦊 before the code."""
    scores = []; emoji = "🦊🦊" + "é"
    texts = [c[0]["content"] for c in completions]
    for text, sol in zip(texts, solution):
        try:
            m = PATTERN.search(text)
            if m and m.group(1) == sol:
                scores.append(1.0)
                continue
            scores.append(len(text) / (len(text) - 2))
        except Exception as error:
            scores.append(0.0)
    return scores
`;
  const calls = [
    "([[{'content': '<answer>Yes</answer>'}], [{'content': 'né'}], [{'content': 'none'}]], ['Yes', 'No', 'No'])",
  ];
  const [result] = ask<CaseResult[]>({
    mode: "cases",
    cases: [{ source, calls, row: -1, batchStart: 10, pinned: 11 }],
  });

  it("offsets count UTF-16 units", () => {
    expect(valuesAt(source, result!, '"🦊🦊" + "é"')).toEqual(["'🦊🦊é'"]);
  });

  it("values belong to the rows of the loop, also through lists made one for one", () => {
    const rows = (text: string, kind?: Site["kind"]) =>
      recordAt(source, result!, text, kind).values.map(({ row }) => row);
    expect(rows('c[0]["content"]')).toEqual([10, 11, 12]);
    expect(rows("PATTERN.search(text)")).toEqual([10, 11, 12]);
    expect(rows("m", "condition")).toEqual([10, 11, 12]);
    expect(rows("scores", "return")).toEqual([-1]);
  });

  it("an except says what it swallowed, where it came from and in which row", () => {
    expect(recordAt(source, result!, "except Exception as error:", "catch").thrown).toEqual([
      { row: 11, message: "ZeroDivisionError: division by zero", line: 13 },
    ]);
  });

  it("a pattern keeps what it missed and knows its literal", () => {
    const site = siteAt(source, result!, "PATTERN.search(text)", "regex");
    expect(site.regex).toMatchObject({ pattern: "<answer>(.*?)</answer>", flags: "is", anchor: "search" });
    expect(source.slice(site.regex!.start, site.regex!.end)).toBe('r"<answer>(.*?)</answer>"');
    expect(result!.records[site.id]!.regex).toEqual({
      matched: 1,
      missed: [
        { row: 11, text: "né" },
        { row: 12, text: "none" },
      ],
    });
  });

  it("the path of the pinned row is in order of evaluation", () => {
    const path = result!.trace!.steps.map(({ site }) =>
      source.slice(result!.sites[site]!.start, result!.sites[site]!.end),
    );
    expect(path).toEqual([
      'c[0]["content"]',
      "PATTERN.search(text)",
      "m",
      "m and m.group(1) == sol",
      "len(text)",
      "len(text)",
      "len(text) - 2",
      "except Exception as error:",
      "scores.append(0.0)",
    ]);
  });

  it("coroutines made in a row belong to it when they run later", () => {
    const later = `import asyncio
async def one(text):
    await asyncio.sleep(0)
    return len(text) + 1
async def run(completions):
    return await asyncio.gather(*[one(text) for text in completions])
`;
    const given = { source: later, calls: ["(['a', 'bb', 'ccc'],)"], batchStart: 5 };
    const [answer] = ask<CaseResult[]>({ mode: "cases", cases: [given] });
    expect(answer!.live).toEqual(answer!.plain);
    const values = recordAt(later, answer!, "len(text) + 1").values;
    expect(values.map(({ row, preview }) => [row, preview.number])).toEqual([
      [5, 2],
      [6, 3],
      [7, 4],
    ]);
  });

  it("places know what lets them be reached, and a line that only leaves knows its rows", () => {
    const branchy = `def run(completions):
    out = []
    for c in completions:
        if not c: continue
        try: n = int(c)
        except ValueError: n = one()
        match n:
            case 7 if c > "0": out.append(lucky())
            case _: other()
        while n > 5:
            n -= 1
            if n == 6: break
        else:
            done()
        out.append(big() if n > 1 and c < "9" else [small() for d in c if d])
    return out
def one(): return 0 + 0
lucky = other = done = big = small = one
`;
    const given = { source: branchy, calls: ["(['', 'x', '7', '2'],)"], batchStart: 0 };
    const [answer] = ask<CaseResult[]>({ mode: "cases", cases: [given] });
    expect(answer!.live).toEqual(answer!.plain);
    const guards = (text: string) =>
      (siteAt(branchy, answer!, text).guards ?? []).map(([id, truth]) => {
        const { start, end } = answer!.sites[id]!;
        return `${branchy.slice(start, end)}: ${truth}`;
      });
    expect(guards("one()")).toEqual(["not c: false"]);
    expect(guards("lucky()")).toEqual(["not c: false", 'c > "0": true']);
    expect(guards("other()")).toEqual(["not c: false"]);
    expect(guards("break")).toEqual(["not c: false", "n > 5: true", "n == 6: true"]);
    expect(guards("done()")).toEqual(["not c: false"]);
    expect(guards('c < "9"')).toEqual(["not c: false", "n > 1: true"]);
    expect(guards("big()")).toEqual(["not c: false", 'n > 1 and c < "9": true']);
    expect(guards("small()")).toEqual(["not c: false", 'n > 1 and c < "9": false', "d: true"]);
    expect(guards("0 + 0")).toEqual([]);
    expect(recordAt(branchy, answer!, "continue").values.map(({ row }) => row)).toEqual([0]);
    expect(recordAt(branchy, answer!, "break").values.map(({ row }) => row)).toEqual([2]);
  });

  it("what was reached while the file was loaded is kept apart", () => {
    const made = `def make(limit):
    top = limit * 2
    return lambda n: min(n, top)
run = make(3)
`;
    const [answer] = ask<CaseResult[]>({ mode: "cases", cases: [{ source: made, calls: ["(9,)", "(1,)"] }] });
    expect(answer!.live).toEqual(answer!.plain);
    expect(recordAt(made, answer!, "limit * 2")).toMatchObject({
      ...{ reached: 0, values: [] },
      atLoad: { reached: 1, values: [{ row: -1, preview: { number: 6 } }] },
    });
    expect(recordAt(made, answer!, "min(n, top)")).toMatchObject({ reached: 2 });
    expect(recordAt(made, answer!, "min(n, top)").atLoad).toBeUndefined();
  });

  it("values are kept as they were, without running code of theirs", () => {
    const sly = `class Sly:
    def __repr__(self): log("repr"); return "x"
    def __len__(self): log("len"); return 3
    def __str__(self): log("str"); return "s"
    def __eq__(self, other): log("eq"); return True
def make(): return [Sly(), 1]
def run():
    a = make(); b = Sly(); c = [b][0]
    a.append(2)
    return len(a)
`;
    const [answer] = ask<CaseResult[]>({ mode: "cases", cases: [{ source: sly, calls: ["()"] }] });
    expect(answer!.live).toEqual([["returned 3"]]);
    expect(valuesAt(sly, answer!, "make()")).toEqual(["[Sly object, 1]"]);
  });
});

function siteAt(source: string, result: CaseResult, text: string, kind?: Site["kind"]): Site {
  const site = result.sites.find(
    (one) => source.slice(one.start, one.end) === text && (kind === undefined || one.kind === kind),
  );
  if (site === undefined) throw new Error(`no site ${text}`);
  return site;
}

function recordAt(source: string, result: CaseResult, text: string, kind?: Site["kind"]): SiteRecord {
  return result.records[siteAt(source, result, text, kind).id]!;
}

function valuesAt(source: string, result: CaseResult, text: string): string[] {
  return recordAt(source, result, text).values.map(({ preview }) => preview.text);
}
