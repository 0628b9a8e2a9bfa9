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

/** The result of `run`, which must not wait for anything; what it throws passes through. */
export function withTimeLimit<T>(limitMs: number, run: () => T): T {
  const before = slot.run;
  slot.run = run;
  try {
    return call.runInContext(context, { timeout: limitMs }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
      throw new TimeLimitError(limitMs);
    throw error;
  } finally {
    slot.run = before;
  }
}
