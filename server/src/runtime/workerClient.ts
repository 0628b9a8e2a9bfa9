/**
 * The near side of a worker: starts it, calls its methods, hears its events, and turns its death into an error of the
 * calls that were waiting and of nothing else. The same client serves a thread, a process and a host in this thread.
 */
import { fork } from "node:child_process";
import { MessageChannel, Worker } from "node:worker_threads";
import { AppError, CancelledError, InternalError, WorkerError } from "@iad-r1/models/errors";
import { lastWords } from "./lastWords";
import { withLargePages } from "./pages";
import { type CreateHost, type Methods, serveHostOn } from "./workerHost";
import { forbidTelemetry } from "./telemetry";
import { decodeError, type FromWorker, type ToWorker } from "./workerMessages";

/**
 * Where a worker runs. A thread is light and dies alone of a JavaScript error or a full heap, but a crash in native code
 * (a graphics driver) takes the process with it; a process survives that too. In "this thread" every run blocks the
 * caller: for run processes that have nothing else to do, and for tests.
 */
export type WorkerPlace<M extends Methods, I> =
  | { readonly isolation: "thread" | "process"; readonly entry: string }
  | { readonly isolation: "none"; readonly createHost: CreateHost<M, I> };

export interface WorkerOptions<I> {
  /** For messages, such as "the generator". */
  readonly name: string;
  /** Handed to the host. */
  readonly init: I;
  /** Until the host must be ready. Default 10 min: large checkpoints on slow disks. */
  readonly startTimeoutMs?: number;
  /** How long a cancelled or disposed worker may go on before it is killed. Default 30 s: one step of a large model. */
  readonly graceMs?: number;
  /** Limit of the JavaScript heap; tensors lie outside of it. */
  readonly heapLimitMiB?: number;
  /** Ends a worker that is not ready yet; `startWorker` then rejects with CancelledError. */
  readonly signal?: AbortSignal;
  /** Gets what the worker prints. Default: standard error, because standard output belongs to the command. */
  readonly onLog?: (text: string) => void;
}

export interface CallOptions<E> {
  /** Asks the call to stop at its next step; it then rejects with CancelledError. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: E) => void;
  /** The call is cancelled and rejects with WorkerError `worker/timeout` when it takes longer. Default: no limit. */
  readonly timeoutMs?: number;
}

/**
 * Starts a worker and waits until its host is ready.
 *
 * @throws whatever creating the host throws, WorkerError `worker/crashed`, `worker/timeout`, CancelledError
 */
export async function startWorker<M extends Methods, I>(
  place: WorkerPlace<M, I>,
  options: WorkerOptions<I>,
): Promise<WorkerClient<M>> {
  const { signal } = options;
  if (signal?.aborted) throw new CancelledError();
  const client = new WorkerClient<M>(options.name, openWire(place, options), options.graceMs ?? 30_000);
  const end = () => client.kill("nobody waits for it any more");
  signal?.addEventListener("abort", end, { once: true });
  try {
    await client.start(options.init, options.startTimeoutMs ?? 600_000);
  } catch (error) {
    if (signal?.aborted) throw new CancelledError(undefined, { cause: error });
    throw error;
  } finally {
    signal?.removeEventListener("abort", end);
  }
  return client;
}

/** How a worker ended. */
export interface WorkerExit {
  /** True after `dispose`. */
  readonly expected: boolean;
  /** One sentence: exit code, signal, last words. */
  readonly reason: string;
}

interface PendingCall {
  readonly what: string;
  readonly onEvent: ((event: never) => void) | undefined;
  settle(outcome: { result: unknown } | { error: AppError }): void;
}

export class WorkerClient<M extends Methods> {
  /** Resolves once, when the worker is gone; never rejects. */
  readonly closed: Promise<WorkerExit>;
  private readonly calls = new Map<number, PendingCall>();
  private nextId = 0;
  private exit: WorkerExit | undefined;
  private disposing = false;
  private reportClosed!: (exit: WorkerExit) => void;
  private reportStarted: ((error: AppError | undefined) => void) | undefined;

  /** Use `startWorker`. */
  constructor(
    readonly name: string,
    private readonly wire: Wire,
    private readonly graceMs: number,
  ) {
    this.closed = new Promise((resolve) => {
      this.reportClosed = resolve;
    });
    wire.onMessage((message) => this.receive(message));
    wire.onExit((reason) => this.ended(reason));
  }

  /** Of a process; null for a thread. */
  get pid(): number | null {
    return this.wire.pid;
  }

  /** Runs a method of the host. Calls are answered one at a time, in the order they were made. */
  async call<K extends keyof M & string>(
    method: K,
    params: M[K]["params"],
    options: CallOptions<M[K]["event"]> = {},
  ): Promise<M[K]["result"]> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted) throw new CancelledError();
    if (this.exit !== undefined) throw this.deathError(`${method} was called`);
    const id = this.nextId++;
    let timedOut = false;
    let grace: NodeJS.Timeout | undefined;
    const cancel = () => {
      this.wire.send({ kind: "cancel", id });
      grace ??= setTimeout(() => this.wire.kill("it did not stop when it was asked to"), this.graceMs);
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            cancel();
          }, timeoutMs);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await new Promise<M[K]["result"]>((resolve, reject) => {
        this.calls.set(id, {
          what: method,
          onEvent: options.onEvent as ((event: never) => void) | undefined,
          settle: (outcome) => ("error" in outcome ? reject(outcome.error) : resolve(outcome.result)),
        });
        try {
          this.wire.send({ kind: "call", id, method, params });
        } catch (cause) {
          throw new InternalError("internal/worker-message", `${method}: its parameters cannot be sent.`, { cause });
        }
      });
    } catch (error) {
      if (timedOut) {
        const message = `${this.name}: ${method} did not finish within ${(timeoutMs ?? 0) / 1000} s.`;
        throw new WorkerError("worker/timeout", message, { cause: error, data: { method, timeoutMs } });
      }
      if (signal?.aborted && AppError.is(error, "worker/crashed"))
        throw new CancelledError(undefined, { cause: error });
      throw error;
    } finally {
      this.calls.delete(id);
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Cancels what runs, lets the host give everything back, and ends the worker; killed when that takes too long. */
  async dispose(): Promise<void> {
    if (this.exit === undefined && !this.disposing) {
      this.disposing = true;
      this.wire.send({ kind: "dispose" });
      const grace = setTimeout(() => this.wire.kill("it did not end when it was asked to"), this.graceMs);
      void this.closed.then(() => clearTimeout(grace));
    }
    await this.closed;
  }

  /** Ends the worker at once; what it was doing is lost, and calls in progress reject. */
  kill(reason: string): void {
    this.wire.kill(reason);
  }

  /** For `startWorker`. */
  async start(init: unknown, timeoutMs: number): Promise<void> {
    const started = new Promise<AppError | undefined>((resolve) => {
      this.reportStarted = resolve;
    });
    const timer = setTimeout(() => {
      const message = `${this.name} was not ready within ${timeoutMs / 1000} s.`;
      this.reportStarted?.(new WorkerError("worker/timeout", message));
      this.wire.kill("it took too long to start");
    }, timeoutMs);
    this.wire.send({ kind: "start", init });
    const error = await started;
    clearTimeout(timer);
    this.reportStarted = undefined;
    if (error !== undefined) throw error;
  }

  private receive(message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        this.reportStarted?.(undefined);
        break;
      case "failed":
        this.disposing = true;
        this.reportStarted?.(decodeError(message.error));
        this.wire.kill("its host could not be created");
        break;
      case "event":
        this.calls.get(message.id)?.onEvent?.(message.event as never);
        break;
      case "result":
        this.calls.get(message.id)?.settle({ result: message.result });
        break;
      case "error":
        this.calls.get(message.id)?.settle({ error: decodeError(message.error) });
        break;
      case "disposed":
        break;
    }
  }

  private ended(reason: string): void {
    if (this.exit !== undefined) return;
    this.exit = { expected: this.disposing, reason };
    this.reportStarted?.(this.deathError("it was ready"));
    for (const { what, settle } of this.calls.values()) {
      settle({ error: this.disposing ? new CancelledError() : this.deathError(`${what} was finished`) });
    }
    this.reportClosed(this.exit);
  }

  private deathError(before: string): WorkerError {
    const reason = this.exit?.reason ?? "unknown reason";
    return new WorkerError("worker/crashed", `${this.name} ended before ${before}: ${reason}.`, {
      hint: "Try again; when it happens again, use a smaller batch or the device cpu.",
      data: { reason },
    });
  }
}

// --- wires ----------------------------------------------------------------------------------------------------------

interface Wire {
  readonly pid: number | null;
  send(message: ToWorker): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** Called once, when the worker is gone. */
  onExit(listener: (reason: string) => void): void;
  kill(reason: string): void;
}

function openWire<M extends Methods, I>(place: WorkerPlace<M, I>, options: WorkerOptions<I>): Wire {
  if (place.isolation === "none") return localWire(place.createHost);
  return place.isolation === "thread" ? threadWire(place.entry, options) : processWire(place.entry, options);
}

function threadWire(entry: string, { name, heapLimitMiB, onLog = printLog }: WorkerOptions<unknown>): Wire {
  forbidTelemetry();
  const worker = new Worker(entry, {
    name,
    stdout: true,
    stderr: true,
    resourceLimits: heapLimitMiB === undefined ? {} : { maxOldGenerationSizeMb: heapLimitMiB },
  });
  for (const stream of [worker.stdout, worker.stderr]) stream.on("data", (chunk) => onLog(String(chunk)));
  let reason: string | undefined;
  worker.on("error", (error: NodeJS.ErrnoException) => {
    reason ??= error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "its heap is full" : error.message;
  });
  return {
    pid: null,
    send: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on("message", listener),
    onExit: (listener) => worker.once("exit", (code) => listener(reason ?? `exit code ${code}`)),
    kill: (why) => {
      reason ??= why;
      void worker.terminate();
    },
  };
}

function processWire(entry: string, { heapLimitMiB, onLog = printLog }: WorkerOptions<unknown>): Wire {
  const child = fork(entry, [], {
    serialization: "advanced",
    env: withLargePages(),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: heapLimitMiB === undefined ? [] : [`--max-old-space-size=${heapLimitMiB}`],
  });
  let printed = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (chunk) => {
      onLog(String(chunk));
      printed = (printed + String(chunk)).slice(-8192);
    });
  }
  let reason: string | undefined;
  child.on("error", (error) => {
    reason ??= error.message;
  });
  return {
    pid: child.pid ?? null,
    // A dead child is reported by its exit; a message that crosses it on the way is not a second failure.
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    onMessage: (listener) => child.on("message", (message) => listener(message as FromWorker)),
    onExit: (listener) =>
      child.once("close", (code, signal) => {
        const words = lastWords(printed);
        listener(reason ?? `${signal ?? `exit code ${code}`}${words === "" ? "" : ` (${words})`}`);
      }),
    kill: (why) => {
      reason ??= why;
      child.kill("SIGKILL");
    },
  };
}

function printLog(text: string): void {
  process.stderr.write(text);
}

/** A host in this thread, behind the same kind of channel, so that what crosses it is cloned as everywhere else. */
function localWire<M extends Methods, I>(createHost: CreateHost<M, I>): Wire {
  const { port1: near, port2: far } = new MessageChannel();
  let reason: string | undefined;
  serveHostOn(
    {
      send: (message) => far.postMessage(message),
      onMessage: (listener) => far.on("message", listener),
      close: () => far.close(),
    },
    createHost,
  );
  return {
    pid: null,
    send: (message) => near.postMessage(message),
    onMessage: (listener) => near.on("message", listener),
    onExit: (listener) => near.once("close", () => listener(reason ?? "it was closed")),
    kill: (why) => {
      reason ??= why;
      near.close();
    },
  };
}
