/** Reads patterns of both languages into one kind of tree; the one user of regexpp, which knows JavaScript's. */
import { type AST, RegExpParser } from "@eslint-community/regexpp";
import type { PatternNode, PatternTree } from "./patternTree";
import { sampleOf } from "./patternTree";
import { parsePythonPattern } from "./pythonPattern";

/** null for what neither side understands; the language itself will say so. */
export function parsePattern(pattern: string, flags: string, language: "typescript" | "python"): PatternTree | null {
  return language === "python" ? parsePythonPattern(pattern, flags) : parseJavaScriptPattern(pattern, flags);
}

function parseJavaScriptPattern(pattern: string, flags: string): PatternTree | null {
  const unicode = flags.includes("u");
  const unicodeSets = flags.includes("v");
  try {
    const parsed = new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode, unicodeSets });
    const kept = [...flags].filter((flag) => "imsuv".includes(flag)).join("");
    return {
      root: fromAlternatives(parsed.alternatives, parsed.start, parsed.end, pattern),
      source: pattern,
      ignoresCase: flags.includes("i"),
      dotAll: flags.includes("s"),
      multiline: flags.includes("m"),
      jsFlags: kept,
      language: "typescript",
      jsDot: ".",
    };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function fromAlternatives(list: readonly AST.Alternative[], start: number, end: number, text: string): PatternNode {
  const options = list.map(
    (one): PatternNode => ({
      kind: "sequence",
      items: one.elements.map((element) => fromElement(element, text)),
      start: one.start,
      end: one.end,
    }),
  );
  return options.length === 1 ? options[0]! : { kind: "choice", options, start, end };
}

function fromElement(node: AST.Element, text: string): PatternNode {
  const { start, end } = node;
  const raw = text.slice(start, end);
  switch (node.type) {
    case "Character":
      return { kind: "char", char: String.fromCodePoint(node.value), start, end };
    case "CharacterSet":
      if (node.kind === "any") return { kind: "dot", start, end };
      return { kind: "set", js: raw, sample: sampleOf(raw), start, end };
    case "CharacterClass":
    case "ExpressionCharacterClass":
      return { kind: "set", js: raw, sample: sampleOf(raw), start, end };
    case "Quantifier":
      return {
        kind: "repeat",
        item: fromElement(node.element, text),
        min: node.min,
        max: node.max,
        greedy: node.greedy,
        start,
        end,
      };
    case "CapturingGroup":
      return {
        kind: "group",
        item: fromAlternatives(node.alternatives, start, end, text),
        name: node.name,
        capturing: true,
        start,
        end,
      };
    case "Group":
      return {
        kind: "group",
        item: fromAlternatives(node.alternatives, start, end, text),
        name: null,
        capturing: false,
        start,
        end,
      };
    case "Assertion":
      switch (node.kind) {
        case "lookahead":
        case "lookbehind":
          return {
            kind: "look",
            item: fromAlternatives(node.alternatives, start, end, text),
            ahead: node.kind === "lookahead",
            negate: node.negate,
            start,
            end,
          };
        case "word":
          return { kind: "edge", edge: node.negate ? "not-word" : "word", js: raw, start, end };
        default:
          return { kind: "edge", edge: node.kind, js: raw, start, end };
      }
    case "Backreference":
      return { kind: "back", js: raw, start, end };
  }
}
