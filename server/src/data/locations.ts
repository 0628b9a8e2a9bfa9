/** Where a defect lies among the nine cells of a picture, from its mask. The phrases are in the protocol. */
import { LOCATIONS, type Location } from "@iad-r1/protocol/locations";

/** Cells with less than this share of a defect's area are not named. */
export const LOCATION_SHARE = 0.15;

export interface MaskPlace {
  /** Pixels of the mask that are set. */
  area: number;
  /** The cell with most of the area. */
  location: Location;
  /** The share of the area in that cell. */
  share: number;
  /** Every cell with at least 15 % of the area, largest first. */
  locations: Location[];
  /** [x0, y0, x1, y1] in pixels, x1 and y1 exclusive. */
  box: [number, number, number, number];
}

/** Where a mask (row-major, non-zero = defect) lies, or null when it is empty. */
export function locateMask(mask: Uint8Array, width: number, height: number): MaskPlace | null {
  const areas = new Array<number>(9).fill(0);
  let x0 = width;
  let y0 = height;
  let x1 = 0;
  let y1 = 0;
  for (let y = 0; y < height; y++) {
    const row = 3 * Math.floor((3 * y) / height);
    for (let x = 0; x < width; x++) {
      if (mask[y * width + x] === 0) continue;
      areas[row + Math.floor((3 * x) / width)]!++;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      y1 = y + 1;
    }
  }
  return placeOfAreas(areas, [x0, y0, x1, y1]);
}

/** The same for areas already counted by cell. */
export function placeOfAreas(areas: readonly number[], box: [number, number, number, number]): MaskPlace | null {
  const area = areas.reduce((sum, value) => sum + value, 0);
  if (area === 0) return null;
  const order = areas.map((_, cell) => cell).sort((a, b) => areas[b]! - areas[a]! || a - b);
  return {
    area,
    location: LOCATIONS[order[0]!]!,
    share: areas[order[0]!]! / area,
    locations: order.filter((cell) => areas[cell]! >= LOCATION_SHARE * area).map((cell) => LOCATIONS[cell]!),
    box,
  };
}
