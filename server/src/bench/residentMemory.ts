/** The most memory this process has had, as the machine feels it. */
import { readFileSync } from "node:fs";

/** Follows a process that maps one file more than once: each mapping counts in its resident set, the pages are there once. */
export class ResidentMemory {
  private countedTwice = 0;

  /** Looks at the mappings as they are now; call it while they are largest. */
  look(): void {
    const { rss, pss } = rollup() ?? { rss: 0, pss: 0 };
    this.countedTwice = Math.max(this.countedTwice, rss - pss);
  }

  /** Bytes at the highest point, mapped weights included, each page once. */
  get peakBytes(): number {
    return process.resourceUsage().maxRSS * 1024 - this.countedTwice;
  }
}

/** Resident bytes, counted by mapping and in proportion to how many mappings share a page; null where Linux does not tell. */
function rollup(): { rss: number; pss: number } | null {
  let text: string;
  try {
    text = readFileSync("/proc/self/smaps_rollup", "utf8");
  } catch {
    return null;
  }
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
  return { rss: bytes("Rss"), pss: bytes("Pss") };
}
