/**
 * The near side of a TRL training process (`engines/python/iadr1_trl.py`): starts it, by `accelerate launch` where there are several, and
 * talks with its first process over a loopback socket, one JSON message a line. It ends with the link, however the link ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import { enginePath } from "../../runtime/engineFile";
import { lastWords } from "../../runtime/lastWords";
import { ownGroup } from "../../runtime/ownGroup";
import { readTail } from "../../runtime/readTail";

export interface TrlLaunch {
  python: string;
  /** 1: no launcher, unless there is a configuration for it. */
  processes: number;
  /** Of `accelerate config`; null for none. */
  accelerateConfig: string | null;
  useCpu: boolean;
  /** What the process is asked to do, as JSON. */
  jobFile: string;
  /** Everything the processes print is added to it. */
  logFile: string;
}

/** What the training process says. */
export type FromTrl =
  | {
      kind: "ready";
      versions: Record<string, string>;
      device: string;
      processes: number;
      trainableParameters: number;
    }
  | { kind: "score"; rows: { row: number; ids: number[] }[]; generateMs: number }
  | ({ kind: "step"; step: number; logs: Record<string, number | null>; tokens: number } & TrlStepFacts)
  | { kind: "saved" }
  | { kind: "done" }
  | { kind: "failed"; name: string; message: string };

/** What only one of the stages tells of a step. */
export interface TrlStepFacts {
  /** Answers that were cut so far. */
  numCut?: number;
  /** Of each completion of the step, in the order in which they were scored. */
  advantages?: number[];
  meanLogProbs?: number[];
  entropies?: number[];
  refKl?: number[] | null;
}

/** What it is told. */
export type ToTrl = { totals: (number | null)[] } | { do: "save"; folder: string } | { do: "go" } | { do: "stop" };

/** Loading a large model takes long; whoever prints nothing and says nothing for so long before the first word is stuck. */
const connectMs = 30 * 60_000;
const maxLine = 512 * 1024 * 1024;

export class TrlLink {
  private readonly heard: FromTrl[] = [];
  private wake: (() => void) | null = null;
  private over: Error | null = null;
  private socket: Socket | null = null;

  private constructor(
    private readonly server: Server,
    private readonly child: ChildProcess,
    private readonly launch: TrlLaunch,
    private readonly token: string,
  ) {
    server.on("connection", (socket) => this.accept(socket));
    child.once("error", (cause) =>
      this.end(
        new WorkerError("trl/not-started", `The TRL process cannot be started: ${cause.message}.`, {
          hint: `Look at ${launch.python}; \`iad-r1 doctor\` tells whether TRL can be used.`,
          cause,
        }),
      ),
    );
    child.once("exit", (code, signal) => this.end(this.deathOf(signal ?? `exit code ${code}`)));
    const timer = setTimeout(() => {
      if (this.socket === null) this.end(new WorkerError("trl/silent", "The TRL process did not begin to talk."));
    }, connectMs);
    timer.unref();
  }

  /** @throws WorkerError `trl/not-started` */
  static async open(launch: TrlLaunch): Promise<TrlLink> {
    const token = randomBytes(24).toString("hex");
    const log = openSync(launch.logFile, "a");
    const server = createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      });
      const child = spawn(launch.python, argumentsOf(launch), {
        stdio: ["ignore", log, log],
        ...ownGroup,
        env: {
          ...process.env,
          PYTHONIOENCODING: "utf-8",
          PYTHONUNBUFFERED: "1",
          TOKENIZERS_PARALLELISM: "false",
          // The checkpoint is on this machine; nothing is looked up or told elsewhere.
          HF_HUB_OFFLINE: "1",
          HF_HUB_DISABLE_TELEMETRY: "1",
          ...(launch.useCpu && { ACCELERATE_USE_CPU: "true" }),
          IADR1_TRL_PORT: String((server.address() as AddressInfo).port),
          IADR1_TRL_TOKEN: token,
        },
      });
      return new TrlLink(server, child, launch, token);
    } catch (error) {
      // An open server would keep this process alive.
      server.close();
      throw error;
    } finally {
      closeSync(log);
    }
  }

  /**
   * The next message.
   *
   * @throws WorkerError when the process has ended or failed; CancelledError after `close`
   */
  async hear(): Promise<Exclude<FromTrl, { kind: "failed" }>> {
    while (this.heard.length === 0) {
      if (this.over !== null) throw this.over;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const message = this.heard.shift()!;
    if (message.kind !== "failed") return message;
    throw new WorkerError("trl/failed", `TRL: ${message.name}: ${message.message}`, {
      where: this.launch.logFile,
      hint: "The file named has the whole trace.",
    });
  }

  tell(message: ToTrl): void {
    this.socket?.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends the process: at once, if it has not ended by itself. */
  async close(): Promise<void> {
    this.over ??= new CancelledError();
    this.server.close();
    this.socket?.destroy();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise<void>((resolve) => this.child.once("exit", () => resolve()));
      // Without its socket it leaves by itself; a launcher with its processes needs a word.
      const timer = setTimeout(() => this.child.kill("SIGTERM"), 2_000);
      const last = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
      await gone;
      clearTimeout(timer);
      clearTimeout(last);
    }
  }

  private accept(socket: Socket): void {
    socket.setEncoding("utf8");
    let isKnown = false;
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", (piece: string) => {
      text += piece;
      if (text.length > maxLine || (!isKnown && text.length > 4096)) return void socket.destroy();
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        if (isKnown) this.receive(line);
        else if (this.socket === null && this.isHello(line)) {
          isKnown = true;
          this.socket = socket;
        } else return void socket.destroy();
      }
    });
  }

  private isHello(line: string): boolean {
    try {
      const { kind, token } = JSON.parse(line) as { kind?: unknown; token?: unknown };
      const [given, wanted] = [Buffer.from(String(token)), Buffer.from(this.token)];
      return kind === "hello" && given.length === wanted.length && timingSafeEqual(given, wanted);
    } catch {
      return false;
    }
  }

  private receive(line: string): void {
    this.heard.push(JSON.parse(line) as FromTrl);
    this.wake?.();
  }

  private end(error: Error): void {
    this.over ??= error;
    this.wake?.();
  }

  private deathOf(how: string): Error {
    const words = lastWords(readTail(this.launch.logFile, 16_384));
    return new WorkerError("trl/ended", `The TRL process ended with ${how}${words === "" ? "" : `: ${words}`}.`, {
      where: this.launch.logFile,
      hint:
        how === "SIGKILL" ? "Most often memory ran out: use smaller passes, or recompute: true." : "Look at its log.",
    });
  }
}

/** One process needs no launcher; on processors torch's own is used, as that of accelerate starts several only through MPI. */
function argumentsOf({ processes, accelerateConfig, useCpu, jobFile }: TrlLaunch): string[] {
  const script = [enginePath("python/iadr1_trl.py"), jobFile];
  if (processes === 1 && accelerateConfig === null) return script;
  if (useCpu) {
    return ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", String(processes), ...script];
  }
  const settings =
    accelerateConfig !== null
      ? ["--config_file", accelerateConfig]
      : ["--multi_gpu", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"];
  return [
    ...["-m", "accelerate.commands.launch", ...settings],
    // The file may say another number; batches are cut for this one.
    ...["--num_processes", String(processes), "--main_process_port", "0", ...script],
  ];
}
