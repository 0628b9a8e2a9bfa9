/**
 * Times as processor seconds of this process, which busy neighbours disturb least, and comparisons in turns: ours, theirs, ours,
 * theirs, so that a slow minute of the machine hits both.
 */

/** Processor time of all threads of this process while `work` runs, in seconds. */
export async function cpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  return secondsSince(start);
}

/** Seconds by the clock, for work on several threads: their processor time says nothing about how long one waits. */
export async function clockSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Processor time of work that waits for nothing. */
export function cpuSecondsOf(work: () => void): number {
  const start = process.cpuUsage();
  work();
  return secondsSince(start);
}

function secondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/**
 * Takes one number from each source in turn, `rounds` times, after one round that does not count.
 *
 * @returns the numbers of each source, in order
 */
export async function inTurns(
  sources: readonly (() => Promise<number>)[],
  rounds: number,
  signal?: AbortSignal,
): Promise<number[][]> {
  const results = sources.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, source] of sources.entries()) {
      signal?.throwIfAborted();
      const value = await source();
      if (round > 0) results[i]!.push(value);
    }
  }
  return results;
}
