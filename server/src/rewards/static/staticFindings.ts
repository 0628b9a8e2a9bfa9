/**
 * All findings that the text of a reward file gives away: RW101, RW102, RW103, RW104, RW112, RW113, RW115 and RW116. Nothing of the file
 * is run; Python files are read by Python. Lines that ask to be left alone (`iadr1-ignore RW112`) are.
 */
import { RewardError } from "@iad-r1/models/errors";
import { type Finding, sortFindings } from "../analysis/finding";
import { withoutIgnored } from "../analysis/ignoredFindings";
import type { RewardProgram } from "../user/program";
import type { PatternFact, RewardFacts } from "./facts";
import { shortListFinding } from "./listRules";
import { fragilePatternFinding, hangingPatternFinding, isUse } from "./patternRules";
import { pythonFacts } from "./pythonFacts";
import { typescriptFacts } from "./typescriptFacts";
import {
  argumentFindings,
  ownerOf,
  randomFindings,
  stateFindings,
  swallowedFindings,
  wrongValueFindings,
} from "./valueRules";

export interface StaticOptions {
  /** Columns of the data set; without them nothing is said about columns. */
  columns?: readonly string[] | null;
  /** Python interpreter; found when left out. */
  python?: string;
  signal?: AbortSignal;
}

/**
 * @throws RewardError `reward/no-python` for a Python file on a machine without Python; CancelledError
 */
export async function staticFindings(program: RewardProgram, options: StaticOptions = {}): Promise<Finding[]> {
  if (program.functions.length === 0) return [];
  const facts = await factsOf(program, options);
  if (facts === null) return [];
  const { language } = program;
  const findings: Finding[] = [
    ...wrongValueFindings(program, facts),
    ...argumentFindings(program, facts, options.columns ?? null),
    ...swallowedFindings(program, facts),
    ...randomFindings(program, facts),
    ...stateFindings(program, facts),
  ];
  for (const loop of facts.loops) {
    const owner = ownerOf(program, facts, loop.function, loop.start);
    // A helper that fills a list may well leave something out; a reward may not.
    const isReward = owner !== null && loop.start >= owner.bodySpan[0] && loop.start < owner.bodySpan[1];
    const found = isReward ? shortListFinding(loop, language) : null;
    if (found !== null) findings.push({ ...found, function: owner!.name });
  }
  for (const fact of distinctPatterns(facts.patterns)) {
    options.signal?.throwIfAborted();
    const owner = ownerOf(program, facts, fact.function, fact.start);
    if (owner === null) continue;
    for (const found of [fragilePatternFinding(fact, program, facts), await hangingPatternFinding(fact, language)]) {
      if (found !== null) findings.push({ ...found, function: owner.name });
    }
  }
  return sortFindings(withoutIgnored(program.source, findings));
}

/** What the rules go by; null for a text that cannot be read. */
export async function factsOf(program: RewardProgram, options: StaticOptions = {}): Promise<RewardFacts | null> {
  try {
    return program.language === "python"
      ? await pythonFacts(program.source, options)
      : typescriptFacts(program.source, program.file);
  } catch (error) {
    if (RewardError.is(error, "reward/syntax")) return null;
    throw error;
  }
}

/** A constant pattern is one pattern, however often it is used; the use says more about it than the constant does. */
function distinctPatterns(patterns: readonly PatternFact[]): PatternFact[] {
  const best = new Map<number, PatternFact>();
  for (const fact of patterns) {
    const known = best.get(fact.pattern.start);
    if (known === undefined) best.set(fact.pattern.start, fact);
    else {
      // Where flags are added is known where the pattern is made.
      const made = isUse(known) ? fact : known;
      const used = isUse(fact) ? fact : known;
      best.set(fact.pattern.start, { ...used, flagsEdit: made.flagsEdit ?? used.flagsEdit ?? null });
    }
  }
  return [...best.values()];
}
