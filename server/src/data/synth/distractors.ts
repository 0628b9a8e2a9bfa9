/**
 * What makes sound pictures hard: dust, fibres, shadows, reflections, thin oil, pen marks. Drawn alike on normal and
 * anomalous pictures, and always smaller, softer or fainter than the defects they resemble.
 */
import type { Random } from "@iad-r1/models/util/random";
import {
  type Canvas,
  type Cover,
  coverEllipse,
  coverSegment,
  hsv,
  lighten,
  paint,
  tint,
  type Workspace,
} from "./canvas";
import { bell, cosTurns, sinTurns } from "./numeric";
import type { Scene } from "./scene";

export type Distractor = "dust" | "fibre" | "shadow" | "reflection" | "grease" | "marking";

/** Draws some of them and says which, for the text. */
export function addDistractors(scene: Scene, work: Workspace, random: Random, side: number): Distractor[] {
  const { canvas } = scene;
  const drawn: Distractor[] = [];
  if (random.next() < 0.3) {
    dust(canvas, work.cover(), random, side);
    drawn.push("dust");
  }
  if (random.next() < 0.12) {
    const cover = work.cover();
    const x = random.uniform(0, canvas.width);
    const y = random.uniform(0, canvas.height);
    const t = random.next();
    const length = side * random.uniform(0.03, 0.06);
    const bend = random.uniform(-0.15, 0.15);
    const mx = x + length * cosTurns(t);
    const my = y + length * sinTurns(t);
    coverSegment(cover, x, y, 0.35, mx, my, 0.35, 1);
    coverSegment(cover, mx, my, 0.35, mx + length * cosTurns(t + bend), my + length * sinTurns(t + bend), 0.3, 1);
    lighten(canvas, cover, random.pick([-0.1, 0.1]));
    drawn.push("fibre");
  }
  if (random.next() < 0.22) {
    shadow(canvas, random, side);
    drawn.push("shadow");
  }
  if (random.next() < 0.18 && !scene.gray) {
    reflection(canvas, random, side);
    drawn.push("reflection");
  }
  if (random.next() < 0.08 && !scene.gray) {
    const cover = work.cover();
    const r = side * random.uniform(0.2, 0.35);
    coverEllipse(cover, random.uniform(0, canvas.width), random.uniform(0, canvas.height), r, r * 0.6, 1, 0, r * 0.9);
    tint(canvas, cover, [0.93, 0.92, 0.88]);
    drawn.push("grease");
  }
  if (random.next() < 0.07 && !scene.gray && scene.body === null) {
    marking(canvas, work.cover(), random, side);
    drawn.push("marking");
  }
  return drawn;
}

function dust(canvas: Canvas, cover: Cover, random: Random, side: number): void {
  const count = 2 + random.int(12);
  for (let k = 0; k < count; k++) {
    const r = Math.max(0.4, side * random.uniform(0.002, 0.005));
    coverEllipse(cover, random.uniform(0, canvas.width), random.uniform(0, canvas.height), r, r, 1, 0, 1);
  }
  lighten(canvas, cover, random.pick([-0.12, 0.14]));
}

/** The edge of something out of the picture: wide and soft. */
function shadow(canvas: Canvas, random: Random, side: number): void {
  const t = random.next();
  const c = cosTurns(t);
  const s = sinTurns(t);
  const at = side * random.uniform(0.05, 0.45);
  const soft = side * random.uniform(0.15, 0.4);
  const depth = random.uniform(0.12, 0.35);
  const { width, height, r, g, b } = canvas;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const d = ((x - width / 2) * c + (y - height / 2) * s - at) / soft;
      if (d <= 0) continue;
      const k = d >= 1 ? 1 - depth : 1 - depth * d * d * (3 - 2 * d);
      r[i] = r[i]! * k;
      g[i] = g[i]! * k;
      b[i] = b[i]! * k;
    }
  }
}

/** A soft bright band from a lamp. */
function reflection(canvas: Canvas, random: Random, side: number): void {
  const t = random.next();
  const c = cosTurns(t);
  const s = sinTurns(t);
  const at = side * random.uniform(-0.5, 0.5);
  const wide = side * random.uniform(0.12, 0.4);
  const gain = random.uniform(0.06, 0.2);
  const { width, height, r, g, b } = canvas;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const light = gain * bell(((x - width / 2) * c + (y - height / 2) * s - at) / wide);
      if (light === 0) continue;
      r[i] = r[i]! + light;
      g[i] = g[i]! + light;
      b[i] = b[i]! + light;
    }
  }
}

/** Two or three stamped strokes of equal height in a row: an inspector's or maker's mark. */
function marking(canvas: Canvas, cover: Cover, random: Random, side: number): void {
  const x0 = canvas.width * random.uniform(0.1, 0.7);
  const y0 = canvas.height * random.uniform(0.1, 0.8);
  const tall = side * random.uniform(0.05, 0.08);
  const count = 3 + random.int(4);
  for (let k = 0; k < count; k++) {
    const x = x0 + k * tall * 0.75;
    coverSegment(cover, x, y0, tall * 0.06, x, y0 + tall, tall * 0.06, 1);
    if (random.int(2) === 0) coverSegment(cover, x, y0, tall * 0.06, x + tall * 0.45, y0, tall * 0.06, 1);
    if (random.int(2) === 0)
      coverSegment(cover, x, y0 + tall / 2, tall * 0.06, x + tall * 0.4, y0 + tall / 2, tall * 0.06, 1);
    if (random.int(2) === 0) coverSegment(cover, x, y0 + tall, tall * 0.06, x + tall * 0.45, y0 + tall, tall * 0.06, 1);
  }
  paint(canvas, cover, hsv(random.next(), random.uniform(0, 0.6), random.uniform(0.1, 0.35)), 0.75);
}
