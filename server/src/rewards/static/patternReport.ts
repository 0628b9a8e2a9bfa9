/**
 * What a pattern did on the texts of a run, for the hover of a regular expression: how often it matched, why one text missed, what small
 * rewrites would match, and whether it can hang. Call it in a worker: patterns are tried for up to a quarter of a second each.
 */
import type { Site, SiteRecord } from "../user/recording";
import { explainMiss, type MissExplanation } from "./explainMiss";
import { parsePattern } from "./parsePattern";
import { patternTrials, type PatternTrial } from "./patternTrials";
import { suspectHangs } from "./pumping";

export interface PatternReport {
  pattern: string;
  tested: number;
  matched: number;
  /** Of the first text that can be explained. */
  failure: (MissExplanation & { row: number; text: string }) | null;
  /** `matched` is out of `tested`; an estimate where more texts missed than were kept. Best first; only those that match more. */
  trials: { title: string; pattern: string; flags: string; matched: number; id: PatternTrial["id"] }[];
  /** Why it may take very long; null when its form gives no reason to think so. */
  warning: string | null;
}

/** @returns null for a site that matches no pattern that is known from the text */
export function patternReport(site: Site, record: SiteRecord, language: "typescript" | "python"): PatternReport | null {
  if (site.regex === undefined || record.regex === undefined) return null;
  const { regex } = site;
  const { matched, missed } = record.regex;
  const tested = record.reached;
  let failure: PatternReport["failure"] = null;
  for (const { row, text } of missed.slice(0, 8)) {
    const explained = explainMiss(regex, language, text);
    if (explained === null) continue;
    failure = { ...explained, row, text };
    // A text that shares something with the pattern teaches more than one that shares nothing.
    if (explained.matchedUpTo !== "") break;
  }
  const texts = missed.map(({ text }) => text);
  const scale = texts.length === 0 ? 0 : (tested - matched) / texts.length;
  const trials = patternTrials(regex, language, texts)
    .flatMap((trial) => (trial.matched === null || trial.matched === 0 ? [] : [{ ...trial, gained: trial.matched }]))
    .sort((a, b) => b.gained - a.gained || a.title.length - b.title.length)
    .map(({ id, title, pattern, flags, gained }) => ({
      ...{ id, title, pattern, flags },
      matched: Math.min(tested, matched + Math.round(gained * scale)),
    }));
  const tree = parsePattern(regex.pattern, regex.flags, language);
  const [suspicion] = tree === null ? [] : suspectHangs(tree);
  const place = suspicion === undefined ? "" : regex.pattern.slice(suspicion.start, suspicion.end);
  return {
    ...{ pattern: regex.pattern, tested, matched, failure, trials },
    warning:
      suspicion === undefined
        ? null
        : `${place} repeats something that repeats or has alternatives; a text that does not match may be tried in very many ways.`,
  };
}
