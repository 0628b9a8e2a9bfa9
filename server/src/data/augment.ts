/**
 * The eight ways to mirror and turn a square, for pictures together with everything that names a place in them. For small sets of
 * photographs; generated pictures need it less. Pure functions.
 */
import { createRandom } from "@iad-r1/models/util/random";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { LOCATIONS } from "@iad-r1/protocol/locations";
import type { InspectionSample } from "./samples";

/**
 * 0 to 7. Bit 4: rows and columns change places, first; bit 1: then left and right; bit 2: then top and bottom. 0 changes nothing.
 */
export type Turn = number;

export const turnsOf: Readonly<Record<"none" | "flips" | "flips-and-turns", readonly Turn[]>> = {
  none: [0],
  flips: [0, 1, 2, 3],
  "flips-and-turns": [0, 1, 2, 3, 4, 5, 6, 7],
};

/** The turn of the sample that is the `position`-th of a stage. */
export function turnAt(augment: keyof typeof turnsOf, seed: number, position: number): Turn {
  const turns = turnsOf[augment];
  return turns[createRandom(seed, "turn", position).int(turns.length)]!;
}

/** The picture turned; the same object for turn 0. */
export function turnPicture(image: RgbImage, turn: Turn): RgbImage {
  if (turn === 0) return image;
  const swapped = (turn & 4) !== 0;
  const width = swapped ? image.height : image.width;
  const height = swapped ? image.width : image.height;
  const data = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = turn & 2 ? height - 1 - y : y;
    for (let x = 0; x < width; x++) {
      const column = turn & 1 ? width - 1 - x : x;
      const from = 3 * (swapped ? column * image.width + row : row * image.width + column);
      data[to++] = image.data[from]!;
      data[to++] = image.data[from + 1]!;
      data[to++] = image.data[from + 2]!;
    }
  }
  return { width, height, data };
}

/** Where a cell of the 3x3 grid (row, column) lies afterwards. */
function turnCell([row, column]: readonly [number, number], turn: Turn): [number, number] {
  const [r, c] = turn & 4 ? [column, row] : [row, column];
  return [turn & 2 ? 2 - r : r, turn & 1 ? 2 - c : c];
}

/** "top left" and its like; other texts come back as they are. */
export function turnLocation(phrase: string, turn: Turn): string {
  const cell = (LOCATIONS as readonly string[]).indexOf(phrase);
  if (cell < 0) return turnText(phrase, turn);
  const [row, column] = turnCell([Math.floor(cell / 3), cell % 3], turn);
  return LOCATIONS[3 * row + column]!;
}

/**
 * A text about the picture with its places turned: "top left", "upper-right corner", "the left edge", "horizontal". It knows words, not
 * sense: "the right shape" would be turned as well.
 */
export function turnText(text: string, turn: Turn): string {
  if (turn === 0) return text;
  return text.replace(placeWords, (match: string, two: string | undefined, one: string | undefined) => {
    if (two !== undefined) {
      const [first, second] = two.toLowerCase().split(/[\s-]+/) as [string, string];
      const row = rowOf[first];
      const column = columnOf[second];
      if (row === undefined || column === undefined) return match;
      const [r, c] = turnCell([row, column], turn);
      return likeFirst(match, LOCATIONS[3 * r + c]!);
    }
    return likeFirst(match, turnWord(one!.toLowerCase(), turn));
  });
}

const rowOf: Readonly<Record<string, number>> = { top: 0, upper: 0, center: 1, middle: 1, bottom: 2, lower: 2 };
const columnOf: Readonly<Record<string, number>> = { left: 0, center: 1, middle: 1, right: 2 };

const placeWords =
  /\b(?:((?:top|upper|center|middle|bottom|lower)[\s-]+(?:left|center|middle|right))|(left|right|top|bottom|upper|lower|horizontal(?:ly)?|vertical(?:ly)?))\b/gi;

function turnWord(word: string, turn: Turn): string {
  const line = /^(horizontal|vertical)(ly)?$/.exec(word);
  if (line !== null) {
    if (!(turn & 4)) return word;
    return (line[1] === "horizontal" ? "vertical" : "horizontal") + (line[2] ?? "");
  }
  const attributive = word === "upper" || word === "lower";
  const cell: [number, number] = word in columnOf ? [1, columnOf[word]!] : [rowOf[word]!, 1];
  const [row, column] = turnCell(cell, turn);
  if (row === 1) return column === 0 ? "left" : "right";
  return attributive ? (row === 0 ? "upper" : "lower") : row === 0 ? "top" : "bottom";
}

function likeFirst(original: string, replacement: string): string {
  const capital = original[0] !== original[0]!.toLowerCase();
  return capital ? replacement[0]!.toUpperCase() + replacement.slice(1) : replacement;
}

/** The sample as if its picture had been taken turned. Its own chat is dropped: the text is composed anew or turned. */
export function turnSample(sample: InspectionSample, turn: Turn): InspectionSample {
  if (turn === 0) return sample;
  const { messages: _messages, solution, think, ...rest } = sample;
  return {
    ...rest,
    id: `${sample.id}~${turn}`,
    location: sample.location === null ? null : turnLocation(sample.location, turn),
    locations: sample.locations.map((location) => turnLocation(location, turn)),
    ...(solution !== undefined && { solution: turnText(solution, turn) }),
    ...(think !== undefined && { think: turnText(think, turn) }),
  };
}
