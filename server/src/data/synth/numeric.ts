/**
 * The arithmetic of the image generator: sine, angle, smooth steps and lattice noise from additions, multiplications,
 * divisions, square roots and floors alone, so that every machine computes the same bits. No libm function is used here.
 */
import { createRandom } from "@iad-r1/models/util/random";

const SINE_STEPS = 4096;
const SINE = buildSineTable();

/** sin(2πt) to about 3e-7; t in turns. */
export function sinTurns(t: number): number {
  const x = (t - Math.floor(t)) * SINE_STEPS;
  const k = x | 0;
  const low = SINE[k]!;
  return low + (x - k) * (SINE[k + 1]! - low);
}

/** cos(2πt); t in turns. */
export function cosTurns(t: number): number {
  return sinTurns(t + 0.25);
}

/** The angle of (x, y) in turns, in [0, 1), to about 2e-6. */
export function angleTurns(y: number, x: number): number {
  const ax = x < 0 ? -x : x;
  const ay = y < 0 ? -y : y;
  const large = ax > ay ? ax : ay;
  if (large === 0) return 0;
  const a = (ax > ay ? ay : ax) / large;
  const a2 = a * a;
  const radians = a * (0.999866 + a2 * (-0.3302995 + a2 * (0.180141 + a2 * (-0.085133 + a2 * 0.0208351))));
  let turns = radians / (2 * Math.PI);
  if (ay > ax) turns = 0.25 - turns;
  if (x < 0) turns = 0.5 - turns;
  return y < 0 && turns > 0 ? 1 - turns : turns;
}

export function clamp(x: number, low: number, high: number): number {
  return x < low ? low : x > high ? high : x;
}

/** 0 below `low`, 1 above `high`, a cubic between. */
export function smoothstep(low: number, high: number, x: number): number {
  const t = clamp((x - low) / (high - low), 0, 1);
  return t * t * (3 - 2 * t);
}

/** A bell of height 1 at 0 that is exactly 0 beyond ±1. */
export function bell(x: number): number {
  const t = 1 - x * x;
  return t > 0 ? t * t : 0;
}

/** (65,536) uniform in [-1, 1), a 256 x 256 torus. */
const LATTICE = buildTable("lattice", (random) => 2 * random.next() - 1);
/** (65,536) standard normal. */
export const NORMALS = buildTable("normals", (random) => random.normal());

/** Smooth value noise in [-1, 1] with one lattice point per unit, periodic in 256. */
export function noise(u: number, v: number): number {
  const fu = Math.floor(u);
  const fv = Math.floor(v);
  let s = u - fu;
  let t = v - fv;
  s = s * s * (3 - 2 * s);
  t = t * t * (3 - 2 * t);
  const x0 = fu & 255;
  const x1 = (fu + 1) & 255;
  const y0 = (fv & 255) << 8;
  const y1 = ((fv + 1) & 255) << 8;
  const a = LATTICE[y0 | x0]!;
  const b = LATTICE[y0 | x1]!;
  const c = LATTICE[y1 | x0]!;
  const d = LATTICE[y1 | x1]!;
  const top = a + s * (b - a);
  return top + t * (c + s * (d - c) - top);
}

/** u = u0 + ux·x + uy·y and v = v0 + vx·x + vy·y: lattice coordinates of pixel (x, y). */
export interface NoiseMap {
  u0: number;
  v0: number;
  ux: number;
  uy: number;
  vx: number;
  vy: number;
}

let coarse = new Float32Array(0);

/** Adds `amplitude` times value noise to every pixel of `plane`. Slow waves are computed on every second or fourth pixel only. */
export function addNoise(plane: Float32Array, width: number, height: number, map: NoiseMap, amplitude: number): void {
  const fastest = Math.max(Math.abs(map.ux) + Math.abs(map.uy), Math.abs(map.vx) + Math.abs(map.vy));
  if (fastest < 0.25) {
    addCoarseNoise(plane, width, height, map, amplitude, fastest < 0.125 ? 4 : 2);
    return;
  }
  for (let y = 0, i = 0; y < height; y++) {
    const u = map.u0 + map.uy * y;
    const v = map.v0 + map.vy * y;
    for (let x = 0; x < width; x++, i++) plane[i] = plane[i]! + amplitude * noise(u + map.ux * x, v + map.vx * x);
  }
}

function addCoarseNoise(
  plane: Float32Array,
  width: number,
  height: number,
  map: NoiseMap,
  amplitude: number,
  step: number,
): void {
  const columns = Math.floor((width + step - 2) / step) + 1;
  const rows = Math.floor((height + step - 2) / step) + 1;
  if (coarse.length < columns * rows) coarse = new Float32Array(columns * rows);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const x = column * step;
      const y = row * step;
      coarse[i] = amplitude * noise(map.u0 + map.ux * x + map.uy * y, map.v0 + map.vx * x + map.vy * y);
    }
  }
  for (let y = 0; y < height; y++) {
    const row = (y / step) | 0;
    const t = (y - row * step) / step;
    const upper = row * columns;
    const lower = row + 1 < rows ? upper + columns : upper;
    for (let column = 0; column * step < width; column++) {
      const next = column + 1 < columns ? column + 1 : column;
      const left = coarse[upper + column]! + t * (coarse[lower + column]! - coarse[upper + column]!);
      const right = coarse[upper + next]! + t * (coarse[lower + next]! - coarse[upper + next]!);
      const slope = (right - left) / step;
      const end = Math.min(step, width - column * step);
      const base = y * width + column * step;
      for (let k = 0; k < end; k++) plane[base + k] = plane[base + k]! + left + slope * k;
    }
  }
}

function buildSineTable(): Float64Array {
  const table = new Float64Array(SINE_STEPS + 2);
  const quarter = SINE_STEPS / 4;
  for (let k = 0; k <= quarter; k++) {
    const x = (k / quarter) * (Math.PI / 2);
    let term = x;
    let sum = x;
    for (let n = 1; n < 12; n++) {
      term = (-term * x * x) / (2 * n * (2 * n + 1));
      sum += term;
    }
    table[k] = sum;
    table[2 * quarter - k] = sum;
    table[2 * quarter + k] = -sum;
    table[4 * quarter - k] = -sum;
  }
  table[SINE_STEPS] = 0;
  table[SINE_STEPS + 1] = table[1]!;
  return table;
}

function buildTable(name: string, draw: (random: ReturnType<typeof createRandom>) => number): Float32Array {
  const random = createRandom("synth", name);
  const table = new Float32Array(65536);
  for (let i = 0; i < table.length; i++) table[i] = draw(random);
  return table;
}
