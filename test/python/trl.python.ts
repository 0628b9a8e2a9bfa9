/**
 * `engine: trl`: both stages in TRL's trainers on the embedded model, into the same run folder as those of our own engine, with the same
 * numbers where both must have the same.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunEvent } from "@iad-r1/protocol/runs";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { type RunContext, type RunOutcome, runTraining } from "@iad-r1/server/runs/postTrain";
import { listRuns, openRun } from "@iad-r1/server/runs/store";
import type { RunKind } from "@iad-r1/protocol/runs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pythonPath } from "../helpers/python";

const nano = join(import.meta.dirname, "../../models/nano");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "iad-r1-trl-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Stages = NonNullable<ExperimentInput["stages"]>;

interface Asked {
  name: string;
  engine: "embedded" | "trl";
  stages: Stages;
  trl?: NonNullable<ExperimentInput["trl"]>;
  heldOut?: boolean;
}

function experiment({ name, engine, stages, trl = {}, heldOut = false }: Asked) {
  return makeExperiment({
    project: "trl",
    preset: "iad-r1-strict",
    model: { base: join(nano, "base"), adapter: join(nano, "pa-sft") },
    data: {
      train: { kind: "synth", seed: 11, count: 12, size: 112 },
      ...(heldOut && { heldOut: { kind: "synth", seed: 12, count: 2, size: 112 } }),
    },
    stages,
    evaluation: { maxCompletionLength: 16 },
    ...{ engine, device: "cpu", threads: 1, output: join(folder, name) },
    ...(engine === "trl" && { trl: { python: pythonPath, ...trl } }),
  });
}

async function train(kind: RunKind, asked: Asked, more: Partial<RunContext> = {}) {
  const events: RunEvent[] = [];
  const outcome: RunOutcome = await runTraining(kind, more.resume === undefined ? experiment(asked) : null, {
    ...{ signal: new AbortController().signal, runsFolder: join(folder, asked.name), ...more },
    onEvent(event) {
      events.push(event);
      more.onEvent?.(event);
    },
  });
  const log = join(outcome.folder, "trl.log");
  const words = existsSync(log) ? readFileSync(log, "utf8").slice(-4000) : "";
  expect(outcome.error, words).toBeNull();
  return { outcome, events, run: openRun(outcome.folder) };
}

function curve(folderOfRun: string, name: string): number[] {
  return [...openRun(folderOfRun).scalars().find((column) => column.name === name)!.values];
}

const supervised = {
  trainable: "lora" as const,
  ...{ learningRate: 1e-3, schedule: "linear" as const, warmupSteps: 1, steps: 4, batchSize: 2, gradientAccumulation: 2 },
};

test("PA-SFT by TRL follows the curve of our own engine, and its adapter is the same in both", async () => {
  const runs = {
    embedded: await train("pa-sft", { name: "sft-embedded", engine: "embedded", stages: { paSft: supervised } }),
    trl: await train("pa-sft", { name: "sft-trl", engine: "trl", stages: { paSft: supervised } }),
  };
  for (const [name, digits] of [["loss", 4], ["grad_norm", 3], ["learning_rate", 9]] as const) {
    const [ours, theirs] = [curve(runs.embedded.outcome.folder, name), curve(runs.trl.outcome.folder, name)];
    expect(theirs).toHaveLength(4);
    for (const [i, value] of theirs.entries()) expect(value, `${name} ${i}`).toBeCloseTo(ours[i]!, digits);
  }
});
