/**
 * Bad input through the command line: exit code 1 for a job that cannot be done, 2 for wrong usage, one error on stderr, nothing on
 * stdout. What each kind of damage is called is checked by badInput.test.ts; here only the way to the terminal is.
 */
import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildEntry } from "../helpers/buildEntry";
import { editJson, png, soundPng } from "../helpers/hostileCase";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture } from "../helpers/tinyModel";

let entry = "";
beforeAll(async () => {
  entry = await buildEntry("server/src/cli/main.ts");
  // `inspect` starts it, and looks for it beside itself.
  await buildEntry("server/src/inspect/inspectWorker.ts");
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function iadR1(folder: string, args: readonly string[], input = ""): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: 60_000, env: { ...process.env, CI: "true", NO_COLOR: "1" } };
    const child = execFile(process.execPath, [entry, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
    child.stdin!.end(input);
  });
}

/** A sound picture, experiment and data set, a checkpoint that is cut off, and files of other kinds. */
function workplace(): string {
  const folder = temporaryFolder();
  const put = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
  put("part.png", soundPng());
  put("deep.png", png(2, 2, { depth: 16, pixels: Buffer.alloc(26) }));
  put("cut.png", soundPng(64, 64).subarray(0, 60));
  put("notes.txt", "hello\n");
  put("iadr1.yaml", experiment);
  put("typo.yaml", experiment.replace("steps: 1", "stepps: 1"));
  put("tabs.yaml", "model:\n\tbase: x\n");
  put("set.json", '[{"images": "gone.png", "messages": []}]');
  put("lines.jsonl", '{"completion": "x", "solution": "y"}\n{"completion": \n');
  mkdirSync(join(folder, "nothing"));
  put("nothing/annotations.jsonl", "");
  mkdirSync(join(folder, "broken"));
  put("broken/annotations.jsonl", '{"id": "a", "image": "a.png", "category": "nut", "label": "normal"}\n');
  put("broken/a.png", "no picture");
  put("leaks.yaml", experiment.replace("{kind: synth, seed: 1, count: 4, size: 42}", "{kind: folder, path: broken}"));
  cpSync(tinyCheckpoint, join(folder, "damaged"), { recursive: true });
  truncateSync(join(folder, "damaged/model.safetensors"), 20_000);
  mkdirSync(join(folder, "adapter"));
  for (const name of ["adapter_config.json", "adapter_model.safetensors"]) {
    cpSync(join(tinyFixture, name), join(folder, "adapter", name));
  }
  editJson(join(folder, "adapter/adapter_config.json"), (json) => {
    json.r = 4;
  });
  return folder;
}

const experiment = `model: {base: ${JSON.stringify(tinyCheckpoint)}}
data: {train: {kind: synth, seed: 1, count: 4, size: 42}}
stages: {paSft: {trainable: lora, steps: 1, gradientAccumulation: 1}}
output: runs
device: cpu
threads: 1
`;

const tiny = ["--model", tinyCheckpoint, "--device", "cpu"];

describe("a job that cannot be done ends with exit code 1 and one error", () => {
  const cases: [string, string[], RegExp][] = [
    ["a picture that is not there", ["inspect", "none.png", ...tiny], /none\.png.*no such file/],
    ["a text in place of a picture", ["inspect", "notes.txt", ...tiny], /notes\.txt.*expected JPEG, PNG/],
    ["a picture of 16 bits", ["inspect", "deep.png", ...tiny], /deep\.png.*16 bits/],
    ["a picture that is cut off", ["inspect", "cut.png", ...tiny], /cut\.png.*damaged/],
    ["a reference that is not there", ["inspect", "part.png", "--reference", "none.png", ...tiny], /none\.png/],
    ["a model that is not there", ["inspect", "part.png", "--model", "nowhere"], /nowhere.*config\.json/],
    [
      "a model whose weights are cut off",
      ["inspect", "part.png", "--model", "damaged", "--device", "cpu"],
      /model\.safetensors is cut off/,
    ],
    [
      "an adapter of another rank",
      ["inspect", "part.png", ...tiny, "--adapter", "adapter"],
      /shape \[4, 96\] .*got \[8, 96\]/,
    ],
    ["an experiment that is not there", ["train", "pa-sft", "none.yaml"], /none\.yaml.*cannot be read/],
    ["an experiment with a wrong key", ["train", "pa-sft", "typo.yaml"], /typo\.yaml:3:\d+ .*stepps/],
    ["an experiment with tabs", ["post-train", "tabs.yaml"], /tabs\.yaml:2:\d+/],
    [
      "an experiment whose model's name is misspelt",
      ["train", "pa-sft", "iadr1.yaml", "--set", "model.base=nano-bas"],
      /nano-bas: config\.json is missing[\s\S]*or nano, nano-pa-sft, nano-base/,
    ],
    ["a setting of a wrong type", ["train", "pa-sft", "iadr1.yaml", "--set", "seed=abc"], /--set seed/],
    ["a run to be resumed that nobody knows", ["train", "pa-sft", "--resume", "2099"], /no run 2099/],
    ["a run that nobody knows", ["runs", "show", "2099"], /no run 2099/],
    ["an export of a run that nobody knows", ["runs", "export", "2099", "--out", "x.csv"], /no run 2099/],
    ["no run at all", ["runs", "show", ""], /expected a run.*got nothing/i],
    ["completions that are not there", ["rollouts", "show", "none.jsonl"], /no file none\.jsonl, and no run/],
    ["a data set that is not there", ["data", "stats", "none.json"], /none\.json/],
    ["a data set without samples", ["eval", "--data", "nothing", ...tiny], /nothing holds no samples/],
    ["a file in the place of a folder", ["data", "schema", "--out", "damaged"], /damaged.*(EISDIR|folder)/],
    [
      "an export in the place of a folder",
      ["rollouts", "import", "lines.jsonl", "--out", "damaged"],
      /damaged could not be written: it is a folder/,
    ],
    [
      "a data set of no known format",
      ["data", "convert", "notes.txt", "--to", "meta", "--out", "x.json"],
      /format cannot be told/,
    ],
    ["a folder that is taken", ["data", "synth", "--out", ".", "--count", "1"], /not an empty folder/],
    [
      "a folder below a file",
      ["data", "synth", "--out", "notes.txt/x", "--count", "1"],
      /notes\.txt.*(ENOTDIR|EEXIST)/,
    ],
    [
      "a converted folder that is taken",
      ["data", "convert", "set.json", "--to", "folder", "--out", "damaged"],
      /--overwrite/,
    ],
    ["too many pictures", ["data", "synth", "--out", "x", "--count", "100000000"], /1,000,000/],
    ["a schema below a file", ["data", "schema", "--out", "notes.txt/schema.json"], /notes\.txt/],
    ["a data set to be judged that is not there", ["eval", "--data", "none", ...tiny], /none/],
    [
      "a report that cannot be written, before anything is evaluated",
      ["eval", "--data", "synth:1:9", "--out", "notes.txt/x", ...tiny],
      /notes\.txt.*(ENOTDIR|EEXIST)/,
    ],
    [
      "lines that cannot be written, before anything is sampled",
      ["rollouts", "sample", "--data", "synth:1:9", "--out", "notes.txt/x", ...tiny],
      /notes\.txt.*(ENOTDIR|EEXIST)/,
    ],
    ["drawn pictures without a number", ["eval", "--data", "synth:1:few", ...tiny], /expected synth:SEED:COUNT/],
    ["records that are not there", ["verify", tinyCheckpoint, "--reference", "."], /reference\.json/],
    [
      "an embedded adapter by its name on another base",
      ["models", "merge", "nano", "--model", tinyCheckpoint, "--output", "x"],
      /sc-grpo[\s\S]*an adapter to the base/,
    ],
    [
      "a reward that does not exist",
      ["reward", "score", "--rewards", "iad-r1/acuracy", "--input", "lines.jsonl"],
      /Did you mean iad-r1\/accuracy/,
    ],
    [
      "completions that are not there",
      ["reward", "score", "--rewards", "iad-r1", "--input", "none.jsonl"],
      /none\.jsonl/,
    ],
  ];
  test.each(cases)("%s", async (_, args, says) => {
    const { code, stdout, stderr } = await iadR1(workplace(), args);
    expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: "" });
    expect(stderr).toMatch(says);
    expectOneError(stderr);
  });

  test("a broken line of completions: the lines before it are scored, then comes the error", async () => {
    const { code, stdout, stderr } = await iadR1(workplace(), [
      "reward",
      "score",
      "--rewards",
      "iad-r1",
      "--input",
      "lines.jsonl",
    ]);
    expect(code).toBe(1);
    expect(stdout.trim().split("\n").length).toBe(1);
    expect(stderr).toMatch(/line 2: not JSON/);
    expectOneError(stderr);
  });

  test("batches for a trainer that are none: each line has its answer, in words", async () => {
    const input = '{"id":1,"rows":[null]}\nnull\n[1]\n{"id":2,"rows":[]}\n';
    const args = ["reward", "serve-stdio", "--rewards", "iad-r1"];
    const { code, stdout } = await iadR1(workplace(), args, input);
    expect(code).toBe(0);
    const [, ...answers] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    const expected = (what: string): unknown => expect.stringContaining(`xpected {${what}`);
    expect(answers).toMatchObject([
      { id: 1, error: expected("completion") },
      { id: null, error: expected("id, rows") },
      { id: null, error: expected("id, rows") },
      { id: 2, outcomes: {} },
    ]);
  });

  test.skipIf(process.platform === "win32").each([
    ["serve-stdio", ["reward", "serve-stdio", "--rewards", "iad-r1"]],
    ["score", ["reward", "score", "--rewards", "iad-r1", "--input", "-"]],
  ])("%s ends when it is told to, also while it waits for standard input", async (_, args) => {
    const child = spawn(process.execPath, [entry, ...args], { cwd: workplace(), stdio: ["pipe", "pipe", "pipe"] });
    const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
    const input = JSON.stringify({ completion: "x", solution: "y" });
    // What has been read and answered is behind it.
    if (args.includes("--input")) child.stdin.write(`${input}\n`.repeat(512));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    const limit = setTimeout(() => child.kill("SIGKILL"), 20_000);
    expect(await ended).toBe(130);
    clearTimeout(limit);
  });

  test("a data set with errors: each with its line, then the count", async () => {
    const { code, stdout, stderr } = await iadR1(workplace(), ["data", "validate", "set.json"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/set\.json:1:\d+/);
    expect(stdout).toMatch(/^0 samples, [1-9]\d* errors?,/);
    expect(stderr).not.toMatch(/\n\s+at |node_modules/);
  });

  test("with --json the error is one JSON object on stdout", async () => {
    const { code, stdout, stderr } = await iadR1(workplace(), ["inspect", "none.png", ...tiny, "--json"]);
    expect(code).toBe(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } };
    expect(error).toMatchObject({ code: "data/missing-image", hint: "Check the path." });
    expectOneError(stderr);
  });

  test("pictures that cannot be read do not keep the others from being inspected", async () => {
    const pictures = ["none.png", "part.png", "cut.png"];
    const { code, stdout, stderr } = await iadR1(workplace(), ["inspect", ...pictures, ...tiny, "--json"]);
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { error: { where: "none.png" } },
      { image: "part.png" },
      { error: { where: "cut.png" } },
    ]);
    expect(stderr.match(/^error: /gm)).toHaveLength(2);
  });

  test("terminal commands in a file's name are shown, not obeyed", async () => {
    const { stderr } = await iadR1(workplace(), ["inspect", "\u001b[2Jevil.png", ...tiny]);
    expect(stderr).toContain("\\x1b[2Jevil.png");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(stderr).not.toMatch(/\x1b/);
  });

  test.skipIf(process.platform === "win32")("an output device that is always full", async () => {
    const folder = workplace();
    mkdirSync(join(folder, "full"));
    symlinkSync("/dev/full", join(folder, "full/schema.json"));
    const { code, stderr } = await iadR1(folder, ["data", "schema", "--out", "full/schema.json"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/full/);
    expectOneError(stderr);
  });

  test.skipIf(process.platform === "win32")("a limit on the size of files, while a training writes", async () => {
    const folder = workplace();
    // 96 blocks of 512 bytes or 1 KiB, by the shell.
    const command = `ulimit -f 96; exec "${process.execPath}" "${entry}" train pa-sft iadr1.yaml`;
    const ended = await new Promise<Ended>((resolve) => {
      execFile(
        "sh",
        ["-c", command],
        { cwd: folder, timeout: 60_000, env: { ...process.env, CI: "true" } },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
        },
      );
    });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/disk or its quota is full/);
    expectOneError(ended.stderr);
  });
});

test.each([
  ["help --help", /^Usage: iad-r1 \[/],
  ["data help -h", /^Usage: iad-r1 data \[/],
  ["help data synth", /^Usage: iad-r1 data synth \[/],
])("%s is help as well", async (line, says) => {
  const { code, stdout, stderr } = await iadR1(workplace(), line.split(" "));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(says);
});

describe("wrong usage ends with exit code 2 and says how it is meant", () => {
  const cases: [string, string[], RegExp][] = [
    ["an unknown command", ["frobnicate"], /unknown command 'frobnicate'/],
    ["an unknown sub-command", ["data", "frobnicate"], /frobnicate/],
    ["help with an unknown command", ["help", "data", "frobnicate"], /unknown command 'frobnicate'/],
    ["an unknown option", ["inspect", "part.png", "--colour", "red"], /unknown option '--colour'/],
    ["no picture", ["inspect"], /missing required argument/],
    ["a negative number of tokens", ["inspect", "part.png", "--max-tokens", "-1"], /--max-tokens/],
    ["a temperature that is a word", ["inspect", "part.png", "--temperature", "hot"], /--temperature/],
    ["a device that does not exist", ["inspect", "part.png", "--device", "tpu"], /tpu/],
    ["a training of nothing", ["train", "pa-sft"], /experiment file/],
    ["settings for a run that has its own", ["post-train", "--resume", "x", "--set", "seed=2"], /--set/],
    ["rewards exchanged in a run that begins", ["post-train", "iadr1.yaml", "--exchange-rewards"], /--resume RUN/],
    ["a share above one", ["data", "synth", "--out", "x", "--anomalous-share", "2"], /--anomalous-share/],
    ["a format that does not exist", ["data", "validate", "set.json", "--format", "coco"], /coco/],
    ["data and questions at once", ["eval", "--data", "none", "--questions", "set.json"], /cannot be used with/],
    ["a number of images that is a word", ["eval", "--data", "none", "--limit", "few"], /--limit/],
    ["a seed that is a word", ["reward", "serve-stdio", "--rewards", "iad-r1", "--seed", "abc"], /--seed/],
    ["a verdict that does not exist", ["rollouts", "show", "lines.jsonl", "--verdict", "rigth"], /--verdict/],
    ["no rewards", ["reward", "score", "--input", "lines.jsonl"], /--rewards/],
  ];
  test.each(cases)("%s", async (_, args, says) => {
    const { code, stdout, stderr } = await iadR1(workplace(), args);
    expect({ code, stdout, stderr }).toMatchObject({ code: 2, stdout: "" });
    expect(stderr).toMatch(says);
    expectOneError(stderr);
  });
});

/** One "error:" at the beginning of a line, and nothing of our insides. */
function expectOneError(stderr: string): void {
  expect(stderr.match(/^error: /gm), stderr).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at |node_modules|\[object Object\]|UnhandledPromise|undefined/);
}

test("pictures that cannot be compared are told, and the comparison is not said to be clean", async () => {
  const folder = workplace();
  const { code, stdout, stderr } = await iadR1(folder, ["data", "splits", "leaks.yaml", "--leaks"]);
  expect(code).toBe(1);
  expect(stdout).toContain("1 normal, 0 anomalous");
  expect(stderr).toMatch(/not compared: .*a\.png/);
  const json = await iadR1(folder, ["data", "splits", "leaks.yaml", "--leaks", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ leaks: [], unreadable: [{ image: join(folder, "broken/a.png") }] });
});
