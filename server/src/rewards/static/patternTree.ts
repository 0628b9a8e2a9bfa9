/**
 * A regular expression as a tree that is the same for JavaScript and Python, and back to a JavaScript pattern that means the same. Places
 * are offsets into the pattern as it was written. Reading is in `parsePattern.ts`.
 */
export type PatternNode =
  | { kind: "sequence"; items: PatternNode[]; start: number; end: number }
  | { kind: "choice"; options: PatternNode[]; start: number; end: number }
  | { kind: "repeat"; item: PatternNode; min: number; max: number; greedy: boolean; start: number; end: number }
  | { kind: "group"; item: PatternNode; name: string | null; capturing: boolean; start: number; end: number }
  | { kind: "look"; item: PatternNode; ahead: boolean; negate: boolean; start: number; end: number }
  /** One character that stands for itself. */
  | { kind: "char"; char: string; start: number; end: number }
  /** `.` */
  | { kind: "dot"; start: number; end: number }
  /** A set of characters, as JavaScript writes it; `sample` is one of them. */
  | { kind: "set"; js: string; sample: string; start: number; end: number }
  | { kind: "edge"; edge: "start" | "end" | "word" | "not-word"; js: string; start: number; end: number }
  | { kind: "back"; js: string; start: number; end: number };

export interface PatternTree {
  root: PatternNode;
  /** The pattern as it was written. */
  source: string;
  ignoresCase: boolean;
  /** `.` also matches line breaks. */
  dotAll: boolean;
  multiline: boolean;
  /** Flags under which the printed pattern means the same. */
  jsFlags: string;
  language: "typescript" | "python";
  /** What `.` is in JavaScript. */
  jsDot: string;
}

const sampleCandidates = [..."a0 _-<.\nA~é"];

/** A character that belongs to a set; the first of a few plain ones, else any of the first planes. */
export function sampleOf(js: string): string {
  const one = compiled(js);
  if (one === null) return "a";
  for (const candidate of sampleCandidates) if (one.test(candidate)) return candidate;
  for (let code = 0x21; code < 0x3000; code++)
    if (one.test(String.fromCharCode(code))) return String.fromCharCode(code);
  return "a";
}

function compiled(js: string): RegExp | null {
  // With flag u where it can be: without it `\p{L}` means something else.
  for (const flags of ["us", "s"]) {
    try {
      return new RegExp(`^(?:${js})$`, flags);
    } catch {}
  }
  return null;
}

/** As a JavaScript pattern; groups keep their numbers. */
export function printPattern(node: PatternNode, tree: PatternTree): string {
  switch (node.kind) {
    case "sequence":
      return node.items
        .map((item) => (item.kind === "choice" ? `(?:${printPattern(item, tree)})` : printPattern(item, tree)))
        .join("");
    case "choice":
      return node.options.map((option) => printPattern(option, tree)).join("|");
    case "repeat": {
      const inner = printPattern(node.item, tree);
      const single = ["char", "dot", "set", "group"].includes(node.item.kind);
      const limit =
        node.max === Number.POSITIVE_INFINITY
          ? node.min === 0
            ? "*"
            : node.min === 1
              ? "+"
              : `{${node.min},}`
          : node.min === 0 && node.max === 1
            ? "?"
            : `{${node.min},${node.max}}`;
      return `${single ? inner : `(?:${inner})`}${limit}${node.greedy ? "" : "?"}`;
    }
    case "group": {
      const inner = printPattern(node.item, tree);
      if (!node.capturing) return `(?:${inner})`;
      return node.name === null ? `(${inner})` : `(?<${node.name}>${inner})`;
    }
    case "look":
      return `(?${node.ahead ? "" : "<"}${node.negate ? "!" : "="}${printPattern(node.item, tree)})`;
    case "char":
      return escapeChar(node.char);
    case "dot":
      return tree.jsDot;
    case "set":
    case "edge":
    case "back":
      return node.js;
  }
}

export function escapeChar(char: string): string {
  if (char === "\n") return "\\n";
  if (char === "\r") return "\\r";
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

/** Every node, outer before inner. */
export function* patternNodes(node: PatternNode): Generator<PatternNode> {
  yield node;
  switch (node.kind) {
    case "sequence":
      for (const item of node.items) yield* patternNodes(item);
      break;
    case "choice":
      for (const option of node.options) yield* patternNodes(option);
      break;
    case "repeat":
    case "group":
    case "look":
      yield* patternNodes(node.item);
      break;
    default:
  }
}

/** The shortest text that it matches, where that can be said without trying. */
export function sampleText(node: PatternNode): string {
  switch (node.kind) {
    case "sequence":
      return node.items.map(sampleText).join("");
    case "choice":
      return sampleText(node.options[0]!);
    case "repeat":
      return sampleText(node.item).repeat(Math.min(node.min, 50));
    case "group":
      return sampleText(node.item);
    case "char":
      return node.char;
    case "dot":
      return "a";
    case "set":
      return node.sample;
    default:
      return "";
  }
}

/** Whether it can match without taking a character. */
export function isNullable(node: PatternNode): boolean {
  switch (node.kind) {
    case "sequence":
      return node.items.every(isNullable);
    case "choice":
      return node.options.some(isNullable);
    case "repeat":
      return node.min === 0 || isNullable(node.item);
    case "group":
      return isNullable(node.item);
    case "char":
    case "dot":
    case "set":
      return false;
    default:
      return true;
  }
}
