/** What reward code prints: kept up to a limit, so that a flood costs no memory, and handed over with each result. */
import { format } from "node:util";

export interface Output {
  /** What was printed since the last call. */
  take(): string;
}

const maxCharacters = 64 * 1024;

/** Replaces the console of this thread. */
export function captureConsole(): Output {
  let text = "";
  let isCut = false;
  const print = (...values: unknown[]) => {
    if (isCut) return;
    text += `${format(...values)}\n`;
    if (text.length <= maxCharacters) return;
    isCut = true;
    text = `${text.slice(0, maxCharacters)}\n… (the rest of the output is left out)\n`;
  };
  const nothing = () => undefined;
  globalThis.console = new Proxy({} as Console, {
    get: (_, name) =>
      ["log", "info", "debug", "warn", "error", "trace", "table", "dir"].includes(String(name)) ? print : nothing,
  });
  return {
    take() {
      const taken = text;
      text = "";
      isCut = false;
      return taken;
    },
  };
}
