/** Curves of other trainers: the layouts they write, and what is wrong with damaged ones. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import { importCurves } from "@iad-r1/server/runs/importCurves";
import { openEventFile } from "@iad-r1/server/runs/tensorboard";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

function curves(name: string, text: string) {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return importCurves(path).map(({ name: metric, steps, values }) => [metric, [...steps], [...values]]);
}

it("reads the history of a TRL trainer, whatever its metrics are", () => {
  const history = [
    { epoch: 0.5, step: 1, loss: 0.5, "rewards/accuracy/mean": 0.25, kl: null },
    { epoch: 1, step: 2, loss: 0.25, train_runtime: 3.5, note: "text" },
  ];
  expect(curves("trainer_state.json", JSON.stringify({ global_step: 2, log_history: history }))).toEqual([
    ["epoch", [1, 2], [0.5, 1]],
    ["loss", [1, 2], [0.5, 0.25]],
    ["rewards/accuracy/mean", [1], [0.25]],
    ["train_runtime", [2], [3.5]],
  ]);
});

it("leaves out the numbers that diverged, which Python writes as JSON does not know them, and nothing else", () => {
  const lines = [
    '{"step": 1, "current_steps": 1, "loss": 0.5}',
    '{"step": 2, "current_steps": 2, "loss": 1.5, "grad_norm": NaN}',
  ];
  const found = [["loss", [1, 2], [0.5, 1.5]]];
  const state = curves("trainer_state.json", `{"log_history": [${lines.join(", ")}]}`);
  expect(state.filter(([name]) => name !== "current_steps")).toEqual(found);
  expect(curves("trainer_log.jsonl", lines.join("\n")).filter(([name]) => name !== "step")).toEqual(found);
});

it("reads LLaMA-Factory's log under the usual names and skips damaged lines", () => {
  const lines = [
    '{"current_steps": 5, "total_steps": 100, "loss": 1.5, "lr": 1e-05, "epoch": 0.1, "percentage": 5.0, "elapsed_time": "0:00:10"}',
    '{"current_steps": 10, "loss": 1.2',
    '{"current_steps": 15, "total_steps": 100, "loss": 1.0, "lr": 5e-06, "epoch": 0.3, "percentage": 15.0}',
  ];
  expect(curves("trainer_log.jsonl", lines.join("\n"))).toEqual([
    ["loss", [5, 15], [1.5, 1]],
    ["learning_rate", [5, 15], [1e-5, 5e-6]],
    ["epoch", [5, 15], [0.1, 0.3]],
  ]);
});

it("reads TensorBoard's event files", () => {
  const file = openEventFile(temporaryFolder(), []);
  file.append(3, 2000, { "train/loss": 0.75 });
  file.close();
  expect(importCurves(file.path)).toMatchObject([{ name: "train/loss" }]);
  expect([...importCurves(file.path)[0]!.timesMs]).toEqual([2000]);
});

it("says what is wrong with a file it cannot read", () => {
  expect(() => curves("trainer_state.json", "{")).toThrow("not JSON");
  expect(() => curves("trainer_state.json", "null")).toThrow(DataError);
  expect(() => curves("trainer_state.json", "{}")).toThrow("log_history");
  expect(() => curves("loss.csv", "")).toThrow("expected trainer_state.json");
  expect(() => importCurves(join(temporaryFolder(), "trainer_state.json"))).toThrow("there is no such file");
});
