/** What is guessed from a text, and how guesses get longer and rarer. */
import { mostDrafted, PromptLookup } from "@iad-r1/server/generate/draft";
import { expect, test } from "vitest";

test("the tokens behind the last like place are guessed, of several places the one with more in common", () => {
  expect(new PromptLookup([1, 2, 3, 4, 5, 6, 1, 2]).guess(8)).toEqual([3, 4, 5, 6]);
  expect(new PromptLookup([1, 2, 3, 7, 1, 2, 8, 1, 2]).guess(1)).toEqual([8]);
  expect(new PromptLookup([9, 1, 2, 3, 7, 1, 2, 8, 9, 1, 2]).guess(1)).toEqual([3]);
});

test("nothing is guessed where two tokens never stood together before, or where there is no room", () => {
  expect(new PromptLookup([1, 2, 3, 4, 2, 5]).guess(8)).toEqual([]);
  expect(new PromptLookup([1, 2, 3, 1, 2]).guess(0)).toEqual([]);
  expect(new PromptLookup([]).guess(8)).toEqual([]);
});

test("what was written is looked up too", () => {
  const lookup = new PromptLookup([1, 2]);
  for (const id of [3, 4, 1, 2]) lookup.push(id);
  expect(lookup.guess(2)).toEqual([3, 4]);
});

test("guesses grow while they are right, and pause ever longer while they are wrong", () => {
  const lookup = new PromptLookup(Array.from({ length: 64 }, () => 5));
  for (const length of [4, 8, 8]) {
    const guess = lookup.guess(99);
    expect(guess.length).toBe(Math.min(length, mostDrafted));
    lookup.judge(guess.length, guess.length);
  }
  for (const pause of [2, 4, 8, 16, 32, 32]) {
    lookup.judge(lookup.guess(99).length, 0);
    for (let written = 0; written < pause; written++) {
      expect(lookup.guess(99)).toEqual([]);
      lookup.push(5);
    }
    expect(lookup.guess(99).length).toBe(2);
  }
});
