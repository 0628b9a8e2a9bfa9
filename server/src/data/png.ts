/**
 * PNG files whose bytes depend on the pixels alone. The compressor is plain JavaScript: that of Node picks other matches on
 * other processors, and generated data sets are compared by hash.
 */
import { encode } from "fast-png";

/** RGB bytes, (height, width, 3), as an 8-bit PNG. */
export function encodePng(image: { width: number; height: number; data: Uint8Array }): Uint8Array {
  const { width, height, data } = image;
  return encode({ width, height, data, channels: 3, depth: 8 }, { zlib: { level: 4 } });
}

/** A mask, (height, width), non-zero = set, as a 1-bit PNG in which set pixels are white. */
export function encodeMaskPng(mask: Uint8Array, width: number, height: number): Uint8Array {
  const rowBytes = Math.ceil(width / 8);
  const bits = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (mask[y * width + x] !== 0) bits[y * rowBytes + (x >> 3)]! |= 0x80 >> (x & 7);
    }
  }
  return encode({ width, height, data: bits, channels: 1, depth: 1 }, { zlib: { level: 9 } });
}
