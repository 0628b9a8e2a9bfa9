/**
 * The orientation tag of a JPEG. Browsers turn a picture by it and cannot be told not to (Chromium takes `imageOrientation: "none"` for
 * "from-image"); a model gets the picture as it is stored, so that places and masks would lie elsewhere than it saw them.
 */

/** The tag lies in the first segments, none of which is longer than 64 KiB. */
const headBytes = 1 << 18;

/** The picture as it is stored. */
export async function withoutOrientation(file: Blob): Promise<Blob> {
  const head = new Uint8Array(await file.slice(0, headBytes).arrayBuffer());
  const at = orientationAt(head);
  if (at === null) return file;
  // No orientation has the number 0.
  head.fill(0, at, at + 2);
  return new Blob([head, file.slice(head.length)], { type: file.type });
}

/** Where the two bytes of the orientation are; null where there are none. @see Exif 2.3, section 4.5 */
export function orientationAt(head: Uint8Array): number | null {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const has = (at: number, count: number) => at + count <= head.length;
  if (!has(0, 2) || view.getUint16(0) !== 0xffd8) return null;
  for (let segment = 2; has(segment, 10) && head[segment] === 0xff; segment += 2 + view.getUint16(segment + 2)) {
    const isExif = head[segment + 1] === 0xe1 && view.getUint32(segment + 4) === 0x45786966;
    if (!isExif) continue;
    const tiff = segment + 10;
    if (!has(tiff, 8)) return null;
    const isLittle = view.getUint16(tiff) === 0x4949;
    const directory = tiff + view.getUint32(tiff + 4, isLittle);
    const count = has(directory, 2) ? view.getUint16(directory, isLittle) : 0;
    for (let entry = directory + 2; entry < directory + 2 + 12 * count && has(entry, 12); entry += 12) {
      if (view.getUint16(entry, isLittle) === 0x0112) return entry + 8;
    }
  }
  return null;
}
