/**
 * Resizing, bit by bit as Pillow's `Image.resize` on 8-bit pictures: coefficients in double precision, sums in
 * fixed-point integers, first along rows, then along columns (very tall pictures the other way round), with 8 bits
 * between. The checkpoints were trained on exactly these pixels. It is not libvips' or torchvision's resampler; both differ by some grey levels.
 *
 * @see Pillow, `src/PIL/Image.py`, `src/libImaging/Resample.c` and, for nearest, `Geometry.c`; measured against Pillow 12.3
 */
import { DataError, InternalError } from "../errors";
import type { ImageSize, RgbImage } from "./image";

export type ResampleFilter = "nearest" | "lanczos" | "bilinear" | "bicubic" | "box" | "hamming";

/** Filters by the numbers that processor settings use (`PIL.Image.Resampling`). */
export const resampleFilters: readonly ResampleFilter[] = [
  "nearest",
  "lanczos",
  "bilinear",
  "bicubic",
  "box",
  "hamming",
];

/** A region of the source: left, top, right, bottom; may lie between pixels. */
export type ResampleBox = readonly [number, number, number, number];

/** Results above this many bytes are refused: sizes can come from damaged settings. */
export const maxResultBytes = 2 ** 31;

/** Pictures more than this many times as tall as wide are made lower first, then resized along their rows. */
const tallAspect = 100;

/** Eight bits for the result and two against overflow leave this many for coefficients. */
const precisionBits = 32 - 8 - 2;

/**
 * Resizes a picture; the same size without `box` gives a copy.
 *
 * @throws DataError `data/image-size` when the size or the box is empty, not finite, outside or too large
 */
export function resizeImage(image: RgbImage, size: ImageSize, filter: ResampleFilter, box?: ResampleBox): RgbImage {
  return { width: size.width, height: size.height, data: resizePlane(image, 3, size, filter, box) };
}

/**
 * The same for pictures of 1 or 3 interleaved channels, such as masks.
 *
 * @param source data of width · height · channels bytes
 * @returns height · width · channels bytes of the new size
 */
export function resizePlane(
  source: { width: number; height: number; data: Uint8Array },
  channels: 1 | 3,
  size: ImageSize,
  filter: ResampleFilter,
  box: ResampleBox = [0, 0, source.width, source.height],
): Uint8Array {
  checkSizes(source, channels, size, box);
  const [left, top, right, bottom] = box;
  // Pillow's `Image.resize` asks its two passes one by one here, so that fewer rows are resized; the rounding between differs.
  if (source.height > source.width * tallAspect && size.height < source.height) {
    const low = { width: source.width, height: size.height };
    const data = resizeInOrder(source, channels, low, filter, [0, top, source.width, bottom]);
    return resizeInOrder({ ...low, data }, channels, size, filter, [left, 0, right, size.height]);
  }
  return resizeInOrder(source, channels, size, filter, box);
}

/** Along rows, then along columns; a pass that would change nothing is left out. */
function resizeInOrder(
  source: { width: number; height: number; data: Uint8Array },
  channels: 1 | 3,
  size: ImageSize,
  filter: ResampleFilter,
  box: ResampleBox,
): Uint8Array {
  const [left, top, right, bottom] = box.map(Math.fround) as [number, number, number, number];
  const whole = left === 0 && top === 0 && right === source.width && bottom === source.height;
  if (whole && size.width === source.width && size.height === source.height) return source.data.slice();
  if (filter === "nearest") return nearest(source, channels, size, [left, top, right, bottom]);

  const horizontal = coefficients(source.width, left, right, size.width, filter);
  const vertical = coefficients(source.height, top, bottom, size.height, filter);
  const firstRow = vertical.first[0]!;
  const endRow = vertical.first[size.height - 1]! + vertical.count[size.height - 1]!;
  let data = source.data;
  let rowOffset = 0;
  if (size.width !== source.width || left !== 0 || right !== size.width) {
    const along = channels === 3 ? alongRows3 : alongRows1;
    data = along(data, source.width, firstRow, endRow, size.width, horizontal);
    rowOffset = firstRow;
  }
  if (size.height !== source.height || top !== 0 || bottom !== size.height) {
    data = alongColumns(data, size.width * channels, rowOffset, size.height, vertical);
  }
  return data;
}

function checkSizes(
  source: { width: number; height: number; data: Uint8Array },
  channels: number,
  size: ImageSize,
  box: ResampleBox,
): void {
  if (source.data.length !== source.width * source.height * channels) {
    throw new InternalError(
      "image/shape",
      `Picture of ${source.width} x ${source.height} x ${channels}: got ${source.data.length} bytes.`,
    );
  }
  const refuse = (message: string): never => {
    throw new DataError("data/image-size", message, {
      hint: "Check the picture and the sizes in preprocessor_config.json.",
    });
  };
  for (const side of [size.width, size.height]) {
    if (!Number.isInteger(side) || side < 1)
      refuse(`Resize: expected a size of at least 1 pixel, got ${size.width} x ${size.height}.`);
  }
  if (size.width * size.height * channels > maxResultBytes || size.width * source.height * channels > maxResultBytes) {
    refuse(
      `Resize: ${source.width} x ${source.height} to ${size.width} x ${size.height} needs more than ${maxResultBytes} bytes.`,
    );
  }
  const [left, top, right, bottom] = box;
  if (!(left >= 0 && top >= 0 && right <= source.width && bottom <= source.height && right > left && bottom > top)) {
    refuse(`Resize: expected a box inside ${source.width} x ${source.height}, got ${box.join(", ")}.`);
  }
}

/** For each place of the result: the first source place it takes, how many, and their weights (`stride` apart). */
interface Coefficients {
  first: Int32Array;
  count: Int32Array;
  stride: number;
  weights: Int32Array;
}

const kernels: Record<Exclude<ResampleFilter, "nearest">, { support: number; at: (x: number) => number }> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0) },
  hamming: { support: 1, at: hamming },
  bicubic: { support: 2, at: bicubic },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function hamming(signed: number): number {
  const x = Math.abs(signed);
  if (x === 0) return 1;
  if (x >= 1) return 0;
  const angle = x * Math.PI;
  return (Math.sin(angle) / angle) * (0.54 + 0.46 * Math.cos(angle));
}

/** Catmull-Rom, a = -0.5. */
function bicubic(signed: number): number {
  const x = Math.abs(signed);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
  return 0;
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}

/** The order of operations is Pillow's: other orders round differently. `from` and `to` are in source pixels. */
function coefficients(
  sourceSize: number,
  from: number,
  to: number,
  resultSize: number,
  filter: Exclude<ResampleFilter, "nearest">,
): Coefficients {
  const kernel = kernels[filter];
  const scale = Math.fround(to - from) / resultSize;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const inverse = 1 / filterScale;
  const first = new Int32Array(resultSize);
  const count = new Int32Array(resultSize);
  const weights = new Int32Array(resultSize * stride);
  const exact = new Float64Array(stride);
  for (let place = 0; place < resultSize; place++) {
    const center = from + (place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const taken = Math.min(sourceSize, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let i = 0; i < taken; i++) {
      const weight = kernel.at((i + start - center + 0.5) * inverse);
      exact[i] = weight;
      sum += weight;
    }
    for (let i = 0; i < taken; i++) {
      const weight = (sum === 0 ? exact[i]! : exact[i]! / sum) * (1 << precisionBits);
      weights[place * stride + i] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[place] = start;
    count[place] = taken;
  }
  return { first, count, stride, weights };
}

const half = 1 << (precisionBits - 1);

/** RGB rows firstRow to endRow of `source` (W wide) → (endRow - firstRow) · width · 3. Two rows at a time share the weights. */
function alongRows3(
  source: Uint8Array,
  sourceWidth: number,
  firstRow: number,
  endRow: number,
  width: number,
  { first, count, stride, weights }: Coefficients,
): Uint8Array {
  const result = new Uint8ClampedArray((endRow - firstRow) * width * 3);
  const sourceStep = sourceWidth * 3;
  const step = width * 3;
  for (let row = firstRow; row < endRow; row += 2) {
    // An odd last row is done twice, which costs nothing and keeps one loop.
    const other = row + 1 < endRow ? sourceStep : 0;
    const otherOut = other === 0 ? 0 : step;
    let out = (row - firstRow) * step;
    for (let x = 0; x < width; x++, out += 3) {
      let at = (row * sourceWidth + first[x]!) * 3;
      const end = x * stride + count[x]!;
      let r0 = half;
      let g0 = half;
      let b0 = half;
      let r1 = half;
      let g1 = half;
      let b1 = half;
      for (let k = x * stride; k < end; k++, at += 3) {
        const weight = weights[k]!;
        const below = at + other;
        r0 = (r0 + Math.imul(source[at]!, weight)) | 0;
        g0 = (g0 + Math.imul(source[at + 1]!, weight)) | 0;
        b0 = (b0 + Math.imul(source[at + 2]!, weight)) | 0;
        r1 = (r1 + Math.imul(source[below]!, weight)) | 0;
        g1 = (g1 + Math.imul(source[below + 1]!, weight)) | 0;
        b1 = (b1 + Math.imul(source[below + 2]!, weight)) | 0;
      }
      const outBelow = out + otherOut;
      result[outBelow] = r1 >> precisionBits;
      result[outBelow + 1] = g1 >> precisionBits;
      result[outBelow + 2] = b1 >> precisionBits;
      result[out] = r0 >> precisionBits;
      result[out + 1] = g0 >> precisionBits;
      result[out + 2] = b0 >> precisionBits;
    }
  }
  return new Uint8Array(result.buffer);
}

/** The same for one channel. */
function alongRows1(
  source: Uint8Array,
  sourceWidth: number,
  firstRow: number,
  endRow: number,
  width: number,
  { first, count, stride, weights }: Coefficients,
): Uint8Array {
  const result = new Uint8ClampedArray((endRow - firstRow) * width);
  let out = 0;
  for (let row = firstRow; row < endRow; row++) {
    for (let x = 0; x < width; x++) {
      let at = row * sourceWidth + first[x]!;
      const end = x * stride + count[x]!;
      let sum = half;
      for (let k = x * stride; k < end; k++, at++) sum = (sum + Math.imul(source[at]!, weights[k]!)) | 0;
      result[out++] = sum >> precisionBits;
    }
  }
  return new Uint8Array(result.buffer);
}

/** Rows of `step` bytes → height rows. Row 0 of `source` is row `rowOffset` of the picture. Four columns at a time. */
function alongColumns(
  source: Uint8Array,
  step: number,
  rowOffset: number,
  height: number,
  { first, count, stride, weights }: Coefficients,
): Uint8Array {
  const result = new Uint8ClampedArray(height * step);
  const blocks = step - (step % 4);
  for (let y = 0; y < height; y++) {
    const top = (first[y]! - rowOffset) * step;
    const start = y * stride;
    const end = start + count[y]!;
    const out = y * step;
    for (let x = 0; x < blocks; x += 4) {
      let at = top + x;
      let s0 = half;
      let s1 = half;
      let s2 = half;
      let s3 = half;
      for (let k = start; k < end; k++, at += step) {
        const weight = weights[k]!;
        s0 = (s0 + Math.imul(source[at]!, weight)) | 0;
        s1 = (s1 + Math.imul(source[at + 1]!, weight)) | 0;
        s2 = (s2 + Math.imul(source[at + 2]!, weight)) | 0;
        s3 = (s3 + Math.imul(source[at + 3]!, weight)) | 0;
      }
      result[out + x] = s0 >> precisionBits;
      result[out + x + 1] = s1 >> precisionBits;
      result[out + x + 2] = s2 >> precisionBits;
      result[out + x + 3] = s3 >> precisionBits;
    }
    for (let x = blocks; x < step; x++) {
      let sum = half;
      for (let k = start, at = top + x; k < end; k++, at += step) sum = (sum + Math.imul(source[at]!, weights[k]!)) | 0;
      result[out + x] = sum >> precisionBits;
    }
  }
  return new Uint8Array(result.buffer);
}

/** Centres of the new pixels, added up step by step as Pillow does, so that rounding falls the same way. */
function nearest(
  source: { width: number; height: number; data: Uint8Array },
  channels: number,
  { width, height }: ImageSize,
  [left, top, right, bottom]: [number, number, number, number],
): Uint8Array {
  const places = (from: number, to: number, size: number, limit: number) => {
    const step = Math.fround(to - from) / size;
    const result = new Int32Array(size);
    let at = from + step * 0.5;
    for (let i = 0; i < size; i++, at += step) result[i] = Math.min(limit - 1, Math.trunc(at));
    return result;
  };
  const columns = places(left, right, width, source.width);
  const rows = places(top, bottom, height, source.height);
  const result = new Uint8Array(width * height * channels);
  let out = 0;
  for (let y = 0; y < height; y++) {
    const row = rows[y]! * source.width;
    for (let x = 0; x < width; x++) {
      const at = (row + columns[x]!) * channels;
      for (let c = 0; c < channels; c++) result[out++] = source.data[at + c]!;
    }
  }
  return result;
}
