/**
 * Python's regular expressions as a tree. What Python means by `\s`, `\w`, `\d`, `.`, `$`, `\Z` and ignoring case is written out for
 * JavaScript, so that a printed pattern matches the same texts (`re` of Python 3, patterns of type str). What has no counterpart
 * (conditional groups, flags inside of groups, possessive repeats) gives null.
 */
import type { PatternNode, PatternTree } from "./patternTree";
import { escapeChar, sampleOf } from "./patternTree";

const spaces = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const words = "\\p{L}\\p{N}_";
const classes: Record<string, { unicode: string; ascii: string }> = {
  s: { unicode: spaces, ascii: " \\t-\\r" },
  w: { unicode: words, ascii: "A-Za-z0-9_" },
  d: { unicode: "\\p{Nd}", ascii: "0-9" },
};
const controls: Record<string, string> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" };

class Unsupported extends Error {}

export function parsePythonPattern(pattern: string, flags: string): PatternTree | null {
  const inline = /^\(\?([aiLmsux]+)\)/.exec(pattern);
  const all = flags + (inline?.[1] ?? "");
  const parser = new PythonPatternParser(pattern, inline?.[0].length ?? 0, {
    verbose: all.includes("x"),
    ascii: all.includes("a"),
    multiline: all.includes("m"),
  });
  try {
    const root = parser.parse();
    return {
      root,
      source: pattern,
      ignoresCase: all.includes("i"),
      dotAll: all.includes("s"),
      multiline: all.includes("m"),
      jsFlags: all.includes("i") ? "iu" : "u",
      language: "python",
      jsDot: all.includes("s") ? "[^]" : "[^\\n]",
    };
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

class PythonPatternParser {
  private at: number;
  private groups = 0;

  constructor(
    private readonly text: string,
    start: number,
    private readonly flags: { verbose: boolean; ascii: boolean; multiline: boolean },
  ) {
    this.at = start;
  }

  parse(): PatternNode {
    const root = this.choice();
    if (this.at < this.text.length) throw new Unsupported();
    return root;
  }

  private choice(): PatternNode {
    const start = this.at;
    const options = [this.sequence()];
    while (this.text[this.at] === "|") {
      this.at++;
      options.push(this.sequence());
    }
    return options.length === 1 ? options[0]! : { kind: "choice", options, start, end: this.at };
  }

  private sequence(): PatternNode {
    const start = this.at;
    const items: PatternNode[] = [];
    for (;;) {
      this.skipVerbose();
      const char = this.text[this.at];
      if (char === undefined || char === "|" || char === ")") break;
      const item = this.atom();
      if (item !== null) items.push(this.repeated(item));
    }
    return { kind: "sequence", items, start, end: this.at };
  }

  private skipVerbose(): void {
    if (!this.flags.verbose) return;
    for (;;) {
      const char = this.text[this.at];
      if (char !== undefined && /\s/.test(char)) this.at++;
      else if (char === "#") {
        const end = this.text.indexOf("\n", this.at);
        this.at = end < 0 ? this.text.length : end + 1;
      } else return;
    }
  }

  private repeated(item: PatternNode): PatternNode {
    let node = item;
    for (;;) {
      this.skipVerbose();
      const limit = this.limit();
      if (limit === null) return node;
      // `a+*` is an error in Python; `a{1}{2}` too.
      if (node.kind === "repeat") throw new Unsupported();
      if (this.text[this.at] === "+") throw new Unsupported();
      const greedy = this.text[this.at] !== "?";
      if (!greedy) this.at++;
      node = { kind: "repeat", item: node, ...limit, greedy, start: item.start, end: this.at };
    }
  }

  private limit(): { min: number; max: number } | null {
    const char = this.text[this.at];
    const found = { "*": [0, Number.POSITIVE_INFINITY], "+": [1, Number.POSITIVE_INFINITY], "?": [0, 1] }[char ?? ""];
    if (found !== undefined) {
      this.at++;
      return { min: found[0]!, max: found[1]! };
    }
    // `{` that is no limit stands for itself.
    const counted = char === "{" ? /^\{(\d*)(,?)(\d*)\}/.exec(this.text.slice(this.at)) : null;
    if (counted === null || (counted[1] === "" && counted[3] === "")) return null;
    this.at += counted[0].length;
    const min = Number(counted[1] || "0");
    return { min, max: counted[2] === "" ? min : counted[3] === "" ? Number.POSITIVE_INFINITY : Number(counted[3]) };
  }

  private atom(): PatternNode | null {
    const start = this.at;
    const char = String.fromCodePoint(this.text.codePointAt(this.at)!);
    switch (char) {
      case "(":
        return this.group();
      case "[":
        return this.set();
      case "\\":
        return this.escape();
      case ".":
        this.at++;
        return { kind: "dot", start, end: this.at };
      case "^":
        this.at++;
        return {
          kind: "edge",
          edge: "start",
          js: this.flags.multiline ? "(?<![^\\n])" : "(?<![^])",
          start,
          end: this.at,
        };
      case "$":
        this.at++;
        return {
          kind: "edge",
          edge: "end",
          js: this.flags.multiline ? "(?![^\\n])" : "(?=\\n?(?![^]))",
          start,
          end: this.at,
        };
      case "*":
      case "+":
      case "?":
        throw new Unsupported();
      default:
        this.at += char.length;
        return { kind: "char", char, start, end: this.at };
    }
  }

  private group(): PatternNode | null {
    const start = this.at;
    const rest = this.text.slice(this.at);
    const comment = /^\(\?#[^)]*\)/.exec(rest);
    if (comment !== null) {
      this.at += comment[0].length;
      return null;
    }
    const back = /^\(\?P=(\w+)\)/.exec(rest);
    if (back !== null) {
      this.at += back[0].length;
      return { kind: "back", js: `\\k<${back[1]}>`, start, end: this.at };
    }
    const head = /^\((?:\?(?:P<(\w+)>|(:)|(<?[=!])))?/.exec(rest)!;
    if (head[0] === "(" && rest[1] === "?") throw new Unsupported();
    this.at += head[0].length;
    const [, name, plain, look] = head;
    if (plain === undefined && look === undefined) this.groups++;
    const item = this.choice();
    if (this.text[this.at] !== ")") throw new Unsupported();
    this.at++;
    const end = this.at;
    if (look !== undefined) {
      return { kind: "look", item, ahead: !look.startsWith("<"), negate: look.endsWith("!"), start, end };
    }
    return { kind: "group", item, name: name ?? null, capturing: plain === undefined, start, end };
  }

  private escape(): PatternNode {
    const start = this.at;
    const next = this.text[this.at + 1];
    if (next === undefined) throw new Unsupported();
    this.at += 2;
    const edge = (name: "start" | "end" | "word" | "not-word", js: string): PatternNode => ({
      kind: "edge",
      edge: name,
      js,
      start,
      end: this.at,
    });
    const word = this.flags.ascii ? classes.w!.ascii : classes.w!.unicode;
    switch (next) {
      case "A":
        return edge("start", "(?<![^])");
      case "Z":
        return edge("end", "(?![^])");
      case "b":
        return edge("word", `(?:(?<![${word}])(?=[${word}])|(?<=[${word}])(?![${word}]))`);
      case "B":
        return edge("not-word", `(?:(?<![${word}])(?![${word}])|(?<=[${word}])(?=[${word}]))`);
      default:
    }
    const js = this.classEscape(next);
    if (js !== null) return { kind: "set", js: `[${js}]`, sample: sampleOf(`[${js}]`), start, end: this.at };
    const digits = /^[1-9]\d?/.exec(this.text.slice(start + 1));
    if (digits !== null) {
      this.at = start + 1 + digits[0].length;
      if (Number(digits[0]) > this.groups) throw new Unsupported();
      return { kind: "back", js: `\\${digits[0]}(?:)`, start, end: this.at };
    }
    return { kind: "char", char: this.charEscape(next, start), start, end: this.at };
  }

  /** Inside of a set in JavaScript; null when it is one character. */
  private classEscape(letter: string): string | null {
    const known = classes[letter.toLowerCase()];
    if (known === undefined) return null;
    const inner = this.flags.ascii ? known.ascii : known.unicode;
    if (letter === letter.toLowerCase()) return inner;
    return `^${inner}`;
  }

  private charEscape(letter: string, start: number): string {
    const control = controls[letter];
    if (control !== undefined) return control;
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits !== undefined) {
      const code = this.text.slice(start + 2, start + 2 + digits);
      if (!/^[0-9a-fA-F]+$/.test(code) || code.length !== digits) throw new Unsupported();
      this.at = start + 2 + digits;
      return String.fromCodePoint(Number.parseInt(code, 16));
    }
    if (letter === "0") {
      const octal = /^0[0-7]{0,2}/.exec(this.text.slice(start + 1))![0];
      this.at = start + 1 + octal.length;
      return String.fromCharCode(Number.parseInt(octal, 8));
    }
    if (/[A-Za-z0-9]/.test(letter)) throw new Unsupported();
    return letter;
  }

  private set(): PatternNode {
    const start = this.at++;
    const negate = this.text[this.at] === "^";
    if (negate) this.at++;
    let inside = "";
    /** `\\S` and the like cannot stand inside of a JavaScript set that spells out what `\\s` is. */
    const outside: string[] = [];
    for (let first = true; ; first = false) {
      const char = this.text.codePointAt(this.at);
      if (char === undefined) throw new Unsupported();
      const text = String.fromCodePoint(char);
      if (text === "]" && !first) break;
      this.at += text.length;
      let piece: string | null = null;
      let low = text;
      if (text === "\\") {
        const letter = this.text[this.at];
        if (letter === undefined) throw new Unsupported();
        const begin = this.at - 1;
        this.at++;
        piece = this.classEscape(letter);
        if (piece?.startsWith("^")) {
          outside.push(`[${piece}]`);
          piece = "";
        }
        if (piece === null) low = letter === "b" ? "\b" : this.charEscape(letter, begin);
      }
      if (piece !== null) {
        inside += piece;
        continue;
      }
      if (this.text[this.at] === "-" && this.text[this.at + 1] !== "]" && this.at + 1 < this.text.length) {
        this.at++;
        let high = String.fromCodePoint(this.text.codePointAt(this.at)!);
        this.at += high.length;
        if (high === "\\") {
          const letter = this.text[this.at]!;
          const begin = this.at - 1;
          this.at++;
          if (this.classEscape(letter) !== null) throw new Unsupported();
          high = letter === "b" ? "\b" : this.charEscape(letter, begin);
        }
        inside += `${escapeInSet(low)}-${escapeInSet(high)}`;
      } else inside += escapeInSet(low);
    }
    this.at++;
    const all = inside === "" ? outside : [`[${inside}]`, ...outside];
    const either = all.length === 1 ? all[0]! : `(?:${all.join("|")})`;
    const js = outside.length === 0 ? `[${negate ? "^" : ""}${inside}]` : negate ? `(?:(?!${either})[^])` : either;
    try {
      new RegExp(js, "u");
    } catch {
      throw new Unsupported();
    }
    return { kind: "set", js, sample: sampleOf(js), start, end: this.at };
  }
}

function escapeInSet(char: string): string {
  if (/[\\\]^[-]/.test(char)) return `\\${char}`;
  return char === "\n" || char === "\r" ? escapeChar(char) : char;
}
