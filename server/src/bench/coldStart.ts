/** How much processor time a fresh process takes to the first token of a text prompt: starting, loading libraries and weights, reading. */
import { spawn } from "node:child_process";
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import { peerEnvironment, type PeerPlace } from "./peerProcess";

export interface ColdStartJob {
  folder: string;
  ids: number[];
  threads: number;
}

/**
 * @param place takes the job as JSON in its last argument and prints {"seconds": of the processor since its start}
 * @throws WorkerError `worker/peer` when it ends without an answer
 */
export async function coldStart({ command, args }: PeerPlace, job: ColdStartJob, signal: AbortSignal): Promise<number> {
  const child = spawn(command, [...args, JSON.stringify(job)], {
    env: peerEnvironment(job.threads),
    stdio: ["ignore", "pipe", "pipe"],
    signal,
    killSignal: "SIGKILL",
  });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000);
  });
  await new Promise((resolve) => {
    child.once("error", (error) => {
      errors = error.message;
      resolve(null);
    });
    child.once("close", resolve);
  });
  if (signal.aborted) throw new CancelledError();
  const line = output.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new WorkerError("worker/peer", `A cold start gave no answer: ${errors.trim()}`);
  return (JSON.parse(line) as { seconds: number }).seconds;
}
