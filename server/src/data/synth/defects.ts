/**
 * Painters of the twelve defects. Each draws on a copy of the sound picture and says where it did (`touched`);
 * size and place come from the caller, who also sets the contrast and checks the result.
 */
import type { Random } from "@iad-r1/models/util/random";
import {
  type Canvas,
  type Cover,
  clearCover,
  coverConvex,
  coverEllipse,
  coverSegment,
  hsv,
  lighten,
  luminance,
  mix,
  paint,
  type Rgb,
  reveal,
  scaleRgb,
  tint,
  touch,
  type Workspace,
} from "./canvas";
import type { DefectType } from "./defectTypes";
import { angleTurns, clamp, cosTurns, noise, sinTurns, smoothstep } from "./numeric";
import type { Scene } from "./scene";

export interface DefectJob {
  readonly scene: Scene;
  /** The sound picture. */
  readonly clean: Canvas;
  /** Starts as the sound picture. */
  readonly out: Canvas;
  /** Where the painter drew, 0 to 1; starts empty. */
  readonly touched: Cover;
  /** Two covers to work with; painters clear them before use. */
  readonly a: Cover;
  readonly b: Cover;
  readonly random: Random;
  readonly cx: number;
  readonly cy: number;
  /** Wanted length of the defect in pixels. */
  readonly size: number;
  /** The shorter side of the picture in pixels. */
  readonly side: number;
  readonly work: Workspace;
}

/** Returns false when this defect cannot stand at this place. */
type Painter = (job: DefectJob) => boolean;

export const PAINTERS: Record<DefectType, Painter> = {
  scratch,
  stain,
  "color anomaly": colorAnomaly,
  "foreign object": foreignObject,
  "missing part": missingPart,
  notch,
  hole,
  deformation,
  crack,
  "surface damage": surfaceDamage,
  wear,
  pitting,
};

/** Keeps a cover on the product. */
function onBody(job: DefectJob, cover: Cover): void {
  const { body } = job.scene;
  if (body === null) return;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * cover.width + cover.x0, end = y * cover.width + cover.x1; i < end; i++) {
      cover.data[i] = cover.data[i]! * body[i]!;
    }
  }
}

function mark(job: DefectJob, cover: Cover, opacity = 1): void {
  const { touched } = job;
  if (cover.x0 >= cover.x1) return;
  touch(touched, cover.x0, cover.y0, cover.x1 - 1, cover.y1 - 1);
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let i = y * cover.width + cover.x0, end = y * cover.width + cover.x1; i < end; i++) {
      const value = cover.data[i]! * opacity;
      if (value > touched.data[i]!) touched.data[i] = value;
    }
  }
}

/** Mean colour of the sound picture around the place. */
export function localColor(canvas: Canvas, cx: number, cy: number, reach: number): Rgb {
  const x0 = Math.max(0, Math.floor(cx - reach));
  const y0 = Math.max(0, Math.floor(cy - reach));
  const x1 = Math.min(canvas.width, Math.ceil(cx + reach) + 1);
  const y1 = Math.min(canvas.height, Math.ceil(cy + reach) + 1);
  let r = 0;
  let g = 0;
  let b = 0;
  let count = 0;
  for (let y = y0; y < y1; y += 2) {
    for (let x = x0; x < x1; x += 2) {
      const i = y * canvas.width + x;
      r += canvas.r[i]!;
      g += canvas.g[i]!;
      b += canvas.b[i]!;
      count++;
    }
  }
  if (count === 0) return [0.5, 0.5, 0.5];
  return [r / count, g / count, b / count];
}

/** Points x, y, … of a line of `length` through (cx, cy) that wanders by `bend` turns in all and `jag` turns a step. */
function wander(
  random: Random,
  cx: number,
  cy: number,
  length: number,
  turns: number,
  bend: number,
  jag: number,
): number[] {
  const steps = Math.max(4, Math.min(14, Math.round(length / 5)));
  const step = length / steps;
  const points = [0, 0];
  let x = 0;
  let y = 0;
  let direction = turns - bend / 2;
  for (let k = 0; k < steps; k++) {
    const t = direction + random.uniform(-jag, jag);
    x += step * cosTurns(t);
    y += step * sinTurns(t);
    direction += bend / steps;
    points.push(x, y);
  }
  const mx = x / 2;
  const my = y / 2;
  for (let k = 0; k < points.length; k += 2) {
    points[k] = points[k]! + cx - mx;
    points[k + 1] = points[k + 1]! + cy - my;
  }
  return points;
}

/** Draws the line with full width in the middle and thin ends. */
function stroke(cover: Cover, points: readonly number[], half: number, soft = 1, taper = 0.8): void {
  const count = points.length / 2 - 1;
  const widthAt = (k: number) => {
    const t = (2 * k) / count - 1;
    return half * (1 - taper * t * t * t * t);
  };
  for (let k = 0; k < count; k++) {
    coverSegment(
      cover,
      points[2 * k]!,
      points[2 * k + 1]!,
      widthAt(k),
      points[2 * k + 2]!,
      points[2 * k + 3]!,
      widthAt(k + 1),
      soft,
    );
  }
}

function shifted(points: readonly number[], dx: number, dy: number): number[] {
  return points.map((value, k) => value + (k & 1 ? dy : dx));
}

/** A patch with a rough outline; `soft` in pixels. */
function coverBlob(
  job: DefectJob,
  cover: Cover,
  cx: number,
  cy: number,
  rx: number,
  ry: number,
  turns: number,
  rough: number,
  soft: number,
): void {
  const cos = cosTurns(turns);
  const sin = sinTurns(turns);
  const reach = Math.max(rx, ry) * (1 + rough) + soft;
  const [x0, y0, x1, y1] = touch(cover, cx - reach, cy - reach, cx + reach, cy + reach);
  const u0 = job.random.uniform(0, 250);
  const v0 = job.random.uniform(0, 250);
  const small = Math.min(rx, ry);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const a = ((x - cx) * cos + (y - cy) * sin) / rx;
      const b = ((y - cy) * cos - (x - cx) * sin) / ry;
      const rho = Math.sqrt(a * a + b * b);
      if (rho > 1 + rough + soft / small) continue;
      const edge =
        1 - rho + rough * (0.7 * noise(u0 + 1.8 * a, v0 + 1.8 * b) + 0.35 * noise(v0 + 4.3 * a, u0 + 4.3 * b));
      const value = (edge * small) / soft + 0.5;
      if (value <= 0) continue;
      const i = y * cover.width + x;
      const kept = value > 1 ? 1 : value;
      if (kept > cover.data[i]!) cover.data[i] = kept;
    }
  }
}

function scratch(job: DefectJob): boolean {
  const { random, side, scene } = job;
  const length = job.size * random.uniform(1, 1.5);
  const alongGrain = random.next() < 0.35;
  const turns = alongGrain ? angleTurns(scene.grain[1], scene.grain[0]) + random.uniform(-0.03, 0.03) : random.next();
  const bend = random.uniform(-0.12, 0.12) * random.next() * 2;
  const count = random.next() < 0.78 ? 1 : 2 + random.int(2);
  const half = Math.max(0.55, side * random.uniform(0.0035, 0.0085));
  const around = localColor(job.clean, job.cx, job.cy, side * 0.05);
  const bright = scene.gray ? luminance(around) < 0.4 : random.next() < 0.35 + 0.5 * (1 - luminance(around));
  clearCover(job.a);
  clearCover(job.b);
  const gap = half * random.uniform(3, 6);
  for (let k = 0; k < count; k++) {
    const offset = (k - (count - 1) / 2) * gap;
    const line = wander(
      random,
      job.cx - offset * sinTurns(turns),
      job.cy + offset * cosTurns(turns),
      length * random.uniform(0.7, 1),
      turns,
      bend,
      0.012,
    );
    stroke(job.a, line, half, 1);
    stroke(job.b, shifted(line, half * 1.3, half * 1.3), half * 0.8, 1.2);
  }
  onBody(job, job.a);
  onBody(job, job.b);
  const core: Rgb = bright ? mix(around, [0.97, 0.97, 0.97], 0.8) : mix(around, scene.inner, 0.85);
  if (random.next() < 0.6) {
    lighten(job.out, job.b, bright ? -0.1 : 0.1);
    mark(job, job.b, 0.5);
  }
  paint(job.out, job.a, core, 0.95);
  mark(job, job.a);
  return true;
}

function crack(job: DefectJob): boolean {
  const { random, side, scene, clean, out } = job;
  clearCover(job.a);
  clearCover(job.b);
  if (scene.crack === "split" && scene.background !== null) {
    // From outside the edge through the place: an open wedge that shows the ground.
    const edge = edgeNear(job);
    if (edge === null) return false;
    const dx = job.cx - edge[0];
    const dy = job.cy - edge[1];
    const depth = Math.sqrt(dx * dx + dy * dy) + job.size * 0.75;
    const turns = angleTurns(dy, dx) + random.uniform(-0.04, 0.04);
    const steps = 5 + random.int(4);
    let x = edge[0] - cosTurns(turns) * side * 0.05;
    let y = edge[1] - sinTurns(turns) * side * 0.05;
    const mouth = job.size * random.uniform(0.09, 0.3) + side * 0.006;
    const length = depth + side * 0.05;
    for (let k = 0; k < steps; k++) {
      const t = turns + random.uniform(-0.09, 0.09);
      const nx = x + (length / steps) * cosTurns(t);
      const ny = y + (length / steps) * sinTurns(t);
      const w0 = mouth * (1 - k / steps) + side * 0.004;
      const w1 = mouth * (1 - (k + 1) / steps) + side * 0.003;
      coverSegment(job.a, x, y, w0 * 0.72, nx, ny, w1 * 0.72, 1.4);
      coverSegment(job.b, x, y, w0 * 1.08 + 1, nx, ny, w1 * 1.08 + 1, 2);
      x = nx;
      y = ny;
    }
    roughen(job, job.a, 0.55);
    onBody(job, job.a);
    onBody(job, job.b);
    paint(out, job.b, scene.inner, 0.75);
    reveal(out, job.a, scene.background);
    // The gap is deep: less light reaches its ground.
    tint(out, job.a, [0.6, 0.6, 0.6]);
    mark(job, job.b);
    return true;
  }
  const length = job.size * random.uniform(1.05, 1.6);
  const turns = random.next();
  const line = wander(random, job.cx, job.cy, length, turns, random.uniform(-0.1, 0.1), 0.09);
  const half = Math.max(0.55, side * random.uniform(0.003, 0.0075));
  stroke(job.a, line, half, 1, 0.6);
  const branches = random.int(4);
  for (let k = 0; k < branches; k++) {
    const from = 2 * (1 + random.int(line.length / 2 - 2));
    const t = turns + random.pick([-1, 1]) * random.uniform(0.06, 0.2);
    const reach = length * random.uniform(0.15, 0.4);
    const twig = wander(
      random,
      line[from]! + (reach / 2) * cosTurns(t),
      line[from + 1]! + (reach / 2) * sinTurns(t),
      reach,
      t,
      0,
      0.08,
    );
    twig[0] = line[from]!;
    twig[1] = line[from + 1]!;
    stroke(job.a, twig, half * 0.75, 1, 0.7);
  }
  const lip = random.uniform(0.8, 1.6) * half;
  stroke(job.b, shifted(line, lip, lip), half * 0.7, 1.2);
  onBody(job, job.a);
  onBody(job, job.b);
  if (scene.crack === "dark" && random.next() < 0.4) {
    // One side of the crack no longer conducts.
    const field = job.work.cover();
    const nx = -sinTurns(turns);
    const ny = cosTurns(turns);
    const deep = job.size * random.uniform(0.3, 0.6);
    const n = line.length;
    coverConvex(
      field,
      [
        line[0]!,
        line[1]!,
        line[n - 2]!,
        line[n - 1]!,
        line[n - 2]! + nx * deep,
        line[n - 1]! + ny * deep,
        line[0]! + nx * deep,
        line[1]! + ny * deep,
      ],
      2.5,
    );
    tint(out, field, [0.55, 0.55, 0.55], 0.9);
    mark(job, field);
  } else if (scene.crack === "line" && random.next() < 0.5) {
    lighten(out, job.b, 0.12);
    mark(job, job.b, 0.5);
  }
  const around = localColor(clean, job.cx, job.cy, side * 0.05);
  const core =
    luminance(around) - luminance(scene.inner) > 0.12 || scene.gray
      ? scene.inner
      : mix(around, [0.95, 0.95, 0.92], 0.7);
  paint(out, job.a, core, 0.95);
  mark(job, job.a);
  return true;
}

/** Multiplies a cover by coarse noise so that its outline gets ragged. */
function roughen(job: DefectJob, cover: Cover, amount: number): void {
  const u0 = job.random.uniform(0, 250);
  const v0 = job.random.uniform(0, 250);
  const f = 22 / job.side;
  for (let y = cover.y0; y < cover.y1; y++) {
    for (let x = cover.x0; x < cover.x1; x++) {
      const i = y * cover.width + x;
      const value = cover.data[i]!;
      if (value > 0) cover.data[i] = clamp(value * (1.35 + amount * 1.6 * noise(u0 + x * f, v0 + y * f)), 0, 1);
    }
  }
}

function stain(job: DefectJob): boolean {
  const { random, size, scene, out, clean } = job;
  const around = localColor(clean, job.cx, job.cy, size * 0.4);
  const rx = size * 0.5 * random.uniform(0.8, 1.05);
  const ry = rx * random.uniform(0.5, 1);
  const turns = random.next();
  clearCover(job.a);
  clearCover(job.b);
  coverBlob(
    job,
    job.a,
    job.cx,
    job.cy,
    rx,
    ry,
    turns,
    random.uniform(0.2, 0.55),
    Math.max(1.5, size * random.uniform(0.04, 0.12)),
  );
  if (random.next() < 0.4) {
    const drops = 1 + random.int(4);
    for (let k = 0; k < drops; k++) {
      const t = random.next();
      const at = rx * random.uniform(1, 1.35);
      const r = Math.max(0.8, size * random.uniform(0.02, 0.06));
      coverEllipse(job.a, job.cx + at * cosTurns(t), job.cy + at * sinTurns(t), r, r, 1, 0, 1.5);
    }
  }
  if (scene.background === null || random.next() < 0.8) onBody(job, job.a);
  const light = luminance(around) < 0.3;
  if (light) {
    const color: Rgb = scene.gray
      ? [0.75, 0.75, 0.75]
      : hsv(random.next(), random.uniform(0, 0.25), random.uniform(0.6, 0.9));
    paint(out, job.a, color, random.uniform(0.5, 0.8));
  } else {
    const gain: Rgb = scene.gray
      ? [0.45, 0.45, 0.45]
      : random.pick<Rgb>([
          [0.55, 0.42, 0.25],
          [0.35, 0.34, 0.34],
          [0.5, 0.45, 0.42],
          [0.45, 0.4, 0.2],
          [0.3, 0.3, 0.36],
        ]);
    tint(out, job.a, gain, random.uniform(0.7, 1));
    if (random.next() < 0.45) {
      // A dried drop has a darker rim.
      coverBlob(job, job.b, job.cx, job.cy, rx * 0.8, ry * 0.8, turns, 0.3, Math.max(2, size * 0.1));
      onBody(job, job.b);
      tint(out, job.b, [1.3, 1.3, 1.3], 0.8);
    }
  }
  mark(job, job.a);
  return true;
}

function colorAnomaly(job: DefectJob): boolean {
  const { random, size, scene, out, clean } = job;
  const around = localColor(clean, job.cx, job.cy, size * 0.4);
  clearCover(job.a);
  const rx = size * 0.52;
  if (scene.crack === "dark") {
    // A field of a solar cell that is cut off: straight borders.
    const t = random.pick([0, 0.25]) + random.uniform(-0.02, 0.02);
    const ry = rx * random.uniform(0.4, 1);
    const c = cosTurns(t);
    const s = sinTurns(t);
    const corner = (u: number, v: number) => [job.cx + u * c - v * s, job.cy + u * s + v * c];
    const slack = () => random.uniform(0.7, 1);
    coverConvex(
      job.a,
      [
        ...corner(-rx * slack(), -ry),
        ...corner(rx * slack(), -ry),
        ...corner(rx, ry * slack()),
        ...corner(-rx, ry * slack()),
      ],
      2.5,
    );
  } else {
    const ry = rx * random.uniform(0.55, 1);
    coverBlob(
      job,
      job.a,
      job.cx,
      job.cy,
      rx * 1.15,
      ry * 1.15,
      random.next(),
      0.12,
      Math.max(2.5, size * random.uniform(0.25, 0.45)),
    );
  }
  onBody(job, job.a);
  if (scene.gray) {
    const k = luminance(around) > 0.4 ? random.uniform(0.35, 0.7) : random.uniform(1.6, 2.4);
    tint(out, job.a, [k, k, k]);
  } else {
    const dark = luminance(around) > 0.35;
    const hue = hsv(random.next(), random.uniform(0.45, 0.8), 1);
    const level = dark ? random.uniform(0.7, 1) : random.uniform(1.6, 2.6);
    if (dark) tint(out, job.a, scaleRgb(hue, level));
    else lightenHue(job, hsv(random.next(), random.uniform(0.5, 0.9), 1), random.uniform(0.2, 0.35));
  }
  mark(job, job.a);
  return true;
}

/** Adds coloured light, for dark ground on which a filter shows nothing. */
function lightenHue(job: DefectJob, hue: Rgb, amount: number): void {
  const { out, a } = job;
  for (let y = a.y0; y < a.y1; y++) {
    for (let i = y * out.width + a.x0, end = y * out.width + a.x1; i < end; i++) {
      const k = a.data[i]! * amount;
      out.r[i] = out.r[i]! + k * hue[0];
      out.g[i] = out.g[i]! + k * hue[1];
      out.b[i] = out.b[i]! + k * hue[2];
    }
  }
}

function foreignObject(job: DefectJob): boolean {
  const { random, size, side, scene, out, clean } = job;
  const around = localColor(clean, job.cx, job.cy, size * 0.35);
  let color: Rgb = [0.5, 0.5, 0.5];
  for (let k = 0; k < 6; k++) {
    color = scene.gray
      ? scaleRgb([1, 1, 1], random.uniform(0.05, 0.98))
      : hsv(
          random.next(),
          random.next() < 0.4 ? random.uniform(0, 0.2) : random.uniform(0.4, 0.9),
          random.uniform(0.1, 0.95),
        );
    const distance = Math.abs(color[0] - around[0]) + Math.abs(color[1] - around[1]) + Math.abs(color[2] - around[2]);
    if (distance > 0.7) break;
  }
  clearCover(job.a);
  clearCover(job.b);
  const style = random.int(5);
  const turns = random.next();
  const c = cosTurns(turns);
  const s = sinTurns(turns);
  const half = size * 0.5;
  const lift = Math.max(1, side * 0.012);
  const draw = (cover: Cover, dx: number, dy: number, soft: number) => {
    const cx = job.cx + dx;
    const cy = job.cy + dy;
    if (style === 0) coverEllipse(cover, cx, cy, half * 0.7, half * 0.5, c, s, soft);
    else if (style === 1)
      coverConvex(
        cover,
        corners.map((value, k) => value + (k & 1 ? cy : cx)),
        soft,
      );
    else if (style === 2)
      coverSegment(cover, cx - half * c, cy - half * s, half * 0.2, cx + half * c, cy + half * s, half * 0.2, soft);
    else if (style === 3) stroke(cover, shifted(curl, dx, dy), Math.max(0.8, side * 0.009), soft, 0.2);
    else {
      coverEllipse(cover, cx - half * 0.35 * c, cy - half * 0.35 * s, half * 0.4, half * 0.34, c, s, soft);
      coverEllipse(cover, cx + half * 0.3 * c, cy + half * 0.3 * s, half * 0.5, half * 0.3, c, s, soft);
    }
  };
  const corners: number[] = [];
  const sides = 3 + random.int(4);
  for (let k = 0; k < sides; k++) {
    const t = turns + (k + random.uniform(-0.25, 0.25)) / sides;
    const r = half * random.uniform(0.65, 0.95);
    corners.push(r * cosTurns(t), r * sinTurns(t));
  }
  const curl =
    style === 3
      ? wander(random, job.cx, job.cy, size * 1.6, turns, random.uniform(0.4, 1.1) * random.pick([-1, 1]), 0.03)
      : [];
  draw(job.b, lift, lift, lift * 1.5);
  tint(out, job.b, [0.5, 0.5, 0.5], 0.8);
  mark(job, job.b, 0.6);
  draw(job.a, 0, 0, 1.2);
  paint(out, job.a, color);
  mark(job, job.a);
  // Light from the upper left gives it body.
  const { r, g, b, width } = out;
  for (let y = job.a.y0; y < job.a.y1; y++) {
    for (let x = job.a.x0; x < job.a.x1; x++) {
      const i = y * width + x;
      const a = job.a.data[i]!;
      if (a === 0) continue;
      const gain = 1 - 0.22 * a * clamp((x - job.cx + y - job.cy) / size, -1, 1);
      r[i] = r[i]! * gain;
      g[i] = g[i]! * gain;
      b[i] = b[i]! * gain;
    }
  }
  return true;
}

function missingPart(job: DefectJob): boolean {
  const { scene, out } = job;
  let best = null;
  let nearest = Infinity;
  for (const element of scene.elements) {
    if (element.x < 0 || element.y < 0 || element.x >= out.width || element.y >= out.height) continue;
    const dx = element.x - job.cx;
    const dy = element.y - job.cy;
    const d = dx * dx + dy * dy;
    if (d < nearest) {
      nearest = d;
      best = element;
    }
  }
  if (best === null) return false;
  // Small elements are missing in groups, so that the gap can be seen.
  const wanted = job.size * (best.rx < job.size * 0.2 ? 0.5 : 0.35);
  clearCover(job.a);
  for (const element of scene.elements) {
    const dx = element.x - best.x;
    const dy = element.y - best.y;
    if (element === best || Math.sqrt(dx * dx + dy * dy) + Math.max(element.rx, element.ry) * 0.5 < wanted) {
      coverBoxOf(job.a, element);
    }
  }
  if (scene.background !== null && scene.body !== null && scene.bare === null) reveal(out, job.a, scene.background);
  else paint(out, job.a, scene.bare ?? scene.inner);
  mark(job, job.a);
  return true;
}

function coverBoxOf(
  cover: Cover,
  element: { x: number; y: number; rx: number; ry: number; cos: number; sin: number },
): void {
  coverEllipse(cover, element.x, element.y, element.rx, element.ry, element.cos, element.sin, 1.6);
}

/** A point on the outline of the product near the place, or null. */
function edgeNear(job: DefectJob): [number, number] | null {
  const { body } = job.scene;
  if (body === null) return null;
  const { width, height } = job.clean;
  const start = job.random.next();
  let found: [number, number] | null = null;
  let nearest = Infinity;
  for (let k = 0; k < 16; k++) {
    const c = cosTurns(start + k / 16);
    const s = sinTurns(start + k / 16);
    for (let d = 1; d < job.side * 0.45; d += 1.5) {
      const x = Math.floor(job.cx + d * c);
      const y = Math.floor(job.cy + d * s);
      if (x < 2 || y < 2 || x >= width - 2 || y >= height - 2) break;
      if (body[y * width + x]! < 0.5) {
        if (d < nearest) {
          nearest = d;
          found = [x, y];
        }
        break;
      }
    }
  }
  return found;
}

function notch(job: DefectJob): boolean {
  const { random, scene, size, out, side } = job;
  clearCover(job.a);
  clearCover(job.b);
  let cx = job.cx;
  let cy = job.cy;
  if (scene.background !== null) {
    const edge = edgeNear(job);
    if (edge === null) return false;
    [cx, cy] = edge;
  }
  const corners: number[] = [];
  const wide: number[] = [];
  const sides = 5 + random.int(4);
  const turns = random.next();
  const grow = Math.max(1.2, side * 0.012);
  for (let k = 0; k < sides; k++) {
    const t = turns + (k + random.uniform(-0.2, 0.2)) / sides;
    const r = size * 0.5 * random.uniform(0.65, 1);
    corners.push(cx + r * cosTurns(t), cy + r * sinTurns(t));
    wide.push(cx + (r + grow) * cosTurns(t), cy + (r + grow) * sinTurns(t));
  }
  coverConvex(job.a, corners, 1.3);
  coverConvex(job.b, wide, 1.3);
  onBody(job, job.a);
  onBody(job, job.b);
  const around = localColor(job.clean, job.cx, job.cy, size * 0.4);
  const fresh = mix(scene.inner, around, random.uniform(0.1, 0.4));
  paint(out, job.b, fresh, 0.8);
  mark(job, job.b);
  if (scene.background !== null) reveal(out, job.a, scene.background);
  else {
    paint(out, job.a, fresh, 0.9);
    // Facets: one half of the break faces the light.
    const c = cosTurns(turns);
    const s = sinTurns(turns);
    const { r, g, b, width } = out;
    for (let y = job.a.y0; y < job.a.y1; y++) {
      for (let x = job.a.x0; x < job.a.x1; x++) {
        const i = y * width + x;
        const k = 1 + 0.35 * job.a.data[i]! * ((x - cx) * c + (y - cy) * s > 0 ? 1 : -0.7);
        r[i] = r[i]! * k;
        g[i] = g[i]! * k;
        b[i] = b[i]! * k;
      }
    }
  }
  return true;
}

function hole(job: DefectJob): boolean {
  const { random, scene, size, out, side } = job;
  clearCover(job.a);
  clearCover(job.b);
  const rx = size * 0.42 * random.uniform(0.8, 1);
  const ry = rx * random.uniform(0.65, 1);
  const turns = random.next();
  const rough = random.next() < 0.5 ? 0.08 : 0.35;
  const rim = Math.max(1, side * 0.012);
  const torn = rough > 0.2;
  coverEllipse(
    job.b,
    job.cx + rim * 0.5,
    job.cy + rim * 0.5,
    rx + rim,
    ry + rim,
    cosTurns(turns),
    sinTurns(turns),
    1.6,
  );
  onBody(job, job.b);
  coverBlob(job, job.a, job.cx, job.cy, rx, ry, turns, rough, 1.4);
  onBody(job, job.a);
  lighten(out, job.b, torn ? -0.08 : 0.14);
  mark(job, job.b, 0.7);
  if (scene.background !== null && random.next() < 0.6) reveal(out, job.a, scene.background);
  else {
    const dark = luminance(localColor(job.clean, job.cx, job.cy, size)) > 0.22;
    paint(
      out,
      job.a,
      dark ? scaleRgb(scene.inner, luminance(scene.inner) > 0.3 ? 0.35 : 0.8) : [0.85, 0.85, 0.83],
      0.96,
    );
  }
  mark(job, job.a);
  if (torn && random.next() < 0.5) {
    // Threads or fibres stand into the hole.
    clearCover(job.b);
    const color = localColor(job.clean, job.cx, job.cy, size);
    for (let k = 0; k < 5; k++) {
      const t = random.next();
      const x = job.cx + rx * cosTurns(t);
      const y = job.cy + ry * sinTurns(t);
      coverSegment(job.b, x, y, 0.6, x - rx * 0.6 * cosTurns(t + 0.05), y - ry * 0.6 * sinTurns(t + 0.05), 0.4, 1);
    }
    paint(out, job.b, color, 0.8);
  }
  return true;
}

function deformation(job: DefectJob): boolean {
  const { random, size, out, clean, scene } = job;
  const turns = random.next();
  const c = cosTurns(turns);
  const s = sinTurns(turns);
  const fold = random.next() < 0.5;
  const light = random.next();
  const lx = cosTurns(light);
  const ly = sinTurns(light);
  const rx = size * (fold ? 0.75 : 0.58);
  const ry = fold ? size * random.uniform(0.2, 0.32) : rx * random.uniform(0.7, 1);
  const push = size * random.uniform(0.16, 0.26) * (scene.elements.length > 0 || scene.body !== null ? 1.25 : 1);
  const shade = random.uniform(0.5, 0.9) * random.pick([-1, 1]);
  clearCover(job.a);
  const reach = Math.max(rx, ry) + 2;
  const [x0, y0, x1, y1] = touch(job.a, job.cx - reach, job.cy - reach, job.cx + reach, job.cy + reach);
  const { width, height } = clean;
  const turn2 = random.next();
  const dx = cosTurns(turn2);
  const dy = sinTurns(turn2);
  const u0 = random.uniform(0, 250);
  const v0 = random.uniform(0, 250);
  const uneven = random.uniform(0.1, 0.5);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const a = ((x - job.cx) * c + (y - job.cy) * s) / rx;
      const b = ((y - job.cy) * c - (x - job.cx) * s) / ry;
      const rho2 = (a * a + b * b) * (1 + uneven * noise(u0 + 1.6 * a, v0 + 1.6 * b));
      if (rho2 >= 1) continue;
      const lift = (1 - rho2) * (1 - rho2);
      const i = y * width + x;
      const sx = clamp(x + push * lift * dx, 0, width - 1.001);
      const sy = clamp(y + push * lift * dy, 0, height - 1.001);
      const ix = sx | 0;
      const iy = sy | 0;
      const fx = sx - ix;
      const fy = sy - iy;
      const j = iy * width + ix;
      // Slope of the dent towards the light.
      const slope = fold ? -b * (1 - rho2) * 2.6 : -(a * lx + b * ly) * (1 - rho2) * 2.1;
      const gain = 1 + shade * slope;
      for (const [from, to] of [
        [clean.r, out.r],
        [clean.g, out.g],
        [clean.b, out.b],
      ] as const) {
        const top = from[j]! + fx * (from[j + 1]! - from[j]!);
        const bottom = from[j + width]! + fx * (from[j + width + 1]! - from[j + width]!);
        to[i] = (top + fy * (bottom - top)) * gain;
      }
      job.a.data[i] = smoothstep(0.02, 0.12, lift);
    }
  }
  mark(job, job.a);
  return true;
}

function surfaceDamage(job: DefectJob): boolean {
  const { random, size, side, scene, out, clean } = job;
  const around = localColor(clean, job.cx, job.cy, size * 0.4);
  clearCover(job.a);
  const pieces = 5 + random.int(6);
  for (let k = 0; k < pieces; k++) {
    clearCover(job.b);
    const t = random.next();
    const at = size * 0.26 * Math.sqrt(random.next());
    const cx = job.cx + at * cosTurns(t);
    const cy = job.cy + at * sinTurns(t);
    const corners: number[] = [];
    const sides = 3 + random.int(3);
    const r = size * random.uniform(0.1, 0.24);
    for (let j = 0; j < sides; j++) {
      const v = t + (j + random.uniform(-0.3, 0.3)) / sides;
      corners.push(cx + r * cosTurns(v), cy + r * sinTurns(v));
    }
    coverConvex(job.b, corners, 1.2);
    onBody(job, job.b);
    const depth = random.next();
    paint(
      out,
      job.b,
      depth < 0.65
        ? mix(around, scene.inner, random.uniform(0.5, 0.95))
        : mix(around, [0.95, 0.94, 0.9], random.uniform(0.3, 0.7)),
      0.92,
    );
    mark(job, job.b);
  }
  const rays = 3 + random.int(4);
  const start = random.next();
  for (let k = 0; k < rays; k++) {
    const t = start + (k + random.uniform(-0.3, 0.3)) / rays;
    const length = size * random.uniform(0.25, 0.4);
    const line = wander(
      random,
      job.cx + length * 0.75 * cosTurns(t),
      job.cy + length * 0.75 * sinTurns(t),
      length,
      t,
      0,
      0.06,
    );
    stroke(job.a, line, Math.max(0.5, side * 0.0045), 1);
  }
  onBody(job, job.a);
  paint(out, job.a, luminance(around) > 0.25 ? scene.inner : mix(around, [0.9, 0.9, 0.88], 0.7), 0.9);
  mark(job, job.a);
  return true;
}

function wear(job: DefectJob): boolean {
  const { random, size, side, scene, out, clean } = job;
  const around = localColor(clean, job.cx, job.cy, size * 0.45);
  const along = random.next() < 0.6 ? angleTurns(scene.grain[1], scene.grain[0]) : random.next();
  clearCover(job.a);
  clearCover(job.b);
  const rx = size * 0.6;
  const ry = size * random.uniform(0.22, 0.4);
  coverBlob(job, job.a, job.cx, job.cy, rx, ry, along, 0.4, Math.max(2.5, size * 0.14));
  onBody(job, job.a);
  const up = luminance(around) < 0.62;
  paint(out, job.a, mix(around, up ? [0.92, 0.91, 0.88] : scene.inner, random.uniform(0.3, 0.5)), 0.75);
  mark(job, job.a);
  const c = cosTurns(along);
  const s = sinTurns(along);
  const lines = 8 + random.int(10);
  for (let k = 0; k < lines; k++) {
    const v = random.uniform(-0.9, 0.9) * ry;
    const u = random.uniform(-0.5, 0.5) * rx;
    const half = rx * random.uniform(0.15, 0.45);
    const x = job.cx + u * c - v * s;
    const y = job.cy + u * s + v * c;
    coverSegment(job.b, x - half * c, y - half * s, 0.35, x + half * c, y + half * s, 0.35, Math.max(1, side * 0.006));
  }
  for (let y = job.b.y0; y < job.b.y1; y++) {
    for (let i = y * out.width + job.b.x0, end = y * out.width + job.b.x1; i < end; i++)
      job.b.data[i] = job.b.data[i]! * job.a.data[i]!;
  }
  lighten(out, job.b, up ? 0.16 : -0.16);
  return true;
}

function pitting(job: DefectJob): boolean {
  const { random, size, side, scene, out, clean } = job;
  const around = localColor(clean, job.cx, job.cy, size * 0.4);
  const along = random.next() < 0.5 ? angleTurns(scene.grain[1], scene.grain[0]) : random.next();
  const c = cosTurns(along);
  const s = sinTurns(along);
  const flat = random.uniform(0.35, 1);
  const pits = 5 + random.int(18);
  const dark = luminance(around) > 0.2;
  clearCover(job.a);
  clearCover(job.b);
  const rough = random.next() < 0.5;
  for (let k = 0; k < pits; k++) {
    const t = random.next();
    const at = size * 0.5 * random.next();
    const u = at * cosTurns(t);
    const v = at * sinTurns(t) * flat;
    const r = Math.max(0.8, Math.min(side * 0.022, size * random.uniform(0.035, 0.11)));
    const x = job.cx + u * c - v * s;
    const y = job.cy + u * s + v * c;
    const turn = random.next();
    coverEllipse(job.a, x, y, r, r * random.uniform(0.6, 1), cosTurns(turn), sinTurns(turn), 1.1);
    coverEllipse(job.b, x + r * 0.7, y + r * 0.7, r, r * 0.8, 1, 0, 1.3);
  }
  if (rough) coverBlob(job, job.a, job.cx, job.cy, size * 0.26, size * 0.2 * flat + 1, along, 0.7, 1.4);
  onBody(job, job.a);
  onBody(job, job.b);
  lighten(out, job.b, dark ? 0.13 : -0.08);
  mark(job, job.b, 0.6);
  paint(out, job.a, dark ? mix(scene.inner, around, 0.12) : [0.8, 0.8, 0.78], 0.93);
  mark(job, job.a);
  return true;
}
