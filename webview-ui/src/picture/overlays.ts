/** What is drawn over a picture: grid, predicted cells, true mask and boxes, heat map. Pure drawing on a 2D context. */
import type { GroundTruth, HeatMap } from "@iad-r1/protocol/webview";
import type { Size } from "./viewport";

/** Where the picture lies on the canvas, in canvas pixels. */
export interface Placement {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface OverlayColors {
  grid: string;
  truth: string;
  predicted: readonly string[];
  hot: string;
  cold: string;
  label: string;
  labelBackground: string;
  font: string;
}

export interface PredictedCell {
  /** 1 to 9, row by row. */
  cell: number;
  /** 0 for the main model, 1 for the one it is compared with. */
  slot: number;
  text: string;
}

const cellsPerSide = 3;

export function cellBox(cell: number, { x, y, width, height }: Placement): Placement {
  const column = (cell - 1) % cellsPerSide;
  const row = Math.floor((cell - 1) / cellsPerSide);
  return {
    x: x + (column * width) / cellsPerSide,
    y: y + (row * height) / cellsPerSide,
    width: width / cellsPerSide,
    height: height / cellsPerSide,
  };
}

export function drawGrid(context: CanvasRenderingContext2D, at: Placement, colors: OverlayColors, ratio: number): void {
  context.save();
  context.strokeStyle = colors.grid;
  context.lineWidth = ratio;
  context.setLineDash([4 * ratio, 4 * ratio]);
  context.beginPath();
  for (let i = 1; i < cellsPerSide; i++) {
    context.moveTo(at.x + (i * at.width) / cellsPerSide, at.y);
    context.lineTo(at.x + (i * at.width) / cellsPerSide, at.y + at.height);
    context.moveTo(at.x, at.y + (i * at.height) / cellsPerSide);
    context.lineTo(at.x + at.width, at.y + (i * at.height) / cellsPerSide);
  }
  context.stroke();
  context.restore();
}

export function drawPredicted(
  context: CanvasRenderingContext2D,
  at: Placement,
  { cell, slot, text }: PredictedCell,
  colors: OverlayColors,
  ratio: number,
): void {
  const box = cellBox(cell, at);
  const inset = (2 + 4 * slot) * ratio;
  context.save();
  context.strokeStyle = colors.predicted[slot % colors.predicted.length]!;
  context.lineWidth = 2 * ratio;
  context.setLineDash(slot === 0 ? [] : [6 * ratio, 4 * ratio]);
  context.strokeRect(box.x + inset, box.y + inset, box.width - 2 * inset, box.height - 2 * inset);
  context.restore();
  drawLabel(context, text, box.x + inset, box.y + inset + slot * 18 * ratio, colors, ratio);
}

export function drawTruth(
  context: CanvasRenderingContext2D,
  at: Placement,
  truth: GroundTruth,
  mask: ImageBitmap | null,
  picture: Size,
  opacity: number,
  colors: OverlayColors,
  ratio: number,
): void {
  context.save();
  if (mask !== null) {
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = false;
    context.drawImage(mask, at.x, at.y, at.width, at.height);
    context.globalAlpha = 1;
  }
  context.strokeStyle = colors.truth;
  context.lineWidth = 1.5 * ratio;
  const scaleX = at.width / picture.width;
  const scaleY = at.height / picture.height;
  for (const { box } of truth.boxes) {
    const [x0, y0, x1, y1] = box;
    context.strokeRect(at.x + x0 * scaleX, at.y + y0 * scaleY, (x1 - x0) * scaleX, (y1 - y0) * scaleY);
  }
  context.restore();
  for (const { box, type } of truth.boxes) {
    drawLabel(context, type, at.x + box[0] * scaleX, at.y + box[1] * scaleY - 18 * ratio, colors, ratio);
  }
}

/** One pixel a cell; drawn large and smooth. What speaks for a defect is `hot`, what speaks against it `cold`. */
export function heatBitmap(
  { columns, rows, values }: HeatMap,
  hot: readonly number[],
  cold: readonly number[],
): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, columns);
  canvas.height = Math.max(1, rows);
  const context = canvas.getContext("2d")!;
  const pixels = context.createImageData(canvas.width, canvas.height);
  const largest = Math.max(1e-6, ...values.map(Math.abs));
  for (let i = 0; i < values.length && i < columns * rows; i++) {
    const share = values[i]! / largest;
    const [r, g, b] = share >= 0 ? hot : cold;
    pixels.data.set([r!, g!, b!, Math.round(255 * Math.abs(share))], i * 4);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

export function drawHeat(
  context: CanvasRenderingContext2D,
  at: Placement,
  heat: HTMLCanvasElement,
  opacity: number,
): void {
  context.save();
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, at.x, at.y, at.width, at.height);
  context.restore();
}

function drawLabel(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  colors: OverlayColors,
  ratio: number,
): void {
  if (text === "") return;
  context.save();
  context.font = colors.font;
  const padding = 4 * ratio;
  const height = 16 * ratio;
  const { width } = context.measureText(text);
  context.fillStyle = colors.labelBackground;
  context.fillRect(x, y, width + 2 * padding, height);
  context.fillStyle = colors.label;
  context.textBaseline = "middle";
  context.fillText(text, x + padding, y + height / 2);
  context.restore();
}
