/** Runs of a few steps on the embedded or a tiny model, by TRL or by our own engine, in a folder that goes with the tests. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunEvent, RunKind } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { type RunContext, type RunOutcome, runTraining } from "@iad-r1/server/runs/postTrain";
import { openRun } from "@iad-r1/server/runs/store";
import { afterAll, beforeAll, expect } from "vitest";
import { pythonPath } from "./python";

export const nano = join(import.meta.dirname, "../../models/nano");

let folder = "";

/** A path in the folder of these tests. Valid inside tests only. */
export function inFolder(...names: string[]): string {
  return join(folder, ...names);
}

/** Call at the top of a test file. */
export function useRunFolder(): void {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "iad-r1-trl-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
}

type Stages = NonNullable<ExperimentInput["stages"]>;

export interface Asked {
  name: string;
  engine: "embedded" | "trl";
  stages: Stages;
  trl?: NonNullable<ExperimentInput["trl"]>;
  heldOut?: boolean;
  /** Without an adapter of its own it has none; the embedded model stands with its PA-SFT. */
  base?: string;
  adapter?: string;
  /** Pictures of the sound product in front of the one in question. */
  references?: number;
  train?: ExperimentInput["data"]["train"];
}

export function experiment({
  name,
  engine,
  stages,
  trl = {},
  heldOut = false,
  references = 0,
  train,
  ...model
}: Asked) {
  return makeExperiment({
    project: "trl",
    preset: "iad-r1-strict",
    model: {
      base: model.base ?? join(nano, "base"),
      adapter: model.base === undefined ? (model.adapter ?? join(nano, "pa-sft")) : (model.adapter ?? null),
    },
    data: {
      train: train ?? { kind: "synth", seed: 11, count: 12, size: 112 },
      ...(heldOut && { heldOut: { kind: "synth", seed: 12, count: 2, size: 112 } }),
    },
    stages,
    prompt: { references },
    evaluation: { maxCompletionLength: 16 },
    ...{ engine, device: "cpu", threads: 1, output: inFolder(name) },
    ...(engine === "trl" && { trl: { python: pythonPath, ...trl } }),
  });
}

export async function train(kind: RunKind, asked: Asked, more: Partial<RunContext> = {}) {
  const events: RunEvent[] = [];
  const outcome: RunOutcome = await runTraining(kind, more.resume === undefined ? experiment(asked) : null, {
    ...{ signal: new AbortController().signal, runsFolder: inFolder(asked.name), ...more },
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

export function curve(folderOfRun: string, name: string): number[] {
  return [
    ...openRun(folderOfRun)
      .scalars()
      .find((column) => column.name === name)!.values,
  ];
}

export const supervised = {
  trainable: "lora" as const,
  ...{
    learningRate: 1e-3,
    schedule: "linear" as const,
    warmupSteps: 1,
    steps: 4,
    batchSize: 2,
    gradientAccumulation: 2,
  },
};
