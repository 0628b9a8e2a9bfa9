/** Ticks and their labels for exported charts, and the labels of x-axes. The live chart's ticks are uPlot's. */
import type { XAxis } from "@iad-r1/protocol/webview";
import { formatDuration, formatTime, locale } from "../host/l10n";

/** Ticks at 1, 2 or 5 times a power of ten, about `count` of them, inside [low, high]. */
export function linearTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999) ?? power * 10;
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) {
    ticks.push(Number((index * step).toPrecision(12)));
  }
  return ticks;
}

/** Distances of ticks on axes that count: there is no half of a step. */
export const wholeIncrements: number[] = Array.from({ length: 13 }, (_, power) =>
  [1, 2, 5].map((factor) => factor * 10 ** power),
).flat();

export const countsWhole = (axis: XAxis) => axis === "step" || axis === "samples" || axis === "tokens";

/** Powers of ten, with 2 and 5 times them when there are few. */
export function logTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = first; power <= last; power++) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low && tick <= high) ticks.push(Number(tick.toPrecision(12)));
    }
  }
  return ticks;
}

export function formatX(axis: XAxis, value: number): string {
  if (axis === "wall") return formatTime(value);
  if (axis === "relative" || axis === "process") return formatDuration(value);
  return formatTick(value);
}

/** All digits of a tick: it is round, and its neighbour may differ in the fourth digit. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return Number(value.toPrecision(12)).toExponential();
  return new Intl.NumberFormat(locale, { maximumSignificantDigits: 12 }).format(value);
}
