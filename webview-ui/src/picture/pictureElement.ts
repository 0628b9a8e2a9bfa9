/**
 * `<iad-picture>`: a picture that can be zoomed and moved, with overlays. It draws tiles that a worker decodes, so its size does not
 * matter. Keys are handled by the app (they are VS Code commands too); pointer and wheel here.
 */
import type { GroundTruth, HeatMap } from "@iad-r1/protocol/webview";
import { formatNumber, t } from "../host/l10n";
import { onThemeChange } from "../charts/palette";
import {
  drawGrid,
  drawHeat,
  drawPredicted,
  drawTruth,
  heatBitmap,
  type OverlayColors,
  type Placement,
  type PredictedCell,
} from "./overlays";
import { openPicture, type PictureSource, tintedMask, tileSize } from "./source";
import { originOf, panBy, scaleOf, type Size, toPicture, type Viewport, zoomAt } from "./viewport";

export interface PictureModel {
  name: string;
  uri: string;
  /** Drawn instead of the picture while `show` is "reference", and taken away from it for "difference". */
  referenceUri: string | null;
  show: "picture" | "reference" | "difference";
  viewport: Viewport;
  onViewport(viewport: Viewport): void;
  grid: boolean;
  predicted: readonly PredictedCell[];
  truth: GroundTruth | null;
  heat: HeatMap | null;
  /** 0 to 1, of mask and heat map. */
  opacity: number;
  /** Ids of the SVG filters of the page, or "" for none. */
  filter: string;
  onPixel(pixel: PixelReading | null): void;
  /** The picture came, or is shown at another scale. */
  onLayout(): void;
}

export interface PixelReading {
  x: number;
  y: number;
  rgba: [number, number, number, number] | null;
}

export class PictureElement extends HTMLElement {
  private current: PictureModel | null = null;
  private source: PictureSource | null = null;
  private reference: PictureSource | null = null;
  private readonly canvas = document.createElement("canvas");
  private readonly overlay = document.createElement("canvas");
  private readonly status = document.createElement("div");
  private readonly resizes = new ResizeObserver(() => this.schedule());
  private stops: (() => void)[] = [];
  private stopTheme: (() => void) | null = null;
  private frame = 0;
  private colors: OverlayColors | null = null;
  private mask: { key: string; bitmap: ImageBitmap | null; isLoading: boolean } = {
    key: "",
    bitmap: null,
    isLoading: false,
  };
  private heat: { map: HeatMap; canvas: HTMLCanvasElement } | null = null;
  private drag: { x: number; y: number; id: number } | null = null;
  private pixelTurn = 0;
  private layout = "";

  connectedCallback(): void {
    this.tabIndex = 0;
    this.setAttribute("role", "img");
    this.canvas.className = "picture-canvas";
    this.overlay.className = "picture-overlay";
    this.status.className = "picture-status";
    if (this.canvas.parentElement !== this) this.append(this.canvas, this.overlay, this.status);
    this.resizes.observe(this);
    this.stopTheme = onThemeChange(() => {
      this.colors = null;
      this.mask.key = "";
      this.heat = null;
      this.schedule();
    });
    this.addEventListener("wheel", this.onWheel, { passive: false });
    this.addEventListener("pointerdown", this.onPointerDown);
    this.addEventListener("pointermove", this.onPointerMove);
    this.addEventListener("pointerup", this.onPointerUp);
    this.addEventListener("pointerleave", this.onPointerLeave);
  }

  disconnectedCallback(): void {
    this.resizes.disconnect();
    this.stopTheme?.();
    for (const stop of this.stops) stop();
    this.stops = [];
    this.source = this.reference = null;
    cancelAnimationFrame(this.frame);
    // Else an element that is put back would wait for it for ever.
    this.frame = 0;
  }

  set model(model: PictureModel) {
    this.current = model;
    const isSame = this.source?.uri === model.uri && (this.reference?.uri ?? null) === model.referenceUri;
    if (!isSame) {
      for (const stop of this.stops) stop();
      this.reference = model.referenceUri === null ? null : openPicture(model.referenceUri);
      this.source = openPicture(model.uri);
      this.stops = [this.source, this.reference].flatMap((source) => source?.onChange(() => this.schedule()) ?? []);
    }
    this.schedule();
  }

  /** Size of the picture in pixels, or null while it is decoded. */
  get pictureSize(): Size | null {
    return this.source?.phase === "ready" ? { width: this.source.width, height: this.source.height } : null;
  }

  get viewSize(): Size {
    return { width: Math.max(1, this.clientWidth), height: Math.max(1, this.clientHeight) };
  }

  /** True when everything that is in sight was drawn sharp; for tests and for exports. */
  get isSettled(): boolean {
    return (
      this.source !== null &&
      this.source.phase !== "loading" &&
      !this.source.isBusy &&
      !this.mask.isLoading &&
      this.frame === 0
    );
  }

  /** Screen pixels for a pixel of the picture. */
  get scale(): number {
    const size = this.pictureSize;
    return size === null || this.current === null ? 1 : scaleOf(this.current.viewport, size, this.viewSize);
  }

  /** What is in sight, with its overlays. */
  async toPng(): Promise<Uint8Array> {
    const canvas = document.createElement("canvas");
    canvas.width = this.canvas.width;
    canvas.height = this.canvas.height;
    const context = canvas.getContext("2d")!;
    context.drawImage(this.canvas, 0, 0);
    context.drawImage(this.overlay, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (blob === null) throw new Error("the picture could not be written");
    return new Uint8Array(await blob.arrayBuffer());
  }

  /** The value of the pixel in the middle of the view. */
  readCenter(): void {
    const { width, height } = this.viewSize;
    this.readPixel({ x: width / 2, y: height / 2 });
  }

  private schedule(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Drawing

  private draw(): void {
    const model = this.current;
    const { source } = this;
    if (model === null || source === null || !this.isConnected) return;
    const ratio = window.devicePixelRatio;
    const view = this.viewSize;
    for (const canvas of [this.canvas, this.overlay]) {
      const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    }
    this.canvas.style.filter = model.filter;
    this.showStatus(source);
    const size = this.pictureSize;
    const context = this.canvas.getContext("2d")!;
    const over = this.overlay.getContext("2d")!;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    over.clearRect(0, 0, this.overlay.width, this.overlay.height);
    if (size === null) return;
    const scale = scaleOf(model.viewport, size, view);
    const origin = originOf(model.viewport, size, view);
    const at: Placement = {
      x: Math.round(origin.x * ratio),
      y: Math.round(origin.y * ratio),
      width: size.width * scale * ratio,
      height: size.height * scale * ratio,
    };
    const { reference } = this;
    const isReady = reference?.phase === "ready";
    drawTiles(context, model.show === "reference" && isReady ? reference : source, at, this.canvas);
    if (model.show === "difference" && isReady) {
      context.globalCompositeOperation = "difference";
      drawTiles(context, reference, at, this.canvas);
      context.globalCompositeOperation = "source-over";
    }
    if (model.show !== "reference") this.drawOverlays(over, model, at, size, ratio);
    const layout = [size.width, size.height, scale].join();
    if (layout !== this.layout) {
      this.layout = layout;
      model.onLayout();
    }
    this.setAttribute(
      "aria-label",
      t("picture.label", {
        name: model.name,
        width: size.width,
        height: size.height,
        zoom: formatNumber(scale * 100, 3),
      }),
    );
  }

  private drawOverlays(
    context: CanvasRenderingContext2D,
    model: PictureModel,
    at: Placement,
    size: Size,
    ratio: number,
  ): void {
    this.colors ??= readOverlayColors(ratio);
    const { colors } = this;
    if (model.heat !== null) {
      if (this.heat?.map !== model.heat) {
        this.heat = { map: model.heat, canvas: heatBitmap(model.heat, rgbOf(colors.hot), rgbOf(colors.cold)) };
      }
      drawHeat(context, at, this.heat.canvas, model.opacity);
    }
    if (model.truth !== null) {
      this.loadMask(model.truth.mask, colors);
      drawTruth(
        context,
        at,
        model.truth,
        model.truth.mask === null ? null : this.mask.bitmap,
        size,
        model.opacity,
        colors,
        ratio,
      );
    }
    if (model.grid) drawGrid(context, at, colors, ratio);
    for (const predicted of model.predicted) drawPredicted(context, at, predicted, colors, ratio);
  }

  private loadMask(uri: string | null, colors: OverlayColors): void {
    if (uri === null || this.mask.key === uri) return;
    const mask = { key: uri, bitmap: null as ImageBitmap | null, isLoading: true };
    this.mask = mask;
    tintedMask(uri, rgbOf(colors.truth)).then(
      (bitmap) => {
        Object.assign(mask, { bitmap, isLoading: false });
        this.schedule();
      },
      // A mask that cannot be read leaves the boxes; the picture is shown all the same.
      () => {
        mask.isLoading = false;
      },
    );
  }

  private showStatus(source: PictureSource): void {
    const text =
      source.phase === "loading"
        ? t("picture.loading")
        : source.phase === "failed"
          ? source.isGone
            ? t("picture.gone")
            : t("picture.failed", { reason: source.error ?? "" })
          : "";
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.hidden = text === "";
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Pointer

  private readonly onWheel = (event: WheelEvent): void => {
    const size = this.pictureSize;
    if (size === null || this.current === null) return;
    event.preventDefault();
    const { viewport } = this.current;
    const isPan = event.shiftKey || (event.deltaX !== 0 && !event.ctrlKey);
    const next = isPan
      ? panBy(viewport, -(event.deltaX || event.deltaY), event.deltaX === 0 ? 0 : -event.deltaY, size, this.viewSize)
      : zoomAt(viewport, Math.exp(-event.deltaY * 0.0016), this.pointOf(event), size, this.viewSize);
    this.move(next);
  };

  private readonly onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0 && event.button !== 1) return;
    this.focus({ preventScroll: true });
    this.drag = { x: event.clientX, y: event.clientY, id: event.pointerId };
    this.setPointerCapture(event.pointerId);
    this.classList.add("dragging");
    event.preventDefault();
  };

  private readonly onPointerMove = (event: PointerEvent): void => {
    const size = this.pictureSize;
    if (size === null || this.current === null) return;
    if (this.drag !== null) {
      const next = panBy(
        this.current.viewport,
        event.clientX - this.drag.x,
        event.clientY - this.drag.y,
        size,
        this.viewSize,
      );
      this.drag = { ...this.drag, x: event.clientX, y: event.clientY };
      this.move(next);
    }
    this.readPixel(this.pointOf(event));
  };

  private readonly onPointerUp = (): void => {
    this.drag = null;
    this.classList.remove("dragging");
  };

  private readonly onPointerLeave = (): void => {
    this.pixelTurn++;
    this.current?.onPixel(null);
  };

  private move(viewport: Viewport): void {
    if (this.current === null) return;
    // Drawn at once; the app hears of it and gives the same viewport back.
    this.current = { ...this.current, viewport };
    this.schedule();
    this.current.onViewport(viewport);
  }

  private pointOf(event: MouseEvent): { x: number; y: number } {
    const box = this.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private readPixel(screen: { x: number; y: number }): void {
    const size = this.pictureSize;
    const { source, current } = this;
    if (size === null || source === null || current === null) return;
    const point = toPicture(current.viewport, screen, size, this.viewSize);
    const x = Math.floor(point.x);
    const y = Math.floor(point.y);
    const turn = ++this.pixelTurn;
    if (x < 0 || y < 0 || x >= size.width || y >= size.height) {
      current.onPixel(null);
      return;
    }
    source.pixel(x, y).then(
      (rgba) => turn === this.pixelTurn && current.onPixel({ x, y, rgba }),
      () => undefined,
    );
  }
}

/** The sharpest level that is useful at this size; until its tiles are here, coarser ones fill in. */
function drawTiles(
  context: CanvasRenderingContext2D,
  source: PictureSource,
  at: Placement,
  canvas: HTMLCanvasElement,
): void {
  const { levels } = source;
  if (levels.length === 0) return;
  const shrink = levels[0]!.width / at.width;
  const wanted = Math.min(levels.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, shrink)) + 0.25)));
  context.imageSmoothingEnabled = shrink > 0.5;
  context.imageSmoothingQuality = "high";
  // The coarsest level is a single tile that is never dropped.
  for (let level = levels.length - 1; level >= wanted; level--) {
    const { width, height } = levels[level]!;
    const scaleX = at.width / width;
    const scaleY = at.height / height;
    const firstColumn = Math.max(0, Math.floor(-at.x / scaleX / tileSize));
    const firstRow = Math.max(0, Math.floor(-at.y / scaleY / tileSize));
    for (let row = firstRow; row * tileSize < height && at.y + row * tileSize * scaleY < canvas.height; row++) {
      for (
        let column = firstColumn;
        column * tileSize < width && at.x + column * tileSize * scaleX < canvas.width;
        column++
      ) {
        const isWanted = level === wanted || level === levels.length - 1;
        const tile = isWanted ? source.tile(level, column, row) : source.peek(level, column, row);
        if (tile === null) continue;
        const left = at.x + column * tileSize * scaleX;
        const top = at.y + row * tileSize * scaleY;
        context.drawImage(tile.bitmap, left, top, tile.bitmap.width * scaleX, tile.bitmap.height * scaleY);
      }
    }
  }
}

function readOverlayColors(ratio: number): OverlayColors {
  const style = getComputedStyle(document.body);
  const read = (name: string) => style.getPropertyValue(name).trim() || style.color;
  return {
    grid: read("--vscode-charts-foreground"),
    truth: read("--vscode-charts-orange"),
    predicted: [read("--vscode-charts-blue"), read("--vscode-charts-purple")],
    hot: read("--vscode-charts-red"),
    cold: read("--vscode-charts-blue"),
    label: read("--vscode-badge-foreground"),
    labelBackground: read("--vscode-badge-background"),
    font: `${11 * ratio}px ${read("--vscode-font-family")}`,
  };
}

/** Any CSS colour as three numbers. */
function rgbOf(color: string): [number, number, number] {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  return [r!, g!, b!];
}

customElements.define("iad-picture", PictureElement);
