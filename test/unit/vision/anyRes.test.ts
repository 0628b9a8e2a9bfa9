import { DataError } from "@iad-r1/models/errors";
import { cutViews, fitInside, padToSquare, selectBestResolution } from "@iad-r1/models/vision/anyRes";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { pixelTable, stackPlanes } from "@iad-r1/models/vision/pixelValues";
import { describe, expect, test } from "vitest";

const flat = (height: number, width: number, value: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(value),
});
const reds = (image: RgbImage) => [...image.data].filter((_, i) => i % 3 === 0);

describe("the best resolution", () => {
  const resolutions = [
    [2, 2],
    [2, 4],
    [4, 2],
    [4, 4],
  ].map(([h, w]) => [h! * 100, w! * 100] as const);

  test("keeps most pixels, then wastes least, then comes first", () => {
    expect(selectBestResolution({ height: 100, width: 350 }, resolutions)).toEqual([200, 400]);
    expect(selectBestResolution({ height: 150, width: 150 }, resolutions)).toEqual([200, 200]);
    expect(selectBestResolution({ height: 900, width: 300 }, resolutions)).toEqual([400, 200]);
    expect(
      selectBestResolution({ height: 1, width: 1 }, [
        [300, 200],
        [200, 300],
      ]),
    ).toEqual([300, 200]);
  });

  test("exists for a line so long that nothing of it survives", () => {
    expect(selectBestResolution({ height: 1, width: 100_000 }, resolutions)).toEqual([200, 200]);
  });
});

test("fitting keeps the proportions and rounds up", () => {
  expect(fitInside({ height: 100, width: 301 }, [200, 400])).toEqual({ height: 133, width: 400 });
  expect(fitInside({ height: 301, width: 100 }, [200, 400])).toEqual({ height: 200, width: 67 });
  expect(fitInside({ height: 1, width: 9999 }, [200, 400])).toEqual({ height: 1, width: 400 });
});

test("views are the squashed picture, then squares of the padded one; an odd pixel of padding comes after", () => {
  const views = cutViews(
    flat(2, 3, 9),
    [
      [3, 3],
      [3, 6],
    ],
    3,
    "nearest",
  );
  expect(views).toHaveLength(2);
  expect(reds(views[0]!)).toEqual([9, 9, 9, 9, 9, 9, 9, 9, 9]);
  expect(reds(views[1]!)).toEqual([9, 9, 9, 9, 9, 9, 0, 0, 0]);
  const wide = cutViews(flat(2, 6, 9), [[2, 8]], 2, "nearest");
  expect(wide.map(reds)).toEqual([
    [9, 9, 9, 9],
    [0, 9, 0, 9],
    [9, 9, 9, 9],
    [9, 9, 9, 9],
    [9, 0, 9, 0],
  ]);
});

test("padding to a square centres the picture and leaves a square alone", () => {
  expect(reds(padToSquare(flat(1, 4, 9), [1, 2, 3]))).toEqual([1, 1, 1, 1, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1]);
  expect([...padToSquare(flat(2, 1, 9), [1, 2, 3]).data]).toEqual([9, 9, 9, 1, 2, 3, 9, 9, 9, 1, 2, 3]);
  const square = flat(2, 2, 5);
  expect(padToSquare(square, [0, 0, 0])).toBe(square);
});

test("a picture whose square would fill the memory is refused, with its size", () => {
  expect(() => padToSquare(flat(60_000, 1, 9), [0, 0, 0])).toThrow(DataError);
  expect(() => padToSquare(flat(60_000, 1, 9), [0, 0, 0])).toThrow("1 x 60000");
});

test("pixel values are planes of (byte / 255 - mean) / std in float32", () => {
  const table = pixelTable({ rescaleFactor: 1 / 255, mean: [0.5, 0, 0.25], std: [0.5, 1, 0.125] });
  const values = stackPlanes([{ width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 255, 0, 0) }], table);
  expect([...values]).toEqual([-1, 1, Math.fround(0.2), 0, 6, -2]);
});
