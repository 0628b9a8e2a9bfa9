/**
 * A run of another trainer as a run folder of ours, with its curves: the list of runs, the dashboard and the exports take it like any
 * other. Only what the file holds is written: there is no checkpoint, no rollout and no report in it. Nothing is trained.
 */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import type { RunKind, RunManifest, ScalarSeries } from "@iad-r1/protocol/runs";
import { makeFolder } from "./durableFile";
import { importCurves } from "./importCurves";
import { openJournal } from "./journal";
import { hashJson, writeManifest } from "./manifest";
import { newRunId } from "./postTrain";
import { openScalars, readScalars } from "./scalars";
import { openEventFile } from "./tensorboard";

export interface ImportedRun {
  /** Id of the run. */
  run: string;
  folder: string;
  numCurves: number;
  numPoints: number;
}

/** Files that trainers write into their output folder, the one that says most first. */
const known = ["trainer_state.json", "trainer_log.jsonl"];

/**
 * @param path        trainer_state.json, trainer_log.jsonl, an event file of TensorBoard, or a folder with one of the first two
 * @param runsFolder  where the run folder is made
 * @param options.name of the run in lists; the folder of the file when left out
 * @throws DataError `curves/unknown-file`, `curves/broken-file`, `curves/empty`
 */
export async function importRun(
  path: string,
  runsFolder: string,
  { name }: { name?: string } = {},
): Promise<ImportedRun> {
  const file = fileOf(resolve(path));
  const series = importCurves(file).filter(({ steps }) => steps.length > 0);
  const numPoints = series.reduce((sum, { steps }) => sum + steps.length, 0);
  if (numPoints === 0) {
    throw new DataError("curves/empty", `${basename(file)} holds no value of any metric.`, {
      where: file,
      hint: "Expected numbers beside a step. Was the trainer told to log?",
    });
  }
  const { mtimeMs } = await stat(file);
  const project = name ?? basename(dirname(file));
  const id = newRunId(project);
  const folder = join(runsFolder, id);
  makeFolder(folder);
  writePoints(folder, series, Math.round(mtimeMs));
  openEventFile(folder, readScalars(folder)).close();
  const manifest = manifestOf({ id, project, file, series, mtimeMs: Math.round(mtimeMs) });
  const journal = openJournal(join(folder, "events.jsonl"));
  try {
    const base = { runId: id, timeMs: manifest.updatedMs };
    journal.append({ ...base, seq: 1, type: "plan", stages: manifest.plan, finished: [] });
    const reason = `curves of ${basename(file)}`;
    journal.append({ ...base, seq: 2, type: "state", state: "completed", attempt: 1, reason, error: null });
  } finally {
    journal.close();
  }
  // Last: a folder without it is no run yet.
  writeManifest(folder, manifest);
  return { run: id, folder, numCurves: series.length, numPoints };
}

function fileOf(path: string): string {
  const found = known.map((each) => join(path, each)).find((each) => existsSync(each));
  return found ?? path;
}

/** Both trainers write rewards in the second stage and never in the first. */
function kindOf(series: readonly ScalarSeries[]): Extract<RunKind, "pa-sft" | "sc-grpo"> {
  return series.some(({ name }) => /(?:^|\/)rewards?(?:$|\/)/.test(name)) ? "sc-grpo" : "pa-sft";
}

function lastStepOf(series: readonly ScalarSeries[]): number {
  return series.reduce((last, { steps }) => Math.max(last, steps.at(-1)!), 0);
}

interface Known {
  id: string;
  project: string;
  file: string;
  series: readonly ScalarSeries[];
  mtimeMs: number;
}

function manifestOf({ id, project, file, series, mtimeMs }: Known): RunManifest {
  const kind = kindOf(series);
  const totalSteps = lastStepOf(series);
  const times = series.flatMap(({ timesMs }) => [timesMs[0]!, timesMs.at(-1)!]).filter((time) => time > 0);
  const config = { importedFrom: file };
  return {
    ...{ format: "iad-r1/run", version: 1, id, kind, project, state: "completed", attempt: 1 },
    ...{ createdMs: Math.min(...times, mtimeMs), updatedMs: Math.max(...times, mtimeMs), config, configFile: null },
    plan: [{ id: kind, kind, title: `Curves of ${basename(file)}`, totalSteps }],
    ...{ finishedStages: [kind], stageModels: {} },
    hashes: { config: hashJson(config), code: "", model: "", data: {}, rewards: {} },
    ...{ versions: {}, device: "another trainer", threads: 0, lineage: null },
  };
}

/**
 * Step by step, as a run of ours is written. Where the file has no times, the last step has that of the file, and each one before it lies a
 * millisecond earlier: the order is kept and no duration is made up.
 */
function writePoints(folder: string, series: readonly ScalarSeries[], mtimeMs: number): void {
  const stage = kindOf(series);
  const lastStep = lastStepOf(series);
  const rows = series.flatMap(({ name, steps, timesMs, values }) =>
    Array.from(steps, (step, i) => ({
      name,
      step,
      timeMs: timesMs[i]! || mtimeMs - (lastStep - step),
      value: values[i]!,
    })),
  );
  rows.sort((a, b) => a.step - b.step);
  const writer = openScalars(folder);
  try {
    let values: Record<string, number> = {};
    rows.forEach(({ name, step, timeMs, value }, i) => {
      values[name] = value;
      const next = rows[i + 1];
      // One write for what was logged together; a trainer that was resumed may have written a step twice.
      if (next !== undefined && next.step === step && next.timeMs === timeMs && !Object.hasOwn(values, next.name))
        return;
      writer.append(stage, step, timeMs, values);
      values = {};
    });
    writer.flush();
  } finally {
    writer.close();
  }
}
