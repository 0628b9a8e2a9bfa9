/** The store of curves. What a run does with it is recorder.test.ts. */
import { lastBalancedAccuracy } from "@iad-r1/server/runs/listing";
import { openScalars, readScalars } from "@iad-r1/server/runs/scalars";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

test("a resumed run keeps what is finished and what is before its checkpoint, and an evaluation that begins anew has its points once", () => {
  const folder = temporaryFolder();
  const before = openScalars(folder);
  before.append("evaluate-base", 0, 1, { "eval/auroc": 1 });
  before.append("pa-sft", 1, 2, { loss: 3 });
  before.append("pa-sft", 2, 3, { loss: 2 });
  before.append("evaluate-pa-sft", 0, 4, { "eval/auroc": 5 });
  before.close();
  const steps = () => readScalars(folder).map(({ stage, steps: kept }) => [stage, ...kept]);

  // Killed between the last number of an evaluation and its end.
  openScalars(folder, { finishedStages: ["evaluate-base", "pa-sft"], stage: "evaluate-pa-sft", step: 0 }).close();
  expect(steps()).toEqual([["evaluate-base", 0], ["pa-sft", 1, 2], ["evaluate-pa-sft"]]);
  openScalars(folder, { finishedStages: ["evaluate-base"], stage: "pa-sft", step: 1 }).close();
  expect(steps()).toEqual([["evaluate-base", 0], ["pa-sft", 1], ["evaluate-pa-sft"]]);
  openScalars(folder, { finishedStages: [], stage: "evaluate-base", step: 0 }).close();
  expect(steps()).toEqual([["evaluate-base"], ["pa-sft"], ["evaluate-pa-sft"]]);
});

test("a list of runs shows the last evaluation there is", () => {
  const plan = (["evaluate-base", "pa-sft", "evaluate-pa-sft"] as const).map((id) => ({
    ...{ id, kind: id === "pa-sft" ? ("pa-sft" as const) : ("evaluate" as const), title: id, totalSteps: 1 },
  }));
  const last = { "evaluate-base/eval/balanced_accuracy": 10, "pa-sft/loss": 1 };
  expect(lastBalancedAccuracy({ plan, last: {} })).toBeUndefined();
  expect(lastBalancedAccuracy({ plan, last })).toBe(10);
  expect(lastBalancedAccuracy({ plan, last: { "evaluate-pa-sft/eval/balanced_accuracy": 70, ...last } })).toBe(70);
});
