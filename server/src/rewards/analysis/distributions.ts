/**
 * Distributions in a few numbers: percentiles, bars, most frequent values. For hovers, tables and messages; draws nothing.
 */
import { deviation, mean } from "./groupMath";

/** NaN everywhere when there is no value. */
export interface Summary {
  count: number;
  mean: number;
  /** Divisor n − 1; 0 for a single value. */
  std: number;
  min: number;
  p5: number;
  p50: number;
  p95: number;
  max: number;
}

export function summarize(values: readonly number[]): Summary {
  const sorted = Float64Array.from(values).sort();
  return {
    count: sorted.length,
    mean: mean(values),
    std: values.length === 1 ? 0 : deviation(values),
    min: sorted[0] ?? Number.NaN,
    p5: percentile(sorted, 0.05),
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/**
 * Linear between the two nearest ranks, as NumPy's default.
 *
 * @param sorted ascending
 * @param p      0 to 1
 */
export function percentile(sorted: ArrayLike<number>, p: number): number {
  if (sorted.length === 0) return Number.NaN;
  const rank = p * (sorted.length - 1);
  const below = Math.floor(rank);
  const [low, high] = [sorted[below]!, sorted[Math.ceil(rank)]!];
  return low + (high - low) * (rank - below);
}

export interface Histogram {
  /** numBins + 1 ascending bounds; a value on a bound belongs to the bar on its right, the greatest to the last bar. */
  bounds: number[];
  counts: number[];
}

/**
 * Bars of equal width from the least to the greatest value; one bar when all are equal, none without values. Values that
 * are not finite are left out.
 */
export function histogram(values: readonly number[], numBins = 20): Histogram {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return { bounds: [], counts: [] };
  const [min, max] = finite.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as [number, number]);
  if (min === max) return { bounds: [min, max], counts: [finite.length] };
  const counts = Array.from({ length: numBins }, () => 0);
  const width = (max - min) / numBins;
  for (const value of finite) {
    const bin = Math.min(numBins - 1, Math.floor((value - min) / width));
    counts[bin] = counts[bin]! + 1;
  }
  return { bounds: Array.from({ length: numBins + 1 }, (_, i) => (i === numBins ? max : min + i * width)), counts };
}

export interface ValueCount {
  value: string;
  count: number;
  /** Index of the first place where it stood. */
  first: number;
}

/** The most frequent values, ties in order of appearance; `others` counts what the list leaves out. */
export function topValues(
  values: readonly string[],
  limit = 5,
): { top: ValueCount[]; distinct: number; others: number } {
  const counts = new Map<string, ValueCount>();
  values.forEach((value, first) => {
    const entry = counts.get(value);
    if (entry === undefined) counts.set(value, { value, count: 1, first });
    else entry.count++;
  });
  const top = [...counts.values()].sort((a, b) => b.count - a.count || a.first - b.first).slice(0, limit);
  const others = values.length - top.reduce((sum, { count }) => sum + count, 0);
  return { top, distinct: counts.size, others };
}

/**
 * Spearman's rank correlation, −1 to 1, with mean ranks for ties; NaN when either side is constant.
 */
export function rankCorrelation(xs: readonly number[], ys: readonly number[]): number {
  const [rx, ry] = [ranks(xs), ranks(ys)];
  const [mx, my] = [mean(rx), mean(ry)];
  let [xy, xx, yy] = [0, 0, 0];
  rx.forEach((x, i) => {
    const [dx, dy] = [x - mx, ry[i]! - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  return xx === 0 || yy === 0 ? Number.NaN : xy / Math.sqrt(xx * yy);
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = values.map(() => 0);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) result[order[i]!] = (start + end - 1) / 2;
    start = end;
  }
  return result;
}
