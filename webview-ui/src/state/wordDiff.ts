/**
 * In which words two texts differ: the longest common subsequence of words, where case and marks around a word do not count. Pure; long
 * texts are not compared, because the work grows with the product of their lengths.
 */

export interface Piece {
  text: string;
  /** Not in the other text at this place. */
  isOwn: boolean;
}

const maxWords = 2000;

/** The first text in pieces, which put together give it again. */
export function differingPieces(text: string, other: string): Piece[] {
  const tokens = text.match(/\s+|\S+/g) ?? [];
  const words = tokens.filter((token) => token.trim() !== "").map(bare);
  const others = (other.match(/\S+/g) ?? []).map(bare);
  if (words.length > maxWords || others.length > maxWords) return [{ text, isOwn: false }];
  const shared = sharedWords(words, others);
  const pieces: Piece[] = [];
  let word = 0;
  for (const token of tokens) {
    const isBlank = token.trim() === "";
    const last = pieces.at(-1);
    // A blank goes with what stands before it, so that marks of neighbours become one.
    const isOwn = isBlank ? last?.isOwn === true && shared[word] === false : !shared[word++];
    if (last !== undefined && last.isOwn === isOwn) last.text += token;
    else pieces.push({ text: token, isOwn });
  }
  return pieces;
}

function bare(word: string): string {
  return word.toLowerCase().replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "") || word;
}

/** For each word of `a` whether it belongs to a longest common subsequence. */
function sharedWords(a: readonly string[], b: readonly string[]): boolean[] {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const shared = new Array<boolean>(a.length).fill(false);
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      shared[i] = true;
      i++;
      j++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return shared;
}
