/**
 * Which completions belong to one prompt, for files that do not say so. Trainers write the completions of a prompt one after another; where
 * neighbouring prompts have the same text (one question about different pictures), the advantages tell the groups apart: within a group
 * they add up to nothing.
 */

/** A row before it has a group. */
export interface Ungrouped {
  prompt: unknown;
  solution: unknown;
  advantage: number | null;
}

/** Relative to the size of the advantages; trainers compute them in 32-bit floats. */
const sumTolerance = 1e-3;

/**
 * Sizes of the groups in order; they add up to the number of rows.
 *
 * @param groupSize G when the person said it
 */
export function groupSizes(rows: readonly Ungrouped[], groupSize?: number): number[] {
  const sizes: number[] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    while (to < rows.length && sameTask(rows[from]!, rows[to]!)) to++;
    const run = rows.slice(from, to);
    const size = groupSize ?? balancedSize(run);
    for (let left = run.length; left > 0; left -= size) sizes.push(Math.min(size, left));
    from = to;
  }
  return sizes;
}

function sameTask(a: Ungrouped, b: Ungrouped): boolean {
  return sameValue(a.prompt, b.prompt) && sameValue(a.solution, b.solution);
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b);
}

/** The smallest group that divides the run so that each part adds up to nothing; the whole run when none does or nothing is known. */
function balancedSize(run: readonly Ungrouped[]): number {
  const advantages = run.map(({ advantage }) => advantage);
  const known = advantages.filter((each): each is number => each !== null);
  const largest = Math.max(0, ...known.map(Math.abs));
  if (known.length < run.length || largest === 0) return run.length;
  for (let size = 2; size < run.length; size++) {
    if (run.length % size !== 0) continue;
    let fits = true;
    for (let from = 0; from < run.length && fits; from += size) {
      let sum = 0;
      for (let i = from; i < from + size; i++) sum += known[i]!;
      fits = Math.abs(sum) <= sumTolerance * largest * size;
    }
    if (fits) return size;
  }
  return run.length;
}
