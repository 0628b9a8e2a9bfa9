/**
 * Runs patterns and templates that come from files with a limit on their time: a regular expression that backtracks for ever or a
 * loop without end is interrupted, not waited for. It limits time only; memory and what the code may reach are not its matter.
 */
import { createContext, Script } from "node:vm";

/** Thrown when the time is over. Callers turn it into the error of the file that was to blame. */
export class TimeLimitError extends Error {
  constructor(readonly limitMs: number) {
    super(`It took longer than ${limitMs} ms.`);
  }
}

const slot: { run: () => unknown } = { run: () => undefined };
const context = createContext(slot);
const call = new Script("run()");

/** A process that got less than this share of a processor was kept waiting. */
const leastShare = 0.25;
/** No call waits longer than this many times its limit, even so. */
const mostPatience = 16;

/**
 * The result of `run`, which must not wait for anything; what it throws passes through. The limit is by the clock; where the machine
 * gave almost no time to this process meanwhile, `run` begins anew with more of it, so `run` must be free of effects.
 */
export function withTimeLimit<T>(limitMs: number, run: () => T): T {
  const before = slot.run;
  slot.run = run;
  try {
    for (let timeout = limitMs; ; timeout *= 4) {
      const start = process.cpuUsage();
      try {
        return call.runInContext(context, { timeout }) as T;
      } catch (error) {
        if ((error as NodeJS.ErrnoException | null)?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        // Of all threads, so never less than what this one got.
        const { user, system } = process.cpuUsage(start);
        if ((user + system) / 1000 >= leastShare * limitMs || timeout >= mostPatience * limitMs)
          throw new TimeLimitError(limitMs);
      }
    }
  } finally {
    slot.run = before;
  }
}
