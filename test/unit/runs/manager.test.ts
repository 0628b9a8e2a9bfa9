/** All runs of some folders: what begins while the folders are looked through or is begun twice, and what a fork that fails leaves. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { CheckpointStore } from "@iad-r1/server/runs/checkpoints";
import { RunManager } from "@iad-r1/server/runs/manager";
import { prepareRun } from "@iad-r1/server/runs/postTrain";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

/** A run that was made and not begun, and a manager whose processes do nothing. */
function project(otherFolders: readonly string[] = [], lookEveryMs = 60_000) {
  const folder = temporaryFolder();
  const entry = join(folder, "run.mjs");
  writeFileSync(entry, "");
  const output = join(folder, "runs");
  const data = { train: [{ kind: "synth" as const, seed: 1, count: 2 }] };
  const config = makeExperiment({ project: "p", output, model: { base: folder }, data });
  const first = prepareRun("pa-sft", config, { id: "first" });
  const removed: string[] = [];
  const manager = new RunManager({
    ...{ folders: [output, ...otherFolders], entry, lookEveryMs },
    onRemove: (id) => removed.push(id),
  });
  onTestFinished(() => manager.dispose());
  return { output, config, first, manager, removed };
}

function isKnown(manager: RunManager, id: string): boolean {
  try {
    return manager.get(id) !== undefined;
  } catch {
    return false;
  }
}

test("a run that begins and ends while folders are looked through stays known", async () => {
  const folder = temporaryFolder();
  // So many that the process of the run is gone before the last of them.
  const others = Array.from({ length: 20_000 }, (_, i) => join(folder, `${i}`));
  const { output, config, manager, removed } = project(others);
  const refreshed = manager.refresh();
  while (!isKnown(manager, "first")) await new Promise((resolve) => setImmediate(resolve));
  const id = await manager.start("pa-sft", config);
  await refreshed;
  expect(removed).toEqual([]);
  expect(manager.get(id).folder).toBe(join(output, id));
});

test("two wishes to go on start one process", async () => {
  const { first, manager } = project([], 50);
  const started = join(first, "started.txt");
  const entry = `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(started)}, "x");`;
  writeFileSync(join(first, "../../run.mjs"), entry);
  RunRecorder.reopen(
    first,
    () => ({ finishedStages: [], stage: null, step: 0 }),
    () => undefined,
  ).finish("stopped", null);
  await manager.refresh();
  await Promise.all([manager.resume("first"), manager.resume("first")]);
  await manager.ended("first");
  expect(readFileSync(started, "utf8")).toBe("x");
});

test("a fork that cannot be made leaves no copy of the model behind", async () => {
  const { output, config, first, manager } = project();
  const random = { seed: 1, stage: "pa-sft", step: 1 };
  await new CheckpointStore(first).save(
    {
      ...{
        format: "iad-r1/trainer-state",
        version: 1,
        stage: "pa-sft",
        step: 1,
        totalSteps: 2,
        globalStep: 1,
        epoch: 0,
      },
      ...{ samplesSeen: 1, numTokens: 1, random, balancedAccuracy: null, best: null },
    },
    (folder) => Promise.resolve(writeFileSync(join(folder, "model.safetensors"), "")),
  );
  await manager.refresh();
  const evaluate = () => ({ config, kind: "evaluate" as const });
  await expect(manager.fork("first", "checkpoints/step-000001", evaluate)).rejects.toMatchObject({
    code: "run/no-held-out",
  });
  expect(readdirSync(output)).toEqual(["first"]);
});
