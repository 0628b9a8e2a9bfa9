/**
 * Why a text does not match a pattern, in words: "matched up to `</think>`, expected `<location>`, saw `\n<location>`". Found by the
 * longest beginning of the pattern that still matches somewhere. Patterns run under a limit of time (V8 interrupts them), so a
 * pattern that takes forever is explained as just that.
 */
import vm from "node:vm";
import type { SitePattern } from "../user/recording";
import type { PatternNode, PatternTree } from "./patternTree";
import { parsePattern } from "./parsePattern";
import { printPattern } from "./patternTree";

export interface MissExplanation {
  /** The last thing that matched; empty when nothing did. */
  matchedUpTo: string;
  /** What should have come next, as the pattern writes it, or "the end of the text". */
  expected: string;
  /** What stands there instead; empty at the end of the text. */
  saw: string;
  /** UTF-16 offset of `saw` in the text; 0 when nothing of the pattern occurs. */
  at: number;
  /** The line around the place, and a line with a caret under it. */
  caret: string;
  /** One sentence for people. */
  sentence: string;
}

/** Longest time for one question; 50 ms are thousands of ordinary matches. */
export const patternTimeMs = 250;

/**
 * @returns null when the text does match, or the pattern cannot be read
 */
export function explainMiss(
  { pattern, flags, anchor }: Pick<SitePattern, "pattern" | "flags" | "anchor">,
  language: "typescript" | "python",
  text: string,
): MissExplanation | null {
  const tree = parsePattern(pattern, flags, language);
  if (tree === null) return null;
  const units = withAnchors(linearize(tree.root), anchor);
  const beginnings = units.map((_, i) => printUnits(units.slice(0, i + 1), tree, i === units.length - 1));
  let ends: number[] | null;
  try {
    ends = longestBeginnings(beginnings, tree.jsFlags, text);
  } catch (error) {
    if (!isTimeout(error)) throw error;
    return {
      ...{ matchedUpTo: "", expected: pattern, saw: "", at: 0, caret: "" },
      sentence: `It took more than ${patternTimeMs} ms on this text and was stopped.`,
    };
  }
  const matched = ends.length;
  if (matched === units.length) return null;
  return describe(units, matched, ends.at(-1) ?? 0, tree, text);
}

/** A step of the pattern: all steps one after the other are the pattern. */
type Unit = PatternNode;

/** The pattern as steps in a row: sequences and plain groups are opened, everything else is one step. */
function linearize(node: PatternNode): Unit[] {
  switch (node.kind) {
    case "sequence":
      return node.items.flatMap(linearize);
    case "group":
      // A choice inside stays one step; what refers back to the group would lose it, but that comes later and then fails alone.
      return node.item.kind === "choice" ? [node] : linearize(node.item);
    case "repeat":
      // The first round of `(?:ab)+` can be watched; the rest is one more step.
      if (node.min >= 1 && node.item.kind === "group" && node.item.item.kind === "sequence") {
        const more: PatternNode = { ...node, min: node.min - 1 };
        return [...linearize(node.item), more];
      }
      return [node];
    default:
      return [node];
  }
}

function withAnchors(units: Unit[], anchor: SitePattern["anchor"]): Unit[] {
  const place = { start: 0, end: 0 };
  const first: Unit[] = anchor === "search" ? [] : [{ kind: "edge", edge: "start", js: "(?<![^])", ...place }];
  const last: Unit[] = anchor === "full" ? [{ kind: "edge", edge: "end", js: "(?![^])", ...place }] : [];
  return [...first, ...units, ...last];
}

/** @param whole a repeat at the end of a beginning takes all it can, so that the place behind it is the place of the failure */
function printUnits(units: readonly Unit[], tree: PatternTree, whole: boolean): string {
  const text = units
    .map((unit, i) => {
      const isLast = i === units.length - 1;
      const node: PatternNode = isLast && !whole && unit.kind === "repeat" ? { ...unit, greedy: true } : unit;
      const printed = printPattern(node, tree);
      return node.kind === "choice" ? `(?:${printed})` : printed;
    })
    .join("");
  // A group may have been opened, or not be there yet: its reference then matches nothing special.
  return text.replaceAll(/\\k<\w+>|\\[1-9]\d?\(\?:\)/g, "(?:)");
}

/** Ends of the matches of all beginnings that match; beginnings get longer, so the first that fails ends the search. */
function longestBeginnings(patterns: readonly string[], flags: string, text: string): number[] {
  const script = `(() => {
    const ends = [];
    for (const pattern of patterns) {
      const found = new RegExp(pattern, flags).exec(text);
      if (found === null) break;
      ends.push(found.index + found[0].length);
    }
    return ends.join(",");
  })()`;
  const ends = vm.runInNewContext(
    script,
    { patterns: [...patterns], flags, text },
    { timeout: patternTimeMs },
  ) as string;
  return ends === "" ? [] : ends.split(",").map(Number);
}

/** Runs a pattern over texts; null where it took too long for all of them together. */
export function matchAll(tree: PatternTree, anchor: SitePattern["anchor"], texts: readonly string[]): boolean[] | null {
  const units = withAnchors([tree.root], anchor);
  const pattern = units.map((unit) => `(?:${printPattern(unit, tree)})`).join("");
  try {
    const script =
      "(() => { const re = new RegExp(pattern, flags); return texts.map((text) => (re.test(text) ? 1 : 0)).join(''); })()";
    const bits = vm.runInNewContext(
      script,
      { pattern, flags: tree.jsFlags, texts: [...texts] },
      { timeout: patternTimeMs },
    ) as string;
    return [...bits].map((bit) => bit === "1");
  } catch (error) {
    if (isTimeout(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}

function describe(
  units: readonly Unit[],
  matched: number,
  end: number,
  tree: PatternTree,
  text: string,
): MissExplanation {
  // A literal word or tag is expected as a whole, also where its first letters were there.
  const token = tokenAround(units, matched);
  const begun = matched - token.first;
  const next = units[matched]!;
  const isFirst = matched === begun && next.kind === "char";
  const wanted = isFirst ? units.slice(token.first, token.last).map(literalOf).join("") : "";
  // Nothing of it is there, but in another letter case it is: that is the place to show.
  const inOtherCase = !isFirst || tree.ignoresCase ? -1 : text.toLowerCase().indexOf(wanted.toLowerCase());
  const at = inOtherCase >= 0 ? inOtherCase : Math.max(0, end - literalLength(units.slice(token.first, matched)));
  const isEnd = next.kind === "edge" && next.edge === "end";
  const expected = isEnd
    ? "the end of the text"
    : next.kind === "char"
      ? units.slice(token.first, token.last).map(literalOf).join("")
      : patternText(next, tree);
  const before = lastLiteral(units.slice(0, matched - begun));
  const consumed = text.slice(Math.max(0, at - 24), at);
  const previous = units[matched - begun - 1];
  const matchedUpTo = matched - begun === 0 ? "" : previous?.kind === "char" || consumed === "" ? before : consumed;
  const saw = text.slice(at, at + Math.max(24, expected.length + 8));
  const anywhere = matchedUpTo === "" && !(units[0]!.kind === "edge" && matched > 0);
  const sentence = anywhere
    ? `Nothing of it was found: ${code(expected)} does not occur.${inOtherCase >= 0 ? otherCase : ""}`
    : `Matched up to ${matchedUpTo === "" ? "the start" : code(matchedUpTo)}, expected ${isEnd ? expected : code(expected)}, saw ${saw === "" ? "the end of the text" : code(saw)}.${reason(units, matched, begun, tree, text, at)}`;
  return { matchedUpTo, expected, saw, at, caret: caretView(text, at), sentence };
}

const otherCase = " It is there in another letter case.";

function matchesInOtherCase(units: readonly Unit[], tree: PatternTree, text: string, at: number): boolean {
  if (tree.ignoresCase) return false;
  const flags = `${tree.jsFlags.replaceAll(/[giy]/g, "")}iy`;
  try {
    const script = "(() => { const re = new RegExp(pattern, flags); re.lastIndex = at; return re.test(text); })()";
    return vm.runInNewContext(
      script,
      { pattern: printUnits(units, tree, true), flags, text, at },
      { timeout: patternTimeMs },
    );
  } catch {
    return false;
  }
}

/** The step before could go no further: say so, since it is what people overlook. */
function reason(
  units: readonly Unit[],
  matched: number,
  begun: number,
  tree: PatternTree,
  text: string,
  at: number,
): string {
  const previous = units[matched - begun - 1];
  const inner = previous?.kind === "repeat" ? previous.item : previous;
  if (inner?.kind === "dot" && !tree.dotAll && /[\n\r]/.test(text[at] ?? ""))
    return " `.` does not match a line break.";
  const next = units[matched];
  if (next?.kind === "look" && next.negate) {
    return next.ahead ? " This part forbids what follows." : " This part forbids what stands before.";
  }
  if (
    next !== undefined &&
    next.kind !== "edge" &&
    matchesInOtherCase(units.slice(matched - begun, matched + 1), tree, text, at)
  ) {
    return otherCase;
  }
  const isAtStart = units.slice(0, matched - begun).every(({ kind }) => kind === "edge") && matched > begun;
  const wanted = tokenAround(units, matched);
  if (isAtStart && next?.kind === "char") {
    const literal = units.slice(wanted.first, wanted.last).map(literalOf).join("");
    if (text.indexOf(literal, at + 1) >= 0) return " It comes later, but the pattern begins at the start.";
  }
  if (next?.kind === "char" && /^\s/.test(text.slice(at)) && text.slice(at).trimStart().startsWith(next.char)) {
    return " There is white space in between.";
  }
  return "";
}

function literalOf(unit: Unit): string {
  return unit.kind === "char" ? unit.char : "";
}

function literalLength(units: readonly Unit[]): number {
  return units.map(literalOf).join("").length;
}

/** The run of plain characters around a step, cut at tags: `</think><location>` is two. */
function tokenAround(units: readonly Unit[], index: number): { first: number; last: number } {
  if (units[index]?.kind !== "char") return { first: index, last: index + 1 };
  let first = index;
  while (
    first > 0 &&
    units[first - 1]!.kind === "char" &&
    literalOf(units[first - 1]!) !== ">" &&
    literalOf(units[first]!) !== "<"
  ) {
    first--;
  }
  let last = index + 1;
  while (
    last < units.length &&
    units[last]!.kind === "char" &&
    literalOf(units[last - 1]!) !== ">" &&
    literalOf(units[last]!) !== "<"
  ) {
    last++;
  }
  return { first, last };
}

function lastLiteral(units: readonly Unit[]): string {
  let last = units.length;
  while (last > 0 && units[last - 1]!.kind !== "char") last--;
  if (last === 0) return "";
  const { first } = tokenAround(units, last - 1);
  return units.slice(first, last).map(literalOf).join("");
}

function patternText(unit: Unit, tree: PatternTree): string {
  return unit.end > unit.start ? tree.source.slice(unit.start, unit.end) : printPattern(unit, tree);
}

function caretView(text: string, at: number): string {
  const from = Math.max(text.lastIndexOf("\n", at - 1) + 1, at - 60);
  const lineEnd = text.indexOf("\n", at);
  // At a line break the caret stands behind the line, where the break is.
  const to = Math.min(lineEnd < 0 ? text.length : lineEnd, at + 40);
  const line = text.slice(from, to).replaceAll("\t", " ");
  return `${line}\n${" ".repeat(at - from)}^`;
}

/** In back quotes, with control characters written out. */
function code(text: string): string {
  const shown = text.replaceAll(/[\n\r\t]/g, (char) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t" })[char]!);
  return `\`${shown.replaceAll("`", "'")}\``;
}
