/** How many threads an operator may use: what the machine lets this process use, not what it has. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * CPU affinity is known to Node; the quota of a container is not in every version, and a runtime that starts a thread for
 * each of 64 visible cores under a quota of 2 is slower than with 2.
 */
export function defaultThreads(): number {
  return Math.max(1, Math.min(availableParallelism(), containerQuota()));
}

/** Whole cores of the cgroup quota, Infinity where there is none. */
function containerQuota(): number {
  try {
    // "max 100000" or "200000 100000": microseconds of CPU time in each period
    const [quota, period] = readFileSync("/sys/fs/cgroup/cpu.max", "utf8").trim().split(" ").map(Number);
    return quota === undefined || period === undefined || !(quota > 0)
      ? Number.POSITIVE_INFINITY
      : Math.ceil(quota / period);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
