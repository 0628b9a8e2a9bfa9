/**
 * The processes that run the same work: PyTorch, transformers and TRL (bench/peers/torchPeer.py), llama.cpp (bench/peers/llamaPeer.mjs), and
 * our own decoder beside them (decoderPeerMain.ts). They are only for comparison: without them the benchmarks measure ours alone.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import { withLargePages } from "../runtime/pages";

/** How a peer is started. */
export interface PeerPlace {
  command: string;
  args: readonly string[];
}

/** Where PyTorch is; or why it is not there. */
export function findTorchPeer(projectRoot: string): PeerPlace | { missing: string } {
  const windows = process.platform === "win32";
  const python = join(projectRoot, ".cache", "python", windows ? "Scripts/python.exe" : "bin/python");
  const script = join(projectRoot, "bench", "peers", "torchPeer.py");
  if (!existsSync(script)) return { missing: "bench/peers/torchPeer.py is not in this installation" };
  if (!existsSync(python)) return { missing: "no Python environment in .cache/python (npm run bench:peers makes it)" };
  return { command: python, args: [script] };
}

/** Where llama.cpp is; or why it is not there. */
export function findLlamaPeer(projectRoot: string): PeerPlace | { missing: string } {
  const script = join(projectRoot, "bench", "peers", "llamaPeer.mjs");
  const library = join(projectRoot, ".cache", "llama", "node_modules", "node-llama-cpp");
  if (!existsSync(script)) return { missing: "bench/peers/llamaPeer.mjs is not in this installation" };
  if (!existsSync(library)) return { missing: "no llama.cpp in .cache/llama (npm run bench:peers gets it)" };
  return { command: process.execPath, args: [script, library] };
}

/** With large pages whoever it is, ours or theirs, as the processes have them that the server starts. */
export function peerEnvironment(threads: number): NodeJS.ProcessEnv {
  const count = String(threads);
  return { ...withLargePages(), OMP_NUM_THREADS: count, MKL_NUM_THREADS: count };
}

/** One process; commands are answered in order. */
export class PeerProcess {
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private errors = "";

  constructor({ command, args }: PeerPlace, threads: number) {
    this.process = spawn(command, args, { env: peerEnvironment(threads) });
    this.lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
    this.process.stderr.on("data", (chunk: Buffer) => {
      this.errors = (this.errors + chunk.toString()).slice(-2000);
    });
    // A peer that went away is noticed when its answer does not come.
    this.process.stdin.on("error", () => undefined);
  }

  /**
   * @throws WorkerError `worker/peer` when the process ends, or answers that the command failed
   * @throws CancelledError when the signal is aborted before the answer
   */
  async ask<T>(what: string, options: Record<string, unknown> = {}, signal?: AbortSignal): Promise<T> {
    this.process.stdin.write(`${JSON.stringify({ do: what, ...options })}\n`);
    const stop = () => this.process.kill("SIGKILL");
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const { value, done } = await this.lines.next();
      if (signal?.aborted === true) throw new CancelledError();
      if (done === true) {
        throw new WorkerError("worker/peer", `The peer ended during ${what}: ${this.errors.trim()}`);
      }
      const answer = JSON.parse(value) as T & { error?: string };
      if (answer.error !== undefined) throw new WorkerError("worker/peer", `${what}: ${answer.error}`);
      return answer;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Ends the process; a second call does nothing. */
  async close(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.stdin.end(`${JSON.stringify({ do: "quit" })}\n`);
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  }
}
