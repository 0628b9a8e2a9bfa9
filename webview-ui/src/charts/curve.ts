/** What a chart draws: curves as arrays, and where they lie. Pure functions; canvas and SVG both draw through them. */
import { type Extremes, lowerBound, type Series } from "../state/series";

/** One line of a chart. All arrays have at least `numPoints` entries. */
export interface Curve {
  /** Unique in the chart. */
  id: string;
  label: string;
  /** Slot of colour and dash. */
  slot: number;
  numPoints: number;
  /** Positions on the x-axis; they never decrease. */
  xs: Float64Array;
  steps: Float64Array;
  raw: Float64Array;
  /** Equal to `raw` when nothing is smoothed. */
  smoothed: Float64Array;
  extremes(from: number, to: number): Extremes | null;
  /** Spread of the group that this curve is the mean of, or null. */
  band: { low: Float64Array; high: Float64Array } | null;
  /** Where its points come from; null for the mean of a group. */
  source: { run: string; stage: string; name: string; series: Series } | null;
}

export interface Window {
  min: number;
  max: number;
}

/** Where a value comes to lie, in pixels. */
export interface Projection {
  x(value: number): number;
  y(value: number): number;
  /** The x at a pixel. */
  xAt(pixel: number): number;
  left: number;
  width: number;
  logY: boolean;
}

export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** Indices [from, to) that touch the window, with one neighbour on each side so that lines reach the border. */
export function visibleRange(curve: Curve, window: Window): [number, number] {
  const from = Math.max(0, lowerBound(curve.xs, curve.numPoints, window.min) - 1);
  let to = lowerBound(curve.xs, curve.numPoints, window.max);
  while (to < curve.numPoints && curve.xs[to] === window.max) to++;
  return [from, Math.min(curve.numPoints, to + 1)];
}

/** More points than two for each pixel are drawn as the extremes of each column of pixels. */
export function isDecimated(curve: Curve, window: Window, width: number): boolean {
  const [from, to] = visibleRange(curve, window);
  return to - from > 2 * width;
}

/** The raw points: all of them, or the extremes of every column when there are too many. */
export function traceRaw(curve: Curve, window: Window, at: Projection, pen: Pen): void {
  if (!isDecimated(curve, window, at.width)) {
    traceAll(curve.xs, curve.raw, visibleRange(curve, window), at, pen);
    return;
  }
  let down = false;
  forEachColumn(curve, window, at, (pixel, from, to) => {
    const extremes = curve.extremes(from, to);
    if (extremes === null || (at.logY && extremes.max <= 0)) {
      down = false;
      return;
    }
    const high = at.y(extremes.max);
    const low = at.y(at.logY && extremes.min <= 0 ? extremes.max : extremes.min);
    if (down) pen.lineTo(pixel, high);
    else pen.moveTo(pixel, high);
    pen.lineTo(pixel, low);
    down = true;
  });
}

/** A smooth line: the last value of every column is enough. */
export function traceSmooth(curve: Curve, values: Float64Array, window: Window, at: Projection, pen: Pen): void {
  if (!isDecimated(curve, window, at.width)) {
    traceAll(curve.xs, values, visibleRange(curve, window), at, pen);
    return;
  }
  let down = false;
  forEachColumn(curve, window, at, (pixel, _from, to) => {
    const value = values[to - 1]!;
    if (!drawable(value, at)) {
      down = false;
      return;
    }
    if (down) pen.lineTo(pixel, at.y(value));
    else pen.moveTo(pixel, at.y(value));
    down = true;
  });
}

function traceAll(
  xs: Float64Array,
  values: Float64Array,
  [from, to]: [number, number],
  at: Projection,
  pen: Pen,
): void {
  let down = false;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    const x = at.x(xs[i]!);
    if (!drawable(value, at) || !Number.isFinite(x)) {
      down = false;
      continue;
    }
    if (down) pen.lineTo(x, at.y(value));
    else pen.moveTo(x, at.y(value));
    down = true;
  }
}

function drawable(value: number, at: Projection): boolean {
  return Number.isFinite(value) && !(at.logY && value <= 0);
}

/** Calls `visit` for every column of pixels that holds points, with their indices [from, to). */
function forEachColumn(
  curve: Curve,
  window: Window,
  at: Projection,
  visit: (pixel: number, from: number, to: number) => void,
): void {
  let [from, end] = visibleRange(curve, window);
  for (let column = -1; column <= at.width && from < end; column++) {
    const pixel = at.left + column;
    const to = Math.min(end, nextIndex(curve.xs, from, end, at.xAt(pixel + 1)));
    if (to > from) visit(pixel + 0.5, from, to);
    from = to;
  }
}

/** First index from `from` on whose x is at least `x`; columns are short, so the search starts with small steps. */
function nextIndex(xs: Float64Array, from: number, end: number, x: number): number {
  let step = 1;
  let low = from;
  while (low + step < end && xs[low + step]! < x) {
    low += step;
    step *= 2;
  }
  let high = Math.min(end, low + step);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (xs[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface ValueRange extends Window {
  /** Points above or below that the clip leaves out. */
  numClipped: number;
  /** Points that a logarithmic axis cannot show. */
  numNotPositive: number;
}

/** How many values the percentiles of the clip look at; more would change nothing that an eye can see. */
const sampleSize = 4096;

/** The range of y that shows the curves in the window. With `clip`, only what lies between the 2nd and 98th percentile decides. */
export function valueRange(
  curves: readonly Curve[],
  window: Window,
  { clip, log }: { clip: boolean; log: boolean },
): ValueRange | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const sample: number[] = [];
  let numNotPositive = 0;
  for (const curve of curves) {
    const [from, to] = visibleRange(curve, window);
    const stride = Math.max(1, Math.ceil(((to - from) * curves.length) / sampleSize));
    if (clip || log) {
      for (let i = from; i < to; i += stride) {
        const value = curve.raw[i]!;
        if (!Number.isFinite(value)) continue;
        if (log && value <= 0) numNotPositive += stride;
        else sample.push(value);
      }
    }
    const all = [curve.extremes(from, to)];
    if (curve.band !== null) {
      for (let i = from; i < to; i += stride) all.push({ min: curve.band.low[i]!, max: curve.band.high[i]! });
    }
    for (const extremes of all) {
      if (extremes === null) continue;
      if (!log || extremes.min > 0) min = Math.min(min, extremes.min);
      if (!log || extremes.max > 0) max = Math.max(max, extremes.max);
    }
  }
  let numClipped = 0;
  if ((clip || (log && numNotPositive > 0)) && sample.length > 0) {
    sample.sort((a, b) => a - b);
    const low = clip ? percentile(sample, 0.02) : sample[0]!;
    const high = clip ? percentile(sample, 0.98) : Math.max(max, sample.at(-1)!);
    if (clip) numClipped = countOutside(curves, window, low, high);
    [min, max] = [low, high];
  }
  if (!(min <= max)) return null;
  if (log) return { min: min / 1.15, max: max * 1.15, numClipped, numNotPositive };
  const margin = max > min ? (max - min) * 0.06 : max === 0 ? 1 : Math.abs(max) * 0.05;
  return { min: min - margin, max: max + margin, numClipped, numNotPositive };
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))]!;
}

/** Exact up to a million points; it runs only when the window or the data changes while the clip is on. */
function countOutside(curves: readonly Curve[], window: Window, low: number, high: number): number {
  let outside = 0;
  for (const curve of curves) {
    const [from, to] = visibleRange(curve, window);
    for (let i = from; i < to; i++) if (curve.raw[i]! < low || curve.raw[i]! > high) outside++;
  }
  return outside;
}

/** The stretch of x that all curves cover. */
export function fullWindow(curves: readonly Curve[], logX: boolean): Window | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { xs, numPoints } of curves) {
    const first = logX ? firstPositive(xs, numPoints) : 0;
    if (first >= numPoints) continue;
    min = Math.min(min, xs[first]!);
    max = Math.max(max, xs[numPoints - 1]!);
  }
  if (!(min <= max)) return null;
  if (min === max) return logX ? { min: min / 2, max: max * 2 } : { min: min - 0.5, max: max + 0.5 };
  return { min, max };
}

function firstPositive(xs: Float64Array, numPoints: number): number {
  let first = lowerBound(xs, numPoints, 0);
  while (first < numPoints && xs[first]! <= 0) first++;
  return first;
}
