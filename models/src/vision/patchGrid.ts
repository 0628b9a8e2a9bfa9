/**
 * Pictures as lists of patches: in which order patches lie, where they stand, and which of them look at each other. Patches of a
 * merged row lie together, merged rows line by line. Only geometry: no pixels, no features.
 *
 * @see transformers 5.18 `Qwen2VLImageProcessor`, `Qwen2_5_VisionTransformerPretrainedModel.get_window_index`
 */

/** Patches of a picture along time, height and width. */
export type PatchGrid = [time: number, height: number, width: number];

/** Patches that look at each other, in lists; as rows of equal length for a graph. */
export interface SegmentPlan {
  segments: number;
  /** L, patches of the longest. */
  slots: number;
  /** (S, L): patch of each slot; behind the end of a segment, its first patch */
  rows: BigInt64Array;
  /** (S, L): 0, or a very negative number behind the end */
  mask: Float32Array;
  /** (P): flat slot of each patch */
  places: BigInt64Array;
}

export function numPatches(grids: readonly PatchGrid[]): number {
  return grids.reduce((sum, [time, height, width]) => sum + time * height * width, 0);
}

/** Line and column of every patch of a frame, in the order of the patches. */
export function* patchPlaces(
  [, height, width]: PatchGrid,
  mergeSize: number,
): Generator<[line: number, column: number]> {
  for (let top = 0; top < height; top += mergeSize) {
    for (let left = 0; left < width; left += mergeSize) {
      for (let patch = 0; patch < mergeSize ** 2; patch++) {
        yield [top + Math.floor(patch / mergeSize), left + (patch % mergeSize)];
      }
    }
  }
}

/**
 * For each patch the row of a table of two-axis positions that has `columns` columns of positions.
 *
 * @returns (P)
 */
export function patchPositionIds(grids: readonly PatchGrid[], mergeSize: number, columns: number): BigInt64Array {
  const ids = new BigInt64Array(numPatches(grids));
  let at = 0;
  for (const grid of grids) {
    for (let frame = 0; frame < grid[0]; frame++) {
      for (const [line, column] of patchPlaces(grid, mergeSize)) ids[at++] = BigInt(line * columns + column);
    }
  }
  return ids;
}

/** Every frame of every picture sees itself. */
export function frameSegments(grids: readonly PatchGrid[]): SegmentPlan {
  const lengths = grids.flatMap(([time, height, width]) => Array<number>(time).fill(height * width));
  let first = 0;
  const lists = lengths.map((length) => {
    const from = first;
    first += length;
    return Array.from({ length }, (_, i) => from + i);
  });
  return segmentPlan(lists);
}

/**
 * Windows of `windowRows` by `windowRows` merged rows, cut from the top left corner of every frame; those at the right and at the
 * bottom may be smaller.
 */
export function windowSegments(grids: readonly PatchGrid[], mergeSize: number, windowRows: number): SegmentPlan {
  const lists: number[][] = [];
  const patches = mergeSize ** 2;
  let first = 0;
  for (const [time, height, width] of grids) {
    const [lines, columns] = [height / mergeSize, width / mergeSize];
    const across = Math.ceil(columns / windowRows);
    for (let frame = 0; frame < time; frame++) {
      const windows = Array.from({ length: Math.ceil(lines / windowRows) * across }, (): number[] => []);
      for (let row = 0; row < lines * columns; row++) {
        const line = Math.floor(Math.floor(row / columns) / windowRows);
        const window = windows[line * across + Math.floor((row % columns) / windowRows)]!;
        for (let patch = 0; patch < patches; patch++) window.push(first + row * patches + patch);
      }
      lists.push(...windows);
      first += lines * columns * patches;
    }
  }
  return segmentPlan(lists);
}

function segmentPlan(lists: readonly (readonly number[])[]): SegmentPlan {
  const segments = lists.length;
  const slots = lists.reduce((most, { length }) => Math.max(most, length), 0);
  const rows = new BigInt64Array(segments * slots);
  const mask = new Float32Array(segments * slots);
  const places = new BigInt64Array(lists.reduce((sum, { length }) => sum + length, 0));
  for (const [s, patches] of lists.entries()) {
    const filler = BigInt(patches[0]!);
    for (let l = 0; l < slots; l++) {
      const at = s * slots + l;
      const patch = patches[l];
      rows[at] = patch === undefined ? filler : BigInt(patch);
      if (patch === undefined) mask[at] = -1e9;
      else places[patch] = BigInt(at);
    }
  }
  return { segments, slots, rows, mask, places };
}
