/** RW111 and RW113: patterns that hardly ever match, and patterns that take forever. */
import { count, type Detector, findingAbout, minRollouts, percent, quote, type ScoredFunction } from "../examination";
import type { Finding } from "../finding";
import { mean } from "../groupMath";

/** Below this share of matches a pattern decides nothing. */
const hardlyEver = 0.02;
/** Part of the range below which a score counts as a failure. */
const lowShare = 0.25;

export const findPatternFaults: Detector = ({ functions, program }) =>
  functions.flatMap((scored) => unmatchedPatterns(scored, program.source));

function unmatchedPatterns(scored: ScoredFunction, source: string): Finding[] {
  const { result, declaration, scores } = scored;
  const recording = result?.recording;
  if (recording === null || recording === undefined) return [];
  return recording.sites.flatMap((site, i): Finding[] => {
    const record = recording.records[i]!;
    if (site.kind !== "regex" || site.regex === undefined || record.regex === undefined) return [];
    const { matched, missed } = record.regex;
    const share = matched / record.reached;
    if (record.reached < minRollouts || share >= hardlyEver || missed.length === 0) return [];
    const rows = [...new Set(missed.flatMap(({ row }) => (row < 0 ? [] : [row])))];
    if (!isWanted(scored, rows, source.slice(...declaration.bodySpan))) return [];
    const example = missed[0]!.text;
    const given = mean(rows.map((row) => scores[row] ?? 0));
    return [
      findingAbout(
        scored,
        "RW111",
        `The pattern ${quote(site.regex.pattern, 80)} matched ${matched} of ${count(record.reached, "text")} (${percent(share)}), so the reward hardly ever depends on what it looks for. An example that it missed: ${quote(example, 100)}. Compare the two, and let the pattern allow what the model writes.`,
        {
          ...{ rows, text: example.slice(0, 2_000), at: [site.regex.start, site.regex.end] },
          numbers: { matched, reached: record.reached, share, meanScore: given },
        },
      ),
    ];
  });
}

/**
 * Whether the function wants the pattern to match: completions without it fail. A pattern for what shall not occur (an
 * excuse, a foreign script) rarely matches where all is well, and then the score is good.
 */
function isWanted(
  { scores, declaration }: Pick<ScoredFunction, "scores" | "declaration">,
  rows: readonly number[],
  body: string,
): boolean {
  const present = scores.filter((score) => score !== null);
  const given = rows.flatMap((row) => scores[row] ?? []);
  if (present.length === 0 || given.length === 0) return true;
  const [min, max] = [
    Math.min(...present, declaration.range?.min ?? 0),
    Math.max(...present, declaration.range?.max ?? 0),
  ];
  // Nothing but 0 was ever given: a penalty that did not strike looks the same, unless the code takes nothing off.
  if (max - min < 1e-9) return max <= 0 && !/(?:return|=|\(|,)\s*-\s*\d/.test(body);
  return (mean(given) - min) / (max - min) <= lowShare;
}
