/** What each watched place of a reward saw, in few words: values with counts, branches with what they pay, exceptions, reach. Pure. */
import type { RegexReport, RolloutKey, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import { TextLines } from "@iad-r1/models/util/textLines";
import { explainMiss } from "../static/explainMiss";
import { patternTrials } from "../static/patternTrials";
import type { Preview, Recording, Site, SitePattern, SiteRecord } from "../user/recording";
import { topValues } from "../analysis/distributions";
import { distributionOf } from "./distribution";

const maxTop = 5;
const maxNamed = 100;

export interface SitesInput {
  source: string;
  recording: Recording;
  /** Totals with the code that was recorded; what a branch pays. One a row; null where unknown. */
  totals: readonly (number | null)[];
  /** Only these rows count; all when null. */
  only: ReadonlySet<number> | null;
  numRows: number;
  keyOf: (row: number) => RolloutKey;
  language: "typescript" | "python";
  /** The reward in whose text a place stands. */
  ownerOf: (site: Site) => string | null;
}

export function siteReports(input: SitesInput): SiteReport[] {
  const { recording, source } = input;
  const lines = new TextLines(source);
  const seen = recording.records.map((record) => lookAt(record, input.only));
  const lineAt = (site: number) => lineOf(lines, recording.sites[site]!.start);
  const numRows = input.only?.size ?? input.numRows;
  const reports = recording.sites.map((site, i): SiteReport => {
    const { thrown, reached, rows, isPlaced } = seen[i]!;
    const values = site.kind === "statement" ? [] : seen[i]!.values;
    const numbers = values.map(({ preview }) => preview.number);
    const isNumeric = values.length > 0 && numbers.every((number) => number !== undefined);
    const top = topOf(values.map(({ preview }) => preview));
    return {
      ...{ kind: site.kind, function: input.ownerOf(site) ?? site.function, start: site.start, end: site.end },
      ...{ reached, kept: values.length, rowsReached: isPlaced ? rows.size : null },
      ...{ top: top.first, distinct: top.distinct },
      numbers: isNumeric ? distributionOf(numbers.map((number) => number!)) : null,
      branches: site.kind === "condition" ? branchesOf(values, input.totals) : null,
      thrown: thrownOf(thrown, input.keyOf),
      ...(isPlaced ? means(rows, input, numRows) : { meanReached: null, meanOthers: null }),
      notReachedBecause: isPlaced && rows.size < numRows ? reasonOf(site, rows, seen, lineAt) : null,
      rollouts: [...rows].slice(0, maxNamed).map(input.keyOf),
      regex:
        site.regex === undefined ? null : regexReport(site.regex, matchesOf(recording.records[i]!, input.only), input),
    };
  });
  return [...reports, ...patternPlaces(recording.sites, reports)];
}

/** A pattern may stand far from the call that uses it; it says the same there. */
function patternPlaces(sites: readonly Site[], reports: readonly SiteReport[]): SiteReport[] {
  const places = new Map<number, SiteReport>();
  sites.forEach(({ regex }, i) => {
    const report = reports[i]!;
    if (regex === undefined || report.regex === null) return;
    const known = places.get(regex.start);
    if (known === undefined || report.reached > known.reached) {
      places.set(regex.start, { ...report, start: regex.start, end: regex.end });
    }
  });
  return [...places.values()];
}

type Matches = NonNullable<SiteRecord["regex"]> & { reached: number };

/** Of some rows only: by the values that were kept. */
function matchesOf({ regex, reached, values }: SiteRecord, only: ReadonlySet<number> | null): Matches | null {
  if (regex === undefined || only === null) return regex === undefined ? null : { ...regex, reached };
  const ofRows = values.filter(({ row }) => only.has(row));
  // JavaScript's `search` gives a place, or -1.
  const matched = ofRows.filter(({ preview: { number, truthy } }) => (number === undefined ? truthy : number >= 0));
  const missed = regex.missed.filter(({ row }) => only.has(row));
  return { matched: matched.length, missed, reached: ofRows.length };
}

function regexReport(pattern: SitePattern, regex: Matches | null, input: SitesInput): RegexReport | null {
  if (regex === null) return null;
  const { language, keyOf } = input;
  const numMissed = Math.max(0, regex.reached - regex.matched);
  const [first] = regex.missed;
  const why = first === undefined ? null : explainMiss(pattern, language, first.text);
  const texts = regex.missed.map(({ text }) => text);
  // Only the first texts were kept; the others are taken to be like them.
  const scale = texts.length === 0 ? 0 : numMissed / texts.length;
  const trials = patternTrials(pattern, language, texts).flatMap(({ title, pattern: changed, matched }) =>
    matched === null || matched === 0
      ? []
      : [{ title, pattern: changed, matched: regex.matched + Math.round(matched * scale) }],
  );
  return {
    ...{ pattern: pattern.pattern, tested: regex.matched + numMissed, matched: regex.matched, trials, p99Ms: null },
    // Said by the finding RW113, which proves it.
    warning: null,
    failure:
      first === undefined || why === null
        ? null
        : {
            rollout: first.row < 0 ? null : keyOf(first.row),
            ...{ matchedUpTo: why.matchedUpTo, expected: why.expected, saw: why.saw, at: why.at },
            text: first.text.slice(0, why.at + 200),
          },
  };
}

interface Seen {
  values: { row: number; preview: Preview }[];
  thrown: SiteRecord["thrown"];
  reached: number;
  rows: Set<number>;
  /** Whether `rows` are all that came here. */
  isPlaced: boolean;
}

function lookAt(run: SiteRecord, only: ReadonlySet<number> | null): Seen {
  const record = run.reached === 0 ? (run.atLoad ?? run) : run;
  const counts = ({ row }: { row: number }) => only === null || only.has(row);
  const values = record.values.filter(counts);
  const thrown = record.thrown.filter(counts);
  const rows = new Set<number>();
  for (const { row } of [...values, ...thrown]) if (row >= 0) rows.add(row);
  const numPlaced = [...record.values, ...record.thrown].filter(({ row }) => row >= 0).length;
  const isPlaced = numPlaced >= record.reached;
  // Of one rollout, what has no row may have been reached by it or not.
  const reached = only === null || (rows.size === 0 && !isPlaced) ? record.reached : values.length + thrown.length;
  return { values, thrown, reached, rows, isPlaced };
}

function lineOf(lines: TextLines, offset: number): number {
  return lines.position(offset).line;
}

function topOf(previews: readonly Preview[]): { first: SiteReport["top"]; distinct: number } {
  const { top, distinct } = topValues(
    previews.map(({ type, text }) => `${type}\n${text}`),
    maxTop,
  );
  const first = top.map(({ first: place, count }) => ({
    text: previews[place]!.text,
    type: previews[place]!.type,
    count,
  }));
  return { first, distinct };
}

function branchesOf(values: Seen["values"], totals: readonly (number | null)[]): SiteReport["branches"] {
  const last = lastTruth(values);
  const side = (truth: boolean) => {
    const known = [...last].flatMap(([row, value]) => (value === truth ? (totals[row] ?? []) : []));
    return known.length === 0 ? null : known.reduce((sum, total) => sum + total, 0) / known.length;
  };
  const yes = values.filter(({ preview }) => preview.truthy).length;
  return { yes, no: values.length - yes, meanYes: side(true), meanNo: side(false) };
}

/** The last truth of a condition by row. */
function lastTruth(values: Seen["values"]): Map<number, boolean> {
  return new Map(values.filter(({ row }) => row >= 0).map(({ row, preview }) => [row, preview.truthy]));
}

function thrownOf(thrown: SiteRecord["thrown"], keyOf: SitesInput["keyOf"]): SiteReport["thrown"] {
  const byPlace = new Map<string, SiteReport["thrown"][number]>();
  for (const { message, line, row } of thrown) {
    const what = `${line}\n${message}`;
    const known = byPlace.get(what);
    if (known !== undefined) known.count++;
    else byPlace.set(what, { message, line, count: 1, rollout: row < 0 ? null : keyOf(row) });
  }
  return [...byPlace.values()].sort((a, b) => b.count - a.count).slice(0, maxTop);
}

function means(
  reached: ReadonlySet<number>,
  { totals, only, numRows }: SitesInput,
  count: number,
): Pick<SiteReport, "meanReached" | "meanOthers"> {
  if (reached.size === 0 || reached.size === count) return { meanReached: null, meanOthers: null };
  const sums = { here: 0, numHere: 0, other: 0, numOther: 0 };
  for (let row = 0; row < numRows; row++) {
    const total = totals[row] ?? null;
    if (total === null || (only !== null && !only.has(row))) continue;
    if (reached.has(row)) {
      sums.here += total;
      sums.numHere++;
    } else {
      sums.other += total;
      sums.numOther++;
    }
  }
  return {
    meanReached: sums.numHere === 0 ? null : sums.here / sums.numHere,
    meanOthers: sums.numOther === 0 ? null : sums.other / sums.numOther,
  };
}

/** What kept most of the rows that did not come here: a guard that never had the truth it takes. Of several the nearest. */
function reasonOf(
  { guards = [] }: Site,
  reached: ReadonlySet<number>,
  seen: readonly Seen[],
  lineAt: (site: number) => number,
): SiteReport["notReachedBecause"] {
  let best: SiteReport["notReachedBecause"] = null;
  for (const [guard, truth] of guards) {
    const { values } = seen[guard]!;
    const kept = new Set(values.flatMap(({ row }) => (row < 0 || reached.has(row) ? [] : [row])));
    for (const { row, preview } of values) if (preview.truthy === truth) kept.delete(row);
    if (kept.size > 0 && kept.size >= (best?.count ?? 0)) {
      best = { line: lineAt(guard), truth: !truth, count: kept.size };
    }
  }
  return best;
}

/** One recording of several functions of a file that were run one after another on the same rows; null without any. */
export function mergeRecordings(recordings: readonly Recording[]): Recording | null {
  const [first, ...rest] = recordings;
  if (first === undefined) return null;
  const records = first.records.map((record, i) =>
    rest.reduce((all, other) => mergeRecords(all, other.records[i]), record),
  );
  return { ...first, records };
}

function mergeRecords(a: SiteRecord, b: SiteRecord | undefined): SiteRecord {
  if (b === undefined) return a;
  const regex =
    a.regex === undefined || b.regex === undefined
      ? (a.regex ?? b.regex)
      : { matched: a.regex.matched + b.regex.matched, missed: [...a.regex.missed, ...b.regex.missed] };
  return {
    reached: a.reached + b.reached,
    values: [...a.values, ...b.values],
    thrown: [...a.thrown, ...b.thrown],
    ...(regex !== undefined && { regex }),
    ...(a.atLoad !== undefined && { atLoad: a.atLoad }),
  };
}

/** Rows by line: in how many rows some place that begins on the line was reached, where that is known. Lines count from 0. */
export function reachOf(
  source: string,
  sites: readonly SiteReport[],
  total: number,
): { line: number; rows: number; total: number }[] {
  const lines = new TextLines(source);
  const byLine = new Map<number, number>();
  for (const { start, rowsReached } of sites) {
    if (rowsReached === null) continue;
    const line = lineOf(lines, start) - 1;
    byLine.set(line, Math.max(byLine.get(line) ?? 0, rowsReached));
  }
  return [...byLine].sort(([a], [b]) => a - b).map(([line, rows]) => ({ line, rows, total }));
}
