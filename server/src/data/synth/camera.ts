/** The last steps of a photograph: light, contrast, colour cast, sensor noise, rounding to bytes. Works pixel by pixel. */
import type { Random } from "@iad-r1/models/util/random";
import type { Canvas } from "./canvas";
import { clamp, NORMALS } from "./numeric";

export interface Camera {
  /** Smoothing passes and weight, applied before a defect is drawn. */
  readonly blurPasses: number;
  readonly blurWeight: number;
  readonly gray: boolean;
  readonly gain: readonly [number, number, number];
  readonly offset: number;
  readonly slopeX: number;
  readonly slopeY: number;
  readonly vignette: number;
  readonly noise: number;
  readonly chroma: number;
  /** Strength of small errors that are constant over 8 x 8 blocks, as strong compression leaves them. */
  readonly blocks: number;
  readonly noiseSeed: number;
}

export function createCamera(random: Random, gray: boolean): Camera {
  const contrast = random.uniform(0.82, 1.15);
  const exposure = random.uniform(0.88, 1.12);
  const cast = random.next() < 0.4 ? random.uniform(0.01, 0.06) : 0.01;
  return {
    blurPasses: random.next() < 0.55 ? 1 + random.int(2) : 0,
    blurWeight: random.uniform(0.08, 0.25),
    gray: gray || random.next() < 0.12,
    gain: [
      contrast * exposure * (1 + random.uniform(-cast, cast)),
      contrast * exposure,
      contrast * exposure * (1 + random.uniform(-cast, cast)),
    ],
    offset: 0.5 * (1 - contrast) + random.uniform(-0.03, 0.03),
    slopeX: random.uniform(-0.14, 0.14),
    slopeY: random.uniform(-0.14, 0.14),
    vignette: random.next() < 0.5 ? random.uniform(0, 0.25) : 0,
    noise: random.next() < 0.8 ? random.uniform(0.003, 0.02) : random.uniform(0.02, 0.04),
    chroma: random.uniform(0, 0.012),
    blocks: random.next() < 0.3 ? random.uniform(0.002, 0.008) : 0,
    noiseSeed: random.int(1 << 30),
  };
}

/** Develops a canvas into RGB bytes. The same camera gives every canvas the same light and noise. */
export function develop(camera: Camera, canvas: Canvas): Uint8Array {
  const { width, height, r, g, b } = canvas;
  // Clips and rounds (halves to even) as it stores.
  const data = new Uint8ClampedArray(width * height * 3);
  const gr = 255 * camera.gain[0];
  const gg = 255 * camera.gain[1];
  const gb = 255 * camera.gain[2];
  const noise = 255 * camera.noise;
  const chroma = 255 * camera.chroma;
  const columnLight = new Float64Array(width);
  const blocks = new Float64Array(width);
  for (let x = 0; x < width; x++) {
    const u = (2 * x) / width - 1;
    columnLight[x] = camera.slopeX * u - camera.vignette * u * u;
  }
  let seed = camera.noiseSeed;
  for (let y = 0, i = 0, o = 0; y < height; y++) {
    seed = (Math.imul(seed, 1103515245) + 12345) | 0;
    const start = (seed >>> 8) & 0xffff;
    const v = (2 * y) / height - 1;
    const rowLight = 1 + camera.slopeY * v - camera.vignette * v * v;
    if ((y & 7) === 0) {
      const row = Math.imul((y >> 3) + camera.noiseSeed, 7919);
      for (let x = 0; x < width; x++) {
        blocks[x] = 255 * (camera.offset + camera.blocks * NORMALS[(row + Math.imul(x >> 3, 104729)) & 0xffff]!);
      }
    }
    if (camera.gray) {
      for (let x = 0; x < width; x++, i++, o += 3) {
        const shift = blocks[x]! + noise * NORMALS[(start + x) & 0xffff]!;
        const value = (0.3 * r[i]! + 0.59 * g[i]! + 0.11 * b[i]!) * gg * (rowLight + columnLight[x]!) + shift;
        data[o] = value;
        data[o + 1] = value;
        data[o + 2] = value;
      }
      continue;
    }
    for (let x = 0; x < width; x++, i++, o += 3) {
      const light = rowLight + columnLight[x]!;
      const shift = blocks[x]! + noise * NORMALS[(start + x) & 0xffff]!;
      const tint = chroma * NORMALS[(start + x + 21001) & 0xffff]!;
      data[o] = r[i]! * gr * light + shift + tint;
      data[o + 1] = g[i]! * gg * light + shift;
      data[o + 2] = b[i]! * gb * light + shift - tint;
    }
  }
  return new Uint8Array(data.buffer);
}

/** What a value of one channel becomes in even light, 0 to 1: over-exposure can hide a difference. */
export function exposed(camera: Camera, channel: 0 | 1 | 2, value: number): number {
  return clamp(value * camera.gain[channel] + camera.offset, 0, 1);
}
