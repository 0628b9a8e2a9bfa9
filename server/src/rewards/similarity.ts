/**
 * Similarity of two texts as Python's `difflib.SequenceMatcher(None, a, b).ratio()` defines it, bit for bit: the share of
 * code points in matching blocks. Not an edit distance, and not symmetric: keep the order of the arguments.
 *
 * The cost is at most len(a) · len(b) per block, as in Python; `ratioAtLeast` refuses pairs whose lengths or letters
 * already forbid the cutoff, so that against a text of fixed length it is linear.
 */
import { codePointLength, codePoints, compareCodePoints } from "./pythonText";

export interface Match {
  /** 2 · matches / (len a + len b); 1 when both are empty. */
  ratio: number;
  /** Code points in matching blocks. */
  matches: number;
  /** Different code points of b that were too frequent to be searched for. */
  popular: number;
}

/** From this length of b on, code points that make up more than 1 % of b are not searched for ("autojunk"). */
const autojunkLength = 200;

export function matchText(a: string, b: string, options: { autojunk: boolean } = { autojunk: true }): Match {
  const left = codePoints(a);
  const right = codePoints(b);
  const index = indexPositions(right, options.autojunk);
  const matches = countMatches(left, right, index);
  return { ratio: ratioOf(matches, left.length + right.length), matches, popular: index.popular };
}

/** Python `SequenceMatcher(None, a, b).ratio()`. */
export function ratio(a: string, b: string): number {
  return matchText(a, b).ratio;
}

/** The ratio when it is at least `cutoff`, else null. Equal to comparing `ratio`, but cheap for texts that cannot reach it. */
export function ratioAtLeast(a: string, b: string, cutoff: number): number | null {
  const total = codePointLength(a) + codePointLength(b);
  // Rounding keeps order, so a bound on the matches is a bound on the rounded ratio.
  if (ratioOf(Math.min(codePointLength(a), codePointLength(b)), total) < cutoff) return null;
  if (ratioOf(commonCodePoints(a, b), total) < cutoff) return null;
  const value = ratio(a, b);
  return value >= cutoff ? value : null;
}

/**
 * Python `difflib.get_close_matches(text, candidates, n=1, cutoff=0.0)`: the candidate with the largest
 * ratio(candidate, text), on ties the one that is greatest by code points. Undefined only without candidates.
 */
export function closestMatch(text: string, candidates: readonly string[]): string | undefined {
  let best: { candidate: string; ratio: number } | undefined;
  for (const candidate of candidates) {
    const value = ratio(candidate, text);
    if (
      best === undefined ||
      value > best.ratio ||
      (value === best.ratio && compareCodePoints(candidate, best.candidate) > 0)
    ) {
      best = { candidate, ratio: value };
    }
  }
  return best?.candidate;
}

function ratioOf(matches: number, totalLength: number): number {
  return totalLength === 0 ? 1 : (2 * matches) / totalLength;
}

/** Size of the multiset intersection: no alignment can match more. */
function commonCodePoints(a: string, b: string): number {
  const counts = new Map<number, number>();
  for (const point of codePoints(b)) counts.set(point, (counts.get(point) ?? 0) + 1);
  let common = 0;
  for (const point of codePoints(a)) {
    const count = counts.get(point) ?? 0;
    if (count > 0) {
      counts.set(point, count - 1);
      common++;
    }
  }
  return common;
}

interface PositionIndex {
  /** Ascending positions in b of every code point that is searched for. */
  positions: Map<number, number[]>;
  popular: number;
}

function indexPositions(b: Uint32Array, autojunk: boolean): PositionIndex {
  const positions = new Map<number, number[]>();
  for (let j = 0; j < b.length; j++) {
    const list = positions.get(b[j]!);
    if (list === undefined) positions.set(b[j]!, [j]);
    else list.push(j);
  }
  let popular = 0;
  if (autojunk && b.length >= autojunkLength) {
    const most = Math.floor(b.length / 100) + 1;
    for (const [point, list] of positions) {
      if (list.length > most) {
        positions.delete(point);
        popular++;
      }
    }
  }
  return { positions, popular };
}

/** Sum of the sizes of all matching blocks: the longest one, then those left and right of it, and so on. */
function countMatches(a: Uint32Array, b: Uint32Array, index: PositionIndex): number {
  // runs[j] = length of the run of equal, searched code points that ends at b[j] in the row of a stamped beside it.
  // Two rows take turns; stamps make clearing them unnecessary.
  const runs = [new Int32Array(b.length + 1), new Int32Array(b.length + 1)] as const;
  const stamps = [new Int32Array(b.length + 1), new Int32Array(b.length + 1)] as const;
  let stamp = 0;
  let matches = 0;
  const windows: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  for (let window = windows.pop(); window !== undefined; window = windows.pop()) {
    const [aLow, aHigh, bLow, bHigh] = window;
    let bestA = aLow;
    let bestB = bLow;
    let bestSize = 0;
    stamp++;
    for (let i = aLow; i < aHigh; i++) {
      stamp++;
      const list = index.positions.get(a[i]!);
      if (list === undefined) continue;
      const row = stamp & 1;
      const [currentRuns, currentStamps] = [runs[row]!, stamps[row]!];
      const [lastRuns, lastStamps] = [runs[1 - row]!, stamps[1 - row]!];
      for (let at = lowerBound(list, bLow); at < list.length; at++) {
        const j = list[at]!;
        if (j >= bHigh) break;
        // Index j of the row stands for b[j - 1], so that b[-1] needs no test.
        const size = (lastStamps[j] === stamp - 1 ? lastRuns[j]! : 0) + 1;
        currentRuns[j + 1] = size;
        currentStamps[j + 1] = stamp;
        if (size > bestSize) {
          bestA = i - size + 1;
          bestB = j - size + 1;
          bestSize = size;
        }
      }
    }
    // Popular code points take part only here.
    while (bestA > aLow && bestB > bLow && a[bestA - 1] === b[bestB - 1]) {
      bestA--;
      bestB--;
      bestSize++;
    }
    while (bestA + bestSize < aHigh && bestB + bestSize < bHigh && a[bestA + bestSize] === b[bestB + bestSize])
      bestSize++;
    if (bestSize === 0) continue;
    matches += bestSize;
    if (aLow < bestA && bLow < bestB) windows.push([aLow, bestA, bLow, bestB]);
    if (bestA + bestSize < aHigh && bestB + bestSize < bHigh)
      windows.push([bestA + bestSize, aHigh, bestB + bestSize, bHigh]);
  }
  return matches;
}

/** First index of the ascending list whose value is at least `value`. */
function lowerBound(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
