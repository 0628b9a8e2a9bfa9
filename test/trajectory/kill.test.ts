/** A run in its own process, killed with SIGKILL again and again, ends with the weights of one that was left alone. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunEvent } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { startRunProcess } from "@iad-r1/server/runs/process";
import { openRun } from "@iad-r1/server/runs/store";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildEntry } from "../helpers/buildEntry";
import { tinyCheckpoint } from "../helpers/tinyModel";

let runs = "";
let entry = "";
beforeAll(async () => {
  runs = mkdtempSync(join(tmpdir(), "runs-"));
  entry = await buildEntry("server/src/workerMain.ts");
});
afterAll(() => rmSync(runs, { recursive: true, force: true }));

const tiny: ExperimentInput = {
  project: "tiny",
  model: { base: tinyCheckpoint },
  data: { train: { kind: "synth", seed: 1, count: 5, size: 42 } },
  stages: {
    paSft: {
      ...{ trainable: "lora", steps: 5, batchSize: 1, gradientAccumulation: 2, learningRate: 1e-3, warmupSteps: 2 },
      saveEvery: 2,
    },
    scGrpo: {
      ...{ trainable: "lora", steps: 4, groupSize: 2, promptsPerStep: 2, learningRate: 1e-3, maxCompletionLength: 8 },
      saveEvery: 2,
    },
  },
  ...{ device: "cpu", threads: 1 },
};

interface Attempt {
  kind: "post-train";
  config: ReturnType<typeof makeExperiment> | null;
  runId?: string;
  resume?: string;
}

/** Runs until `stopAt` holds for an event, then ends the process; or to the end. */
async function attempt(request: Attempt, stopAt: (event: RunEvent) => "kill" | "stop" | null = () => null) {
  const events: RunEvent[] = [];
  const handle = await startRunProcess(
    { ...request, runsFolder: runs },
    {
      entry,
      onEvent: (event) => {
        events.push(event);
        const action = stopAt(event);
        if (action === "kill") handle.kill();
        if (action === "stop") handle.stop();
      },
    },
  );
  return { events, outcome: await handle.done };
}

const finalStates = (events: readonly RunEvent[]) =>
  events.flatMap((event) =>
    event.type === "state" && ["completed", "stopped", "failed"].includes(event.state) ? [event.state] : [],
  );

/** Weights and curves. */
function results(folder: string) {
  const { stageModels } = openRun(folder).manifest;
  return {
    weights: Object.values(stageModels).map(({ adapter }) =>
      readFileSync(join(folder, adapter!, "adapter_model.safetensors")).toString("base64"),
    ),
    curves: openRun(folder)
      .scalars()
      .filter(({ name }) => !name.endsWith("_seconds"))
      .map(({ name, steps, values }) => [name, [...steps], [...values]]),
    rollouts: readdirSync(join(folder, "rollouts")),
  };
}

it("killed at any moment, a run goes on to the same weights", async () => {
  const config = makeExperiment(tiny);
  const whole = await attempt({ kind: "post-train", config, runId: "whole" });
  expect(whole.outcome.error).toBeNull();
  expect(finalStates(whole.events)).toEqual(["completed"]);

  const moments: ((event: RunEvent) => boolean)[] = [
    (event) => event.type === "state" && event.state === "starting",
    (event) => event.type === "scalars" && event.stage === "pa-sft" && event.step === 3,
    (event) => event.type === "checkpoint" && event.stage === "pa-sft" && event.step === 4,
    (event) => event.type === "stage" && event.stage === "sc-grpo" && event.phase === "started",
    (event) => event.type === "rollouts" && event.step === 2,
    (event) => event.type === "checkpoint" && event.stage === "sc-grpo" && event.step === 4,
  ];
  let request: Attempt = { kind: "post-train", config, runId: "killed" };
  for (const moment of moments) {
    const { events, outcome } = await attempt(request, (event) => (moment(event) ? "kill" : null));
    expect(outcome.state).toBe("stopped");
    expect(finalStates(events)).toEqual(["stopped"]);
    request = { kind: "post-train", config: null, resume: "killed" };
  }
  const last = await attempt(request);
  expect(last.outcome.error).toBeNull();
  expect(finalStates(last.events)).toEqual(["completed"]);
  expect(results(join(runs, "killed"))).toEqual(results(join(runs, "whole")));
});

it("asked to stop, the process saves and ends; asked twice, it ends at once; both with one final event", async () => {
  const config = makeExperiment(tiny);
  const asked = await attempt({ kind: "post-train", config, runId: "asked" }, (event) =>
    event.type === "scalars" && event.step === 1 ? "stop" : null,
  );
  expect(asked.outcome.state).toBe("stopped");
  expect(finalStates(asked.events)).toEqual(["stopped"]);
  expect(readdirSync(join(runs, "asked/checkpoints"))).toHaveLength(1);

  let handle: Awaited<ReturnType<typeof startRunProcess>> | null = null;
  const events: RunEvent[] = [];
  handle = await startRunProcess(
    { kind: "post-train", config, runId: "twice", runsFolder: runs },
    {
      entry,
      onEvent: (event) => {
        events.push(event);
        if (event.type === "scalars" && event.step === 1) {
          handle?.stop();
          handle?.stop();
        }
      },
    },
  );
  expect((await handle.done).state).toBe("stopped");
  expect(finalStates(events)).toEqual(["stopped"]);
  expect(openRun(join(runs, "twice")).manifest.state).toBe("stopped");
});

it("passes on what is wrong before there is a run", async () => {
  const handle = await startRunProcess(
    { kind: "post-train", config: null, runId: "none", runsFolder: runs },
    { entry, onEvent: () => undefined },
  );
  await expect(handle.done).rejects.toThrow("needs a configuration");
});
