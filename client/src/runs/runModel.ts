/**
 * One run as the dashboard shows it, kept from the stream: all points of all curves, and what its journal says. Functions and one class
 * over plain data; no editor and no connection in here.
 */
import {
  alertKey,
  type CheckpointInfo,
  type RunEvent,
  type RunListing,
  type RunManifest,
  type ScalarColumn,
} from "@iad-r1/protocol/runs";
import { type PointsHeader, pointBytes, type RunDelta, type RunSnapshot } from "@iad-r1/protocol/stream";
import type { DashboardRun, LogLine, RunFinding, SeriesPoints } from "@iad-r1/protocol/webview";

/** Lines of the log that are kept. */
const maxLogLines = 500;

/** What changed since the dashboard was last told. */
export interface RunUpdate {
  /** Fields of the run with new values. */
  fields: Partial<Omit<DashboardRun, "columns" | "log">>;
  log: LogLine[];
  points: SeriesPoints[];
  /** Everything is different: points were taken back, or the journal was read anew. */
  isWhole: boolean;
}

/** A curve that grows: arrays of twice the size when they are full, so that a million points cost a million steps. */
class GrowingColumn {
  private steps = new Float64Array(64);
  private timesMs = new Float64Array(64);
  private values = new Float64Array(64);
  length = 0;

  push(step: number, timeMs: number, value: number): void {
    if (this.length === this.steps.length) {
      this.steps = grow(this.steps);
      this.timesMs = grow(this.timesMs);
      this.values = grow(this.values);
    }
    this.steps[this.length] = step;
    this.timesMs[this.length] = timeMs;
    this.values[this.length] = value;
    this.length++;
  }

  /** A copy of the points from one on; a message must not share memory that goes on growing. */
  from(column: ScalarColumn, from: number): SeriesPoints {
    const start = Math.min(from, this.length);
    return {
      ...{ stage: column.stage, name: column.name, from: start },
      steps: this.steps.slice(start, this.length),
      timesMs: this.timesMs.slice(start, this.length),
      values: this.values.slice(start, this.length),
    };
  }
}

function grow(array: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length);
  larger.set(array);
  return larger;
}

export class RunModel {
  private manifest: RunManifest | null = null;
  private listing: RunListing | null = null;
  private events: RunEvent[] = [];
  private columns: { column: ScalarColumn; points: GrowingColumn; toldLength: number }[] = [];
  private numPoints = 0;
  private generation = 0;
  private checkpoints: CheckpointInfo[] | null = null;
  private log: LogLine[] = [];
  /** Time of the last word about progress, which no journal keeps. */
  private progressMs = 0;

  /** Points that are here, so that they need not come again. */
  get held(): { count: number; generation: number } {
    return { count: this.numPoints, generation: this.generation };
  }

  get isKnown(): boolean {
    return this.manifest !== null && this.listing !== null;
  }

  /** The newest lines of the log. */
  get lines(): readonly LogLine[] {
    return this.log;
  }

  applySnapshot(snapshot: RunSnapshot): RunUpdate {
    if (snapshot.generation !== this.generation) this.forgetPoints(snapshot.generation);
    this.manifest = snapshot.manifest;
    this.listing = snapshot.listing;
    this.events = snapshot.events;
    this.log = snapshot.events.flatMap(logLines).slice(-maxLogLines);
    this.addColumns(snapshot.columns);
    return { fields: {}, log: [], points: [], isWhole: true };
  }

  applyDeltas(deltas: readonly RunDelta[]): RunUpdate {
    const log: LogLine[] = [];
    for (const delta of deltas) {
      switch (delta.type) {
        case "listing":
          this.listing = delta.listing;
          break;
        case "columns":
          this.addColumns(delta.columns);
          break;
        case "event":
          if (delta.event.type === "progress") {
            if (this.listing !== null) this.listing = { ...this.listing, progress: delta.event };
            this.progressMs = delta.event.timeMs;
          } else {
            this.events.push(delta.event);
            log.push(...logLines(delta.event));
          }
      }
    }
    this.log = [...this.log, ...log].slice(-maxLogLines);
    return { fields: this.isKnown ? this.progressFields() : {}, log, points: [], isWhole: false };
  }

  /** Keeps points; what comes twice after a reconnect is left out. */
  applyPoints(header: PointsHeader, points: DataView): RunUpdate {
    const isNewGeneration = header.generation !== this.generation;
    if (isNewGeneration) this.forgetPoints(header.generation);
    const isGap = header.offset > this.numPoints;
    const first = isGap ? header.count : this.numPoints - header.offset;
    for (let i = Math.max(0, first); i < header.count; i++) {
      const at = i * pointBytes;
      const column = this.columns[points.getUint32(at, true)];
      column?.points.push(
        points.getUint32(at + 4, true),
        points.getFloat64(at + 8, true),
        points.getFloat64(at + 16, true),
      );
      this.numPoints++;
    }
    return { fields: {}, log: [], points: isNewGeneration ? [] : this.untold(), isWhole: isNewGeneration };
  }

  setCheckpoints(checkpoints: CheckpointInfo[]): void {
    this.checkpoints = checkpoints;
  }

  series(stage: string, name: string, from: number): SeriesPoints {
    const found = this.columns.find(({ column }) => column.stage === stage && column.name === name);
    return found?.points.from(found.column, from) ?? new GrowingColumn().from({ stage, name }, 0);
  }

  /** File of the answers behind an evaluation, relative to the run folder; null when there was none. */
  answersFile(stage: string, step: number): string | null {
    const found = this.events.findLast(
      (event) => event.type === "evaluation" && event.stage === stage && event.step === step,
    );
    return found?.type === "evaluation" ? found.samplesFile : null;
  }

  /** The whole run; null before the first snapshot. */
  toDashboard(canControl: boolean): DashboardRun | null {
    const { manifest, listing } = this;
    if (manifest === null || listing === null) return null;
    for (const each of this.columns) each.toldLength = each.points.length;
    return {
      id: manifest.id,
      project: manifest.project,
      kind: manifest.kind,
      createdMs: manifest.createdMs,
      canControl,
      device: manifest.device,
      config: manifest.config,
      configFile: manifest.configFile,
      samplesPerStep: samplesPerStep(manifest.config),
      columns: this.columns.map(({ column, points }) => ({ ...column, numPoints: points.length })),
      log: this.log,
      ...this.progressFields(),
    };
  }

  progressFields(): Omit<
    DashboardRun,
    | "id"
    | "project"
    | "kind"
    | "createdMs"
    | "canControl"
    | "device"
    | "config"
    | "configFile"
    | "samplesPerStep"
    | "columns"
    | "log"
  > {
    const listing = this.listing!;
    const states = this.events.filter((event) => event.type === "state");
    return {
      state: listing.state,
      attempt: listing.attempt,
      reason: listing.reason,
      error: states.at(-1)?.error ?? null,
      lastEventMs: Math.max(listing.updatedMs, this.events.at(-1)?.timeMs ?? 0, this.progressMs),
      plan: listing.plan,
      finishedStages: listing.finishedStages,
      progress: listing.progress,
      pauses: pausesOf(this.events),
      evaluations: this.events.flatMap((event) => {
        if (event.type !== "evaluation") return [];
        const { stage, step, label, timeMs, best, report } = event;
        return [{ stage, step, label, timeMs, best, report }];
      }),
      checkpoints: this.checkpointList(),
      rolloutSteps: this.events
        .flatMap((event) => {
          if (event.type !== "rollouts") return [];
          const { stage, step, numRollouts, numGroups, rewardMean, zeroVarianceShare } = event;
          return [{ stage, step, numRollouts, numGroups, rewardMean, zeroVarianceShare }];
        })
        .sort((a, b) => (a.stage < b.stage ? -1 : a.stage > b.stage ? 1 : a.step - b.step)),
      findings: findingsOf(this.events),
      rewardChanges: this.events.flatMap((event) =>
        event.type === "rewards" && event.reason === "exchanged" ? [{ stage: event.stage, step: event.step }] : [],
      ),
      hasOwnRewards: this.events.some(
        (event) => event.type === "rewards" && event.rewards.some(({ file }) => file !== null),
      ),
    };
  }

  /** Those on disk where the server has said which; otherwise all that the journal names. */
  private checkpointList(): DashboardRun["checkpoints"] {
    if (this.checkpoints !== null) {
      return this.checkpoints.map(({ stage, step, path, balancedAccuracy, best, sizeBytes }) => ({
        ...{ stage, step, path, balancedAccuracy, best, sizeBytes },
      }));
    }
    return this.events.flatMap((event) => {
      if (event.type !== "checkpoint") return [];
      const { stage, step, path, balancedAccuracy, best, sizeBytes } = event;
      return [{ stage, step, path, balancedAccuracy, best, sizeBytes }];
    });
  }

  private addColumns(columns: readonly ScalarColumn[]): void {
    for (const column of columns.slice(this.columns.length)) {
      this.columns.push({ column, points: new GrowingColumn(), toldLength: 0 });
    }
  }

  private forgetPoints(generation: number): void {
    this.generation = generation;
    this.numPoints = 0;
    for (const each of this.columns) {
      each.points = new GrowingColumn();
      each.toldLength = 0;
    }
  }

  private untold(): SeriesPoints[] {
    return this.columns.flatMap((each) => {
      if (each.toldLength === each.points.length) return [];
      const points = each.points.from(each.column, each.toldLength);
      each.toldLength = each.points.length;
      return [points];
    });
  }
}

function logLines(event: RunEvent): LogLine[] {
  const { timeMs } = event;
  if (event.type === "log") return [{ timeMs, level: event.level, text: event.message }];
  if (event.type === "state") {
    const level = event.state === "failed" ? "error" : "info";
    return [{ timeMs, level, text: [event.state, event.reason].filter((part) => part !== null).join(": ") }];
  }
  if (event.type === "stage")
    return [{ timeMs, level: "info", text: `${event.stage} ${event.phase} at step ${event.step}` }];
  if (event.type === "checkpoint") return [{ timeMs, level: "info", text: `checkpoint ${event.path}` }];
  if (event.type === "finding") {
    return [{ timeMs, level: "warning", text: `step ${event.step}: ${event.id} ${event.message}` }];
  }
  if (event.type === "alert") {
    return [{ timeMs, level: "warning", text: `${event.stage} step ${event.step}: ${event.message}` }];
  }
  if (event.type === "rewards" && event.reason === "exchanged") {
    return [{ timeMs, level: "info", text: `rewards exchanged after step ${event.step}` }];
  }
  return [];
}

/** Stretches in which the run stood still: paused, or between two attempts. */
export function pausesOf(events: readonly RunEvent[]): [number, number][] {
  const pauses: [number, number][] = [];
  let sinceMs: number | null = null;
  for (const event of events) {
    if (event.type !== "state") continue;
    const stands = ["paused", "stopped", "failed", "completed"].includes(event.state);
    if (stands && sinceMs === null) sinceMs = event.timeMs;
    if (!stands && sinceMs !== null) {
      pauses.push([sinceMs, event.timeMs]);
      sinceMs = null;
    }
  }
  return pauses;
}

/** What the run itself warned of, each kind once with its last words, and why it failed. */
export function findingsOf(events: readonly RunEvent[]): RunFinding[] {
  const byId = new Map<string, RunFinding>();
  for (const event of events) {
    if (event.type === "log" && event.level === "warning") {
      const count = Number(byId.get(event.code)?.evidence.match(/^(\d+) ×/)?.[1] ?? 0) + 1;
      byId.set(event.code, {
        ...{ id: event.code, severity: "warning", title: event.message, evidence: `${count} ×`, cure: null },
        ...{ stage: null, step: null, file: null },
      });
    }
    if (event.type === "finding") {
      const { id, severity, reward, message, stage, step, file } = event;
      byId.set(`${id} ${reward}`, {
        ...{ id, severity: severity === "information" ? "info" : severity, title: `${id}: ${message}` },
        ...{ evidence: reward, cure: null, stage, step, file },
      });
    }
    if (event.type === "alert") {
      const { stage, step, metric, message } = event;
      byId.set(`alert ${alertKey(event)}`, {
        ...{ id: "alert", severity: "warning", title: message, evidence: metric, cure: null, stage, step, file: null },
      });
    }
    // What the old version was blamed for is over.
    if (event.type === "rewards" && event.reason === "exchanged") {
      for (const [key, { id }] of byId) if (/^RW\d+$/.test(id)) byId.delete(key);
    }
    if (event.type === "state") {
      byId.delete("run/failed");
      if (event.state === "failed" && event.error !== null) {
        const { code, message, hint, where } = event.error;
        byId.set("run/failed", {
          ...{ id: code, severity: "error", title: message, evidence: where ?? "", cure: hint ?? null },
          ...{ stage: null, step: null, file: null },
        });
      }
    }
  }
  return [...byId.values()];
}

/** Samples that one optimiser step sees, by stage, as the configuration says. */
export function samplesPerStep(config: unknown): Record<string, number> {
  const stages = (config as { stages?: Record<string, Record<string, unknown>> } | null)?.stages;
  const number = (value: unknown): number | null => (typeof value === "number" && value > 0 ? value : null);
  const batch = number(stages?.paSft?.batchSize);
  const accumulation = number(stages?.paSft?.gradientAccumulation);
  const prompts = number(stages?.scGrpo?.promptsPerStep);
  const iterations = number(stages?.scGrpo?.iterations) ?? 1;
  return {
    ...(batch === null || accumulation === null ? {} : { "pa-sft": batch * accumulation }),
    ...(prompts === null ? {} : { "sc-grpo": prompts / iterations }),
  };
}
