/** Event files of ours in Python's TensorBoard, and torch's in our reader: the same tags, steps, times and values. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { RunManifest } from "@iad-r1/protocol/runs";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { readScalars } from "@iad-r1/server/runs/scalars";
import { openEventFile, readEventFile, scalarTag } from "@iad-r1/server/runs/tensorboard";
import { expect, test } from "vitest";
import { runPython } from "../helpers/python";
import { temporaryFolder } from "../helpers/temporaryFolder";

type Point = [tag: string, step: number, wallTime: number, value: number];
const script = "test/python/tensorboardCheck.py";
const sorted = (points: readonly Point[]) =>
  [...points].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));

test("every scalar we write is read by TensorBoard with its tag, step, time and value", () => {
  const folder = temporaryFolder();
  const writer = openEventFile(folder, []);
  const points: Point[] = [];
  const values = [0, -0.5, 1e-38, 3.25e38, Math.PI, 123_456_789];
  for (let step = 0; step < 300; step++) {
    const timeMs = 1_750_000_000_000 + 137 * step;
    // Steps beyond one byte of a varint, and beyond 32 bits of one.
    const at = step < 299 ? step * step : 2 ** 40;
    const scalars = {
      "pa-sft/loss": values[step % values.length]!,
      "sc-grpo/rewards/iad-r1/accuracy/mean ü": step / 7,
    };
    writer.append(at, timeMs, scalars);
    for (const [tag, value] of Object.entries(scalars)) points.push([tag, at, timeMs / 1000, Math.fround(value)]);
  }
  writer.close();
  expect(sorted(runPython<Point[]>(script, ["read", folder]))).toEqual(sorted(points));
});

test("a run that was stopped and went on shows each point once", () => {
  const folder = join(temporaryFolder(), "run");
  const manifest: RunManifest = {
    ...{ format: "iad-r1/run", version: 1, id: "run", kind: "pa-sft", project: "p", state: "queued", attempt: 1 },
    ...{ createdMs: 1, updatedMs: 1, config: {}, configFile: null, plan: [], finishedStages: [], stageModels: {} },
    hashes: { config: "", code: "", model: "", data: {}, rewards: {} },
    ...{ versions: {}, device: "cpu", threads: 1, lineage: null },
  };
  const record = (recorder: RunRecorder, from: number, to: number) => {
    recorder.enter("starting");
    recorder.enter("running");
    for (let step = from; step <= to; step++) {
      recorder.emit({ type: "scalars", stage: "pa-sft", step, values: { loss: 1 / step, broken: Number.NaN } });
    }
    recorder.finish("stopped", null);
  };
  record(
    RunRecorder.create(folder, manifest, () => undefined),
    1,
    9,
  );
  const point = { finishedStages: [], stage: "pa-sft", step: 6 };
  record(
    RunRecorder.reopen(
      folder,
      () => point,
      () => undefined,
    ),
    7,
    12,
  );
  const stored = readScalars(folder).flatMap(({ stage, name, steps, timesMs, values }) =>
    [...steps].map((step, i): Point => [scalarTag(stage, name), step, timesMs[i]! / 1000, Math.fround(values[i]!)]),
  );
  expect(stored.map(([, step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(sorted(runPython<Point[]>(script, ["read", folder]))).toEqual(stored);
});

test("event files of torch's SummaryWriter are read here", () => {
  const folder = join(temporaryFolder(), "torch");
  mkdirSync(folder);
  const points = Array.from(
    { length: 50 },
    (_, i): Point => [i % 2 === 0 ? "loss" : "reward/mean", i, 1000 + i, Math.fround(i / 3)],
  );
  runPython(script, ["write", folder], points);
  const [name] = readdirSync(folder);
  const read = readEventFile(join(folder, name!)).map(
    ({ tag, step, wallTime, value }): Point => [tag, step, wallTime, value],
  );
  expect(sorted(read)).toEqual(sorted(points));
});
