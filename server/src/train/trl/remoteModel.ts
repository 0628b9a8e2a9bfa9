/**
 * The model that learns in a TRL process, as the stage's steps see it. Weights come over as files: to evaluate them here, the process
 * writes them and they are opened like any other checkpoint.
 */
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError, WorkerError } from "@iad-r1/models/errors";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { Trainable } from "../../config/experiment";
import { type ModelParts, withModel } from "../../generate/withModel";
import { makeFolder } from "../../runs/durableFile";
import type { Device } from "../../runtime/devices";
import type { LearningModel } from "../stage";
import type { TrlLink } from "./link";

/** Below a checkpoint: everything that Trainer needs to go on. */
const trainerFolder = "trl";

export interface RemoteModelOptions {
  /** The model the stage started from. */
  start: ModelReference;
  /** The checkpoint it goes on from; null at the start of the stage. */
  resume: string | null;
  trainable: Trainable;
  /** Holds weights between writing and looking. */
  folder: string;
  device: Device;
  threads: number;
}

export class RemoteModel implements LearningModel {
  /** Where the weights of this step lie already: in the checkpoint, or written for an evaluation. */
  private written: string | null;

  constructor(
    private readonly link: TrlLink,
    private readonly options: RemoteModelOptions,
  ) {
    this.written = options.resume;
  }

  /** The process has taken another step. */
  moved(): void {
    this.written = null;
    rmSync(this.waiting, { recursive: true, force: true });
  }

  async opened<T>(use: (parts: ModelParts) => Promise<T>): Promise<T> {
    const { device, threads } = this.options;
    if (this.written === null) await this.write(this.waiting);
    this.written ??= this.waiting;
    return withModel(this.savedReference(this.written), device, threads, use);
  }

  async saveModel(folder: string): Promise<void> {
    if (this.written !== this.waiting) return this.write(folder);
    for (const name of readdirSync(this.waiting)) renameSync(join(this.waiting, name), join(folder, name));
    this.written = null;
  }

  /** Comes with the weights: Trainer writes both. */
  saveOptimizer(): Promise<void> {
    return Promise.resolve();
  }

  savedReference(folder: string): ModelReference {
    const { start, trainable } = this.options;
    return trainable === "lora" ? { base: start.base, adapter: folder } : { base: folder, adapter: null };
  }

  private get waiting(): string {
    return join(this.options.folder, "weights");
  }

  private async write(folder: string): Promise<void> {
    makeFolder(folder);
    this.link.tell({ do: "save", folder });
    const answer = await this.link.hear();
    if (answer.kind !== "saved") {
      throw new WorkerError("trl/protocol", `Expected the TRL process to save, it said "${answer.kind}".`);
    }
  }
}

/**
 * Trainer's part of a checkpoint.
 *
 * @throws CheckpointError `checkpoint/engine`
 */
export function trainerState(checkpoint: string): string {
  const folder = join(checkpoint, trainerFolder);
  if (existsSync(join(folder, "trainer_state.json"))) return folder;
  throw new CheckpointError("checkpoint/engine", "The checkpoint has no state of TRL's trainer to go on from.", {
    where: checkpoint,
    hint: "Resume with the engine the run was started with.",
  });
}
