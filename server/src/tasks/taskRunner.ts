/**
 * The near side of the task workers. Three lanes, started when first needed: quick tasks in a thread, and those that take long or load native
 * code in processes, pictures to be shown in one of their own, so that none waits for the other and a crash fails only the task that
 * caused it.
 */
import { WorkerError } from "@iad-r1/models/errors";
import { entryPath } from "../runtime/entry";
import { startWorker, type WorkerClient } from "../runtime/workerClient";
import type { TaskName, TaskTypes } from "./tasks";
import type { TaskMethods } from "./taskWorker";

type Lane = "quick" | "slow" | "pictures";

const laneOf: Readonly<Record<TaskName, Lane>> = {
  doctor: "slow",
  preflight: "slow",
  estimate: "slow",
  createSample: "slow",
  exportRun: "slow",
  importRun: "slow",
  parseConfig: "quick",
  overrideConfig: "quick",
  composeConfig: "quick",
  projectLeaks: "slow",
  diagnostics: "slow",
  importData: "slow",
  pictureAsPng: "pictures",
  dataOverview: "quick",
  projectData: "quick",
  findSample: "quick",
  dataPage: "quick",
  saveSample: "quick",
  runDetails: "quick",
  compareRuns: "quick",
  rolloutPicture: "slow",
  samples: "quick",
};

export interface TaskRunnerOptions {
  /** Entry of the workers; that of this installation when left out. */
  entry?: string;
  onLog?: (text: string) => void;
}

export class TaskRunner {
  private readonly lanes = new Map<Lane, Promise<WorkerClient<TaskMethods>>>();

  constructor(private readonly options: TaskRunnerOptions = {}) {}

  /** Tasks of a lane are done one after another. @throws what the task throws, WorkerError, CancelledError */
  async run<K extends TaskName>(
    name: K,
    params: TaskTypes[K]["params"],
    signal?: AbortSignal,
  ): Promise<TaskTypes[K]["result"]> {
    const lane = laneOf[name];
    const client = await this.open(lane);
    try {
      return await client.call(name, params as never, signal === undefined ? {} : { signal });
    } catch (error) {
      // The next task starts the worker anew.
      if (WorkerError.is(error, "worker/crashed")) this.lanes.delete(lane);
      throw error;
    }
  }

  async dispose(): Promise<void> {
    const all = [...this.lanes.values()];
    this.lanes.clear();
    await Promise.all(all.map((client) => client.then((one) => one.dispose()).catch(() => undefined)));
  }

  private open(lane: Lane): Promise<WorkerClient<TaskMethods>> {
    const known = this.lanes.get(lane);
    if (known !== undefined) return known;
    const { entry = entryPath("taskWorker"), onLog } = this.options;
    const started = startWorker<TaskMethods, null>(
      { isolation: lane === "quick" ? "thread" : "process", entry },
      { name: `The ${lane} task worker`, init: null, graceMs: 5_000, ...(onLog !== undefined && { onLog }) },
    );
    this.lanes.set(lane, started);
    started
      .then((client) => client.closed)
      .then(() => this.forget(lane, started))
      .catch(() => this.forget(lane, started));
    return started;
  }

  private forget(lane: Lane, client: Promise<WorkerClient<TaskMethods>>): void {
    if (this.lanes.get(lane) === client) this.lanes.delete(lane);
  }
}
