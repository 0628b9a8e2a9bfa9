/** Run folders that are damaged, foreign, locked or tampered with, and models that compute no numbers. */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { AppError } from "@iad-r1/models/errors";
import type { RunManifest } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { openInspector } from "@iad-r1/server/inspect/inspectImage";
import { type RunContext, runTraining } from "@iad-r1/server/runs/postTrain";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { findRun, listRuns, openRun } from "@iad-r1/server/runs/store";
import { readEventFile } from "@iad-r1/server/runs/tensorboard";
import {
  copyAdapter,
  copyCheckpoint,
  editJson,
  type HarmlessCase,
  type HostileCase,
  type HostileContext,
  type LooseJson,
  put,
  soundPng,
} from "../helpers/hostileCase";
import { withoutRoot } from "./weightsCases";

const brokenManifest = "run/broken-manifest";

const manifest: RunManifest = {
  ...{ format: "iad-r1/run", version: 1, id: "20260101-000000-part-0001", kind: "pa-sft", project: "part" },
  ...{ state: "queued", attempt: 1, createdMs: 1, updatedMs: 1, config: {}, configFile: null, plan: [] },
  ...{ finishedStages: [], stageModels: {}, hashes: { config: "", code: "", model: "", data: {}, rewards: {} } },
  ...{ versions: {}, device: "cpu", threads: 1, lineage: null },
};

/** A run that recorded a little and ended, without any training. */
export function recordedRun({ folder }: HostileContext): string {
  const run = join(folder, "runs", manifest.id);
  const recorder = RunRecorder.create(run, structuredClone(manifest), () => undefined);
  recorder.enter("starting");
  recorder.enter("running");
  for (let step = 1; step <= 3; step++)
    recorder.emit({ type: "scalars", stage: "pa-sft", step, values: { loss: 1 / step } });
  recorder.log("info", "note", "a line of the journal");
  recorder.finish("stopped", null);
  return run;
}

function storedCase(
  name: string,
  damage: (run: string) => unknown,
  act: (run: string) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return {
    name,
    make: (context) => {
      const run = recordedRun(context);
      damage(run);
      return run;
    },
    act: (_, run) => act(run as string),
    code,
    says,
  };
}

const edit = (file: string, change: (json: LooseJson) => unknown) => (run: string) => editJson(join(run, file), change);

/** A small training on generated pictures, in the case's own folder. */
export function tinyExperiment({ folder, fixtures }: HostileContext, changes: Partial<ExperimentInput> = {}) {
  return makeExperiment({
    project: "tiny",
    model: { base: join(fixtures, "vlm/llava-onevision/checkpoint") },
    data: { train: { kind: "synth", seed: 1, count: 4, size: 42 } },
    stages: {
      paSft: { trainable: "lora", steps: 3, gradientAccumulation: 1, learningRate: 1e-3, warmupSteps: 0, saveEvery: 1 },
    },
    ...{ device: "cpu", threads: 1, output: join(folder, "runs") },
    ...changes,
  });
}

/** Trains or resumes; a run that fails throws its error, as the command line does. */
export async function train(
  config: ReturnType<typeof tinyExperiment> | null,
  context: Partial<RunContext>,
): Promise<string> {
  const signal = new AbortController().signal;
  const outcome = await runTraining("pa-sft", config, { signal, onEvent: () => undefined, ...context });
  if (outcome.error !== null) {
    const { code, message, hint, where } = outcome.error;
    throw new FailedRun(code, message, { ...(hint && { hint }), where: where ?? outcome.folder });
  }
  return outcome.folder;
}

class FailedRun extends AppError {}

/** A run that was stopped after its second step. */
async function stoppedRun(context: HostileContext): Promise<string> {
  const stop = new AbortController();
  const onEvent: RunContext["onEvent"] = (event) => {
    if (event.type === "scalars" && event.step === 2) stop.abort();
  };
  return train(tinyExperiment(context), { signal: stop.signal, onEvent });
}

function resumeCase(
  name: string,
  damage: (run: string, context: HostileContext) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return {
    name,
    make: async (context) => {
      const run = await stoppedRun(context);
      damage(run, context);
      return run;
    },
    act: (_, run) => train(null, { resume: run as string }),
    code,
    says,
  };
}

const newest = "checkpoints/step-000002";

function trainCase(
  name: string,
  changes: (context: HostileContext) => Partial<ExperimentInput>,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return { name, act: (context) => train(tinyExperiment(context, changes(context)), {}), code, says };
}

export const runCases: HostileCase[] = [
  {
    name: "a run folder that is not there",
    act: ({ folder }) => openRun(join(folder, "none")),
    code: "run/not-a-run",
    says: ["run.json"],
  },
  {
    name: "a run that nobody knows",
    act: ({ folder }) => findRun(folder, "2026"),
    code: "run/unknown",
    says: ["2026"],
  },
  storedCase(
    "the start of two runs' names",
    (run) => cpSync(run, `${run}2`, { recursive: true }),
    (run) => findRun(join(run, ".."), "2026"),
    "run/ambiguous",
    ["2026", "2 runs"],
  ),
  storedCase(
    "a run.json cut in the middle",
    (run) => truncateSync(join(run, "run.json"), 80),
    openRun,
    brokenManifest,
    ["run.json", "JSON"],
  ),
  storedCase(
    "a run.json that is a list",
    (run) => writeFileSync(join(run, "run.json"), "[]"),
    openRun,
    brokenManifest,
    ["run.json"],
  ),
  storedCase(
    "a run.json of a later version",
    edit("run.json", (json) => {
      json.version = 2;
    }),
    openRun,
    brokenManifest,
    ["version 1", "2"],
  ),
  storedCase(
    "a run.json whose plan holds null",
    edit("run.json", (json) => {
      json.plan = [null];
    }),
    openRun,
    brokenManifest,
    ["run.json", "plan"],
  ),
  storedCase(
    "a run.json whose state does not exist",
    edit("run.json", (json) => {
      json.state = "flying";
    }),
    openRun,
    brokenManifest,
    ["state", "flying"],
  ),
  storedCase(
    "a run.json that is a folder",
    (run) => {
      rmSync(join(run, "run.json"));
      mkdirSync(join(run, "run.json"));
    },
    openRun,
    brokenManifest,
    ["run.json"],
  ),
  storedCase(
    "a scalars.json that is no JSON",
    (run) => writeFileSync(join(run, "scalars.json"), "{"),
    (run) => openRun(run).scalars(),
    "run/broken-scalars",
    ["scalars.json"],
  ),
  storedCase(
    "a scalars.json with other records",
    edit("scalars.json", (json) => {
      json.recordBytes = 16;
    }),
    (run) => openRun(run).scalars(),
    "run/broken-scalars",
    ["24", "16"],
  ),
  storedCase(
    "a scalars.json whose columns are numbers",
    edit("scalars.json", (json) => {
      json.columns = [1];
    }),
    (run) => openRun(run).scalars(),
    "run/broken-scalars",
    ["columns"],
  ),
  storedCase(
    "a journal that points outside its run",
    () => undefined,
    (run) => openRun(run).samples({ samplesFile: "../../../etc/passwd" } as never),
    "run/outside-path",
    ["../../../etc/passwd"],
  ),
  storedCase(
    "a TensorBoard file with a flipped bit",
    (run) => flipBit(run),
    (run) => readEventFile(join(run, eventFile(run))),
    "tensorboard/broken-record",
    ["checksum"],
  ),
  storedCase(
    "a new run in the folder of another",
    () => undefined,
    (run) => RunRecorder.create(run, structuredClone(manifest), () => undefined),
    "run/exists",
    ["already a run"],
  ),
  storedCase(
    "a run that another process writes",
    (run) =>
      writeFileSync(join(run, "writer.lock"), JSON.stringify({ pid: process.ppid, started: null, host: hostname() })),
    (run) =>
      RunRecorder.reopen(
        run,
        () => ({ finishedStages: [], stage: null, step: 0 }),
        () => undefined,
      ),
    "run/locked",
    ["process", "Stop that process"],
  ),
  {
    name: "a runs folder that is a file",
    make: (context) => put(context, "runs", "a file"),
    act: (context) => train(tinyExperiment(context), {}),
    code: "checkpoint/unwritable",
    says: ["runs"],
  },
  {
    name: "a runs folder that may not be written",
    make: ({ folder }) => mkdirSync(join(folder, "runs"), { mode: 0o555 }),
    act: (context) => withoutRoot(() => train(tinyExperiment(context), {})),
    code: "checkpoint/unwritable",
    says: ["runs", "EACCES"],
  },
  {
    name: "a new run without configuration",
    act: () => train(null, {}),
    code: "run/no-config",
    says: ["configuration"],
    nowhere: true,
  },
  {
    name: "a resumed run that nobody knows",
    act: ({ folder }) => train(null, { resume: "2099", runsFolder: folder }),
    code: "run/unknown",
    says: ["2099"],
  },
  trainCase(
    "a training without its model",
    ({ folder }) => ({ model: { base: join(folder, "none") } }),
    "model/missing-config",
    ["config.json"],
  ),
  trainCase(
    "a training on pictures that are not there",
    ({ folder }) => ({ data: { train: { kind: "folder", path: join(folder, "none") } } }),
    "data/missing-file",
    ["annotations.jsonl"],
  ),
  trainCase(
    "a training on categories that are not there",
    () => ({ data: { train: { kind: "synth", seed: 1, count: 4, size: 42, categories: ["zebra"] } } }),
    "data/no-category",
    ["zebra"],
  ),
  trainCase(
    "a training with a reward that does not exist",
    () => ({ stages: { scGrpo: { rewards: [{ name: "iad-r1/nothing" }] } } }),
    "reward/unknown-name",
    ["iad-r1/nothing"],
  ),
  trainCase(
    "a training whose adapter targets nothing",
    () => ({ stages: { paSft: { trainable: "lora", lora: { targets: ["zebra"] } } } }),
    "model/config-value",
    ["target"],
  ),
  trainCase(
    "a training that diverges",
    () => ({
      stages: { paSft: { trainable: "lora", steps: 9, gradientAccumulation: 1, learningRate: 1e30, warmupSteps: 0 } },
    }),
    "train/diverged",
    ["finite"],
  ),
  trainCase(
    "a training whose prompts are longer than allowed",
    () => ({ stages: { paSft: { trainable: "lora", steps: 1, maxLength: 8 } } }),
    "train/prompt-too-long",
    ["8"],
  ),
  resumeCase(
    "a resumed run whose manifest was edited",
    edit("run.json", (json) => {
      json.config.stages.paSft.learningRate = 1;
    }),
    brokenManifest,
    ["config"],
  ),
  resumeCase(
    "a resumed run whose configuration is gone",
    edit("run.json", (json) => {
      json.config = null;
    }),
    brokenManifest,
    ["config"],
  ),
  resumeCase(
    "a resumed run whose optimiser is cut off",
    (run) => truncateSync(join(run, newest, "optimizer.safetensors"), 5000),
    "model/truncated-weights",
    ["optimizer.safetensors"],
  ),
  resumeCase(
    "a resumed run without its optimiser",
    (run) => rmSync(join(run, newest, "optimizer.safetensors")),
    "model/missing-weights",
    ["optimizer.safetensors"],
  ),
  resumeCase(
    "a resumed run whose optimiser is another's",
    (run, { fixtures }) =>
      cpSync(
        join(fixtures, "vlm/llava-onevision/adapter_model.safetensors"),
        join(run, newest, "optimizer.safetensors"),
      ),
    "checkpoint/optimizer",
    ["optimizer.safetensors"],
  ),
  resumeCase(
    "a resumed run whose adapter is cut off",
    (run) => truncateSync(join(run, newest, "adapter_model.safetensors"), 5000),
    "model/truncated-weights",
    ["adapter_model.safetensors"],
  ),
  resumeCase(
    "a resumed run whose adapter is of another rank",
    edit(`${newest}/adapter_config.json`, (json) => {
      json.r = 3;
    }),
    "model/tensor-shape",
    ["3"],
  ),
  {
    name: "a resumed run whose model has changed",
    make: async (context) => {
      const base = copyCheckpoint(context);
      const stop = new AbortController();
      const config = tinyExperiment(context, { model: { base } });
      const run = await train(config, {
        signal: stop.signal,
        onEvent: (event) => void (event.type === "scalars" && stop.abort()),
      });
      editJson(join(base, "generation_config.json"), (json) => {
        json.top_k = 7;
      });
      return run;
    },
    act: (_, run) => train(null, { resume: run as string }),
    code: "run/changed",
    says: ["the model"],
  },
  {
    name: "a resumed run that was complete",
    make: (context) => train(tinyExperiment(context), {}),
    act: (_, run) => train(null, { resume: run as string }),
    code: "run/completed",
    says: ["complete"],
  },
  {
    name: "a model whose weights are not numbers",
    make: (context) => {
      fillWithNaN(join(copyCheckpoint(context), "model.safetensors"));
      put(context, "part.png", soundPng());
    },
    act: ({ folder }) => inspectPart(folder, null),
    code: "generate/not-finite",
    says: ["NaN"],
    nowhere: true,
  },
  {
    name: "an adapter whose weights are infinite",
    make: (context) => {
      copyCheckpoint(context);
      const path = join(copyAdapter(context), "adapter_model.safetensors");
      const bytes = readFileSync(path);
      new Float32Array(bytes.buffer, bytes.byteOffset + dataStart(bytes), 1000).fill(Number.POSITIVE_INFINITY);
      writeFileSync(path, bytes);
      put(context, "part.png", soundPng());
    },
    act: ({ folder }) => inspectPart(folder, join(folder, "adapter")),
    code: "generate/not-finite",
    says: ["NaN"],
    nowhere: true,
  },
];

async function inspectPart(folder: string, adapter: string | null): Promise<unknown> {
  const inspector = await openInspector({ model: { base: join(folder, "model"), adapter }, device: "cpu", threads: 1 });
  try {
    return (await inspector.inspect({ image: join(folder, "part.png"), maxNewTokens: 4 })).text;
  } finally {
    await inspector.dispose();
  }
}

function dataStart(bytes: Buffer): number {
  return 8 + Number(bytes.readBigUInt64LE());
}

/** The data of the fixture starts at a multiple of 4. */
function fillWithNaN(path: string): void {
  const bytes = readFileSync(path);
  const start = dataStart(bytes);
  for (let at = start; at + 4 <= bytes.length; at += 4) bytes.writeFloatLE(Number.NaN, at);
  writeFileSync(path, bytes);
}

function eventFile(run: string): string {
  return readdirSync(run).find((name) => name.startsWith("events.out.tfevents"))!;
}

function flipBit(run: string): void {
  const path = join(run, eventFile(run));
  const bytes = readFileSync(path);
  bytes[bytes.length - 8]! ^= 1;
  writeFileSync(path, bytes);
}

/** What a reader sees of a run: state, lines of the journal, points. */
function seen(run: string): unknown {
  const stored = openRun(run);
  return [stored.manifest.state, stored.events().length, stored.scalars().map(({ values }) => values.length)];
}

export const oddRuns: HarmlessCase[] = [
  { name: "an untouched run", make: recordedRun, act: (_, run) => seen(run as string), gives: ["stopped", 5, [3]] },
  {
    name: "a run whose journal and points were cut off by a crash",
    make: (context) => {
      const run = recordedRun(context);
      const journal = readFileSync(join(run, "events.jsonl"));
      truncateSync(join(run, "events.jsonl"), journal.length - 10);
      truncateSync(join(run, "scalars.bin"), 2 * 24 + 7);
      return run;
    },
    act: (_, run) => seen(run as string),
    gives: ["stopped", 4, [2]],
  },
  {
    name: "a run with a damaged line in its journal and a strange column in its points",
    make: (context) => {
      const run = recordedRun(context);
      const lines = readFileSync(join(run, "events.jsonl"), "utf8").split("\n");
      lines[1] = "{\u0000 not json";
      writeFileSync(join(run, "events.jsonl"), lines.join("\n"));
      const points = readFileSync(join(run, "scalars.bin"));
      points.writeUInt32LE(4_000_000_000, 24);
      writeFileSync(join(run, "scalars.bin"), points);
      return run;
    },
    act: (_, run) => seen(run as string),
    gives: ["stopped", 4, [2]],
  },
  {
    name: "a runs folder with files and folders that are no runs",
    make: (context) => {
      const run = recordedRun(context);
      const runs = join(run, "..");
      writeFileSync(join(runs, "notes.txt"), "x");
      mkdirSync(join(runs, "broken"));
      writeFileSync(join(runs, "broken/run.json"), "{");
      symlinkSync(join(runs, "loop"), join(runs, "loop"));
      return runs;
    },
    act: (_, runs) => listRuns(runs as string).map(({ id }) => id),
    gives: [manifest.id],
  },
  {
    name: "a resumed run with half a checkpoint from a crash",
    make: async (context) => {
      const run = await stoppedRun(context);
      writeFileSync(join(run, newest, "trainer_state.json"), '{"format": "iad-r1/tr');
      return run;
    },
    act: async (_, run) => readdirSync(join(await train(null, { resume: run as string }), "checkpoints")).at(-1),
    gives: "step-000003",
  },
];
