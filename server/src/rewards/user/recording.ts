/**
 * What instrumented code leaves behind, as plain data: which places there are in the source and what they saw. Written by the
 * recorder of `rewards/live`, which also inserts the places; carried by the runner, which does not look inside.
 */

/**
 * expression, call: a value. condition: what `if`, `while`, `?:` and filters decide on. return: what a function gives back.
 * catch: `thrown` holds what arrived there. regex: a call that matches a pattern; its value is the result of the match.
 * statement: only reached (`continue`, `break`, the start of a loop's body); its previews say nothing.
 */
export type SiteKind = "expression" | "condition" | "return" | "catch" | "regex" | "call" | "statement";

/** A regular expression and where it stands in the source; it may be far from the call that uses it. */
export interface SitePattern {
  pattern: string;
  /** JavaScript flags, or the letters of Python's flags in lower case (`i`, `m`, `s`, `x`, `a`). */
  flags: string;
  /** 0-based UTF-16 offsets of the literal: with slashes in JavaScript, with quotes in Python. */
  start: number;
  end: number;
  /** Where the match must lie: anywhere, at the start (`re.match`), or the whole text (`re.fullmatch`). */
  anchor: "search" | "start" | "full";
}

/** A place in the source that is watched. */
export interface Site {
  id: number;
  kind: SiteKind;
  /** 0-based UTF-16 offsets in the source. */
  start: number;
  end: number;
  /** Name of the function around it. */
  function: string;
  /** Of a regex site whose pattern is known from the text. */
  regex?: SitePattern;
  /** Sites whose value decides whether this place is reached, with the truth that lets it be; the outermost first. */
  guards?: [site: number, truth: boolean][];
}

/** A value as it was when it was seen; never the value itself, which may change later. */
export interface Preview {
  /** `typeof`, or the class name of an object. */
  type: string;
  /** At most 200 characters. */
  text: string;
  /** Of a text, list or other collection. */
  length?: number;
  /** Where the value is a number. */
  number?: number;
  truthy: boolean;
}

export interface SiteRecord {
  /** How often it was reached; goes on counting when values are no longer kept. */
  reached: number;
  /**
   * The first 4096; `row` is the place of the rollout among those given to the call, -1 where a batch function was between
   * rows.
   */
  values: { row: number; preview: Preview }[];
  /** The first 4096; `line` is the 1-based line of the source that threw, 0 when it was outside of this file. */
  thrown: { row: number; message: string; line: number }[];
  /**
   * Of a regex site: how often it matched, and the first 256 texts that did not match (at most 20000 characters each, a million
   * together).
   */
  regex?: { matched: number; missed: { row: number; text: string }[] };
  /** The same of the time in which the file was loaded, for a place that was reached then: in a function that makes the reward. */
  atLoad?: SiteRecord;
}

/** The path of one rollout through the source, in order of evaluation. */
export interface RowTrace {
  row: number;
  steps: { site: number; preview: Preview | null }[];
  /** It was longer than 5000 steps; the rest is left out. */
  cut: boolean;
}

export interface Recording {
  sites: Site[];
  /** One for each site, in the same order. */
  records: SiteRecord[];
  /** The site that was reached last; says where code hangs. */
  lastSite: number | null;
  /** Of the pinned row; null when none was pinned. */
  trace: RowTrace | null;
}

/** Source with calls of the recorder in it. TypeScript stays TypeScript: types are taken away afterwards. */
export interface InstrumentedSource {
  code: string;
  sites: Site[];
  /** Source map from `code` to the source, as JSON; null where lines are as they were. */
  map: string | null;
}

/** Writes calls of the recorder into a source; the TypeScript one is made by `rewards/live`. */
export type Instrumenter = (source: string, file: string) => InstrumentedSource;

/** Global name under which instrumented TypeScript finds its recorder in the worker. */
export const recorderName = "__iadR1Live";

/**
 * What the worker and the recorder share; memory that another thread can read while this one hangs: 32-bit integers, -1 for
 * none. `row` is the row being scored: the worker sets it before each call of a function that takes one completion. For a
 * function that takes a batch the worker sets `row` to -1 and `batchStart` to the first row of the batch before the call; the
 * instrumented code then sets `row` in loops over the completions. `pinned` is the row whose path is wanted, set before `reset`.
 */
export const sharedLayout = { row: 0, lastSite: 1, batchStart: 2, pinned: 3, length: 4 } as const;

/** The recorder of one program version in a worker. */
export interface LiveRecorder {
  /** What `recorderName` stands for in the code. */
  readonly hooks: unknown;
  /** Forgets what was recorded. */
  reset(): void;
  records(): SiteRecord[];
  trace(): RowTrace | null;
}
