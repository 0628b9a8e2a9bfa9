/**
 * `engine: trl`: both stages in TRL's trainers on the embedded model, into the same run folder as those of our own engine, with the same
 * numbers where both must have the same.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { checkProgram, readRewardProgram } from "@iad-r1/server/rewards/check/checkFile";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { groupAdvantages } from "@iad-r1/server/train/advantages";
import { runTraining } from "@iad-r1/server/runs/postTrain";
import { writeWish } from "@iad-r1/server/runs/control";
import { listRuns, openRun } from "@iad-r1/server/runs/store";
import { TrlLink } from "@iad-r1/server/train/trl/link";
import { findPythonEngine } from "@iad-r1/server/runtime/python";
import { CompiledModel } from "@iad-r1/server/verify/compiledModel";
import { encodePng } from "@iad-r1/server/data/png";
import { generateSample } from "@iad-r1/server/data/synth/sample";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { loadImage } from "@iad-r1/models/vision/decode";
import { expect, test } from "vitest";
import { lateControl } from "../helpers/lateControl";
import { pythonPath, runPython } from "../helpers/python";
import { curve, experiment, inFolder, nano, supervised, train, useRunFolder } from "../helpers/trlRuns";

useRunFolder();

async function adapterOf(place: string): Promise<Map<string, Float32Array>> {
  const { adapter } = await loadModelDescription(join(nano, "base"), { adapter: place });
  const entries = [...adapter!.tensors].map(async ([path, stored]) => [path, await stored.read()] as const);
  return new Map(await Promise.all(entries));
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

test("PA-SFT by TRL follows the curve of our own engine, and its adapter is the same in both", async () => {
  const runs = {
    embedded: await train("pa-sft", { name: "sft-embedded", engine: "embedded", stages: { paSft: supervised } }),
    trl: await train("pa-sft", { name: "sft-trl", engine: "trl", stages: { paSft: supervised } }),
  };
  for (const [name, digits] of [
    ["loss", 4],
    ["grad_norm", 3],
    ["learning_rate", 9],
  ] as const) {
    const [ours, theirs] = [curve(runs.embedded.outcome.folder, name), curve(runs.trl.outcome.folder, name)];
    expect(theirs).toHaveLength(4);
    for (const [i, value] of theirs.entries()) expect(value, `${name} ${i}`).toBeCloseTo(ours[i]!, digits);
  }
  // Four steps on, the weights agree, and ours opens theirs.
  const [ours, theirs] = await Promise.all(
    [runs.embedded, runs.trl].map(({ outcome }) => adapterOf(outcome.model!.adapter!)),
  );
  expect([...theirs!.keys()].sort()).toEqual([...ours!.keys()].sort());
  for (const [path, values] of theirs!) expect(largestDifference(values, ours!.get(path)!), path).toBeLessThan(1e-4);
});

test("a run by TRL stops, resumes to the numbers of one that was not stopped, and is read like any other", async () => {
  const stages = { paSft: { ...supervised, saveEvery: 10 } };
  const whole = await train("pa-sft", { name: "whole", engine: "trl", stages });
  const stop = new AbortController();
  const first = await train(
    "pa-sft",
    { name: "stopped", engine: "trl", stages },
    {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "scalars" && event.step === 2) stop.abort();
      },
    },
  );
  expect(first.outcome.state).toBe("stopped");
  expect(listRuns(inFolder("stopped"))).toMatchObject([{ state: "stopped", lastStage: "pa-sft", lastStep: 2 }]);
  const second = await train("pa-sft", { name: "stopped", engine: "trl", stages }, { resume: first.outcome.runId });
  expect(second.outcome.state).toBe("completed");
  for (const name of ["loss", "grad_norm", "num_tokens"]) {
    const [uninterrupted, resumed] = [curve(whole.outcome.folder, name), curve(second.outcome.folder, name)];
    expect(resumed).toHaveLength(4);
    for (const [i, value] of resumed.entries()) expect(value, `${name} ${i}`).toBeCloseTo(uninterrupted[i]!, 6);
  }
});

test("Ctrl-C in a terminal, which goes to all processes of a run, leaves it with the step that was under way", async () => {
  const python = inFolder("interrupts.py");
  writeFileSync(
    python,
    `import os, signal, time

calls = []

def interrupts(completions, **kwargs):
    calls.append(1)
    if len(calls) == 2:
        os.killpg(os.getpgid(os.getppid()), signal.SIGINT)
        time.sleep(1)
    return [len(one[0]["content"]) for one in completions]
`,
  );
  const stages = {
    scGrpo: {
      ...{ trainable: "lora" as const, groupSize: 2, promptsPerStep: 1, steps: 6, microBatchSize: 2, saveEvery: 100 },
      ...{ maxCompletionLength: 8, evalEvery: 0, rewards: [{ name: `${python}#interrupts` }] },
    },
  };
  const config = inFolder("interrupted.yaml");
  writeFileSync(config, JSON.stringify(experiment({ name: "interrupted", engine: "trl", stages })));
  const command = join(import.meta.dirname, "../../bin/iad-r1");
  const child = spawn(process.execPath, [command, "train", "sc-grpo", config], { detached: true, stdio: "ignore" });
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(130);
  const [listing] = listRuns(inFolder("interrupted"));
  expect(listing).toMatchObject({ state: "stopped", lastStage: "sc-grpo", lastStep: 2 });
  const run = openRun(join(inFolder("interrupted"), listing!.id));
  expect(run.events().flatMap((event) => (event.type === "checkpoint" ? [event.step] : []))).toEqual([2]);
});

test("SC-GRPO by TRL asks the run for rewards of both languages and leaves rollouts that the debugger reads", async () => {
  const typescript = inFolder("length.reward.ts");
  writeFileSync(
    typescript,
    `/** @reward */
export function brevity({ completion, solution }: { completion: string; solution: string }): number {
  return solution === "" ? 0 : 1 / (1 + completion.length);
}
`,
  );
  const python = inFolder("tags.py");
  writeFileSync(
    python,
    `def tags(completions, label, **kwargs):
    return [c[0]["content"].count("<") / 8 if one == "anomalous" else None for c, one in zip(completions, label)]
`,
  );
  const policy = {
    trainable: "lora" as const,
    ...{ groupSize: 4, promptsPerStep: 2, steps: 2, iterations: 2, microBatchSize: 4, learningRate: 1e-3, beta: 0.04 },
    ...{ maxCompletionLength: 24, temperature: 1, evalEvery: 2, saveEvery: 2 },
    rewards: [{ name: `${typescript}#brevity` }, { name: `${python}#tags`, weight: 2 }, { name: "iad-r1/consistency" }],
  };
  const { outcome, events, run } = await train("sc-grpo", {
    ...{ name: "grpo", engine: "trl" as const, stages: { scGrpo: policy }, heldOut: true },
  });
  expect(outcome.state).toBe("completed");
  expect(events.flatMap((event) => (event.type === "rewards" ? event.rewards.map(({ name }) => name) : []))).toEqual([
    ...["brevity", "tags", "iad-r1/consistency"],
  ]);
  expect(run.evaluations().map(({ label }) => label)).toEqual(["sc-grpo@2", "sc-grpo"]);

  const { rows } = await readRollouts(outcome.folder, {});
  expect(rows).toHaveLength(16);
  for (const row of rows) {
    expect(row.rewards!.brevity).toBeCloseTo(1 / (1 + row.completion.length), 12);
    const anomalous = row.columns.label === "anomalous";
    expect(row.status!.tags).toBe(anomalous ? "ok" : "na");
    expect(row.total).toBeCloseTo(
      row.rewards!.brevity! + 2 * (row.rewards!.tags ?? 0) + row.rewards!["iad-r1/consistency"]!,
      12,
    );
  }
  // Advantages are TRL's own; they are what our arithmetic says.
  for (const step of [1, 2]) {
    const ofStep = rows.filter((row) => row.step === step);
    const { advantages } = groupAdvantages(
      ofStep.map(({ total }) => total ?? null),
      { groupSize: 4 },
    );
    for (const [i, row] of ofStep.entries()) expect(row.advantage).toBeCloseTo(advantages[i]!, 3);
  }
  // The model that starts a run is its own reference: no distance before the first update, and some after it.
  const kl = curve(outcome.folder, "kl");
  expect(kl[1]).toBeGreaterThan(0);
  const records = readFileSync(join(outcome.folder, "rollouts/step-000001.jsonl"), "utf8").trim().split("\n");
  for (const line of records) {
    const { refKl, entropy, meanLogProb } = JSON.parse(line) as { refKl: number; entropy: number; meanLogProb: number };
    expect(Math.abs(refKl)).toBeLessThan(1e-6);
    expect(entropy).toBeGreaterThan(0);
    expect(meanLogProb).toBeLessThan(0);
  }
  const names = new Set(run.scalars().map(({ name }) => name));
  for (const name of [
    "reward",
    "rewards/tags/mean",
    "kl",
    "entropy",
    "clip_ratio/low_mean",
    "completions/mean_length",
  ]) {
    expect(names).toContain(name);
  }
  // What is wrong with a reward is found on them: the shortest answer is none at all.
  const findings = await checkProgram(await readRewardProgram(typescript), rows);
  expect(findings.map(({ id }) => id)).toContain("RW121");
});

test("a finding holds a run by TRL, a corrected reward takes the place of the faulty one, and the run goes on", async () => {
  const file = inFolder("fallible.py");
  const reward = (body: string) => `def length(completions, **kwargs):\n    return [${body} for c in completions]\n`;
  writeFileSync(file, reward('c[0]["nothing"]'));
  const policy = {
    trainable: "lora" as const,
    ...{ groupSize: 2, promptsPerStep: 2, steps: 2, microBatchSize: 4, learningRate: 1e-3, beta: 0 },
    ...{ maxCompletionLength: 12, temperature: 1, saveEvery: 2, rewardErrors: "zero" as const },
    ...{ pauseOn: ["RW104" as const], rewards: [{ name: `${file}#length` }] },
  };
  const { pauses, begin, close } = lateControl();
  const runFolder = inFolder("held", "held");
  const asked = { name: "held", engine: "trl" as const, stages: { scGrpo: policy } };
  const { outcome, events } = await train("sc-grpo", asked, {
    ...{ runId: "held", pauses },
    onEvent: (event) => {
      if (event.type !== "state") return;
      if (event.state === "starting") begin(runFolder);
      if (event.state !== "paused") return;
      writeFileSync(file, reward('1 / (1 + len(c[0]["content"]))'));
      setTimeout(() => writeWish(runFolder, "run", { exchangeRewards: true }), 50);
    },
  });
  close();
  expect(outcome.state).toBe("completed");
  const findings = events.filter((event) => event.type === "finding");
  expect(findings).toMatchObject([{ id: "RW104", step: 1, reward: "length", pauses: true }]);
  expect(events.flatMap((event) => (event.type === "rewards" ? [[event.reason, event.step]] : []))).toEqual([
    ["started", 0],
    ["exchanged", 1],
  ]);
  const { rows } = await readRollouts(outcome.folder, {});
  expect(rows.filter(({ step }) => step === 1).every(({ status }) => status!.length === "error")).toBe(true);
  for (const row of rows.filter(({ step }) => step === 2)) {
    expect(row.rewards!.length).toBeCloseTo(1 / (1 + row.completion.length), 12);
  }
  expect(openRun(outcome.folder).manifest.rewardLineage).toHaveLength(2);
});

test("our engine and transformers compute the same with an adapter that TRL trained", async () => {
  const { outcome } = await train("pa-sft", { name: "logits", engine: "trl", stages: { paSft: supervised } });
  const [base, adapter] = [join(nano, "base"), outcome.model!.adapter!];
  const picture = inFolder("picture.png");
  const { image } = generateSample({ seed: 5, index: 1, size: 112 });
  writeFileSync(picture, encodePng(image));
  const out = inFolder("theirs.safetensors");
  const question = "Is the part sound?";
  runPython("test/python/nanoCheck.py", [], {
    checkpoint: base,
    adapter,
    pictures: [picture],
    question,
    steps: 8,
    out,
  });
  const theirs = await openSafetensors(out);
  const description = await loadModelDescription(base, { adapter });
  const processor = await description.loadProcessor();
  const content = [{ type: "image" as const }, { type: "text" as const, text: question }];
  const inputs = processor.prepareInputs([{ role: "user", content }], [await loadImage(picture)]);
  const compiled = new CompiledModel(description, { threads: 1 });
  try {
    const ids = [...inputs.inputIds];
    const images = [{ file: picture, form: "cut", prepared: inputs }];
    const last = ids.map((_, position) => position).slice(-8);
    const logits = await compiled.logits({ rows: [ids], images }, last);
    expect(largestDifference(logits, await theirs.readFloat32("logits.0"))).toBeLessThan(5e-4);
  } finally {
    await compiled.dispose();
  }
});

test("full weights come back as a checkpoint that the next stage, the evaluation and the embedded engine open", async () => {
  const full = { trainable: "language" as const, learningRate: 1e-4, steps: 1 };
  const { outcome, run } = await train("post-train", {
    ...{ name: "full", engine: "trl" as const, heldOut: true },
    stages: {
      paSft: { ...full, batchSize: 1, gradientAccumulation: 2 },
      scGrpo: { ...full, groupSize: 2, promptsPerStep: 1, beta: 0.04, lossType: "dapo", maxCompletionLength: 12 },
    },
  });
  expect(run.evaluations().map(({ label }) => label)).toEqual(["base", "pa-sft", "sc-grpo"]);
  const { base, adapter } = outcome.model!;
  expect(adapter).toBeNull();
  const description = await loadModelDescription(base);
  expect(description.facts.numParameters).toBe((await loadModelDescription(join(nano, "base"))).facts.numParameters);
  await description.loadProcessor();
});

test("two processes of accelerate give the numbers of one", async () => {
  const stages = { paSft: supervised };
  const one = await train("pa-sft", { name: "one", engine: "trl", stages });
  const two = await train("pa-sft", { name: "two", engine: "trl", stages, trl: { processes: 2 } });
  const [alone, together] = [curve(one.outcome.folder, "loss"), curve(two.outcome.folder, "loss")];
  for (const [i, value] of together.entries()) expect(value, `loss ${i}`).toBeCloseTo(alone[i]!, 4);
  const { outcome } = await train("sc-grpo", {
    ...{ name: "two-grpo", engine: "trl" as const, trl: { processes: 2 } },
    stages: { scGrpo: { trainable: "lora", groupSize: 4, promptsPerStep: 1, steps: 1, maxCompletionLength: 12 } },
  });
  const { rows } = await readRollouts(outcome.folder, {});
  // Both halves of the group, with one mean.
  expect(rows).toHaveLength(4);
  expect(rows.reduce((sum, { advantage }) => sum + (advantage ?? 0), 0)).toBeCloseTo(0, 4);
});

test("a Python without the packages is named before anything is done, with the cure", async () => {
  const bare = inFolder("bare");
  execFileSync(pythonPath, ["-m", "venv", "--without-pip", bare]);
  const python = join(bare, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const config = { ...experiment({ name: "bare", engine: "trl", stages: { paSft: supervised } }) };
  const outcome = await runTraining(
    "pa-sft",
    { ...config, trl: { ...config.trl!, python } },
    { signal: new AbortController().signal, onEvent: () => undefined },
  );
  expect(outcome.state).toBe("failed");
  expect(outcome.error).toMatchObject({
    code: "trl/missing-packages",
    message: expect.stringMatching(/missing: torch, transformers, trl, peft, accelerate, datasets, pillow\.$/),
    hint: expect.stringContaining("pip install torch transformers trl"),
  });
  await expect(findPythonEngine(join(bare, "nothing"))).rejects.toMatchObject({ code: "trl/no-python" });
  expect((await findPythonEngine(pythonPath)).versions.trl).toMatch(/^1\./);
});

test("a TRL process that ends by itself fails the run with its last words", async () => {
  const jobFile = inFolder("none.json");
  const launch = { python: pythonPath, processes: 1, accelerateConfig: null, useCpu: true, jobFile };
  const link = await TrlLink.open({ ...launch, logFile: inFolder("none.log") });
  await expect(link.hear()).rejects.toMatchObject({
    code: "trl/ended",
    message: expect.stringContaining("FileNotFoundError"),
  });
  await link.close();
});

test("a TRL process that has said its last word ends as it should, though the run goes first", async () => {
  const engine = JSON.stringify(join(import.meta.dirname, "../../engines/python"));
  const script = [
    ...["import os, sys, time", `sys.path.insert(0, ${engine})`, "from iadr1_trl_link import Link"],
    ...['Link(int(sys.argv[1]), "token").tell_last({"kind": "done"})', "time.sleep(0.5)", "os._exit(0)"],
  ].join("\n");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (piece) => String(piece).includes("done") && socket.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const child = spawn(pythonPath, ["-c", script, String((server.address() as AddressInfo).port)]);
  expect(await once(child, "exit")).toEqual([0, null]);
  server.close();
});
