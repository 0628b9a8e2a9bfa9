/** From 8-bit pictures to the float values a network takes. No geometry here. */
import type { RgbImage } from "./image";

/** value = (byte · rescaleFactor − mean) / std, each channel with its own mean and std. */
export interface PixelScaling {
  rescaleFactor: number;
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/**
 * For each channel the value of each byte, [3 · 256]. Rounded where NumPy rounds: product in double, then all in float32.
 */
export function pixelTable({ rescaleFactor, mean, std }: PixelScaling): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const shift = Math.fround(mean[channel]!);
    const scale = Math.fround(std[channel]!);
    for (let byte = 0; byte < 256; byte++) {
      const value = Math.fround(Math.fround(byte * rescaleFactor) - shift);
      table[channel * 256 + byte] = value / scale;
    }
  }
  return table;
}

/** Writes a picture as [3, H, W] into `out` from `offset` on. */
export function writePlanes(image: RgbImage, table: Float32Array, out: Float32Array, offset: number): void {
  const { data } = image;
  const plane = image.width * image.height;
  for (let i = 0, at = 0, to = offset; i < plane; i++, at += 3, to++) {
    out[to] = table[data[at]!]!;
    out[to + plane] = table[256 + data[at + 1]!]!;
    out[to + 2 * plane] = table[512 + data[at + 2]!]!;
  }
}

/** Pictures of one size as [S, 3, H, W]. */
export function stackPlanes(images: readonly RgbImage[], table: Float32Array): Float32Array {
  const each = images.length === 0 ? 0 : images[0]!.width * images[0]!.height * 3;
  const out = new Float32Array(images.length * each);
  images.forEach((image, index) => {
    writePlanes(image, table, out, index * each);
  });
  return out;
}

/** Numbers one after another. */
export function joinValues(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
