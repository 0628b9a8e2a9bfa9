/**
 * `iad-r1 reward serve-stdio`: scores batches for a trainer in another language, one JSON line a batch. The other end is
 * engines/python/iadr1_rewards.py.
 */
import { createInterface } from "node:readline";
import { formatError, RewardError } from "@iad-r1/models/errors";
import type { Command } from "commander";
import { rewardNames } from "../../config/rewardPath";
import type { RewardInput, RewardOutcome, WeightedReward } from "../../rewards/contract";
import { type ScoredRow, scoreAll } from "../../rewards/evaluate";
import { instrumentTypeScript } from "../../rewards/live/instrument";
import { completionContent } from "../../rewards/scoreFile";
import { openRewards } from "../../rewards/user/openRewards";
import { action } from "../action";
import { integer, positive } from "../numberOption";

/** A batch: rows as in a file of completions. */
interface Request {
  id: unknown;
  rows: unknown[];
}

export function registerRewardServe(reward: Command): void {
  reward
    .command("serve-stdio")
    .description("score batches that a trainer writes to standard input; for engines/python/iadr1_rewards.py")
    .requiredOption("--rewards <names>", "rewards or reward files, separated by commas")
    .option("--timeout <seconds>", "longest time of a reward file for one batch", positive, 30)
    .option("--seed <n>", "seed of the random numbers that rewards are given", integer(0), 0)
    .action(
      action(async (context, command) => {
        const { rewards: names, timeout, seed } = command.opts<{ rewards: string; timeout: number; seed: number }>();
        const opened = openRewards(rewardNames(names), {
          ...{ folder: process.cwd(), instrument: instrumentTypeScript, wallMs: timeout * 1000, seed },
        });
        try {
          context.printJson({ ready: opened.rewards.map(({ reward: { name }, weight }) => ({ name, weight })) });
          const { signal } = context;
          const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal });
          for await (const line of lines) {
            if (signal.aborted) break;
            if (line.trim() !== "") context.printJson(await answer(line, opened.rewards, signal));
          }
        } finally {
          await opened.close();
        }
      }),
    );
}

/** Never throws: whoever asks must get an answer for each line. */
async function answer(line: string, rewards: readonly WeightedReward[], signal: AbortSignal): Promise<unknown> {
  let id: unknown = null;
  try {
    const request = JSON.parse(line) as Partial<Request> | null;
    id = request?.id ?? null;
    if (!Array.isArray(request?.rows)) {
      throw new RewardError("reward/bad-line", "Expected {id, rows: [{completion, solution, …}]}, got no rows.");
    }
    const inputs = request.rows.map(inputOf);
    // Whole groups where rows say which they belong to; a list of single completions else.
    const rows = await scoreAll(rewards, inputs, { groupSize: Math.max(1, inputs.length), signal });
    const outcomes = rewards.map(({ reward: { name } }) => [name, rows.map((row) => outcomeOf(row, name))] as const);
    return { id, outcomes: Object.fromEntries(outcomes) };
  } catch (error) {
    return { id, error: formatError(error) };
  }
}

function inputOf(row: unknown, index: number): RewardInput {
  if (typeof row !== "object" || row === null) {
    throw new RewardError(
      "reward/bad-line",
      `Row ${index + 1}: expected {completion, solution, …}, got ${JSON.stringify(row)}.`,
    );
  }
  const { completion, solution, ...columns } = row as Record<string, unknown>;
  return { completion: completionContent(completion), solution, columns };
}

function outcomeOf({ scores, status, notes }: ScoredRow, name: string): RewardOutcome {
  const own = notes[name] ?? {};
  if (status[name] === "ok") return { status: "ok", score: scores[name]!, notes: own };
  if (status[name] === "error") return { status: "error", message: String(own.error ?? "") };
  return { status: "not-applicable", reason: String(own.reason ?? "") };
}
