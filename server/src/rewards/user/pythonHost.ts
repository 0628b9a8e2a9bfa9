/** The near side of one Python process that runs rewards (`engines/python/iadr1_worker.py`): one JSON message a line, both ways. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { CancelledError, RewardError } from "@iad-r1/models/errors";
import { enginePath } from "../../runtime/engineFile";
import { ownGroup } from "../../runtime/ownGroup";
import { timeGivenTo } from "../../runtime/processTime";
import type { FailedMessage, HostFunction, RunMessage, RunResult } from "./hostMessages";
import type { Site } from "./recording";
import { HostFailure } from "./typescriptHost";

export interface PythonStart {
  kind: "start";
  file: string;
  source: string;
  functions: HostFunction[];
  isImpure: boolean;
  instrument: boolean;
  memoryMb: number;
  loadMs: number;
}

type FromPython =
  | { kind: "ready"; sites: Site[] | null }
  | { kind: "batch"; id: number }
  | { kind: "result"; id: number; result: RunResult }
  | FailedMessage;

/** Asked for it, the worker says at once where it is; so much later it is killed without. */
const graceMs = 1_500;
const startMs = 60_000;
/** On a busy machine code gets less time than passes; so much longer than the limit may pass. */
const starvedFactor = 5;
const watchEveryMs = 50;
/** A line longer than this is no answer of ours. */
const maxLine = 256 * 1024 * 1024;

export class PythonHost {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly ready: Promise<void>;
  private whenReady!: { resolve(): void; reject(error: unknown): void };
  private waiting: { id: number; resolve(result: RunResult): void; reject(error: unknown): void } | null = null;
  private nextId = 0;
  private timer: NodeJS.Timeout | undefined;
  private over: Error | null = null;
  private pieces: string[] = [];
  private size = 0;
  private words = "";
  private isLate = false;
  private restartTimer: () => void = () => undefined;
  private watcher: NodeJS.Timeout | undefined;
  sites: Site[] | null = null;

  constructor(
    private readonly start: PythonStart,
    python: string,
  ) {
    this.child = spawn(python, ["-u", enginePath("python/iadr1_worker.py")], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
      ...ownGroup,
    });
    this.setReferenced(false);
    this.ready = new Promise((resolve, reject) => {
      this.whenReady = { resolve, reject };
    });
    this.ready.catch(() => undefined);
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.receive(text));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.words = (this.words + text).slice(-65_536);
      // The answer may come in pieces, the first of them without a place.
      if (this.isLate && lineOfDump(this.words, this.start.file) !== null) this.child.kill("SIGKILL");
    });
    // A child that is gone is told of by its exit.
    this.child.stdin.on("error", () => undefined);
    this.child.on("error", (cause: NodeJS.ErrnoException) => {
      this.end(
        cause.code === "ENOENT"
          ? new RewardError("reward/no-python", `Python was not found (${python}).`, {
              hint: "Install Python 3.9 or newer, or say where it is in IADR1_PYTHON.",
              cause,
            })
          : new RewardError("reward/no-python", `${python} cannot be started: ${cause.message}.`, {
              hint: "Say which Python to use in IADR1_PYTHON.",
              cause,
            }),
      );
    });
    this.child.once("close", (code, signal) => this.closed(signal ?? `exit code ${code}`));
    this.arm(startMs + starvedFactor * start.loadMs, "loading the file");
    this.watch(start.loadMs);
    this.send(start);
  }

  get isOver(): boolean {
    return this.over !== null;
  }

  /** @throws HostFailure, RewardError `reward/no-python`, CancelledError */
  async run(message: Omit<RunMessage, "kind" | "id">, signal?: AbortSignal): Promise<RunResult> {
    if (signal?.aborted) throw new CancelledError();
    const onAbort = () => this.end(new CancelledError());
    signal?.addEventListener("abort", onAbort, { once: true });
    this.setReferenced(true);
    try {
      await this.ready;
      if (this.over !== null) throw this.over;
      const id = this.nextId++;
      return await new Promise<RunResult>((resolve, reject) => {
        this.waiting = { id, resolve, reject };
        this.restartTimer = () => {
          this.arm(starvedFactor * message.wallMs + graceMs, "it");
          this.watch(message.wallMs);
        };
        this.restartTimer();
        this.send({ kind: "run", id, ...message });
      });
    } finally {
      this.waiting = null;
      clearTimeout(this.timer);
      clearInterval(this.watcher);
      signal?.removeEventListener("abort", onAbort);
      this.setReferenced(false);
    }
  }

  async kill(): Promise<void> {
    this.end(new CancelledError());
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined) return;
    await new Promise<void>((resolve) => {
      this.child.ref();
      this.child.once("exit", () => resolve());
    });
  }

  /** An idle worker does not keep the program from ending. */
  private setReferenced(wanted: boolean): void {
    const streams = [this.child.stdin, this.child.stdout, this.child.stderr] as unknown as {
      ref(): void;
      unref(): void;
    }[];
    for (const one of [this.child, ...streams]) {
      if (wanted) one.ref();
      else one.unref();
    }
  }

  private send(message: unknown): void {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  private receive(text: string): void {
    const lines = text.split("\n");
    for (const [i, piece] of lines.entries()) {
      this.size += piece.length;
      this.pieces.push(piece);
      if (this.size > maxLine) {
        this.end(this.failure("reward/crashed", "It answered with far too much text."));
        return;
      }
      if (i === lines.length - 1) break;
      const line = this.pieces.join("");
      this.pieces = [];
      this.size = 0;
      this.answer(line);
    }
  }

  private answer(line: string): void {
    const message = messageOf(line);
    switch (message?.kind) {
      case "ready":
        clearTimeout(this.timer);
        clearInterval(this.watcher);
        this.sites = message.sites;
        this.whenReady.resolve();
        break;
      case "batch":
        this.restartTimer();
        break;
      case "result":
        if (this.waiting?.id === message.id) this.waiting.resolve(message.result);
        // It ended by itself after it was asked where it is: its end is on the way and must not meet the next call.
        if (this.isLate) this.end(new CancelledError());
        break;
      case "failed":
        this.end(new HostFailure(message));
        break;
      default:
        // Code of the file runs beside the worker's and can reach all of it.
        this.end(
          this.failure(
            "reward/crashed",
            "Its process answered with something that is no answer; does the file replace functions of Python's own modules, such as json.dumps?",
          ),
        );
    }
  }

  /** Asks where it is once it was given more time than it may take; the answer ends it. */
  private watch(wallMs: number): void {
    clearInterval(this.watcher);
    // Windows has no such signals; there the worker watches itself.
    if (process.platform === "win32") return;
    const spent = timeGivenTo(this.child.pid ?? 0);
    this.watcher = setInterval(() => {
      if (spent() <= wallMs) return;
      clearInterval(this.watcher);
      this.isLate = true;
      this.child.kill("SIGUSR1");
      setTimeout(() => this.child.kill("SIGKILL"), graceMs).unref();
    }, watchEveryMs);
    this.watcher.unref();
  }

  private closed(reason: string): void {
    if (this.isLate || /Timeout \([\d:.]+\)!/.test(this.words)) {
      const what = this.waiting === null ? "loading the file" : "it";
      const failure = this.failure("reward/timeout", `${what} did not end in time.`);
      failure.failure.line = lineOfDump(this.words, this.start.file);
      this.end(failure);
      return;
    }
    const lastWord = this.words.trim().split("\n").at(-1) ?? "";
    const detail = lastWord === "" ? "" : ` (${lastWord.slice(0, 300)})`;
    this.end(this.failure("reward/crashed", `It ended its own process: ${reason}${detail}.`));
  }

  private failure(code: FailedMessage["code"], message: string): HostFailure {
    return new HostFailure({ kind: "failed", code, message, line: null, siteId: null, row: null });
  }

  private arm(ms: number, what: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.end(this.failure("reward/timeout", `${what} did not end within ${ms / 1000} s.`));
    }, ms);
  }

  private end(error: Error): void {
    if (this.over !== null) return;
    this.over = error;
    clearTimeout(this.timer);
    clearInterval(this.watcher);
    this.child.kill("SIGKILL");
    this.whenReady.reject(error);
    this.waiting?.reject(error);
  }
}

/** Null for a line that is no JSON. */
function messageOf(line: string): FromPython | null {
  try {
    return JSON.parse(line) as FromPython | null;
  } catch {
    return null;
  }
}

/** The innermost line of a file in what Python's watchdog wrote; the first thread in it is the one that hung. */
export function lineOfDump(dump: string, file: string): number | null {
  for (const line of dump.split("\n")) {
    const match = /^ {2}File "(.*)", line (\d+) in /.exec(line);
    // Long paths are cut at their end.
    if (
      match !== null &&
      (match[1] === file || (match[1]!.endsWith("...") && file.startsWith(match[1]!.slice(0, -3))))
    ) {
      return Number(match[2]);
    }
  }
  return null;
}
