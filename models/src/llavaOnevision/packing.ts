/**
 * How the features of a picture's views are put together into the rows that replace its image tokens: squares side by
 * side, padding cut off, shrunk when there are too many, one newline row after each line. Written as an index map, so
 * that a graph does it with Gather. Only geometry: no pixels, no features.
 *
 * @see transformers `LlavaOnevisionModel.pack_image_features`, `unpad_image`; bilinear as in PyTorch (no antialias)
 */
import { type Resolution, selectBestResolution } from "../vision/anyRes";
import type { ImageSize } from "../vision/image";

export interface PackGeometry {
  /** Resolutions [height, width] that views tile. */
  gridPinpoints: readonly Resolution[];
  /** Side of a view in pixels (`vision_config.image_size`). */
  viewSize: number;
  /** Patches along a side of a view; a view has P = patchesPerSide² rows. */
  patchesPerSide: number;
  /** The 9 of "anyres_max_9". */
  maxViews: number;
}

/** One picture: its original size, and whether it was cut into views or is one view alone. */
export interface PackedImage {
  size: ImageSize;
  cut: boolean;
}

/**
 * The table is the S · P feature rows of all views in order, then one newline row (index S · P).
 * features[n] = Σ_t weights[t, n] · table[index[t, n]]; with one tap there are no weights: features = Gather(table, index).
 */
export interface PackPlan {
  /** S, views of all pictures */
  numViews: number;
  viewsPerImage: number[];
  /** N, rows of all pictures: the number of image tokens */
  numRows: number;
  rowsPerImage: number[];
  taps: 1 | 4;
  /** (taps, N) */
  index: Int32Array;
  /** (4, N) where taps is 4: bilinear shrinking; plain rows have weights 1, 0, 0, 0 */
  weights: Float32Array | undefined;
}

/** The plan for the pictures of one prompt, in order. Several prompts: `mergePackPlans`. */
export function packImages(images: readonly PackedImage[], geometry: PackGeometry): PackPlan {
  const patches = geometry.patchesPerSide ** 2;
  const grids = images.map((image) => (image.cut ? gridOf(image.size, geometry) : undefined));
  const viewsPerImage = grids.map((grid) => (grid === undefined ? 1 : 1 + grid.rows * grid.columns));
  const rowsPerImage = grids.map((grid) => {
    const lines = grid === undefined ? 1 : grid.outHeight * (grid.outWidth + 1);
    return patches + lines;
  });
  const numViews = sum(viewsPerImage);
  const numRows = sum(rowsPerImage);
  const taps = grids.some((grid) => grid?.shrunk) ? 4 : 1;
  const index = new Int32Array(taps * numRows);
  const weights = taps === 4 ? new Float32Array(4 * numRows) : undefined;
  const newline = numViews * patches;

  let n = 0;
  function put(row: number): void {
    for (let tap = 0; tap < taps; tap++) index[tap * numRows + n] = row;
    if (weights !== undefined) weights[n] = 1;
    n++;
  }
  let view = 0;
  images.forEach((_, i) => {
    for (let patch = 0; patch < patches; patch++) put(view * patches + patch);
    const grid = grids[i];
    if (grid === undefined) put(newline);
    else {
      const rowAt = cutRow(grid, view + 1, geometry.patchesPerSide);
      const lines = linear(grid.height, grid.outHeight);
      const places = linear(grid.width, grid.outWidth);
      for (let y = 0; y < grid.outHeight; y++) {
        for (let x = 0; x < grid.outWidth; x++) {
          if (!grid.shrunk || weights === undefined) put(rowAt(y, x));
          else {
            for (let tap = 0; tap < 4; tap++) {
              const line = tap >> 1;
              const place = tap & 1;
              const at = tap * numRows + n;
              index[at] = rowAt(lines.from[2 * y + line]!, places.from[2 * x + place]!);
              weights[at] = lines.weight[2 * y + line]! * places.weight[2 * x + place]!;
            }
            n++;
          }
        }
        put(newline);
      }
    }
    view += viewsPerImage[i]!;
  });
  return { numViews, viewsPerImage, numRows, rowsPerImage, taps, index, weights };
}

/** Pictures that are one view each, whose rows go into the prompt as they are: `rows` of every picture, no newline. */
export function packWholeImages(count: number, rows: number): PackPlan {
  return {
    numViews: count,
    viewsPerImage: Array<number>(count).fill(1),
    numRows: count * rows,
    rowsPerImage: Array<number>(count).fill(rows),
    taps: 1,
    index: Int32Array.from({ length: count * rows }, (_, row) => row),
    weights: undefined,
  };
}

/** One plan for the views and rows of several prompts one after another. `patches`: P, rows of a view. */
export function mergePackPlans(plans: readonly PackPlan[], patches: number): PackPlan {
  const numViews = sum(plans.map((plan) => plan.numViews));
  const numRows = sum(plans.map((plan) => plan.numRows));
  const taps = plans.some((plan) => plan.taps === 4) ? 4 : 1;
  const index = new Int32Array(taps * numRows);
  const weights = taps === 4 ? new Float32Array(4 * numRows) : undefined;
  let firstView = 0;
  let firstRow = 0;
  for (const plan of plans) {
    const newline = plan.numViews * patches;
    for (let tap = 0; tap < taps; tap++) {
      const source = tap < plan.taps ? tap : 0;
      for (let n = 0; n < plan.numRows; n++) {
        const row = plan.index[source * plan.numRows + n]!;
        const to = tap * numRows + firstRow + n;
        index[to] = row === newline ? numViews * patches : row + firstView * patches;
        if (weights === undefined) continue;
        weights[to] = plan.weights?.[tap * plan.numRows + n] ?? (tap === 0 ? 1 : 0);
      }
    }
    firstView += plan.numViews;
    firstRow += plan.numRows;
  }
  return {
    numViews,
    viewsPerImage: plans.flatMap((plan) => plan.viewsPerImage),
    numRows,
    rowsPerImage: plans.flatMap((plan) => plan.rowsPerImage),
    taps,
    index,
    weights,
  };
}

/** Views of a cut picture as a field of patches. */
interface Grid {
  /** Views down and across. */
  rows: number;
  columns: number;
  /** Patches cut off above and to the left, where only padding is. */
  top: number;
  left: number;
  /** Patches that remain. */
  height: number;
  width: number;
  /** Patches after shrinking. */
  outHeight: number;
  outWidth: number;
  shrunk: boolean;
}

function gridOf(size: ImageSize, { gridPinpoints, viewSize, patchesPerSide, maxViews }: PackGeometry): Grid {
  const [pixelHeight, pixelWidth] = selectBestResolution(size, gridPinpoints);
  const rows = Math.floor(pixelHeight / viewSize);
  const columns = Math.floor(pixelWidth / viewSize);
  let height = rows * patchesPerSide;
  let width = columns * patchesPerSide;
  let top = 0;
  let left = 0;
  if (size.width / size.height > width / height) {
    const used = truncateRounded(size.height * (width / size.width));
    top = Math.floor((height - used) / 2);
    height -= 2 * top;
  } else {
    const used = truncateRounded(size.width * (height / size.height));
    left = Math.floor((width - used) / 2);
    width -= 2 * left;
  }
  const ratio = Math.sqrt((height * width) / (maxViews * patchesPerSide ** 2));
  const shrunk = ratio > 1.1;
  return {
    rows,
    columns,
    top,
    left,
    height,
    width,
    outHeight: shrunk ? floorDivide(height, ratio) : height,
    outWidth: shrunk ? floorDivide(width, ratio) : width,
    shrunk,
  };
}

/** Row in the table of the patch at (line, place) of the unpadded field. */
function cutRow(grid: Grid, firstView: number, side: number): (line: number, place: number) => number {
  return (line, place) => {
    const y = line + grid.top;
    const x = place + grid.left;
    const view = firstView + Math.floor(y / side) * grid.columns + Math.floor(x / side);
    return view * side * side + (y % side) * side + (x % side);
  };
}

/** For each of `to` places the two neighbours among `from` and their weights, in float32 as PyTorch computes them. */
function linear(from: number, to: number): { from: Int32Array; weight: Float32Array } {
  const places = new Int32Array(2 * to);
  const weight = new Float32Array(2 * to);
  const scale = Math.fround(from / to);
  for (let i = 0; i < to; i++) {
    const exact = Math.max(0, Math.fround(Math.fround(scale * Math.fround(i + 0.5)) - 0.5));
    const low = Math.min(Math.floor(exact), from - 1);
    places[2 * i] = low;
    places[2 * i + 1] = Math.min(low + 1, from - 1);
    weight[2 * i + 1] = Math.min(1, Math.fround(exact - low));
    weight[2 * i] = 1 - weight[2 * i + 1]!;
  }
  return { from: places, weight };
}

/** Python's `int(round(x, 7))`: 26.99999999 is 27. */
function truncateRounded(value: number): number {
  return Math.trunc(Number(value.toFixed(7)));
}

/** Python's `int(a // b)`, which is exact where the rounded quotient would already be the next integer. */
function floorDivide(value: number, by: number): number {
  const rest = value % by;
  return Math.round((value - rest) / by);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
