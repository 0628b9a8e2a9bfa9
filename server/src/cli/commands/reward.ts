/** `iad-r1 reward …`: what rewards say about completions, and which there are. */
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { addAbortSignal } from "node:stream";
import { DataError } from "@iad-r1/models/errors";
import { type Command, Option } from "commander";
import { rewardNames } from "../../config/rewardPath";
import type { RewardErrorPolicy } from "../../rewards/evaluate";
import { instrumentTypeScript } from "../../rewards/live/instrument";
import { createRewardRegistry } from "../../rewards/registry";
import { type ScoreFileSummary, scoreRewardFile } from "../../rewards/scoreFile";
import { openRewards } from "../../rewards/user/openRewards";
import { writeRewardTypes } from "../../rewards/user/rewardDeclaration";
import { action } from "../action";
import { positive } from "../numberOption";
import { table } from "../terminalText";
import { registerRewardCheck } from "./rewardCheck";
import { registerRewardServe } from "./rewardServe";
import { registerRewardTest } from "./rewardTest";

export function registerRewardCommands(program: Command): void {
  const reward = program.command("reward").description("score completions with reward functions");
  reward
    .command("score")
    .description("score JSON lines {completion, solution, …} and print one line of scores for each, in the same order")
    .requiredOption(
      "--rewards <names>",
      "rewards, presets or reward files, separated by commas, e.g. iad-r1/accuracy,rewards/place.reward.ts#place,own.py",
    )
    .requiredOption("--input <file>", "file of JSON lines; - reads standard input")
    .addOption(
      new Option("--on-error <policy>", "a reward that fails leaves the total empty, stops everything, or counts 0")
        .choices(["skip", "stop", "zero"])
        .default("skip"),
    )
    .option("--timeout <seconds>", "longest time of a reward file for 512 lines", positive, 10)
    .option("--python <path>", "Python for reward files in Python (default: IADR1_PYTHON, else python3)")
    .action(
      action(async (context, command) => {
        const options = command.opts<ScoreOptions>();
        const opened = openRewards(rewardNames(options.rewards), {
          ...{ folder: process.cwd(), instrument: instrumentTypeScript, wallMs: options.timeout * 1000 },
          ...(options.python !== undefined && { python: options.python }),
        });
        let summary: ScoreFileSummary;
        try {
          summary = await scoreRewardFile(openInput(options.input, context.signal), opened.rewards, context.print, {
            where: options.input === "-" ? "standard input" : options.input,
            onError: options.onError,
            signal: context.signal,
          });
        } finally {
          await opened.close();
        }
        if (context.json) return;
        const rows = Object.entries(summary.perReward).map(([name, { ok, notApplicable, error }]) => [
          name,
          `${ok}`,
          `${notApplicable}`,
          `${error}`,
        ]);
        for (const line of table(["reward", "scored", "not applicable", "errors"], rows)) context.log(line);
      }),
    );
  registerRewardCheck(reward);
  registerRewardTest(reward);
  registerRewardServe(reward);
  reward
    .command("types")
    .description(
      "make a folder of reward files check in an editor: writes the types of iad-r1/reward; nothing is installed",
    )
    .argument("[folder]", "folder of the reward files", "rewards")
    .action(
      action(async (context, command) => {
        const written = await writeRewardTypes(resolve(command.processedArgs[0] as string));
        if (context.json) return context.printJson({ written });
        for (const file of written) context.print(file);
      }),
    );
  reward
    .command("list")
    .description("the built-in rewards and presets")
    .action(
      action(async (context) => {
        const registry = createRewardRegistry();
        const presets = [...registry.presets.values()].map(({ name, description, rewards }) => ({
          name,
          description,
          rewards: rewards.map(({ reward: { name: part }, weight }) => ({ name: part, weight })),
        }));
        const functions = [...registry.functions.values()].map(({ name, range, scope, description }) => ({
          name,
          range,
          scope,
          description,
        }));
        if (context.json) return context.printJson({ presets, rewards: functions });
        context.print("Presets");
        for (const { name, description, rewards } of presets) {
          context.print(`  ${name}: ${description}`);
          context.print(`    ${rewards.map((part) => `${part.weight} × ${part.name}`).join(" + ")}`);
        }
        context.print("Rewards");
        for (const { name, range, description } of functions)
          context.print(`  ${name} (${range.min} to ${range.max}): ${description}`);
      }),
    );
}

interface ScoreOptions {
  rewards: string;
  input: string;
  onError: RewardErrorPolicy;
  timeout: number;
  python?: string;
}

async function* openInput(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    // Whoever writes to standard input may never write again.
    yield* addAbortSignal(signal, file === "-" ? process.stdin : createReadStream(file));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    throw new DataError(
      "data/unreadable",
      `${file} cannot be read: ${code === "ENOENT" ? "there is no such file" : code}.`,
      {
        where: file,
        hint: "Give the path of a file of JSON lines, or - for standard input.",
        cause,
      },
    );
  }
}
