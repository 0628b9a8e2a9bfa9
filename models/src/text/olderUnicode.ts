/**
 * Composed characters as Hugging Face's tokenizers have them. Their library knows Unicode 9: what came later is no mark to it, which is neither moved
 * nor joined with the letter before, while this runtime composes by a later version.
 *
 * @see the crate `unicode-normalization-alignments`, which `tokenizers` normalises with
 */
import { runStarts } from "../util/codePointRuns";
import { isJsonObject } from "../util/jsonFile";
import { assignedRuns } from "./unicode9.gen";

/** Characters that no text has and nothing composes with: while text is composed, they stand around each one that is too young. */
const fence = "\u{fdd0}\u{fdd1}";

/** A step of a tokenizer's normalisation that does the same with the newer Unicode of this runtime; other steps are as they were. */
export function withOlderUnicode(step: unknown): unknown {
  if (!isJsonObject(step)) return step;
  if (step.type === "Sequence" && Array.isArray(step.normalizers)) {
    return { ...step, normalizers: step.normalizers.map(withOlderUnicode) };
  }
  if (step.type !== "NFC") return step;
  const young = `[${unassigned()}]`;
  const put = { type: "Replace", pattern: { Regex: `(?=${young})|(?<=${young})` }, content: fence };
  const take = { type: "Replace", pattern: { String: fence }, content: "" };
  return { type: "Sequence", normalizers: [put, step, take] };
}

/** What Unicode 9 has not assigned, as the inside of a class of a regular expression. */
function unassigned(): string {
  const starts = runStarts(assignedRuns);
  const ranges: string[] = [];
  // The last run is assigned, and the first is empty.
  for (let i = 2; i < starts.length; i += 2) ranges.push(`${escaped(starts[i]!)}-${escaped(starts[i + 1]! - 1)}`);
  return ranges.join("");
}

function escaped(point: number): string {
  return `\\u{${point.toString(16)}}`;
}
