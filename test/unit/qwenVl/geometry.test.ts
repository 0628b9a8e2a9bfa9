/** Which patches look at each other and where they stand; rows of rotary tables for tokens on three axes. */
import { RopeRows, ropeTables } from "@iad-r1/models/nn/rope";
import { ropePositions, smartResize } from "@iad-r1/models/qwen2Vl/processor";
import {
  frameSegments,
  type PatchGrid,
  patchPlaces,
  patchPositionIds,
  type SegmentPlan,
  windowSegments,
} from "@iad-r1/models/vision/patchGrid";
import { describe, expect, it } from "vitest";

/** The patches of each segment, without what fills it up. */
function listsOf({ segments, slots, rows, mask }: SegmentPlan): number[][] {
  return Array.from({ length: segments }, (_, s) =>
    Array.from({ length: slots }, (_, l) => s * slots + l)
      .filter((at) => mask[at] === 0)
      .map((at) => Number(rows[at])),
  );
}

function expectConsistent(plan: SegmentPlan, numPatches: number): void {
  const lists = listsOf(plan);
  expect(lists.flat().sort((a, b) => a - b)).toEqual([...Array(numPatches).keys()]);
  for (const [patch, place] of plan.places.entries()) expect(Number(plan.rows[Number(place)])).toBe(patch);
  expect(plan.mask.every((value) => value === 0 || value < -1e8)).toBe(true);
}

describe("segments", () => {
  it("are the frames of each picture", () => {
    const plan = frameSegments([
      [1, 2, 4],
      [2, 2, 2],
    ]);
    expect(listsOf(plan)).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [8, 9, 10, 11],
      [12, 13, 14, 15],
    ]);
    expectConsistent(plan, 16);
  });

  it("are windows cut from the top left, smaller at the edges", () => {
    // 5 by 3 merged rows in windows of 2: three lines of windows, two across.
    const grid: PatchGrid = [1, 10, 6];
    const plan = windowSegments([grid], 2, 2);
    expect([plan.segments, plan.slots]).toEqual([6, 16]);
    const lists = listsOf(plan);
    expect(lists.map((list) => list.length)).toEqual([16, 8, 16, 8, 8, 4]);
    const places = [...patchPlaces(grid, 2)];
    for (const [w, list] of lists.entries()) {
      for (const patch of list) {
        const [line, column] = places[patch]!;
        expect([Math.floor(line / 4), Math.floor(column / 4)]).toEqual([Math.floor(w / 2), w % 2]);
      }
    }
    expectConsistent(plan, 60);
  });

  it("never mix pictures", () => {
    const plan = windowSegments(
      [
        [1, 4, 4],
        [1, 8, 4],
      ],
      2,
      4,
    );
    expect(listsOf(plan).map((list) => [list[0], list.length])).toEqual([
      [0, 16],
      [16, 32],
    ]);
    expectConsistent(plan, 48);
  });
});

it("patches of a merged row lie together and know their line and column", () => {
  const grid: PatchGrid = [1, 4, 4];
  expect([...patchPlaces(grid, 2)].slice(0, 6)).toEqual([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [0, 2],
    [0, 3],
  ]);
  expect([...patchPositionIds([grid, [1, 2, 2]], 2, 10)].map(Number).slice(12)).toEqual([22, 23, 32, 33, 0, 1, 10, 11]);
});

describe("positions on three axes", () => {
  const image = 9;
  const ids = Int32Array.of(1, image, image, image, image, image, image, 2, image, 3);
  const grids: PatchGrid[] = [
    [1, 4, 6],
    [1, 2, 2],
  ];

  it("go on behind a picture at its longer side", () => {
    const { axes, delta } = ropePositions(ids, image, grids, 2);
    expect([...axes.subarray(0, 10)]).toEqual([0, 1, 1, 1, 1, 1, 1, 4, 5, 6]);
    expect([...axes.subarray(10, 20)]).toEqual([0, 1, 1, 1, 2, 2, 2, 4, 5, 6]);
    expect([...axes.subarray(20)]).toEqual([0, 1, 2, 3, 1, 2, 3, 4, 5, 6]);
    expect(delta).toBe(7 - 10);
  });

  it("choose plain rows for text and one row more for every other place", () => {
    const positions = ropePositions(ids, image, grids, 2);
    const rows = new RopeRows(256);
    const chosen = Array.from({ length: 13 }, (_, at) => rows.row(positions, at));
    // The first patch stands at (1,1,1), as text could; a token behind the end goes on as text.
    expect(chosen).toEqual([0, 1, 256, 257, 258, 259, 260, 4, 5, 6, 7, 8, 9]);
    expect(rows.extra.slice(0, 6)).toEqual([1, 1, 2, 1, 1, 3]);
    const again = rows.row(positions, 3);
    expect(again).toBe(257);
    expect(rows.row(undefined, 77)).toBe(77);
  });

  it("turn each frequency by its own axis", () => {
    const decoder = { headDim: 8, ropeTheta: 100, ropeSections: [1, 2, 1] as const };
    const { cos, length } = ropeTables(decoder, 2, [3, 5, 7]);
    expect(length).toBe(3);
    const frequency = (i: number) => 100 ** (-i / 4);
    const angles = [3, 5 * frequency(1), 5 * frequency(2), 7 * frequency(3)];
    for (const [i, angle] of angles.entries()) expect(cos[8 + i]).toBeCloseTo(Math.cos(angle), 6);
    // Text stands at the same place on all axes.
    for (let i = 0; i < 4; i++) expect(cos[4 + i]).toBeCloseTo(Math.cos(frequency(i)), 6);
  });
});

describe("the size of a picture", () => {
  it("is rounded half to even, as Python does", () => {
    expect(smartResize({ height: 70, width: 98 }, 28, 1, 1e6)).toEqual({ height: 56, width: 112 });
    expect(smartResize({ height: 126, width: 42 }, 28, 1, 1e6)).toEqual({ height: 112, width: 56 });
  });

  it("stays within the bounds of pixels", () => {
    expect(smartResize({ height: 10, width: 10 }, 28, 3136, 1e6)).toEqual({ height: 56, width: 56 });
    const large = smartResize({ height: 1000, width: 1500 }, 28, 3136, 480000);
    expect(large.height * large.width).toBeLessThanOrEqual(480000);
    expect(large).toEqual({ height: 560, width: 840 });
  });
});
