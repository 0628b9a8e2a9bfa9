/**
 * `control.json` in a run folder: what a person wants of the run. A file, because the run outlives whoever started it; whoever may
 * write into the folder may steer the run. The run looks at it several times a second.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { PauseGate } from "../train/stage";
import { writeFileDurably } from "./durableFile";

/**
 * "run" takes a wish for a pause back; the other two cannot be taken back. "end" is for those who find the process gone: somebody
 * ended it on purpose.
 */
export type Wish = "run" | "pause" | "stop" | "end";

const fileName = "control.json";
const lookEveryMs = 150;

/** @param options.exchangeRewards the run shall read its reward files anew before the next step */
export function writeWish(folder: string, wish: Wish, options: { exchangeRewards?: boolean } = {}): void {
  // A name of its own for each request, so that one is not done twice.
  const exchange = options.exchangeRewards === true ? { exchangeRewards: randomUUID() } : {};
  writeFileDurably(join(folder, fileName), `${JSON.stringify({ wish, ...exchange })}\n`);
}

/** Forgets wishes of an earlier attempt. */
export function clearWish(folder: string): void {
  rmSync(join(folder, fileName), { force: true });
}

/** "run" where there is no file, or none that can be read. */
export function readWish(folder: string): Wish {
  return readControl(folder).wish;
}

function readControl(folder: string): { wish: Wish; exchange: string | null } {
  try {
    const { wish, exchangeRewards } = JSON.parse(readFileSync(join(folder, fileName), "utf8")) as Record<
      string,
      unknown
    >;
    return {
      wish: wish === "pause" || wish === "stop" || wish === "end" ? wish : "run",
      exchange: typeof exchangeRewards === "string" ? exchangeRewards : null,
    };
  } catch {
    return { wish: "run", exchange: null };
  }
}

/** The run's own view of the wishes. */
export class RunControl implements PauseGate {
  private wish: Wish = "run";
  /** The request to exchange rewards that was seen last, and the one that was done. */
  private exchange: string | null = null;
  private exchanged: string | null = null;
  private readonly timer: NodeJS.Timeout;
  private readonly waiting = new Set<() => void>();

  /** @param onStop called once, when the run shall stop */
  constructor(
    private readonly folder: string,
    private readonly onStop: () => void,
  ) {
    this.timer = setInterval(() => this.look(), lookEveryMs);
    this.look();
  }

  get isWanted(): boolean {
    // Steps can be shorter than the time between two looks.
    this.look();
    return this.wish === "pause";
  }

  request(): void {
    writeWish(this.folder, "pause");
    this.look();
  }

  takeExchange(): boolean {
    this.look();
    const isNew = this.exchange !== null && this.exchange !== this.exchanged;
    this.exchanged = this.exchange;
    return isNew;
  }

  async released(signal: AbortSignal): Promise<void> {
    while (this.wish === "pause" && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
    }
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    if (this.wish === "stop" || this.wish === "end") return;
    const { wish, exchange } = readControl(this.folder);
    this.exchange = exchange;
    if (wish === this.wish) return;
    this.wish = wish;
    if (wish === "stop" || wish === "end") this.onStop();
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
