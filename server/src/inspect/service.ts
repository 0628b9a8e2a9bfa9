/**
 * Inspections for an editor: each base model in a process of its own, which changes its adapter when a job asks for another; jobs in
 * a queue before it, two models side by side. A model that
 * crashes fails the job it was doing and nothing else; the next job starts it again. Computes nothing itself.
 */
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import type {
  ComputingDevice,
  HeatMapRequest,
  InspectEvent,
  InspectJob,
  InspectJobEvent,
  InspectRequest,
  JobState,
} from "@iad-r1/protocol/inspect";
import type { ModelReference, WireError } from "@iad-r1/protocol/runs";
import { toWireError } from "../runs/recorder";
import { entryPath } from "../runtime/entry";
import { startWorker, type WorkerClient } from "../runtime/workerClient";
import type { InspectMethods, InspectWorkerOptions } from "./inspectWorker";
import { applyEvent, isEnded, JobList, newJob } from "./jobs";

/** A job as the service runs it: names are resolved. */
export type JobRequest =
  | { kind: "inspect"; model: ModelReference; path: string; references: string[]; request: InspectRequest }
  | { kind: "heat-map"; model: ModelReference; path: string; references: string[]; request: HeatMapRequest };

export interface InspectServiceOptions {
  /** Threads of each model; 0 = one per core. */
  threads?: number;
  /** Models in memory at once; default 2. */
  maxModels?: number;
  /** After so long without a job a model leaves the memory; 0 = never. Default 15 minutes. */
  idleMs?: number;
  /** How long a cancelled job may go on before its model is killed; default 10 s. */
  graceMs?: number;
  /** Entry of the model process; that of this installation when left out. */
  entry?: string;
  onEvent?: (job: InspectJob, event: InspectJobEvent) => void;
  onLog?: (text: string) => void;
}

interface QueuedJob {
  job: InspectJob;
  request: JobRequest;
  controller: AbortController;
}

/** One base model: its process when it is in memory, the adapter on it, and what waits for it. */
interface Slot {
  model: ModelReference;
  client: WorkerClient<InspectMethods> | null;
  /** While its process starts: ends it; settles when it is the client or gone. */
  starting: { end: AbortController; ended: Promise<unknown> } | null;
  state: "empty" | "loading" | "ready" | "busy" | "leaving";
  queue: QueuedJob[];
  current: QueuedJob | null;
  usedMs: number;
  idleTimer: NodeJS.Timeout | null;
}

export class InspectService {
  readonly jobs = new JobList();
  private readonly slots = new Map<string, Slot>();
  /** What was said about the device of a loaded model. */
  private readonly said = new WeakMap<object, string>();
  private numJobs = 0;
  private disposed = false;

  constructor(private options: InspectServiceOptions = {}) {}

  /** Takes new limits; models in memory stay as they are. */
  configure(options: Pick<InspectServiceOptions, "threads" | "maxModels" | "idleMs">): void {
    this.options = { ...this.options, ...options };
  }

  /** Puts a job into the queue of its model and returns its name. */
  start(request: JobRequest): string {
    const name = `${Date.now().toString(36)}-${(++this.numJobs).toString(36)}`;
    const job = newJob(request.kind, name, request.model, request.request.image);
    this.jobs.add(job);
    const slot = this.slotOf(request.model);
    const queued: QueuedJob = { job, request, controller: new AbortController() };
    // Before the first that can wait.
    const isBatch = (one: QueuedJob) => one.request.request.priority === "batch";
    const at = isBatch(queued) ? -1 : slot.queue.findIndex(isBatch);
    if (at < 0) slot.queue.push(queued);
    else slot.queue.splice(at, 0, queued);
    this.tellPlaces(slot);
    this.pump();
    return name;
  }

  /** Ends a job where it is. @throws DataError `inspect/unknown-job` */
  cancel(id: string): void {
    const job = this.jobs.get(id);
    if (isEnded(job.state)) return;
    for (const slot of this.slots.values()) {
      const at = slot.queue.findIndex((queued) => queued.job === job);
      if (at >= 0) {
        slot.queue.splice(at, 1);
        this.tellPlaces(slot);
      }
      if (slot.current?.job === job) slot.current.controller.abort();
    }
    // The model may need until the end of its step to notice; the person need not wait for that.
    this.change(job, "cancelled");
  }

  /** Lets one model or all out of the memory; what waits for them is cancelled. */
  async unload(model?: ModelReference): Promise<void> {
    const slots = [...this.slots].filter(([key]) => model === undefined || key === keyOf(model));
    await Promise.all(
      slots.map(([, slot]) => {
        const open = [...slot.queue, slot.current].filter((one) => one !== null && !isEnded(one.job.state));
        const leaving = open.filter((one) => model === undefined || one!.request.model.adapter === model.adapter);
        for (const queued of leaving) this.cancel(queued!.job.job);
        // The base stays for those who wait with another adapter.
        return leaving.length === open.length ? this.empty(slot) : undefined;
      }),
    );
  }

  models(): { reference: ModelReference; state: "loading" | "ready" | "busy"; pid: number | null }[] {
    return [...this.slots.values()].flatMap(({ model, state, client }) =>
      state === "empty" || state === "leaving" ? [] : [{ reference: model, state, pid: client?.pid ?? null }],
    );
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.unload();
  }

  private slotOf(model: ModelReference): Slot {
    const key = keyOf(model);
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = {
        model,
        client: null,
        starting: null,
        state: "empty",
        queue: [],
        current: null,
        usedMs: 0,
        idleTimer: null,
      };
      this.slots.set(key, slot);
    }
    return slot;
  }

  /** Gives every model that can work its next job. */
  private pump(): void {
    if (this.disposed) return;
    for (const slot of this.slots.values()) {
      if (slot.queue.length === 0 || slot.current !== null || slot.state === "leaving") continue;
      if (slot.state === "empty" && !this.makeRoom()) continue;
      slot.current = slot.queue.shift()!;
      this.tellPlaces(slot);
      void this.work(slot, slot.current).finally(() => {
        slot.current = null;
        slot.usedMs = Date.now();
        this.waitForIdle(slot);
        this.pump();
      });
    }
  }

  /** True when one more model may come into memory; else asks the one that was idle longest to leave. */
  private makeRoom(): boolean {
    const held = [...this.slots.values()].filter(({ state }) => state !== "empty");
    if (held.length < (this.options.maxModels ?? 2)) return true;
    const idle = held
      .filter(({ state, current, queue }) => state === "ready" && current === null && queue.length === 0)
      .sort((a, b) => a.usedMs - b.usedMs)[0];
    if (idle !== undefined) void this.empty(idle);
    return false;
  }

  /** Does one job; never rejects. */
  private async work(slot: Slot, { job, request, controller }: QueuedJob): Promise<void> {
    if (slot.idleTimer !== null) clearTimeout(slot.idleTimer);
    try {
      let { client } = slot;
      if (client === null) {
        this.change(job, "loading");
        slot.state = "loading";
        slot.model = request.model;
        client = await this.load(slot);
      } else if (slot.model.adapter !== request.model.adapter) {
        await client.call("useAdapter", { folder: request.model.adapter });
        slot.model = request.model;
      }
      slot.state = "busy";
      if (controller.signal.aborted) throw new CancelledError();
      this.change(job, "running");
      await this.compute(client, job, request, controller.signal);
      this.change(job, "finished");
    } catch (error) {
      // The next job starts the model anew.
      if (WorkerError.is(error, "worker/crashed")) slot.client = null;
      if (CancelledError.is(error) || controller.signal.aborted) this.change(job, "cancelled");
      else this.change(job, "failed", toWireError(error));
    } finally {
      if (slot.state !== "leaving") slot.state = slot.client === null ? "empty" : "ready";
    }
  }

  private async compute(
    client: WorkerClient<InspectMethods>,
    job: InspectJob,
    { path, references, ...rest }: JobRequest,
    signal: AbortSignal,
  ): Promise<void> {
    if (rest.kind === "inspect") {
      const { question, temperature, seed, maxNewTokens, alternatives } = rest.request;
      const params = defined({ image: path, references, question, temperature, seed, maxNewTokens, alternatives });
      const onEvent = (event: InspectEvent) => {
        if (event.type === "started") this.sayDevice(client, event.computes);
        this.tell(job, { type: "inspect", event });
      };
      await client.call("inspect", params, { signal, onEvent });
      return;
    }
    const { question, text, cells } = rest.request;
    const params = defined({ image: path, references, question, text, cells });
    const onEvent = (progress: { done: number; total: number }) =>
      this.tell(job, { type: "heat-map-progress", ...progress });
    this.tell(job, { type: "heat-map", result: await client.call("heatMap", params, { signal, onEvent }) });
  }

  /** Once for a loaded model, and again when its device has failed. */
  private sayDevice(client: object, { device, reason }: ComputingDevice): void {
    if (this.said.get(client) === reason) return;
    this.said.set(client, reason);
    this.options.onLog?.(`A model computes on ${device}: ${reason}.`);
  }

  private load(slot: Slot): Promise<WorkerClient<InspectMethods>> {
    const end = new AbortController();
    const started = this.startModel(slot, end.signal)
      .then((client) => (slot.client = client))
      .finally(() => (slot.starting = null));
    slot.starting = { end, ended: started.catch(() => undefined) };
    return started;
  }

  private async startModel(slot: Slot, signal: AbortSignal): Promise<WorkerClient<InspectMethods>> {
    const { threads = 0, entry, graceMs = 10_000, onLog } = this.options;
    const client = await startWorker<InspectMethods, InspectWorkerOptions>(
      { isolation: "process", entry: entry ?? entryPath("inspectWorker") },
      {
        ...{ name: "The model", init: { model: slot.model, threads, background: true }, graceMs, signal },
        ...(onLog !== undefined && { onLog }),
      },
    );
    void client.closed.then(({ expected, reason }) => {
      if (slot.client !== client) return;
      slot.client = null;
      slot.state = "empty";
      if (!expected) this.options.onLog?.(`A model ended unexpectedly: ${reason}.`);
    });
    return client;
  }

  private async empty(slot: Slot): Promise<void> {
    if (slot.idleTimer !== null) clearTimeout(slot.idleTimer);
    slot.starting?.end.abort();
    await slot.starting?.ended;
    const { client } = slot;
    if (client === null) return;
    slot.state = "leaving";
    await client.dispose();
    slot.client = null;
    slot.state = "empty";
    // Jobs that came meanwhile.
    this.pump();
  }

  private waitForIdle(slot: Slot): void {
    const { idleMs = 15 * 60_000 } = this.options;
    if (slot.idleTimer !== null) clearTimeout(slot.idleTimer);
    if (idleMs === 0 || slot.client === null || slot.queue.length > 0) return;
    slot.idleTimer = setTimeout(() => void this.empty(slot), idleMs);
    slot.idleTimer.unref();
  }

  private tellPlaces(slot: Slot): void {
    const busy = slot.current === null ? 0 : 1;
    for (const [place, { job }] of slot.queue.entries()) {
      if (job.ahead !== place + busy) this.tell(job, { type: "queue", ahead: place + busy });
    }
  }

  private change(job: InspectJob, state: JobState, error: WireError | null = null): void {
    if (!isEnded(job.state)) this.tell(job, { type: "state", state, error });
  }

  private tell(job: InspectJob, event: InspectJobEvent): void {
    // What a cancelled model still says belongs to nobody.
    if (isEnded(job.state)) return;
    applyEvent(job, event);
    this.options.onEvent?.(job, event);
  }
}

function keyOf({ base }: ModelReference): string {
  return base;
}

/** Without the keys that are undefined. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}
