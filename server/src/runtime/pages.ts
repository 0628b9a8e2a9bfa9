/**
 * What memory costs before it is used: the kernel clears each page when it is first touched, which on virtual machines may take longer than
 * filling it. Large models touch a million pages.
 */
import { median } from "./median";
import { availableBytes } from "./memory";

/**
 * The environment of a process that holds weights. On Linux glibc then asks for pages of 2 MiB (`madvise`; where the kernel has them "always"
 * or "never" it changes nothing): loading 2 billion weights takes two thirds of the time, for a hundredth more memory. What the user has set
 * stays.
 */
export function withLargePages(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  if (process.platform !== "linux" || env.GLIBC_TUNABLES !== undefined) return env;
  return { ...env, GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };
}

/** What is touched at a time, and how much of it at most, in bytes; in what share of the memory that is free; for how many seconds. */
const [pieceBytes, maxPieces, maxShare, maxSeconds] = [2 ** 26, 16, 1 / 8, 1.5];

/**
 * Seconds of the processor to touch a new byte for the first time. Pages that another process has just let go of are quick where the host has
 * yet to take them back, so it is the median over up to a gigabyte; for a process that ends soon afterwards.
 */
export function firstTouchSeconds(): number {
  const free = availableBytes();
  const pieces: Uint8Array[] = [];
  const costs: number[] = [];
  let spent = 0;
  do {
    const piece = new Uint8Array(pieceBytes);
    const start = process.cpuUsage();
    // The smallest page there is, wherever larger ones are.
    for (let at = 0; at < pieceBytes; at += 4096) piece[at] = 1;
    const { user, system } = process.cpuUsage(start);
    const seconds = (user + system) / 1e6;
    spent += seconds;
    costs.push(seconds / pieceBytes);
    // Kept, or the next would be the same pages.
    pieces.push(piece);
  } while (pieces.length < maxPieces && spent < maxSeconds && (pieces.length + 1) * pieceBytes < maxShare * free);
  return median(costs);
}
