/**
 * What instrumented TypeScript calls in the worker (`instrument.ts` inserts the calls): counts how often each place is reached and
 * keeps the first values. Must never change what the code does, and must stay cheap in loops: after the limit a call only counts.
 */
import type { LiveRecorder, RowTrace, Site, SiteRecord } from "../user/recording";
import { sharedLayout } from "../user/recording";
import { cut, isImmutable, previewOf, thrownMessage } from "./preview";

/** Values kept of a place; after that it only counts. */
export const maxValues = 4096;
export const maxMissedTexts = 256;
export const maxMissedLength = 20_000;
/** Of all missed texts of a place together. */
export const maxMissedTotal = 1_000_000;
export const maxTraceSteps = 5000;

/** Names as short as they are because they are inserted into source code. */
export interface Hooks {
  /** A value: records it and gives it back. */
  v<T>(site: number, value: T): T;
  /** The result of matching a pattern. */
  m<T>(site: number, result: T): T;
  /** The text that is about to be matched. */
  s<T>(site: number, subject: T): T;
  /** About to evaluate a place; gives the site back. */
  b(site: number): number;
  /** Reached a place without a value. */
  r(site: number): void;
  /** The row before an `await`… */
  w(): number;
  /** …and the awaited value behind it: other rows may have run in between. */
  a<T>(site: number, row: number, value: T): T;
  /** Something arrived in a `catch`. */
  e(site: number, error: unknown): void;
  /** A loop over rows begins; gives the list back. */
  l<T>(loop: number, list?: T): T;
  /** Its next turn. */
  n(loop: number): void;
  /** It ended; gives the result of the call back. */
  d<T>(loop: number, result?: T): T;
}

interface Store {
  rows: number[];
  /** Immutable values as they are, everything else as its preview. */
  values: unknown[];
  /** Where `values` holds a preview. */
  isPreview: boolean[];
  thrown: SiteRecord["thrown"];
  matched: number;
  missed: { row: number; text: string }[];
  missedLength: number;
  subject: unknown;
}

export function makeRecorder(sites: readonly Site[], shared: Int32Array): LiveRecorder {
  const { row: rowAt, lastSite: lastAt, batchStart: startAt, pinned: pinnedAt } = sharedLayout;
  let reached = new Float64Array(sites.length);
  let stores = sites.map(makeStore);
  let trace: RowTrace | null = null;
  /** What was recorded before the first `reset`; null until then. */
  let atLoad: SiteRecord[] | null = null;
  let activeLoop = -1;
  let turn = -1;

  const keep = (site: number, value: unknown): void => {
    const row = shared[rowAt]!;
    const store = stores[site]!;
    const isPreview = !isImmutable(value);
    const kept = isPreview ? previewOf(value) : value;
    if (store.rows.length < maxValues) {
      store.rows.push(row);
      store.values.push(kept);
      store.isPreview.push(isPreview);
    }
    if (trace !== null && trace.row === row) {
      addStep(trace, site, isPreview ? (kept as ReturnType<typeof previewOf>) : previewOf(kept));
    }
  };

  const recorded = (): SiteRecord[] => {
    const previews = new PreviewPool();
    return sites.map((site, i) => toRecord(site, reached[i]!, stores[i]!, previews));
  };

  const hooks: Hooks = {
    v(site, value) {
      shared[lastAt] = site;
      if (++reached[site]! <= maxValues || trace !== null) keep(site, value);
      return value;
    },
    m(site, result) {
      shared[lastAt] = site;
      const store = stores[site]!;
      if (isMatch(result)) store.matched++;
      else if (typeof store.subject === "string" && store.missed.length < maxMissedTexts) {
        const text = cut(store.subject, maxMissedLength);
        store.missedLength += text.length;
        if (store.missedLength <= maxMissedTotal) store.missed.push({ row: shared[rowAt]!, text });
      }
      store.subject = undefined;
      if (++reached[site]! <= maxValues || trace !== null) keep(site, result);
      return result;
    },
    s(site, subject) {
      stores[site]!.subject = subject;
      return subject;
    },
    b(site) {
      shared[lastAt] = site;
      return site;
    },
    r(site) {
      shared[lastAt] = site;
      const row = shared[rowAt]!;
      const store = stores[site]!;
      if (++reached[site]! <= maxValues) {
        store.rows.push(row);
        store.values.push(undefined);
        store.isPreview.push(false);
      }
      if (trace !== null && trace.row === row) addStep(trace, site, null);
    },
    w() {
      return shared[rowAt]!;
    },
    a(site, row, value) {
      shared[rowAt] = row;
      return hooks.v(site, value);
    },
    e(site, error) {
      shared[lastAt] = site;
      const { thrown } = stores[site]!;
      const row = shared[rowAt]!;
      const message = thrownMessage(error);
      if (++reached[site]! <= maxValues) thrown.push({ row, message, line: throwingLine(error) });
      if (trace !== null && trace.row === row) addStep(trace, site, { type: "error", text: message, truthy: true });
    },
    l(loop, list) {
      // A row that the worker set, or a loop around this one, comes first.
      if (shared[startAt]! >= 0 && (shared[rowAt]! < 0 || activeLoop === loop)) {
        activeLoop = loop;
        turn = -1;
      }
      return list as never;
    },
    n(loop) {
      if (activeLoop === loop && shared[startAt]! >= 0) shared[rowAt] = shared[startAt]! + ++turn;
    },
    d(loop, result) {
      if (activeLoop === loop && shared[startAt]! >= 0) {
        activeLoop = -1;
        shared[rowAt] = -1;
      }
      return result as never;
    },
  };

  return {
    hooks,
    reset() {
      atLoad ??= recorded();
      reached = new Float64Array(sites.length);
      stores = sites.map(makeStore);
      activeLoop = -1;
      shared[lastAt] = -1;
      const pinned = shared[pinnedAt]!;
      trace = pinned < 0 ? null : { row: pinned, steps: [], cut: false };
    },
    records() {
      return recorded().map((record, i) => {
        const before = atLoad?.[i];
        return before === undefined || before.reached === 0 ? record : { ...record, atLoad: before };
      });
    },
    trace() {
      return trace;
    },
  };
}

function makeStore(): Store {
  return {
    rows: [],
    values: [],
    isPreview: [],
    thrown: [],
    matched: 0,
    missed: [],
    missedLength: 0,
    subject: undefined,
  };
}

/** Equal values share one preview: most were seen many times, and what is shared crosses to the other process once. */
class PreviewPool {
  private readonly known = new Map<unknown, ReturnType<typeof previewOf>>();

  of(value: unknown): ReturnType<typeof previewOf> {
    // A map takes −0 for 0.
    if (Object.is(value, -0)) return previewOf(value);
    let preview = this.known.get(value);
    if (preview === undefined) {
      preview = previewOf(value);
      this.known.set(value, preview);
    }
    return preview;
  }
}

function toRecord(site: Site, reached: number, store: Store, previews: PreviewPool): SiteRecord {
  const values = store.values.map((value, i) => ({
    row: store.rows[i]!,
    preview: store.isPreview[i] ? (value as ReturnType<typeof previewOf>) : previews.of(value),
  }));
  const record: SiteRecord = { reached, values, thrown: store.thrown };
  if (site.kind === "regex") record.regex = { matched: store.matched, missed: store.missed };
  return record;
}

function addStep(trace: RowTrace, site: number, preview: RowTrace["steps"][number]["preview"]): void {
  if (trace.steps.length < maxTraceSteps) trace.steps.push({ site, preview });
  else trace.cut = true;
}

/** `test` gives a boolean, `exec` and `match` a list or null, `search` a place. */
function isMatch(result: unknown): boolean {
  return typeof result === "number" ? result >= 0 : Boolean(result);
}

const framePlace = /(?:\(|at )((?:[a-z]+:\/\/)?[^()\n]+?):(\d+):\d+\)?$/;

/**
 * The line of the instrumented file that threw: the innermost frame of the error in the file that called the recorder. Instrumenting
 * and taking types away keep lines, so it is the line of the source.
 */
function throwingLine(error: unknown): number {
  const property =
    typeof error === "object" && error !== null ? Object.getOwnPropertyDescriptor(error, "stack") : undefined;
  // Node 21 and later: an accessor of V8's own, on the instance; reading it runs no code of the reward.
  const stack = property === undefined ? undefined : "value" in property ? property.value : property.get?.call(error);
  if (typeof stack !== "string") return 0;
  const here = framesOf(new Error().stack ?? "");
  // Frames 0 and 1 are this function and the hook; the next one is the reward.
  const caller = here[2];
  return framesOf(stack).find((frame) => frame.file === caller?.file)?.line ?? 0;
}

function framesOf(stack: string): { file: string; line: number }[] {
  const frames: { file: string; line: number }[] = [];
  for (const text of stack.split("\n")) {
    const found = framePlace.exec(text.trimEnd());
    if (found !== null) frames.push({ file: found[1]!, line: Number(found[2]) });
  }
  return frames;
}
