/** The phrases for the nine cells of a picture, row by row: a cell is a third of the width by a third of the height. */

export const LOCATIONS = [
  "top left",
  "top center",
  "top right",
  "center left",
  "center",
  "center right",
  "bottom left",
  "bottom center",
  "bottom right",
] as const;

export type Location = (typeof LOCATIONS)[number];
