import {
  fitBox,
  fitScale,
  fitted,
  originOf,
  panBy,
  scaleOf,
  toPicture,
  zoomAt,
} from "@iad-r1/webview-ui/picture/viewport";
import { expect, it } from "vitest";

const picture = { width: 1000, height: 500 };
const view = { width: 400, height: 400 };

it("fits the picture with a little room", () => {
  expect(fitScale(picture, view)).toBeCloseTo(0.392, 6);
  expect(originOf(fitted, picture, view)).toEqual({ x: 4, y: 102 });
});

it("keeps the point under the pointer where it is while zooming", () => {
  const pointer = { x: 100, y: 150 };
  const before = toPicture(fitted, pointer, picture, view);
  const zoomed = zoomAt(fitted, 4, pointer, picture, view);
  const after = toPicture(zoomed, pointer, picture, view);
  expect(after.x).toBeCloseTo(before.x, 9);
  expect(after.y).toBeCloseTo(before.y, 9);
  expect(scaleOf(zoomed, picture, view)).toBeCloseTo(4 * 0.392, 6);
});

it("moves with the hand, and never loses the picture", () => {
  const zoomed = { centerX: 0.5, centerY: 0.5, scale: 2 };
  expect(panBy(zoomed, 20, 0, picture, view).centerX).toBeCloseTo(0.49, 9);
  expect(panBy(zoomed, -1e9, 1e9, picture, view)).toEqual({ centerX: 1, centerY: 0, scale: 2 });
});

it("shows a box in the middle, at half the view or more", () => {
  const { centerX, centerY, scale } = fitBox([100, 100, 200, 150], picture, view);
  expect([centerX, centerY, scale]).toEqual([0.15, 0.25, 2]);
});
