/** A run of another trainer becomes a run folder like our own. */
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportRun } from "@iad-r1/server/runs/exportRun";
import { importRun } from "@iad-r1/server/runs/importRun";
import { listRuns, openRun } from "@iad-r1/server/runs/store";
import { openEventFile, readEventFile } from "@iad-r1/server/runs/tensorboard";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

it("makes a run of TRL's history, with its curves, its kind, and a name", async () => {
  const folder = join(temporaryFolder(), "my-grpo");
  mkdirSync(folder);
  const file = join(folder, "trainer_state.json");
  const history = [
    { step: 1, loss: 0.5, reward: 0.25, "rewards/place/mean": 0.1 },
    { step: 2, loss: 0.25, reward: 0.5 },
    // A trainer that was resumed wrote the step again.
    { step: 2, loss: 0.125 },
  ];
  writeFileSync(file, JSON.stringify({ log_history: history }));
  utimesSync(file, 1_700_000_000, 1_700_000_000);
  const runs = join(temporaryFolder(), ".iadr1", "runs");
  const imported = await importRun(folder, runs);
  expect(imported).toMatchObject({ numCurves: 3, numPoints: 6 });
  const [listing] = listRuns(runs);
  expect(listing).toMatchObject({
    ...{ id: imported.run, kind: "sc-grpo", project: "my-grpo", state: "completed", lastStep: 2 },
    ...{ createdMs: 1_700_000_000_000, reason: "curves of trainer_state.json" },
  });
  const curves = openRun(imported.folder).scalars();
  const out = join(temporaryFolder(), "board");
  await exportRun(openRun(imported.folder), "tensorboard", out);
  const [events] = readdirSync(out);
  expect(readEventFile(join(out, events!)).map(({ tag, step, value }) => [tag, step, value])).toContainEqual([
    ...["sc-grpo/loss", 2, 0.125],
  ]);
  expect(curves.map(({ stage, name, steps, values }) => [stage, name, [...steps], [...values]])).toEqual([
    ["sc-grpo", "loss", [1, 2, 2], [0.5, 0.25, 0.125]],
    ["sc-grpo", "reward", [1, 2], [0.25, 0.5]],
    ["sc-grpo", "rewards/place/mean", [1], [0.1]],
  ]);
});

it("says so where a run has nothing for TensorBoard", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "trainer_state.json");
  writeFileSync(file, JSON.stringify({ log_history: [{ step: 1, loss: 1 }] }));
  const imported = await importRun(file, folder);
  for (const name of readdirSync(imported.folder)) {
    if (name.startsWith("events.out.tfevents.")) rmSync(join(imported.folder, name));
  }
  const out = join(folder, "board");
  await expect(exportRun(openRun(imported.folder), "tensorboard", out)).rejects.toMatchObject({
    code: "runs/no-events",
  });
  expect(existsSync(out)).toBe(false);
});

it("keeps the times of an event file", async () => {
  const folder = temporaryFolder();
  const writer = openEventFile(folder, []);
  writer.append(3, 1_600_000_000_000, { loss: 2 });
  writer.append(4, 1_600_000_005_000, { loss: 1 });
  writer.close();
  const runs = temporaryFolder();
  const imported = await importRun(writer.path, runs, { name: "old" });
  const [loss] = openRun(imported.folder).scalars();
  expect([loss!.stage, [...loss!.timesMs]]).toEqual(["pa-sft", [1_600_000_000_000, 1_600_000_005_000]]);
  expect(listRuns(runs)[0]).toMatchObject({ project: "old", kind: "pa-sft", createdMs: 1_600_000_000_000 });
});

it("refuses what holds no curve", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "trainer_state.json");
  writeFileSync(file, JSON.stringify({ log_history: [{ note: "nothing" }] }));
  await expect(importRun(file, folder)).rejects.toMatchObject({ code: "curves/empty" });
  await expect(importRun(join(folder, "other.json"), folder)).rejects.toMatchObject({ code: "curves/broken-file" });
  expect(listRuns(folder)).toEqual([]);
});
