/** How much of the time that passed a process was given: limits count that, so that a busy machine fails nobody. */
import { readFileSync } from "node:fs";

/**
 * Milliseconds that the machine gave to a process since this call: computing, or waiting for something outside. Where the system does not
 * tell, all that passed.
 */
export function timeGivenTo(pid: number): () => number {
  const started = performance.now();
  const first = readUsage(pid);
  if (first === null) return () => performance.now() - started;
  let idleMs = 0;
  let last = started;
  return () => {
    const now = performance.now();
    const usage = readUsage(pid);
    if (usage === null) return now - started;
    if (usage.isWaiting) idleMs += now - last;
    last = now;
    return usage.cpuMs - first.cpuMs + idleMs;
  };
}

/** Linux counts in hundredths of a second. */
const msPerTick = 10;

function readUsage(pid: number): { cpuMs: number; isWaiting: boolean } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything.
    const [state, ...numbers] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { cpuMs: (Number(numbers[10]) + Number(numbers[11])) * msPerTick, isWaiting: state === "S" };
  } catch {
    return null;
  }
}
