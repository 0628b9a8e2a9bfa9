/** The reader of recorded completions: every layout, what is wrong with single lines, and files that mean harm. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { RolloutTablesWriter } from "@iad-r1/server/rollouts/tables";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const fixtures = join(import.meta.dirname, "../../fixtures/rollouts");

function fileOf(lines: readonly unknown[], name = "file.jsonl"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  return path;
}

const shape = (rows: readonly { group: string; index: number }[]) =>
  rows.map(({ group, index }) => `${group} ${index}`);

describe("lines of completions", () => {
  it("keep what they say, and every other key as a column", async () => {
    const path = fileOf([
      { group: 1, prompt: "p", completion: "a", solution: "s", category: "nut", rewards: { r: 1 } },
      { group: 1, prompt: "p", completion: [{ role: "assistant", content: "b" }], solution: "s", category: "nut" },
    ]);
    const { rows, format, problems, rewardNames } = await readRollouts(path);
    expect({ format, problems, rewardNames }).toEqual({ format: "lines", problems: [], rewardNames: ["r"] });
    const common = { group: "1", prompt: "p", solution: "s", columns: { category: "nut" } };
    expect(rows).toEqual([
      { ...common, index: 0, completion: "a", rewards: { r: 1 } },
      { ...common, index: 1, completion: "b" },
    ]);
  });

  it("without a group belong together while they ask the same", async () => {
    const line = (prompt: string, completion: string) => ({ prompt, completion, solution: "s" });
    const { rows } = await readRollouts(fileOf([line("p", "1"), line("p", "2"), line("q", "3"), line("p", "4")]));
    expect(shape(rows)).toEqual(["lines 1 0", "lines 1 1", "lines 2 0", "lines 3 0"]);
    const anonymous = await readRollouts(fileOf([{ completion: "1" }, { completion: "1" }]));
    expect(shape(anonymous.rows)).toEqual(["lines 1 0", "lines 2 0"]);
  });

  it("give what `reward score` prints as scores", async () => {
    const scored = { group: 1, completion: "a", scores: { r: null }, status: { r: "not-applicable" } };
    expect((await readRollouts(fileOf([scored]))).rows[0]).toMatchObject({ rewards: { r: null }, status: { r: "na" } });
  });

  it("keep a ground truth that is no text among the columns", async () => {
    const { rows } = await readRollouts(fileOf([{ group: 1, completion: "a", solution: { answer: 3 } }]));
    expect(rows[0]).toMatchObject({ solution: null, columns: { solution: { answer: 3 } } });
  });

  it("say with their number what is wrong with them, and the others are read", async () => {
    const path = fileOf([
      "{broken",
      { group: 1, completion: 7 },
      "",
      { group: 1, completion: "good" },
      "[1]",
      { group: 1 },
    ]);
    const { rows, problems } = await readRollouts(path);
    expect(rows.map(({ completion }) => completion)).toEqual(["good"]);
    expect(problems.map(({ line, message }) => [line, message.slice(0, 55)])).toEqual([
      [1, expect.stringContaining("not JSON")],
      [2, expect.stringContaining("`completion`: expected a text")],
      [5, expect.stringContaining("expected an object, got a list")],
      [6, expect.stringContaining("`completion`")],
    ]);
    expect(problems.every(({ file, hint }) => file === path && hint !== undefined)).toBe(true);
  });

  it("may end in the middle: what is whole is read, and the cut is told", async () => {
    const path = join(temporaryFolder(), "cut.jsonl");
    writeFileSync(path, `${JSON.stringify({ group: 1, completion: "a" })}\n{"group": 1, "compl`);
    const { rows, problems } = await readRollouts(path);
    expect(rows).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line: 2, message: expect.stringContaining("ends in the middle") });
  });
});

describe("a run folder", () => {
  const record = (group: number, index: number, step: number) => ({
    ...{ run: "r", step, mode: "train", group, index, sampleId: `s${group}`, promptHash: "h".repeat(64) },
    imageRefs: [{ id: `/data/${group}.png`, sha256: "", sizeBytes: 1 }],
    ...{ solution: "<answer>No</answer>", completion: `${step}.${group}.${index}`, finish: "eos", length: 3 },
    ...{ rewards: { r: index }, status: { r: "ok" }, notes: {}, total: index, advantage: 0 },
    ...{ refKl: null, entropy: 1, meanLogProb: -1, timings: { generateMs: 1, rewardMs: 1 } },
  });

  function runFolder(steps: readonly number[]): string {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "rollouts"));
    for (const step of steps) {
      const lines = [record(0, 0, step), record(0, 1, step), record(1, 0, step)];
      const name = `step-${String(step).padStart(6, "0")}.jsonl`;
      writeFileSync(join(folder, "rollouts", name), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    }
    return folder;
  }

  it("is read by steps, with a name for every group of every step", async () => {
    const folder = runFolder([3, 1, 20]);
    const { rows, format } = await readRollouts(folder);
    expect(format).toBe("run");
    expect(rows.map(({ step, group, index }) => `${step} ${group} ${index}`).slice(0, 4)).toEqual([
      "1 1/0 0",
      "1 1/0 1",
      "1 1/1 0",
      "3 3/0 0",
    ]);
    expect((await readRollouts(folder, { lastSteps: 1 })).rows.map(({ step }) => step)).toEqual([20, 20, 20]);
    expect((await readRollouts(folder, { steps: { from: 2, to: 3 } })).rows).toHaveLength(3);
  });

  it("adds the chat and the columns of the sample, kept once", async () => {
    const folder = runFolder([1]);
    const entry = { hash: "h".repeat(64), messages: [{ role: "user", content: "?" }], sampleId: "s0" };
    const sample = { image: "/data/0.png", mask: null, columns: { category: "nut" }, synth: null };
    const writer = new RolloutTablesWriter(folder);
    writer.add([{ ...entry, picture: "/data/0.png", ...sample }]);
    // A process that goes on with the run does not write it again, and a line that a crash cut off harms nothing.
    writeFileSync(join(folder, "rollouts/samples.jsonl"), '\n{"picture": "/da', { flag: "a" });
    new RolloutTablesWriter(folder).add([
      { ...entry, sampleId: "s1", picture: "/data/1.png", ...sample, columns: { category: "ring" } },
    ]);
    expect(readFileSync(join(folder, "rollouts/prompts.jsonl"), "utf8").trim().split("\n")).toHaveLength(1);
    const { rows } = await readRollouts(folder);
    expect(rows.map(({ columns }) => columns.category)).toEqual(["nut", "nut", "ring"]);
    expect(rows[0]!.prompt).toEqual([{ role: "user", content: "?" }]);
  });

  it("keeps the columns of two samples apart that show one picture", async () => {
    const folder = runFolder([]);
    const picture = "/data/0.png";
    const lines = ["s0", "s1"].map((sampleId, group) => {
      const { imageRefs } = record(0, 0, 1);
      return { ...record(group, 0, 1), sampleId, imageRefs };
    });
    writeFileSync(
      join(folder, "rollouts/step-000001.jsonl"),
      `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`,
    );
    const common = { hash: "h".repeat(64), messages: [], picture, image: picture, mask: null, synth: null };
    new RolloutTablesWriter(folder).add(
      ["s0", "s1"].map((sampleId) => ({ ...common, sampleId, columns: { question: sampleId } })),
    );
    const { rows } = await readRollouts(folder);
    expect(rows.map(({ columns }) => columns.question)).toEqual(["s0", "s1"]);
  });
});

describe("TRL's parquet", () => {
  it.each(["snappy", "gzip"])("as pandas writes it (%s) gives rewards, extras and groups", async (compression) => {
    const { rows, format, rewardNames, problems } = await readRollouts(join(fixtures, `trl-${compression}.parquet`));
    expect({ format, rewardNames, problems }).toEqual({
      ...{ format: "trl", problems: [] },
      rewardNames: ["accuracy_reward", "form_reward"],
    });
    // The second and third prompt have the same text: the advantages tell them apart.
    expect(shape(rows).filter((_, i) => i % 4 === 0)).toEqual(["table/0 0", "table/1 0", "table/2 0"]);
    expect(rows[5]).toMatchObject({
      ...{ step: 10, prompt: "Any defect?", rewards: { accuracy_reward: 0, form_reward: null } },
      status: { accuracy_reward: "ok", form_reward: "na" },
      columns: { extracted: "No", tries: 5 },
    });
    // Totals 1, 0.5, 0, 1.5: mean 0.75, deviation 0.6455.
    expect(rows[0]!.advantage).toBeCloseTo(0.25 / (0.645497 + 1e-4), 5);
  });

  it("in the output folder is read by steps, and a file that repeats the last one is left out", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "completions"));
    for (const step of [10, 11]) {
      const name = `completions_${String(step).padStart(5, "0")}.parquet`;
      copyFileSync(join(fixtures, "trl-snappy.parquet"), join(folder, "completions", name));
    }
    const { rows, problems } = await readRollouts(folder);
    expect(rows).toHaveLength(12);
    expect(problems).toMatchObject([{ severity: "warning", code: "rollouts/repeated" }]);
  });

  it("takes the rewards and the group size that a person names", async () => {
    const path = join(fixtures, "trl-snappy.parquet");
    const { rows, rewardNames } = await readRollouts(path, { rewards: ["tries"], groupSize: 2 });
    expect(rewardNames).toEqual(["tries"]);
    expect(rows[3]).toMatchObject({ group: "table/1", index: 1, rewards: { tries: 3 }, total: 3 });
    const wrong = await readRollouts(path, { rewards: ["gone"] });
    expect(wrong.problems[0]!.message).toContain("no column `gone`; there are step, prompt");
  });

  it("that is damaged is refused in words, wherever it is damaged", async () => {
    const sound = readFileSync(join(fixtures, "trl-snappy.parquet"));
    const path = join(temporaryFolder(), "damaged.parquet");
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: sound.length }),
        fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 4 }),
        async (length, changes) => {
          const bytes = Buffer.from(sound.subarray(0, length));
          for (const [at, value] of changes) if (at >= 4 && at < length) bytes[at] = value;
          writeFileSync(path, bytes);
          // Either it can be read, or the error says what is wrong with the file.
          const read = await readRollouts(path).catch((error: { code: string; where: string }) => error);
          if ("code" in read) expect(read).toMatchObject({ code: "rollouts/bad-parquet", where: path });
          else expect(read.rows.length).toBeLessThanOrEqual(12);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("ms-swift's lines", () => {
  it("hold a step each; what Python writes for a missing number is no number", async () => {
    const { rows, format, rewardNames } = await readRollouts(join(fixtures, "swift.jsonl"));
    expect({ format, rewardNames, count: rows.length }).toEqual({
      ...{ format: "swift", count: 24 },
      rewardNames: ["accuracy_reward", "form_reward"],
    });
    expect(rows[5]).toMatchObject({
      ...{ step: 1, group: "line 1/1", index: 1, solution: "<answer>Yes</answer>", columns: { num_turns: 5 } },
      rewards: { form_reward: null },
    });
    expect(rows[12]!.group).toBe("line 2/0");
  });

  it("of the first versions have chats for prompts and only a sum", async () => {
    const messages = [[{ role: "user", content: "?" }], [{ role: "user", content: "?" }]];
    const path = fileOf([{ step: ["4", "4"], messages, completion: ["a", "b"], reward: [0.5, 1] }]);
    const { rows, rewardNames } = await readRollouts(path);
    expect(rewardNames).toEqual([]);
    expect(rows).toMatchObject([
      { step: 4, group: "line 1/0", prompt: messages[0], total: 0.5 },
      { step: 4, group: "line 1/0", total: 1 },
    ]);
  });

  it("with lists of different lengths are refused with the line", async () => {
    const path = fileOf([{ step: ["1"], prompt: ["p"], completion: ["a"], r: [1, 2] }]);
    const { problems } = await readRollouts(path);
    expect(problems[0]).toMatchObject({
      line: 1,
      message: "The line has column `r` has 2 values, expected 1 as `completion`.",
    });
  });
});

it("LLaMA-Factory's predictions are completions with labels", async () => {
  const line = (prompt: string, predict: string) => ({ prompt, predict, label: "<answer>No</answer>" });
  const { rows, format } = await readRollouts(fileOf([line("p", "a"), line("p", "b"), line("q", "c")]));
  expect(format).toBe("llama-factory");
  expect(shape(rows)).toEqual(["lines/0 0", "lines/0 1", "lines/1 0"]);
  expect(rows[0]).toMatchObject({ completion: "a", solution: "<answer>No</answer>" });
});

it("says what a path without completions should have held", async () => {
  await expect(readRollouts(temporaryFolder())).rejects.toMatchObject({ code: "rollouts/no-rollouts" });
  await expect(readRollouts(join(temporaryFolder(), "gone.jsonl"))).rejects.toMatchObject({
    code: "data/missing-file",
  });
});

it("reads any lines without falling over", async () => {
  const path = join(temporaryFolder(), "any.jsonl");
  const json = fc.oneof(
    fc.json(),
    fc.json().map((text) => `{"completion": "x", "group": ${text}, "rewards": ${text}}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(json, fc.string({ unit: "binary" })), { maxLength: 8 }), async (lines) => {
      writeFileSync(path, lines.map((line) => `${line.replaceAll("\n", " ")}\n`).join(""));
      const { rows, problems } = await readRollouts(path);
      expect(rows.length + problems.length).toBeLessThanOrEqual(lines.length + 1);
      for (const row of rows) expect(typeof row.completion).toBe("string");
    }),
    { numRuns: 200 },
  );
});

it("reads lines larger than a piece of the file, with characters of several bytes and a byte order mark", async () => {
  const long = "é".repeat(5_000_000);
  const path = join(temporaryFolder(), "long.jsonl");
  writeFileSync(
    path,
    `\uFEFF${JSON.stringify({ group: 1, completion: long })}\n${JSON.stringify({ group: 1, completion: "ü" })}\n`,
  );
  const { rows } = await readRollouts(path);
  expect(rows.map(({ completion }) => completion.length)).toEqual([5_000_000, 1]);
  expect(rows[1]!.completion).toBe("ü");
});
