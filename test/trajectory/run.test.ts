/**
 * Whole runs on the tiny fixture: what they leave behind, and that stopping and going on changes nothing. The kill of a real
 * process is kill.test.ts.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { ConfigError } from "@iad-r1/models/errors";
import type { RolloutRecord, RunEvent } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { postTrain, type RunContext, type RunOutcome, runTraining } from "@iad-r1/server/runs/postTrain";
import { openRun } from "@iad-r1/server/runs/store";
import { readEventFile } from "@iad-r1/server/runs/tensorboard";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyCheckpoint } from "../helpers/tinyModel";

let runs = "";
beforeAll(() => {
  runs = mkdtempSync(join(tmpdir(), "runs-"));
});
afterAll(() => rmSync(runs, { recursive: true, force: true }));

const tiny: ExperimentInput = {
  project: "tiny",
  model: { base: tinyCheckpoint },
  data: {
    train: { kind: "synth", seed: 1, count: 6, size: 42 },
    heldOut: { kind: "synth", seed: 2, count: 4, size: 42 },
  },
  stages: {
    paSft: {
      ...{ trainable: "lora", steps: 4, batchSize: 2, gradientAccumulation: 1, learningRate: 1e-3, warmupSteps: 0 },
      ...{ evalEvery: 2, saveEvery: 1, keepCheckpoints: 1 },
    },
    scGrpo: {
      ...{ trainable: "lora", steps: 3, groupSize: 4, promptsPerStep: 2, learningRate: 1e-3, maxCompletionLength: 12 },
      ...{ iterations: 2, microBatchSize: 4, saveEvery: 2 },
    },
  },
  evaluation: { maxCompletionLength: 8 },
  ...{ device: "cpu", threads: 1 },
};

const config = (changes: Partial<ExperimentInput> = {}) => makeExperiment({ ...tiny, ...changes });

async function run(
  context: Partial<RunContext> & { runId?: string },
  experiment: ReturnType<typeof config> | null = config(),
): Promise<{ outcome: RunOutcome; events: RunEvent[] }> {
  const events: RunEvent[] = [];
  const outcome = await postTrain(experiment, {
    signal: new AbortController().signal,
    runsFolder: runs,
    ...context,
    onEvent: (event) => {
      events.push(event);
      context.onEvent?.(event);
    },
  });
  return { outcome, events };
}

function rolloutFiles(folder: string): string[] {
  const names = readdirSync(join(folder, "rollouts")).filter((name) => name.startsWith("step-"));
  return names.sort().map((name) => join(folder, "rollouts", name));
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

/** Weights, curves and rollouts of a run: everything that must not depend on how often it was stopped. */
function results(folder: string) {
  const stored = openRun(folder);
  const withoutTimes = (line: string) => {
    const { run: _run, timings: _timings, ...record } = JSON.parse(line) as Record<string, unknown>;
    return record;
  };
  return {
    adapters: Object.values(stored.manifest.stageModels).map(({ adapter }) =>
      adapter === null ? null : readFileSync(join(folder, adapter, "adapter_model.safetensors")).toString("base64"),
    ),
    scalars: stored
      .scalars()
      .filter(({ name }) => !name.endsWith("_seconds"))
      .map(({ stage, name, steps, values }) => ({ stage, name, steps: [...steps], values: [...values] })),
    rollouts: rolloutFiles(folder).map((file) => linesOf(file).map(withoutTimes)),
    evaluations: stored
      .evaluations()
      .map(({ stage, step, report: { seconds: _seconds, ...report } }) => ({ stage, step, report })),
  };
}

describe("a run", () => {
  let whole: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    whole = await run({ runId: "whole" });
  });

  it("goes through all stages and states and ends once", () => {
    const { outcome, events } = whole;
    expect(outcome.error).toBeNull();
    expect(outcome.state).toBe("completed");
    expect(outcome.rows.map(({ label }) => label)).toEqual(["base", "pa-sft", "sc-grpo"]);
    expect(events.flatMap((event) => (event.type === "state" ? [event.state] : []))).toEqual([
      "queued",
      "starting",
      "running",
      "completed",
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.flatMap((event) => (event.type === "stage" ? [`${event.stage} ${event.phase}`] : []))).toEqual(
      ["evaluate-base", "pa-sft", "evaluate-pa-sft", "sc-grpo", "evaluate-sc-grpo"].flatMap((stage) => [
        `${stage} started`,
        `${stage} finished`,
      ]),
    );
    expect(events.at(-2)!.type).toBe("summary");
  });

  it("leaves the folder that others read", async () => {
    const { folder } = whole.outcome;
    expect(
      readdirSync(folder)
        .map((name) => name.replace(/tfevents.*/, "tfevents"))
        .sort(),
    ).toEqual(
      [
        "checkpoints",
        "evaluations",
        "events.jsonl",
        "events.out.tfevents",
        "rollouts",
        "run.json",
        "scalars.bin",
        "scalars.json",
      ].sort(),
    );
    const stored = openRun(folder);
    const { rows } = await readRollouts(folder);
    expect([...new Set(rows.map(({ step }) => step))]).toEqual([1, 2, 3]);
    // What rewards were given besides the completion can be given to them again.
    expect(rows[0]).toMatchObject({ group: "1/0", columns: { label: expect.stringMatching(/normal|anomalous/) } });
    expect(JSON.stringify(rows[0]!.prompt)).toContain("user");
    const records = linesOf(rolloutFiles(folder)[0]!).map((line) => JSON.parse(line) as RolloutRecord);
    expect(records).toHaveLength(8);
    expect(records.map(({ group, index }) => `${group}.${index}`)).toEqual([
      "0.0",
      "0.1",
      "0.2",
      "0.3",
      "1.0",
      "1.1",
      "1.2",
      "1.3",
    ]);
    for (const record of records) {
      expect(record).toMatchObject({ run: "whole", step: 1, mode: "train" });
      expect(record.imageRefs[0]!.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(Object.keys(record.rewards)).toEqual(["iad-r1/consistency", "iad-r1/accuracy"]);
    }
    for (const evaluation of stored.evaluations()) expect(stored.samples(evaluation)).toHaveLength(4);
    const names = stored
      .scalars()
      .filter(({ stage }) => stage === "sc-grpo")
      .map(({ name }) => name);
    for (const name of [
      "reward",
      "reward_std",
      "kl",
      "entropy",
      "clip_ratio/low_mean",
      "completions/mean_length",
      "loss",
      "grad_norm",
    ]) {
      expect(names).toContain(name);
    }
    const events = readEventFile(join(folder, readdirSync(folder).find((name) => name.startsWith("events.out"))!));
    const numPoints = stored.scalars().reduce((sum, { values }) => sum + values.length, 0);
    expect(events).toHaveLength(numPoints);
  });

  it("keeps the newest checkpoints and the best one, in PEFT's layout", () => {
    const { folder, model } = whole.outcome;
    const kept = readdirSync(join(folder, "checkpoints"));
    // PA-SFT: step 4 (newest) and the best of 2 and 4; SC-GRPO: both of its checkpoints (steps 2 and 3, after 4 of PA-SFT).
    const best = openRun(folder)
      .evaluations()
      .filter(({ best: isBest }) => isBest)
      .at(-1)!.step;
    expect(kept).toEqual(
      [...new Set([`step-${String(best).padStart(6, "0")}`, "step-000004", "step-000006", "step-000007"])].sort(),
    );
    expect(readdirSync(model!.adapter!).sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "optimizer.safetensors",
      "trainer_state.json",
    ]);
  });

  it("gives the same numbers again for the same seed, others for another", async () => {
    const again = await run({ runId: "again" });
    expect(results(again.outcome.folder)).toEqual(results(whole.outcome.folder));
    const other = await run({ runId: "other" }, config({ seed: 7 }));
    expect(results(other.outcome.folder).adapters).not.toEqual(results(whole.outcome.folder).adapters);
  });

  it("stopped at any step goes on to the same weights, curves and rollouts", async () => {
    const expected = results(whole.outcome.folder);
    let runId = 0;
    const stopAt: ((event: RunEvent) => boolean)[] = [
      (event) => event.type === "plan",
      (event) => event.type === "scalars" && event.stage === "pa-sft" && event.step === 1,
      // Before the evaluation of a step, and before that of the last one.
      (event) => event.type === "scalars" && event.stage === "pa-sft" && event.step === 2,
      (event) => event.type === "scalars" && event.stage === "pa-sft" && event.step === 4,
      (event) => event.type === "evaluation" && event.stage === "pa-sft" && event.step === 2,
      (event) => event.type === "stage" && event.stage === "evaluate-pa-sft" && event.phase === "started",
      // Not a progress event: those are left out when they follow each other within a tenth of a second.
      (event) => event.type === "scalars" && event.stage === "sc-grpo" && event.step === 1,
      (event) => event.type === "rollouts" && event.step === 3,
    ];
    for (const test of stopAt) {
      const id = `stopped-${runId++}`;
      const controller = new AbortController();
      const first = await run({
        runId: id,
        signal: controller.signal,
        onEvent: (event) => test(event) && controller.abort(),
      });
      expect(first.outcome.state).toBe("stopped");
      expect(first.events.filter((event) => event.type === "state").at(-1)).toMatchObject({ state: "stopped" });
      const second = await run({ resume: id }, null);
      expect(second.outcome.error).toBeNull();
      expect(second.outcome.state).toBe("completed");
      expect(results(second.outcome.folder)).toEqual(expected);
    }
  });

  it("is refused when it is complete, when the configuration is another one, and without any", async () => {
    await expect(run({ resume: "whole" }, null)).rejects.toThrow("already complete");
    await expect(run({ resume: "other" }, config())).rejects.toThrow(ConfigError);
    await expect(run({}, null)).rejects.toThrow("needs a configuration");
    await expect(run({ resume: "nobody" }, null)).rejects.toThrow("no run nobody");
  });

  it("that fails says why in its last event and in its outcome", async () => {
    const { outcome, events } = await run(
      { runId: "failing" },
      config({ data: { train: { kind: "folder", path: join(runs, "missing") } } }),
    );
    expect(outcome.state).toBe("failed");
    expect(outcome.error!.message).toContain("missing");
    expect(events.at(-1)).toMatchObject({ type: "state", state: "failed", error: outcome.error });
    expect(openRun(outcome.folder).manifest.state).toBe("failed");
  });
});

describe("single stages and other weights", () => {
  it("train the language model in full, merging an adapter first, then go on from it", async () => {
    const supervised = await runTraining("pa-sft", config(), {
      signal: new AbortController().signal,
      runsFolder: runs,
      runId: "lora-first",
      onEvent: () => undefined,
    });
    expect(supervised.state).toBe("completed");
    const controller = new AbortController();
    const { folder } = await runTraining(
      "sc-grpo",
      config({
        model: { base: tinyCheckpoint, adapter: supervised.model!.adapter! },
        stages: { scGrpo: { ...tiny.stages!.scGrpo!, trainable: "language", steps: 1, lossType: "dapo", beta: 0 } },
      }),
      {
        ...{ signal: controller.signal, runsFolder: runs, runId: "full-second" },
        onEvent: (event) => event.type === "plan" && controller.abort(),
      },
    );
    // As a kill in the middle of the merge leaves it.
    for (const half of [".before-sc-grpo.1.tmp", "before-sc-grpo"]) {
      mkdirSync(join(folder, "models", half), { recursive: true });
      writeFileSync(join(folder, "models", half, ".model.safetensors.1.0123abcd.tmp"), "");
    }
    const outcome = await runTraining("sc-grpo", null, {
      ...{ signal: new AbortController().signal, runsFolder: runs, resume: "full-second" },
      onEvent: () => undefined,
    });
    expect(outcome.error).toBeNull();
    expect(outcome.model!.adapter).toBeNull();
    expect(existsSync(join(outcome.model!.base, "model.safetensors"))).toBe(true);
    expect(existsSync(join(outcome.model!.base, "tokenizer.json"))).toBe(true);
    expect(existsSync(join(outcome.folder, "models/before-sc-grpo/model.safetensors"))).toBe(true);
    const left = readdirSync(join(folder, "models"), { recursive: true }).filter((name) =>
      String(name).endsWith(".tmp"),
    );
    expect(left).toEqual([]);
  });

  it("let neither biases nor norms decay, as transformers' Trainer does", async () => {
    const weights = async (weightDecay: number) => {
      const paSft = { ...tiny.stages!.paSft!, trainable: "all" as const, steps: 1, evalEvery: 0, weightDecay };
      const outcome = await runTraining("pa-sft", config({ stages: { paSft } }), {
        ...{ signal: new AbortController().signal, runsFolder: runs, onEvent: () => undefined },
        runId: `decay-${weightDecay}`,
      });
      expect(outcome.error).toBeNull();
      return openSafetensors(outcome.model!.base);
    };
    const [without, withDecay] = [await weights(0), await weights(100)];
    const start = await openSafetensors(tinyCheckpoint);
    let numLearnt = 0;
    for (const name of start.tensors.keys()) {
      const [plain, decayed, before] = await Promise.all(
        [without, withDecay, start].map((file) => file.readFloat32(name)),
      );
      if (plain!.every((value, i) => value === before![i])) continue;
      numLearnt++;
      expect(
        plain!.every((value, i) => value === decayed![i]),
        name,
      ).toBe(/bias$|norm/.test(name));
    }
    expect(numLearnt).toBeGreaterThan(40);
  });

  it("train everything with the tower, with dynamic sampling, masked truncation, turned pictures and references", async () => {
    const { outcome } = await run(
      { runId: "everything" },
      config({
        prompt: { references: 1, style: "system" },
        stages: {
          paSft: {
            ...tiny.stages!.paSft!,
            trainable: "all",
            steps: 1,
            augment: "flips-and-turns",
            recompute: true,
            evalEvery: 0,
          },
          scGrpo: {
            ...tiny.stages!.scGrpo!,
            trainable: "all",
            steps: 1,
            dynamicSampling: true,
            maskTruncated: true,
            lossType: "dr_grpo",
          },
        },
      }),
    );
    expect(outcome.error).toBeNull();
    expect(outcome.state).toBe("completed");
  });

  it("stopped with full weights, go on although the checkpoint they went on from is deleted on the way", async () => {
    const paSft = { ...tiny.stages!.paSft!, steps: 6, evalEvery: 0 };
    for (const trainable of ["language", "all"] as const) {
      const experiment = config({ stages: { paSft: { ...paSft, trainable } } });
      const weights = async (id: string, stopAfter: number | null) => {
        const controller = new AbortController();
        const onEvent = (event: RunEvent) => {
          if (event.type === "scalars" && event.stage === "pa-sft" && event.step === stopAfter) controller.abort();
        };
        const context = { signal: controller.signal, runsFolder: runs, onEvent };
        let outcome = await runTraining("pa-sft", experiment, { ...context, runId: id });
        if (stopAfter !== null) {
          expect(outcome.state).toBe("stopped");
          outcome = await runTraining("pa-sft", null, {
            ...{ signal: new AbortController().signal, runsFolder: runs, onEvent: () => undefined },
            resume: id,
          });
        }
        expect(outcome.error).toBeNull();
        expect(readdirSync(join(outcome.folder, "checkpoints"))).toEqual(["step-000006"]);
        return readFileSync(join(outcome.model!.base, "model.safetensors")).toString("base64");
      };
      expect(await weights(`${trainable}-stopped`, 1)).toBe(await weights(`${trainable}-whole`, null));
    }
  });
});
