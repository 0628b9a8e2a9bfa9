/**
 * A disk that is full while something is written. The disk is a real one: a small file system in memory, or, without the right to
 * mount one, a limit on the size of files. Besides the error, what was there before must still be there, and no leftovers.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { adapterParameters, initialAdapter, writeAdapter, writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { writeSafetensors, writeShardedSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { writeDataset } from "@iad-r1/server/data/dataset";
import { writeSynthDataset } from "@iad-r1/server/data/synthDataset";
import type { RunEvent, RunManifest } from "@iad-r1/protocol/runs";
import { CheckpointStore, type TrainerState } from "@iad-r1/server/runs/checkpoints";
import { openJournal } from "@iad-r1/server/runs/journal";
import { writeManifest } from "@iad-r1/server/runs/manifest";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { openScalars } from "@iad-r1/server/runs/scalars";
import type { HostileCase, HostileContext } from "../helpers/hostileCase";
import { tinyExperiment, train } from "./runCases";

const full = "disk/full";

/** Runs `act` in a folder that has room for so many KiB; a limit of the file size is what remains without root. */
async function onSmallDisk<T>(
  { folder }: HostileContext,
  sizeKiB: number,
  fileKiB: number,
  act: (disk: string) => Promise<T> | T,
): Promise<T> {
  const disk = join(folder, "disk");
  mkdirSync(disk, { recursive: true });
  if (mountSmall(disk, sizeKiB)) {
    try {
      return await act(disk);
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  }
  // Without a handler the signal behind the limit would end the process.
  const ignore = () => undefined;
  process.on("SIGXFSZ", ignore);
  limitFileSize(`${fileKiB * 1024}:unlimited`);
  try {
    return await act(disk);
  } finally {
    limitFileSize("unlimited:unlimited");
    process.off("SIGXFSZ", ignore);
  }
}

/** False without the right to mount: for plain users, and for root in most containers. */
function mountSmall(disk: string, sizeKiB: number): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeKiB}k`, "tmpfs", disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function limitFileSize(limit: string): void {
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${limit}`]);
}

/** Names, sizes and contents of everything below a folder. */
function inventory(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return files
    .filter((name) => !name.endsWith("writer.lock"))
    .map((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory()
        ? name
        : `${name} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
    })
    .join("\n");
}

/**
 * A case that writes what is there `before`, then more than fits.
 *
 * @param grows   the old files may have grown (journals), so that only leftovers are looked for
 * @param fileKiB the limit of a single file where there is no small disk; `sizeKiB` when left out
 */
function diskCase(
  name: string,
  sizeKiB: number,
  before: (disk: string, context: HostileContext) => unknown,
  write: (disk: string, context: HostileContext) => unknown,
  options: { grows?: true; fileKiB?: number } = {},
): HostileCase {
  return {
    name,
    act: (context) =>
      onSmallDisk(context, sizeKiB, options.fileKiB ?? sizeKiB, async (disk) => {
        await before(disk, context);
        const old = inventory(disk);
        try {
          await write(disk, context);
        } catch (error) {
          const now = inventory(disk);
          if (!options.grows && now !== old) throw new Error(`the disk changed:\n${old}\n--\n${now}`);
          if (/\.tmp/.test(now)) throw new Error(`a temporary file stayed:\n${now}`);
          throw error;
        }
        throw new Error("everything fitted");
      }),
    code: full,
    says: [/full|EFBIG/, "space"],
  };
}

const nothing = () => undefined;
const megabyte = () => new Float32Array(2 ** 18);
const big = (name: string) => ({ name, dtype: "float32" as const, shape: [2 ** 18], data: megabyte });

async function fixtureModel({ fixtures }: HostileContext) {
  return loadModelDescription(join(fixtures, "vlm/llava-onevision/checkpoint"), {
    adapter: join(fixtures, "vlm/llava-onevision"),
  });
}

const event = (seq: number): RunEvent => ({
  ...{ runId: "r", seq, timeMs: 0, type: "log", level: "info", code: "x" },
  message: "y".repeat(1000),
});

const state: TrainerState = {
  ...{ format: "iad-r1/trainer-state", version: 1, stage: "pa-sft", step: 1, totalSteps: 2, globalStep: 1, epoch: 0 },
  ...{
    samplesSeen: 1,
    numTokens: 1,
    random: { seed: 1, stage: "pa-sft", step: 1 },
    balancedAccuracy: null,
    best: null,
  },
};

const manifest = { id: "r", note: "z".repeat(2 ** 20) } as unknown as RunManifest;

export const diskCases: HostileCase[] = [
  diskCase(
    "a full disk while weights are written",
    256,
    (disk) =>
      writeSafetensors(join(disk, "w.safetensors"), [
        { name: "a", dtype: "float32", shape: [1], data: new Float32Array(1) },
      ]),
    (disk) => writeSafetensors(join(disk, "w.safetensors"), [big("a")]),
  ),
  diskCase("a full disk while the second shard is written", 1200, nothing, async (disk) => {
    try {
      await writeShardedSafetensors(
        disk,
        [big("a"), { ...big("b"), shape: [2 ** 19], data: () => new Float32Array(2 ** 19) }],
        2 ** 20,
      );
    } catch (error) {
      // Shards without an index are no checkpoint; a later attempt replaces them.
      if (existsSync(join(disk, "model.safetensors.index.json"))) throw new Error("there is an index");
      rmSync(join(disk, "model-00001-of-00002.safetensors"), { force: true });
      throw error;
    }
  }),
  diskCase("a full disk while an adapter is written", 48, nothing, async (disk, context) => {
    const { base, adapter } = await fixtureModel(context);
    const values = initialAdapter(adapter!.layout, base.shapes, 1);
    await writeAdapter(join(disk, "."), adapter!.config, adapterParameters(adapter!.layout, base.shapes), values);
  }),
  diskCase("a full disk while a merged checkpoint is written", 256, nothing, async (disk, context) => {
    const { folder, parameters } = await fixtureModel(context);
    await writeFullCheckpoint(join(disk, "."), { source: folder, table: parameters });
  }),
  diskCase(
    "a full disk while a checkpoint's tokenizer is copied",
    552,
    nothing,
    async (disk, context) => {
      const { folder, parameters } = await fixtureModel(context);
      try {
        await writeFullCheckpoint(join(disk, "."), { source: folder, table: parameters });
      } finally {
        for (const name of readdirSync(disk)) rmSync(join(disk, name));
      }
    },
    { grows: true, fileKiB: 256 },
  ),
  diskCase(
    "a full disk while a small file is replaced",
    64,
    (disk) => writeFileAtomically(join(disk, "a.json"), "{}"),
    (disk) => writeFileAtomically(join(disk, "a.json"), "x".repeat(2 ** 18)),
  ),
  diskCase(
    "a full disk while a run's manifest is written",
    64,
    (disk) => writeFileSync(join(disk, "run.json"), "{}"),
    (disk) => writeManifest(disk, manifest),
  ),
  diskCase(
    "a full disk while a journal grows",
    64,
    nothing,
    (disk) => {
      const journal = openJournal(join(disk, "events.jsonl"));
      try {
        for (let seq = 1; seq < 1000; seq++) journal.append(event(seq));
      } catch (error) {
        journal.close();
        // What came before the cut line is whole.
        if (openJournal(join(disk, "events.jsonl")).lastSeq < 20) throw new Error("the journal lost lines");
        throw error;
      }
    },
    { grows: true },
  ),
  {
    name: "a journal on a device that is always full",
    make: ({ folder }) => symlinkSync("/dev/full", join(folder, "events.jsonl")),
    act: ({ folder }) => openJournal(join(folder, "events.jsonl")).append(event(1)),
    code: full,
    says: ["events.jsonl", "ENOSPC"],
  },
  diskCase(
    "a full disk while points are stored",
    64,
    nothing,
    (disk) => {
      const scalars = openScalars(disk);
      try {
        for (let step = 0; step < 10_000; step++) scalars.append("s", step, 0, { loss: 1, reward: 2 });
      } finally {
        scalars.close();
      }
    },
    { grows: true },
  ),
  diskCase(
    "a full disk while a checkpoint of a run is written",
    512,
    (disk) => new CheckpointStore(disk).save(state, (folder) => writeFileSync(join(folder, "a"), "small") as never),
    async (disk) => {
      const store = new CheckpointStore(disk);
      try {
        await store.save({ ...state, step: 2, globalStep: 2 }, (folder) =>
          writeSafetensors(join(folder, "w.safetensors"), [big("a")]),
        );
      } catch (error) {
        const steps = store.list().map((checkpoint) => checkpoint.state.step);
        if (steps.join() !== "1") throw new Error("the older checkpoint is lost");
        throw error;
      }
    },
  ),
  diskCase(
    "a full disk while a run is recorded",
    96,
    nothing,
    (disk) => {
      const states: string[] = [];
      const recorder = RunRecorder.create(join(disk, "run"), { ...manifest, ...{ note: "" }, ...sound() }, (one) => {
        if (one.type === "state") states.push(one.state);
      });
      recorder.enter("starting");
      recorder.enter("running");
      try {
        for (let i = 0; i < 1000; i++) recorder.log("info", "x", "y".repeat(1000));
      } catch (error) {
        recorder.finish("failed", "the disk is full");
        if (states.join() !== "queued,starting,running,failed") throw new Error(`states ${states.join()}`);
        throw error;
      }
    },
    { grows: true },
  ),
  diskCase(
    "a full disk while a training writes its checkpoint",
    160,
    nothing,
    async (disk, context) => {
      const finals: string[] = [];
      try {
        await train(
          { ...tinyExperiment(context), output: disk },
          {
            onEvent: (one) => {
              if (one.type === "state" && ["completed", "stopped", "failed"].includes(one.state))
                finals.push(one.state);
            },
          },
        );
      } catch (error) {
        if (finals.join() !== "failed") throw new Error(`final states: ${finals.join()}`);
        throw error;
      }
    },
    { grows: true, fileKiB: 16 },
  ),
  diskCase(
    "a full disk while synthetic pictures are written",
    128,
    nothing,
    (disk) => writeSynthDataset(join(disk, "set"), { seed: 1, count: 40, size: 64 }),
    { fileKiB: 1 },
  ),
  diskCase(
    "a full disk while a data set is copied",
    96,
    nothing,
    async (disk, context) => {
      const samples = await writeSynthDataset(join(context.folder, "set"), { seed: 1, count: 30, size: 64 });
      await writeDataset(join(disk, "copy"), "folder", samples);
    },
    { grows: true, fileKiB: 1 },
  ),
];

function sound(): RunManifest {
  return {
    ...{ format: "iad-r1/run", version: 1, id: "r", kind: "pa-sft", project: "p", state: "queued", attempt: 1 },
    ...{ createdMs: 1, updatedMs: 1, config: {}, configFile: null, plan: [], finishedStages: [], stageModels: {} },
    hashes: { config: "", code: "", model: "", data: {}, rewards: {} },
    ...{ versions: {}, device: "cpu", threads: 1, lineage: null },
  };
}
