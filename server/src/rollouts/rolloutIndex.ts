/**
 * Answers questions about very many rollouts: counts by facet, groups in an order, one group in full. It keeps columns of numbers and reads
 * the rows themselves again from their files when they are looked at. Lives in a worker; knows no rewards but how an answer is read.
 */
import type { FileHandle } from "node:fs/promises";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { InternalError } from "@iad-r1/models/errors";
import type { RolloutKey } from "@iad-r1/protocol/rewardDebugger";
import type { ExploreAnswer, ExploreFilter, ExploreQuery, FacetName, RangeFacet } from "@iad-r1/protocol/rollouts";
import type { DataProblem } from "../data/problems";
import { CodeColumn, NumberColumn, TextColumn } from "./columns";
import { parseObject, rowOf } from "./jsonRows";
import { openFile } from "./lines";
import { forEachIndexedRow, type ReadRolloutsOptions, sourceOf } from "./read";
import { questionOf } from "./promptText";
import type { IndexedRow } from "./scanRecord";
import { type RolloutRow, type RowPlace, splitOf } from "./row";
import type { RolloutSource } from "./sources";
import { readRolloutTables, type RolloutTables, sampleOf } from "./tables";
import { totalOf } from "./total";
import { answerOf, labelOf, verdictOf } from "./verdict";

/** Two totals are one when they differ by no more. */
const tolerance = 1e-9;
const numBins = 24;

/** The numbers of one group. */
export interface GroupNumbers {
  step: number | null;
  name: string;
  rows: Uint32Array;
  mean: number | null;
  std: number | null;
}

/** A place in the files where a row can be read again, or the row itself where it is not one line. */
interface Kept {
  files: CodeColumn;
  offsets: NumberColumn;
  lengths: NumberColumn;
  whole: (string | null)[];
}

export class RolloutIndex {
  problems: DataProblem[] = [];
  generation = 0;
  /** Some totals are not recorded: they are sums of rewards, each with weight 1. */
  sumsTotals = false;
  readonly rewards = new Map<string, NumberColumn>();
  private steps = new NumberColumn();
  private totals = new NumberColumn();
  private advantages = new NumberColumn();
  private lengths = new NumberColumn();
  private places = new NumberColumn();
  private groupCodes = new CodeColumn();
  private samples = new CodeColumn();
  private pictures = new CodeColumn();
  private questions = new CodeColumn();
  /** Neighbours mostly share their group and their prompt. */
  private named: { step: number | undefined; group: string; key: string } = { step: undefined, group: "", key: "\n" };
  private asked: { prompt: unknown; question: string } = { prompt: null, question: "" };
  private facets: Record<Exclude<FacetName, "spread" | "flips">, CodeColumn> = emptyFacets();
  private texts = new TextColumn();
  private kept: Kept = emptyKept();
  private labels = new Map<string, "normal" | "anomalous" | "unknown">();
  private groups: GroupNumbers[] = [];
  private tables: RolloutTables | null = null;
  /** Codes by row of what follows from groups and from outside. */
  private spread = new Uint8Array(0);
  private flipped: Uint8Array | null = null;
  private flips: readonly RolloutKey[] | null = null;
  private answers = new Map<string, { answer: ExploreAnswer; order: Uint32Array; fails: Uint32Array }>();
  private seen = { files: new Map<string, string>(), folder: "" };

  private constructor(
    readonly path: string,
    private source: RolloutSource,
    private readonly options: ReadRolloutsOptions,
  ) {}

  /** @throws DataError as `readRollouts`; CancelledError */
  static async open(path: string, options: ReadRolloutsOptions = {}): Promise<RolloutIndex> {
    const index = new RolloutIndex(path, await sourceOf(path, options.format), options);
    await index.load(index.source.files);
    return index;
  }

  get format(): RolloutSource["format"] {
    return this.source.format;
  }

  get numRollouts(): number {
    return this.totals.length;
  }

  get numGroups(): number {
    return this.groups.length;
  }

  /** Rising. */
  get recordedSteps(): number[] {
    return [...new Set(this.groups.flatMap(({ step }) => step ?? []))].sort((a, b) => a - b);
  }

  /** Reads what a running training has written since; true when there was something. */
  async refresh(): Promise<boolean> {
    if (this.source.format !== "run") return false;
    const folder = join(this.path, "rollouts");
    const mark = String((await stat(folder).catch(() => null))?.mtimeMs ?? "");
    if (mark === this.seen.folder) return false;
    const source = await sourceOf(this.path);
    const marks = await Promise.all(source.files.map(({ path }) => markOf(path)));
    const isRewritten =
      source.files.length < this.seen.files.size ||
      source.files.some(({ path }, i) => this.seen.files.has(path) && this.seen.files.get(path) !== marks[i]);
    this.source = source;
    // A run that was resumed has written some steps again.
    if (isRewritten) this.clear();
    const fresh = source.files.filter(({ path }) => !this.seen.files.has(path));
    await this.load(fresh);
    return fresh.length > 0;
  }

  /** Says which rows a new version of a reward scores differently; null: not known. */
  setFlips(rollouts: readonly RolloutKey[] | null): void {
    if (JSON.stringify(rollouts) === JSON.stringify(this.flips)) return;
    this.flips = rollouts;
    this.markFlips();
    this.answers.clear();
  }

  query(query: ExploreQuery): ExploreAnswer {
    return this.answered(query).answer;
  }

  /** Some groups of an answer, in its order, with the number of rows that the filter lets through. */
  page(query: ExploreQuery, offset: number, limit: number): { group: GroupNumbers; matches: number }[] {
    const { order, fails } = this.answered(query);
    return [...order.subarray(offset, offset + limit)].map((code) => {
      const group = this.groups[code]!;
      return { group, matches: group.rows.reduce((sum, row) => sum + (fails[row] === 0 ? 1 : 0), 0) };
    });
  }

  /** Place of a group in an answer, or -1. */
  placeOf(query: ExploreQuery, key: { step: number | null; group: string }): number {
    const code = this.groupCodes.codeOf(groupKey(key.step, key.group));
    return code === undefined ? -1 : this.answered(query).order.indexOf(code);
  }

  group(step: number | null, name: string): GroupNumbers | null {
    const code = this.groupCodes.codeOf(groupKey(step, name));
    return code === undefined ? null : this.groups[code]!;
  }

  groupsOfStep(step: number | null): GroupNumbers[] {
    return this.groups.filter((group) => group.step === step);
  }

  /** Groups of the same sample, by step. */
  occurrences(sampleId: string): GroupNumbers[] {
    const code = this.samples.codeOf(sampleId);
    if (code === undefined || sampleId === "") return [];
    const samples = this.samples.values;
    return this.groups.filter(({ rows }) => samples[rows[0]!] === code).sort((a, b) => (a.step ?? -1) - (b.step ?? -1));
  }

  numbersAt(row: number): { total: number | null; advantage: number | null } {
    return { total: known(this.totals.values[row]!), advantage: known(this.advantages.values[row]!) };
  }

  /** What the list shows of a row without reading it again. */
  sampleAt(row: number): { sampleId: string | null; label: string; prompt: string; picture: string | null } {
    const { label } = this.facets;
    return {
      sampleId: this.samples.names[this.samples.values[row]!]! || null,
      prompt: this.questions.names[this.questions.values[row]!]!,
      picture: this.pictures.names[this.pictures.values[row]!]! || null,
      label: label.names[label.values[row]!]!,
    };
  }

  verdictAt(row: number): string {
    const { verdict } = this.facets;
    return verdict.names[verdict.values[row]!]!;
  }

  /** Whether the filter lets a row through. */
  isMatch(query: ExploreQuery, row: number): boolean {
    return this.answered(query).fails[row] === 0;
  }

  /** Rows of the groups of an answer that the filter lets through, in order. */
  matching(query: ExploreQuery): number[] {
    const { order, fails } = this.answered(query);
    return [...order].flatMap((code) => [...this.groups[code]!.rows].filter((row) => fails[row] === 0));
  }

  /** Reads rows again. @throws InternalError when a file changed under us */
  async rows(numbers: ArrayLike<number>): Promise<RolloutRow[]> {
    const handles = new Map<string, FileHandle>();
    const rows: RolloutRow[] = [];
    try {
      for (let i = 0; i < numbers.length; i++) rows.push(await this.read(numbers[i]!, handles));
    } finally {
      for (const handle of handles.values()) await handle.close();
    }
    return rows;
  }

  /** What a run keeps about the sample of a row. */
  sampleOf(row: RolloutRow) {
    return this.tables === null ? undefined : sampleOf(this.tables, row);
  }

  private async read(number: number, handles: Map<string, FileHandle>): Promise<RolloutRow> {
    const whole = this.kept.whole[number];
    if (whole !== null && whole !== undefined) return JSON.parse(whole) as RolloutRow;
    const file = this.kept.files.names[this.kept.files.values[number]!]!;
    let handle = handles.get(file);
    if (handle === undefined) {
      handle = await openFile(file);
      handles.set(file, handle);
    }
    const bytes = Buffer.alloc(this.kept.lengths.values[number]!);
    await handle.read(bytes, 0, bytes.length, this.kept.offsets.values[number]!);
    const parsed = parseObject(bytes.toString("utf8").replace(/^\uFEFF/, ""));
    // The name is what the reader made of the line; it is put back, as it may come from the lines before.
    const found = "value" in parsed ? rowOf(parsed.value, "", known(this.steps.values[number]!)) : null;
    if (found === null || found.row === null) {
      throw new InternalError("rollouts/changed", `${file} changed while it was looked at.`, {
        hint: "Open the rollouts again.",
      });
    }
    const { row } = found;
    row.group = this.groups[this.groupCodes.values[number]!]!.name;
    row.index = this.places.values[number]!;
    if (this.tables === null || row.recorded === undefined) return row;
    row.prompt ??= this.tables.prompts.get(row.recorded.promptHash) ?? null;
    row.columns = { ...this.sampleOf(row)?.columns, ...row.columns };
    return row;
  }

  private async load(files: RolloutSource["files"]): Promise<void> {
    if (this.source.format === "run") {
      this.seen.folder = String((await stat(join(this.path, "rollouts")).catch(() => null))?.mtimeMs ?? "");
      this.tables = await readRolloutTables(this.path);
      for (const { path } of files) this.seen.files.set(path, await markOf(path));
    }
    const take = (row: IndexedRow, place: RowPlace) => this.add(row, place);
    const found = await forEachIndexedRow({ ...this.source, files }, this.tables, take, this.options);
    this.problems.push(...found);
    this.finish();
  }

  private clear(): void {
    this.steps = new NumberColumn();
    this.totals = new NumberColumn();
    this.advantages = new NumberColumn();
    this.lengths = new NumberColumn();
    this.places = new NumberColumn();
    this.groupCodes = new CodeColumn();
    this.samples = new CodeColumn();
    this.pictures = new CodeColumn();
    this.questions = new CodeColumn();
    this.facets = emptyFacets();
    this.texts = new TextColumn();
    this.kept = emptyKept();
    this.rewards.clear();
    this.problems = [];
    this.seen.files.clear();
  }

  private add(row: IndexedRow, place: RowPlace): void {
    const number = this.totals.length;
    const { rewards, status } = row;
    this.steps.push(row.step);
    if (row.group !== this.named.group || row.step !== this.named.step) {
      this.named = { step: row.step, group: row.group, key: groupKey(row.step ?? null, row.group) };
    }
    this.groupCodes.push(this.named.key);
    this.places.push(row.index);
    this.totals.push(totalOf(row));
    this.sumsTotals ||= row.total === undefined && row.rewards !== undefined;
    this.advantages.push(row.advantage);
    this.lengths.push(row.length ?? row.completion.length);
    this.samples.push(row.sampleId ?? "");
    this.pictures.push(row.images?.at(-1) ?? "");
    if (row.prompt !== this.asked.prompt) this.asked = { prompt: row.prompt, question: questionOf(row.prompt) };
    this.questions.push(this.asked.question);
    for (const name in rewards) {
      let column = this.rewards.get(name);
      if (column === undefined) {
        column = new NumberColumn();
        this.rewards.set(name, column);
      }
      while (column.length < number) column.push(null);
      column.push(rewards[name]);
    }
    const label = this.label(row.solution);
    const category = row.columns.category;
    this.facets.label.push(label);
    this.facets.category.push(typeof category === "string" ? category : "");
    const folded = row.completion.toLowerCase();
    this.facets.split.push(splitOf(row));
    this.facets.verdict.push(verdictOf(answerOf(row.completion, folded), label));
    this.facets.finish.push(row.finish ?? "unknown");
    this.facets.status.push(worst(status, rewards));
    this.texts.push(folded, row.sampleId?.toLowerCase());
    this.kept.files.push(place.file);
    this.kept.offsets.push(place.bytes?.offset);
    this.kept.lengths.push(place.bytes?.length);
    this.kept.whole.push(place.bytes === undefined ? JSON.stringify(row) : null);
  }

  private label(solution: string | null): "normal" | "anomalous" | "unknown" {
    if (solution === null) return "unknown";
    let label = this.labels.get(solution);
    if (label === undefined) {
      label = labelOf(solution);
      this.labels.set(solution, label);
    }
    return label;
  }

  /** What follows from all rows of a group. */
  private finish(): void {
    for (const column of this.rewards.values()) while (column.length < this.numRollouts) column.push(null);
    const codes = this.groupCodes.values;
    const sizes = new Uint32Array(this.groupCodes.names.length);
    for (const code of codes) sizes[code]!++;
    const members = [...sizes].map((size) => new Uint32Array(size));
    const filled = new Uint32Array(sizes.length);
    codes.forEach((code, row) => {
      members[code]![filled[code]!++] = row;
    });
    const totals = this.totals.values;
    const steps = this.steps.values;
    this.spread = new Uint8Array(this.numRollouts);
    this.groups = members.map((rows, code) => {
      const { mean, std, isFlat } = spreadOf(rows, totals);
      const kind = std === null ? 2 : isFlat ? 1 : 0;
      for (const row of rows) this.spread[row] = kind;
      return { step: known(steps[rows[0]!]!), name: nameOf(this.groupCodes.names[code]!), rows, mean, std };
    });
    this.markFlips();
    this.answers.clear();
    this.generation++;
  }

  private markFlips(): void {
    this.flipped = this.flips === null ? null : this.marked(this.flips);
  }

  /** 1 for the rows with these names. */
  private marked(rollouts: readonly RolloutKey[]): Uint8Array {
    const marks = new Uint8Array(this.numRollouts);
    const places = this.places.values;
    for (const { step, group, index } of rollouts) {
      const code = this.groupCodes.codeOf(groupKey(step, group));
      for (const row of code === undefined ? [] : this.groups[code]!.rows) if (places[row] === index) marks[row] = 1;
    }
    return marks;
  }

  // ---- filters

  private answered(query: ExploreQuery) {
    const key = JSON.stringify(query);
    const kept = this.answers.get(key);
    if (kept !== undefined) return kept;
    const made = this.answer(query);
    // The last few: going back and forth between filters is common, and each keeps one number a row.
    if (this.answers.size >= 8) this.answers.delete(this.answers.keys().next().value!);
    this.answers.set(key, made);
    return made;
  }

  private answer({ filter, order, descending }: ExploreQuery) {
    const { fails, facetBits, rangeBits } = this.fails(filter);
    let numRollouts = 0;
    const isShown = new Uint8Array(this.numGroups);
    const codes = this.groupCodes.values;
    for (let row = 0; row < fails.length; row++) {
      if (fails[row] !== 0) continue;
      numRollouts++;
      isShown[codes[row]!] = 1;
    }
    const shown = Uint32Array.from(this.groups.keys()).filter((code) => isShown[code] === 1);
    const answer: ExploreAnswer = {
      ...{ numRollouts, numGroups: shown.length, generation: this.generation },
      facets: this.facetColumns().flatMap(({ name, values, names }) => {
        const others = ~(facetBits.get(name) ?? 0);
        const counts = new Uint32Array(names.length);
        for (let row = 0; row < fails.length; row++) if ((fails[row]! & others) === 0) counts[values[row]!]!++;
        const chosen = filter.facets[name] ?? [];
        const list = names
          .map((value, code) => ({ value, count: counts[code]! }))
          .filter(({ value, count }) => value !== "" && (count > 0 || chosen.includes(value)));
        const isUseful = names.filter((each) => each !== "").length > 1 || chosen.length > 0;
        return isUseful ? [{ name, values: list.sort((a, b) => b.count - a.count) }] : [];
      }),
      ranges: [...this.rangeColumns()].flatMap(([column, values]) => {
        const facet = rangeFacet(column, values, fails, ~(rangeBits.get(column) ?? 0));
        return facet === null ? [] : [facet];
      }),
    };
    return { answer, order: this.sorted(shown, order, descending), fails };
  }

  /** For each row one bit a part of the filter that keeps it out; 0 lets it through. */
  private fails({ facets, ranges, text, only }: ExploreFilter) {
    const fails = new Uint32Array(this.numRollouts);
    const facetBits = new Map<FacetName, number>();
    const rangeBits = new Map<string, number>();
    /** Parts beyond what an integer holds share the last bit: then their counts are those of the whole filter. */
    let next = 1;
    const newBit = () => {
      const bit = next;
      if (next < 2 ** 30) next *= 2;
      return bit;
    };
    for (const { name, values, names } of this.facetColumns()) {
      const wanted = facets[name];
      if (wanted === undefined || wanted.length === 0) continue;
      const bit = newBit();
      facetBits.set(name, bit);
      const isWanted = Uint8Array.from(names, (value) => (wanted.includes(value) ? 1 : 0));
      for (let row = 0; row < fails.length; row++) if (isWanted[values[row]!] !== 1) fails[row]! |= bit;
    }
    const columns = this.rangeColumns();
    for (const { column, min, max } of ranges) {
      const values = columns.get(column);
      const bit = rangeBits.get(column) ?? newBit();
      rangeBits.set(column, bit);
      for (let row = 0; row < fails.length; row++) {
        const value = values?.[row] ?? Number.NaN;
        if (!(value >= min && value <= max)) fails[row]! |= bit;
      }
    }
    if (text !== "") {
      const bit = newBit();
      const hits = new Uint8Array(fails.length);
      this.texts.find(text, (row) => {
        hits[row] = 1;
      });
      for (let row = 0; row < fails.length; row++) if (hits[row] === 0) fails[row]! |= bit;
    }
    if (only !== null) {
      const bit = newBit();
      const marks = this.marked(only.rollouts);
      for (let row = 0; row < fails.length; row++) if (marks[row] === 0) fails[row]! |= bit;
    }
    return { fails, facetBits, rangeBits };
  }

  private facetColumns(): { name: FacetName; values: ArrayLike<number>; names: readonly string[] }[] {
    const own = Object.entries(this.facets) as [FacetName, CodeColumn][];
    return [
      ...own.map(([name, { values, names }]) => ({ name, values, names })),
      { name: "spread", values: this.spread, names: ["varied", "flat", "single"] },
      ...(this.flipped === null ? [] : [{ name: "flips" as const, values: this.flipped, names: ["same", "flipped"] }]),
    ];
  }

  private rangeColumns(): Map<string, Float64Array> {
    return new Map([
      ["step", this.steps.values],
      ["total", this.totals.values],
      ["advantage", this.advantages.values],
      ["length", this.lengths.values],
      ...[...this.rewards].map(([name, { values }]): [string, Float64Array] => [`reward:${name}`, values]),
    ]);
  }

  private sorted(shown: Uint32Array, order: ExploreQuery["order"], descending: boolean): Uint32Array {
    const { groups } = this;
    const columns = { length: this.lengths.values, advantage: this.advantages.values };
    const keys = new Float64Array(groups.length);
    for (const code of shown) {
      const group = groups[code]!;
      if (order === "order") keys[code] = group.step ?? 0;
      else if (order === "mean" || order === "std") keys[code] = group[order] ?? Number.NaN;
      else keys[code] = largest(group.rows, columns[order]);
    }
    const sign = descending ? -1 : 1;
    // Groups without the number come last either way; equal ones in the order of recording.
    const none = Number.POSITIVE_INFINITY;
    const value = (code: number) => (Number.isNaN(keys[code]!) ? none : sign * keys[code]!);
    return shown.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return x === y ? a - b : x - y;
    });
  }
}

function emptyFacets() {
  return {
    ...{ verdict: new CodeColumn(), label: new CodeColumn(), category: new CodeColumn() },
    ...{ status: new CodeColumn(), finish: new CodeColumn(), split: new CodeColumn() },
  };
}

function emptyKept(): Kept {
  return { files: new CodeColumn(), offsets: new NumberColumn(), lengths: new NumberColumn(), whole: [] };
}

/** One name for a group over all steps; a name may hold anything. */
function groupKey(step: number | null, name: string): string {
  return `${step ?? ""}\n${name}`;
}

function nameOf(key: string): string {
  return key.slice(key.indexOf("\n") + 1);
}

async function markOf(path: string): Promise<string> {
  const info = await stat(path).catch(() => null);
  return info === null ? "" : `${info.mtimeMs} ${info.size} ${info.ino}`;
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function worst(status: IndexedRow["status"], rewards: IndexedRow["rewards"]): string {
  let result = rewards === undefined ? "none" : "ok";
  for (const name in status) {
    if (status[name] === "error") return "error";
    if (status[name] === "na") result = "na";
  }
  return result;
}

function spreadOf(rows: Uint32Array, totals: Float64Array) {
  let count = 0;
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    const total = totals[row]!;
    if (Number.isNaN(total)) continue;
    count++;
    sum += total;
    least = Math.min(least, total);
    most = Math.max(most, total);
  }
  if (count === 0) return { mean: null, std: null, isFlat: false };
  const mean = sum / count;
  if (count < 2) return { mean, std: null, isFlat: false };
  let squares = 0;
  for (const row of rows) {
    const total = totals[row]!;
    if (!Number.isNaN(total)) squares += (total - mean) ** 2;
  }
  return { mean, std: Math.sqrt(squares / (count - 1)), isFlat: most - least <= tolerance };
}

function largest(rows: Uint32Array, values: Float64Array): number {
  let result = Number.NaN;
  for (const row of rows) {
    const value = values[row]!;
    if (!(result >= value) && !Number.isNaN(value)) result = value;
  }
  return result;
}

function rangeFacet(column: string, values: Float64Array, fails: Uint32Array, others: number): RangeFacet | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (min > max) return null;
  const isWhole = column === "step" || column === "length";
  const binWidth = isWhole ? Math.ceil((max - min + 1) / numBins) : (max - min) / numBins;
  const bins = new Array<number>(max === min ? 1 : isWhole ? Math.ceil((max - min + 1) / binWidth) : numBins).fill(0);
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!;
    if (Number.isNaN(value) || (fails[row]! & others) !== 0) continue;
    bins[Math.min(bins.length - 1, binWidth === 0 ? 0 : Math.floor((value - min) / binWidth))]!++;
  }
  return { column, min, max, bins, binWidth };
}
