/**
 * JSON that remembers where its parts stood, so that a problem in a record can name line and column. Bounded: deep nesting
 * and endless lists end in a problem. Stops at the first syntax error, as there is no telling what was meant after it.
 */
import { TextLines } from "@iad-r1/models/util/textLines";
import type { Position } from "./problems";

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

export interface JsonError extends Position {
  code: "data/broken-json" | "data/too-deep" | "data/too-many-values" | "data/repeated-key";
  message: string;
}

export interface JsonSource {
  /** Undefined when the text is not JSON. */
  value: JsonValue | undefined;
  /** The value; or, when the text is broken, the list or object at its top with what is whole before the break. */
  partial: JsonValue | undefined;
  errors: JsonError[];
  /** Where a container starts, or where the value of one of its keys or items starts. */
  at(container: object, key?: string | number): Position;
  /** The same as an offset in the text. */
  offset(container: object, key?: string | number): number;
  /** The same with its end. */
  span(container: object, key?: string | number): Required<Position>;
  /** Where a part of a text value stands, from and to as offsets in the value, escapes taken into account. */
  inString(container: object, key: string | number, from: number, to: number): Required<Position>;
}

export interface JsonLimits {
  maxDepth?: number;
  maxValues?: number;
}

/** Places are kept for containers down to this depth; records lie at depth 1 and 2. */
const PLACED_DEPTH = 5;

interface Places {
  start: number;
  /** Offset of each value, by key or index. */
  parts: Map<string | number, number>;
}

export function parseJsonSource(text: string, limits: JsonLimits = {}): JsonSource {
  const reader = new Reader(text, limits.maxDepth ?? 64, limits.maxValues ?? 20_000_000);
  let value: JsonValue | undefined;
  try {
    value = reader.document();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  const lines = new TextLines(text);
  const offsetOf = (container: object, key?: string | number) => {
    const places = reader.places.get(container);
    return (key === undefined ? undefined : places?.parts.get(key)) ?? places?.start ?? 0;
  };
  return {
    value,
    partial: value ?? reader.top,
    errors: reader.errors.map(({ offset, ...rest }) => ({ ...rest, ...lines.position(offset) })),
    at: (container, key) => lines.position(offsetOf(container, key)),
    offset: offsetOf,
    span(container, key) {
      const start = offsetOf(container, key);
      const end = lines.position(endOfValue(text, start));
      return { ...lines.position(start), endLine: end.line, endColumn: end.column };
    },
    inString(container, key, from, to) {
      const start = lines.position(rawOffset(text, offsetOf(container, key), from));
      const end = lines.position(rawOffset(text, offsetOf(container, key), to));
      return { ...start, endLine: end.line, endColumn: end.column };
    },
  };
}

/** Offset in the text of the unit at `index` of the string whose opening quote stands at `quote`. */
function rawOffset(text: string, quote: number, index: number): number {
  let at = quote + 1;
  for (let unit = 0; unit < index && at < text.length && text[at] !== '"'; unit++) {
    at += text[at] !== "\\" ? 1 : text[at + 1] === "u" ? 6 : 2;
  }
  return at;
}

/** Offset behind the value that starts at an offset of sound JSON. */
export function endOfValue(text: string, offset: number): number {
  const opening = text[offset];
  if (opening === '"') return endOfString(text, offset);
  if (opening !== "{" && opening !== "[")
    return offset + /^[^\s,\]}]*/.exec(text.slice(offset, offset + 400))![0].length;
  let depth = 0;
  for (let at = offset; at < text.length; at++) {
    const c = text[at];
    if (c === '"') at = endOfString(text, at) - 1;
    else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth === 0) return at + 1;
  }
  return text.length;
}

function endOfString(text: string, quote: number): number {
  for (let at = quote + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/** Thrown inside this file only, after the error was recorded. */
class Stop extends Error {}

interface RawError {
  code: JsonError["code"];
  message: string;
  offset: number;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

class Reader {
  readonly errors: RawError[] = [];
  readonly places = new Map<object, Places>();
  /** The outermost list or object, as soon as it begins. */
  top: JsonValue | undefined;
  private readonly text: string;
  private readonly maxDepth: number;
  private left: number;
  private pos = 0;

  constructor(text: string, maxDepth: number, maxValues: number) {
    this.text = text;
    this.maxDepth = maxDepth;
    this.left = maxValues;
  }

  document(): JsonValue {
    this.space();
    const value = this.value(0);
    this.space();
    if (this.pos < this.text.length) this.fail("the end of the file");
    return value;
  }

  private value(depth: number): JsonValue {
    if (depth > this.maxDepth)
      this.stop("data/too-deep", `Lists and objects are nested more than ${this.maxDepth} deep.`);
    if (--this.left < 0) this.stop("data/too-many-values", "The file has more values than can be handled.");
    const { text } = this;
    const c = text.charCodeAt(this.pos);
    if (c === 0x22) return this.string();
    if (c === 0x7b) return this.object(depth);
    if (c === 0x5b) return this.array(depth);
    if (text.startsWith("true", this.pos)) return this.word(4, true);
    if (text.startsWith("false", this.pos)) return this.word(5, false);
    if (text.startsWith("null", this.pos)) return this.word(4, null);
    NUMBER.lastIndex = this.pos;
    const match = NUMBER.exec(text);
    if (match === null) return this.fail("a value");
    this.pos += match[0].length;
    return Number(match[0]);
  }

  private word(length: number, value: boolean | null): boolean | null {
    this.pos += length;
    return value;
  }

  private object(depth: number): JsonValue {
    const result: { [key: string]: JsonValue } = {};
    const places = this.place(result, depth);
    this.top ??= result;
    this.pos++;
    this.space();
    if (this.take(0x7d)) return result;
    for (;;) {
      if (this.text.charCodeAt(this.pos) !== 0x22) this.fail("a key in double quotes");
      const keyAt = this.pos;
      const key = this.string();
      this.space();
      if (!this.take(0x3a)) this.fail('":" after the key');
      this.space();
      if (Object.hasOwn(result, key)) {
        this.errors.push({ code: "data/repeated-key", message: `The key ${clip(key)} appears twice.`, offset: keyAt });
      }
      places?.parts.set(key, this.pos);
      const value = this.value(depth + 1);
      // Plain assignment to this one name would change the prototype instead.
      if (key === "__proto__")
        Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true });
      else result[key] = value;
      this.space();
      if (this.take(0x7d)) return result;
      if (!this.take(0x2c)) this.fail('"," or "}"');
      this.space();
    }
  }

  private array(depth: number): JsonValue {
    const result: JsonValue[] = [];
    const places = this.place(result, depth);
    this.top ??= result;
    this.pos++;
    this.space();
    if (this.take(0x5d)) return result;
    for (;;) {
      places?.parts.set(result.length, this.pos);
      result.push(this.value(depth + 1));
      this.space();
      if (this.take(0x5d)) return result;
      if (!this.take(0x2c)) this.fail('"," or "]"');
      this.space();
    }
  }

  private string(): string {
    const { text } = this;
    const start = this.pos;
    let escaped = false;
    for (let i = start + 1; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 0x22) {
        this.pos = i + 1;
        if (!escaped) return text.slice(start + 1, i);
        try {
          return JSON.parse(text.slice(start, i + 1)) as string;
        } catch {
          this.pos = start;
          return this.stop("data/broken-json", "A string has a wrong escape after a backslash.");
        }
      }
      if (c === 0x5c) {
        escaped = true;
        i++;
      } else if (c < 0x20) {
        this.pos = i;
        return this.stop("data/broken-json", "A string runs over the end of the line; write line breaks as \\n.");
      }
    }
    return this.stop("data/broken-json", "A string has no closing quote.");
  }

  private place(container: object, depth: number): Places | null {
    if (depth > PLACED_DEPTH) return null;
    const places: Places = { start: this.pos, parts: new Map() };
    this.places.set(container, places);
    return places;
  }

  private space(): void {
    const { text } = this;
    for (; ; this.pos++) {
      const c = text.charCodeAt(this.pos);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
    }
  }

  private take(code: number): boolean {
    if (this.text.charCodeAt(this.pos) !== code) return false;
    this.pos++;
    return true;
  }

  private fail(expected: string): never {
    const got =
      this.pos >= this.text.length ? "the end of the file" : JSON.stringify(this.text.slice(this.pos, this.pos + 12));
    return this.stop("data/broken-json", `Expected ${expected}, got ${got}.`);
  }

  private stop(code: JsonError["code"], message: string): never {
    this.errors.push({ code, message, offset: Math.min(this.pos, this.text.length) });
    throw new Stop();
  }
}

function clip(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length > 60 ? `${quoted.slice(0, 57)}...` : quoted;
}
