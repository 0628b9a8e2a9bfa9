/** From the columns of runs to the curves of charts: x-axes, smoothing, groups with bands. Cached; nothing here draws or asks. */
import type { DashboardRun, SmoothingMethod, XAxis } from "@iad-r1/protocol/webview";
import type { Curve } from "../charts/curve";
import { smooth } from "../charts/smoothing";
import { lowerBound, Pyramid, Series } from "./series";

/** The points of all columns of one run. */
export class RunSeries {
  private readonly columns = new Map<string, Series>();

  get(stage: string, name: string): Series | undefined {
    return this.columns.get(keyOf(stage, name));
  }

  ensure(stage: string, name: string): Series {
    const key = keyOf(stage, name);
    const series = this.columns.get(key) ?? new Series();
    this.columns.set(key, series);
    return series;
  }
}

function keyOf(stage: string, name: string): string {
  return `${stage}\u0000${name}`;
}

export interface CurveOptions {
  xAxis: XAxis;
  method: SmoothingMethod;
  weight: number;
}

interface Cached {
  key: string;
  curve: Curve;
}

/** Makes curves and keeps the last one of each column: only what changed is computed again. */
export class CurveMaker {
  private readonly cache = new Map<string, Cached>();

  curve(
    run: DashboardRun,
    series: RunSeries,
    { stage, name, label, slot }: { stage: string; name: string; label: string; slot: number },
    options: CurveOptions,
  ): Curve | null {
    const points = series.get(stage, name);
    if (points === undefined || points.numPoints === 0) return null;
    const id = `${run.id}\u0000${stage}\u0000${name}`;
    const { xAxis, method, weight } = options;
    const key = [
      points.version,
      series.get(stage, axisColumn(xAxis))?.version,
      run.pauses.length,
      xAxis,
      method,
      weight,
      label,
      slot,
    ].join();
    const cached = this.cache.get(id);
    if (cached?.key === key) return cached.curve;
    const curve: Curve = {
      ...{ id, label, slot, numPoints: points.numPoints },
      xs: axisValues(run, series, stage, points, xAxis),
      steps: points.steps,
      raw: points.values,
      smoothed:
        method === "none" || weight <= 0 ? points.values : smooth(points.values, points.numPoints, method, weight),
      extremes: (from, to) => points.extremes(from, to),
      band: null,
      source: { run: run.id, stage, name, series: points },
    };
    this.cache.set(id, { key, curve });
    return curve;
  }

  forget(run: string): void {
    for (const id of this.cache.keys()) if (id.startsWith(`${run}\u0000`)) this.cache.delete(id);
  }
}

function axisColumn(axis: XAxis): string {
  return axis === "epoch" ? "epoch" : axis === "tokens" ? "num_tokens" : "";
}

/** Whether the run has what the axis needs. */
export function hasAxis(run: DashboardRun, stage: string, axis: XAxis): boolean {
  if (axis === "samples") return (run.samplesPerStep[stage] ?? 0) > 0;
  const column = axisColumn(axis);
  return column === "" || run.columns.some((each) => each.stage === stage && each.name === column);
}

/** The x of every point; an axis that the stage does not have falls back to steps. */
export function axisValues(
  run: DashboardRun,
  all: RunSeries,
  stage: string,
  points: Series,
  axis: XAxis,
): Float64Array {
  const { numPoints, steps, timesMs } = points;
  if (axis === "wall") return timesMs;
  if (axis === "relative") {
    const start = run.createdMs;
    return Float64Array.from({ length: numPoints }, (_, i) => (timesMs[i]! - start) / 1000);
  }
  if (axis === "process") {
    return Float64Array.from(
      { length: numPoints },
      (_, i) => (timesMs[i]! - run.createdMs - pausedBefore(run, timesMs[i]!)) / 1000,
    );
  }
  if (axis === "samples" && hasAxis(run, stage, axis)) {
    const perStep = run.samplesPerStep[stage]!;
    return Float64Array.from({ length: numPoints }, (_, i) => steps[i]! * perStep);
  }
  const column = all.get(stage, axisColumn(axis));
  if ((axis !== "epoch" && axis !== "tokens") || column === undefined || column.numPoints === 0) return steps;
  return Float64Array.from({ length: numPoints }, (_, i) =>
    interpolate(column.steps, column.values, column.numPoints, steps[i]!),
  );
}

function pausedBefore(run: DashboardRun, timeMs: number): number {
  return run.pauses.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, timeMs) - from), 0);
}

/** Linear between neighbours; 0 at step 0; the last value behind the end. */
function interpolate(xs: Float64Array, ys: Float64Array, n: number, x: number): number {
  const right = lowerBound(xs, n, x);
  if (right === n) return ys[n - 1]!;
  if (xs[right] === x) return ys[right]!;
  const x0 = right === 0 ? 0 : xs[right - 1]!;
  const y0 = right === 0 ? 0 : ys[right - 1]!;
  return y0 + ((x - x0) / (xs[right]! - x0)) * (ys[right]! - y0);
}

export type BandKind = "minmax" | "std" | "sem" | "none";

/** More places on the x-axis than this are thinned: a group is a summary, its members keep every point. */
const maxGridPoints = 4000;

/**
 * The mean of several curves with the spread around it, at every x that any of them has; a curve counts only where it has points
 * on both sides.
 */
export function groupCurve(
  members: readonly Curve[],
  { label, slot, band }: { label: string; slot: number; band: BandKind },
): Curve | null {
  const grid = unionGrid(members);
  const n = grid.length;
  if (n === 0) return null;
  const mean = new Float64Array(n);
  const smoothMean = new Float64Array(n);
  const low = new Float64Array(n);
  const high = new Float64Array(n);
  const steps = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const x = grid[i]!;
    const inside = members.filter((curve) => x >= curve.xs[0]! && x <= curve.xs[curve.numPoints - 1]!);
    const values = inside.map((curve) => valueAt(curve, curve.raw, x));
    const smoothed = inside.map((curve) => valueAt(curve, curve.smoothed, x));
    mean[i] = average(values);
    smoothMean[i] = average(smoothed);
    steps[i] = inside.length === 0 ? 0 : Math.round(valueAt(inside[0]!, inside[0]!.steps, x));
    const spread = spreadOf(smoothed, smoothMean[i]!, band);
    low[i] = spread.low;
    high[i] = spread.high;
  }
  const pyramid = new Pyramid();
  pyramid.update(mean, 0, n);
  return {
    ...{ id: `group\u0000${label}`, label, slot, numPoints: n, xs: grid, steps, raw: mean },
    smoothed: members.some((curve) => curve.smoothed !== curve.raw) ? smoothMean : mean,
    extremes: (from, to) => pyramid.extremes(mean, from, to),
    band: band === "none" ? null : { low, high },
    source: null,
  };
}

function unionGrid(members: readonly Curve[]): Float64Array {
  const all = new Set<number>();
  for (const { xs, numPoints } of members) {
    const stride = Math.max(1, Math.ceil((numPoints * members.length) / maxGridPoints));
    for (let i = 0; i < numPoints; i += stride) all.add(xs[i]!);
    if (numPoints > 0) all.add(xs[numPoints - 1]!);
  }
  return Float64Array.from(all).sort();
}

function valueAt({ xs, numPoints }: Curve, ys: Float64Array, x: number): number {
  const right = Math.min(numPoints - 1, lowerBound(xs, numPoints, x));
  if (xs[right] === x || right === 0) return ys[right]!;
  const share = (x - xs[right - 1]!) / (xs[right]! - xs[right - 1]!);
  return ys[right - 1]! + share * (ys[right]! - ys[right - 1]!);
}

function average(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function spreadOf(values: readonly number[], mean: number, band: BandKind): { low: number; high: number } {
  if (band === "minmax") return { low: Math.min(...values), high: Math.max(...values) };
  const deviation =
    values.length < 2
      ? 0
      : Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  const reach = band === "sem" ? deviation / Math.sqrt(Math.max(1, values.length)) : deviation;
  return { low: mean - reach, high: mean + reach };
}
