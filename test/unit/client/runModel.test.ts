import { findingsOf, pausesOf, RunModel, samplesPerStep } from "@iad-r1/client/runs/runModel";
import type { RunEvent, RunListing, RunManifest } from "@iad-r1/protocol/runs";
import { type PointsHeader, pointBytes, type RunSnapshot } from "@iad-r1/protocol/stream";
import { dashboardPanel } from "@iad-r1/protocol/webview";
import { describe, expect, test } from "vitest";

const listing: RunListing = {
  ...{ id: "r", kind: "post-train", project: "demo", state: "running", reason: null, attempt: 1 },
  ...{ createdMs: 1, updatedMs: 2, plan: [], finishedStages: [], lastStage: null, lastStep: 0, last: {} },
  ...{ progress: null, folder: "/runs/r", lineage: null, findings: [] },
};
const manifest: RunManifest = {
  ...{ format: "iad-r1/run", version: 1, id: "r", kind: "post-train", project: "demo", state: "running", attempt: 1 },
  ...{ createdMs: 1, updatedMs: 2, config: {}, configFile: null, plan: [], finishedStages: [], stageModels: {} },
  hashes: { config: "", code: "", model: "", data: {}, rewards: {} },
  ...{ versions: {}, device: "cpu", threads: 2, lineage: null },
};
const columns = [
  { stage: "pa-sft", name: "loss" },
  { stage: "pa-sft", name: "lr" },
];
const snapshot = (changes: Partial<RunSnapshot> = {}): RunSnapshot => ({
  ...{ listing, manifest, events: [], columns, numPoints: 0, generation: 1, ...changes },
});

function points(offset: number, rows: [column: number, step: number, value: number][], generation = 1) {
  const view = new DataView(new ArrayBuffer(rows.length * pointBytes));
  for (const [index, [column, step, value]] of rows.entries()) {
    view.setUint32(index * pointBytes, column, true);
    view.setUint32(index * pointBytes + 4, step, true);
    view.setFloat64(index * pointBytes + 8, 1000 * step, true);
    view.setFloat64(index * pointBytes + 16, value, true);
  }
  const header: PointsHeader = { topic: "run/r", generation, offset, count: rows.length };
  return [header, view] as const;
}

const state = (name: string, timeMs: number, error: object | null = null) =>
  ({ runId: "r", seq: 0, timeMs, type: "state", state: name, attempt: 1, reason: null, error }) as RunEvent;

test("a run that only says how far it is is not silent", () => {
  const model = new RunModel();
  model.applySnapshot(snapshot());
  const progress = {
    stage: "evaluate-base",
    step: 16,
    totalSteps: 51,
    activity: "",
    tokensPerSecond: 90,
    secondsLeft: 30,
  };
  const { fields } = model.applyDeltas([
    { type: "event", event: { runId: "r", seq: 1, timeMs: 90_000, type: "progress", ...progress } },
  ]);
  expect(fields).toMatchObject({ lastEventMs: 90_000, progress: { step: 16 } });
});

describe("curves of a run", () => {
  test("keep every point of every column once, also when some come twice after a reconnect", () => {
    const model = new RunModel();
    model.applySnapshot(snapshot());
    model.applyPoints(
      ...points(0, [
        [0, 1, 3],
        [1, 1, 0.1],
        [0, 2, 2],
      ]),
    );
    model.applyPoints(
      ...points(1, [
        [1, 1, 0.1],
        [0, 2, 2],
        [0, 3, 1],
      ]),
    );
    expect([...model.series("pa-sft", "loss", 0).values]).toEqual([3, 2, 1]);
    expect([...model.series("pa-sft", "loss", 1).steps]).toEqual([2, 3]);
    expect(model.held).toEqual({ count: 4, generation: 1 });
  });

  test("are told in pieces that join without gap", () => {
    const model = new RunModel();
    model.applySnapshot(snapshot());
    model.toDashboard(true);
    const first = model.applyPoints(
      ...points(0, [
        [0, 1, 3],
        [0, 2, 2],
      ]),
    );
    const second = model.applyPoints(...points(2, [[0, 3, 1]]));
    expect(first.points.map(({ name, from, values }) => [name, from, [...values]])).toEqual([["loss", 0, [3, 2]]]);
    expect(second.points.map(({ name, from, values }) => [name, from, [...values]])).toEqual([["loss", 2, [1]]]);
  });

  test("begin again when the run went on from an earlier step", () => {
    const model = new RunModel();
    model.applySnapshot(snapshot());
    model.applyPoints(
      ...points(0, [
        [0, 1, 3],
        [0, 2, 2],
      ]),
    );
    const update = model.applyPoints(...points(0, [[0, 1, 3.5]], 2));
    expect(update.isWhole).toBe(true);
    expect([...model.series("pa-sft", "loss", 0).values]).toEqual([3.5]);
  });

  test("hold a million points", () => {
    const model = new RunModel();
    model.applySnapshot(snapshot());
    const rows = Array.from({ length: 10_000 }, (_, i): [number, number, number] => [0, i, i / 7]);
    for (let i = 0; i < 100; i++) model.applyPoints(...points(i * rows.length, rows));
    const { values } = model.series("pa-sft", "loss", 0);
    expect(values.length).toBe(1_000_000);
    expect(values[999_999]).toBe(9999 / 7);
  });
});

describe("state of a run", () => {
  test("is what the page's protocol expects", () => {
    const model = new RunModel();
    model.applySnapshot(snapshot({ events: [state("running", 5)] }));
    const run = model.toDashboard(true);
    const whole = {
      ...{ settings: { smoothing: 0.6, smoothingMethod: "ema", xAxis: "step", staleAfterMs: 1 } },
      ...{ chosen: ["r"], runs: [run], baseline: null, available: [] },
    };
    expect(dashboardPanel.state.fault(whole, "state")).toBeNull();
    expect(run).toMatchObject({ id: "r", state: "running", lastEventMs: 5 });
  });

  test("knows the file of the answers behind an evaluation", () => {
    const evaluation = (stage: string, step: number, samplesFile: string) =>
      ({ runId: "r", seq: 0, timeMs: 1, type: "evaluation", stage, step, label: "x", samplesFile }) as RunEvent;
    const model = new RunModel();
    const events = [evaluation("sc-grpo", 5, "a"), evaluation("sc-grpo", 10, "b"), evaluation("sc-grpo", 5, "again")];
    model.applySnapshot(snapshot({ events }));
    expect(model.answersFile("sc-grpo", 10)).toBe("b");
    // After a resume the newer ones are those on disk.
    expect(model.answersFile("sc-grpo", 5)).toBe("again");
    expect(model.answersFile("pa-sft", 5)).toBeNull();
  });

  test("counts pauses and the time between attempts as standing still", () => {
    const events = [
      ...[state("running", 10), state("paused", 20), state("running", 30)],
      ...[state("failed", 40), state("starting", 70), state("completed", 90)],
    ];
    expect(pausesOf(events)).toEqual([
      [20, 30],
      [40, 70],
    ]);
  });

  test("names a warning once with how often it came, and the failure of the last attempt only", () => {
    const warning = (timeMs: number) =>
      ({
        ...{ runId: "r", seq: 0, timeMs, type: "log", level: "warning", code: "data/truncated" },
        message: "a sample was cut",
      }) as RunEvent;
    const failure = { code: "disk/full", message: "The disk is full.", hint: "Free some space." };
    const events = [warning(1), warning(2), state("failed", 3, failure)];
    expect(findingsOf(events)).toEqual([
      expect.objectContaining({ id: "data/truncated", evidence: "2 ×" }),
      expect.objectContaining({ id: "disk/full", severity: "error", cure: "Free some space." }),
    ]);
    expect(findingsOf([...events, state("running", 4)]).map(({ id }) => id)).toEqual(["data/truncated"]);
  });

  test("derives samples per step from the configuration", () => {
    const config = { stages: { paSft: { batchSize: 4, gradientAccumulation: 2 }, scGrpo: { promptsPerStep: 6 } } };
    expect(samplesPerStep(config)).toEqual({ "pa-sft": 8, "sc-grpo": 6 });
    expect(samplesPerStep(null)).toEqual({});
  });
});
