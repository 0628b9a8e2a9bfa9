/**
 * All runs of some folders: starts them in processes of their own, steers them, follows what they write, and tells listeners. It holds no
 * truth of its own: what is here comes from the run folders, so a manager that starts later, or a second one, knows the same. What
 * a run does is postTrain.ts.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CheckpointError, ConfigError, formatError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import type { ModelReference, RunKind, RunListing } from "@iad-r1/protocol/runs";
import type { ExperimentConfig } from "../config/experiment";
import { CheckpointStore } from "./checkpoints";
import { writeWish } from "./control";
import { RunFollower, type RunChanges } from "./follow";
import { isFinal } from "./listing";
import { checkpointModel, newRunId, prepareRun } from "./postTrain";
import { deathReason, launchRun, type RunProcess, sealDeadRun } from "./process";
import { lockingProcess } from "./writerLock";

export interface RunManagerOptions {
  /** Folders of run folders; more can be added. */
  folders?: readonly string[];
  /** Entry of the run process; that of this installation when left out. */
  entry?: string;
  /** How often the files of living runs are looked at; default 200 ms. */
  lookEveryMs?: number;
  /** A run changed: its events and points are in the follower. */
  onChange?: (run: RunFollower, changes: RunChanges) => void;
  onRemove?: (id: string) => void;
  /** Something went wrong with one run; the others go on. */
  onProblem?: (message: string) => void;
}

/** How often folders are looked through for runs that others made. */
const scanEveryMs = 2_000;
/** A process that writes nothing for so long after it was started will not. */
const startGraceMs = 30_000;
/** How long a run without a process is left to whoever started it. */
const orphanGraceMs = 1_500;

export class RunManager {
  private readonly folders = new Set<string>();
  private readonly runs = new Map<string, RunFollower>();
  /** Processes that this manager started and that have not ended. */
  private readonly processes = new Map<string, RunProcess>();
  /** Runs whose process is being started: a second one is not. */
  private readonly starting = new Set<string>();
  /** Since when a run has no process; who started it knows more about its end and comes first. */
  private readonly orphanedMs = new Map<string, number>();
  private readonly complained = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private scannedMs = 0;
  private hasNewFolders = true;
  private looking: Promise<void> = Promise.resolve();
  private disposed = false;

  constructor(private readonly options: RunManagerOptions = {}) {
    for (const folder of options.folders ?? []) this.folders.add(resolve(folder));
    this.schedule();
  }

  addFolder(folder: string): void {
    if (this.folders.has(resolve(folder))) return;
    this.folders.add(resolve(folder));
    this.scannedMs = 0;
    this.hasNewFolders = true;
  }

  get runsFolders(): string[] {
    return [...this.folders];
  }

  /** All runs, newest first, as far as they have been looked at. */
  list(): RunListing[] {
    return [...this.runs.values()]
      .flatMap((run) => run.listing ?? [])
      .sort((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? 1 : -1));
  }

  /** @throws CheckpointError `run/unknown` */
  get(id: string): RunFollower {
    const run = this.runs.get(id);
    if (run !== undefined) return run;
    throw new CheckpointError("run/unknown", `There is no run ${id}.`, {
      where: this.runsFolders.join(", "),
      hint: "Look at the list of runs: it may have been deleted.",
    });
  }

  /** Resolves when all folders that are known now have been looked through. */
  async scanned(): Promise<void> {
    if (this.hasNewFolders) await this.refresh();
  }

  /** Looks at everything now: folders, files, processes. */
  refresh(): Promise<void> {
    this.scannedMs = 0;
    return this.look();
  }

  /**
   * Makes a run and starts its process.
   *
   * @returns its id; it is in the list when this returns
   */
  async start(
    kind: RunKind,
    config: ExperimentConfig,
    options: { id?: string; configFile?: string } = {},
  ): Promise<string> {
    return this.begin(prepareRun(kind, config, options));
  }

  /** Ends a run after its step or at once. One that has ended stays as it is. */
  async stop(id: string, when: "after-step" | "now"): Promise<void> {
    const run = this.get(id);
    if (this.isOver(id)) return;
    if (when === "after-step") {
      writeWish(run.folder, "stop");
      return;
    }
    writeWish(run.folder, "end");
    const own = this.processes.get(id);
    const pid = lockingProcess(join(run.folder, "writer.lock")) ?? own?.pid;
    if (pid !== undefined) killProcess(pid);
    await (own?.exited ?? untilUnlocked(run.folder));
    sealDeadRun(run.folder, null);
    await this.look();
  }

  /** @throws CheckpointError `run/not-running` */
  pause(id: string): void {
    const run = this.get(id);
    if (this.isOver(id)) throw notRunning(id, "paused");
    writeWish(run.folder, "pause");
  }

  /**
   * Goes on with a paused run, or starts one that has ended again at its last checkpoint.
   *
   * @param options.exchangeRewards reads the reward files anew, so that a fixed version takes the place of the old one
   * @throws CheckpointError `run/completed`, `run/running`
   */
  async resume(id: string, { exchangeRewards = false }: { exchangeRewards?: boolean } = {}): Promise<void> {
    const run = this.get(id);
    const state = run.listing?.state;
    if (state === "completed") {
      throw new CheckpointError("run/completed", `Run ${id} is already complete.`, {
        where: run.folder,
        hint: "Fork it from a checkpoint, or start a new run with more steps, to train further.",
      });
    }
    if (this.isOver(id)) await this.begin(run.folder, exchangeRewards);
    else writeWish(run.folder, "run", { exchangeRewards });
  }

  /**
   * Makes a new run that starts from a checkpoint, which is copied into it.
   *
   * @param change gives the configuration of the new run from that of the old one and its model
   * @throws CheckpointError `checkpoint/missing`
   */
  async fork(
    id: string,
    checkpoint: string,
    change: (old: { config: ExperimentConfig; kind: RunKind }) => { config: ExperimentConfig; kind: RunKind },
  ): Promise<string> {
    const run = this.get(id);
    const stored = new CheckpointStore(run.folder).list().find(({ path }) => path === checkpoint);
    if (stored === undefined || run.manifest === null) {
      throw new CheckpointError("checkpoint/missing", `Run ${id} has no checkpoint ${checkpoint}.`, {
        where: run.folder,
        hint: "It was deleted to save space, or never written; choose another one.",
      });
    }
    const manifest = run.manifest;
    const { config, kind } = change({ config: manifest.config as ExperimentConfig, kind: manifest.kind });
    const newId = newRunId(config.project);
    const folder = join(resolve(config.output), newId);
    try {
      const model = checkpointModel(run.folder, manifest, stored.state.stage, stored.folder);
      const own = await copyInside(run.folder, model, join(folder, "models"));
      prepareRun(
        kind,
        { ...config, model: own },
        {
          ...{ id: newId, lineage: { run: id, checkpoint } },
          ...(manifest.configFile !== null && { configFile: manifest.configFile }),
        },
      );
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return this.begin(folder);
  }

  /** Deletes the folder of a run that has ended. @throws CheckpointError `run/running` */
  async remove(id: string): Promise<void> {
    const run = this.get(id);
    if (!this.isOver(id)) {
      throw new CheckpointError("run/running", `Run ${id} has not ended.`, {
        where: run.folder,
        hint: "Stop it first.",
      });
    }
    await rm(run.folder, { recursive: true, force: true });
    this.forget(id);
  }

  /** Resolves when a run has a final state; at once when it has one. */
  async ended(id: string): Promise<RunListing> {
    for (;;) {
      await this.look();
      const run = this.get(id);
      if (this.isOver(id)) return run.listing!;
      await new Promise((resolve) => setTimeout(resolve, this.options.lookEveryMs ?? 200));
    }
  }

  /** Stops looking. Runs go on. */
  dispose(): void {
    this.disposed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  /** No process of ours works on it, and it has its final event; while its process starts, the old state still stands there. */
  private isOver(id: string): boolean {
    const state = this.runs.get(id)?.listing?.state;
    return state !== undefined && isFinal(state) && !this.processes.has(id) && !this.starting.has(id);
  }

  private async begin(folder: string, exchangeRewards = false): Promise<string> {
    const id = basename(folder);
    this.addFolder(dirname(folder));
    this.adopt(id, folder);
    this.starting.add(id);
    let started: RunProcess;
    try {
      started = await launchRun(folder, { entry: this.options.entry, exchangeRewards });
      this.processes.set(id, started);
    } finally {
      this.starting.delete(id);
    }
    void started.exited.then(async (exit) => {
      this.bury(id, folder, exit);
      this.processes.delete(id);
      await this.look();
    });
    await this.look();
    return id;
  }

  /** The process of a run has ended. */
  private bury(id: string, folder: string, exit: string): void {
    try {
      // The process says nothing into the folder when it could not open the run at all.
      if (sealDeadRun(folder, exit) === null && exit === "exit code 2") {
        this.options.onProblem?.(`Run ${id} did not start: ${deathReason(folder, exit)}.`);
      }
    } catch (error) {
      this.options.onProblem?.(`Run ${id}: ${formatError(error)}`);
    }
  }

  private adopt(id: string, folder: string): RunFollower {
    const known = this.runs.get(id);
    if (known !== undefined) return known;
    const run = new RunFollower(folder);
    this.runs.set(id, run);
    return run;
  }

  private forget(id: string): void {
    if (this.runs.delete(id)) this.options.onRemove?.(id);
  }

  private schedule(): void {
    if (this.disposed) return;
    this.timer = setTimeout(() => {
      void this.look().finally(() => this.schedule());
    }, this.options.lookEveryMs ?? 200);
    // Following runs is no reason for a command to stay alive.
    this.timer.unref();
  }

  /** One look after the other: a follower must not read twice at once. */
  private look(): Promise<void> {
    this.looking = this.looking.then(() => this.lookNow()).catch((error: unknown) => this.complain("runs", error));
    return this.looking;
  }

  private async lookNow(): Promise<void> {
    const scans = Date.now() - this.scannedMs >= scanEveryMs;
    if (scans) {
      this.scannedMs = Date.now();
      await this.scan();
    }
    const numFolders = this.folders.size;
    for (const [id, run] of this.runs) {
      // Ended runs change only when somebody goes on with them.
      if (!scans && this.isOver(id)) continue;
      await this.lookAt(id, run);
    }
    if (scans && this.folders.size === numFolders) this.hasNewFolders = false;
  }

  private async lookAt(id: string, run: RunFollower): Promise<void> {
    try {
      const changes = await run.look();
      const { events, columns, points, listing } = changes;
      if (events.length > 0 || columns || points || listing) this.options.onChange?.(run, changes);
      if (!run.isOrphan || this.processes.has(id)) {
        this.orphanedMs.delete(id);
        return;
      }
      const since = this.orphanedMs.get(id) ?? Date.now();
      this.orphanedMs.set(id, since);
      // A run that was made and whose process has not got to writing yet looks the same.
      if (Date.now() - since < (run.manifest?.state === "queued" ? startGraceMs : orphanGraceMs)) return;
      run.isGivenUp = true;
      sealDeadRun(run.folder, null);
      this.options.onChange?.(run, await run.look());
    } catch (error) {
      this.complain(id, error);
    }
  }

  private async scan(): Promise<void> {
    // A run that begins meanwhile may lie in a folder that has been read already.
    const before = [...this.runs.keys()];
    const found = new Set<string>();
    for (const folder of this.folders) {
      const names = await readdir(folder).catch(() => [] as string[]);
      for (const name of names) {
        if (name.startsWith(".") || !existsSync(join(folder, name, "run.json"))) continue;
        found.add(name);
        this.adopt(name, join(folder, name));
      }
    }
    for (const id of before) if (!found.has(id) && !this.processes.has(id)) this.forget(id);
  }

  private complain(id: string, error: unknown): void {
    const message = `${id}: ${formatError(error)}`;
    if (this.complained.has(message)) return;
    this.complained.add(message);
    this.options.onProblem?.(message);
  }
}

/** Copies what lies in a run folder, so that the new run does not end with the old one. */
async function copyInside(
  runFolder: string,
  { base, adapter }: ModelReference,
  target: string,
): Promise<ModelReference> {
  const copy = async (path: string, name: string) => {
    if (pathBelow(runFolder, path) === null) return path;
    const to = join(target, name);
    await mkdir(to, { recursive: true });
    const isState = (file: string) => /^(optimizer\.safetensors|trainer_state\.json)$/.test(basename(file));
    await cp(path, to, { recursive: true, filter: (file) => !isState(file) });
    return to;
  };
  return { base: await copy(base, "start"), adapter: adapter === null ? null : await copy(adapter, "start-adapter") };
}

function notRunning(id: string, what: string): CheckpointError {
  return new CheckpointError("run/not-running", `Run ${id} cannot be ${what}: it is not going on.`, {
    hint: "Look at its state in the list of runs.",
  });
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until the lock's process, which was killed, is gone. */
async function untilUnlocked(folder: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (lockingProcess(join(folder, "writer.lock")) !== null && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @throws ConfigError `run/kind` for kinds that have no process of their own */
export function trainingKind(kind: RunKind): "pa-sft" | "sc-grpo" | "post-train" {
  if (kind === "pa-sft" || kind === "sc-grpo" || kind === "post-train") return kind;
  throw new ConfigError("run/kind", `A run of the kind ${kind} cannot be started here.`, {
    hint: "Choose PA-SFT, SC-GRPO or both stages.",
  });
}
