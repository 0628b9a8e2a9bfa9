import { createHash } from "node:crypto";
import { DataError } from "@iad-r1/models/errors";
import {
  type ResampleBox,
  type ResampleFilter,
  resampleFilters,
  resizeImage,
  resizePlane,
} from "@iad-r1/models/vision/resample";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formulaPicture } from "../../helpers/pictures";
import { readJsonLines } from "../../helpers/tokenizerFolders";

interface Golden {
  source: [number, number];
  size: [number, number];
  filter: ResampleFilter;
  channels: 1 | 3;
  box?: ResampleBox;
  sha256: string;
}

test.each(resampleFilters)("%s gives Pillow's bytes at every recorded size", (filter) => {
  const records = readJsonLines<Golden>("vision/pillowResize.jsonl").filter((record) => record.filter === filter);
  expect(records.length).toBeGreaterThan(70);
  for (const { source, size, channels, box, sha256 } of records) {
    const picture = formulaPicture(source[1], source[0]);
    const data = channels === 3 ? picture.data : picture.data.filter((_, i) => i % 3 === 2);
    const result = resizePlane({ ...picture, data }, channels, { width: size[0], height: size[1] }, filter, box);
    const hash = createHash("sha256").update(result).digest("hex").slice(0, 16);
    expect(hash, `${source} to ${size}, ${channels} channels, box ${box}`).toBe(sha256);
  }
});

/** The definition in double precision: weights by the kernel, rounded to 8 bits between the two passes. */
function slowResize(
  data: Uint8Array,
  width: number,
  height: number,
  newWidth: number,
  newHeight: number,
  filter: string,
) {
  const kernels: Record<string, [number, (x: number) => number]> = {
    box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
    bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
    hamming: [
      1,
      (x) => (x === 0 ? 1 : (Math.sin(Math.PI * x) / (Math.PI * x)) * (0.54 + 0.46 * Math.cos(Math.PI * x))),
    ],
    bicubic: [2, (x) => cubic(Math.abs(x))],
    lanczos: [3, (x) => (x === 0 ? 1 : (3 * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / 3)) / (Math.PI * x) ** 2)],
  };
  const cubic = (x: number) =>
    x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
  const [support, kernel] = kernels[filter]!;
  const line = (get: (i: number) => number, from: number, to: number) => {
    const scale = from / to;
    const wide = Math.max(1, scale);
    return Array.from({ length: to }, (_, place) => {
      const center = (place + 0.5) * scale;
      let sum = 0;
      let weights = 0;
      for (let i = 0; i < from; i++) {
        const x = (i + 0.5 - center) / wide;
        // Pillow takes pixels whose middle lies within the support, to the half pixel.
        if (i < Math.trunc(center - support * wide + 0.5) || i >= Math.trunc(center + support * wide + 0.5)) continue;
        const weight = Math.abs(x) > support ? 0 : kernel(x);
        sum += weight * get(i);
        weights += weight;
      }
      return Math.min(255, Math.max(0, Math.round(sum / weights)));
    });
  };
  const between = Array.from({ length: height }, (_, y) => line((x) => data[y * width + x]!, width, newWidth));
  const columns = Array.from({ length: newWidth }, (_, x) => line((y) => between[y]![x]!, height, newHeight));
  return Uint8Array.from({ length: newWidth * newHeight }, (_, i) => columns[i % newWidth]![Math.floor(i / newWidth)]!);
}

describe("the fixed-point result", () => {
  const side = fc.integer({ min: 1, max: 24 });
  test.each(["box", "bilinear", "hamming", "bicubic", "lanczos"] as const)(
    "stays within one grey level of the definition in double precision (%s)",
    (filter) => {
      fc.assert(
        fc.property(
          side,
          side,
          side,
          side,
          fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
          (w, h, nw, nh, values) => {
            const data = Uint8Array.from([...values.take(w * h)]);
            const result = resizePlane({ width: w, height: h, data }, 1, { width: nw, height: nh }, filter);
            const expected = slowResize(data, w, h, nw, nh, filter);
            expect(result).toHaveLength(expected.length);
            for (let i = 0; i < result.length; i++) expect(Math.abs(result[i]! - expected[i]!)).toBeLessThanOrEqual(1);
          },
        ),
        { seed: 21, numRuns: 60 },
      );
    },
  );

  test.each(resampleFilters)(
    "of three channels is that of each channel alone, and a flat picture stays flat (%s)",
    (filter) => {
      fc.assert(
        fc.property(side, side, side, side, (w, h, nw, nh) => {
          const picture = formulaPicture(h, w);
          const size = { width: nw, height: nh };
          const colour = resizeImage(picture, size, filter);
          for (let c = 0; c < 3; c++) {
            const data = picture.data.filter((_, i) => i % 3 === c);
            const single = resizePlane({ width: w, height: h, data }, 1, size, filter);
            expect(colour.data.filter((_, i) => i % 3 === c)).toEqual(single);
          }
          const flat = resizePlane({ width: w, height: h, data: new Uint8Array(w * h).fill(255) }, 1, size, filter);
          expect(flat.every((value) => value === 255)).toBe(true);
        }),
        { seed: 22, numRuns: 40 },
      );
    },
  );
});

test("the same size gives a copy, not the same memory", () => {
  const picture = formulaPicture(4, 5);
  const copy = resizeImage(picture, { width: 5, height: 4 }, "bicubic");
  expect(copy.data).toEqual(picture.data);
  expect(copy.data.buffer).not.toBe(picture.data.buffer);
});

test("empty, fractional, outside and gigantic sizes are refused", () => {
  const picture = formulaPicture(4, 4);
  for (const size of [
    { width: 0, height: 4 },
    { width: 4, height: -1 },
    { width: 1.5, height: 4 },
    { width: 4, height: Number.NaN },
    { width: 1e6, height: 1e6 },
  ]) {
    expect(() => resizeImage(picture, size, "bicubic")).toThrow(DataError);
  }
  for (const box of [
    [0, 0, 5, 4],
    [-1, 0, 4, 4],
    [2, 2, 2, 3],
    [0, 0, Number.NaN, 4],
  ] as const) {
    expect(() => resizeImage(picture, { width: 2, height: 2 }, "bicubic", box)).toThrow(DataError);
  }
});
