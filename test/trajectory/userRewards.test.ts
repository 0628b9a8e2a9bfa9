/** SC-GRPO on the tiny fixture with rewards out of files: versions on record, held by a finding, going on with a corrected file. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RolloutRecord, RunEvent } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { openRun } from "@iad-r1/server/runs/store";
import { writeWish } from "@iad-r1/server/runs/control";
import { readManifest } from "@iad-r1/server/runs/manifest";
import { type RunContext, runTraining } from "@iad-r1/server/runs/postTrain";
import type { CliContext } from "@iad-r1/server/cli/context";
import { train as trainCommand } from "@iad-r1/server/cli/commands/train";
import { expect, it } from "vitest";
import { lateControl } from "../helpers/lateControl";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyCheckpoint } from "../helpers/tinyModel";

const python = `
def brevity(completions, label, log_extra, **kwargs):
    log_extra("label", label)
    return [1.0 / (1 + len(c[0]["content"])) for c in completions]
`;
const good = `import { defineReward } from "iad-r1/reward";
export const even = defineReward({
  weight: 0.5,
  score: ({ completion, length, prompt, note }: any) => { note("asked", Array.isArray(prompt)); return length === 6 ? completion.length % 2 : null; },
});`;
const failing = `import { defineReward } from "iad-r1/reward";
export const even = defineReward({ weight: 0.5, score: ({ completion }: any): number => completion.nothing.length });`;

function project(reward: string, scGrpo: Partial<NonNullable<NonNullable<ExperimentInput["stages"]>["scGrpo"]>> = {}) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "rewards"));
  writeFileSync(join(folder, "rewards/even.reward.ts"), reward);
  writeFileSync(join(folder, "rewards/brevity.py"), python);
  const config = makeExperiment(
    {
      ...{ project: "own", model: { base: tinyCheckpoint }, device: "cpu", threads: 1, output: "runs" },
      data: { train: { kind: "synth", seed: 1, count: 4, size: 42 } },
      stages: {
        scGrpo: {
          ...{
            trainable: "lora",
            steps: 3,
            groupSize: 2,
            promptsPerStep: 2,
            maxCompletionLength: 6,
            rewardTimeout: 60,
          },
          rewards: [{ name: "rewards/even.reward.ts#even" }, { name: "rewards/brevity.py", weight: 2 }],
          ...scGrpo,
        },
      },
    },
    folder,
  );
  return { folder, config, rewardFile: join(folder, "rewards/even.reward.ts") };
}

async function train(config: ReturnType<typeof project>["config"] | null, context: Partial<RunContext> = {}) {
  const events: RunEvent[] = [];
  const outcome = await runTraining("sc-grpo", config, {
    signal: new AbortController().signal,
    ...context,
    onEvent: (event) => {
      events.push(event);
      context.onEvent?.(event);
    },
  });
  return { outcome, events };
}

const of = <T extends RunEvent["type"]>(events: RunEvent[], type: T) =>
  events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);

it("scores of both languages are on record with weights, notes and the version of the code", async () => {
  const { folder, config } = project(good);
  const { outcome, events } = await train(config);
  expect(outcome.error).toBe(null);
  expect(of(events, "rewards")).toMatchObject([
    {
      ...{ stage: "sc-grpo", step: 0, reason: "started" },
      rewards: [
        { name: "even", weight: 0.5, version: expect.stringMatching(/^[0-9a-f]{64}$/) },
        { name: "brevity", weight: 2, version: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ],
    },
  ]);
  const { rewardLineage } = readManifest(outcome.folder);
  expect(readFileSync(join(outcome.folder, rewardLineage![0]!.rewards[0]!.copy!), "utf8")).toBe(good);
  const lines = readFileSync(join(outcome.folder, "rollouts/step-000001.jsonl"), "utf8").trim().split("\n");
  for (const record of lines.map((line) => JSON.parse(line) as RolloutRecord)) {
    const { even, brevity } = record.rewards;
    expect(brevity).toBeCloseTo(1 / (1 + [...record.completion].length), 12);
    expect(record.notes["brevity/label"]).toMatch(/normal|anomalous/);
    if (record.status.even === "ok") expect(record.notes["even/asked"]).toBe(true);
    expect(record.total).toBeCloseTo(2 * brevity! + 0.5 * (even ?? 0), 12);
  }
  expect(folder).toBeDefined();
});

it("a finding holds the run; a corrected file takes the place of the faulty one, and the run goes on", async () => {
  const { config, rewardFile } = project(failing, { pauseOn: ["RW104"], rewardErrors: "zero" });
  const runFolder = join(config.output, "held");
  const { pauses, begin, close } = lateControl();
  let numHeld = 0;
  const { outcome, events } = await train(config, {
    ...{ runId: "held", pauses },
    onEvent: (event) => {
      if (event.type !== "state") return;
      if (event.state === "starting") begin(runFolder);
      if (event.state !== "paused") return;
      numHeld++;
      // The first correction cannot be loaded: the run goes on waiting.
      writeFileSync(rewardFile, numHeld === 1 ? "export const even = ;" : good);
      setTimeout(() => writeWish(runFolder, "run", { exchangeRewards: true }), 50);
    },
  });
  close();
  expect(outcome.error).toBe(null);
  expect(outcome.state).toBe("completed");
  expect(of(events, "finding")).toMatchObject([
    {
      id: "RW104",
      step: 1,
      reward: "even",
      file: rewardFile,
      pauses: true,
      message: expect.stringContaining("4 completions of 4"),
    },
  ]);
  const held = of(events, "state").filter(({ state }) => state === "paused");
  expect(held.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^RW104: /),
    expect.stringMatching(/^The new rewards were not taken\. /),
  ]);
  const versions = of(events, "rewards");
  expect(versions.map(({ reason, step }) => [reason, step])).toEqual([
    ["started", 0],
    ["exchanged", 1],
  ]);
  const evenVersions = versions.map(({ rewards }) => rewards[0]!.version);
  expect(evenVersions[0]).not.toBe(evenVersions[1]);
  const { rewardLineage, finishedStages } = readManifest(outcome.folder);
  expect(rewardLineage!.map(({ step, rewards }) => [step, rewards[0]!.version])).toEqual([
    [0, evenVersions[0]],
    [1, evenVersions[1]],
  ]);
  expect(finishedStages).toEqual(["sc-grpo"]);
  const second = readFileSync(join(outcome.folder, "rollouts/step-000002.jsonl"), "utf8");
  expect(second).not.toContain('"even":"error"');
});

it("without anybody who could let it go on, the run stops and says why; it resumes only with consent to the new rewards", async () => {
  const { config, rewardFile } = project(failing, { pauseOn: ["RW104"], rewardErrors: "zero" });
  const first = await train(config);
  expect(first.outcome).toMatchObject({ state: "stopped", reason: expect.stringMatching(/^RW104: /) });
  writeFileSync(rewardFile, good);
  const runsFolder = config.output;
  const refused = await train(null, { resume: first.outcome.runId, runsFolder });
  expect(refused.outcome).toMatchObject({ state: "failed", error: { code: "run/changed" } });
  const { outcome, events } = await train(null, { resume: first.outcome.runId, runsFolder, exchangeRewards: true });
  expect(outcome).toMatchObject({ state: "completed", error: null });
  expect(of(events, "rewards").map(({ reason, step }) => [reason, step])).toEqual([["exchanged", 1]]);
});

it("a command whose run stopped before its end fails, and says why once", async () => {
  const { config } = project(failing, { pauseOn: ["RW104"], rewardErrors: "zero" });
  const file = join(config.output, "iadr1.json");
  mkdirSync(config.output, { recursive: true });
  writeFileSync(file, JSON.stringify(config));
  const lines: string[] = [];
  let failed = false;
  const context: CliContext = {
    ...{ json: false, interactive: false, columns: 80, colour: false, signal: new AbortController().signal },
    ...{ print: (line) => lines.push(line), printJson: () => undefined, log: (line) => lines.push(line) },
    fail: () => {
      failed = true;
    },
  };
  await trainCommand(context, { kind: "sc-grpo", file, set: [], report: false });
  expect(failed).toBe(true);
  expect(lines.filter((line) => line.includes("RW104"))).toEqual([
    expect.stringMatching(/^Stopped\. RW104: .*--resume/),
  ]);
});

it("a run that leaves failures out stops when too many fail", async () => {
  const { config } = project(failing);
  const { outcome } = await train(config);
  expect(outcome.error).toMatchObject({ code: "reward/many-errors", message: expect.stringContaining("line 2") });
});

it("a step that teaches nothing is a step: the moments of the optimiser go on", async () => {
  const firstStep = `import { defineReward } from "iad-r1/reward";
export const even = defineReward({ score: ({ completion, step }: any) => (step === 1 ? [...completion].length : 1) });`;
  const rewards = [{ name: "rewards/even.reward.ts#even" }];
  for (const trainable of ["lora", "all"] as const) {
    const { config } = project(firstStep, { trainable, beta: 0, learningRate: 1e-3, saveEvery: 1, steps: 2, rewards });
    const { outcome } = await train(config);
    expect(outcome.error).toBe(null);
    const curves = new Map(
      openRun(outcome.folder)
        .scalars()
        .map(({ name, values }) => [name, [...values]] as const),
    );
    expect(curves.get("grad_norm")![0]).toBeGreaterThan(0);
    expect(curves.get("grad_norm")![1]).toBe(0);
    expect(curves.get("entropy")![1]).toBeGreaterThan(0);
    const [before, after] = await Promise.all(
      [1, 2].map((step) => {
        const folder = join(outcome.folder, `checkpoints/step-00000${step}`);
        return openSafetensors(trainable === "lora" ? join(folder, "adapter_model.safetensors") : folder);
      }),
    );
    const moved: string[] = [];
    for (const name of before!.tensors.keys()) {
      const [was, is] = [await before!.readFloat32(name), await after!.readFloat32(name)];
      if (is.some((value, i) => value !== was[i])) moved.push(name);
    }
    for (const part of trainable === "lora" ? [/lora_B/] : [/vision_tower/, /language_model/]) {
      expect(
        moved.some((name) => part.test(name)),
        `${part}`,
      ).toBe(true);
    }
  }
});

it("dynamic sampling replaces a group whose only difference is a completion that no reward applied to", async () => {
  const sometimes = `import { defineReward } from "iad-r1/reward";
export const even = defineReward({ score: ({ completion }: any) => ([...completion].length % 2 === 0 ? null : 1) });`;
  const { config } = project(sometimes, {
    ...{ steps: 1, groupSize: 4, dynamicSampling: true, rewards: [{ name: "rewards/even.reward.ts#even" }] },
  });
  const { outcome } = await train(config);
  expect(outcome.error).toBe(null);
  const totals = readFileSync(join(outcome.folder, "rollouts/step-000001.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as RolloutRecord).total);
  expect(new Set(totals)).toEqual(new Set([null, 1]));
  // Three rounds for two places: both prompts, then one and one more beside the group that is kept.
  const epoch = openRun(outcome.folder)
    .scalars()
    .find(({ name }) => name === "epoch")!;
  expect([...epoch.values]).toEqual([4 / 4]);
});
