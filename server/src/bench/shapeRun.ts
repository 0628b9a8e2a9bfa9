/**
 * A checkpoint at work in a process of its own: one inspection, or one LoRA step, with the time of every part and the highest memory.
 * For real shapes with random weights, so what is written means nothing.
 */
import { fork } from "node:child_process";
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import type { Device } from "../runtime/devices";
import { withLargePages } from "../runtime/pages";

export interface ShapeJob {
  /** A checkpoint folder with tokenizer and processor. */
  folder: string;
  task: "inspect" | "lora-step";
  /** Side of the square picture in pixels. */
  side: number;
  /** Tokens that are written, or learnt. */
  tokens: number;
  /** 0: one per core. */
  threads: number;
  device: Device;
}

export interface ShapeMeasurement {
  promptTokens: number;
  imageTokens: number;
  /** Of each part, in order: by the clock, and of the processor, which neighbours do not disturb. */
  seconds: Record<string, { wall: number; cpu: number }>;
  /** At the highest point, mapped weights included. */
  peakBytes: number;
}

/**
 * @param entry the built shapeRunMain
 * @throws WorkerError `worker/exit` when the process ends without an answer; its own error is in the message
 */
export function runShape(entry: string, job: ShapeJob, signal: AbortSignal): Promise<ShapeMeasurement> {
  return new Promise((resolve, reject) => {
    const child = fork(entry, { stdio: ["ignore", "ignore", "pipe", "ipc"], env: withLargePages() });
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2000);
    });
    const stop = () => child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    let result: ShapeMeasurement | null = null;
    child.on("message", (message) => {
      result = message as ShapeMeasurement;
    });
    child.on("error", reject);
    child.on("exit", (code, killedBy) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(new CancelledError());
      else if (result !== null) resolve(result);
      else {
        const end = killedBy === null ? `code ${code}` : `signal ${killedBy}`;
        reject(new WorkerError("worker/exit", `The ${job.task} of ${job.folder} ended with ${end}: ${errors.trim()}`));
      }
    });
    child.send(job);
  });
}
