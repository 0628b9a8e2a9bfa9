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
const tolerance = 1e-3;

/**
 * Sizes of the groups in order; they add up to the number of rows. All groups of a table have one size where that is possible, as a trainer
 * makes them.
 *
 * @param groupSize G when the person said it
 */
export function groupSizes(rows: readonly Ungrouped[], groupSize?: number): number[] {
  const runs: Ungrouped[][] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    while (to < rows.length && sameTask(rows[from]!, rows[to]!)) to++;
    runs.push(rows.slice(from, to));
    from = to;
  }
  const size = groupSize ?? commonSize(runs);
  return runs.flatMap(({ length }) => {
    const step = size ?? length;
    return Array.from({ length: Math.ceil(length / step) }, (_, i) => Math.min(step, length - i * step));
  });
}

function sameTask(a: Ungrouped, b: Ungrouped): boolean {
  return sameValue(a.prompt, b.prompt) && sameValue(a.solution, b.solution);
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b);
}

/**
 * The size at which the advantages of every group add up to nothing; null when none does or nothing is known. By chance that holds for parts
 * of a group too: then their squares tell, which add up to G - 1 where the trainer divides by the group's deviation.
 */
function commonSize(runs: readonly (readonly Ungrouped[])[]): number | null {
  const all = runs.map((run) => run.map(({ advantage }) => advantage));
  const known = all.flat().filter((each): each is number => each !== null);
  const largest = known.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  if (known.length < all.flat().length || largest === 0) return null;
  const shortest = all.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const sizes = Array.from({ length: shortest - 1 }, (_, i) => i + 2).filter((size) =>
    all.every((run) => run.length % size === 0),
  );
  const parts = (size: number) =>
    all.flatMap((run) =>
      Array.from({ length: run.length / size }, (_, i) => run.slice(i * size, (i + 1) * size) as number[]),
    );
  const isBalanced = (part: number[]) => Math.abs(sum(part)) <= tolerance * largest * part.length;
  const isScaled = (part: number[]) => {
    const squares = sum(part.map((each) => each * each));
    return squares <= tolerance || Math.abs(squares - (part.length - 1)) <= 0.05 * part.length;
  };
  const balanced = sizes.filter((size) => parts(size).every(isBalanced));
  return balanced.find((size) => parts(size).every(isScaled)) ?? balanced[0] ?? null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
