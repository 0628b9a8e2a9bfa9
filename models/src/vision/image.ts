/** The plain picture that passes between decoding, resizing and the processors. No colour management, no pixels in float. */

/** Eight bits a channel, rows from the top, channels interleaved (HWC). */
export interface RgbImage {
  width: number;
  height: number;
  /** width · height · 3 bytes */
  data: Uint8Array;
}

/** Height and width, in the order in which Hugging Face writes them. */
export interface ImageSize {
  height: number;
  width: number;
}

/**
 * Puts `image` on a canvas of one colour with its top left corner at (left, top); what lies outside is cut off.
 *
 * @param color red, green, blue, 0 to 255
 */
export function placeOnCanvas(
  image: RgbImage,
  size: ImageSize,
  left: number,
  top: number,
  color: readonly [number, number, number] = [0, 0, 0],
): RgbImage {
  const { width, height } = size;
  const data = new Uint8Array(width * height * 3);
  if (color[0] === color[1] && color[1] === color[2]) data.fill(color[0]);
  else for (let i = 0; i < data.length; i++) data[i] = color[i % 3]!;
  const firstX = Math.max(0, left);
  const endX = Math.min(width, left + image.width);
  const endY = Math.min(height, top + image.height);
  for (let y = Math.max(0, top); y < endY && firstX < endX; y++) {
    const from = ((y - top) * image.width + firstX - left) * 3;
    data.set(image.data.subarray(from, from + (endX - firstX) * 3), (y * width + firstX) * 3);
  }
  return { width, height, data };
}

/** The middle of a picture; where it is smaller than `size`, black around it. Half pixels go to the left and top. */
export function centerCrop(image: RgbImage, size: ImageSize): RgbImage {
  const left = Math.floor((image.width - size.width) / 2);
  const top = Math.floor((image.height - size.height) / 2);
  return placeOnCanvas(image, size, -left, -top);
}
