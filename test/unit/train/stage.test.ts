/** What a stage makes of the checkpoints that it finds when it goes on. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointStore, type TrainerState } from "@iad-r1/server/runs/checkpoints";
import { type LearningModel, type StageContext, StageRun } from "@iad-r1/server/train/stage";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const saving = { evalEvery: 2, saveEvery: 2, keepCheckpoints: 3 };

function stateAt(step: number, balancedAccuracy: number | null, best: TrainerState["best"]): TrainerState {
  return {
    ...{ format: "iad-r1/trainer-state", version: 1, stage: "pa-sft", step, totalSteps: 6, globalStep: step },
    ...{ epoch: step, samplesSeen: step, numTokens: step, random: { seed: 0, stage: "pa-sft", step } },
    ...{ balancedAccuracy, best },
  };
}

/** A stage whose second step was the best of three that were evaluated, and that goes on at the last. */
async function stage(deleted: readonly number[]) {
  const checkpoints = new CheckpointStore(temporaryFolder());
  const best = { step: 2, balancedAccuracy: 80 };
  const folders = new Map<number, string>();
  for (const [step, accuracy] of [
    [2, 80],
    [4, 70],
    [6, 60],
  ] as const) {
    const fill = async (folder: string) => writeFileSync(join(folder, "weights"), "");
    folders.set(step, (await checkpoints.save(stateAt(step, accuracy, best), fill)).folder);
  }
  for (const step of deleted) rmSync(folders.get(step)!, { recursive: true });
  const plan = { id: "pa-sft", kind: "pa-sft", title: "", totalSteps: 6 };
  const context = { plan, checkpoints, resume: checkpoints.newest("pa-sft"), validation: null };
  const model = { savedReference: (folder: string) => ({ base: folder, adapter: null }) };
  return new StageRun(context as unknown as StageContext, model as unknown as LearningModel, saving);
}

describe("a stage that goes on", () => {
  it("ends with its best step, also when that was before", async () => {
    expect((await stage([])).result().step).toBe(2);
  });

  it("ends with the best step that is left when a person has deleted the best", async () => {
    expect((await stage([2])).result().step).toBe(4);
    expect((await stage([2, 4])).result().step).toBe(6);
  });
});
