/** The words in which two texts differ. */
import { expect, it } from "vitest";
import { differingPieces } from "../../../webview-ui/src/state/wordDiff";

/** The text with its own words in brackets. */
const shown = (text: string, other: string) =>
  differingPieces(text, other)
    .map(({ text: piece, isOwn }) => (isOwn ? `[${piece}]` : piece))
    .join("");

it("marks the words that the other text has not", () => {
  const a = "A deep scratch runs over the cap.";
  const b = "A crack runs over the left cap.";
  expect(shown(a, b)).toBe("A [deep scratch] runs over the cap.");
  expect(shown(b, a)).toBe("A [crack] runs over the [left] cap.");
});

it("does not mind case, blanks and marks around words", () => {
  expect(shown("The edge, broken.", "the  edge broken")).toBe("The edge, broken.");
  expect(shown("3 - 4", "3 4")).toBe("3 [-] 4");
});

it("marks everything beside nothing, and nothing of nothing", () => {
  expect(shown("all of it", "")).toBe("[all of it]");
  expect(differingPieces("", "words")).toEqual([]);
});

it("gives the text again, whatever it holds", () => {
  for (const text of ["  two\n\nlines ", "缺陷 在 左上", "<b>no markup</b>", "a a b a"]) {
    expect(
      differingPieces(text, "a b 在")
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  }
});

it("leaves texts alone that are too long to be compared", () => {
  const long = "word ".repeat(3000);
  expect(differingPieces(long, "other")).toEqual([{ text: long, isOwn: false }]);
});
