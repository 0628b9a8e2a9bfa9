/** Peak memory of training, measured in a process of its own: what was there before would count otherwise. */
import { fork } from "node:child_process";
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import { withLargePages } from "../runtime/pages";

export interface MemoryJob {
  /** A checkpoint folder. */
  folder: string;
  /** Rows of equal length. */
  ids: number[][];
  prompt: number;
  steps: number;
  threads: number;
}

/**
 * Runs LoRA steps in a fresh process.
 *
 * @param entry the built peakMemoryMain
 * @returns bytes resident at the highest point, mapped weights included
 * @throws WorkerError `worker/exit` when the process ends without an answer
 */
export function peakOfTraining(entry: string, job: MemoryJob, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(entry, { stdio: ["ignore", "ignore", "pipe", "ipc"], env: withLargePages() });
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2000);
    });
    const stop = () => child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    let bytes: number | null = null;
    child.on("message", (message) => {
      bytes = message as number;
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(new CancelledError());
      else if (bytes !== null) resolve(bytes);
      else reject(new WorkerError("worker/exit", `The memory benchmark ended with code ${code}: ${errors.trim()}`));
    });
    child.send(job);
  });
}
