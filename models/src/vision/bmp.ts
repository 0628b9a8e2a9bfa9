/**
 * Windows bitmaps to RGB, because the image library does not read them and inspection cameras write them. Uncompressed
 * pictures of 1, 4, 8, 24 and 32 bits, as Pillow reads them; run-length and 16-bit ones are refused.
 */
import type { RgbImage } from "./image";

/** What the header says; `problem` is set for a kind that is not read. */
export interface BmpHeader {
  width: number;
  height: number;
  bits: number;
  /** Rows from the top; usually they come from the bottom. */
  topDown: boolean;
  pixelOffset: number;
  /** First palette entry (4 bytes each: blue, green, red, unused; 3 bytes in the oldest kind). */
  paletteOffset: number;
  paletteEntryBytes: 3 | 4;
  numColors: number;
  /** Byte of red, green and blue inside a pixel of 24 or 32 bits. */
  channelBytes: [number, number, number];
  problem?: string;
}

/** Reads the header, or undefined when it is cut off. */
export function readBmpHeader(bytes: Uint8Array): BmpHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) return undefined;
  const headerBytes = view.getUint32(14, true);
  const oldest = headerBytes === 12;
  if (!oldest && (headerBytes < 40 || bytes.length < 14 + 40)) return undefined;
  const height = oldest ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(oldest ? 24 : 28, true);
  const compression = oldest ? 0 : view.getUint32(30, true);
  const colors = oldest ? 0 : view.getUint32(46, true);
  const header: BmpHeader = {
    width: oldest ? view.getUint16(18, true) : view.getInt32(18, true),
    height: Math.abs(height),
    bits,
    topDown: height < 0,
    pixelOffset: view.getUint32(10, true),
    // Masks of the 40-byte header stand between header and palette; there is no palette then.
    paletteOffset: 14 + headerBytes,
    paletteEntryBytes: oldest ? 3 : 4,
    numColors: colors === 0 ? 2 ** Math.min(bits, 8) : colors,
    channelBytes: [2, 1, 0],
  };
  if (![1, 4, 8, 24, 32].includes(bits)) header.problem = `${bits} bits a pixel`;
  else if (compression === 3 && bits === 32) {
    if (bytes.length < 14 + 52) return undefined;
    const places = [54, 58, 62].map((at) => [0xff, 0xff00, 0xff0000, 0xff000000].indexOf(view.getUint32(at, true)));
    if (places.includes(-1)) header.problem = "unusual colour masks";
    header.channelBytes = places as [number, number, number];
  } else if (compression !== 0) header.problem = `compression ${compression}`;
  return header;
}

/** Bytes from which pixels are read, or undefined when the file is too short for its header. */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader): RgbImage | undefined {
  const { width, height, bits } = header;
  const stride = Math.floor((width * bits + 31) / 32) * 4;
  // The padding of the last row may be missing.
  if (header.pixelOffset + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) return undefined;
  const paletteEnd = header.paletteOffset + header.numColors * header.paletteEntryBytes;
  if (bits <= 8 && paletteEnd > bytes.length) return undefined;
  const data = new Uint8Array(width * height * 3);
  const perByte = 8 / bits;
  const mask = 2 ** Math.min(bits, 8) - 1;
  const [red, green, blue] = header.channelBytes;
  let out = 0;
  for (let y = 0; y < height; y++) {
    const row = header.pixelOffset + (header.topDown ? y : height - 1 - y) * stride;
    for (let x = 0; x < width; x++, out += 3) {
      let at = row + (x * bits) / 8;
      let order: readonly [number, number, number] = [red, green, blue];
      if (bits <= 8) {
        const shift = 8 - bits * ((x % perByte) + 1);
        const color = (bytes[Math.floor(at)]! >> shift) & mask;
        // Colours that the palette lacks are black.
        if (color >= header.numColors) continue;
        at = header.paletteOffset + color * header.paletteEntryBytes;
        order = [2, 1, 0];
      }
      data[out] = bytes[at + order[0]]!;
      data[out + 1] = bytes[at + order[1]]!;
      data[out + 2] = bytes[at + order[2]]!;
    }
  }
  return { width, height, data };
}
