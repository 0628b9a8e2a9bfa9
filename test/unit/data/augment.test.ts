/** Turned pictures and the words about them: a marked pixel must end in the cell that the words then name. */

import { LOCATIONS } from "@iad-r1/protocol/locations";
import { turnLocation, turnPicture, turnSample, turnsOf, turnText } from "@iad-r1/server/data/augment";
import type { InspectionSample } from "@iad-r1/server/data/samples";
import { describe, expect, it } from "vitest";

/** 6 wide, 3 high, one bright pixel in the middle of a cell. */
function marked(cell: number) {
  const [row, column] = [Math.floor(cell / 3), cell % 3];
  const data = new Uint8Array(6 * 3 * 3);
  data[3 * (row * 6 + 2 * column)] = 255;
  return { width: 6, height: 3, data };
}

function cellOf({ width, height, data }: { width: number; height: number; data: Uint8Array }): string {
  const at = data.indexOf(255) / 3;
  const row = Math.floor((3 * Math.floor(at / width)) / height);
  return LOCATIONS[3 * row + Math.floor((3 * (at % width)) / width)]!;
}

describe("turning", () => {
  it("moves a defect to the cell that the turned words name", () => {
    for (const turn of turnsOf["flips-and-turns"]) {
      LOCATIONS.forEach((location, cell) => {
        expect(cellOf(turnPicture(marked(cell), turn))).toBe(turnLocation(location, turn));
      });
    }
  });

  it("gives eight different pictures and places, four without turns", () => {
    const picture = { width: 2, height: 2, data: Uint8Array.from({ length: 12 }, (_, i) => i) };
    const all = turnsOf["flips-and-turns"].map((turn) => turnPicture(picture, turn).data.join());
    expect(new Set(all).size).toBe(8);
    expect(turnsOf.flips.every((turn) => turnPicture({ ...picture, width: 4, height: 1 }, turn).width === 4)).toBe(
      true,
    );
    expect(turnPicture({ width: 4, height: 1, data: picture.data }, 4)).toMatchObject({ width: 1, height: 4 });
  });

  it("turns phrases and words of a text, keeping capitals and what is no place", () => {
    expect(turnText("A scratch at the top left runs to the lower-right corner.", 1)).toBe(
      "A scratch at the top right runs to the bottom left corner.",
    );
    expect(turnText("Upper edge, left side, bottom center.", 2)).toBe("Lower edge, left side, top center.");
    expect(turnText("A horizontal line near the left edge", 4)).toBe("A vertical line near the top edge");
    expect(turnText("center right; the middle", 4)).toBe("bottom center; the middle");
    expect(turnText("top left", 0)).toBe("top left");
  });

  it("keeps label and type of a sample and drops the chat that names old places", () => {
    const sample: InspectionSample = {
      ...{ id: "1", image: "a.png", references: [], category: "c", label: "anomalous", defectType: "crack" },
      ...{ location: "top left", locations: ["top left", "center"], mask: null },
      ...{ think: "At the top left.", solution: "<location>top left</location><type>crack</type><answer>Yes</answer>" },
      messages: [{ role: "user", content: "top left" }],
    };
    expect(turnSample(sample, 3)).toEqual({
      ...{ id: "1~3", image: "a.png", references: [], category: "c", label: "anomalous", defectType: "crack" },
      ...{ location: "bottom right", locations: ["bottom right", "center"], mask: null },
      think: "At the bottom right.",
      solution: "<location>bottom right</location><type>crack</type><answer>Yes</answer>",
    });
    expect(turnSample(sample, 0)).toBe(sample);
  });
});
