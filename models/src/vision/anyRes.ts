/**
 * Any-resolution cutting as LLaVA-1.6 and LLaVA-OneVision do it: a picture is fitted into the best of a list of
 * resolutions, padded and cut into square views, with the whole picture squashed into one view in front. Pixels stay
 * 8-bit; how the views' features are put together again is `llavaOnevision/packing.ts`.
 *
 * @see transformers `image_processing_utils.py` (select_best_resolution, get_patch_output_size), `image_transforms.py`
 *   (divide_to_patches)
 */
import { DataError, InternalError } from "../errors";
import { type ImageSize, placeOnCanvas, type RgbImage } from "./image";
import { maxResultBytes, type ResampleFilter, resizeImage } from "./resample";

/** [height, width] in pixels. */
export type Resolution = readonly [height: number, width: number];

/** Far above every known checkpoint (36 views of 384 pixels), far below what a machine chokes on. */
export const resolutionLimits = { pixels: 1 << 24, views: 256 };

/** Whether a resolution is a grid of square views of bearable cost. */
export function isResolution(value: unknown, side: number): value is [height: number, width: number] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [height, width] = value as unknown[];
  const isEdge = (edge: unknown): edge is number =>
    Number.isSafeInteger(edge) && Number(edge) > 0 && Number(edge) % side === 0;
  if (!isEdge(height) || !isEdge(width)) return false;
  return height * width <= resolutionLimits.pixels && (height / side) * (width / side) <= resolutionLimits.views;
}

/** What a list of resolutions has to be, for messages. */
export function describeResolutions(side: string): string {
  const { pixels, views } = resolutionLimits;
  return `1 to 1024 pairs [height, width] of multiples of ${side} with at most ${pixels} pixels and ${views} views`;
}

/** Where most of the picture's pixels survive; among equals the one with the least unused area; among those the first. */
export function selectBestResolution(size: ImageSize, resolutions: readonly Resolution[]): Resolution {
  let best: Resolution | undefined;
  let mostUsed = 0;
  let leastWasted = Number.POSITIVE_INFINITY;
  for (const resolution of resolutions) {
    const [height, width] = resolution;
    const scale = Math.min(width / size.width, height / size.height);
    const scaled = Math.trunc(size.width * scale) * Math.trunc(size.height * scale);
    const used = Math.min(scaled, size.width * size.height);
    const wasted = width * height - used;
    if (used > mostUsed || (used === mostUsed && wasted < leastWasted)) {
      best = resolution;
      mostUsed = used;
      leastWasted = wasted;
    }
  }
  if (best === undefined) throw new InternalError("image/resolutions", "The list of resolutions is empty.");
  return best;
}

/** Size of a picture when it is fitted into a resolution with its proportions kept, rounded up. */
export function fitInside(size: ImageSize, [height, width]: Resolution): ImageSize {
  const scaleWidth = width / size.width;
  const scaleHeight = height / size.height;
  return scaleWidth < scaleHeight
    ? { width, height: Math.min(Math.ceil(size.height * scaleWidth), height) }
    : { height, width: Math.min(Math.ceil(size.width * scaleHeight), width) };
}

/**
 * The views of a picture, all `side` pixels square: first the whole picture squashed into one, then the squares of the
 * fitted and zero-padded picture, row by row. Resolutions must be multiples of `side`.
 */
export function cutViews(
  image: RgbImage,
  resolutions: readonly Resolution[],
  side: number,
  filter: ResampleFilter,
): RgbImage[] {
  const view = { width: side, height: side };
  const views = [resizeImage(image, view, filter)];
  const resolution = selectBestResolution(image, resolutions);
  const [height, width] = resolution;
  const fitted = resizeImage(image, fitInside(image, resolution), filter);
  const left = Math.floor((width - fitted.width) / 2);
  const top = Math.floor((height - fitted.height) / 2);
  for (let y = 0; y < height; y += side) {
    for (let x = 0; x < width; x += side) views.push(placeOnCanvas(fitted, view, left - x, top - y));
  }
  return views;
}

/** What pictures are padded with, from a mean of 0 to 1. */
export function meanColor(mean: readonly [number, number, number]): [number, number, number] {
  return mean.map((channel) => Math.trunc(channel * 255)) as [number, number, number];
}

/**
 * A picture in the middle of a square of one colour; the odd pixel is after it. A square stays as it is.
 *
 * @throws DataError `data/image-size` for a picture so long that its square would fill the memory
 */
export function padToSquare(image: RgbImage, color: readonly [number, number, number]): RgbImage {
  const side = Math.max(image.width, image.height);
  if (image.width === image.height) return image;
  if (side ** 2 * 3 > maxResultBytes) {
    throw new DataError(
      "data/image-size",
      `Picture of ${image.width} x ${image.height}: a square around it needs more than ${maxResultBytes} bytes.`,
      { hint: "Cut out the part to inspect." },
    );
  }
  const left = Math.floor((side - image.width) / 2);
  const top = Math.floor((side - image.height) / 2);
  return placeOnCanvas(image, { width: side, height: side }, left, top, color);
}
