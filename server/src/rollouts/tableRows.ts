/**
 * Tables of completions by column, as trainers log them: TRL (parquet, one file a logged step) and ms-swift (one line of JSON a logged
 * step, an object of lists). Which columns are rewards is not written anywhere and is decided here.
 *
 * TRL >= 1.0 writes `completions/completions_NNNNN.parquet` with step, prompt, completion, one column of 64-bit floats a reward function,
 * columns of `log_extra` in alphabetical order, advantage. Older versions only sent such tables to Weights & Biases: from 0.19 with
 * advantage, 0.17 with one column a reward, 0.16 with their sum in `reward`; step was a text until 1.0. ms-swift writes `completions.jsonl`
 * with step (text), prompt, completion, one list a reward, `advantages` and further lists (solution, num_turns, entropy) since 3.8; its first
 * versions had `messages` in place of prompt and the sum in `reward`.
 */
import type { RewardStatus } from "@iad-r1/protocol/runs";
import { contentOf } from "./jsonRows";
import { groupSizes } from "./grouping";
import type { RolloutRow } from "./row";

export interface Table {
  /** Column name to values, in the order of the file. */
  columns: ReadonlyMap<string, ArrayLike<unknown>>;
  /** Columns that can be rewards: floats. Null: judged by their values. */
  floats: ReadonlySet<string> | null;
}

export interface TableOptions {
  /** Names of reward columns when the person said them. */
  rewards?: readonly string[];
  groupSize?: number;
}

const promptNames = ["prompt", "messages"];
const advantageNames = ["advantage", "advantages"];
/** Lists that trainers add and that are no rewards. */
const knownExtras = new Set([
  ...["step", "prompt", "messages", "completion", "advantage", "advantages", "reward", "solution", "num_turns"],
  ...["entropy", "finish_reason", "completion_length", "length", "index", "image", "images"],
]);

/** Rows of a table, or what is wrong with it. @param prefix makes the names of groups unique in what is read */
export function tableRows(
  { columns, floats }: Table,
  prefix: string,
  options: TableOptions = {},
): { rows: RolloutRow[]; fault: null } | { rows: null; fault: string } {
  const completions = columns.get("completion");
  if (completions === undefined) {
    const names = columns.size === 0 ? "none" : [...columns.keys()].slice(0, 20).join(", ");
    return { rows: null, fault: `no column \`completion\`; there are ${names}` };
  }
  const count = completions.length;
  for (const [name, values] of columns) {
    if (values.length !== count) {
      return {
        rows: null,
        fault: `column \`${name}\` has ${values.length} values, expected ${count} as \`completion\``,
      };
    }
  }
  const prompts = promptNames.map((name) => columns.get(name)).find((each) => each !== undefined);
  const advantages = advantageNames.map((name) => columns.get(name)).find((each) => each !== undefined);
  const solutions = columns.get("solution");
  const rewards = rewardNames(columns, floats, options.rewards);
  if (options.rewards !== undefined && rewards.length < options.rewards.length) {
    const missing = options.rewards.filter((name) => !columns.has(name));
    return { rows: null, fault: `no column \`${missing[0]}\`; there are ${[...columns.keys()].join(", ")}` };
  }
  const taken = new Set([...promptNames, ...advantageNames, ...rewards, "completion", "step", "reward"]);
  const extras = [...columns.keys()].filter((name) => !taken.has(name));
  const rows: RolloutRow[] = [];
  for (let i = 0; i < count; i++) {
    const completion = contentOf(completions[i]);
    if (completion === null) return { rows: null, fault: `row ${i + 1} has no text in \`completion\`` };
    const solution = solutions?.[i];
    const scores = rewards.map((name): [string, number | null] => [name, numberOf(columns.get(name)![i])]);
    const row: RolloutRow = {
      ...{ group: "", index: 0, prompt: prompts?.[i] ?? null, completion },
      solution: typeof solution === "string" ? solution : null,
      columns: Object.fromEntries(
        extras
          .filter((name) => name !== "solution" || typeof solution !== "string")
          .map((name) => [name, plain(columns.get(name)![i])]),
      ),
    };
    const step = numberOf(columns.get("step")?.[i]);
    if (step !== null && Number.isSafeInteger(step) && step >= 0) row.step = step;
    if (advantages !== undefined) row.advantage = numberOf(advantages[i]);
    if (rewards.length > 0) {
      row.rewards = Object.fromEntries(scores);
      row.status = Object.fromEntries(
        scores.map(([name, score]): [string, RewardStatus] => [name, score === null ? "na" : "ok"]),
      );
    }
    const reward = columns.get("reward");
    // Weights are not in the file, so a sum of ours could be another one: only a recorded total is one, or that of one reward.
    if (reward !== undefined) row.total = numberOf(reward[i]);
    else if (rewards.length === 1) row.total = scores[0]![1];
    rows.push(row);
  }
  nameGroups(rows, prefix, options.groupSize);
  return { rows, fault: null };
}

/** Gives neighbouring rows of one prompt a group, and each row its place in it. */
export function nameGroups(rows: RolloutRow[], prefix: string, groupSize?: number): void {
  let at = 0;
  const sizes = groupSizes(
    rows.map(({ prompt, solution, columns, advantage }) => ({
      prompt,
      solution: solution ?? columns.solution,
      advantage: advantage ?? null,
    })),
    groupSize,
  );
  sizes.forEach((size, number) => {
    for (let index = 0; index < size; index++) Object.assign(rows[at++]!, { group: `${prefix}/${number}`, index });
  });
}

function rewardNames(
  columns: Table["columns"],
  floats: Table["floats"],
  chosen: readonly string[] | undefined,
): string[] {
  if (chosen !== undefined) return chosen.filter((name) => columns.has(name));
  return [...columns.keys()].filter((name) => {
    if (knownExtras.has(name)) return false;
    return floats === null ? holdsNumbers(columns.get(name)!) : floats.has(name);
  });
}

function holdsNumbers(values: ArrayLike<unknown>): boolean {
  let some = false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === "number") some = true;
    else if (value !== null && value !== undefined) return false;
  }
  return some;
}

/** A finite number; also from a text, as older versions wrote the step. */
function numberOf(value: unknown): number | null {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" && /^\d{1,15}$/.test(value)) return Number(value);
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** What can be written as JSON. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
  }
  return value ?? null;
}
