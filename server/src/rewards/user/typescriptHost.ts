/** The near side of one process that runs TypeScript rewards: starts it, asks it, kills it. One program version, plain or instrumented. */
import { type ChildProcess, fork } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { CancelledError, RewardError } from "@iad-r1/models/errors";
import { lastWords } from "../../runtime/lastWords";
import { entryPath } from "../../runtime/entry";
import { ownGroup } from "../../runtime/ownGroup";
import type { FailedMessage, FromHost, RunMessage, RunResult, StartMessage } from "./hostMessages";

/** The host sees a time-out itself; when it does not, this much later the whole process is taken for hung. */
const graceMs = 1_500;
/** A process of Node on a busy machine. */
const startMs = 60_000;
/** On a busy machine code gets less time than passes; so much longer than the limit may pass. */
const starvedFactor = 5;

export class HostFailure extends Error {
  constructor(readonly failure: FailedMessage) {
    super(failure.message);
  }
}

export class TypeScriptHost {
  private readonly child: ChildProcess;
  private readonly ready: Promise<void>;
  private waiting: { id: number; resolve(result: RunResult): void; reject(error: unknown): void } | null = null;
  private whenReady: { resolve(): void; reject(error: unknown): void } | null = null;
  private nextId = 0;
  private timer: NodeJS.Timeout | undefined;
  private lastError = "";
  /** Set once it cannot be used any more. */
  private over: Error | null = null;
  private restartTimer: () => void = () => undefined;

  constructor(start: StartMessage) {
    this.child = (start.isImpure ? null : takeSpare()) ?? startProcess(start.isImpure);
    this.child.stderr?.on("data", (chunk) => {
      this.lastError = (this.lastError + String(chunk)).slice(-4096);
    });
    this.ready = new Promise((resolve, reject) => {
      this.whenReady = { resolve, reject };
    });
    // Whoever waits for it hears of a failure; nobody may be waiting.
    this.ready.catch(() => undefined);
    this.child.on("message", (message) => this.receive(message as FromHost));
    this.child.on("error", (error) => this.crashed(error.message));
    this.child.once("close", (code, signal) => {
      const words = lastWords(this.lastError);
      this.crashed(`${signal ?? `exit code ${code}`}${words === "" ? "" : ` (${words})`}`);
    });
    this.arm(startMs + starvedFactor * start.loadMs, "loading the file");
    this.child.send(start, () => undefined);
  }

  get isOver(): boolean {
    return this.over !== null;
  }

  /** @throws HostFailure, CancelledError */
  async run(message: Omit<RunMessage, "kind" | "id">, signal?: AbortSignal): Promise<RunResult> {
    if (signal?.aborted) throw new CancelledError();
    const onAbort = () => this.end(new CancelledError());
    signal?.addEventListener("abort", onAbort, { once: true });
    // While somebody waits, the event loop must not run out.
    this.child.ref();
    this.child.channel?.ref();
    try {
      await this.ready;
      if (this.over !== null) throw this.over;
      const id = this.nextId++;
      return await new Promise<RunResult>((resolve, reject) => {
        this.waiting = { id, resolve, reject };
        this.restartTimer = () => this.arm(starvedFactor * message.wallMs + graceMs, "it");
        this.restartTimer();
        this.child.send({ kind: "run", id, ...message } satisfies RunMessage, () => undefined);
      });
    } finally {
      this.waiting = null;
      clearTimeout(this.timer);
      signal?.removeEventListener("abort", onAbort);
      this.child.unref();
      this.child.channel?.unref();
    }
  }

  /** Ends the process at once and waits until it is gone. */
  async kill(): Promise<void> {
    this.end(new CancelledError());
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      this.child.ref();
      this.child.once("exit", () => resolve());
    });
  }

  private receive(message: FromHost): void {
    switch (message.kind) {
      case "ready":
        clearTimeout(this.timer);
        this.whenReady?.resolve();
        break;
      case "batch":
        this.restartTimer();
        break;
      case "result":
        if (this.waiting?.id === message.id) this.waiting.resolve(message.result);
        break;
      case "failed":
        this.end(new HostFailure(message));
        break;
    }
  }

  private crashed(reason: string): void {
    const message = `It ended its own process: ${reason}.`;
    this.end(new HostFailure({ kind: "failed", code: "reward/crashed", message, line: null, siteId: null, row: null }));
  }

  private arm(ms: number, what: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const message = `${what} did not end within ${ms / 1000} s, and its process did not answer.`;
      this.end(
        new HostFailure({ kind: "failed", code: "reward/timeout", message, line: null, siteId: null, row: null }),
      );
    }, ms);
  }

  private end(error: Error): void {
    if (this.over !== null) return;
    this.over = error;
    clearTimeout(this.timer);
    this.child.kill("SIGKILL");
    this.whenReady?.reject(error);
    this.waiting?.reject(error);
  }
}

function startProcess(isImpure: boolean): ChildProcess {
  const entry = entryPath("rewardHostMain");
  const child = fork(entry, [], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: ["--no-warnings", "--experimental-vm-modules", ...permissions(entry, isImpure)],
    env: isImpure ? process.env : harmlessEnvironment(),
    ...ownGroup,
  });
  child.unref();
  child.channel?.unref();
  (child.stderr as { unref?(): void } | null)?.unref?.();
  return child;
}

// ---- processes that wait for their first code

/** After a process was taken, the next one is started when the machine has had time for the work it was taken for. */
const refillMs = 400;
let numSpares = 0;
let spares: ChildProcess[] = [];
let refill: NodeJS.Timeout | null = null;

/**
 * Keeps so many processes ready, each for one version of pure code: starting one is most of what a person waits for after saving a file. They
 * end with this process, or with a count of 0.
 */
export function keepSpareHosts(count: number): void {
  numSpares = count;
  while (spares.length > count) spares.pop()!.kill("SIGKILL");
  fillUp();
}

function fillUp(): void {
  if (refill !== null) clearTimeout(refill);
  refill = null;
  while (spares.length < numSpares) {
    const child = startProcess(false);
    const forget = () => {
      spares = spares.filter((one) => one !== child);
    };
    child.once("error", forget);
    child.once("exit", forget);
    spares.push(child);
  }
}

function takeSpare(): ChildProcess | null {
  const child = spares.shift() ?? null;
  if (numSpares > 0) refill ??= setTimeout(fillUp, refillMs).unref();
  return child;
}

/**
 * Node's permission model, where this Node has one: the process reads its own program and nothing else, starts no process, writes
 * nothing. The network is closed by it from Node 25 on; before, pure code has no way to ask for it.
 */
function permissions(entry: string, isImpure: boolean): string[] {
  if (isImpure) return [];
  const flag = ["--permission", "--experimental-permission"].find((name) =>
    process.allowedNodeEnvironmentFlags.has(name),
  );
  return flag === undefined
    ? []
    : [flag, `--allow-fs-read=${join(realpathSync(dirname(entry)), "*")}`, "--allow-worker"];
}

function harmlessEnvironment(): NodeJS.ProcessEnv {
  // Windows needs SystemRoot to start anything; an editor runs Node through its own binary.
  const kept = ["ELECTRON_RUN_AS_NODE", "SystemRoot", "PATH", "TZ", "LANG"];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** What a failure of the host means to people. */
export function rewardErrorOf(name: string, file: string, failure: FailedMessage): RewardError {
  const { code, message, line, siteId, row, missingModule = null } = failure;
  const where = line === null ? file : `${file}:${line}`;
  const hints: Record<FailedMessage["code"], string> = {
    "reward/load":
      missingModule === null
        ? "Correct the file; its first lines run when it is loaded."
        : `Install ${missingModule} in the Python that runs rewards (an active virtual environment, else python3), or name another Python in IADR1_PYTHON. Files of the project are looked for beside the reward file.`,
    "reward/timeout":
      "Look for a loop that does not end or a regular expression that tries too much; or allow more time.",
    "reward/memory": "Look for a list that grows without end.",
    "reward/crashed": "A reward returns a number; it must not end the process.",
  };
  const text = code === "reward/load" ? message : `Reward ${name}: ${message}`;
  const at = code === "reward/timeout" && line !== null ? ` It was in line ${line}.` : "";
  return new RewardError(code, text + at, { where, hint: failure.hint ?? hints[code], data: { line, siteId, row } });
}
