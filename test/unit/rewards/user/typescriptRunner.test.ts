/** TypeScript rewards in their process: what comes back, and what does not bring anything down. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { type RunnerOptions, type ScoreOptions, startRunner } from "@iad-r1/server/rewards/user/runner";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

function rows(...completions: string[]): RolloutRow[] {
  return completions.map((completion, index) => ({
    ...{ group: "g", index, prompt: null, completion, solution: "<answer>Yes</answer>", columns: { category: "bolt" } },
  }));
}

function open(source: string, { file = "/project/a.reward.ts", ...options }: RunnerOptions & { file?: string } = {}) {
  const runner = startRunner(discoverRewards(file, source), options);
  onTestFinished(() => runner.close());
  return runner;
}

/** Scores with the only function of a source, named `f`. */
async function score(body: string, given: RolloutRow[] = rows("a", "bb"), options: ScoreOptions = {}) {
  const source = `import { defineReward, skip } from "iad-r1/reward";\nexport const f = defineReward({ ${body} });`;
  return open(source).score("f", given, options);
}

describe("outcomes", () => {
  test("numbers, null, skip, notes and async values come back in order", async () => {
    const { outcomes, callMs, rawLength, recording } = await score(
      `async score({ completion, index, skip, note, tags, truth, columns }: any) {
         if (index === 1) return null;
         if (index === 2) return skip("too short");
         note("answer", truth.answer); note("category", columns.category);
         return completion.length + (tags.answer === "yes" ? 10 : 0);
       }`,
      rows("abc", "b", "c", "<answer>Yes</answer>"),
    );
    expect(outcomes).toEqual([
      { status: "ok", score: 3, notes: { answer: "yes", category: "bolt" } },
      { status: "not-applicable", reason: "returned null" },
      { status: "not-applicable", reason: "too short" },
      { status: "ok", score: 30, notes: { answer: "yes", category: "bolt" } },
    ]);
    expect(callMs).toHaveLength(4);
    expect([rawLength, recording]).toEqual([null, null]);
  });

  test("everything but a finite number in the range is an error with its cause", async () => {
    const values = ["NaN", "Infinity", "true", "'1'", "undefined", "[1]", "7"];
    const { outcomes } = await score(
      `range: { min: 0, max: 2 }, score: ({ completion }: any) => [${values.join()}][Number(completion)]`,
      rows(...values.map((_, i) => String(i))),
    );
    expect(outcomes.map((one) => (one.status === "error" ? `${one.cause}: ${one.message}` : one.status))).toEqual([
      "value: expected a finite number, got NaN",
      "value: expected a finite number, got Infinity",
      "value: expected a number, null or skip(reason), got true",
      'value: expected a number, null or skip(reason), got the text "1"',
      "value: expected a number, null or skip(reason), got undefined (does a branch lack `return`?)",
      "value: expected a number, null or skip(reason), got a list",
      "range: expected a score from 0 to 2, got 7",
    ]);
  });

  test("a throw is an error of its completion, with the line", async () => {
    const { outcomes } = await score(
      `score({ completion }: { completion: string }): number {
         const found = completion.match(/b/);
         return found!.index!;
       }`,
    );
    expect(outcomes).toEqual([
      {
        status: "error",
        cause: "raised",
        message: "TypeError: Cannot read properties of null (reading 'index') (line 4)",
      },
      { status: "ok", score: 0 },
    ]);
  });

  test("a group reward sees its peers, and random numbers depend on the seed and the row alone", async () => {
    const peers = await score(`scope: "group", score: ({ peers }: any) => peers.length`, [
      ...rows("a", "b"),
      { ...rows("c")[0]!, group: "other" },
    ]);
    expect(peers.outcomes).toEqual([2, 2, 1].map((score) => ({ status: "ok", score })));
    const body = "score: ({ random }: any) => random()";
    const first = await score(body, rows("a", "b"), { seed: 1 });
    const again = await score(body, rows("a", "b").reverse(), { seed: 1 });
    const other = await score(body, rows("a", "b"), { seed: 2 });
    expect(again.outcomes.reverse()).toEqual(first.outcomes);
    expect(other.outcomes).not.toEqual(first.outcomes);
  });
});

describe("modules", () => {
  test("files of the project are imported, and the text on screen wins over the file", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "a.reward.ts");
    writeFileSync(file, "this is older");
    writeFileSync(join(folder, "words.ts"), "export enum Kind { Scratch = 2 }\nexport * from './deep.js';");
    writeFileSync(join(folder, "deep.ts"), "import data from './data.json';\nexport const deep: number = data.value;");
    writeFileSync(join(folder, "data.json"), '{"value": 40}');
    const source = `import { deep, Kind } from "./words";
import type { Missing } from "./types-only";
/** @reward */
export const f = () => deep + Kind.Scratch;
/** @reward */
export const late = async () => (await import("./deep.ts")).deep;`;
    const runner = open(source, { file });
    expect((await runner.score("f", rows("a"))).outcomes).toEqual([{ status: "ok", score: 42 }]);
    expect((await runner.score("late", rows("a"))).outcomes).toEqual([{ status: "ok", score: 40 }]);
  });

  test.each([
    ["a package", 'import x from "lodash"; x;', /package/],
    ["a file that is not there", 'import x from "./nowhere"; x;', /"\.\/nowhere", which is not there/],
    [
      "files of Node",
      'import { readFileSync } from "node:fs"; readFileSync;',
      /node:fs, which pure rewards may not use/,
    ],
    ["a module that throws", "throw new RangeError('no');", /RangeError: no/],
  ])("%s cannot be loaded", async (_, line, message) => {
    const runner = open(`${line}\n/** @reward */\nexport const f = () => 1;`);
    await expect(runner.score("f", rows("a"))).rejects.toMatchObject({
      code: "reward/load",
      message: expect.stringMatching(message),
    });
  });

  test("an import that is not allowed is told with the file as people know it, and its own cure", async () => {
    const source = 'import "node:net";\n/** @reward */\nexport const f = () => 1;';
    const file = join(temporaryFolder(), "my rewards", "a.reward.ts");
    await expect(open(source, { file }).score("f", rows("a"))).rejects.toMatchObject({
      message: `${file} imports node:net, which pure rewards may not use.`,
      hint: expect.stringContaining("impure: true"),
    });
  });

  test("CommonJS is run as Node would, with files of both kinds, and says which line threw", async () => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, "first.cjs"),
      "const second = require('./second');\nexports.base = 1;\nexports.sum = () => exports.base + second.two;",
    );
    // The two need each other; this one is there in part when the other asks.
    writeFileSync(
      join(folder, "second.js"),
      "exports.two = 2;\nconst first = require('./first.cjs');\nexports.seen = () => first.base;",
    );
    writeFileSync(join(folder, "table.json"), '{"weight": 10}');
    const source = `#!/usr/bin/env node
"use strict";
const { defineReward } = require("iad-r1/reward");
const { sum } = require("./first.cjs"), { seen } = require("./second"), table = require("./table.json");
const { join } = require("path");
/** @reward */
exports.plain = function ({ completion }) {
  if (completion === "bad") throw new Error("not " + completion);
  return sum() + seen() + table.weight + join("a", "b").length;
};
exports.made = defineReward({ score: ({ completion }) => completion.length, range: { min: 0, max: 5 } });
`;
    const runner = open(source, { file: join(folder, "old.reward.cjs"), instrument: instrumentTypeScript });
    const { outcomes } = await runner.score("plain", rows("a", "bad"));
    expect(outcomes[0]).toEqual({ status: "ok", score: 17 });
    expect(outcomes[1]).toMatchObject({ status: "error", message: expect.stringMatching(/not bad.*line 8/s) });
    expect((await runner.score("made", rows("abc"))).outcomes).toEqual([{ status: "ok", score: 3 }]);
    const watched = await runner.score("plain", rows("a"), { instrumented: true });
    expect(watched.outcomes).toEqual([{ status: "ok", score: 17 }]);
    const { sites, records } = watched.recording!;
    const at = sites.findIndex(({ start, end }) => source.slice(start, end) === 'completion === "bad"');
    expect(records[at]!.values.map(({ preview }) => preview.text)).toEqual(["false"]);

    // From a file with `import`: by name, and as a whole.
    const mixed = `import { defineReward } from "iad-r1/reward";
import whole, { sum } from "./first.cjs";
export const f = defineReward({ score: () => (whole.sum === sum ? sum() : 0) });`;
    expect((await open(mixed, { file: join(folder, "new.reward.ts") }).score("f", rows("a"))).outcomes).toEqual([
      { status: "ok", score: 3 },
    ]);
  });

  test("what CommonJS may not require is said, as for import", async () => {
    const head = `const { defineReward } = require("iad-r1/reward");\nexports.f = defineReward({ score: () => 1 });\n`;
    for (const [what, message] of [
      ['require("fs")', /fs, which pure rewards may not use/],
      ['require("left-pad")', /"left-pad", a package/],
      ['require("./absent")', /".\/absent", which is not there/],
      ['require("fs".concat(""))', /fs, which pure rewards may not use/],
    ] as const) {
      await expect(open(`${head}${what};`, { file: "/project/a.cjs" }).score("f", rows("a")), what).rejects.toThrow(
        message,
      );
    }
  });

  test("a syntax error says its line", async () => {
    const runner = open("/** @reward */\nexport const f = () => 1;\nconst = ;");
    await expect(runner.score("f", rows("a"))).rejects.toMatchObject({
      ...{ code: "reward/load", data: { line: 3 } },
      message: expect.not.stringContaining("transforming"),
    });
  });

  test("an unknown name lists the known ones", async () => {
    const runner = open("/** @reward */\nexport const f = () => 1;");
    await expect(runner.score("g", rows("a"))).rejects.toMatchObject({
      code: "reward/unknown-name",
      hint: "It has f.",
    });
  });
});

describe("limits", () => {
  test.each([
    ["an endless loop", "for (;;) {}"],
    ["an endless pattern", 'return /^(a+)+$/.test("a".repeat(40) + "b") ? 1 : 0;'],
    ["a promise that never settles", "return new Promise(() => {}) as never;"],
  ])("%s is ended in time, its row is named, and the next call works", async (_, body) => {
    const runner = open(`/** @reward */
export function f({ completion }: any): any { if (completion !== "hang") return 1; ${body} }`);
    await runner.score("f", rows("warm"));
    const started = performance.now();
    await expect(runner.score("f", rows("a", "hang", "b"), { wallMs: 300 })).rejects.toMatchObject({
      code: "reward/timeout",
      data: { row: 1 },
    });
    expect(performance.now() - started).toBeLessThan(2_500);
    expect((await runner.score("f", rows("a"))).outcomes).toEqual([{ status: "ok", score: 1 }]);
  });

  test("code that hangs while it is loaded is ended", async () => {
    const runner = open("/** @reward */\nexport const f = () => 1;\nfor (;;) {}");
    await expect(runner.score("f", rows("a"))).rejects.toMatchObject({ code: "reward/timeout" });
  });

  test.each([
    ["heap", "const all: unknown[] = []; for (;;) all.push(new Array(1000).fill(Math.random()));"],
    ["typed arrays", "const all: unknown[] = []; for (;;) all.push(new Uint8Array(1e7).fill(1));"],
  ])("too much memory (%s) ends the process and nothing else", async (_, body) => {
    const runner = open(`/** @reward */\nexport function f(): number { ${body} }`, { memoryMb: 64 });
    await expect(runner.score("f", rows("a"), { wallMs: 60_000 })).rejects.toMatchObject({ code: "reward/memory" });
  });

  test("a flood of output is cut", async () => {
    const { output, outcomes } = await score(
      `score() { for (let i = 0; i < 100000; i++) console.log("x".repeat(100)); return 1; }`,
    );
    expect(outcomes[0]).toEqual({ status: "ok", score: 1 });
    expect(output.length).toBeLessThan(70_000);
    expect(output).toContain("left out");
  });

  test("each batch has the time for itself", async () => {
    const source =
      "/** @reward */\nexport const f = async () => { await new Promise((go) => setTimeout(go, 250)); return 1; };";
    const { outcomes } = await open(source).score("f", rows("a", "b", "c", "d"), { wallMs: 900, batchSize: 1 });
    expect(outcomes).toHaveLength(4);
  });

  test("a call that is cancelled ends at once", async () => {
    const runner = open("/** @reward */\nexport function f() { for (;;) {} }");
    const stop = new AbortController();
    const result = runner.score("f", rows("a"), { signal: stop.signal, wallMs: 60_000 });
    setTimeout(() => stop.abort(), 200);
    await expect(result).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("powers", () => {
  test("pure code has no process, no network and no files; a way around ends in an error", async () => {
    const { outcomes } = await score(
      `score: ({ completion }: any) => {
         if (completion === "fetch") return fetch("http://127.0.0.1:1") as never;
         if (completion === "exit") return process.exit(3);
         const builtin = (0, eval)("import('node:fs')");
         return builtin.then((fs: any) => fs.readFileSync("/etc/hostname").length);
       }`,
      rows("fetch", "exit", "import"),
    );
    const messages = outcomes.map((one) => (one.status === "error" ? one.message : one.status));
    expect(messages[0]).toMatch(/fetch is not defined/);
    expect(messages[1]).toMatch(/process is not defined/);
    expect(messages[2]).toMatch(/Error/);
  });

  test("a file that waits at its top for something that never comes says so", async () => {
    const runner = open(`import { defineReward } from "iad-r1/reward";
await new Promise(() => {});
export const f = defineReward({ score: () => 1 });`);
    await expect(runner.score("f", rows("a"))).rejects.toMatchObject({
      code: "reward/crashed",
      message: expect.stringContaining("an await outside of functions"),
    });
  });

  test("impure code may read files, and a process that ends itself is reported", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "scores.txt"), "7");
    const source = `import { readFileSync } from "node:fs";
import { defineReward } from "iad-r1/reward";
export const f = defineReward({ impure: true, score({ completion }: any) {
  if (completion === "exit") process.exit(3);
  return Number(readFileSync(${JSON.stringify(join(folder, "scores.txt"))}, "utf8"));
} });`;
    const runner = open(source, { file: join(folder, "a.reward.ts") });
    expect((await runner.score("f", rows("a"))).outcomes).toEqual([{ status: "ok", score: 7 }]);
    await expect(runner.score("f", rows("exit"))).rejects.toMatchObject({ code: "reward/crashed" });
  });
});
