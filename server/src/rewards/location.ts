/**
 * Where on the image a phrase points: one cell of a 3x3 grid, counted 1 to 9 row by row. Two readings: the one of the
 * published reward (substrings, every phrase has a cell), and a careful one (whole words, a phrase may have no cell).
 */
import { contains, lower } from "./pythonText";

/** The published reading (reference section 8): `left` before `right`, `top` before `bottom`, no keyword is the centre. */
export function referenceCell(phrase: string): number {
  const text = lower(phrase);
  const column = contains(text, "left") ? -1 : contains(text, "right") ? 1 : 0;
  const row =
    contains(text, "top") || contains(text, "upper") ? -3 : contains(text, "bottom") || contains(text, "lower") ? 3 : 0;
  return 5 + column + row;
}

/** The published location reward: 1 when both phrases have the same cell, else 0. */
export function referenceLocationScore(predicted: string, actual: string): number {
  return referenceCell(predicted) === referenceCell(actual) ? 1 : 0;
}

type Place = "left" | "right" | "top" | "bottom" | "middle";

/** Whole words, lower case, hyphens taken for blanks. */
const placeWords: ReadonlyMap<string, Place> = new Map(
  (
    [
      ["left", "left lefthand leftmost leftward leftwards west western"],
      ["right", "right righthand rightmost rightward rightwards east eastern"],
      ["top", "top topmost upper uppermost upward upwards above north northern"],
      ["bottom", "bottom bottommost lower lowermost downward downwards below beneath south southern"],
      ["middle", "center centre centered centred central centrally middle mid midst"],
    ] as const
  ).flatMap(([place, words]) => words.split(" ").map((word) => [word, place] as const)),
);

/** Compound words that name both directions. */
const compoundPlaces: ReadonlyMap<string, readonly Place[]> = new Map([
  ["northwest", ["top", "left"]],
  ["northeast", ["top", "right"]],
  ["southwest", ["bottom", "left"]],
  ["southeast", ["bottom", "right"]],
]);

/** Longer phrases are prose, not a place; also keeps a list of all nine cells from being read word by word. */
const maxLocationWords = 12;

/**
 * The cell that a phrase names, or null when it names none or contradicts itself ("left and right"). Words count whole, so
 * that "bright" and "stop" say nothing; "center left" is the left of the middle row; "center" alone is the middle cell.
 * A list of places ("top left, bottom left") is a contradiction, not a choice.
 */
export function parseCell(phrase: string): number | null {
  const words = lower(phrase).match(/\p{L}+/gu) ?? [];
  if (words.length > maxLocationWords) return null;
  const named = new Set<Place>();
  for (const word of words) {
    const place = placeWords.get(word);
    if (place !== undefined) named.add(place);
    for (const part of compoundPlaces.get(word) ?? []) named.add(part);
  }
  if (named.size === 0) return null;
  if ((named.has("left") && named.has("right")) || (named.has("top") && named.has("bottom"))) return null;
  return (
    5 + (named.has("left") ? -1 : named.has("right") ? 1 : 0) + (named.has("top") ? -3 : named.has("bottom") ? 3 : 0)
  );
}
