/**
 * Scores a file of completions: JSON lines in, JSON lines out, in the same order and in bounded memory. The command
 * `reward score` is this function with files around it.
 */
import { CancelledError, DataError } from "@iad-r1/models/errors";
import type { RewardInput, WeightedReward } from "./contract";
import type { RewardErrorPolicy, ScoredRow } from "./evaluate";
import { scoreAll } from "./evaluate";

export interface ScoreFileOptions {
  /** Name of the input for messages. */
  where: string;
  /** "skip" when left out: a failing reward leaves `total` empty. */
  onError?: RewardErrorPolicy;
  signal?: AbortSignal;
}

export interface ScoreFileSummary {
  numRows: number;
  /** By reward: how many rows it scored, said nothing about, failed on. */
  perReward: Record<string, { ok: number; notApplicable: number; error: number }>;
}

/**
 * Reads lines `{completion, solution, …columns}` and writes lines `{scores, status, notes, total}`. `completion` is a text,
 * or a list of messages `{role, content}` of which the first counts; anything else is left to the rewards, which mostly
 * answer with status "error". Rewards of scope "group" take neighbouring lines with the same `group` together. Blank lines
 * are skipped.
 *
 * @param input  UTF-8 bytes in pieces of any size, or text in pieces that do not cut a character
 * @param write  takes one line without its line end; awaited, so that a slow receiver slows the reader
 * @throws DataError `reward/bad-line` with the line number: not JSON, not an object, no completion, not UTF-8, too long
 */
export async function scoreRewardFile(
  input: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  rewards: readonly WeightedReward[],
  write: (line: string) => void | Promise<void>,
  options: ScoreFileOptions,
): Promise<ScoreFileSummary> {
  const summary: ScoreFileSummary = {
    numRows: 0,
    perReward: Object.fromEntries(rewards.map(({ reward }) => [reward.name, { ok: 0, notApplicable: 0, error: 0 }])),
  };
  const scoresGroups = rewards.some(({ reward }) =>
    reward.scope === "outside" ? reward.needsGroups : reward.scope === "group",
  );
  // A process is asked about many lines at once; rewards of this process need no more than a line, or exactly a group.
  const isOutside = rewards.some(({ reward }) => reward.scope === "outside");
  const minLines = isOutside && !rewards.some(({ reward }) => reward.scope === "group") ? outsideLines : 1;
  let group: RewardInput[] = [];

  const flush = async () => {
    if (group.length === 0) return;
    const { onError, signal } = options;
    const rows = await scoreAll(rewards, group, { groupSize: group.length, onError, ...(signal && { signal }) });
    group = [];
    for (const row of rows) {
      count(summary, row);
      const { scores, status, notes, total } = row;
      await write(JSON.stringify({ scores, status, notes, total }));
    }
  };

  for await (const line of readLines(input, options.where)) {
    if (options.signal?.aborted) throw new CancelledError("Scoring was cancelled.");
    if (line.text.trim() === "") continue;
    const next = parseRow(line, options.where);
    if (scoresGroups && next.columns.group === undefined) {
      throw badLine(line.number, options.where, "a reward scores whole groups, but the line has no `group`");
    }
    const isFull = group.length >= minLines;
    if (isFull && !(scoresGroups && sameGroup(group.at(-1), next))) await flush();
    group.push(next);
    if (minLines === 1 && !scoresGroups) await flush();
  }
  await flush();
  return summary;
}

/** Lines that a reward in a process of its own is given in one call, unless a group goes on. */
const outsideLines = 512;

/** The text a reward sees of a completion: a text itself, or the content of the first of a list of messages. */
export function completionContent(completion: unknown): unknown {
  if (!Array.isArray(completion)) return completion;
  const first: unknown = completion[0];
  if (typeof first !== "object" || first === null || !("content" in first)) {
    throw new DataError(
      "reward/bad-completion",
      "A completion that is a list must begin with a message that has `content`.",
      {
        hint: 'Write the completion as text, or as [{"role": "assistant", "content": "…"}].',
      },
    );
  }
  return first.content;
}

function parseRow(line: Line, where: string): RewardInput {
  let row: unknown;
  try {
    row = JSON.parse(line.text);
  } catch (error) {
    throw badLine(line.number, where, `not JSON (${(error as Error).message})`, error);
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw badLine(line.number, where, `expected an object, got ${Array.isArray(row) ? "a list" : String(row)}`);
  }
  if (!Object.hasOwn(row, "completion")) throw badLine(line.number, where, "the object has no `completion`");
  const { completion, solution, ...columns } = row as Record<string, unknown>;
  try {
    return { completion: completionContent(completion), solution, columns };
  } catch (error) {
    throw badLine(line.number, where, (error as Error).message, error);
  }
}

function sameGroup(a: RewardInput | undefined, b: RewardInput): boolean {
  return a !== undefined && JSON.stringify(a.columns.group) === JSON.stringify(b.columns.group);
}

function count(summary: ScoreFileSummary, row: ScoredRow): void {
  summary.numRows++;
  for (const [name, status] of Object.entries(row.status)) {
    summary.perReward[name]![status === "not-applicable" ? "notApplicable" : status]++;
  }
}

function badLine(number: number, where: string, what: string, cause?: unknown): DataError {
  return new DataError("reward/bad-line", `${where}, line ${number}: ${what}.`, {
    where: `${where}:${number}`,
    hint: 'Each line must be one JSON object such as {"completion": "…", "solution": "<answer>No</answer>"}.',
    data: { line: number },
    cause,
  });
}

interface Line {
  text: string;
  /** From 1. */
  number: number;
}

/** Longer lines are no completions. */
const maxLineBytes = 64 * 1024 * 1024;

async function* readLines(
  input: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  where: string,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let pieces: Uint8Array[] = [];
  let size = 0;
  let number = 1;
  const add = (piece: Uint8Array) => {
    size += piece.length;
    if (size > maxLineBytes) throw badLine(number, where, `longer than ${maxLineBytes} bytes`);
    pieces.push(piece);
  };
  const take = (): Line => {
    try {
      const text = decoder.decode(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
      return { text, number: number++ };
    } catch (error) {
      throw badLine(number, where, "not UTF-8 text", error);
    } finally {
      pieces = [];
      size = 0;
    }
  };
  for await (const chunk of input) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      add(bytes.subarray(start, end));
      yield take();
      start = end + 1;
    }
    // A copy: the sender may use the memory of its chunk again.
    if (start < bytes.length) add(Uint8Array.from(bytes.subarray(start)));
  }
  if (size > 0) yield take();
}
