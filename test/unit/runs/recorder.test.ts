/** The life of a run on disk: numbered events, states in order, one final event, resume and listing. */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointError, InternalError } from "@iad-r1/models/errors";
import type { RunEvent, RunManifest } from "@iad-r1/protocol/runs";
import { CheckpointStore } from "@iad-r1/server/runs/checkpoints";
import { runDetails } from "@iad-r1/server/runs/details";
import { exportRun } from "@iad-r1/server/runs/exportRun";
import { hashJson } from "@iad-r1/server/runs/manifest";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { findRun, listRuns, openRun } from "@iad-r1/server/runs/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let runs = "";
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), "runs-"));
});
afterEach(() => rmSync(runs, { recursive: true, force: true }));

const manifest = (id: string): RunManifest => ({
  format: "iad-r1/run",
  version: 1,
  id,
  kind: "post-train",
  project: "test",
  state: "queued",
  attempt: 1,
  createdMs: 1,
  updatedMs: 1,
  config: {},
  configFile: null,
  plan: [],
  finishedStages: [],
  stageModels: {},
  hashes: { config: "", code: "", model: "", data: {}, rewards: {} },
  versions: {},
  device: "cpu",
  threads: 1,
  lineage: null,
});

const start = (id = "run-1") => {
  const events: RunEvent[] = [];
  const folder = join(runs, id);
  return { events, folder, recorder: RunRecorder.create(folder, manifest(id), (event) => events.push(event)) };
};

describe("a recorder", () => {
  it("numbers events without gap and ends with exactly one final event", () => {
    const { events, recorder } = start();
    recorder.enter("starting");
    recorder.announcePlan([{ id: "pa-sft", kind: "pa-sft", title: "Train", totalSteps: 2 }]);
    recorder.enter("running");
    recorder.emit({ type: "scalars", stage: "pa-sft", step: 1, values: { loss: 1 } });
    recorder.enter("stopping", "asked");
    recorder.finish("stopped", "stopped by the user");
    recorder.finish("failed", "too late");
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.flatMap((event) => (event.type === "state" ? [event.state] : []))).toEqual([
      "queued",
      "starting",
      "running",
      "stopping",
      "stopped",
    ]);
  });

  it("refuses a state out of order", () => {
    const { recorder } = start();
    expect(() => recorder.enter("running")).toThrow(InternalError);
    recorder.finish("failed", null);
  });

  it("keeps progress to ten a second, never backwards, and always shows the end", () => {
    const { events, recorder } = start();
    for (let step = 1; step <= 50; step++) {
      recorder.emit({
        ...{ type: "progress", stage: "s", step, totalSteps: 50, activity: "", tokensPerSecond: null },
        secondsLeft: null,
      });
    }
    recorder.emit({
      ...{ type: "progress", stage: "s", step: 7, totalSteps: 50, activity: "", tokensPerSecond: null },
      secondsLeft: null,
    });
    const steps = events.flatMap((event) => (event.type === "progress" ? [event.step] : []));
    expect(steps[0]).toBe(1);
    expect(steps.at(-1)).toBe(50);
    expect(steps.length).toBeLessThan(6);
    recorder.finish("completed", null);
  });

  it("begins the next attempt in place, from the checkpoint, still with one final event", () => {
    const { events, folder, recorder } = start();
    recorder.enter("starting");
    recorder.enter("running");
    for (const step of [1, 2, 3]) recorder.emit({ type: "scalars", stage: "pa-sft", step, values: { loss: step } });
    recorder.restart({ finishedStages: [], stage: "pa-sft", step: 2 }, "webgpu failed");
    recorder.enter("starting");
    recorder.enter("running");
    recorder.emit({ type: "scalars", stage: "pa-sft", step: 3, values: { loss: 30 } });
    recorder.finish("completed", null);
    expect(events.flatMap((event) => (event.type === "state" ? [`${event.attempt} ${event.state}`] : []))).toEqual([
      ...["1 queued", "1 starting", "1 running"],
      ...["2 queued", "2 starting", "2 running", "2 completed"],
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const stored = openRun(folder);
    expect([...stored.scalars()[0]!.values]).toEqual([1, 2, 30]);
    expect(stored.manifest).toMatchObject({ attempt: 2, state: "completed" });
    const reasons = events.flatMap((event) => (event.type === "state" && event.reason !== null ? [event.reason] : []));
    expect(reasons).toEqual(["webgpu failed at pa-sft step 2"]);
  });

  it("goes on above the last number after a resume, without what came after the checkpoint", () => {
    const first = start();
    first.recorder.enter("starting");
    first.recorder.enter("running");
    for (const step of [1, 2, 3])
      first.recorder.emit({ type: "scalars", stage: "pa-sft", step, values: { loss: step } });
    first.recorder.finish("stopped", null);
    const last = first.events.at(-1)!.seq;
    const events: RunEvent[] = [];
    const again = RunRecorder.reopen(
      first.folder,
      () => ({ finishedStages: [], stage: "pa-sft", step: 2 }),
      (event) => events.push(event),
    );
    again.emit({ type: "scalars", stage: "pa-sft", step: 3, values: { loss: 30 } });
    again.finish("completed", null);
    expect(events[0]).toMatchObject({ type: "state", state: "queued", attempt: 2, reason: "resumed at pa-sft step 2" });
    expect(events[0]!.seq).toBeGreaterThan(
      openRun(first.folder)
        .events()
        .filter((event) => event.seq < events[0]!.seq)
        .at(-1)!.seq,
    );
    expect(events[0]!.seq).toBeGreaterThanOrEqual(last);
    expect([...openRun(first.folder).scalars()[0]!.values]).toEqual([1, 2, 30]);
  });

  it("goes on in a folder whose rollouts and checkpoints were deleted to save space", () => {
    const { folder, recorder } = start();
    recorder.finish("stopped", null);
    for (const name of ["rollouts", "checkpoints"]) rmSync(join(folder, name), { recursive: true });
    const point = { finishedStages: [], stage: null, step: 0 };
    RunRecorder.reopen(
      folder,
      () => point,
      () => undefined,
    ).finish("stopped", null);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["checkpoints", "rollouts"]));
  });

  it("lets one process write at a time and leaves the lock when it cannot resume", () => {
    const { folder, recorder } = start();
    const reopen = () =>
      RunRecorder.reopen(
        folder,
        () => ({ finishedStages: [], stage: null, step: 0 }),
        () => undefined,
      );
    expect(reopen).toThrow(CheckpointError);
    recorder.finish("completed", null);
    writeFileSync(join(folder, "run.json"), "{");
    expect(reopen).toThrow("run.json is not JSON");
    expect(reopen).toThrow("run.json is not JSON");
  });

  it("goes on when a listener throws", () => {
    const recorder = RunRecorder.create(join(runs, "x"), manifest("x"), () => {
      throw new Error("view broke");
    });
    recorder.finish("completed", null);
    expect(openRun(join(runs, "x")).manifest.state).toBe("completed");
  });
});

describe("stored runs", () => {
  it("are found by id, by the start of the id and by folder", () => {
    start("2026-a").recorder.finish("completed", null);
    const { folder, recorder } = start("2026-b");
    recorder.finish("completed", null);
    expect(findRun(runs, "2026-b")).toBe(folder);
    expect(findRun(runs, folder)).toBe(folder);
    expect(() => findRun(runs, "2026")).toThrow("2 runs");
    expect(() => findRun(runs, "nope")).toThrow("no run nope");
  });

  it("that ended without a word are listed as failed", () => {
    const { folder, recorder } = start();
    recorder.enter("starting");
    expect(listRuns(runs)[0]!.state).toBe("starting");
    recorder.finish("completed", null);
    const stored = JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as RunManifest;
    writeFileSync(join(folder, "run.json"), JSON.stringify({ ...stored, state: "running" }));
    expect(listRuns(runs)[0]!.state).toBe("failed");
  });

  it("that are damaged are left out of the list, and told of", () => {
    const { folder, recorder } = start("2026-a");
    recorder.finish("completed", null);
    writeFileSync(join(folder, "run.json"), "{");
    const problems: string[] = [];
    expect(listRuns(runs, ({ message }) => problems.push(message))).toEqual([]);
    expect(problems).toEqual([expect.stringContaining("run.json is not JSON")]);
  });

  it("are told of without a checkpoint that is deleted at that moment", async () => {
    const { folder, recorder } = start();
    recorder.finish("completed", null);
    const checkpoints = new CheckpointStore(folder);
    for (const step of [1, 2]) {
      await checkpoints.save(
        {
          ...{ format: "iad-r1/trainer-state", version: 1, stage: "pa-sft", step, totalSteps: 2, globalStep: step },
          ...{ epoch: 0, samplesSeen: 1, numTokens: 1, random: { seed: 1, stage: "pa-sft", step } },
          ...{ balancedAccuracy: null, best: null },
        },
        (inside) => Promise.resolve(writeFileSync(join(inside, "adapter_config.json"), "{}")),
      );
    }
    const run = openRun(folder);
    // Read for the model of the first checkpoint, after all were listed.
    const config = {
      get model() {
        rmSync(join(folder, "checkpoints/step-000002"), { recursive: true, force: true });
        return { base: folder, adapter: null };
      },
    };
    const details = runDetails({ ...run, manifest: { ...run.manifest, config } }, listRuns(runs)[0]!);
    expect(details.checkpoints.map(({ step }) => step)).toEqual([1]);
  });

  it("are exported beside a file that was there, which then goes", async () => {
    const { folder, recorder } = start();
    recorder.emit({ type: "scalars", stage: "pa-sft", step: 1, values: { loss: 1 } });
    recorder.finish("completed", null);
    const file = join(runs, "out");
    for (const format of ["csv", "json", "parquet", "svg", "png"] as const) {
      writeFileSync(file, "old");
      const old = openSync(file, "r");
      await exportRun(openRun(folder), format, file);
      expect(readFileSync(old, "utf8")).toBe("old");
      closeSync(old);
      expect(readFileSync(file).byteLength).toBeGreaterThan(20);
    }
  });

  it("show the last evaluation of each step once", () => {
    const { folder, recorder } = start();
    const evaluation = (accuracy: number) =>
      ({
        ...{
          type: "evaluation",
          stage: "pa-sft",
          step: 4,
          label: "pa-sft@4",
          best: false,
          samplesFile: "../../secret",
        },
        report: { balancedAccuracy: accuracy },
      }) as never;
    recorder.emit(evaluation(1));
    recorder.emit(evaluation(2));
    recorder.finish("completed", null);
    const run = openRun(folder);
    expect(run.evaluations().map((one) => one.report.balancedAccuracy)).toEqual([2]);
    expect(() => run.samples(run.evaluations()[0]!)).toThrow("leads out of the run folder");
  });
});

it("the hash of a configuration does not depend on the order of its keys", () => {
  expect(hashJson({ a: 1, b: { c: [1, 2], d: null } })).toBe(hashJson({ b: { d: null, c: [1, 2] }, a: 1 }));
  expect(hashJson({ a: [1, 2] })).not.toBe(hashJson({ a: [2, 1] }));
});
