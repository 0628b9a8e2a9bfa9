/**
 * A checkpoint at work in a process of its own: one inspection, or one LoRA step, with the time of every part and the highest memory.
 * For real shapes with random weights, so what is written means nothing.
 */
import type { Device } from "../runtime/devices";
import { inOwnProcess } from "./ownProcess";

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
  return inOwnProcess(entry, job, `The ${job.task} of ${job.folder}`, signal);
}
