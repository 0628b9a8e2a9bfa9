/** What is found in reward files by reading them. */
import { describe, expect, test } from "vitest";
import { discoverRewards, isRewardFile } from "@iad-r1/server/rewards/user/discover";
import { rewardMakers } from "@iad-r1/server/rewards/user/discoverPython";

/** Name, shape and what stands in the file about each function. */
function found(file: string, source: string) {
  const { functions, problems } = discoverRewards(file, source);
  return {
    functions: functions.map(({ nameSpan, bodySpan, language, file: _, ...rest }) => ({
      ...rest,
      nameText: source.slice(...nameSpan),
      bodyText: source.slice(...bodySpan),
    })),
    problems: problems.map(({ message, start, end }) => ({ message, text: source.slice(start, end) })),
  };
}

const plain = {
  scope: "sample",
  weight: 1,
  range: null,
  impure: false,
  isAsync: false,
  columns: [],
  takesKwargs: true,
};

describe("TypeScript", () => {
  test("a descriptor with literal values is read whole", () => {
    const source = `import { defineReward as reward } from "iad-r1/reward";
export const place = reward({
  name: "location",
  weight: 0.5,
  scope: "group",
  range: { min: -1, max: 1 },
  impure: true,
  async score({ completion, columns: { category }, ...ctx }) { return ctx.columns.mask ? 1 : 0; },
});`;
    expect(found("/r/a.reward.ts", source)).toEqual({
      functions: [
        {
          ...{ name: "location", shape: "contract", scope: "group", weight: 0.5, range: { min: -1, max: 1 } },
          ...{ impure: true, isAsync: true, columns: ["category", "mask"], takesKwargs: true, exportName: "place" },
          nameText: "place",
          bodyText: "async score({ completion, columns: { category }, ...ctx }) { return ctx.columns.mask ? 1 : 0; }",
        },
      ],
      problems: [],
    });
  });

  test("CommonJS gives rewards with exports and module.exports", () => {
    const source = `"use strict";
const { defineReward, skip } = require("iad-r1/reward");
const whole = require("iad-r1/reward");
const helper = require("./helper.cjs");

/** @reward weight=0.5 */
exports.short = ({ completion }) => (completion.length < 3 ? 1 : 0);
exports.place = module.exports.where = defineReward({ name: "location", score: () => 1 });
exports.gone = void 0;
/** @reward */
function late({ columns }) { return columns.mask ? 1 : 0; }
exports.late = late;
exports.untold = () => 1;
exports["odd name"] = whole.defineReward({ score() { return 0; } });
exports.compiled = (0, whole.defineReward)({ score: () => 2 });
`;
    const { functions, problems } = found("/r/a.reward.cjs", source);
    expect(problems).toEqual([]);
    expect(functions.map(({ name, exportName, shape, weight }) => [name, exportName, shape, weight])).toEqual([
      ["short", "short", "plain", 0.5],
      ["location", "place", "contract", 1],
      ["late", "late", "plain", 1],
      ["odd name", "odd name", "contract", 1],
      ["compiled", "compiled", "contract", 1],
    ]);
    expect(functions[2]).toMatchObject({ columns: ["mask"], nameText: "late" });

    const object = `const { defineReward: make } = require("iad-r1/reward");
const inner = (context) => 1;
module.exports = {
  place: make({ score: inner }),
  /** @reward name=tidy */
  form({ completion }) { return completion.length; },
  inner,
  ...others,
};`;
    expect(found("/r/a.js", object).functions.map(({ name, exportName }) => [name, exportName])).toEqual([
      ["place", "place"],
      ["tidy", "form"],
    ]);
    const alone = `/** @reward */\nmodule.exports = function ({ completion }) { return completion.length; };`;
    expect(found("/r/alone.reward.js", alone).functions).toMatchObject([{ name: "alone", exportName: "default" }]);
    // A module that only speaks of it has none.
    expect(found("/r/a.ts", "export const x = 1; exports.y = (a) => 1;").functions).toEqual([]);
  });

  test("the name falls back to the export, and of a default export to the file", () => {
    const source = `import * as r from "iad-r1/reward";
const a = r.defineReward({ score: () => 1 } as const);
export { a as b };
export default r.defineReward({ score: () => 2 });`;
    const { functions } = found("/r/brief.reward.ts", source);
    expect(functions.map(({ name, exportName, bodyText }) => [name, exportName, bodyText])).toEqual([
      ["b", "b", "() => 1"],
      ["brief", "default", "() => 2"],
    ]);
  });

  test("an exported function counts only with the tag, which may carry options", () => {
    const source = `/** Short answers.
 * @reward weight=2 range=0..1 */
export function brief({ completion }) { return completion.length < 9 ? 1 : 0; }
/** Helper. */
export const helper = () => 1;
/** @reward */
export const always = () => 1;
/** @reward */
const hidden = () => 1;`;
    expect(found("/r/a.ts", source).functions).toEqual([
      {
        ...{ ...plain, name: "brief", shape: "plain", weight: 2, range: { min: 0, max: 1 }, exportName: "brief" },
        nameText: "brief",
        bodyText: "function brief({ completion }) { return completion.length < 9 ? 1 : 0; }",
      },
      { ...plain, name: "always", shape: "plain", exportName: "always", nameText: "always", bodyText: "() => 1" },
    ]);
  });

  test("a defineReward of another module, and a local one, are no rewards", () => {
    const source = `import { defineReward } from "./mine"; export const a = defineReward({ score: () => 1 });`;
    expect(found("/r/a.ts", source).functions).toEqual([]);
  });

  test("what is wrong is a problem at its place, and the rest is found all the same", () => {
    const source = `import { defineReward } from "iad-r1/reward";
export const a = defineReward(options);
export const b = defineReward({ name: "x", score: () => 1 });
export const c = defineReward({ name: "x", score: () => 1 });
/** @reward weight=heavy */
export const d = () => 1;`;
    const { functions, problems } = found("/r/a.ts", source);
    expect(functions.map(({ name }) => name)).toEqual(["x", "d"]);
    expect(problems.map(({ text }) => text)).toEqual(["defineReward", "weight=heavy", "c"]);
  });

  test("settings that are not written as wanted are problems, as their author believes that they count", () => {
    const source = `import { defineReward } from "iad-r1/reward";
const half = 0.5;
export const a = defineReward({ weight: half, range: [0, 1], scope: "batch", impure: 1, score: () => 1 });
export const b = defineReward({ weight: -2, range: { min: -1, max: 1 }, scope: "group", impure: false, score: () => 1 });`;
    const { functions, problems } = found("/r/a.ts", source);
    expect(functions.map(({ weight, range }) => ({ weight, range }))).toEqual([
      { weight: 1, range: null },
      { weight: -2, range: { min: -1, max: 1 } },
    ]);
    expect(problems.map(({ text, message }) => `${text}: ${message}`)).toEqual([
      "half: weight wants a number, written out here: it is read without running the code.",
      "[0, 1]: range wants { min, max }, two numbers, written out here: it is read without running the code.",
      '"batch": scope wants "sample" or "group", written out here: it is read without running the code.',
      "1: impure wants true or false, written out here: it is read without running the code.",
    ]);
  });

  test("a text that cannot be parsed says where", () => {
    const { functions, problems } = found("/r/a.ts", "export const a = (;");
    expect(functions).toEqual([]);
    expect(problems[0]!.text).toBe(";");
  });
});

describe("Python", () => {
  test("TRL functions are told by their signature; arguments and looked-up keywords are columns", () => {
    const source = `import re

@cached
async def accuracy(completions: list[str], solution, category=None, *, log_extra=None, **kw) -> list[float]:
    """Doc with def inside(completions):"""
    mask = kw["mask"] or kw.get('truth')
    return [1.0
      for c in completions]

def helper(text):
    return text
`;
    expect(found("/r/a.py", source)).toEqual({
      functions: [
        {
          ...{ ...plain, name: "accuracy", shape: "trl", scope: "batch", isAsync: true, exportName: "accuracy" },
          columns: ["solution", "category", "mask", "truth"],
          nameText: "accuracy",
          bodyText: source.slice(source.indexOf("async def"), source.indexOf("\n\ndef helper")),
        },
      ],
      problems: [],
    });
  });

  test("ms-swift classes, verl functions and marked functions have their shapes", () => {
    const source = `class Place(ORM):
    weight = 1
    def __call__(self, completions, solution, **kwargs):
        return [0.0] * len(completions)

orms["place_reward"] = Place

def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return 1.0

# iad-r1: reward name=short weight=0.25 range=-1..1 scope=group impure
# Prefers short answers.
def anything(texts):
    return [1.0]

class Other:
    def __call__(self, completions): return []

def nested():
    def inner(completions): return []
`;
    const { functions, problems } = found("/r/a.py", source);
    expect(problems).toEqual([]);
    expect(
      functions.map(({ name, shape, scope, columns, takesKwargs }) => [name, shape, scope, columns, takesKwargs]),
    ).toEqual([
      ["place_reward", "swift-orm", "batch", ["solution"], true],
      ["compute_score", "verl", "sample", [], false],
      ["short", "trl", "group", ["texts"], false],
    ]);
    expect(functions[2]).toMatchObject({ weight: 0.25, range: { min: -1, max: 1 }, impure: true });
  });

  test("a function that makes a reward counts where what it makes gets a name", () => {
    const maker = `def make(low: float = 0.0):
    def helper(text):
        return 1.0
    def scaled(completions, solution, **kwargs):
        return [helper(c) for c in completions]
    return scaled
`;
    const source = `${maker}
cosine = make(low=-1.0)
other: Callable = make()
lost = module.make()
[make()]
def real(completions, **kwargs):
    inner = make()
    return inner(completions)
`;
    const { functions } = found("/r/a.py", source);
    expect(functions.map(({ name, nameText, exportName }) => [name, nameText, exportName])).toEqual([
      ["cosine", "cosine", "cosine"],
      ["other", "other", "other"],
      ["real", "real", "real"],
    ]);
    expect(functions[0]).toMatchObject({ shape: "trl", scope: "batch", columns: ["solution"], takesKwargs: true });
    expect(functions[0]!.bodyText).toMatch(/^def scaled[\s\S]*for c in completions\]$/);
    expect(found("/r/a.py", maker).functions).toEqual([]);
    expect(rewardMakers(maker)).toEqual(["make"]);
  });

  test("a lambda, a partial and an object that can be called count where they have a name", () => {
    const source = `from functools import partial
import functools

short = lambda completions, limit=3, **kwargs: [1.0 if len(c) < limit else 0.0 for c in completions]
# iad-r1: reward weight=0.5 range=0..2
typed: Callable = lambda completions, solution, f=lambda x: {1: x}, **kwargs: (
    [f(s) for s in solution]
)
key = lambda row: row["x"]
clean = lambda completions: [c.strip() for c in completions]

def scaled(completions, target, factor, **kwargs):
    return [factor for _ in clean(completions)]

halved = partial(scaled, factor=0.5)
by_place = functools.partial(scaled, target=[1], factor=(2, 3)[0])
counted = partial(len)

def capped(completions, most=3.0, **kwargs):
    return [most for _ in completions]
low = partial(capped, most=1.0)

class Keyword:
    def __init__(self, word):
        self.word = word
    def __call__(self, completions, category, **kwargs):
        return [float(self.word in c) for c in completions]
class Box:
    def __call__(self, x):
        return x

says_yes = Keyword("yes")
box = Box()
length = len(Keyword("no").word)
chained = Keyword("a").word
score = lambda data_source, solution_str, ground_truth, extra_info=None: 1.0
twice = key
twice = Keyword("b")
`;
    const { functions, problems } = found("/r/a.py", source);
    expect(problems).toEqual([]);
    expect(functions.map(({ name, shape, columns, exportName }) => [name, shape, columns, exportName])).toEqual([
      ["short", "trl", ["limit"], "short"],
      ["typed", "trl", ["solution", "f"], "typed"],
      ["halved", "trl", ["target"], "halved"],
      ["by_place", "trl", [], "by_place"],
      ["capped", "trl", ["most"], "capped"],
      ["low", "trl", [], "low"],
      ["says_yes", "trl", ["category"], "says_yes"],
      ["score", "verl", [], "score"],
      ["twice", "trl", ["category"], "twice"],
    ]);
    expect(functions[1]).toMatchObject({ weight: 0.5, range: { min: 0, max: 2 }, takesKwargs: true });
    expect(functions[2]!.bodyText).toMatch(/^def scaled/);
    expect(functions[6]!.bodyText).toMatch(/^def __call__\(self, completions, category/);
  });

  test("a reward for the length alone asks for tokens only, and EasyR1 has arguments of its own", () => {
    const source = `def overlong(completion_ids, **kwargs):
    return [0.0 for _ in completion_ids]
def decode(completion_ids, tokenizer):
    return ""
def compute_score(reward_inputs: list[dict[str, Any]], format_weight: float = 0.1) -> list[dict[str, float]]:
    return []
`;
    const { functions } = found("/r/a.py", source);
    expect(functions.map(({ name, shape, columns }) => [name, shape, columns])).toEqual([
      ["overlong", "trl", []],
      ["compute_score", "verl", []],
    ]);
    for (const head of ["reward_input: dict", "predicts, ground_truths, format_weight=0.1", "predict, ground_truth"]) {
      const { functions: one } = found("/r/a.py", `def compute_score(${head}):\n    return 1.0\n`);
      expect(one.map(({ shape }) => shape)).toEqual(["verl"]);
    }
  });

  test("strings and comments with brackets, quotes and colons do not confuse it", () => {
    const source = `PATTERN = r"(\\"[" # def x(completions): (
TEXT = '''
def fake(completions):
'''
X = f"{'('}"
def real(completions): return [1.0 for _ in completions]
`;
    expect(found("/r/a.py", source).functions.map(({ name }) => name)).toEqual(["real"]);
  });
});

test("reward files are told by their names", () => {
  const names = ["a.reward.ts", "b.reward.mts", "c.reward.py", "a.ts", "reward.ts", "a.reward.d.ts"];
  expect(names.filter(isRewardFile)).toEqual(["a.reward.ts", "b.reward.mts", "c.reward.py"]);
});

test("what stands in ms-swift's table is a reward whatever its bases are, and a class outside of it by the end of a base's path", () => {
  const body = "    def __call__(self, completions, **kwargs):\n        return [0.0 for _ in completions]\n\n";
  const source = `import swift.plugin as plugin\n\nclass Plain:\n${body}class Dotted(plugin.ORM):\n${body}class Other(plugin.Callback):\n${body}plugin.orms["plain"] = Plain\nother = orms["x"]\n`;
  const { functions } = found("/rewards/a.py", source);
  expect(functions.map(({ name, shape, exportName }) => [name, shape, exportName])).toEqual([
    ["plain", "swift-orm", "Plain"],
    ["Dotted", "swift-orm", "Dotted"],
  ]);
});
