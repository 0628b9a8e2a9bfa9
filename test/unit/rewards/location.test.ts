import { parseCell, referenceCell } from "@iad-r1/server/rewards/location";
import { describe, expect, it } from "vitest";

describe("the published reading of places", () => {
  it.each([
    ["", 5],
    ["bright spot", 6],
    ["leftover", 4],
    ["laptop", 2],
    ["flower", 8],
    ["tower", 5],
    ["supper", 2],
    ["right of the left hole", 4],
    ["bottom of the top half", 2],
    ["UPPER RIGHT", 3],
  ])("%j lies in cell %i", (phrase, cell) => {
    expect(referenceCell(phrase)).toBe(cell);
  });
});

describe("the careful reading of places", () => {
  it.each([
    ["top left", 1],
    ["top center", 2],
    ["Upper-Right corner", 3],
    ["center left", 4],
    ["left", 4],
    ["center", 5],
    ["in the middle of the image", 5],
    ["right-hand side", 6],
    ["lower left", 7],
    ["the bottom edge", 8],
    ["southeast", 9],
    ["bottom, right", 9],
  ])("%j lies in cell %i", (phrase, cell) => {
    expect(parseCell(phrase)).toBe(cell);
  });

  it.each([
    "",
    ".",
    "bright spot",
    "leftover",
    "stop",
    "edge",
    "everywhere",
    "left and right",
    "top left, bottom left",
    "top left top center top right center left center center right bottom left bottom center",
    "caféleft",
  ])("%j names no cell", (phrase) => {
    expect(parseCell(phrase)).toBeNull();
  });
});
