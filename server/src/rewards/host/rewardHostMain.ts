/**
 * Entry of the process that runs TypeScript rewards. The code itself runs in a thread; this side only watches it: time, memory, and
 * where it was when it hung, which it reads from memory that both share. It is started with Node's permission model where there is
 * one, which keeps accidents away from files and other processes. It is no wall against somebody who means harm.
 */
import { Worker } from "node:worker_threads";
import { entryPath } from "../../runtime/entry";
import type { FailedMessage, FromHost, RunMessage, StartMessage, ToHost } from "../user/hostMessages";
import { sharedLayout } from "../user/recording";

const watchEveryMs = 25;
/** A machine can be so busy that code gets no time at all; but not for ever. */
const starvedFactor = 5;
/** Memory outside of the heap (typed arrays) counts too: of the process, above what it had at the start. */
const extraMemoryMb = 256;

const shared = new Int32Array(new SharedArrayBuffer(4 * sharedLayout.length)).fill(-1);
let thread: Worker | null = null;
let running: { wallMs: number; since: number; usedMs: number; what: string } | null = null;
let limitBytes = Number.POSITIVE_INFINITY;
let isOver = false;
const loading = "loading the file";

process.on("message", (message) => receive(message as ToHost));
process.once("disconnect", () => process.exit(0));

function receive(message: ToHost): void {
  if (message.kind === "start") start(message);
  else run(message);
}

function start(message: StartMessage): void {
  limitBytes = process.memoryUsage.rss() + (message.memoryMb + extraMemoryMb) * 2 ** 20;
  begin(loading, message.loadMs);
  const worker = new Worker(entryPath("rewardThreadWorker"), {
    workerData: { start: message, shared: shared.buffer },
    resourceLimits: { maxOldGenerationSizeMb: message.memoryMb, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
    env: message.isImpure ? process.env : {},
    ...{ stdout: true, stderr: true },
  });
  thread = worker;
  // What native code prints is not of interest; it must only not fill a pipe.
  worker.stdout.resume();
  worker.stderr.resume();
  worker.on("message", (reply: FromHost) => {
    if (reply.kind === "batch" && running !== null) begin(running.what, running.wallMs);
    if (reply.kind === "ready" || reply.kind === "result") running = null;
    if (reply.kind === "failed") fail(reply);
    else send(reply);
  });
  worker.on("error", (error: NodeJS.ErrnoException) => {
    const isMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
    fail({
      kind: "failed",
      code: isMemory ? "reward/memory" : "reward/crashed",
      message: isMemory ? `It used more than ${message.memoryMb} MB of memory.` : `It ended with: ${error.message}`,
      ...where(),
    });
  });
  worker.on("exit", (code) => {
    // Node's code for an await outside of functions when nothing is left that could end it.
    const message =
      code === 13 && running?.what === loading
        ? "Loading the file waits for something that never comes: an await outside of functions."
        : `It ended its own process (code ${code}).`;
    fail({ kind: "failed", code: "reward/crashed", message, ...where() });
  });
  setInterval(watch, watchEveryMs);
}

function run(message: RunMessage): void {
  begin("it", message.wallMs);
  thread?.postMessage(message);
}

function begin(what: string, wallMs: number): void {
  running = { what, wallMs, since: performance.now(), usedMs: givenMs() };
}

/** Time that the machine gave to this process: computing, or waiting for something outside. Being kept from computing is not in it. */
function givenMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + (thread?.performance.eventLoopUtilization().idle ?? 0);
}

function watch(): void {
  const isLate =
    running !== null &&
    (performance.now() - running.since > starvedFactor * running.wallMs || givenMs() - running.usedMs > running.wallMs);
  if (running !== null && isLate) {
    fail({
      kind: "failed",
      code: "reward/timeout",
      message: `${running.what} did not end within ${running.wallMs / 1000} s.`,
      ...where(),
    });
  }
  if (process.memoryUsage.rss() > limitBytes) {
    fail({
      kind: "failed",
      code: "reward/memory",
      message: "It used too much memory outside of the heap.",
      ...where(),
    });
  }
}

/** What the thread wrote down last. */
function where(): Pick<FailedMessage, "line" | "siteId" | "row"> {
  const known = (at: number) => (Atomics.load(shared, at) < 0 ? null : Atomics.load(shared, at));
  return { line: null, siteId: known(sharedLayout.lastSite), row: known(sharedLayout.row) };
}

function fail(message: FailedMessage): void {
  if (isOver) return;
  isOver = true;
  // Whoever hears it kills this process; a thread that hangs would keep it from ending by itself.
  send(message);
}

function send(message: FromHost): void {
  process.send?.(message);
}
