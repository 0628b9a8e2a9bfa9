/** Measurements in a process of their own: what this one holds and does would count otherwise. */
import { fork } from "node:child_process";
import { CancelledError, WorkerError } from "@iad-r1/models/errors";
import { withLargePages } from "../runtime/pages";

/**
 * Sends a job to a fresh process and waits for its one answer.
 *
 * @param entry the built module of the process
 * @param what  names the job in the error
 * @throws WorkerError `worker/exit` when the process ends without an answer; its last words are in the message
 */
export function inOwnProcess<Answer>(entry: string, job: object, what: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(entry, { stdio: ["ignore", "ignore", "pipe", "ipc"], env: withLargePages() });
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2000);
    });
    const stop = () => child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    let answer: { value: Answer } | null = null;
    child.on("message", (message) => {
      answer = { value: message as Answer };
    });
    child.on("error", reject);
    child.on("exit", (code, killedBy) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(new CancelledError());
      else if (answer !== null) resolve(answer.value);
      else {
        const end = killedBy === null ? `code ${code}` : `signal ${killedBy}`;
        reject(new WorkerError("worker/exit", `${what} ended with ${end}: ${errors.trim()}`));
      }
    });
    child.send(job);
  });
}
