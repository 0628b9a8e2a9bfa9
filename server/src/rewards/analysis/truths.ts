/**
 * What is known about the ground truth of a row, for any kind of data: its text, its class, completions that state it, and
 * whether a function looks at it at all. Judges nothing.
 */
import { parseTags, readYesNo } from "../tags";
import type { RolloutRow } from "../../rollouts/row";
import type { Examination, ScoredFunction } from "./examination";
import type { FindingProbe } from "./finding";

/** Columns that hold the truth where `solution` does not, most common names first. */
const truthColumns = ["solution", "answer", "ground_truth", "target", "label", "gold", "reference"];

/** The truth as text, or null where the row has none. */
export function truthText(row: RolloutRow): string | null {
  if (row.solution !== null && row.solution !== undefined) return String(row.solution);
  for (const name of truthColumns) {
    const value = row.columns[name];
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  }
  // verl keeps it one level down.
  const nested = row.columns.reward_model;
  if (typeof nested === "object" && nested !== null && "ground_truth" in nested) return String(nested.ground_truth);
  return null;
}

/** "yes" or "no" for truths in the answer grammar (or that are just that word); null for all others. */
export function truthClass(row: RolloutRow): "yes" | "no" | null {
  const text = truthText(row);
  if (text === null) return null;
  const tags = parseTags(text);
  return tags.answer ?? (tags.elements.length === 0 ? readYesNo(text) : null);
}

/** A completion for the row's task with the score that it should get, to keep. */
export function probeOf(
  { solution, prompt, columns }: RolloutRow,
  name: string,
  completion: string,
  expect: string,
): FindingProbe {
  return { name, completion, solution, prompt, columns, expect };
}

/** The row as if it belonged to the data row of another one. */
export function withTruthOf(row: RolloutRow, other: RolloutRow): RolloutRow {
  return { ...row, solution: other.solution, columns: other.columns };
}

/**
 * The row with another completion, which ended by itself; its length in tokens is judged by how many characters a token of the
 * row has.
 */
export function asked(row: RolloutRow, completion: string): RolloutRow {
  const charactersPerToken =
    row.length === undefined || row.length === 0 || row.completion === "" ? 4 : row.completion.length / row.length;
  const { total: _total, advantage: _advantage, rewards: _rewards, status: _status, ...kept } = row;
  return {
    ...kept,
    completion,
    ...(row.finish !== undefined && { finish: "eos" as const }),
    ...(row.length !== undefined && { length: Math.ceil(completion.length / charactersPerToken) }),
  };
}

/** One row of each group, with different truths first: what a check per data row needs, in few rows. */
export function distinctDataRows({ rows, groups }: Pick<Examination, "rows" | "groups">, limit: number): number[] {
  const seen = new Set<string | null>();
  const [fresh, repeated]: [number[], number[]] = [[], []];
  for (const members of groups) {
    const row = members[0]!;
    const text = truthText(rows[row]!);
    (seen.has(text) ? repeated : fresh).push(row);
    seen.add(text);
  }
  // Classes in turn, so that few rows hold both kinds.
  const byClass = new Map<string | null, number[]>();
  for (const row of fresh) {
    const key = truthClass(rows[row]!);
    byClass.set(key, [...(byClass.get(key) ?? []), row]);
  }
  const mixed: number[] = [];
  const queues = [...byClass.values()];
  for (let i = 0; mixed.length < fresh.length; i++) {
    for (const queue of queues) if (queue[i] !== undefined) mixed.push(queue[i]!);
  }
  return [...mixed, ...repeated].slice(0, limit);
}

/** Reasoning for completions that we write: no words of any language, so that no reward can like or dislike them. */
export const neutralReasoning = "1 2 3 4 5 6 7 8";

/**
 * Completions that state the truth, in the forms that rewards expect; which of them a reward wants, its scores tell. The
 * plainest first.
 */
export function goldCompletions(row: RolloutRow): string[] {
  const text = truthText(row);
  if (text === null) return [];
  const tags = parseTags(text);
  if (tags.elements.length > 0) {
    const own = text.trim();
    if (tags.think !== null) return [own];
    const body = tags.elements.map(({ start, end }) => text.slice(start, end));
    return [
      `<think>${neutralReasoning}</think>${body.join("")}`,
      `<think>\n${neutralReasoning}\n</think>\n${body.join("\n")}`,
      own,
    ];
  }
  const value = shortAnswer(text);
  return [
    `<think>${neutralReasoning}</think><answer>${value}</answer>`,
    `<think>\n${neutralReasoning}\n</think>\n<answer>\n${value}\n</answer>`,
    `<reasoning>\n${neutralReasoning}\n</reasoning>\n<answer>\n${value}\n</answer>\n`,
    `${neutralReasoning}\n\\boxed{${value}}`,
    `<think>\n${neutralReasoning}\n</think>\n<answer>\n\\boxed{${value}}\n</answer>`,
    `${neutralReasoning}\n#### ${value}`,
    `${neutralReasoning}\nAnswer: ${value}`,
    value,
    text,
  ];
}

/** What follows the last `####` (GSM8K) or stands in the last `\boxed{}`; else the whole, stripped. */
export function shortAnswer(text: string): string {
  const hashes = text.lastIndexOf("####");
  if (hashes >= 0) return text.slice(hashes + 4).trim();
  const boxed = /\\boxed\{([^{}]*)\}(?![\s\S]*\\boxed)/.exec(text);
  return (boxed?.[1] ?? text).trim();
}

/** How much a function cares about the truth; made once for each function and examination. */
const judged = new WeakMap<ScoredFunction, Promise<boolean>>();
const maxSwappedRows = 48;

/** Whether some completion would have another score if the truth were that of another row. */
export function judgesTruth(examination: Examination, scored: ScoredFunction): Promise<boolean> {
  const known = judged.get(scored);
  if (known !== undefined) return known;
  const answer = compareTruths(examination, scored);
  judged.set(scored, answer);
  return answer;
}

async function compareTruths({ rows, groups, rescore }: Examination, scored: ScoredFunction): Promise<boolean> {
  if (scored.result === null) return false;
  const wholeGroups = groups
    .slice(0, Math.max(1, Math.ceil(maxSwappedRows / Math.max(1, groups[0]?.length ?? 1))))
    .flat();
  const own: RolloutRow[] = [];
  const swapped: RolloutRow[] = [];
  for (const index of wholeGroups) {
    const row = rows[index]!;
    const other =
      rows.find(
        (candidate) =>
          truthText(candidate) !== truthText(row) &&
          (truthClass(row) === null || truthClass(candidate) !== truthClass(row)),
      ) ?? rows.find((candidate) => truthText(candidate) !== truthText(row));
    if (other === undefined) continue;
    own.push(row);
    swapped.push(withTruthOf(row, other));
    if (scored.declaration.scope === "group") continue;
    for (const completion of goldCompletions(row).slice(0, 2)) {
      own.push(asked(row, completion));
      swapped.push(withTruthOf(asked(row, completion), other));
    }
  }
  if (own.length === 0) return false;
  const [before, after] = [
    await rescore(scored.declaration.name, own),
    await rescore(scored.declaration.name, swapped),
  ];
  return before.outcomes.some((outcome, i) => {
    const now = after.outcomes[i]!;
    if (outcome.status !== now.status) return true;
    return outcome.status === "ok" && now.status === "ok" && Math.abs(outcome.score - now.score) > 1e-9;
  });
}
