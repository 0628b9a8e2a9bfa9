/**
 * Text operations as Python's `str` and `re` define them, where JavaScript differs: what is white space, what is a word
 * character, what a position is (code points, not UTF-16 units). Knows nothing of tags or rewards.
 *
 * The reference system ran on Python 3.11, so character classes are those of Unicode 14 whatever this Node carries.
 */
import { runStarts } from "@iad-r1/models/util/codePointRuns";
import { casedRuns, ignorableRuns, wordRuns } from "./unicode14.gen";

/** Body of a character class: `\s` of Python's `re` and what `str.strip` removes. All of it lies in the basic plane. */
const spaceClass = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const spaceRun = new RegExp(`[${spaceClass}]+`, "g");
const notPlain = /[^A-Za-z0-9_-]/gu;
const notAscii = /[^\0-\x7f]/;

/** Python `\s`, `str.isspace`: U+FEFF and U+200B are no white space, U+001C to U+001F and U+0085 are. */
export function isSpace(codePoint: number): boolean {
  if (codePoint < 0x80)
    return codePoint === 0x20 || (codePoint >= 9 && codePoint <= 13) || (codePoint >= 0x1c && codePoint <= 0x1f);
  return (
    codePoint === 0x85 ||
    codePoint === 0xa0 ||
    codePoint === 0x1680 ||
    (codePoint >= 0x2000 && codePoint <= 0x200a) ||
    codePoint === 0x2028 ||
    codePoint === 0x2029 ||
    codePoint === 0x202f ||
    codePoint === 0x205f ||
    codePoint === 0x3000
  );
}

function isInside(starts: Uint32Array, codePoint: number): boolean {
  let low = 0;
  let high = starts.length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= codePoint) low = middle;
    else high = middle;
  }
  return low % 2 === 1;
}

const wordStarts = runStarts(wordRuns);
const casedStarts = runStarts(casedRuns);
const ignorableStarts = runStarts(ignorableRuns);

/** Python `\w`: Unicode 14 letters and numbers and the underscore; no combining marks. */
export function isWord(codePoint: number): boolean {
  return isInside(wordStarts, codePoint);
}

/** Python `\d`: Unicode 14 decimal digits. */
export function isDigit(codePoint: number): boolean {
  return /\p{Nd}/u.test(String.fromCodePoint(codePoint)) && isWord(codePoint);
}

/** Python `str.strip()`, or `str.strip(characters)` with the one-unit characters given. */
export function strip(text: string, characters?: string): string {
  const drops =
    characters === undefined
      ? (at: number) => isSpace(text.charCodeAt(at))
      : (at: number) => characters.includes(text[at]!);
  let start = 0;
  let end = text.length;
  while (start < end && drops(start)) start++;
  while (end > start && drops(end - 1)) end--;
  return text.slice(start, end);
}

/** Python `str.lower()`: the full mapping, final sigma included; letters younger than Unicode 14 stay as they are. */
export function lower(text: string): string {
  if (!notAscii.test(text)) return text.toLowerCase();
  // Which sigma ends a word depends on its neighbours, whose classes this Node may have from another Unicode.
  const settled = text.replace(/\u03a3/g, (_, at: number) => (isFinalSigma(text, at) ? "\u03c2" : "\u03c3"));
  // A capital that Unicode 14 does not know keeps its place in the split result, at odd indices.
  const parts = settled.split(/(\p{Lu})/u);
  const kept: string[] = [""];
  for (let i = 0; i < parts.length; i++) {
    if (i % 2 === 1 && !isWord(parts[i]!.codePointAt(0)!)) kept.push(parts[i]!, "");
    else kept[kept.length - 1] += parts[i]!;
  }
  return kept.map((part, i) => (i % 2 === 1 ? part : part.toLowerCase())).join("");
}

/** Whether a cased letter stands before the capital sigma at `at` and none behind it, marks and full stops between not counted. */
function isFinalSigma(text: string, at: number): boolean {
  let before = at;
  let last: number | undefined;
  do {
    last = codePointBefore(text, before);
    before -= last !== undefined && last > 0xffff ? 2 : 1;
  } while (last !== undefined && isInside(ignorableStarts, last));
  if (last === undefined || !isInside(casedStarts, last)) return false;
  let after = at + 1;
  let next = text.codePointAt(after);
  while (next !== undefined && isInside(ignorableStarts, next)) {
    after += next > 0xffff ? 2 : 1;
    next = text.codePointAt(after);
  }
  return next === undefined || !isInside(casedStarts, next);
}

/** The code point that ends at index `end`; none at the beginning. */
function codePointBefore(text: string, end: number): number | undefined {
  if (end <= 0) return undefined;
  const unit = text.charCodeAt(end - 1);
  const pair = end >= 2 && isLowSurrogate(unit) && isHighSurrogate(text.charCodeAt(end - 2));
  return pair ? text.codePointAt(end - 2) : unit;
}

/** Python `re.sub(r"\s+", " ", text)`. */
export function collapseSpace(text: string): string {
  return text.replace(spaceRun, " ");
}

/** Python `re.sub(r"[^\w\s-]", "", text)`. */
export function dropPunctuation(text: string): string {
  return text.replace(notPlain, (character) => {
    const codePoint = character.codePointAt(0)!;
    return isSpace(codePoint) || isWord(codePoint) ? character : "";
  });
}

/** Python `len(text)`: code points. A lone surrogate counts one. */
export function codePointLength(text: string): number {
  let length = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    if (isHighSurrogate(text.charCodeAt(i)) && isLowSurrogate(text.charCodeAt(i + 1))) {
      length--;
      i++;
    }
  }
  return length;
}

/** The code points of a text, in order. */
export function codePoints(text: string): Uint32Array {
  const points = new Uint32Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; length++) {
    const codePoint = text.codePointAt(i)!;
    points[length] = codePoint;
    i += codePoint > 0xffff ? 2 : 1;
  }
  return points.subarray(0, length);
}

/** Order of two Python strings: by code point, where JavaScript's `<` compares UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const left = codePoints(a);
  const right = codePoints(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}

/** Longest needle that is left to `String.includes`, whose worst case is the product of the two lengths. */
const longestDirectNeedle = 64;

/** Python `needle in text`, in time linear in both lengths (Knuth, Morris and Pratt for long needles). */
export function contains(text: string, needle: string): boolean {
  if (needle.length > text.length) return false;
  if (needle.length <= longestDirectNeedle) return text.includes(needle);
  const borders = new Int32Array(needle.length);
  for (let i = 1, matched = 0; i < needle.length; i++) {
    const unit = needle.charCodeAt(i);
    while (matched > 0 && needle.charCodeAt(matched) !== unit) matched = borders[matched - 1]!;
    if (needle.charCodeAt(matched) === unit) matched++;
    borders[i] = matched;
  }
  for (let i = 0, matched = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    while (matched > 0 && needle.charCodeAt(matched) !== unit) matched = borders[matched - 1]!;
    if (needle.charCodeAt(matched) === unit) matched++;
    if (matched === needle.length) return true;
  }
  return false;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
