/** The known name that a typing mistake most likely meant. */

/** @returns null when nothing is within two letters, spelling with capitals, dashes or underscores aside */
export function nearestOf(name: string, known: readonly string[]): string | null {
  if (name.length > maxComparedLength) return null;
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, "");
  let best: string | null = null;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    // Two letters are no mistake but another word where there are only three.
    if (distance < bestDistance && distance < Math.max(1, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

const maxComparedLength = 200;

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
