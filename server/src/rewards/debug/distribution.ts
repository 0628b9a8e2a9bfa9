/** Numbers of one column in few words: mean, spread, quantiles, bins. */
import type { Distribution } from "@iad-r1/protocol/rewardDebugger";

/** Enough to see the shape in a hover; more would only be noise. */
const numBins = 24;

/** @returns null without a finite number; others are left out */
export function distributionOf(values: readonly number[]): Distribution | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const count = sorted.length;
  if (count === 0) return null;
  const min = sorted[0]!;
  const max = sorted[count - 1]!;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const bins = new Array<number>(min === max ? 1 : numBins).fill(0);
  for (const value of sorted) {
    const at = min === max ? 0 : Math.min(numBins - 1, Math.floor(((value - min) / (max - min)) * numBins));
    bins[at]!++;
  }
  return {
    ...{ count, mean, std: Math.sqrt(variance), min, max, bins },
    ...{ p5: quantile(sorted, 0.05), p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) },
  };
}

/** Linear between neighbours, as numpy's default. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const below = sorted[low] ?? Number.NaN;
  return below + ((sorted[low + 1] ?? below) - below) * (place - low);
}
