/** Python rewards in their process: each shape as its trainer calls it, and what does not bring anything down. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { lineOfDump } from "@iad-r1/server/rewards/user/pythonHost";
import { type RunnerOptions, startRunner } from "@iad-r1/server/rewards/user/runner";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

function rows(...completions: string[]): RolloutRow[] {
  return completions.map((completion, index) => ({
    ...{ group: `g${index >> 1}`, index, prompt: null, completion, solution: "<answer>Yes</answer>" },
    columns: { category: "bolt", place: index },
  }));
}

function open(source: string, { file = "/project/a.py", ...options }: RunnerOptions & { file?: string } = {}) {
  const runner = startRunner(discoverRewards(file, source), options);
  onTestFinished(() => runner.close());
  return runner;
}

const scores = (...values: number[]) => values.map((score) => ({ status: "ok", score }));

describe("shapes", () => {
  test("a TRL function is called once with lists of everything, and may log", async () => {
    const runner = open(`
def seen(prompts, completions, completion_ids, trainer_state, log_extra, log_metric, solution, category, **kwargs):
    assert prompts == [[{"role": "user", "content": "?"}]] * 3
    assert trainer_state.global_step == 7 and len(completion_ids[0]) == 5
    assert solution == ["<answer>Yes</answer>"] * 3 and category == ["bolt"] * 3 and kwargs == {"place": [0, 1, 2]}
    log_extra("words", [len(c[0]["content"].split()) for c in completions])
    log_metric("share", 0.5)
    print("hello")
    return [float(len(c[0]["content"])) for c in completions[:2]] + [None]
`);
    const given = rows("a", "b c", "d").map((row) => ({
      ...{ ...row, step: 7, length: 5, prompt: [{ role: "user", content: "?" }] },
    }));
    const result = await runner.score("seen", given);
    expect(result.outcomes).toEqual([
      { status: "ok", score: 1, notes: { words: 1, "metric/share": 0.5 } },
      { status: "ok", score: 3, notes: { words: 2, "metric/share": 0.5 } },
      { status: "not-applicable", reason: "returned None" },
    ]);
    expect(result).toMatchObject({ rawLength: 3, output: "hello\n", recording: null });
    expect(result.callMs).toHaveLength(1);
  });

  test("a lambda, a partial and an object are called like functions, also when they are watched", async () => {
    const source = `from functools import partial
longest = lambda completions, **kwargs: [float(len(c)) if c > "b" else 0.0 for c in completions]
def scaled(completions, factor, **kwargs):
    return [factor * len(c) for c in completions]
half = partial(scaled, factor=0.5)
class Says:
    def __init__(self, word):
        self.word = word
    def __call__(self, completions, **kwargs):
        return [1.0 if self.word in c else 0.0 for c in completions]
says_b = Says("b")
`;
    const runner = open(source);
    expect((await runner.score("longest", rows("aa", "bbb"))).outcomes).toEqual(scores(0, 3));
    expect((await runner.score("half", rows("aa", "bbb"))).outcomes).toEqual(scores(1, 1.5));
    expect((await runner.score("says_b", rows("aa", "bbb"))).outcomes).toEqual(scores(0, 1));
    const watched = await runner.score("longest", rows("aa", "bbb"), { instrumented: true });
    expect(watched.outcomes).toEqual(scores(0, 3));
    const { sites, records } = watched.recording!;
    const at = sites.findIndex(({ start, end }) => source.slice(start, end) === 'c > "b"');
    expect(records[at]!.values.map(({ row, preview }) => [row, preview.text])).toEqual([
      [0, "False"],
      [1, "True"],
    ]);
  });

  test("without prompts, completions are messages where the code reads messages, else texts", async () => {
    const texts = open("def f(completions): return [float(len(c)) for c in completions]");
    expect((await texts.score("f", rows("abc"))).outcomes).toEqual(scores(3));
    const messages = open(`def f(completions): return [float(len(c[0]["content"])) for c in completions]`);
    expect((await messages.score("f", rows("abc"))).outcomes).toEqual(scores(3));
  });

  test("async functions, ms-swift classes and verl functions give scores", async () => {
    const runner = open(`
import asyncio
from swift.plugin import ORM, orms

async def later(completions, **kwargs):
    await asyncio.sleep(0)
    return [1.5] * len(completions)

class Place(ORM):
    def __call__(self, completions, solution, place, **kwargs):
        return [float(p) + len(c) + ("Yes" in s) for c, p, s in zip(completions, place, solution)]

orms["place"] = Place

def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": float(len(solution_str)), "category": extra_info["category"], "truth": ground_truth}
`);
    expect((await runner.score("later", rows("a", "b"))).outcomes).toEqual(scores(1.5, 1.5));
    expect((await runner.score("place", rows("a", "b"))).outcomes).toEqual(scores(2, 3));
    expect((await runner.score("compute_score", rows("abc"))).outcomes).toEqual([
      { status: "ok", score: 3, notes: { category: "bolt", truth: "<answer>Yes</answer>" } },
    ]);
  });

  test.each([
    [
      "reward_inputs",
      '[{"overall": float(len(one["response"])), "truth": one["ground_truth"]} for one in reward_inputs]',
    ],
    [
      "reward_input, weight=0.1",
      '{"overall": float(len(reward_input["response"])), "truth": reward_input["ground_truth"]}',
    ],
    ["predicts, ground_truths", '[{"overall": float(len(p)), "truth": t} for p, t in zip(predicts, ground_truths)]'],
    ["predict, ground_truth", '{"overall": float(len(predict)), "truth": ground_truth}'],
  ])("EasyR1 calls compute_score with %s", async (head, value) => {
    const runner = open(`def compute_score(${head}):\n    return ${value}\n`);
    expect((await runner.score("compute_score", rows("abc", "d"))).outcomes).toEqual([
      { status: "ok", score: 3, notes: { truth: "<answer>Yes</answer>" } },
      { status: "ok", score: 1, notes: { truth: "<answer>Yes</answer>" } },
    ]);
  });

  test("what a function makes is called under the name it got, with its settings", async () => {
    const runner = open(`
def make(factor):
    def scaled(completions, **kwargs):
        return [factor * len(c) for c in completions]
    return scaled

twice = make(2.0)
thrice = make(3.0)
`);
    expect((await runner.score("twice", rows("ab"))).outcomes).toEqual(scores(4));
    expect((await runner.score("thrice", rows("ab"))).outcomes).toEqual(scores(6));
  });

  test("batches are as large as asked, and groups stay whole", async () => {
    const source = (scope: string) => `
# iad-r1: reward scope=${scope}
def size(completions): return [float(len(completions)) for _ in completions]
`;
    const given = rows("a", "b", "c", "d", "e");
    expect((await open(source("batch")).score("size", given)).outcomes).toEqual(scores(5, 5, 5, 5, 5));
    expect((await open(source("batch")).score("size", given, { batchSize: 2 })).outcomes).toEqual(
      scores(2, 2, 2, 2, 1),
    );
    expect((await open(source("group")).score("size", given)).outcomes).toEqual(scores(2, 2, 2, 2, 1));
  });

  test("files beside it are imported", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "words.py"), "VALUE = 4.0\n");
    const runner = open("from words import VALUE\ndef f(completions): return [VALUE for _ in completions]", {
      file: join(folder, "a.py"),
    });
    expect((await runner.score("f", rows("a"))).outcomes).toEqual(scores(4));
  });
});

describe("failures", () => {
  test.each([
    ["fewer values", "return [1.0]", "count: expected one value for each of 2 completions, got 1", 1],
    ["a scalar", "return 0", "count: expected a list of 2 values, got a value of type int", 0],
    ["nothing", "pass", "count: expected a list of 2 values, got a value of type NoneType", 0],
    ["a throw", "\n    raise ValueError('no')", "raised: ValueError: no (line 2)", null],
    ["exit", "exit(3)", "raised: it called exit(3) instead of returning scores (line 1)", null],
    ["a bomb", "return [[0] * 10**10]", "raised: MemoryError (line 1)", null],
  ])("%s fails every completion of the call", async (_, body, message, rawLength) => {
    const result = await open(`def f(completions): ${body}`).score("f", rows("a", "b"));
    const texts = result.outcomes.map((one) => (one.status === "error" ? `${one.cause}: ${one.message}` : one.status));
    expect(texts).toEqual([message, message]);
    expect(result.rawLength).toBe(rawLength);
  });

  test("a value that is no finite number fails its completion alone", async () => {
    const { outcomes } = await open(
      `# iad-r1: reward range=0..2\ndef f(completions): return [float("nan"), True, "1", 7, 2]`,
    ).score("f", rows("a", "b", "c", "d", "e"));
    expect(outcomes.map((one) => (one.status === "error" ? `${one.cause}: ${one.message}` : one.status))).toEqual([
      "value: expected a finite number, got nan",
      "value: expected a number or None, got True",
      "value: expected a number or None, got '1'",
      "range: expected a score from 0 to 2, got 7",
      "ok",
    ]);
  });

  test.each([
    ["a syntax error", "def f(completions): return (", { line: 1 }],
    ["a module that throws", "\nraise RuntimeError('no')\ndef f(completions): return []", { line: 2 }],
    ["a package that is missing", "import no_such_package\ndef f(completions): return []", { line: 1 }],
  ])("%s cannot be loaded and says its line", async (_, source, data) => {
    await expect(open(source).score("f", rows("a"))).rejects.toMatchObject({ code: "reward/load", data });
  });

  test("a package that is missing comes with where to install it, and a syntax error with its line once", async () => {
    const missing = open("import no_such_package\ndef f(completions): return []");
    await expect(missing.score("f", rows("a"))).rejects.toMatchObject({
      hint: expect.stringContaining("Install no_such_package in the Python that runs rewards"),
    });
    const broken = open("def f(completions)\n    return []", {});
    await expect(broken.score("f", rows("a"))).rejects.toMatchObject({
      message: expect.stringMatching(/^SyntaxError: [^(]*\(line 1\)$/),
      hint: "Correct the file; its first lines run when it is loaded.",
    });
  });

  test("a Python that is not there is said", async () => {
    const runner = open("def f(completions): return []", { python: "/nowhere/python" });
    await expect(runner.score("f", rows("a"))).rejects.toMatchObject({ code: "reward/no-python" });
  });
});

describe("limits", () => {
  test.each([
    ["an endless loop", "while True: pass", 5],
    ["an endless pattern", 're.match(r"(a+)+$", "a" * 40 + "b")', 5],
  ])("%s is ended in time, its line is named, and the next call works", async (_, body, line) => {
    const runner = open(`import re
def f(completions):
    for text in completions:
        if text == "hang":
            ${body}
    return [1.0] * len(completions)
`);
    await runner.score("f", rows("a"));
    const started = performance.now();
    await expect(runner.score("f", rows("a", "hang"), { wallMs: 300 })).rejects.toMatchObject({
      code: "reward/timeout",
      data: { line },
    });
    expect(performance.now() - started).toBeLessThan(2_500);
    expect((await runner.score("f", rows("a"))).outcomes).toEqual(scores(1));
  });

  test("a call that waits past its limit and ends by itself does not cost the next one its process", async () => {
    const runner = open(`import asyncio
async def waits(completions, **kwargs):
    await asyncio.sleep(float(completions[0]))
    return [1.0]
`);
    // Code that waits stands on no line; it is killed 1.5 s after the limit.
    expect((await runner.score("waits", rows("0.6"), { wallMs: 200 })).outcomes).toEqual(scores(1));
    expect((await runner.score("waits", rows("1.6"), { wallMs: 20_000 })).outcomes).toEqual(scores(1));
  });

  test("a process that ends itself is reported, and the next call works", async () => {
    const runner = open(`import os
def f(completions):
    if completions[0] == "exit": os._exit(3)
    return [1.0]
`);
    await expect(runner.score("f", rows("exit"))).rejects.toMatchObject({ code: "reward/crashed" });
    expect((await runner.score("f", rows("a"))).outcomes).toEqual(scores(1));
  });

  test("code that breaks the worker's own answers is reported, and ends nothing else", async () => {
    const runner = open(`import json
def f(completions):
    if completions[0] == "broken": json.dumps = lambda *_, **__: completions[1]
    return [1.0] * len(completions)
`);
    for (const answer of ["no JSON", "null", "[]"]) {
      await expect(runner.score("f", rows("broken", answer))).rejects.toMatchObject({ code: "reward/crashed" });
    }
    expect((await runner.score("f", rows("a"))).outcomes).toEqual(scores(1));
  });

  test("an exception without words, or without a working text, is named", async () => {
    const runner = open(`class Bad(Exception):
    def __str__(self): raise RuntimeError
def f(completions):
    if completions[0] == "bad": raise Bad
    assert not completions
`);
    const said = async (text: string) => (await runner.score("f", rows(text))).outcomes[0];
    expect(await said("a")).toMatchObject({ message: "AssertionError (line 5)" });
    expect(await said("bad")).toMatchObject({ message: "Bad: <exception str() failed> (line 4)" });
  });

  test("a flood of output is cut, also one past Python", async () => {
    const runner = open(`import os
def f(completions):
    for _ in range(100000): print("x" * 100)
    os.write(1, b"not a message\\n" * 1000)
    return [1.0]
`);
    const { output, outcomes } = await runner.score("f", rows("a"), { wallMs: 20_000 });
    expect(outcomes).toEqual(scores(1));
    expect(output.length).toBeLessThan(70_000);
    expect(output).toContain("left out");
  });

  test.each([
    ["reads files", 'open("/etc/hostname").read()', /may not read files/],
    ["writes files", 'open("out.txt", "w")', /may not write files/],
    ["removes files", 'os.remove("a")', /may not remove files/],
    ["starts processes", 'subprocess.run(["true"])', /may not start processes/],
    ["uses the network", 'socket.create_connection(("127.0.0.1", 9))', /may not use the network/],
  ])("pure code that %s gets an error", async (_, body, message) => {
    const source = `import os, socket, subprocess
def f(completions):
    ${body}
    return [1.0]
`;
    const folder = temporaryFolder();
    const { outcomes } = await open(source, { file: join(folder, "a.py") }).score("f", rows("a"));
    expect(outcomes[0]).toMatchObject({ status: "error", message: expect.stringMatching(message) });
  });

  test("impure code may read files", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "value.txt"), "7");
    const source = `
# iad-r1: reward impure
def f(completions):
    return [float(open(${JSON.stringify(join(folder, "value.txt"))}).read())]
`;
    expect((await open(source).score("f", rows("a"))).outcomes).toEqual(scores(7));
  });
});

test("the innermost line of the file is read out of what Python's watchdog writes", () => {
  const dump = `Timeout (0:00:02)!
Thread 0x1 (most recent call first):
  File "/usr/lib/python3.11/re/__init__.py", line 166 in match
  File "/project/a.py", line 5 in inner
  File "/project/a.py", line 9 in f
`;
  expect(lineOfDump(dump, "/project/a.py")).toBe(5);
  expect(lineOfDump(dump, "/project/b.py")).toBe(null);
});
