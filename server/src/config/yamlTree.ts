/**
 * A YAML text as a tree of places, built entry by entry: every `key: value` and every `- item` is parsed alone and remembered, so
 * that typing in a long file parses again what was changed and nothing else, and a half-typed line costs that line alone. Texts
 * with anchors, aliases, tags or several documents are parsed whole. What the keys mean is the matter of each schema.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import { placeTooDeep, plainValue, tooDeepMessage } from "./yamlFile";

/** Offsets count from the start of the piece of text that was parsed; `YamlTree.find` gives places in the whole text. */
export interface YamlNode {
  kind: "map" | "list" | "scalar";
  start: number;
  end: number;
  /** Written with brackets. */
  flow: boolean;
  /** Written with quotes. */
  quoted: boolean;
  children: YamlChild[];
}

export interface YamlChild {
  /** Null in lists. */
  key: string | null;
  keyStart: number;
  keyEnd: number;
  /** Null: nothing is written after the key. */
  node: YamlNode | null;
  /** What the offsets of `node` start from, beside what those of the parent do. */
  shift: number;
  /** A word without colon on a line of its own, most likely a key that is being typed. */
  unfinished: boolean;
}

export interface YamlFaultSpan {
  message: string;
  start: number;
  end: number;
}

/** Where a key and its value stand in the whole text. */
export interface YamlPlace {
  key: { start: number; end: number } | null;
  value: { start: number; end: number } | null;
  node: YamlNode | null;
}

interface Piece {
  root: YamlNode | null;
  value: unknown;
  faults: YamlFaultSpan[];
}

export type YamlPath = readonly (string | number)[];

/** An immutable snapshot of a text. */
export class YamlTree {
  private constructor(
    readonly text: string,
    readonly root: YamlNode | null,
    /** Plain data; what stands in faulty pieces may be missing. */
    readonly value: unknown,
    readonly faults: readonly YamlFaultSpan[],
    private readonly pieces: ReadonlyMap<string, Piece>,
  ) {}

  /** Reads a text; pieces that `previous` has already are taken from there. Never throws. */
  static read(text: string, previous?: YamlTree): YamlTree {
    const deep = placeTooDeep(text);
    if (deep !== null) {
      const fault = { message: tooDeepMessage, start: deep, end: deep + 1 };
      return new YamlTree(text, null, null, [fault], new Map());
    }
    if (mustBeWhole.test(text)) {
      const { root, value, faults } = parsePiece(text);
      return new YamlTree(text, root, value, faults, new Map());
    }
    const builder = new Builder(text, previous?.pieces);
    const { node, value } = builder.build();
    return new YamlTree(text, node, value, builder.faults, builder.pieces);
  }

  find(path: YamlPath): YamlPlace {
    let node = this.root;
    let shift = 0;
    let key: YamlPlace["key"] = null;
    for (const part of path) {
      if (node === null) return { key: null, value: null, node: null };
      const child = node.kind === "list" ? node.children[Number(part)] : lastWithKey(node, String(part));
      if (child === undefined || node.kind === "scalar") return { key: null, value: null, node: null };
      key = child.key === null ? null : { start: shift + child.keyStart, end: shift + child.keyEnd };
      shift += child.shift;
      node = child.node;
    }
    return { key, value: node === null ? null : { start: shift + node.start, end: shift + node.end }, node };
  }

  /** The innermost key or value that holds an offset, as a path; `onKey` when it is the key itself. */
  pathAt(offset: number): { path: (string | number)[]; onKey: boolean } {
    const path: (string | number)[] = [];
    let node = this.root;
    let shift = 0;
    while (node !== null && node.kind !== "scalar") {
      const index = childAt(node, offset - shift);
      const child = node.children[index];
      if (child === undefined) break;
      const key: string | number = child.key ?? index;
      if (child.key !== null && offset >= shift + child.keyStart && offset <= shift + child.keyEnd) {
        return { path: [...path, key], onKey: true };
      }
      const inner = shift + child.shift;
      if (child.node === null || offset < inner + child.node.start || offset > inner + child.node.end) break;
      path.push(key);
      shift = inner;
      node = child.node;
    }
    return { path, onKey: false };
  }
}

const repeatedKey = "The key appears twice; the keys of a section must be unique.";

/** What cannot be cut: anchors, aliases, tags, directives, further documents. */
const mustBeWhole = /^%|^\.\.\.|\n---|(?:^|[\s:,[{-])[&*!][^\s,\]}]/m;
const keyAlone = /^[A-Za-z_][\w.-]*\s*:\s*(?:#.*)?$/;

interface Line {
  start: number;
  /** Without the line break. */
  end: number;
  indent: number;
  /** Blank lines and comments belong to the entry before them. */
  empty: boolean;
  /** Offsets of the dashes of list items before it, which are not part of the item. */
  dashes: readonly number[];
}

interface Built {
  node: YamlNode | null;
  value: unknown;
  /** What the offsets of `node` start from. */
  shift: number;
}

class Builder {
  readonly faults: YamlFaultSpan[] = [];
  readonly pieces = new Map<string, Piece>();

  constructor(
    private readonly text: string,
    private readonly known: ReadonlyMap<string, Piece> | undefined,
  ) {}

  build(): Built {
    return this.block(linesOf(this.text));
  }

  /** Lines that hold one value: a map, a list, or anything else as one piece. */
  private block(lines: readonly Line[]): Built {
    const first = lines.find(({ empty }) => !empty);
    if (first === undefined) return this.whole(lines);
    const { indent } = first;
    const isItem = (line: Line) => this.startsItem(line);
    const isList = isItem(first);
    const starts: number[] = [];
    for (const [index, line] of lines.entries()) {
      if (line.empty || line.indent > indent) continue;
      if (line.indent < indent || (isList && !isItem(line))) return this.whole(lines);
      if (isList || !(isItem(line) || "[]{},".includes(this.text[contentOf(line)]!))) starts.push(index);
    }
    if (isList) return this.list(lines, starts);
    const keyed = starts.some((index) => looksLikeKey(this.text.slice(contentOf(lines[index]!), lines[index]!.end)));
    if (!keyed) return this.whole(lines);
    return this.map(lines, starts);
  }

  private list(lines: readonly Line[], starts: readonly number[]): Built {
    const node: YamlNode = { kind: "list", start: 0, end: 0, flow: false, quoted: false, children: [] };
    const value: unknown[] = [];
    for (const [k, from] of starts.entries()) {
      const [head, ...rest] = lines.slice(from, starts[k + 1] ?? lines.length) as [Line, ...Line[]];
      const dash = contentOf(head);
      let indent = dash + 1;
      while (this.text[indent] === " ") indent++;
      const inner: Line = {
        ...head,
        indent: indent - head.start,
        empty: indent >= head.end || this.text[indent] === "#",
        dashes: [...head.dashes, dash],
      };
      const item = rest.some(({ empty }) => !empty) ? this.block([inner, ...rest]) : this.whole([inner]);
      const { node: root, shift } = item;
      node.children.push({ key: null, keyStart: dash, keyEnd: dash + 1, node: root, shift, unfinished: false });
      value.push(item.value);
      if (k === 0) node.start = dash;
      node.end = root === null ? dash + 1 : shift + root.end;
    }
    return { node, value, shift: 0 };
  }

  private map(lines: readonly Line[], starts: readonly number[]): Built {
    const node: YamlNode = {
      kind: "map",
      start: contentOf(lines[starts[0]!]!),
      end: 0,
      flow: false,
      quoted: false,
      children: [],
    };
    const value: Record<string, unknown> = {};
    const met = new Set<string | null>();
    const add = (child: YamlChild, content: unknown) => {
      if (met.size === met.add(child.key).size) {
        this.faults.push({ message: repeatedKey, start: child.keyStart, end: child.keyEnd });
      }
      node.children.push(child);
      define(value, child.key!, content);
      node.end = child.node === null ? child.keyEnd : child.shift + child.node.end;
    };
    for (const [k, from] of starts.entries()) {
      const entry = lines.slice(from, starts[k + 1] ?? lines.length);
      const head = entry[0]!;
      const deeper = entry.slice(1);
      if (deeper.some(({ empty }) => !empty) && keyAlone.test(this.text.slice(contentOf(head), head.end))) {
        const keyStart = contentOf(head);
        const key = /^[^\s:]+/.exec(this.text.slice(keyStart, head.end))![0];
        const inner = this.block(deeper);
        const { node: root, shift } = inner;
        add({ key, keyStart, keyEnd: keyStart + key.length, node: root, shift, unfinished: false }, inner.value);
        continue;
      }
      this.entry(entry, add);
    }
    return { node, value, shift: 0 };
  }

  /** One entry of a map that is parsed at once. */
  private entry(lines: readonly Line[], add: (child: YamlChild, value: unknown) => void): void {
    const { node: root, value, shift } = this.whole(lines);
    if (root === null) return;
    if (root.kind === "map") {
      for (const child of root.children) {
        const { key, keyStart, keyEnd } = child;
        const moved = { ...child, keyStart: shift + keyStart, keyEnd: shift + keyEnd, shift: shift + child.shift };
        add(moved, (value as Record<string, unknown>)[key!]);
      }
      return;
    }
    const [start, end] = [shift + root.start, shift + root.end];
    const word = this.text.slice(start, end);
    this.faults.push({ message: `${JSON.stringify(clip(word))} has no colon; expected key: value`, start, end });
    if (root.kind !== "scalar" || !/^[\w.-]+$/.test(word)) return;
    add({ key: word, keyStart: start, keyEnd: end, node: null, shift: 0, unfinished: true }, null);
  }

  /** Parses lines at once, or takes what is known of the same text. */
  private whole(lines: readonly Line[]): Built {
    const from = lines[0];
    if (from === undefined) return { node: null, value: null, shift: 0 };
    const shift = from.start;
    let text = this.text.slice(shift, lines.at(-1)!.end);
    for (const dash of from.dashes) text = `${text.slice(0, dash - shift)} ${text.slice(dash - shift + 1)}`;
    const piece = this.pieces.get(text) ?? this.known?.get(text) ?? parsePiece(text);
    this.pieces.set(text, piece);
    for (const { message, start, end } of piece.faults) {
      this.faults.push({ message, start: shift + start, end: shift + end });
    }
    return { node: piece.root, value: piece.value, shift };
  }

  private startsItem(line: Line): boolean {
    const at = contentOf(line);
    return this.text[at] === "-" && (at + 1 >= line.end || " \t".includes(this.text[at + 1]!));
  }
}

function parsePiece(text: string): Piece {
  const faults: YamlFaultSpan[] = [];
  try {
    const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true, logLevel: "error" });
    // A warning is a tag that nobody knows, such as code to be run in another language.
    for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
      faults.push({ message: inWords[code] ?? message, start: pos[0], end: Math.max(pos[1], pos[0] + 1) });
    }
    return { root: nodeOf(document.contents), value: plainOf(document), faults };
  } catch (error) {
    faults.push({ message: (error as Error).message, start: 0, end: text.length });
    return { root: null, value: null, faults };
  }
}

/** The most frequent mistakes in words for people who do not know YAML. */
const inWords: Readonly<Record<string, string>> = {
  BAD_INDENT: "Something is not closed or not indented as the lines around it; look for a missing bracket before here.",
  MULTILINE_IMPLICIT_KEY: "A line before this one has no colon; expected key: value.",
  DUPLICATE_KEY: repeatedKey,
  TAB_AS_INDENT: "Expected spaces at the beginning of the line, got a tab.",
  MISSING_CHAR: "A quote or bracket is not closed.",
  BLOCK_AS_IMPLICIT_KEY:
    "A colon where a value stands; put the value into quotes, or indent the line as those around it.",
  MULTIPLE_DOCS: "Another document begins here; expected one, without further lines of ---.",
};

function plainOf(document: Document): unknown {
  return document.contents === null ? null : plainValue(document);
}

function nodeOf(content: unknown): YamlNode | null {
  if (isMap(content) || isSeq(content)) {
    const [start, end] = content.range!;
    const node: YamlNode = {
      kind: isMap(content) ? "map" : "list",
      start,
      end,
      flow: content.flow === true,
      quoted: false,
      children: [],
    };
    if (isMap(content)) {
      for (const { key, value } of content.items) {
        if (!isScalar(key) || !key.range) continue;
        const [keyStart, keyEnd] = key.range;
        node.children.push({
          key: String(key.value),
          keyStart,
          keyEnd,
          node: written(value),
          shift: 0,
          unfinished: false,
        });
      }
    } else {
      for (const item of content.items) {
        const inner = written(item);
        const at = inner?.start ?? start;
        node.children.push({ key: null, keyStart: at, keyEnd: at, node: inner, shift: 0, unfinished: false });
      }
    }
    return node;
  }
  if ((isScalar(content) || isAlias(content)) && content.range) {
    const [start, end] = content.range;
    const quoted = isScalar(content) && (content.type === "QUOTE_DOUBLE" || content.type === "QUOTE_SINGLE");
    return start === end ? null : { kind: "scalar", start, end, flow: false, quoted, children: [] };
  }
  return null;
}

/** Of a value inside a map or list; the empty scalar is nothing. */
function written(value: unknown): YamlNode | null {
  return nodeOf(value);
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start <= text.length; ) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const stop = end > start && text[end - 1] === "\r" ? end - 1 : end;
    let at = start;
    while (at < stop && text[at] === " ") at++;
    const first = text[at];
    const empty =
      at >= stop || first === "#" || text.slice(at, stop).trim() === "" || isMarker(text, start, stop, lines);
    lines.push({ start, end: stop, indent: at - start, empty, dashes: [] });
    start = end + 1;
  }
  return lines;
}

/** `---` before everything else. */
function isMarker(text: string, start: number, end: number, before: readonly Line[]): boolean {
  return text.slice(start, end).trimEnd() === "---" && before.every(({ empty }) => empty);
}

/** Where the text of a line starts; that of an item after its dash. */
function contentOf(line: Line): number {
  return line.start + line.indent;
}

function looksLikeKey(text: string): boolean {
  return /^(?:"[^"]*"|'[^']*'|[^\s#'"[{|>][^#]*?)\s*:(?:\s|$)/.test(text);
}

function lastWithKey(node: YamlNode, key: string): YamlChild | undefined {
  return node.children.findLast((child) => child.key === key);
}

/** Index of the last child that starts at or before an offset. */
function childAt(node: YamlNode, offset: number): number {
  let low = 0;
  let high = node.children.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (node.children[middle]!.keyStart <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Plain assignment to `__proto__` would change the prototype instead. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
