/**
 * `iad-r1 rollouts …`: let a model answer the same question several times, scored, to look at rewards without a training run; and read what
 * was recorded, here or by other trainers (`rolloutFiles.ts`).
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { counted } from "@iad-r1/models/util/counted";
import { createRandom } from "@iad-r1/models/util/random";
import { type Command, Option } from "commander";
import { rewardNames } from "../../config/rewardPath";
import { defaultPromptStyle, numReferences, type PromptStyle, promptStyles } from "../../generate/examples";
import { instrumentTypeScript } from "../../rewards/live/instrument";
import { openRewards } from "../../rewards/user/openRewards";
import { type SampledLine, sampleLines } from "../../train/sampleLines";
import { action } from "../action";
import { DATA_HELP, samplesOf } from "../dataOption";
import { type DEVICE_CHOICES, deviceOption, modelOf, modelOption } from "../modelOptions";
import { integer, nonNegative, positive, share } from "../numberOption";
import { table } from "../terminalText";
import { warnOfReferences } from "./model";
import { registerRolloutFiles } from "./rolloutFiles";

interface SampleOptions {
  model?: string;
  adapter?: string;
  bits?: "4" | "8";
  data: string;
  prompts: number;
  groupSize: number;
  rewards: string;
  out?: string;
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  references: number;
  style: PromptStyle;
  seed: number;
  timeout: number;
  device: (typeof DEVICE_CHOICES)[number];
  threads: number;
}

export function registerRolloutCommands(program: Command): void {
  const rollouts = program.command("rollouts").description("groups of completions, as SC-GRPO learns from them");
  const sample = rollouts
    .command("sample")
    .description("let a model answer each of some prompts several times and score the answers; prints JSON lines")
    .requiredOption("--data <path>", DATA_HELP)
    .option("--prompts <n>", "number of prompts, drawn from the data", integer(1), 8)
    .option("--group-size <n>", "completions of each prompt", integer(2), 8)
    .option("--rewards <names>", "rewards, presets or reward files, separated by commas", "iad-r1-strict")
    .option("--out <file>", "write the lines to a file instead of printing them")
    .option("--max-tokens <n>", "longest completion in tokens", integer(1), 256)
    .option("--temperature <t>", "how freely completions are drawn", nonNegative, 0.9)
    .option("--top-k <n>", "sample from the k most likely tokens; 0 = off", integer(0), 50)
    .option("--top-p <p>", "sample from the smallest set of tokens with this probability", share, 0.9)
    .option("--references <n>", "reference images shown before each image", integer(0), 0)
    .addOption(
      new Option("--style <style>", "how the question is asked").choices(promptStyles).default(defaultPromptStyle),
    )
    .option("--seed <n>", "seed of the draw and of the sampling", integer(0), 42)
    .option("--timeout <seconds>", "longest time of a reward file for all completions", positive, 30)
    .option("--threads <n>", "threads for the arithmetic; 0 = one per core", integer(0), 0);
  registerRolloutFiles(rollouts);
  modelOption(sample);
  deviceOption(sample);
  sample.action(
    action(async (context, command) => {
      const options = command.opts<SampleOptions>();
      const all = await samplesOf(options.data, context.signal);
      // What cannot be written is said before the work; a file that is there stays as it is until then.
      if (options.out !== undefined) closeSync(openSync(options.out, "a"));
      const chosen = createRandom(options.seed, "rollouts").shuffle(all).slice(0, options.prompts);
      warnOfReferences(context, chosen.map(numReferences), options.references);
      const opened = openRewards(rewardNames(options.rewards), {
        ...{ folder: process.cwd(), instrument: instrumentTypeScript, wallMs: options.timeout * 1000 },
        seed: options.seed,
      });
      let lines: SampledLine[];
      try {
        const { groupSize, references, style, seed, device, threads, temperature, topK, topP } = options;
        lines = await sampleLines(await modelOf(options, context.signal), chosen, {
          ...{ groupSize, references, style, seed, device, threads, temperature, topK, topP },
          ...{ rewards: opened.rewards, maxNewTokens: options.maxTokens, signal: context.signal },
          onDevice: (_, message) => context.log(message),
          onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} completions`),
        });
      } finally {
        await opened.close();
      }
      if (context.interactive) process.stderr.write("\r\x1b[K");
      const texts = lines.map((line) => JSON.stringify(line));
      if (options.out === undefined) for (const text of texts) context.print(text);
      else writeFileSync(options.out, texts.map((text) => `${text}\n`).join(""));
      for (const line of summary(
        lines,
        opened.rewards.map(({ reward }) => reward.name),
      ))
        context.log(line);
    }),
  );
}

/** What a person wants to know before looking into the lines. */
function summary(lines: readonly SampledLine[], names: readonly string[]): string[] {
  const mean = (values: readonly number[]) =>
    values.length === 0 ? "–" : (values.reduce((a, b) => a + b, 0) / values.length).toFixed(3);
  const groups = new Map<number, (number | null)[]>();
  for (const { group, total } of lines) groups.set(group, [...(groups.get(group) ?? []), total]);
  const flat = [...groups.values()].filter((totals) => totals.every((total) => total === totals[0])).length;
  const rows = names.map((name) => {
    const count = (status: string) => lines.filter((line) => line.status[name] === status).length;
    return [name, mean(lines.flatMap((line) => line.rewards[name] ?? [])), `${count("na")}`, `${count("error")}`];
  });
  return [
    ...table(["reward", "mean", "not applicable", "errors"], rows),
    `${counted(lines.length, "completion")} of ${counted(groups.size, "prompt")}; in ${flat} all totals are equal.`,
  ];
}
