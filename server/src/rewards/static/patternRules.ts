/** RW112 and RW113 from the text: patterns that break on what models write, and patterns that can take forever. */
import type { Finding, FindingEdit, FindingFix } from "../analysis/finding";
import type { RewardProgram } from "../user/program";
import type { PatternFact, RewardFacts } from "./facts";
import { parsePattern } from "./parsePattern";
import { type PatternNode, type PatternTree, patternNodes } from "./patternTree";
import { greedyWildcards, patternRewrites, type PatternRewrite, tagGaps } from "./patternTrials";
import { proveHang } from "./pumping";
import { tagParserFix } from "./tagParserFix";

type Language = "typescript" | "python";

interface Weakness {
  /** The rewrite that cures it. */
  cure: PatternRewrite["id"];
  words: string;
}

const caseTitle = "Ignore case";

/** One finding for a pattern with all its weak points, or null. */
export function fragilePatternFinding(fact: PatternFact, program: RewardProgram, facts: RewardFacts): Finding | null {
  const { pattern, approximate } = fact;
  const { language } = program;
  const tree = parsePattern(pattern.pattern, pattern.flags, language);
  if (tree === null || !isAboutTags(tree.root)) return null;
  const weaknesses = weaknessesOf(tree, fact);
  if (weaknesses.length === 0) return null;
  const rewrites = patternRewrites(tree, pattern.flags);
  const fixes: FindingFix[] = [];
  for (const { cure } of weaknesses) {
    const rewrite = rewrites.find(({ id }) => id === cure);
    const edits = rewrite === undefined ? null : editsOf(fact, rewrite, language);
    if (rewrite !== undefined && edits !== null) fixes.push({ title: capitalized(rewrite.title), edits });
  }
  // A case that was meant is kept by the one that mends the rest.
  const all = weaknesses.length > 1 ? joinedFix(fixes.filter(({ title }) => title !== caseTitle)) : null;
  const uses = facts.patterns.filter((one) => one.pattern.start === pattern.start && isUse(one));
  const parsed = approximate ? null : tagParserFix(program, facts, uses, tree.root);
  const shown = pattern.pattern.length > 80 ? `${pattern.pattern.slice(0, 77)}…` : pattern.pattern;
  const reasons = weaknesses.map(({ words }) => words);
  return {
    id: "RW112",
    severity: "warning",
    function: fact.function,
    start: pattern.start,
    end: pattern.end,
    message: `The pattern ${shown}${approximate ? " (with a word for what is put in)" : ""} is fragile: ${reasons.join("; ")}. Models write such texts often enough, and then the reward misreads them. Loosen the pattern, or read tags with a parser that allows for it.`,
    evidence: { rows: [], numbers: { weaknesses: weaknesses.length }, text: pattern.pattern },
    fixes: [...(all === null ? [] : [all]), ...fixes, ...(parsed === null ? [] : [parsed])],
    certain: "static",
  };
}

/** Not the place where the pattern is made. */
export function isUse({ method }: PatternFact): boolean {
  return method !== "compile" && method !== "literal";
}

function weaknessesOf(tree: PatternTree, { pattern, method }: PatternFact): Weakness[] {
  const nodes = [...patternNodes(tree.root)];
  const found: Weakness[] = [];
  const repeatsDot = nodes.some((node) => node.kind === "repeat" && node.max > 1 && containsDot(node.item));
  if (!tree.dotAll && repeatsDot) {
    found.push({ cure: "dot-all", words: "`.` does not match a line break, so an element with two lines is not seen" });
  }
  if (tagGaps(tree.root).length > 0) {
    found.push({ cure: "white-space", words: "it allows no white space between neighbouring tags" });
  }
  if (greedyWildcards(tree.root).length > 0) {
    found.push({ cure: "lazy", words: "a greedy repeat runs on to the last closing tag of the text" });
  }
  const edges = nodes.filter((node) => node.kind === "edge" && (node.edge === "start" || node.edge === "end"));
  const atEnd = edges.some((node) => node.kind === "edge" && node.edge === "end") || pattern.anchor === "full";
  // White space at the very end is allowed for by most who anchor with care; special tokens are not white space.
  if (atEnd && method !== "split" && !endsOpenly(tree.root)) {
    found.push({
      cure: "no-anchor",
      words: "it must reach the end of the text, where a special token or a line break may stand",
    });
  }
  // Alone it is a choice: most models keep to the case that they are shown.
  const hasLetters = nodes.some((node) => node.kind === "char" && node.char.toLowerCase() !== node.char.toUpperCase());
  if (found.length > 0 && !tree.ignoresCase && hasLetters) {
    found.push({ cure: "ignore-case", words: "it takes its tags in one letter case only" });
  }
  return found;
}

/** `\s*` or `.*` in front of the end anchor, or at the end of a full match. */
function endsOpenly(root: PatternNode): boolean {
  const items = lastItems(root).filter((node) => !(node.kind === "edge" && node.edge === "end"));
  const last = items.at(-1);
  return last?.kind === "repeat" && last.min === 0 && last.max === Number.POSITIVE_INFINITY;
}

function lastItems(node: PatternNode): PatternNode[] {
  if (node.kind === "group") return lastItems(node.item);
  if (node.kind !== "sequence") return [node];
  const last = node.items.at(-1);
  return last?.kind === "group" ? [...node.items.slice(0, -1), ...lastItems(last)] : node.items;
}

function containsDot(node: PatternNode): boolean {
  return [...patternNodes(node)].some(({ kind }) => kind === "dot");
}

/** `<name>` or `</name>` stands in it as it is: a pattern for answers in tags. */
function isAboutTags(root: PatternNode): boolean {
  for (const node of patternNodes(root)) {
    if (node.kind !== "sequence") continue;
    const text = node.items.map((item) => (item.kind === "char" ? item.char : "\u0000")).join("");
    if (/<\/?[A-Za-z][\w-]*>/.test(text)) return true;
  }
  return false;
}

/** RW113: only what was shown to hang. */
export async function hangingPatternFinding(fact: PatternFact, language: Language): Promise<Finding | null> {
  const { pattern } = fact;
  if (fact.approximate) return null;
  const tree = parsePattern(pattern.pattern, pattern.flags, language);
  const proof = tree === null ? null : await proveHang(tree, pattern.anchor);
  if (proof === null) return null;
  const place = pattern.pattern.slice(proof.start, proof.end);
  const why =
    proof.why === "nested"
      ? `the repeat inside of ${place} can share the same text with the repeat around it`
      : proof.why === "overlap"
        ? `the alternatives of ${place} can match the same text`
        : `the repeats of ${place} stand side by side and can share the same text`;
  const growth =
    proof.why === "neighbours" ? "in ways that grow with a power of its length" : "in exponentially many ways";
  const input = proof.input.replaceAll("\u0000", "\\0").replaceAll("\u0001", "\\1");
  return {
    id: "RW113",
    severity: "warning",
    function: fact.function,
    start: pattern.start,
    end: pattern.end,
    message: `This pattern can take forever: ${why}, so a text that does not match is tried ${growth}. A text of ${proof.length} characters was stopped after ${proof.limitMs} ms. Write it so that each character can be matched in one way only, or use an engine that is linear in time (re2js, google-re2).`,
    evidence: {
      rows: [],
      numbers: { length: proof.length, limitMs: proof.limitMs },
      text: input.length > 200 ? `${input.slice(0, 199)}…` : input,
    },
    fixes: [],
    certain: "static",
  };
}

/** Text edits for a rewrite; null where the pattern does not stand in the source as it is. */
export function editsOf(fact: PatternFact, rewrite: PatternRewrite, language: Language): FindingEdit[] | null {
  const edits: FindingEdit[] = [];
  if (rewrite.insertions.length > 0) {
    if (fact.literal === null || fact.approximate) return null;
    const { contentStart, raw } = fact.literal;
    for (const { at, remove, text } of rewrite.insertions) {
      const start = contentStart + at;
      // Outside of a raw text a backslash is written twice.
      edits.push({ start, end: start + remove, text: raw ? text : text.replaceAll("\\", "\\\\") });
    }
  }
  const added = [...rewrite.flags].filter((flag) => !fact.pattern.flags.includes(flag));
  if (added.length === 0) return edits;
  if (language === "typescript") {
    if (fact.flagsAt === undefined) return null;
    return [...edits, { start: fact.flagsAt, end: fact.flagsAt, text: added.join("") }];
  }
  if (fact.flagsEdit === undefined || fact.flagsEdit === null) return null;
  const { at, before, module } = fact.flagsEdit;
  const names = added.map((flag) => `${module}.${{ s: "DOTALL", i: "IGNORECASE", m: "MULTILINE" }[flag]}`);
  return [...edits, { start: at, end: at, text: before + names.join(" | ") }];
}

function joinedFix(fixes: readonly FindingFix[]): FindingFix | null {
  const edits = fixes.flatMap((fix) => fix.edits).sort((a, b) => a.start - b.start);
  const clash = edits.some((edit, i) => i > 0 && edits[i - 1]!.end > edit.start);
  return fixes.length > 1 && !clash ? { title: "Loosen the pattern in all these ways", edits } : null;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
