/**
 * `<iad-chart>`: one interactive chart. uPlot gives the axes, the grid, the zoom rectangle and the cross-hair that all charts with
 * one x-axis share; the curves are drawn here from their pyramids, so that the number of points does not matter. What is drawn
 * comes as one `model`; what the person does goes out through its callbacks.
 */
import type { XAxis } from "@iad-r1/protocol/webview";
import uPlot from "uplot";
import { formatNumber, t } from "../host/l10n";
import { nearestIndex } from "../state/series";
import { countsWhole, formatTick, formatX, wholeIncrements } from "./axes";
import {
  type Curve,
  fullWindow,
  isDecimated,
  type Projection,
  traceRaw,
  traceSmooth,
  type ValueRange,
  valueRange,
  type Window,
} from "./curve";
import { type ChartTheme, colorOf, dashOf, onThemeChange, readChartTheme } from "./palette";
import { announce } from "../components/announce";
import { summarize } from "./summary";

export interface ChartModel {
  title: string;
  curves: readonly Curve[];
  xAxis: XAxis;
  logX: boolean;
  logY: boolean;
  /** Let outliers leave the picture. */
  clip: boolean;
  /** null: everything. */
  window: Window | null;
  /** Where something began to count differently: a broken line from top to bottom, and a sentence for those who cannot see it. */
  marks: readonly { x: number; text: string }[];
  height: number;
  onWindow(window: Window | null): void;
  /** A point was chosen: by a click, or by Enter at the cross-hair. null: there is nothing behind the points. */
  onPick: ((curve: Curve, index: number) => void) | null;
  /** What the current picture leaves out, for a note under the title. */
  onRange?(range: ValueRange | null): void;
}

/** A row of the tooltip. */
interface Reading {
  curve: Curve;
  index: number;
}

const minWidth = 120;
/** Least width of the labels of the y-axis. */
const minLabels = 48;
/** A press that moves less than this many pixels is a click. */
const clickSlack = 4;
/** Of the tooltip. */
const maxReadings = 12;

export class ChartElement extends HTMLElement {
  private chart: uPlot | null = null;
  private structure = "";
  private current: ChartModel | null = null;
  private window: Window = { min: 0, max: 1 };
  private range: ValueRange | null = null;
  private theme: ChartTheme = readChartTheme();
  private readonly tooltip = document.createElement("div");
  private readonly plot = document.createElement("div");
  private stopTheme: (() => void) | null = null;
  private readonly resizes = new ResizeObserver(() => this.resize());
  private press: { x: number; y: number; window: Window; pan: boolean } | null = null;
  /** x of the cross-hair, kept while keys move it. */
  private cursorX: number | null = null;
  private frame = 0;
  private isInSight = true;
  /** The model changed while the chart was scrolled away. */
  private isStale = false;
  private readonly sight = new IntersectionObserver(([entry]) => {
    this.isInSight = entry?.isIntersecting ?? true;
    if (this.isInSight && this.isStale) this.update();
  });

  constructor() {
    super();
    this.tooltip.className = "chart-tooltip";
    this.tooltip.hidden = true;
    this.plot.className = "chart-plot";
    this.addEventListener("keydown", (event) => this.onKey(event));
    this.addEventListener("blur", () => this.hideCursor());
  }

  connectedCallback(): void {
    this.tabIndex = 0;
    this.setAttribute("role", "img");
    if (this.plot.parentElement !== this) this.append(this.plot, this.tooltip);
    this.resizes.observe(this);
    this.sight.observe(this);
    this.stopTheme = onThemeChange(() => {
      this.theme = readChartTheme();
      this.structure = "";
      this.update();
    });
    this.update();
  }

  disconnectedCallback(): void {
    this.resizes.disconnect();
    this.sight.disconnect();
    this.isInSight = true;
    this.stopTheme?.();
    cancelAnimationFrame(this.frame);
    this.chart?.destroy();
    this.chart = null;
    this.structure = "";
  }

  set model(model: ChartModel) {
    const isSame = this.current !== null && isSamePicture(this.current, model);
    // Even then: what is called back belongs to the newest state.
    this.current = model;
    if (isSame) return;
    if (!this.isInSight) {
      this.isStale = true;
      return;
    }
    // Several new points within a frame are one drawing.
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.update());
  }

  /** Where the cross-hair of this chart stands, for tests and for the shared read-out. */
  get readings(): { label: string; x: number; raw: number; smoothed: number }[] {
    return this.readingsAt(this.cursorX).map(({ curve, index }) => ({
      label: curve.label,
      x: curve.xs[index]!,
      raw: curve.raw[index]!,
      smoothed: curve.smoothed[index]!,
    }));
  }

  private update(): void {
    const model = this.current;
    if (model === null || !this.isConnected) return;
    this.isStale = false;
    this.window = model.window ?? fullWindow(model.curves, model.logX) ?? { min: 0, max: 1 };
    if (model.logX && this.window.min <= 0)
      this.window = { min: Math.min(1, this.window.max / 2), max: this.window.max };
    this.setAttribute("aria-label", summarize({ ...model, canPick: model.onPick !== null }));
    const structure = [model.xAxis, model.logX, model.logY, model.height].join();
    if (this.chart === null || structure !== this.structure) {
      this.chart?.destroy();
      this.structure = structure;
      this.chart = this.build(model);
    }
    this.chart.setScale("x", this.window);
  }

  private resize(): void {
    const width = Math.max(minWidth, this.clientWidth);
    if (this.chart !== null && this.chart.width !== width && this.current !== null) {
      this.chart.setSize({ width, height: this.current.height });
    }
  }

  private build(model: ChartModel): uPlot {
    const { theme } = this;
    const axis = { stroke: theme.muted, font: theme.font, ticks: { show: false }, gap: 4 };
    const grid = { stroke: theme.grid, width: 1 };
    const chart = new uPlot(
      {
        width: Math.max(minWidth, this.clientWidth),
        height: model.height,
        padding: [8, 10, 0, 0],
        legend: { show: false },
        ms: 1,
        scales: {
          x: {
            time: model.xAxis === "wall",
            auto: false,
            range: () => [this.window.min, this.window.max],
            distr: model.logX ? 3 : 1,
          },
          y: { auto: true, range: () => this.rangeOfY(), distr: model.logY ? 3 : 1 },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 24,
            space: 70,
            ...(countsWhole(model.xAxis) && !model.logX && { incrs: wholeIncrements }),
            ...(model.xAxis !== "wall" && {
              values: (_: uPlot, ticks: number[]) => ticks.map((x) => (x === null ? "" : formatX(model.xAxis, x))),
            }),
          },
          {
            ...axis,
            grid,
            size: (u: uPlot, labels: string[] | null) => axis.gap + widthOfLabels(u.ctx, theme.font, labels ?? []),
            space: 32,
            values: (_: uPlot, ticks: number[]) => ticks.map((y) => (y === null ? "" : formatTick(y))),
          },
        ],
        series: [{}, { scale: "y", show: true, paths: () => null, points: { show: false } }],
        cursor: {
          sync: { key: `x-${model.xAxis}`, scales: ["x", null], setSeries: false, filters: { pub: isMove } },
          points: { show: false },
          drag: { x: true, y: false, setScale: false, dist: clickSlack },
          bind: { dblclick: () => null },
        },
        hooks: {
          draw: [(u) => this.draw(u)],
          setCursor: [(u) => this.onCursor(u)],
          setSelect: [(u) => this.onSelect(u)],
        },
      },
      [
        [0, 1],
        [null, null],
      ],
      this.plot,
    );
    this.listen(chart);
    return chart;
  }

  private rangeOfY(): [number, number] {
    const model = this.current!;
    this.range = valueRange(model.curves, this.window, { clip: model.clip, log: model.logY });
    model.onRange?.(this.range);
    if (this.range === null) return model.logY ? [0.1, 10] : [0, 1];
    return [this.range.min, this.range.max];
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Drawing

  private draw(u: uPlot): void {
    const model = this.current!;
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    const at: Projection = {
      x: (value) => u.valToPos(value, "x", true),
      y: (value) => u.valToPos(value, "y", true),
      xAt: (pixel) => u.posToVal((pixel - bbox.left) / ratio, "x"),
      left: bbox.left,
      width: Math.round(bbox.width),
      logY: model.logY,
    };
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineJoin = "round";
    for (const { x } of model.marks) this.drawMark(ctx, at.x(x), bbox, ratio);
    for (const curve of model.curves) {
      ctx.strokeStyle = ctx.fillStyle = colorOf(this.theme, curve.slot);
      if (curve.band !== null) this.drawBand(ctx, curve, curve.band, at);
      const isSmoothed = curve.smoothed !== curve.raw;
      ctx.setLineDash([]);
      ctx.lineWidth = ratio;
      ctx.globalAlpha = isSmoothed ? 0.38 : 1;
      ctx.beginPath();
      if (isSmoothed) traceRaw(curve, this.window, at, ctx);
      else {
        ctx.lineWidth = 1.5 * ratio;
        ctx.setLineDash(
          isDecimated(curve, this.window, at.width) ? [] : dashOf(curve.slot).map((each) => each * ratio),
        );
        traceRaw(curve, this.window, at, ctx);
      }
      ctx.stroke();
      ctx.globalAlpha = 1;
      if (isSmoothed) {
        ctx.lineWidth = 1.75 * ratio;
        ctx.setLineDash(dashOf(curve.slot).map((each) => each * ratio));
        ctx.beginPath();
        traceSmooth(curve, curve.smoothed, this.window, at, ctx);
        ctx.stroke();
      }
      ctx.setLineDash([]);
      if (curve.numPoints <= 40) drawDots(ctx, curve, at, ratio);
      else if (curve.numPoints > 0) drawEnd(ctx, curve, at, ratio);
    }
    ctx.restore();
  }

  private drawMark(ctx: CanvasRenderingContext2D, x: number, bbox: uPlot.BBox, ratio: number): void {
    ctx.strokeStyle = ctx.fillStyle = this.theme.foreground;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    // A small flag: a line alone could be the cross-hair.
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x + 7 * ratio, bbox.top + 4 * ratio);
    ctx.lineTo(x, bbox.top + 8 * ratio);
    ctx.fill();
  }

  private drawBand(
    ctx: CanvasRenderingContext2D,
    curve: Curve,
    band: NonNullable<Curve["band"]>,
    at: Projection,
  ): void {
    const upper: [number, number][] = [];
    const lower: [number, number][] = [];
    const into = (list: [number, number][]) => ({
      moveTo: (x: number, y: number) => void list.push([x, y]),
      lineTo: (x: number, y: number) => void list.push([x, y]),
    });
    traceSmooth(curve, band.high, this.window, at, into(upper));
    traceSmooth(curve, band.low, this.window, at, into(lower));
    ctx.globalAlpha = 0.18;
    ctx.beginPath();
    for (const [x, y] of [...upper, ...lower.reverse()]) ctx.lineTo(x, y);
    ctx.fill();
    ctx.globalAlpha = 1;
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Pointer and keys

  private listen(chart: uPlot): void {
    const { over } = chart;
    over.addEventListener("dblclick", () => this.current?.onWindow(null));
    over.addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) this.zoomBy(Math.exp(event.deltaY * 0.002), event.offsetX);
        else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && this.current?.window !== null)
          this.panBy(event.deltaX);
        else return;
        event.preventDefault();
      },
      { passive: false },
    );
    over.addEventListener(
      "pointerdown",
      (event) => {
        // The other button opens a menu.
        if (event.button > 1) return;
        const pan = event.shiftKey || event.button === 1;
        this.press = { x: event.clientX, y: event.clientY, window: this.window, pan };
        if (pan) {
          over.setPointerCapture(event.pointerId);
          event.preventDefault();
        }
      },
      { capture: true },
    );
    // uPlot begins its rectangle on mousedown; a pan must not have one.
    over.addEventListener("mousedown", (event) => this.press?.pan && event.stopImmediatePropagation(), {
      capture: true,
    });
    over.addEventListener("pointermove", (event) => {
      if (this.press?.pan) this.showWindow(shift(this.press.window, this.valueDistance(this.press.x - event.clientX)));
    });
    over.addEventListener("pointerup", (event) => {
      const { press } = this;
      this.press = null;
      if (press === null) return;
      if (press.pan) this.current?.onWindow(this.window);
      else if (Math.hypot(event.clientX - press.x, event.clientY - press.y) < clickSlack)
        this.pickNearest(event.offsetX, event.offsetY);
    });
  }

  private onSelect(u: uPlot): void {
    const { left, width } = u.select;
    if (width < clickSlack) return;
    const window = { min: u.posToVal(left, "x"), max: u.posToVal(left + width, "x") };
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.current?.onWindow(window);
  }

  /** Moves the picture at once; the owner hears of it when the hand lets go. */
  private showWindow(window: Window): void {
    this.window = window;
    this.chart?.setScale("x", window);
  }

  private panBy(pixels: number): void {
    this.current?.onWindow(shift(this.window, this.valueDistance(pixels)));
  }

  private valueDistance(pixels: number): number {
    const width = this.chart?.over.clientWidth ?? 1;
    return (pixels / Math.max(1, width)) * (this.window.max - this.window.min);
  }

  private zoomBy(factor: number, pixel: number): void {
    const { chart, current } = this;
    if (chart === null || current === null) return;
    const center = chart.posToVal(pixel, "x");
    const window = {
      min: center - (center - this.window.min) * factor,
      max: center + (this.window.max - center) * factor,
    };
    const full = fullWindow(current.curves, current.logX);
    const isAll = full !== null && window.min <= full.min && window.max >= full.max;
    current.onWindow(isAll ? null : window);
  }

  private onKey(event: KeyboardEvent): void {
    const { chart, current } = this;
    if (chart === null || current === null) return;
    const middle = chart.over.clientWidth / 2;
    const cursor = this.cursorX === null ? middle : chart.valToPos(this.cursorX, "x");
    const actions: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? this.panBy(-middle / 2) : this.moveCursor(-1)),
      ArrowRight: () => (event.shiftKey ? this.panBy(middle / 2) : this.moveCursor(1)),
      "+": () => this.zoomBy(0.7, cursor),
      "=": () => this.zoomBy(0.7, cursor),
      "-": () => this.zoomBy(1 / 0.7, cursor),
      "0": () => current.onWindow(null),
      Home: () => current.onWindow(null),
      Enter: () => this.pickAtCursor(),
      Escape: () => this.hideCursor(),
    };
    const action = actions[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }

  /** To the next or previous point of the first curve. */
  private moveCursor(by: number): void {
    const { chart, current } = this;
    const curve = current?.curves[0];
    if (chart === null || curve === undefined || curve.numPoints === 0) return;
    const now =
      this.cursorX === null ? (by > 0 ? -1 : curve.numPoints) : nearestIndex(curve.xs, curve.numPoints, this.cursorX);
    const index = Math.min(curve.numPoints - 1, Math.max(0, now + by));
    const x = curve.xs[index]!;
    if (x < this.window.min || x > this.window.max) {
      const half = (this.window.max - this.window.min) / 2;
      this.showWindow({ min: x - half, max: x + half });
    }
    chart.setCursor({ left: chart.valToPos(x, "x"), top: chart.valToPos(curve.smoothed[index]!, "y") });
    // Pixels are whole; the point itself is exact.
    this.cursorX = x;
    this.showTooltip(chart);
    announce(this.spokenReadings());
  }

  /** The tooltip in words. */
  private spokenReadings(): string {
    const { xAxis } = this.current!;
    const readings = this.sortedReadings();
    const said = readings.slice(0, maxReadings).map(({ curve, index }) => {
      const raw = formatNumber(curve.raw[index]!);
      if (curve.smoothed === curve.raw) return `${curve.label} ${raw}`;
      const smoothed = formatNumber(curve.smoothed[index]!);
      return `${curve.label} ${t("chart.smoothed")} ${smoothed}, ${t("chart.raw")} ${raw}`;
    });
    const first = readings[0];
    return first === undefined ? "" : [placeOf(first, xAxis), ...said].join("; ");
  }

  private hideCursor(): void {
    this.cursorX = null;
    this.tooltip.hidden = true;
    this.chart?.setCursor({ left: -10, top: -10 });
  }

  private pickAtCursor(): void {
    const reading = this.readingsAt(this.cursorX)[0];
    if (reading !== undefined) this.current?.onPick?.(reading.curve, reading.index);
  }

  private pickNearest(left: number, top: number): void {
    const { chart, current } = this;
    if (chart === null || current === null) return;
    const distance = ({ curve, index }: Reading) => Math.abs(chart.valToPos(curve.smoothed[index]!, "y") - top);
    const nearest = this.readingsAt(chart.posToVal(left, "x")).sort((a, b) => distance(a) - distance(b))[0];
    if (nearest !== undefined) current.onPick?.(nearest.curve, nearest.index);
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Tooltip

  private onCursor(u: uPlot): void {
    const left = u.cursor.left ?? -1;
    this.cursorX = left < 0 ? null : u.posToVal(left, "x");
    this.showTooltip(u);
  }

  private readingsAt(x: number | null): Reading[] {
    if (x === null || this.current === null) return [];
    return this.current.curves.flatMap((curve) => {
      const index = nearestIndex(curve.xs, curve.numPoints, x);
      return index < 0 ? [] : [{ curve, index }];
    });
  }

  /** As they stand above each other. */
  private sortedReadings(): Reading[] {
    return this.readingsAt(this.cursorX).sort((a, b) => b.curve.smoothed[b.index]! - a.curve.smoothed[a.index]!);
  }

  private showTooltip(u: uPlot): void {
    // Every chart shows the cross-hair; only the one under the hand shows the numbers.
    const isMine = u.over.matches(":hover") || document.activeElement === this;
    const readings = isMine ? this.sortedReadings() : [];
    this.tooltip.hidden = readings.length === 0;
    if (readings.length === 0) return;
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    cell(head, placeOf(readings[0]!, this.current!.xAxis), "th").colSpan = 2;
    const hasSmoothing = readings.some(({ curve }) => curve.smoothed !== curve.raw);
    cell(head, hasSmoothing ? t("chart.smoothed") : "", "th");
    cell(head, t("chart.raw"), "th");
    for (const { curve, index } of readings.slice(0, maxReadings)) {
      const row = table.insertRow();
      const swatch = cell(row, "●");
      swatch.style.color = colorOf(this.theme, curve.slot);
      cell(row, curve.label);
      cell(row, curve.smoothed === curve.raw ? "" : formatNumber(curve.smoothed[index]!));
      cell(row, formatNumber(curve.raw[index]!));
    }
    this.tooltip.replaceChildren(table);
    const left = (u.cursor.left ?? 0) + u.over.offsetLeft;
    const flips = left > this.clientWidth / 2;
    this.tooltip.style.left = flips ? "" : `${left + 14}px`;
    this.tooltip.style.right = flips ? `${this.clientWidth - left + 14}px` : "";
  }
}

/** "Step 12", or "Epoch 0.5 · Step 12". */
function placeOf({ curve, index }: Reading, xAxis: XAxis): string {
  const step = xAxis === "step" ? "" : ` · ${t("axis.step")} ${curve.steps[index]!}`;
  return `${t(`axis.${xAxis}`)} ${formatX(xAxis, curve.xs[index]!)}${step}`;
}

/** Whether two models look the same; curves are made anew whenever their points or choices change. */
function isSamePicture(a: ChartModel, b: ChartModel): boolean {
  return (
    a.curves.length === b.curves.length &&
    a.curves.every((curve, i) => curve === b.curves[i]) &&
    (["title", "xAxis", "logX", "logY", "clip", "height"] as const).every((key) => a[key] === b[key]) &&
    a.window?.min === b.window?.min &&
    a.window?.max === b.window?.max &&
    JSON.stringify(a.marks) === JSON.stringify(b.marks)
  );
}

/** Charts share the cross-hair; a zoom rectangle belongs to the chart it was drawn in. */
function isMove(type: string): boolean {
  return type === "mousemove" || type === "mouseleave";
}

function cell(row: HTMLTableRowElement, text: string, tag: "td" | "th" = "td"): HTMLTableCellElement {
  const element = document.createElement(tag);
  element.textContent = text;
  row.append(element);
  return element;
}

function shift(window: Window, by: number): Window {
  return { min: window.min + by, max: window.max + by };
}

/** Room for the labels of the y-axis; the same for all that are short, so that charts above each other line up. */
function widthOfLabels(ctx: CanvasRenderingContext2D, font: string, labels: readonly string[]): number {
  ctx.save();
  ctx.font = font;
  const widths = labels.map((label) => ctx.measureText(label).width);
  ctx.restore();
  return Math.max(minLabels, Math.ceil(Math.max(...widths)));
}

function drawDots(ctx: CanvasRenderingContext2D, curve: Curve, at: Projection, ratio: number): void {
  for (let i = 0; i < curve.numPoints; i++) dot(ctx, at.x(curve.xs[i]!), at.y(curve.raw[i]!), 2.2 * ratio);
}

/** Where the curve ends now. */
function drawEnd(ctx: CanvasRenderingContext2D, curve: Curve, at: Projection, ratio: number): void {
  const last = curve.numPoints - 1;
  dot(ctx, at.x(curve.xs[last]!), at.y(curve.smoothed[last]!), 2.6 * ratio);
}

function dot(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}

customElements.define("iad-chart", ChartElement);
