/**
 * Pictures of the generator while they are made: three float planes, shapes with soft edges, compositing, blur.
 * Colours are display values in [0, 1]. Knows nothing of kinds or defects.
 */
import { clamp } from "./numeric";

/** Red, green, blue in [0, 1]. */
export type Rgb = readonly [number, number, number];

export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly r: Float32Array;
  readonly g: Float32Array;
  readonly b: Float32Array;
}

/** A coverage plane and the box of it that may be non-zero; x1 and y1 exclusive. */
export interface Cover {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Hands out zeroed planes of one size and takes all of them back at once; a sample makes no garbage. */
export class Workspace {
  readonly width: number;
  readonly height: number;
  private readonly planes: Float32Array[] = [];
  private used = 0;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
  }

  reset(): void {
    this.used = 0;
  }

  plane(): Float32Array {
    const existing = this.planes[this.used++];
    if (existing !== undefined) return existing.fill(0);
    const made = new Float32Array(this.width * this.height);
    this.planes.push(made);
    return made;
  }

  canvas(): Canvas {
    return { width: this.width, height: this.height, r: this.plane(), g: this.plane(), b: this.plane() };
  }

  cover(): Cover {
    const { width, height } = this;
    return { width, height, data: this.plane(), x0: width, y0: height, x1: 0, y1: 0 };
  }
}

export function clearCover(cover: Cover): void {
  for (let y = cover.y0; y < cover.y1; y++) {
    cover.data.fill(0, y * cover.width + cover.x0, y * cover.width + cover.x1);
  }
  cover.x0 = cover.width;
  cover.y0 = cover.height;
  cover.x1 = 0;
  cover.y1 = 0;
}

export function copyCanvas(from: Canvas, to: Canvas): void {
  to.r.set(from.r);
  to.g.set(from.g);
  to.b.set(from.b);
}

/** Grows the dirty box by a rectangle given in real pixels and returns the integer part inside the picture. */
export function touch(
  cover: Cover,
  left: number,
  top: number,
  right: number,
  bottom: number,
): [number, number, number, number] {
  const x0 = Math.max(0, Math.floor(left));
  const y0 = Math.max(0, Math.floor(top));
  const x1 = Math.min(cover.width, Math.floor(right) + 1);
  const y1 = Math.min(cover.height, Math.floor(bottom) + 1);
  if (x0 < x1 && y0 < y1) {
    cover.x0 = Math.min(cover.x0, x0);
    cover.y0 = Math.min(cover.y0, y0);
    cover.x1 = Math.max(cover.x1, x1);
    cover.y1 = Math.max(cover.y1, y1);
  }
  return [x0, y0, x1, y1];
}

/**
 * A line from (ax, ay) to (bx, by) whose half width goes from `aw` to `bw`; the edge is `soft` pixels wide.
 * Keeps the larger coverage where shapes overlap.
 */
export function coverSegment(
  cover: Cover,
  ax: number,
  ay: number,
  aw: number,
  bx: number,
  by: number,
  bw: number,
  soft = 1,
): void {
  const reach = Math.max(aw, bw) + soft;
  const [x0, y0, x1, y1] = touch(
    cover,
    Math.min(ax, bx) - reach,
    Math.min(ay, by) - reach,
    Math.max(ax, bx) + reach,
    Math.max(ay, by) + reach,
  );
  const dx = bx - ax;
  const dy = by - ay;
  const scale = 1 / Math.max(dx * dx + dy * dy, 1e-6);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const px = x - ax;
      const py = y - ay;
      const t = clamp((px * dx + py * dy) * scale, 0, 1);
      const ex = px - t * dx;
      const ey = py - t * dy;
      const value = (aw + t * (bw - aw) - Math.sqrt(ex * ex + ey * ey)) / soft + 0.5;
      if (value <= 0) continue;
      const i = y * cover.width + x;
      // A line thinner than a pixel covers only part of it.
      const most = Math.min(1, 2 * (aw + t * (bw - aw)));
      const kept = value > most ? most : value;
      if (kept > cover.data[i]!) cover.data[i] = kept;
    }
  }
}

/** A turned ellipse with half axes `rx`, `ry`; (cos, sin) is the direction of the first axis. */
export function coverEllipse(
  cover: Cover,
  cx: number,
  cy: number,
  rx: number,
  ry: number,
  cos = 1,
  sin = 0,
  soft = 1,
): void {
  const reach = Math.max(rx, ry) + soft;
  const [x0, y0, x1, y1] = touch(cover, cx - reach, cy - reach, cx + reach, cy + reach);
  const small = Math.min(rx, ry);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const px = x - cx;
      const py = y - cy;
      const a = (px * cos + py * sin) / rx;
      const b = (py * cos - px * sin) / ry;
      const value = ((1 - Math.sqrt(a * a + b * b)) * small) / soft + 0.5;
      if (value <= 0) continue;
      const i = y * cover.width + x;
      const kept = value > 1 ? 1 : value;
      if (kept > cover.data[i]!) cover.data[i] = kept;
    }
  }
}

/** A turned rectangle with half sides `hx`, `hy`. */
export function coverBox(
  cover: Cover,
  cx: number,
  cy: number,
  hx: number,
  hy: number,
  cos = 1,
  sin = 0,
  soft = 1,
): void {
  const reachX = Math.abs(cos) * hx + Math.abs(sin) * hy + soft;
  const reachY = Math.abs(sin) * hx + Math.abs(cos) * hy + soft;
  const [x0, y0, x1, y1] = touch(cover, cx - reachX, cy - reachY, cx + reachX, cy + reachY);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const px = x - cx;
      const py = y - cy;
      const a = hx - Math.abs(px * cos + py * sin);
      const b = hy - Math.abs(py * cos - px * sin);
      const value = (a < b ? a : b) / soft + 0.5;
      if (value <= 0) continue;
      const i = y * cover.width + x;
      const kept = value > 1 ? 1 : value;
      if (kept > cover.data[i]!) cover.data[i] = kept;
    }
  }
}

/** The inside of a convex polygon, vertices in order (either way round), coordinates x0, y0, x1, y1, … */
export function coverConvex(cover: Cover, points: readonly number[], soft = 1): void {
  const count = points.length / 2;
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  let area = 0;
  for (let k = 0; k < count; k++) {
    const x = points[2 * k]!;
    const y = points[2 * k + 1]!;
    const n = (k + 1) % count;
    area += x * points[2 * n + 1]! - points[2 * n]! * y;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const turn = area < 0 ? -1 : 1;
  const edges: number[] = [];
  for (let k = 0; k < count; k++) {
    const n = (k + 1) % count;
    const ex = points[2 * n]! - points[2 * k]!;
    const ey = points[2 * n + 1]! - points[2 * k + 1]!;
    const length = Math.max(Math.sqrt(ex * ex + ey * ey), 1e-6);
    const nx = (-ey / length) * turn;
    const ny = (ex / length) * turn;
    edges.push(nx, ny, -(nx * points[2 * k]! + ny * points[2 * k + 1]!));
  }
  const [x0, y0, x1, y1] = touch(cover, left - soft, top - soft, right + soft, bottom + soft);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      let inside = Infinity;
      for (let k = 0; k < edges.length; k += 3) {
        const d = edges[k]! * x + edges[k + 1]! * y + edges[k + 2]!;
        if (d < inside) inside = d;
      }
      const value = inside / soft + 0.5;
      if (value <= 0) continue;
      const i = y * cover.width + x;
      const kept = value > 1 ? 1 : value;
      if (kept > cover.data[i]!) cover.data[i] = kept;
    }
  }
}

/** Lays `color` over the canvas where `cover` says so, `opacity` times. */
export function paint(canvas: Canvas, cover: Cover, color: Rgb, opacity = 1): void {
  const [cr, cg, cb] = color;
  const { r, g, b, width } = canvas;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * width + cover.x0, end = y * width + cover.x1; i < end; i++) {
      const a = cover.data[i]! * opacity;
      if (a === 0) continue;
      r[i] = r[i]! + a * (cr - r[i]!);
      g[i] = g[i]! + a * (cg - g[i]!);
      b[i] = b[i]! + a * (cb - b[i]!);
    }
  }
}

/** Multiplies the canvas by `gain` where `cover` says so, keeping the texture below. */
export function tint(canvas: Canvas, cover: Cover, gain: Rgb, opacity = 1): void {
  const { r, g, b, width } = canvas;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * width + cover.x0, end = y * width + cover.x1; i < end; i++) {
      const a = cover.data[i]! * opacity;
      if (a === 0) continue;
      r[i] = r[i]! * (1 + a * (gain[0] - 1));
      g[i] = g[i]! * (1 + a * (gain[1] - 1));
      b[i] = b[i]! * (1 + a * (gain[2] - 1));
    }
  }
}

/** Adds `amount` (may be negative) to all channels where `cover` says so. */
export function lighten(canvas: Canvas, cover: Cover, amount: number): void {
  const { r, g, b, width } = canvas;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * width + cover.x0, end = y * width + cover.x1; i < end; i++) {
      const a = cover.data[i]! * amount;
      if (a === 0) continue;
      r[i] = r[i]! + a;
      g[i] = g[i]! + a;
      b[i] = b[i]! + a;
    }
  }
}

/** Shows `below` through the canvas where `cover` says so. */
export function reveal(canvas: Canvas, cover: Cover, below: Canvas): void {
  const { r, g, b, width } = canvas;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * width + cover.x0, end = y * width + cover.x1; i < end; i++) {
      const a = cover.data[i]!;
      if (a === 0) continue;
      r[i] = r[i]! + a * (below.r[i]! - r[i]!);
      g[i] = g[i]! + a * (below.g[i]! - g[i]!);
      b[i] = b[i]! + a * (below.b[i]! - b[i]!);
    }
  }
}

/** Smooths a plane with the kernel [a, 1-2a, a] in both directions; edges repeat. `row` is a plane to work in. */
export function blurPlane(plane: Float32Array, width: number, height: number, a: number, row: Float32Array): void {
  const centre = 1 - 2 * a;
  for (let y = 0; y < height; y++) {
    const start = y * width;
    const last = start + width - 1;
    let before = plane[start]!;
    for (let i = start; i < last; i++) {
      const here = plane[i]!;
      plane[i] = centre * here + a * (before + plane[i + 1]!);
      before = here;
    }
    plane[last] = centre * plane[last]! + a * (before + plane[last]!);
  }
  for (let x = 0; x < width; x++) row[x] = plane[x]!;
  for (let y = 0; y < height; y++) {
    const start = y * width;
    const below = y + 1 < height ? width : 0;
    for (let x = 0; x < width; x++) {
      const i = start + x;
      const here = plane[i]!;
      plane[i] = centre * here + a * (row[x]! + plane[i + below]!);
      row[x] = here;
    }
  }
}

/** Hue in turns, saturation and value in [0, 1]. */
export function hsv(hue: number, saturation: number, value: number): Rgb {
  const h = (hue - Math.floor(hue)) * 6;
  const channel = (n: number) => {
    const k = (n + h) % 6;
    return value - value * saturation * clamp(Math.min(k, 4 - k), 0, 1);
  };
  return [channel(5), channel(3), channel(1)];
}

export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])];
}

export function scaleRgb(color: Rgb, factor: number): Rgb {
  return [color[0] * factor, color[1] * factor, color[2] * factor];
}

export function luminance(color: Rgb): number {
  return 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2];
}
