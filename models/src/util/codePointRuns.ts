/** Classes of code points as generated files store them: lengths of alternating runs, the first outside the class, base 36. */

/** First code point of every run of equal class; runs at odd indices are inside the class. */
export function runStarts(table: string): Uint32Array {
  const lengths = table.trim().split(" ");
  const starts = new Uint32Array(lengths.length);
  let start = 0;
  for (let i = 0; i < lengths.length; i++) {
    starts[i] = start;
    start += Number.parseInt(lengths[i]!, 36);
  }
  return starts;
}
