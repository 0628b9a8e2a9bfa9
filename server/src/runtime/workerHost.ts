/**
 * The far side of a worker: answers calls one at a time, in order, in a thread or process of its own. Runs block this side
 * and nothing else; between two runs it hears that a call was cancelled. The near side is workerClient.ts.
 */
import { parentPort } from "node:worker_threads";
import { CancelledError, InternalError } from "@iad-r1/models/errors";
import { encodeError, type FromWorker, type ToWorker } from "./workerMessages";

/** Methods of a worker by name: what they take, what they give, what they tell on the way. */
export type Methods = { [method: string]: { params: unknown; result: unknown; event: unknown } };

export interface CallContext<E> {
  /** Look at it between steps; aborted when the caller does not want the result any more. */
  readonly signal: AbortSignal;
  /** Tells the caller something before the result is there. */
  emit(event: E): void;
}

/** What a worker owns and can do with it. Everything that crosses must survive structured cloning. */
export interface Host<M extends Methods> {
  readonly methods: {
    readonly [K in keyof M]: (params: M[K]["params"], context: CallContext<M[K]["event"]>) => Promise<M[K]["result"]>;
  };
  /** Gives back sessions and memory. */
  dispose?(): Promise<void>;
}

export type CreateHost<M extends Methods, I> = (init: I) => Promise<Host<M>>;

/** The wire as one side sees it. */
export interface HostPort {
  send(message: FromWorker): void;
  onMessage(listener: (message: ToWorker) => void): void;
  /** Ends the worker after `dispose` or a failed start. */
  close(): void;
}

/** Makes this thread or process a worker; the last line of an entry point such as `generatorWorker.ts`. */
export function serveHost<M extends Methods, I>(createHost: CreateHost<M, I>): void {
  serveHostOn(processPort(), createHost);
}

/** The same over any wire. */
export function serveHostOn<M extends Methods, I>(port: HostPort, createHost: CreateHost<M, I>): void {
  const calls = new Map<number, AbortController>();
  let host: Host<M> | undefined;
  /** Ends when everything asked for so far is answered. */
  let queue: Promise<void> = Promise.resolve();

  const start = async (init: unknown) => {
    try {
      host = await createHost(init as I);
      port.send({ kind: "ready" });
    } catch (error) {
      port.send({ kind: "failed", error: encodeError(error) });
      port.close();
    }
  };

  const answer = async (id: number, name: string, params: unknown, controller: AbortController) => {
    try {
      if (controller.signal.aborted) throw new CancelledError();
      const method = host !== undefined && Object.hasOwn(host.methods, name) ? host.methods[name] : undefined;
      if (method === undefined) throw new InternalError("internal/worker-method", `The worker has no method ${name}.`);
      const emit = (event: unknown) => port.send({ kind: "event", id, event });
      port.send({ kind: "result", id, result: await method(params, { signal: controller.signal, emit }) });
    } catch (error) {
      const cancelled = controller.signal.aborted && error === controller.signal.reason;
      port.send({ kind: "error", id, error: encodeError(cancelled ? new CancelledError() : error) });
    } finally {
      calls.delete(id);
    }
  };

  const dispose = async () => {
    try {
      await host?.dispose?.();
    } finally {
      port.send({ kind: "disposed" });
      port.close();
    }
  };

  port.onMessage((message) => {
    switch (message.kind) {
      case "start":
        queue = start(message.init);
        break;
      case "call": {
        const controller = new AbortController();
        calls.set(message.id, controller);
        queue = queue.then(() => answer(message.id, message.method, message.params, controller));
        break;
      }
      case "cancel":
        calls.get(message.id)?.abort();
        break;
      case "dispose":
        for (const controller of calls.values()) controller.abort();
        queue = queue.then(dispose);
        break;
    }
  });
}

/** The wire of this thread or child process. */
function processPort(): HostPort {
  const port = parentPort;
  if (port !== null) {
    return {
      send: (message) => port.postMessage(message),
      onMessage: (listener) => port.on("message", listener),
      close: () => port.close(),
    };
  }
  if (process.send === undefined) throw new InternalError("internal/worker", "This entry point is started by others.");
  // Nobody is left to answer. Leaves without unloading drivers, some of which crash when they are.
  process.once("disconnect", () => process.exit(0));
  return {
    send: (message) => process.send!(message),
    onMessage: (listener) => process.on("message", (message) => listener(message as ToWorker)),
    close: () => process.disconnect(),
  };
}
