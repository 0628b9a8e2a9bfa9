/**
 * The four ways to smooth a curve. `weight` is one slider from 0 (raw) to 0.999 for all of them, so that the methods can be compared:
 * an exponential mean of weight w looks back 1 / (1 - w) points, and the other two take their width from that.
 */
import type { SmoothingMethod } from "@iad-r1/protocol/webview";

/** How many points a weight stands for; 1 is no smoothing. */
export function windowOf(weight: number): number {
  return Math.max(1, Math.round(1 / (1 - Math.min(weight, 0.999))));
}

/** @returns an array of `numPoints` values; values that are not finite stay as they are and count nowhere */
export function smooth(values: Float64Array, numPoints: number, method: SmoothingMethod, weight: number): Float64Array {
  if (method === "none" || weight <= 0) return values.subarray(0, numPoints);
  if (method === "ema") return exponentialMean(values, numPoints, weight);
  return method === "mean"
    ? runningMean(values, numPoints, windowOf(weight))
    : gaussianMean(values, numPoints, windowOf(weight));
}

/**
 * TensorBoard's smoothing to the letter: an exponential mean that starts at 0 and is divided by 1 - weight^n, so that early points
 * are not pulled to 0; a curve that never changes is left alone.
 */
export function exponentialMean(values: Float64Array, numPoints: number, weight: number): Float64Array {
  const smoothed = new Float64Array(numPoints);
  const constant = isConstant(values, numPoints);
  let last = 0;
  let count = 0;
  for (let i = 0; i < numPoints; i++) {
    const value = values[i]!;
    if (constant || !Number.isFinite(value)) {
      smoothed[i] = value;
      continue;
    }
    last = last * weight + (1 - weight) * value;
    count++;
    smoothed[i] = last / (weight === 1 ? 1 : 1 - weight ** count);
  }
  return smoothed;
}

function isConstant(values: Float64Array, numPoints: number): boolean {
  for (let i = 1; i < numPoints; i++) if (values[i] !== values[0]) return false;
  return true;
}

/** Mean of the last `window` finite values. */
export function runningMean(values: Float64Array, numPoints: number, window: number): Float64Array {
  const smoothed = new Float64Array(numPoints);
  const ring = new Float64Array(window);
  let sum = 0;
  let count = 0;
  for (let i = 0; i < numPoints; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      smoothed[i] = value;
      continue;
    }
    const slot = count % window;
    if (count >= window) sum -= ring[slot]!;
    ring[slot] = value;
    sum += value;
    count++;
    // Adding and taking away leaves rounding errors behind; a fresh sum now and then removes them.
    if (slot === 0 && count > window) sum = ring.reduce((total, each) => total + each, 0);
    smoothed[i] = sum / Math.min(count, window);
  }
  return smoothed;
}

/** Mean weighted by a bell of deviation `window` / 2 over both sides, cut at three deviations and at the ends. */
export function gaussianMean(values: Float64Array, numPoints: number, window: number): Float64Array {
  if (window <= 1) return values.slice(0, numPoints);
  const deviation = window / 2;
  const reach = Math.ceil(3 * deviation);
  const bell = Float64Array.from({ length: reach + 1 }, (_, i) => Math.exp(-0.5 * (i / deviation) ** 2));
  const smoothed = new Float64Array(numPoints);
  for (let i = 0; i < numPoints; i++) {
    if (!Number.isFinite(values[i]!)) {
      smoothed[i] = values[i]!;
      continue;
    }
    let sum = 0;
    let total = 0;
    const end = Math.min(numPoints - 1, i + reach);
    for (let j = Math.max(0, i - reach); j <= end; j++) {
      const value = values[j]!;
      if (!Number.isFinite(value)) continue;
      const weight = bell[j < i ? i - j : j - i]!;
      sum += weight * value;
      total += weight;
    }
    smoothed[i] = sum / total;
  }
  return smoothed;
}
