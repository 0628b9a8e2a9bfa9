/** `iad-r1 reward …`: what rewards say about completions, and which there are. */
import { createReadStream } from "node:fs";
import { DataError } from "@iad-r1/models/errors";
import type { Command } from "commander";
import { createRewardRegistry } from "../../rewards/registry";
import { scoreRewardFile } from "../../rewards/scoreFile";
import { action } from "../action";
import { table } from "../terminalText";
import { registerRewardCheck } from "./rewardCheck";

export function registerRewardCommands(program: Command): void {
  const reward = program.command("reward").description("score completions with reward functions");
  reward
    .command("score")
    .description("score JSON lines {completion, solution, …} and print one line of scores for each, in the same order")
    .requiredOption(
      "--rewards <names>",
      "rewards or presets, separated by commas, e.g. iad-r1/consistency,iad-r1/accuracy or iad-r1-strict",
    )
    .requiredOption("--input <file>", "file of JSON lines; - reads standard input")
    .action(
      action(async (context, command) => {
        const options = command.opts<{ rewards: string; input: string }>();
        const names = options.rewards
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "");
        const rewards = createRewardRegistry().resolve(names);
        const summary = await scoreRewardFile(openInput(options.input), rewards, context.print, {
          where: options.input === "-" ? "standard input" : options.input,
          signal: context.signal,
        });
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

async function* openInput(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* file === "-" ? process.stdin : createReadStream(file);
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
