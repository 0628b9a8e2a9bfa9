/**
 * How long to wait before the next try: doubling from half a second up to half a minute, with a quarter of chance so that many windows
 * do not come at once. A try that held for a while starts the count again. No timers in here.
 */

const firstMs = 500;
const longestMs = 30_000;
/** A connection that held this long was a good one. */
const steadyMs = 60_000;

export class BackOff {
  private failures = 0;

  constructor(private readonly random: () => number = Math.random) {}

  /** Failures in a row. */
  get count(): number {
    return this.failures;
  }

  /** @param heldMs how long the connection that has just ended had held; 0 when it never stood */
  nextDelayMs(heldMs: number): number {
    this.failures = heldMs >= steadyMs ? 1 : this.failures + 1;
    const base = Math.min(longestMs, firstMs * 2 ** (this.failures - 1));
    return Math.round(base * (1 + 0.25 * this.random()));
  }

  reset(): void {
    this.failures = 0;
  }
}
