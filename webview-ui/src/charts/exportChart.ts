/** Charts as files: SVG drawn by the same traces as the live chart, PNG painted from that SVG, CSV and JSON with every point. */
import { t } from "../host/l10n";
import { formatTick, formatX, linearTicks, logTicks } from "./axes";
import type { ChartModel } from "./chartElement";
import {
  type Curve,
  fullWindow,
  type Pen,
  type Projection,
  traceRaw,
  traceSmooth,
  valueRange,
  type Window,
} from "./curve";
import { type ChartTheme, colorOf, dashOf } from "./palette";

const size = { width: 720, height: 360 };
const margin = { left: 64, right: 16, top: 36, bottom: 44 };

type Drawable = Pick<ChartModel, "title" | "curves" | "xAxis" | "logX" | "logY" | "clip" | "window"> &
  Partial<Pick<ChartModel, "marks">>;

/** One `<svg>` that opens anywhere, with the colours of the theme it was made in. */
export function chartSvg(model: Drawable, theme: ChartTheme): string {
  const window: Window = model.window ?? fullWindow(model.curves, model.logX) ?? { min: 0, max: 1 };
  const range = valueRange(model.curves, window, { clip: model.clip, log: model.logY }) ?? { min: 0, max: 1 };
  const width = size.width - margin.left - margin.right;
  const height = size.height - margin.top - margin.bottom;
  const scaleX = scale(window, model.logX);
  const scaleY = scale(range, model.logY);
  const at: Projection = {
    x: (value) => margin.left + scaleX.share(value) * width,
    y: (value) => margin.top + (1 - scaleY.share(value)) * height,
    xAt: (pixel) => scaleX.value((pixel - margin.left) / width),
    left: margin.left,
    width,
    logY: model.logY,
  };
  const parts: string[] = [];
  const text = (x: number, y: number, content: string, anchor: string, fill = theme.muted) =>
    parts.push(
      `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}">${escapeXml(content)}</text>`,
    );
  for (const tick of model.logY ? logTicks(range.min, range.max) : linearTicks(range.min, range.max, 6)) {
    const y = at.y(tick);
    parts.push(
      `<line x1="${margin.left}" x2="${margin.left + width}" y1="${round(y)}" y2="${round(y)}" stroke="${theme.grid}"/>`,
    );
    text(margin.left - 8, y + 4, formatTick(tick), "end");
  }
  for (const tick of model.logX ? logTicks(window.min, window.max) : linearTicks(window.min, window.max, 6)) {
    text(at.x(tick), margin.top + height + 18, formatX(model.xAxis, tick), "middle");
  }
  text(margin.left + width / 2, size.height - 8, t(`axis.${model.xAxis}`), "middle");
  text(margin.left, 20, model.title, "start", theme.foreground);
  const lines = model.curves.flatMap((curve) => curveSvg(curve, window, at, theme));
  let legendX = margin.left + width;
  for (const curve of [...model.curves].reverse().slice(0, 6)) {
    text(legendX, 20, curve.label, "end", colorOf(theme, curve.slot));
    legendX -= curve.label.length * 7 + 18;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="${theme.background}"/>`,
    `<clipPath id="plot"><rect x="${margin.left}" y="${margin.top}" width="${width}" height="${height}"/></clipPath>`,
    ...parts,
    `<g clip-path="url(#plot)" fill="none" stroke-linejoin="round">`,
    ...(model.marks ?? []).map(({ x, text: said }) => {
      const place = `x1="${round(at.x(x))}" x2="${round(at.x(x))}" y1="${margin.top}" y2="${margin.top + height}"`;
      return `<line ${place} stroke="${theme.foreground}" stroke-dasharray="4 3"><title>${escapeXml(said)}</title></line>`;
    }),
    ...lines,
    "</g></svg>",
  ].join("\n");
}

function curveSvg(curve: Curve, window: Window, at: Projection, theme: ChartTheme): string[] {
  const color = colorOf(theme, curve.slot);
  const dash = dashOf(curve.slot).join(" ");
  const stroke = `stroke="${color}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
  const out: string[] = [];
  if (curve.band !== null) {
    const high = new PathPen();
    const low = new PathPen();
    traceSmooth(curve, curve.band.high, window, at, high);
    traceSmooth(curve, curve.band.low, window, at, low);
    const points = [...high.points, ...low.points.reverse()];
    out.push(
      `<polygon points="${points.map(([x, y]) => `${x},${y}`).join(" ")}" fill="${color}" fill-opacity="0.18"/>`,
    );
  }
  const raw = new PathPen();
  traceRaw(curve, window, at, raw);
  const isSmoothed = curve.smoothed !== curve.raw;
  out.push(
    isSmoothed
      ? `<path d="${raw.path}" stroke="${color}" stroke-opacity="0.32"/>`
      : `<path d="${raw.path}" ${stroke} stroke-width="1.5"/>`,
  );
  if (isSmoothed) {
    const line = new PathPen();
    traceSmooth(curve, curve.smoothed, window, at, line);
    out.push(`<path d="${line.path}" ${stroke} stroke-width="1.75"/>`);
  }
  return out;
}

class PathPen implements Pen {
  readonly points: [number, number][] = [];
  private readonly pieces: string[] = [];

  moveTo(x: number, y: number): void {
    this.add("M", x, y);
  }

  lineTo(x: number, y: number): void {
    this.add("L", x, y);
  }

  get path(): string {
    return this.pieces.join("");
  }

  private add(command: string, x: number, y: number): void {
    this.points.push([round(x), round(y)]);
    this.pieces.push(`${command}${round(x)} ${round(y)}`);
  }
}

function scale({ min, max }: Window, log: boolean): { share(value: number): number; value(share: number): number } {
  if (!log) return { share: (value) => (value - min) / (max - min), value: (share) => min + share * (max - min) };
  const low = Math.log(min);
  const high = Math.log(max);
  return {
    share: (value) => (Math.log(value) - low) / (high - low),
    value: (share) => Math.exp(low + share * (high - low)),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escapeXml(value: string): string {
  return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** The SVG as a picture of twice its size, for papers and chats. */
export async function svgToPng(svg: string): Promise<Uint8Array> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = size.width * 2;
  canvas.height = size.height * 2;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob === null) throw new Error("the picture could not be painted");
  return new Uint8Array(await blob.arrayBuffer());
}

export interface ExportedChart {
  name: string;
  curves: readonly Curve[];
}

/** Every point of every curve: one line a point. */
export function chartsCsv(charts: readonly ExportedChart[]): string {
  const lines = ["chart,curve,step,time_ms,value,smoothed"];
  for (const { name, curves } of charts) {
    for (const curve of curves) {
      for (let i = 0; i < curve.numPoints; i++) {
        const time = curve.source?.series.timesMs[i] ?? "";
        lines.push([quote(name), quote(curve.label), curve.steps[i], time, curve.raw[i], curve.smoothed[i]].join(","));
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A name that begins like a formula would be run by a spreadsheet. */
function quote(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function chartsJson(charts: readonly ExportedChart[]): string {
  const plain = charts.map(({ name, curves }) => ({
    chart: name,
    curves: curves.map((curve) => ({
      label: curve.label,
      run: curve.source?.run ?? null,
      stage: curve.source?.stage ?? null,
      metric: curve.source?.name ?? null,
      steps: [...curve.steps.subarray(0, curve.numPoints)],
      timesMs: curve.source === null ? null : [...curve.source.series.timesMs.subarray(0, curve.numPoints)],
      values: [...curve.raw.subarray(0, curve.numPoints)],
      smoothed: [...curve.smoothed.subarray(0, curve.numPoints)],
    })),
  }));
  return `${JSON.stringify(plain, null, 1)}\n`;
}
