/**
 * What a kind of product is given to draw with (Stage) and what it hands back (Scene), with the helpers most kinds share:
 * texture frames, noise in frame coordinates, backdrops and poses. Defects and words come later and elsewhere.
 */
import type { Random } from "@iad-r1/models/util/random";
import { type Canvas, type Cover, hsv, luminance, type Rgb, type Workspace } from "./canvas";
import type { DefectType } from "./defectTypes";
import { addNoise, clamp, cosTurns, sinTurns } from "./numeric";

export interface Stage {
  readonly width: number;
  readonly height: number;
  /** The shorter side in pixels: the unit of sizes. */
  readonly side: number;
  readonly work: Workspace;
  /** Decides the design: colours, counts, proportions. The reference picture of a sample shares it. */
  readonly product: Random;
  /** Decides this photograph: pose, grain, noise. */
  readonly view: Random;
  /** Middle of the cell in which a defect may be placed; drawn for normal pictures too, so that it says nothing. */
  readonly target: { readonly x: number; readonly y: number };
}

/** A thing that can be missing: a pin, a tablet, a printed dot. */
export interface Element {
  x: number;
  y: number;
  /** Half sizes in pixels and direction of the first axis. */
  rx: number;
  ry: number;
  cos: number;
  sin: number;
}

export interface Scene {
  readonly canvas: Canvas;
  /** Where the product is, 0 to 1; null when it fills the picture. */
  readonly body: Float32Array | null;
  /** What lies behind the product; null when it fills the picture. */
  readonly background: Canvas | null;
  /** What a cut, a chip or a crack shows. */
  readonly inner: Rgb;
  /** Direction along which marks run (cos, sin). */
  readonly grain: readonly [number, number];
  /** Things that can be missing, and what their place looks like without them. */
  readonly elements: readonly Element[];
  /** null: the background shows. */
  readonly bare: Rgb | null;
  /** A word for the colour or the finish, for the text. */
  readonly look: string;
  /** Photographed without colour. */
  readonly gray: boolean;
  /** A crack opens to the ground ("split"), is a fine dark line ("line"), or parts an area that goes dark ("dark"). */
  readonly crack: "line" | "split" | "dark";
}

/** A family of products. All words are used in texts; `nouns` without article. */
export interface Kind {
  readonly id: string;
  readonly nouns: readonly string[];
  /** What the eye follows: "weave", "grain". */
  readonly surface: string;
  /** What a sound product shows, as clauses: "the threads run evenly". */
  readonly sound: readonly string[];
  readonly defects: readonly DefectType[];
  /** What can be missing: "a tooth". */
  readonly element?: string;
  render(stage: Stage): Scene;
}

export function scene(canvas: Canvas, parts: Partial<Scene>): Scene {
  return {
    canvas,
    body: null,
    background: null,
    inner: [0.12, 0.11, 0.1],
    grain: [1, 0],
    elements: [],
    bare: null,
    look: "",
    gray: false,
    crack: "line",
    ...parts,
  };
}

/** A turned and scaled coordinate system: p = ((x - cx)·cos + (y - cy)·sin) / unit, q at right angles. */
export interface Frame {
  readonly cx: number;
  readonly cy: number;
  readonly cos: number;
  readonly sin: number;
  readonly unit: number;
}

export function frameOf(stage: Stage, turns: number, zoom = 1): Frame {
  return {
    cx: stage.width / 2,
    cy: stage.height / 2,
    cos: cosTurns(turns),
    sin: sinTurns(turns),
    unit: stage.side * zoom,
  };
}

/** Planes p and q of a frame, one value a pixel. */
export function coordinates(stage: Stage, frame: Frame): [Float32Array, Float32Array] {
  const p = stage.work.plane();
  const q = stage.work.plane();
  const step = 1 / frame.unit;
  for (let y = 0, i = 0; y < stage.height; y++) {
    const dy = (y - frame.cy) * step;
    for (let x = 0; x < stage.width; x++, i++) {
      const dx = (x - frame.cx) * step;
      p[i] = dx * frame.cos + dy * frame.sin;
      q[i] = dy * frame.cos - dx * frame.sin;
    }
  }
  return [p, q];
}

/** Adds noise with `cellsP` by `cellsQ` lattice cells per unit of the frame; no cell gets smaller than a pixel. */
export function frameNoise(
  stage: Stage,
  frame: Frame,
  plane: Float32Array,
  cellsP: number,
  cellsQ: number,
  amplitude: number,
): Float32Array {
  const a = Math.min(cellsP, frame.unit) / frame.unit;
  const b = Math.min(cellsQ, frame.unit) / frame.unit;
  const map = {
    u0: stage.view.uniform(0, 256) - a * (frame.cx * frame.cos + frame.cy * frame.sin),
    v0: stage.view.uniform(0, 256) - b * (frame.cy * frame.cos - frame.cx * frame.sin),
    ux: a * frame.cos,
    uy: a * frame.sin,
    vx: -b * frame.sin,
    vy: b * frame.cos,
  };
  addNoise(plane, stage.width, stage.height, map, amplitude);
  return plane;
}

/** A new plane of noise, `octaves` deep, each twice as fine and half as strong; the first has `amplitude`. */
export function noisePlane(
  stage: Stage,
  frame: Frame,
  cellsP: number,
  cellsQ: number,
  amplitude: number,
  octaves = 1,
): Float32Array {
  const plane = stage.work.plane();
  for (let k = 0; k < octaves; k++) {
    const finer = 1 << k;
    frameNoise(stage, frame, plane, cellsP * finer, cellsQ * finer, amplitude / finer);
  }
  return plane;
}

/** Writes color · (1 + shade) into the canvas. */
export function shadeFill(canvas: Canvas, color: Rgb, shade: Float32Array): void {
  const { r, g, b } = canvas;
  for (let i = 0; i < shade.length; i++) {
    const s = 1 + shade[i]!;
    r[i] = color[0] * s;
    g[i] = color[1] * s;
    b[i] = color[2] * s;
  }
}

/** Lays color · (1 + shade) over the canvas where `cover` says so. */
export function shadePaint(canvas: Canvas, cover: Cover, color: Rgb, shade: Float32Array): void {
  const { r, g, b, width } = canvas;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * width + cover.x0, end = y * width + cover.x1; i < end; i++) {
      const a = cover.data[i]!;
      if (a === 0) continue;
      const s = 1 + shade[i]!;
      r[i] = r[i]! + a * (color[0] * s - r[i]!);
      g[i] = g[i]! + a * (color[1] * s - g[i]!);
      b[i] = b[i]! + a * (color[2] * s - b[i]!);
    }
  }
}

export interface NamedColor {
  readonly name: string;
  readonly rgb: Rgb;
}

const HUES: readonly [string, number, number, number][] = [
  ["red", 0.99, 0.75, 0.7],
  ["orange", 0.07, 0.75, 0.85],
  ["yellow", 0.14, 0.7, 0.88],
  ["green", 0.36, 0.6, 0.55],
  ["teal", 0.49, 0.55, 0.55],
  ["blue", 0.6, 0.65, 0.65],
  ["purple", 0.76, 0.45, 0.55],
  ["pink", 0.93, 0.4, 0.88],
  ["brown", 0.07, 0.55, 0.45],
  ["beige", 0.11, 0.25, 0.8],
];
const GRAYS: readonly [string, number][] = [
  ["white", 0.88],
  ["light grey", 0.7],
  ["grey", 0.52],
  ["dark grey", 0.33],
  ["black", 0.14],
];

/** A colour with its name; `grayShare` of the draws have no hue. */
export function namedColor(random: Random, grayShare = 0.4): NamedColor {
  if (random.next() < grayShare) {
    const [name, value] = random.pick(GRAYS);
    return { name, rgb: hsv(random.uniform(0.05, 0.65), random.uniform(0, 0.06), value + random.uniform(-0.05, 0.05)) };
  }
  const [name, hue, saturation, value] = random.pick(HUES);
  return {
    name,
    rgb: hsv(
      hue + random.uniform(-0.02, 0.02),
      clamp(saturation + random.uniform(-0.15, 0.1), 0, 1),
      clamp(value + random.uniform(-0.12, 0.1), 0, 1),
    ),
  };
}

const METALS: readonly [string, Rgb][] = [
  ["steel", [0.58, 0.59, 0.6]],
  ["aluminium", [0.7, 0.71, 0.73]],
  ["dark steel", [0.36, 0.37, 0.39]],
  ["brass", [0.66, 0.57, 0.37]],
  ["copper", [0.64, 0.44, 0.34]],
  ["bronze", [0.5, 0.42, 0.31]],
];

export function metalColor(random: Random): NamedColor {
  const [name, rgb] = random.pick(METALS);
  const gain = random.uniform(0.85, 1.15);
  return { name, rgb: [rgb[0] * gain, rgb[1] * gain, rgb[2] * gain] };
}

/** What a part lies on: tray, belt, light table or cloth, in a brightness that sets off the colours of the part. */
export function backdrop(
  stage: Stage,
  part: readonly Rgb[],
  value?: readonly [number, number],
): { canvas: Canvas; rgb: Rgb } {
  const { product } = stage;
  let rgb: Rgb = [0, 0, 0];
  for (let k = 0; k < 12; k++) {
    const [low, high] = value ?? product.pick(GROUND_VALUES);
    const saturation = product.next() < 0.6 ? product.uniform(0, 0.1) : product.uniform(0.1, 0.45);
    rgb = hsv(product.next(), saturation, product.uniform(low, high));
    if (part.every((color) => Math.abs(luminance(rgb) - luminance(color)) > 0.2)) break;
  }
  const canvas = stage.work.canvas();
  const frame = frameOf(stage, product.uniform(-0.02, 0.02) + product.int(2) * 0.25);
  const shade = noisePlane(stage, frame, 3, 3, product.uniform(0.02, 0.1));
  const style = product.int(3);
  if (style === 0) frameNoise(stage, frame, shade, 90, 90, product.uniform(0.02, 0.12));
  else if (style === 1) frameNoise(stage, frame, shade, 4, 120, product.uniform(0.02, 0.1));
  shadeFill(canvas, rgb, shade);
  return { canvas, rgb };
}

const GROUND_VALUES = [
  [0.06, 0.22],
  [0.3, 0.5],
  [0.75, 0.95],
] as const;

export interface Pose {
  cx: number;
  cy: number;
  /** In pixels. */
  radius: number;
  turns: number;
}

/** A round part of `low` to `high` sides radius near the middle, shifted as far as needed to reach into the target cell. */
export function poseRound(stage: Stage, low: number, high: number): Pose {
  const { view, side, width, height, target } = stage;
  const radius = side * view.uniform(low, high);
  let cx = width / 2 + side * view.uniform(-0.07, 0.07);
  let cy = height / 2 + side * view.uniform(-0.07, 0.07);
  const dx = target.x - cx;
  const dy = target.y - cy;
  const distance = Math.sqrt(dx * dx + dy * dy);
  const missing = distance - radius * 0.72;
  if (missing > 0) {
    cx += (dx / distance) * missing;
    cy += (dy / distance) * missing;
  }
  return { cx, cy, radius, turns: view.next() };
}

/** A soft darker disc below a round part. */
export function dropShadow(canvas: Canvas, pose: Pose, strength: number, dx: number, dy: number): void {
  const reach = pose.radius * 1.25;
  const { width, height, r, g, b } = canvas;
  const cx = pose.cx + dx;
  const cy = pose.cy + dy;
  const x0 = Math.max(0, Math.floor(cx - reach));
  const x1 = Math.min(width, Math.floor(cx + reach) + 1);
  for (let y = Math.max(0, Math.floor(cy - reach)); y < Math.min(height, Math.floor(cy + reach) + 1); y++) {
    for (let x = x0; x < x1; x++) {
      const d2 = ((x - cx) * (x - cx) + (y - cy) * (y - cy)) / (reach * reach);
      if (d2 >= 1) continue;
      const gain = 1 - strength * (1 - d2 * d2);
      const i = y * width + x;
      r[i] = r[i]! * gain;
      g[i] = g[i]! * gain;
      b[i] = b[i]! * gain;
    }
  }
}
