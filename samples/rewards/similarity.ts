/** Python's `difflib.SequenceMatcher(None, a, b).ratio()`: twice the characters in matching blocks over all characters. */

export function similarity(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const total = left.length + right.length;
  return total === 0 ? 1 : (2 * countMatches(left, right)) / total;
}

function countMatches(a: string[], b: string[]): number {
  const places = new Map<string, number[]>();
  b.forEach((character, j) => {
    const known = places.get(character);
    if (known === undefined) places.set(character, [j]);
    else known.push(j);
  });
  // In long texts Python does not search for characters that stand everywhere.
  if (b.length >= 200) {
    const limit = Math.floor(b.length / 100) + 1;
    for (const [character, where] of places) if (where.length > limit) places.delete(character);
  }
  let matches = 0;
  const windows: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  for (let window = windows.pop(); window !== undefined; window = windows.pop()) {
    const [alo, ahi, blo, bhi] = window;
    const [i, j, size] = longestMatch(a, b, places, alo, ahi, blo, bhi);
    if (size === 0) continue;
    matches += size;
    if (alo < i && blo < j) windows.push([alo, i, blo, j]);
    if (i + size < ahi && j + size < bhi) windows.push([i + size, ahi, j + size, bhi]);
  }
  return matches;
}

/** The longest run of equal characters; on ties the one that begins first in a, then in b. */
function longestMatch(
  a: string[],
  b: string[],
  places: Map<string, number[]>,
  alo: number,
  ahi: number,
  blo: number,
  bhi: number,
): [i: number, j: number, size: number] {
  let [bestI, bestJ, bestSize] = [alo, blo, 0];
  let runs = new Map<number, number>();
  for (let i = alo; i < ahi; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(a[i]!) ?? []) {
      if (j < blo) continue;
      if (j >= bhi) break;
      const size = (runs.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > bestSize) [bestI, bestJ, bestSize] = [i - size + 1, j - size + 1, size];
    }
    runs = next;
  }
  while (bestI > alo && bestJ > blo && a[bestI - 1] === b[bestJ - 1]) {
    bestI--;
    bestJ--;
    bestSize++;
  }
  while (bestI + bestSize < ahi && bestJ + bestSize < bhi && a[bestI + bestSize] === b[bestJ + bestSize]) bestSize++;
  return [bestI, bestJ, bestSize];
}
