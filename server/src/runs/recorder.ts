/**
 * The pen of a run: every event goes through here, gets its number and time, is written where it belongs (journal, scalars, TensorBoard
 * copy) and is shown to the listeners. It keeps the states in order and sees to it that an attempt ends with exactly one final
 * event. It knows nothing of models or training.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError, CheckpointError, formatError, InternalError } from "@iad-r1/models/errors";
import { asAppError } from "@iad-r1/models/systemError";
import type {
  FinalRunState,
  ModelReference,
  RunEvent,
  RunEventBody,
  RunManifest,
  RunState,
  StagePlan,
  WireError,
} from "@iad-r1/protocol/runs";
import { AlertWatch } from "./alerts";
import { makeFolder, removeLeftovers } from "./durableFile";
import { type Journal, openJournal } from "./journal";
import { readManifest, writeManifest } from "./manifest";
import { ProgressFile } from "./progressFile";
import { openScalars, readScalars, type ScalarWriter } from "./scalars";
import { type EventFileWriter, openEventFile, scalarTag } from "./tensorboard";
import { takeWriterLock, type WriterLock } from "./writerLock";

/** What a run was doing when it was last written to. */
export interface ResumePoint {
  finishedStages: readonly string[];
  /** The stage to go on with and the step of its checkpoint; null and 0 when no stage had begun. */
  stage: string | null;
  step: number;
}

/** Allowed next states. */
const next: Record<RunState, readonly RunState[]> = {
  queued: ["starting", "stopped", "failed"],
  starting: ["running", "stopping", "stopped", "failed"],
  running: ["paused", "stopping", "completed", "failed"],
  paused: ["running", "stopping", "failed"],
  stopping: ["stopped", "completed", "failed"],
  completed: [],
  stopped: [],
  failed: [],
};

const minProgressGapMs = 100;

export class RunRecorder {
  readonly folder: string;
  readonly manifest: RunManifest;
  private readonly lock: WriterLock;
  private readonly journal: Journal;
  private scalars: ScalarWriter;
  private eventFile: EventFileWriter;
  private readonly progress: ProgressFile;
  private readonly alerts: AlertWatch;
  private readonly listeners: readonly ((event: RunEvent) => void)[];
  private seq: number;
  private lastProgress = { stage: "", timeMs: 0, step: -1 };
  private finished = false;

  private constructor(
    folder: string,
    manifest: RunManifest,
    lock: WriterLock,
    keep: ResumePoint | undefined,
    listener: (event: RunEvent) => void,
  ) {
    this.folder = folder;
    this.manifest = manifest;
    this.lock = lock;
    this.listeners = [listener];
    this.alerts = AlertWatch.of(manifest.config);
    removeLeftovers(folder);
    // Of a run that goes on a person may have deleted them to save space.
    for (const name of ["checkpoints", "rollouts"]) {
      makeFolder(join(folder, name));
      removeLeftovers(join(folder, name));
    }
    removeLeftovers(join(folder, "models"));
    this.journal = openJournal(join(folder, "events.jsonl"));
    this.seq = this.journal.lastSeq;
    this.scalars = openScalars(folder, keep);
    this.eventFile = openEventFile(folder, readScalars(folder));
    this.progress = new ProgressFile(folder);
  }

  /**
   * Makes the folder of a new run and announces it as queued.
   *
   * @throws CheckpointError `run/exists` when the folder is taken
   */
  static create(folder: string, manifest: RunManifest, listener: (event: RunEvent) => void): RunRecorder {
    if (existsSync(join(folder, "run.json"))) {
      throw new CheckpointError("run/exists", `There is already a run in ${folder}.`, {
        where: folder,
        hint: "Choose another run id, or go on with the run through --resume.",
      });
    }
    makeFolder(folder);
    const lock = takeWriterLock(join(folder, "writer.lock"));
    writeManifest(folder, manifest);
    const recorder = new RunRecorder(folder, manifest, lock, undefined, listener);
    recorder.emit({ type: "state", state: "queued", attempt: manifest.attempt, reason: null, error: null });
    return recorder;
  }

  /** Makes the folder of a run that another process will do: announced as queued, and let go of. */
  static prepare(folder: string, manifest: RunManifest): void {
    const recorder = RunRecorder.create(folder, manifest, () => undefined);
    recorder.flush();
    recorder.close();
  }

  /**
   * Opens a run for one more attempt, or for its first one when it was only prepared: everything after the resume point goes away.
   *
   * @throws CheckpointError `run/locked`, `run/not-a-run`, `run/broken-manifest`
   */
  static reopen(
    folder: string,
    point: (manifest: RunManifest) => ResumePoint,
    listener: (event: RunEvent) => void,
  ): RunRecorder {
    const lock = takeWriterLock(join(folder, "writer.lock"));
    try {
      const manifest = readManifest(folder);
      const keep = point(manifest);
      // A run that was only prepared begins its first attempt.
      if (manifest.state === "queued" && manifest.attempt === 1)
        return new RunRecorder(folder, manifest, lock, keep, listener);
      const recorder = new RunRecorder(folder, manifest, lock, keep, listener);
      recorder.beginAttempt(`resumed ${placeOf(keep)}`);
      return recorder;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Begins the next attempt in place, for what failed but can go on: no final event, and everything after the resume point goes away.
   *
   * @param reason why the attempt before has ended
   */
  restart(keep: ResumePoint, reason: string): void {
    this.scalars.close();
    this.eventFile.close();
    this.scalars = openScalars(this.folder, keep);
    this.eventFile = openEventFile(this.folder, readScalars(this.folder));
    this.lastProgress = { stage: "", timeMs: 0, step: -1 };
    this.beginAttempt(`${reason} ${placeOf(keep)}`);
  }

  private beginAttempt(reason: string): void {
    this.manifest.attempt += 1;
    this.manifest.state = "queued";
    this.emit({ type: "state", state: "queued", attempt: this.manifest.attempt, reason, error: null });
    this.saveManifest();
  }

  get state(): RunState {
    return this.manifest.state;
  }

  /** Numbers, stores and shows one event. Progress comes through at most ten times a second. */
  emit(body: RunEventBody): void {
    const timeMs = Date.now();
    if (body.type === "progress") {
      const last = this.lastProgress;
      if (body.stage === last.stage && body.step < last.step) return;
      const done = body.step >= body.totalSteps;
      if (!done && body.stage === last.stage && timeMs - last.timeMs < minProgressGapMs) return;
      this.lastProgress = { stage: body.stage, timeMs, step: body.step };
    }
    if (body.type === "scalars") {
      const dropped = this.scalars.append(body.stage, body.step, timeMs, body.values);
      const tags = Object.entries(body.values).map(([name, value]) => [scalarTag(body.stage, name), value] as const);
      this.eventFile.append(body.step, timeMs, Object.fromEntries(tags));
      if (dropped.length > 0) {
        for (const name of dropped) delete body.values[name];
        this.log("warning", "metrics/not-finite", `Step ${body.step}: ${dropped.join(", ")} not finite, left out.`);
      }
    }
    const event = { runId: this.manifest.id, seq: ++this.seq, timeMs, ...body } as RunEvent;
    if (event.type === "progress") this.progress.write(event);
    if (event.type !== "scalars" && event.type !== "progress") {
      this.journal.append(event);
      if (event.type === "state" || event.type === "checkpoint") this.flush();
    }
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch {
        // A view that breaks does not stop the training.
      }
    }
    if (body.type !== "scalars") return;
    for (const alert of this.alerts.check(body.stage, body.step, body.values)) this.emit({ type: "alert", ...alert });
  }

  log(level: "info" | "warning", code: string, message: string): void {
    this.emit({ type: "log", level, code, message });
  }

  /** Moves on to a state that is not final. A state that is already reached or passed is not announced again. */
  enter(state: "starting" | "running" | "paused" | "stopping", reason: string | null = null): void {
    if (!next[this.state].includes(state)) {
      if (state === this.state || (state === "stopping" && this.finished)) return;
      throw new InternalError("run/state", `A run cannot go from ${this.state} to ${state}.`);
    }
    this.manifest.state = state;
    this.emit({ type: "state", state, attempt: this.manifest.attempt, reason, error: null });
    this.saveManifest();
  }

  /** Announces the stages; on a resume those already finished stay finished. */
  announcePlan(plan: StagePlan[]): void {
    this.manifest.plan = plan;
    this.emit({ type: "plan", stages: plan, finished: [...this.manifest.finishedStages] });
    this.saveManifest();
  }

  /** Notes that a stage is over and which model it left. */
  finishStage(stage: string, model: ModelReference): void {
    if (!this.manifest.finishedStages.includes(stage)) this.manifest.finishedStages.push(stage);
    this.manifest.stageModels[stage] = model;
    this.saveManifest();
  }

  saveManifest(): void {
    this.manifest.updatedMs = Date.now();
    writeManifest(this.folder, this.manifest);
  }

  flush(): void {
    this.journal.flush();
    this.scalars.flush();
  }

  /**
   * Ends the attempt: one final event, files closed, lock given back. Further calls do nothing. A disk that is too full for the
   * final event on disk does not keep it from the listeners.
   */
  finish(state: FinalRunState, reason: string | null, error: WireError | null = null): void {
    if (this.finished) return;
    this.finished = true;
    this.manifest.state = state;
    try {
      this.emit({ type: "state", state, attempt: this.manifest.attempt, reason, error });
      this.saveManifest();
      this.flush();
    } catch (failure) {
      const event = {
        ...{ runId: this.manifest.id, seq: this.seq, timeMs: Date.now() },
        ...{
          type: "state" as const,
          state,
          attempt: this.manifest.attempt,
          reason: reason ?? formatError(failure),
          error,
        },
      };
      for (const listener of this.listeners) listener(event);
    } finally {
      this.close();
    }
  }

  private close(): void {
    this.journal.close();
    this.scalars.close();
    this.eventFile.close();
    this.progress.remove();
    this.lock.release();
  }
}

function placeOf({ stage, step }: ResumePoint): string {
  return stage === null ? "from the start" : `at ${stage} step ${step}`;
}

/** An error as plain data. */
export function toWireError(raised: unknown): WireError {
  const error = asAppError(raised);
  if (error instanceof AppError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.where === undefined ? {} : { where: error.where }),
    };
  }
  return { code: "internal", message: formatError(error), hint: "This is a bug; the log has the details." };
}
