/** Calls of the processes of a runner: one at a time in each, as it answers in order and a hang must be blamed on the right call. */
export class Turns {
  /** Of each process the end of what waits for it; the two may work at once. */
  private readonly ends: Record<"plain" | "live", Promise<unknown>> = {
    plain: Promise.resolve(),
    live: Promise.resolve(),
  };

  /** Does `work` when all before it is over, however that ended. */
  take<T>(which: "plain" | "live", work: () => Promise<T>): Promise<T> {
    const result = this.ends[which].then(work);
    this.ends[which] = result.catch(() => undefined);
    return result;
  }
}
