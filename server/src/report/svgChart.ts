/**
 * Line charts as self-contained SVG text, for reports that open anywhere without a script. Colours come from CSS variables
 * of the page, so that light and dark themes need no second picture. Interactive charts are the dashboard's job, not ours.
 */
import { escapeHtml } from "./escapeHtml";

export interface ChartSeries {
  readonly name: string;
  /** Same length as `y`, increasing. */
  readonly x: readonly number[];
  /** NaN breaks the line. */
  readonly y: readonly number[];
  /** Draw each point as a marker (evaluations) instead of a smoothed line (steps). */
  readonly markers?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly series: readonly ChartSeries[];
  /** Weight of the past in the debiased exponential mean, 0 (raw) to below 1, as TensorBoard counts it. */
  readonly smoothing?: number;
  readonly width?: number;
  readonly height?: number;
}

const MARGIN = { left: 52, right: 12, top: 30, bottom: 34 };
/** Second channel beside colour, for readers who cannot tell colours apart. */
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

/** Debiased exponential moving average, exactly TensorBoard's: non-finite values are passed over. */
export function smooth(values: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...values];
  let last = 0;
  let count = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    count++;
    return last / (1 - weight ** count);
  });
}

/** Ticks at 1, 2 or 5 times a power of ten, about `count` of them, covering [low, high]. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999) ?? power * 10;
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) {
    ticks.push(Number((index * step).toPrecision(12)));
  }
  return ticks;
}

/** @returns one `<svg>` element; a chart without a finite point says so instead of showing empty axes */
export function svgChart(
  { title: english, xLabel, series, smoothing = 0, width = 460, height = 240 }: ChartOptions,
  say: (english: string) => string = (text) => text,
): string {
  const title = say(english);
  const points = series
    .flatMap((line) => line.x.map((x, index) => [x, line.y[index]!] as const))
    .filter(([, y]) => Number.isFinite(y));
  const head = `<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(describe(title, series, say))}">
<text class="chart-title" x="${MARGIN.left}" y="18">${escapeHtml(title)}</text>`;
  if (points.length === 0)
    return `${head}<text class="tick" x="${MARGIN.left}" y="${height / 2}">${escapeHtml(say("no data"))}</text></svg>`;

  let [xLow, xHigh] = extent(points.map(([x]) => x));
  let [yLow, yHigh] = extent(points.map(([, y]) => y));
  if (xLow === xHigh) [xLow, xHigh] = [xLow - 0.5, xHigh + 0.5];
  if (yLow === yHigh) [yLow, yHigh] = [yLow - 0.5, yHigh + 0.5];
  const pad = (yHigh - yLow) * 0.05;
  [yLow, yHigh] = [yLow - pad, yHigh + pad];

  const plotWidth = width - MARGIN.left - MARGIN.right;
  const legend = series.length > 1 ? legendPlaces(title, series, width) : [];
  const top = MARGIN.top + (legend.at(-1)?.y ?? 0);
  const plotHeight = height - top - MARGIN.bottom;
  const toX = (x: number) => round(MARGIN.left + ((x - xLow) / (xHigh - xLow)) * plotWidth);
  const toY = (y: number) => round(top + (1 - (y - yLow) / (yHigh - yLow)) * plotHeight);

  const parts = [head];
  for (const tick of niceTicks(yLow, yHigh, 5)) {
    parts.push(
      `<line class="grid" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${toY(tick)}" y2="${toY(tick)}"/>`,
    );
    parts.push(
      `<text class="tick" text-anchor="end" x="${MARGIN.left - 6}" y="${toY(tick) + 4}">${formatTick(tick)}</text>`,
    );
  }
  for (const tick of niceTicks(xLow, xHigh, Math.min(6, Math.max(1, xHigh - xLow)))) {
    parts.push(
      `<text class="tick" text-anchor="middle" x="${toX(tick)}" y="${height - MARGIN.bottom + 16}">${formatTick(tick)}</text>`,
    );
  }
  parts.push(
    `<text class="tick" text-anchor="end" x="${width - MARGIN.right}" y="${height - 4}">${escapeHtml(say(xLabel))}</text>`,
  );

  series.forEach((line, index) => {
    const colour = `var(--series-${index % 6})`;
    const dash = DASHES[index % DASHES.length]!;
    if (!line.markers && smoothing > 0) {
      parts.push(`<path class="raw" d="${path(line.x, line.y, toX, toY)}" stroke="${colour}"/>`);
    }
    const shown = line.markers ? line.y : smooth(line.y, smoothing);
    parts.push(
      `<path class="line" d="${path(line.x, shown, toX, toY)}" stroke="${colour}" stroke-dasharray="${dash}"/>`,
    );
    if (line.markers || line.x.length === 1) {
      line.x.forEach((x, at) => {
        const y = line.y[at]!;
        if (Number.isFinite(y)) parts.push(`<circle cx="${toX(x)}" cy="${toY(y)}" r="3.5" fill="${colour}"/>`);
      });
    }
  });
  legend.forEach(({ x, y }, index) => {
    const colour = `var(--series-${index % 6})`;
    parts.push(
      `<line x1="${x}" x2="${x + 18}" y1="${y + 14}" y2="${y + 14}" stroke="${colour}" stroke-width="2" stroke-dasharray="${DASHES[index % DASHES.length]}"/>`,
    );
    parts.push(`<text class="tick" x="${x + 22}" y="${y + 18}">${escapeHtml(series[index]!.name)}</text>`);
  });
  parts.push("</svg>");
  return parts.join("\n");
}

/** Where the names of the lines begin: beside the title, and in further rows below it where there is no room. */
function legendPlaces(title: string, series: readonly ChartSeries[], width: number): { x: number; y: number }[] {
  let [x, y] = [MARGIN.left + titleWidth(title) + 18, 0];
  return series.map(({ name }) => {
    const wide = 34 + 6.2 * name.length;
    if (x + wide - 12 > width - MARGIN.right && x > MARGIN.left) [x, y] = [MARGIN.left, y + 16];
    const place = { x, y };
    x += wide;
    return place;
  });
}

/** About, in pixels: Chinese characters are as wide as they are high. */
function titleWidth(title: string): number {
  return [...title].reduce((sum, character) => sum + (/\p{Script=Han}/u.test(character) ? 13 : 8), 0);
}

/** A sentence for screen readers: first and last value of every line. */
function describe(title: string, series: readonly ChartSeries[], say: (english: string) => string): string {
  const sentences = series.map((line) => {
    const finite = line.y.filter((y) => Number.isFinite(y));
    if (finite.length === 0) return `${line.name}: ${say("no data")}`;
    return say(
      `${line.name} from ${formatValue(finite[0]!)} to ${formatValue(finite.at(-1)!)} over ${finite.length} points`,
    );
  });
  return `${title}: ${sentences.join("; ")}`;
}

function path(
  xs: readonly number[],
  ys: readonly number[],
  toX: (x: number) => number,
  toY: (y: number) => number,
): string {
  let text = "";
  let pen = "M";
  xs.forEach((x, index) => {
    const y = ys[index]!;
    if (!Number.isFinite(y)) {
      pen = "M";
      return;
    }
    text += `${pen}${toX(x)} ${toY(y)}`;
    pen = "L";
  });
  return text;
}

function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

const round = (value: number) => Math.round(value * 10) / 10;

/** All digits of it: ticks are round, and neighbours may differ in the fourth digit. */
function formatTick(value: number): string {
  return isFar(value) ? value.toExponential().replace("e+", "e") : String(value);
}

function formatValue(value: number): string {
  return isFar(value) ? value.toExponential(1).replace("e+", "e") : String(Number(value.toPrecision(3)));
}

const isFar = (value: number) => value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5);
