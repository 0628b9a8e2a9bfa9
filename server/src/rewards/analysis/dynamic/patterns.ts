/** RW111 and RW113: patterns that hardly ever match, and patterns that take forever. */
import { counted } from "@iad-r1/models/util/counted";
import { explainMiss } from "../../static/explainMiss";
import { parsePattern } from "../../static/parsePattern";
import { type PatternTrial, patternTrials } from "../../static/patternTrials";
import { proveHang } from "../../static/pumping";
import type { RewardProgram } from "../../user/program";
import type { Site, SitePattern, SiteRecord } from "../../user/recording";
import { type Detector, findingAbout, minRollouts, percent, quote, type ScoredFunction } from "../examination";
import type { Finding, FindingFix } from "../finding";
import { mean } from "../groupMath";

/** Below this share of matches a pattern decides nothing. */
const hardlyEver = 0.02;
/** Part of the range below which a score counts as a failure. */
const lowShare = 0.25;

export const findPatternFaults: Detector = async ({ functions, program }) => {
  const findings: Finding[] = [];
  for (const scored of functions) {
    findings.push(...unmatchedPatterns(scored, program), ...(await hangingPatterns(scored, program)));
  }
  return findings;
};

/** Places of the function's run that match a pattern known from the text, one for each pattern. */
function patternSites({ result }: ScoredFunction): { site: Site; pattern: SitePattern; record: SiteRecord }[] {
  const recording = result?.recording;
  if (recording === null || recording === undefined) return [];
  return recording.sites.flatMap((site, i) => {
    const record = recording.records[i]!;
    return site.kind === "regex" && site.regex !== undefined && record.reached > 0
      ? [{ site, pattern: site.regex, record }]
      : [];
  });
}

function unmatchedPatterns(scored: ScoredFunction, program: RewardProgram): Finding[] {
  const { declaration, scores } = scored;
  return patternSites(scored).flatMap(({ pattern, record }): Finding[] => {
    if (record.regex === undefined) return [];
    const { matched, missed } = record.regex;
    const share = matched / record.reached;
    if (record.reached < minRollouts || share >= hardlyEver || missed.length === 0) return [];
    const texts = missed.map(({ text }) => text);
    const best = bestTrial(pattern, program.language, texts);
    const rows = [...new Set(missed.flatMap(({ row }) => (row < 0 ? [] : [row])))];
    // A rewrite that would match shows what was meant; else the scores must tell whether a match was wanted.
    if (best === null && !isWanted(scored, rows, program.source.slice(...declaration.bodySpan))) return [];
    const example = texts[0]!;
    const why = explainMiss(pattern, program.language, example);
    const cure =
      best === null
        ? "Compare the two, and let the pattern allow what the model writes."
        : `It would match ${best.matched} of ${texts.length} of these texts if you ${best.title}.`;
    const given = rows.flatMap((row) => scores[row] ?? []);
    return [
      findingAbout(
        scored,
        "RW111",
        `The pattern ${quote(pattern.pattern, 80)} matched ${matched} of ${counted(record.reached, "text")} (${percent(share)}). ${why === null ? `An example that it missed: ${quote(example, 100)}.` : why.sentence} ${cure}`,
        {
          ...{ rows, text: example.slice(0, 2_000), at: [pattern.start, pattern.end] },
          numbers: {
            ...{ matched, reached: record.reached, share },
            ...(best !== null && { wouldMatch: best.matched!, tried: texts.length }),
            ...(given.length > 0 && { meanScore: mean(given) }),
          },
          fixes: best === null ? [] : rewriteFix(program, pattern, best),
        },
      ),
    ];
  });
}

/** The rewrite that most of the missed texts match, the least change first; null when none reaches half of them. */
function bestTrial(
  pattern: SitePattern,
  language: RewardProgram["language"],
  texts: readonly string[],
): PatternTrial | null {
  const trials = patternTrials(pattern, language, texts).filter(
    ({ matched }) => matched !== null && matched >= texts.length / 2,
  );
  return trials.reduce<PatternTrial | null>(
    (best, trial) => (best === null || trial.matched! > best.matched! ? trial : best),
    null,
  );
}

/**
 * The rewrite as an edit of the literal; only where the source writes the pattern letter by letter (a JavaScript literal, a raw
 * Python text), so that offsets are those of the pattern.
 */
function rewriteFix(
  { source, language }: RewardProgram,
  pattern: SitePattern,
  { title, insertions, flags }: PatternTrial,
): FindingFix[] {
  const literal = source.slice(pattern.start, pattern.end);
  const open =
    language === "python"
      ? /^[rR][bB]?("""|'''|"|')/.exec(literal)?.[0].length
      : literal.startsWith("/")
        ? 1
        : undefined;
  if (open === undefined || literal.slice(open, open + pattern.pattern.length) !== pattern.pattern) return [];
  const edits = insertions.map(({ at, remove, text }) => ({
    start: pattern.start + open + at,
    end: pattern.start + open + at + remove,
    text,
  }));
  const added = [...flags].filter((flag) => !pattern.flags.includes(flag)).join("");
  if (added !== "" && language === "python") {
    const at = pattern.start + open;
    const first = edits.find(({ start }) => start === at);
    if (first === undefined) edits.unshift({ start: at, end: at, text: `(?${added})` });
    else first.text = `(?${added})${first.text}`;
  } else if (added !== "") edits.push({ start: pattern.end, end: pattern.end, text: added });
  return [{ title: `${title[0]!.toUpperCase()}${title.slice(1)}`, edits: edits.sort((a, b) => a.start - b.start) }];
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
  if (max - min < 1e-9) return max <= 0 && !/(?:return|=|\(|,|\[)\s*-\s*\d/.test(body);
  return (mean(given) - min) / (max - min) <= lowShare;
}

/** Inputs are made from the pattern's own tree, because ordinary text does not show it. */
async function hangingPatterns(scored: ScoredFunction, { language }: RewardProgram): Promise<Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const { pattern } of patternSites(scored)) {
    const key = `${pattern.flags} ${pattern.pattern}`;
    const tree = seen.has(key) ? null : parsePattern(pattern.pattern, pattern.flags, language);
    seen.add(key);
    const proof = tree === null ? null : await proveHang(tree);
    if (proof === null) continue;
    const part = pattern.pattern.slice(proof.start, proof.end);
    findings.push(
      findingAbout(
        scored,
        "RW113",
        `The pattern ${quote(pattern.pattern, 80)} can take forever: a text of ${proof.length} characters kept it busy for more than ${proof.limitMs} ms, and every character more doubles that. The part ${quote(part, 40)} can share the same text among its repeats in many ways. Take one repeat away, or use a linear-time engine (re2js).`,
        {
          at: [pattern.start, pattern.end],
          numbers: { length: proof.length, limitMs: proof.limitMs },
          text: proof.input,
        },
      ),
    );
  }
  return findings;
}
