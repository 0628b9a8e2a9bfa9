/**
 * The command line `iad-r1`. This file only knows names, options and exit codes; each command's work is a function of the
 * server that knows no terminal. Exit codes: 0 success, 1 failed job, 2 wrong usage, 130 interrupted.
 */
import { formatError } from "@iad-r1/models/errors";
import { Command, CommanderError, Option } from "commander";
import { version } from "../version";
import { interrupt, outcome } from "./action";
import { familiesOf } from "./families";

/** @param args after the program's name; options of the first level take no values, so the first word that is none names the command */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("iad-r1")
    .description(
      "Teach a vision-language model to find, locate, name and explain defects in pictures of products:\n" +
        "inspect images, post-train in two stages (PA-SFT, then SC-GRPO), evaluate, and look into rewards.\n" +
        "Everything runs on this machine; no Python and no GPU are needed.",
    )
    .version(version, "-V, --version", "print the version")
    .addOption(new Option("--json", "print machine-readable JSON on stdout; progress and logs go to stderr"))
    .showHelpAfterError("(run with --help to see what is possible)")
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  iad-r1 doctor                                       check this machine
  iad-r1 project sample first-steps                   an experiment with pictures to play with
  iad-r1 inspect part.png                             look at a picture with the built-in model
  iad-r1 data synth --out data/synth --count 200      make a data set to play with
  iad-r1 post-train iadr1.yaml                        both training stages with an evaluation before, between and after
  iad-r1 eval --model nano --data samples/real        how good is a model on a data set?
  iad-r1 reward score --rewards iad-r1-strict --input rollouts.jsonl

Exit codes: 0 success · 1 failed · 2 wrong usage · 130 interrupted`,
    );
  for (const { load } of familiesOf(args.find((word) => !word.startsWith("-")))) (await load())(program);
  // Every sub-command takes --json too, wherever it stands on the line.
  const addJson = (command: Command): void => {
    for (const child of command.commands) {
      child.exitOverride();
      if (!child.options.some((option) => option.long === "--json")) {
        child.addOption(new Option("--json", "machine-readable output on stdout"));
      }
      addJson(child);
    }
  };
  addJson(program);
  return program;
}

/**
 * The command line with `help` as the option `--help` of the command that is meant, at any depth. Commander answers for the first word alone,
 * and with the help of all where there is no such command.
 */
function withHelpAsOption(program: Command, args: readonly string[]): string[] {
  const rest = [...args];
  let command = program;
  for (let i = 0; i < rest.length && command.commands.length > 0; i++) {
    const word = rest[i]!;
    if (word === "help") {
      rest.splice(i--, 1);
      rest.push("--help");
    } else if (!word.startsWith("-")) {
      const named = command.commands.find((one) => one.name() === word);
      if (named === undefined) {
        if (rest.some((one) => one === "--help" || one === "-h")) command.error(`error: unknown command '${word}'`);
        return rest;
      }
      command = named;
    }
  }
  return rest;
}

async function main(): Promise<void> {
  process.on("SIGINT", () => {
    if (interrupt.signal.aborted) process.exit(130);
    process.stderr.write("\nStopping… (Ctrl-C again to stop at once)\n");
    interrupt.abort();
  });
  process.on("SIGTERM", () => interrupt.abort());
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // The reader of a pipe went away (`| head`): nothing is wrong with us.
    if (error.code === "EPIPE") process.exit(outcome.exitCode);
    throw error;
  });
  try {
    const args = process.argv.slice(2);
    const program = await buildProgram(args);
    await program.parseAsync(withHelpAsOption(program, args), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      const harmless = ["commander.helpDisplayed", "commander.help", "commander.version"].includes(error.code);
      outcome.exitCode = harmless && error.exitCode === 0 ? 0 : 2;
    } else {
      process.stderr.write(`error: ${formatError(error)}\n`);
      outcome.exitCode = 1;
    }
  }
  process.exitCode = outcome.exitCode;
}

await main();
