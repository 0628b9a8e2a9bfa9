/**
 * What instrumented code leaves behind, as plain data: which places there are in the source and what they saw. Written by the
 * recorder of `rewards/live`, which also inserts the places; carried by the runner, which does not look inside.
 */

/** A place in the source that is watched. */
export interface Site {
  id: number;
  kind: "expression" | "condition" | "return" | "catch" | "regex" | "call";
  /** 0-based UTF-16 offsets in the source. */
  start: number;
  end: number;
  /** Name of the function around it. */
  function: string;
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
  /** The first 4096; `row` is the place of the rollout among those given to the call. */
  values: { row: number; preview: Preview }[];
  thrown: { row: number; message: string; line: number }[];
}

export interface Recording {
  sites: Site[];
  /** One for each site, in the same order. */
  records: SiteRecord[];
  /** The site that was reached last; says where code hangs. */
  lastSite: number | null;
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
 * What the worker and the recorder share; memory that another thread can read while this one hangs: 32-bit integers, the row
 * that is being scored, and the last site reached; -1 for none.
 */
export const sharedLayout = { row: 0, lastSite: 1, length: 4 } as const;

/** The recorder of one program version in a worker. */
export interface LiveRecorder {
  /** What `recorderName` stands for in the code. */
  readonly hooks: unknown;
  /** Forgets what was recorded. */
  reset(): void;
  records(): SiteRecord[];
}

/** Makes a recorder; it writes the last site into `shared` and reads the current row from there. */
export type MakeRecorder = (sites: readonly Site[], shared: Int32Array) => LiveRecorder;
