/**
 * The one reader of recorded completions: a run folder of ours, lines `{group, prompt, completion, solution, …columns}`, and what TRL,
 * ms-swift and LLaMA-Factory leave. What is wrong with a line becomes a problem with its number; the other lines are read all the same.
 * It keeps nothing and knows no rewards; `rolloutIndex.ts` is for questions about many.
 */
import { CancelledError, DataError } from "@iad-r1/models/errors";
import { type DataProblem, Problems, WHOLE_FILE } from "../data/problems";
import { contentOf, isRecord, parseObject, rowOf } from "./jsonRows";
import { forEachLine, type TextLine } from "./lines";
import { readParquet } from "./parquet";
import type { RolloutFormat, RolloutRow, RowPlace } from "./row";
import { type IndexedRow, RecordScanner } from "./scanRecord";
import { locateRollouts, type RolloutSource } from "./sources";
import { nameGroups, type TableOptions, tableRows } from "./tableRows";
import { readRolloutTables, type RolloutTables, sampleOf } from "./tables";

export interface ReadRolloutsOptions extends TableOptions {
  /** Recognised from the content when left out. */
  format?: RolloutFormat;
  /** Both ends belong to it. */
  steps?: { from?: number; to?: number };
  /** The last n steps of those; a file without steps counts as one. */
  lastSteps?: number;
  signal?: AbortSignal;
}

export interface RolloutsRead {
  format: RolloutFormat;
  path: string;
  /** In the order of the files; in a file of lines, the completions of a group need not stand together. */
  rows: RolloutRow[];
  /** Names of rewards with recorded scores, in order of appearance. */
  rewardNames: string[];
  problems: DataProblem[];
}

/** All rows. @throws DataError as `locateRollouts`, `rollouts/bad-parquet`; CancelledError */
export async function readRollouts(path: string, options: ReadRolloutsOptions = {}): Promise<RolloutsRead> {
  const source = await sourceOf(path, options.format);
  const rows: RolloutRow[] = [];
  const problems = await forEachRollout(source, (row) => rows.push(row), options);
  const kept = lastSteps(rows, options.lastSteps);
  const names = new Set<string>();
  for (const { rewards } of kept) for (const name in rewards) names.add(name);
  return { format: source.format, path, rows: kept, rewardNames: [...names], problems };
}

/** @throws as `readRollouts` */
export async function sourceOf(path: string, format?: RolloutFormat): Promise<RolloutSource> {
  const source = await locateRollouts(path);
  if (format === undefined || format === source.format) return source;
  const isFolder = source.format === "run" || source.files.length !== 1 || source.files[0]!.path !== path;
  if (!isFolder) return { ...source, format };
  throw new DataError("rollouts/unknown-format", `${path} is a folder of ${source.format}, expected ${format}.`, {
    ...{ where: path, hint: "Name the file itself, or leave the format out." },
  });
}

/**
 * Calls `take` for every row as it is read, in order.
 *
 * @returns what is wrong with single rows
 * @throws as `readRollouts`, and whatever `take` throws
 */
export async function forEachRollout(
  source: RolloutSource,
  take: (row: RolloutRow, place: RowPlace) => void,
  options: ReadRolloutsOptions = {},
): Promise<DataProblem[]> {
  const tables = source.format === "run" ? await readRolloutTables(source.path) : null;
  return forEachIn(source, tables, take, null, options);
}

/**
 * The same for what lists and filters need of a row. Records of our runs are not read as a whole for it.
 *
 * @throws as `readRollouts`, and whatever `take` throws
 */
export async function forEachIndexedRow(
  source: RolloutSource,
  tables: RolloutTables | null,
  take: (row: IndexedRow, place: RowPlace) => void,
  options: ReadRolloutsOptions = {},
): Promise<DataProblem[]> {
  if (source.format !== "run" || tables === null) return forEachIn(source, tables, take, null, options);
  const scanner = new RecordScanner();
  const scan: Scan = (line, place) => {
    const row = scanner.scan(line);
    if (row === null) return false;
    row.prompt = tables.prompts.get(row.promptHash) ?? null;
    row.columns = sampleOf(tables, row)?.columns ?? row.columns;
    take(row, place);
    return true;
  };
  return forEachIn(source, tables, take, scan, options);
}

/** Takes a line that it knows; false: it must be read as a whole. */
type Scan = (line: string, place: RowPlace) => boolean;

async function forEachIn(
  source: RolloutSource,
  tables: RolloutTables | null,
  take: (row: RolloutRow, place: RowPlace) => void,
  scan: Scan | null,
  options: ReadRolloutsOptions,
): Promise<DataProblem[]> {
  const { steps, signal } = options;
  const problems = new Problems(source.path);
  const isWanted = (step: number) => step >= (steps?.from ?? 0) && step <= (steps?.to ?? Number.POSITIVE_INFINITY);
  const wanted = source.files.filter(({ step }) => step === null || isWanted(step));
  const files =
    options.lastSteps === undefined || wanted.some(({ step }) => step === null)
      ? wanted
      : wanted.slice(Math.max(0, wanted.length - options.lastSteps));
  const give = (row: RolloutRow, place: RowPlace) => {
    if (row.step === undefined || isWanted(row.step)) take(tables === null ? row : withTables(row, tables), place);
  };
  let previous: string | null = null;
  for (const file of files) {
    if (signal?.aborted) throw new CancelledError();
    const found = new Problems(file.path);
    switch (source.format) {
      case "trl":
        previous = await readTrl(file, previous, found, give, options);
        break;
      case "swift":
        await readSwift(file.path, found, give, options);
        break;
      case "llama-factory":
        await readLlamaFactory(file.path, found, give, options);
        break;
      default:
        await readLines(file, found, give, scan, signal);
    }
    problems.append(found.list());
  }
  return problems.list();
}

type Give = (row: RolloutRow, place: RowPlace) => void;

async function readLines(
  { path, step }: RolloutSource["files"][number],
  problems: Problems,
  give: Give,
  scan: Scan | null,
  signal: AbortSignal | undefined,
): Promise<void> {
  /** How many of each group were there, and neighbouring lines without a group that ask the same. */
  const seen = new Map<string, number>();
  let unnamed = 0;
  let task: string | null = null;
  await forEachLine(
    path,
    (line) => {
      const place = { file: path, line: line.number, bytes: { offset: line.offset, length: line.length } };
      if (scan !== null && line.text !== null && !line.isCut && scan(line.text, place)) return;
      const value = objectOf(line, problems);
      if (value === null) return;
      let group: string | null = null;
      if (value.group === undefined && !isRecord(value)) {
        const asked = JSON.stringify([value.prompt ?? null, value.solution ?? null, value.step ?? null]);
        // Lines that say nothing of their task have none in common.
        const isAnonymous = value.prompt === undefined && value.solution === undefined;
        if (isAnonymous || asked !== task) unnamed++;
        task = isAnonymous ? null : asked;
        group = `lines ${unnamed}`;
      }
      const { row, fault } = rowOf(value, group, step);
      if (row === null) {
        problems.error({ line: line.number, column: 1 }, "rollouts/bad-line", `The line has no ${fault}.`, lineHint);
        return;
      }
      const number = seen.get(row.group) ?? 0;
      seen.set(row.group, number + 1);
      if (row.index < 0) row.index = number;
      give(row, place);
    },
    signal,
  );
}

const lineHint =
  'Each line is one JSON object such as {"group": 1, "prompt": "…", "completion": "…", "solution": "<answer>No</answer>"}.';

/** The object of a line; null with a problem when there is none. */
function objectOf(line: TextLine, problems: Problems): Record<string, unknown> | null {
  const at = { line: line.number, column: 1 };
  const parsed = line.text === null ? { fault: line.fault! } : parseObject(line.text);
  if ("value" in parsed) return parsed.value;
  const why = line.isCut ? `${parsed.fault}; the file ends in the middle of the line` : parsed.fault;
  problems.error(at, "rollouts/bad-line", `The line cannot be used: ${why}.`, lineHint);
  return null;
}

async function readSwift(path: string, problems: Problems, give: Give, options: ReadRolloutsOptions): Promise<void> {
  let previous = "";
  await forEachLine(
    path,
    (line) => {
      const value = objectOf(line, problems);
      if (value === null) return;
      const lists = new Map(
        Object.entries(value).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1])),
      );
      const { rows, fault } = tableRows({ columns: lists, floats: null }, `line ${line.number}`, options);
      if (rows === null) {
        const hint = "Expected a line of ms-swift's completions.jsonl: an object of lists of one length.";
        problems.error({ line: line.number, column: 1 }, "rollouts/bad-line", `The line has ${fault}.`, hint);
        return;
      }
      const said = gist(rows);
      if (said === previous) {
        problems.warning(
          { line: line.number, column: 1 },
          "rollouts/repeated",
          "The line repeats the one before and is left out.",
        );
        return;
      }
      previous = said;
      for (const row of rows) give(row, { file: path, line: line.number });
    },
    options.signal,
  );
}

/** @returns what the file says, to know a file that only repeats it */
async function readTrl(
  { path, step }: RolloutSource["files"][number],
  previous: string | null,
  problems: Problems,
  give: Give,
  options: ReadRolloutsOptions,
): Promise<string> {
  const { rows, fault } = tableRows(await readParquet(path), step === null ? "table" : `${step}`, options);
  if (rows === null) {
    problems.error(WHOLE_FILE, "rollouts/bad-table", `The table has ${fault}.`, "Expected a file that TRL has logged.");
    return "";
  }
  const said = gist(rows);
  if (said === previous) {
    problems.warning(
      WHOLE_FILE,
      "rollouts/repeated",
      "The file repeats the completions of the one before and is left out.",
    );
    return said;
  }
  rows.forEach((row, i) => {
    if (row.step === undefined && step !== null) row.step = step;
    give(row, { file: path, line: i + 1 });
  });
  return said;
}

/** Trainers log what they hold; with several updates a batch, that is the same completions again. */
function gist(rows: readonly RolloutRow[]): string {
  return JSON.stringify(rows.map(({ completion, advantage }) => [completion, advantage]));
}

/** `generated_predictions.jsonl`: one answer a prompt, `{prompt, predict, label}`; there are no rewards in it. */
async function readLlamaFactory(
  path: string,
  problems: Problems,
  give: Give,
  options: ReadRolloutsOptions,
): Promise<void> {
  const rows: RolloutRow[] = [];
  const places: RowPlace[] = [];
  await forEachLine(
    path,
    (line) => {
      const value = objectOf(line, problems);
      if (value === null) return;
      const completion = contentOf(value.predict);
      if (completion === null) {
        const message = "The line has no text in `predict`.";
        problems.error({ line: line.number, column: 1 }, "rollouts/bad-line", message, llamaHint);
        return;
      }
      const { prompt = null, label, predict: _, ...columns } = value;
      const solution = typeof label === "string" ? label : null;
      if (solution === null && label !== undefined && label !== null) columns.solution = label;
      rows.push({ ...{ group: "", index: 0, prompt, completion, solution, columns } });
      places.push({ file: path, line: line.number });
    },
    options.signal,
  );
  nameGroups(rows, "lines", options.groupSize);
  rows.forEach((row, i) => {
    give(row, places[i]!);
  });
}

const llamaHint = 'Expected a line of LLaMA-Factory such as {"prompt": "…", "predict": "…", "label": "…"}.';

/** Adds what a run keeps once for all its completions: the chat and the columns of the data row. */
function withTables(row: RolloutRow, tables: RolloutTables): RolloutRow {
  const { recorded } = row;
  if (recorded === undefined) return row;
  if (row.prompt === null) row.prompt = tables.prompts.get(recorded.promptHash) ?? null;
  const columns = sampleOf(tables, row)?.columns;
  if (columns !== undefined) row.columns = { ...columns, ...row.columns };
  return row;
}

function lastSteps(rows: RolloutRow[], count: number | undefined): RolloutRow[] {
  if (count === undefined) return rows;
  const steps = [...new Set(rows.map(({ step }) => step ?? -1))].sort((a, b) => a - b).slice(-count);
  const from = steps[0] ?? -1;
  return rows.filter(({ step }) => (step ?? -1) >= from);
}
