/**
 * Guesses of the tokens that follow, for reading several in one run: where the last tokens of a sequence occurred before, in its prompt or
 * in what it wrote, it may go on as it did there. The tags of an answer stand in every prompt that asks for them. A guess never
 * changes what is written: the generator keeps the part of it that it would have written anyway (prompt lookup decoding).
 *
 * @see Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, here with the text itself as the draft model
 */

/** Tokens that must agree before a guess is made: more first. One in common says little. */
const longestMatch = 4;
const shortestMatch = 2;
/** Tokens of a guess, least and most: what is read in vain costs time too. */
const fewest = 2;
export const mostDrafted = 8;

/** Follows one sequence. */
export class PromptLookup {
  private readonly ids: number[];
  /** Length of the next guess: twice as long after one that was right to its end, short after one that was all wrong. */
  private size = 4;
  /** Tokens to be written without a guess: more and more while guesses are wrong. */
  private rest = 0;
  private wrong = 0;

  constructor(prompt: Iterable<number>) {
    this.ids = [...prompt];
  }

  /** Takes a token that was written. */
  push(id: number): void {
    this.ids.push(id);
    if (this.rest > 0) this.rest -= 1;
  }

  /** At most `room` tokens that may follow; often none. */
  guess(room: number): number[] {
    if (this.rest > 0) return [];
    const count = Math.min(this.size, room);
    for (let length = longestMatch; length >= shortestMatch && count > 0; length--) {
      const from = this.lastMatch(length);
      if (from >= 0) return this.behind(from, count);
    }
    return [];
  }

  /** Tokens from a place on; at the end of the text it goes on with the guess itself, as something that repeats does. */
  private behind(from: number, count: number): number[] {
    const guess: number[] = [];
    for (let at = from; guess.length < count; at++) guess.push(this.ids[at] ?? guess[at - this.ids.length]!);
    return guess;
  }

  /** Tells how much of the last guess was right. */
  judge(guessed: number, right: number): void {
    if (guessed === 0) return;
    if (right === 0) {
      this.size = fewest;
      this.wrong += 1;
      this.rest = Math.min(32, 2 ** this.wrong);
      return;
    }
    this.wrong = 0;
    this.size = right === guessed ? Math.min(mostDrafted, 2 * this.size) : Math.max(fewest, right + 1);
  }

  /** The place behind the last earlier occurrence of the last `length` tokens; -1 where there is none. */
  private lastMatch(length: number): number {
    const { ids } = this;
    const end = ids.length - length;
    for (let start = end - 1; start >= 0; start--) {
      let same = 0;
      while (same < length && ids[start + same] === ids[end + same]) same += 1;
      if (same === length) return start + length;
    }
    return -1;
  }
}
