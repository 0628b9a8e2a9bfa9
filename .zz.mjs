import{createRequire as __cr}from'node:module';const require=__cr('/tmp/h/wt-live/package.json');

// server/src/rewards/static/explainMiss.ts
import vm from "node:vm";

// server/src/rewards/static/parsePattern.ts
import { RegExpParser } from "@eslint-community/regexpp";

// server/src/rewards/static/patternTree.ts
var sampleCandidates = [..."a0 _-<.\nA~\xE9"];
function sampleOf(js) {
  const one = compiled(js);
  if (one === null) return "a";
  for (const candidate of sampleCandidates) if (one.test(candidate)) return candidate;
  for (let code2 = 33; code2 < 12288; code2++) if (one.test(String.fromCharCode(code2))) return String.fromCharCode(code2);
  return "a";
}
function compiled(js) {
  for (const flags of ["us", "s"]) {
    try {
      return new RegExp(`^(?:${js})$`, flags);
    } catch {
    }
  }
  return null;
}
function printPattern(node, tree) {
  switch (node.kind) {
    case "sequence":
      return node.items.map((item) => item.kind === "choice" ? `(?:${printPattern(item, tree)})` : printPattern(item, tree)).join("");
    case "choice":
      return node.options.map((option) => printPattern(option, tree)).join("|");
    case "repeat": {
      const inner = printPattern(node.item, tree);
      const single = ["char", "dot", "set", "group"].includes(node.item.kind);
      const limit = node.max === Number.POSITIVE_INFINITY ? node.min === 0 ? "*" : node.min === 1 ? "+" : `{${node.min},}` : node.min === 0 && node.max === 1 ? "?" : `{${node.min},${node.max}}`;
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
function escapeChar(char) {
  if (char === "\n") return "\\n";
  if (char === "\r") return "\\r";
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}
function* patternNodes(node) {
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
function sampleText(node) {
  switch (node.kind) {
    case "sequence":
      return node.items.map(sampleText).join("");
    case "choice":
      return sampleText(node.options[0]);
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
function isNullable(node) {
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

// server/src/rewards/static/pythonPattern.ts
var spaces = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
var words = "\\p{L}\\p{N}_";
var classes = {
  s: { unicode: spaces, ascii: " \\t-\\r" },
  w: { unicode: words, ascii: "A-Za-z0-9_" },
  d: { unicode: "\\p{Nd}", ascii: "0-9" }
};
var controls = { n: "\n", t: "	", r: "\r", f: "\f", v: "\v", a: "\x07" };
var Unsupported = class extends Error {
};
function parsePythonPattern(pattern, flags) {
  const inline = /^\(\?([aiLmsux]+)\)/.exec(pattern);
  const all = flags + (inline?.[1] ?? "");
  const parser = new PythonPatternParser(pattern, inline?.[0].length ?? 0, {
    verbose: all.includes("x"),
    ascii: all.includes("a"),
    multiline: all.includes("m")
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
      jsDot: all.includes("s") ? "[^]" : "[^\\n]"
    };
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}
var PythonPatternParser = class {
  constructor(text, start, flags) {
    this.text = text;
    this.flags = flags;
    this.at = start;
  }
  text;
  flags;
  at;
  groups = 0;
  parse() {
    const root = this.choice();
    if (this.at < this.text.length) throw new Unsupported();
    return root;
  }
  choice() {
    const start = this.at;
    const options = [this.sequence()];
    while (this.text[this.at] === "|") {
      this.at++;
      options.push(this.sequence());
    }
    return options.length === 1 ? options[0] : { kind: "choice", options, start, end: this.at };
  }
  sequence() {
    const start = this.at;
    const items = [];
    for (; ; ) {
      this.skipVerbose();
      const char = this.text[this.at];
      if (char === void 0 || char === "|" || char === ")") break;
      const item = this.atom();
      if (item !== null) items.push(this.repeated(item));
    }
    return { kind: "sequence", items, start, end: this.at };
  }
  skipVerbose() {
    if (!this.flags.verbose) return;
    for (; ; ) {
      const char = this.text[this.at];
      if (char !== void 0 && /\s/.test(char)) this.at++;
      else if (char === "#") {
        const end = this.text.indexOf("\n", this.at);
        this.at = end < 0 ? this.text.length : end + 1;
      } else return;
    }
  }
  repeated(item) {
    let node = item;
    for (; ; ) {
      this.skipVerbose();
      const limit = this.limit();
      if (limit === null) return node;
      if (node.kind === "repeat") throw new Unsupported();
      if (this.text[this.at] === "+") throw new Unsupported();
      const greedy = this.text[this.at] !== "?";
      if (!greedy) this.at++;
      node = { kind: "repeat", item: node, ...limit, greedy, start: item.start, end: this.at };
    }
  }
  limit() {
    const char = this.text[this.at];
    const found = { "*": [0, Number.POSITIVE_INFINITY], "+": [1, Number.POSITIVE_INFINITY], "?": [0, 1] }[char ?? ""];
    if (found !== void 0) {
      this.at++;
      return { min: found[0], max: found[1] };
    }
    const counted = char === "{" ? /^\{(\d*)(,?)(\d*)\}/.exec(this.text.slice(this.at)) : null;
    if (counted === null || counted[1] === "" && counted[3] === "") return null;
    this.at += counted[0].length;
    const min = Number(counted[1] || "0");
    return { min, max: counted[2] === "" ? min : counted[3] === "" ? Number.POSITIVE_INFINITY : Number(counted[3]) };
  }
  atom() {
    const start = this.at;
    const char = String.fromCodePoint(this.text.codePointAt(this.at));
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
        return { kind: "edge", edge: "start", js: this.flags.multiline ? "(?<![^\\n])" : "(?<![^])", start, end: this.at };
      case "$":
        this.at++;
        return { kind: "edge", edge: "end", js: this.flags.multiline ? "(?![^\\n])" : "(?=\\n?(?![^]))", start, end: this.at };
      case "*":
      case "+":
      case "?":
        throw new Unsupported();
      default:
        this.at += char.length;
        return { kind: "char", char, start, end: this.at };
    }
  }
  group() {
    const start = this.at;
    const rest2 = this.text.slice(this.at);
    const comment = /^\(\?#[^)]*\)/.exec(rest2);
    if (comment !== null) {
      this.at += comment[0].length;
      return null;
    }
    const back = /^\(\?P=(\w+)\)/.exec(rest2);
    if (back !== null) {
      this.at += back[0].length;
      return { kind: "back", js: `\\k<${back[1]}>`, start, end: this.at };
    }
    const head = /^\((?:\?(?:P<(\w+)>|(:)|(<?[=!])))?/.exec(rest2);
    if (head[0] === "(" && rest2[1] === "?") throw new Unsupported();
    this.at += head[0].length;
    const [, name, plain, look] = head;
    if (plain === void 0 && look === void 0) this.groups++;
    const item = this.choice();
    if (this.text[this.at] !== ")") throw new Unsupported();
    this.at++;
    const end = this.at;
    if (look !== void 0) {
      return { kind: "look", item, ahead: !look.startsWith("<"), negate: look.endsWith("!"), start, end };
    }
    return { kind: "group", item, name: name ?? null, capturing: plain === void 0, start, end };
  }
  escape() {
    const start = this.at;
    const next = this.text[this.at + 1];
    if (next === void 0) throw new Unsupported();
    this.at += 2;
    const edge = (name, js2) => ({
      kind: "edge",
      edge: name,
      js: js2,
      start,
      end: this.at
    });
    const word = this.flags.ascii ? classes.w.ascii : classes.w.unicode;
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
  classEscape(letter) {
    const known = classes[letter.toLowerCase()];
    if (known === void 0) return null;
    const inner = this.flags.ascii ? known.ascii : known.unicode;
    if (letter === letter.toLowerCase()) return inner;
    return `^${inner}`;
  }
  charEscape(letter, start) {
    const control = controls[letter];
    if (control !== void 0) return control;
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits !== void 0) {
      const code2 = this.text.slice(start + 2, start + 2 + digits);
      if (!/^[0-9a-fA-F]+$/.test(code2) || code2.length !== digits) throw new Unsupported();
      this.at = start + 2 + digits;
      return String.fromCodePoint(Number.parseInt(code2, 16));
    }
    if (letter === "0") {
      const octal = /^0[0-7]{0,2}/.exec(this.text.slice(start + 1))[0];
      this.at = start + 1 + octal.length;
      return String.fromCharCode(Number.parseInt(octal, 8));
    }
    if (/[A-Za-z0-9]/.test(letter)) throw new Unsupported();
    return letter;
  }
  set() {
    const start = this.at++;
    const negate = this.text[this.at] === "^";
    if (negate) this.at++;
    let inside = "";
    const outside = [];
    for (let first = true; ; first = false) {
      const char = this.text.codePointAt(this.at);
      if (char === void 0) throw new Unsupported();
      const text = String.fromCodePoint(char);
      if (text === "]" && !first) break;
      this.at += text.length;
      let piece = null;
      let low = text;
      if (text === "\\") {
        const letter = this.text[this.at];
        if (letter === void 0) throw new Unsupported();
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
        let high = String.fromCodePoint(this.text.codePointAt(this.at));
        this.at += high.length;
        if (high === "\\") {
          const letter = this.text[this.at];
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
    const either = all.length === 1 ? all[0] : `(?:${all.join("|")})`;
    const js = outside.length === 0 ? `[${negate ? "^" : ""}${inside}]` : negate ? `(?:(?!${either})[^])` : either;
    try {
      new RegExp(js, "u");
    } catch {
      throw new Unsupported();
    }
    return { kind: "set", js, sample: sampleOf(js), start, end: this.at };
  }
};
function escapeInSet(char) {
  if (/[\\\]^[-]/.test(char)) return `\\${char}`;
  return char === "\n" || char === "\r" ? escapeChar(char) : char;
}

// server/src/rewards/static/parsePattern.ts
function parsePattern(pattern, flags, language) {
  return language === "python" ? parsePythonPattern(pattern, flags) : parseJavaScriptPattern(pattern, flags);
}
function parseJavaScriptPattern(pattern, flags) {
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
      jsDot: "."
    };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
function fromAlternatives(list, start, end, text) {
  const options = list.map(
    (one) => ({
      kind: "sequence",
      items: one.elements.map((element) => fromElement(element, text)),
      start: one.start,
      end: one.end
    })
  );
  return options.length === 1 ? options[0] : { kind: "choice", options, start, end };
}
function fromElement(node, text) {
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
        end
      };
    case "CapturingGroup":
      return {
        kind: "group",
        item: fromAlternatives(node.alternatives, start, end, text),
        name: node.name,
        capturing: true,
        start,
        end
      };
    case "Group":
      return {
        kind: "group",
        item: fromAlternatives(node.alternatives, start, end, text),
        name: null,
        capturing: false,
        start,
        end
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
            end
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

// server/src/rewards/static/explainMiss.ts
var patternTimeMs = 250;
function explainMiss({ pattern, flags, anchor }, language, text) {
  const tree = parsePattern(pattern, flags, language);
  if (tree === null) return null;
  const units = withAnchors(linearize(tree.root), anchor);
  const beginnings = units.map((_, i) => printUnits(units.slice(0, i + 1), tree, i === units.length - 1));
  let ends;
  try {
    ends = longestBeginnings(beginnings, tree.jsFlags, text);
  } catch (error) {
    if (!isTimeout(error)) throw error;
    return {
      ...{ matchedUpTo: "", expected: pattern, saw: "", at: 0, caret: "" },
      sentence: `It took more than ${patternTimeMs} ms on this text and was stopped.`
    };
  }
  const matched = ends.length;
  if (matched === units.length) return null;
  return describe(units, matched, ends.at(-1) ?? 0, tree, text);
}
function linearize(node) {
  switch (node.kind) {
    case "sequence":
      return node.items.flatMap(linearize);
    case "group":
      return node.item.kind === "choice" ? [node] : linearize(node.item);
    case "repeat":
      if (node.min >= 1 && node.item.kind === "group" && node.item.item.kind === "sequence") {
        const more = { ...node, min: node.min - 1 };
        return [...linearize(node.item), more];
      }
      return [node];
    default:
      return [node];
  }
}
function withAnchors(units, anchor) {
  const place = { start: 0, end: 0 };
  const first = anchor === "search" ? [] : [{ kind: "edge", edge: "start", js: "(?<![^])", ...place }];
  const last = anchor === "full" ? [{ kind: "edge", edge: "end", js: "(?![^])", ...place }] : [];
  return [...first, ...units, ...last];
}
function printUnits(units, tree, whole) {
  const text = units.map((unit, i) => {
    const isLast = i === units.length - 1;
    const node = isLast && !whole && unit.kind === "repeat" ? { ...unit, greedy: true } : unit;
    const printed = printPattern(node, tree);
    return node.kind === "choice" ? `(?:${printed})` : printed;
  }).join("");
  return text.replaceAll(/\\k<\w+>|\\[1-9]\d?\(\?:\)/g, "(?:)");
}
function longestBeginnings(patterns, flags, text) {
  const script = `(() => {
    const ends = [];
    for (const pattern of patterns) {
      const found = new RegExp(pattern, flags).exec(text);
      if (found === null) break;
      ends.push(found.index + found[0].length);
    }
    return ends.join(",");
  })()`;
  const ends = vm.runInNewContext(script, { patterns: [...patterns], flags, text }, { timeout: patternTimeMs });
  return ends === "" ? [] : ends.split(",").map(Number);
}
function matchAll(tree, anchor, texts) {
  const units = withAnchors([tree.root], anchor);
  const pattern = units.map((unit) => `(?:${printPattern(unit, tree)})`).join("");
  try {
    const script = "(() => { const re = new RegExp(pattern, flags); return texts.map((text) => (re.test(text) ? 1 : 0)).join(''); })()";
    const bits = vm.runInNewContext(
      script,
      { pattern, flags: tree.jsFlags, texts: [...texts] },
      { timeout: patternTimeMs }
    );
    return [...bits].map((bit) => bit === "1");
  } catch (error) {
    if (isTimeout(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}
function isTimeout(error) {
  return error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
function describe(units, matched, end, tree, text) {
  const token = tokenAround(units, matched);
  const begun = matched - token.first;
  const at = Math.max(0, end - literalLength(units.slice(token.first, matched)));
  const next = units[matched];
  const isEnd = next.kind === "edge" && next.edge === "end";
  const expected = isEnd ? "the end of the text" : next.kind === "char" ? units.slice(token.first, token.last).map(literalOf).join("") : patternText(next, tree);
  const before = lastLiteral(units.slice(0, matched - begun));
  const consumed = text.slice(Math.max(0, at - 24), at);
  const previous = units[matched - begun - 1];
  const matchedUpTo = matched - begun === 0 ? "" : previous?.kind === "char" || consumed === "" ? before : consumed;
  const saw = text.slice(at, at + Math.max(24, expected.length + 8));
  const anywhere = matchedUpTo === "" && !(units[0].kind === "edge" && matched > 0);
  const sentence = anywhere ? `Nothing of it was found: ${code(expected)} does not occur.` : `Matched up to ${code(matchedUpTo === "" ? "the start" : matchedUpTo)}, expected ${isEnd ? expected : code(expected)}, saw ${saw === "" ? "the end of the text" : code(saw)}.${reason(units, matched, begun, tree, text, at)}`;
  return { matchedUpTo, expected, saw, at, caret: caretView(text, at), sentence };
}
function reason(units, matched, begun, tree, text, at) {
  const previous = units[matched - begun - 1];
  const inner = previous?.kind === "repeat" ? previous.item : previous;
  if (inner?.kind === "dot" && !tree.dotAll && /[\n\r]/.test(text[at] ?? "")) return " `.` does not match a line break.";
  const next = units[matched];
  if (next?.kind === "char" && /^\s/.test(text.slice(at)) && text.slice(at).trimStart().startsWith(next.char)) {
    return " There is white space in between.";
  }
  return "";
}
function literalOf(unit) {
  return unit.kind === "char" ? unit.char : "";
}
function literalLength(units) {
  return units.map(literalOf).join("").length;
}
function tokenAround(units, index) {
  if (units[index]?.kind !== "char") return { first: index, last: index + 1 };
  let first = index;
  while (first > 0 && units[first - 1].kind === "char" && literalOf(units[first - 1]) !== ">" && literalOf(units[first]) !== "<") {
    first--;
  }
  let last = index + 1;
  while (last < units.length && units[last].kind === "char" && literalOf(units[last - 1]) !== ">" && literalOf(units[last]) !== "<") {
    last++;
  }
  return { first, last };
}
function lastLiteral(units) {
  let last = units.length;
  while (last > 0 && units[last - 1].kind !== "char") last--;
  if (last === 0) return "";
  const { first } = tokenAround(units, last - 1);
  return units.slice(first, last).map(literalOf).join("");
}
function patternText(unit, tree) {
  return unit.end > unit.start ? tree.source.slice(unit.start, unit.end) : printPattern(unit, tree);
}
function caretView(text, at) {
  const from = Math.max(text.lastIndexOf("\n", at - 1) + 1, at - 60);
  const lineEnd = text.indexOf("\n", at);
  const to = Math.min(lineEnd < 0 ? text.length : lineEnd, at + 40);
  const line = text.slice(from, to).replaceAll("	", " ");
  return `${line}
${" ".repeat(at - from)}^`;
}
function code(text) {
  const shown = text.replaceAll(/[\n\r\t]/g, (char) => ({ "\n": "\\n", "\r": "\\r", "	": "\\t" })[char]);
  return `\`${shown.replaceAll("`", "'")}\``;
}

// server/src/rewards/static/patternTrials.ts
function patternRewrites(tree, flags) {
  const rewrites = [];
  const add = (id, title, insertions, flag = "") => {
    if (insertions.length === 0 && flag === "") return;
    const pattern = applyInsertions(tree.source, insertions);
    rewrites.push({ id, title, pattern, flags: flag === "" || flags.includes(flag) ? flags : flags + flag, insertions });
  };
  const nodes = [...patternNodes(tree.root)];
  if (!tree.dotAll && nodes.some(({ kind: kind2 }) => kind2 === "dot")) {
    add("dot-all", tree.language === "python" ? "let . match line breaks (re.DOTALL)" : "let . match line breaks (flag s)", [], "s");
  }
  add(
    "white-space",
    "allow white space between tags",
    tagGaps(tree.root).map((at) => ({ at, remove: 0, text: "\\s*" }))
  );
  const hasLetters = nodes.some((node) => node.kind === "char" && node.char.toLowerCase() !== node.char.toUpperCase());
  if (!tree.ignoresCase && hasLetters) add("ignore-case", "ignore case", [], "i");
  add(
    "lazy",
    "stop at the first closing tag (lazy repeats)",
    greedyWildcards(tree.root).map(({ end }) => ({ at: end, remove: 0, text: "?" }))
  );
  add(
    "no-anchor",
    "match anywhere in the text",
    nodes.filter((node) => node.kind === "edge" && (node.edge === "start" || node.edge === "end")).map(({ start, end }) => ({ at: start, remove: end - start, text: "" }))
  );
  const kind = new Set(rewrites.map(({ id }) => id));
  const together = rewrites.filter(({ id }) => id === "dot-all" || id === "white-space" || id === "no-anchor");
  if (kind.size > 1 && together.length > 1) {
    const insertions = together.flatMap((one) => one.insertions);
    const flag = kind.has("dot-all") ? "s" : "";
    add("all", together.map(({ title }) => title).join(", and "), insertions, flag);
  }
  return rewrites;
}
function patternTrials({ pattern, flags, anchor }, language, texts) {
  const tree = parsePattern(pattern, flags, language);
  if (tree === null) return [];
  return patternRewrites(tree, flags).map((rewrite) => {
    const changed = parsePattern(rewrite.pattern, rewrite.flags, language);
    const anywhere = rewrite.id === "no-anchor" || rewrite.id === "all" && rewrite.title.includes("anywhere");
    const matches = changed === null ? null : matchAll(changed, anywhere ? "search" : anchor, texts);
    return { ...rewrite, matched: matches === null ? null : matches.filter(Boolean).length };
  });
}
function applyInsertions(source, insertions) {
  let text = source;
  for (const { at, remove, text: by } of [...insertions].sort((a, b) => b.at - a.at)) {
    text = text.slice(0, at) + by + text.slice(at + remove);
  }
  return text;
}
function tagGaps(root) {
  const gaps = [];
  for (const node of patternNodes(root)) {
    if (node.kind !== "sequence") continue;
    node.items.forEach((item, i) => {
      const next = node.items[i + 1];
      if (next !== void 0 && endsTag(item) && beginsTag(next)) gaps.push(next.start);
    });
  }
  return gaps;
}
function endsTag(node) {
  if (node.kind === "char") return node.char === ">";
  if (node.kind === "group") return endsTag(node.item);
  return node.kind === "sequence" && node.items.length > 0 && endsTag(node.items.at(-1));
}
function beginsTag(node) {
  if (node.kind === "char") return node.char === "<";
  if (node.kind === "group") return beginsTag(node.item);
  return node.kind === "sequence" && node.items.length > 0 && beginsTag(node.items[0]);
}
function greedyWildcards(root) {
  const found = [];
  for (const node of patternNodes(root)) {
    if (node.kind !== "sequence") continue;
    node.items.forEach((item, i) => {
      const inner = item.kind === "group" ? singleItem(item) : item;
      const next = node.items[i + 1];
      if (inner?.kind !== "repeat" || !inner.greedy || inner.max !== Number.POSITIVE_INFINITY) return;
      if (inner.item.kind === "dot" && next !== void 0 && beginsTag(next)) found.push(inner);
    });
  }
  return found;
}
function singleItem(node) {
  if (node.kind === "group") return singleItem(node.item);
  if (node.kind === "sequence") return node.items.length === 1 ? singleItem(node.items[0]) : null;
  return node;
}

// server/src/rewards/static/pumping.ts
import { Worker } from "node:worker_threads";
var hangLimitMs = 250;
function suspectHangs(tree) {
  const found = [];
  for (const node of patternNodes(tree.root)) {
    if (node.kind !== "repeat" || node.max < 20) continue;
    const parts = flatItems(node.item);
    if (parts.some((part) => part.kind === "repeat" && part.max >= 20 && rest(parts, part).every(isNullable))) {
      found.push({ start: node.start, end: node.end, why: "nested" });
      continue;
    }
    const last = parts.filter((part) => part.kind === "repeat" && part.max >= 20);
    const inner = [...patternNodes(node.item)].some((one) => one.kind === "repeat" && one.max >= 20);
    const choice = choiceOf(node.item);
    if (last.length > 0 && inner) found.push({ start: node.start, end: node.end, why: "nested" });
    else if (choice !== null && choice.options.length > 1) {
      found.push({ start: node.start, end: node.end, why: "overlap" });
    } else if (inner) found.push({ start: node.start, end: node.end, why: "nested" });
  }
  return found;
}
async function proveHang(tree) {
  const suspicions = suspectHangs(tree);
  if (suspicions.length === 0) return null;
  const source = printPattern(tree.root, tree);
  const killer = new KillableMatcher(source, tree.jsFlags);
  try {
    for (const suspicion of suspicions) {
      for (const pump of pumpsFor(tree, suspicion)) {
        for (const times of [16, 24, 32, 48]) {
          const input = pump.before + pump.round.repeat(times) + pump.after;
          const ended = await killer.endsInTime(input, hangLimitMs);
          if (ended) continue;
          if (await killer.endsInTime(input, hangLimitMs * 4)) continue;
          return { ...suspicion, input, length: input.length, limitMs: hangLimitMs };
        }
      }
    }
    return null;
  } finally {
    await killer.close();
  }
}
function pumpsFor(tree, { start, end }) {
  const before = textBefore(tree.root, start);
  const repeat = [...patternNodes(tree.root)].find(
    (node) => node.kind === "repeat" && node.start === start && node.end === end
  );
  if (repeat?.kind !== "repeat") return [];
  const rounds = /* @__PURE__ */ new Set();
  for (const node of patternNodes(repeat.item)) {
    const text = node.kind === "repeat" ? sampleText(node.item) : sampleText(node);
    if (text !== "") rounds.add(text);
  }
  const whole = sampleText(repeat.item);
  if (whole !== "") rounds.add(whole);
  const ends = ["\0", "!", "\n", `${before.slice(0, 8)}`];
  return [...rounds].slice(0, 8).flatMap((round) => ends.map((after) => ({ before, round, after })));
}
function textBefore(node, place) {
  if (node.end <= place && node.end > node.start) return sampleText(node);
  switch (node.kind) {
    case "sequence": {
      let text = "";
      for (const item of node.items) {
        if (item.start >= place) break;
        text += textBefore(item, place);
      }
      return text;
    }
    case "choice": {
      const option = node.options.find((one) => one.start <= place && place < one.end);
      return option === void 0 ? "" : textBefore(option, place);
    }
    case "repeat":
    case "group":
      return node.start < place ? textBefore(node.item, place) : "";
    default:
      return "";
  }
}
function flatItems(node) {
  if (node.kind === "group") return flatItems(node.item);
  if (node.kind === "sequence") {
    return node.items.flatMap((item) => item.kind === "group" ? flatItems(item) : [item]);
  }
  return [node];
}
function rest(parts, one) {
  return parts.filter((part) => part !== one);
}
function choiceOf(node) {
  if (node.kind === "choice") return node;
  if (node.kind === "group") return choiceOf(node.item);
  return node.kind === "sequence" && node.items.length === 1 ? choiceOf(node.items[0]) : null;
}
var KillableMatcher = class {
  constructor(source, flags) {
    this.source = source;
    this.flags = flags;
  }
  source;
  flags;
  worker = null;
  async endsInTime(text, limitMs) {
    const worker = await this.started();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        worker.removeAllListeners();
        this.worker = null;
        void worker.terminate().then(() => resolve(false));
      }, limitMs);
      worker.once("message", () => {
        clearTimeout(timer);
        worker.removeAllListeners("error");
        resolve(true);
      });
      worker.once("error", (error) => {
        clearTimeout(timer);
        this.worker = null;
        reject(error);
      });
      worker.postMessage(text);
    });
  }
  async close() {
    await this.worker?.terminate();
    this.worker = null;
  }
  async started() {
    if (this.worker !== null) return this.worker;
    const code2 = `const { parentPort, workerData } = require("node:worker_threads");
      const pattern = new RegExp(workerData.source, workerData.flags);
      parentPort.on("message", (text) => parentPort.postMessage(text === "" ? false : pattern.test(text)));`;
    const worker = new Worker(code2, { eval: true, workerData: { source: this.source, flags: this.flags } });
    worker.unref();
    this.worker = worker;
    await new Promise((resolve, reject) => {
      worker.once("message", () => {
        worker.removeAllListeners("error");
        resolve();
      });
      worker.once("error", reject);
      worker.postMessage("");
    });
    return worker;
  }
};

// test/unit/rewards/live/zz.ts
var show = (p, f, l, t, a = "search") => console.log(JSON.stringify(explainMiss({ pattern: p, flags: f, anchor: a }, l, t), null, 0));
var full = "<think>.*?</think><location>.*?</location><type>.*?</type><answer>.*?</answer>";
show(full, "s", "python", "<think>a</think>\n<location>x</location><type>t</type><answer>Yes</answer>");
show(full, "s", "python", "<think>a</think><loc>x</location>");
show("<answer>(.*?)</answer>", "", "python", "<answer>Yes\n</answer>");
show("<answer>(.*?)</answer>", "", "typescript", "no tags");
show("^<think>.*?</think><answer>.*?</answer>$", "", "python", "<think>a</think><answer>b</answer><|im_end|>", "start");
show("^<think>", "", "typescript", "Okay <think>");
show("(?P<a>yes|no)\\s+\\d+", "", "python", "yes  x");
show("(a+)+$", "", "typescript", "a".repeat(40) + "!");
console.log(patternTrials({ pattern: full, flags: "", anchor: "search" }, "python", ["<think>a\nb</think>\n<location>x</location><type>t</type><answer>Yes</answer>", "<think>a</think><location>x</location> <type>t</type><answer>Yes</answer>"]).map((t) => [t.id, t.pattern, t.flags, t.matched]));
for (const [p, f] of [["^(\\w+\\s?)+[.!]$", ""], ["^<think>\\s*[^\\n]+\\s*$", ""], ["(a|a)*b", ""], ["(a|b)*c", ""], ["<answer>\\s*(.*?)\\s*</answer>", "s"], ["(?:[^<]+<br>)*x", ""], ["(\\d+,)*\\d+$", ""], ["^(([a-z])+.)+[A-Z]([a-z])+$", ""], [full, "s"], ["(x+x+)+y", ""], ["(?:\\s*\\S+)*\\s*$", ""]]) {
  const t = parsePattern(p, f, "typescript");
  const t0 = performance.now();
  const r = await proveHang(t);
  console.log(p, suspectHangs(t).length, r && [r.why, r.length, p.slice(r.start, r.end)], (performance.now() - t0).toFixed(0));
}
