/** Prepared pictures as the inputs of the towers of Qwen2-VL and Qwen2.5-VL, and three-axis positions of prompts with them. */
import { headsAtOnce } from "../nn/patchTower";
import { type AxisPositions, ropeFrequencies } from "../nn/rope";
import type { TowerFeeds, TowerLoad } from "../processor";
import { frameSegments, type PatchGrid, patchPositionIds, type SegmentPlan } from "../vision/patchGrid";
import { joinValues } from "../vision/pixelValues";
import type { PatchTowerConfig } from "./config";
import { type PreparedPatches, ropePositions } from "./processor";

/** Pixels, positions, and each frame as a segment. */
export function patchFeeds(prompts: readonly PreparedPatches[], vision: PatchTowerConfig): TowerFeeds {
  const grids = prompts.flatMap(({ imageGrids }) => imageGrids);
  const group = vision.mergeSize ** 2;
  const count = prompts.reduce((sum, { pixelShape }) => sum + pixelShape[0], 0);
  const values = prompts[0]!.pixelShape[1];
  const pixels = joinValues(prompts.map(({ pixelValues }) => pixelValues));
  return {
    pixel_values: { dtype: "float32", data: pixels, dims: [count / group, group, values] },
    ...positionFeeds(grids, vision),
    ...segmentFeeds("frame", frameSegments(grids), group),
  };
}

export function segmentFeeds(name: string, plan: SegmentPlan, group: number): TowerFeeds {
  const { segments, slots, rows, mask, places } = plan;
  return {
    [`${name}_rows`]: { dtype: "int64", data: rows, dims: [segments, slots] },
    [`${name}_mask`]: { dtype: "float32", data: mask, dims: [segments, 1, 1, slots] },
    [`${name}_places`]: { dtype: "int64", data: places, dims: [places.length / group, group] },
  };
}

/** A table with a row for each line and column that occurs: the first half of the angles turns by the line, the second by the column. */
function positionFeeds(
  grids: readonly PatchGrid[],
  { width, heads, ropeTheta, mergeSize }: PatchTowerConfig,
): TowerFeeds {
  const half = width / heads / 2;
  const frequencies = ropeFrequencies(half, ropeTheta);
  const lines = Math.max(...grids.map(([, height]) => height));
  const columns = Math.max(...grids.map(([, , across]) => across));
  const cos = new Float32Array(lines * columns * half);
  const sin = new Float32Array(cos.length);
  let at = 0;
  for (let line = 0; line < lines; line++) {
    for (let column = 0; column < columns; column++) {
      for (const position of [line, column]) {
        for (const frequency of frequencies) {
          const angle = Math.fround(position * frequency);
          cos[at] = Math.cos(angle);
          sin[at++] = Math.sin(angle);
        }
      }
    }
  }
  const ids = patchPositionIds(grids, mergeSize, columns);
  const group = mergeSize ** 2;
  const table = [lines * columns, half];
  return {
    patch_position_ids: { dtype: "int64", data: ids, dims: [ids.length / group, group] },
    patch_rope_cos: { dtype: "float32", data: cos, dims: table },
    patch_rope_sin: { dtype: "float32", data: sin, dims: table },
  };
}

export function patchLoad({ imageGrids }: PreparedPatches, { heads }: PatchTowerConfig): TowerLoad {
  const sequences = imageGrids.reduce((sum, [time]) => sum + time, 0);
  const tokens = Math.max(0, ...imageGrids.map(([, height, width]) => height * width));
  return { sequences, tokens, scores: headsAtOnce(heads) * sequences * tokens ** 2 };
}

/** @param images given one by one or together, in order */
export function axisPositions(
  inputIds: Int32Array,
  imageTokenId: number,
  images: readonly PreparedPatches[],
  mergeSize: number,
): AxisPositions {
  return ropePositions(
    inputIds,
    imageTokenId,
    images.flatMap(({ imageGrids }) => imageGrids),
    mergeSize,
  );
}
