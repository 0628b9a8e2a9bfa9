/** Peak memory of training. */
import { inOwnProcess } from "./ownProcess";

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
  return inOwnProcess(entry, job, "The memory benchmark", signal);
}
