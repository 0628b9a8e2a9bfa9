/** `iad-r1 train …` and `iad-r1 post-train`: start or resume a run, show it, and say where everything lies. */
import type { RunKind } from "@iad-r1/protocol/runs";
import type { Command } from "commander";
import { loadExperiment } from "../../config/parseExperiment";
import { loadPerceptionConfig } from "../../config/perception";
import { AppError } from "@iad-r1/models/errors";
import { postTrain, type RunOutcome, runTraining } from "../../runs/postTrain";
import { trainPerception } from "../../train/perception";
import { action } from "../action";
import type { CliContext } from "../context";
import { createRunView, evaluationTable } from "../runView";
import { metric, shellWord } from "../terminalText";
import { writeRunReport } from "../../report/collectReport";

interface TrainOptions {
  resume?: string;
  exchangeRewards?: boolean;
  set: string[];
  runs?: string;
  report: boolean;
}

export function registerTrainCommands(program: Command): void {
  const train = program
    .command("train")
    .description("run one training stage described by an experiment file (iadr1.yaml)");
  addRunOptions(train.command("pa-sft"), "stage 1: supervised fine-tuning on chains of thought").action(
    start("pa-sft"),
  );
  addRunOptions(train.command("sc-grpo"), "stage 2: group-relative reinforcement learning on rewards").action(
    start("sc-grpo"),
  );
  train
    .command("perception")
    .description(
      "teach a new small model to see, from random weights (how models/nano was made); a second call goes on",
    )
    .argument("<recipe>", "recipe file, see models/nano/perception.yaml")
    .action(action((context, command) => perception(context, command.args[0]!)));
  addRunOptions(
    program.command("post-train"),
    "both stages with an evaluation before, between and after; Ctrl-C stops cleanly, --resume goes on",
  ).action(start("post-train"));
}

function addRunOptions(command: Command, description: string): Command {
  return command
    .description(description)
    .argument("[config]", "experiment file; not needed with --resume")
    .option("--resume <run>", "go on with a stopped or killed run: its id, the start of its id, or its folder")
    .option(
      "--exchange-rewards",
      "with --resume: go on with the reward files as they are now; the run records both versions",
    )
    .option(
      "--set <key=value>",
      "change one setting of the file, e.g. --set stages.paSft.steps=50 (repeatable)",
      collect,
      [],
    )
    .option("--runs <folder>", "where run folders lie (default: the setting `output` of the file)")
    .option("--no-report", "do not write report.html");
}

const collect = (value: string, previous: string[]) => [...previous, value];

function start(kind: RunKind) {
  return action(async (context, command) => {
    const options = command.opts<TrainOptions>();
    const file = command.args[0];
    if (file === undefined && options.resume === undefined) {
      command.error(
        "error: give the path of an experiment file (iadr1.yaml), or --resume RUN to go on with an earlier run",
      );
    }
    if (options.exchangeRewards === true && options.resume === undefined) {
      command.error("error: --exchange-rewards is for a run that goes on: give --resume RUN too");
    }
    if (file === undefined && options.set.length > 0) {
      command.error("error: --set changes an experiment file; a run that goes on keeps its settings");
    }
    await train(context, { kind, file, ...options });
  });
}

async function perception(context: CliContext, recipe: string): Promise<void> {
  const config = loadPerceptionConfig(recipe);
  const rounded = (values: Record<string, number>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${metric(value)}`)
      .join(" · ");
  const finished = await trainPerception(config, {
    signal: context.signal,
    onProgress: (progress) => {
      const { phase, step, totalSteps, imagesPerSecond, losses } = progress;
      if (context.json) context.printJson(progress);
      else context.log(`${phase} ${step}/${totalSteps} · ${rounded(losses)} · ${imagesPerSecond.toFixed(0)} images/s`);
    },
    onScores: (phase, step, scores) => {
      if (context.json) context.printJson({ phase, step, scores });
      else context.log(`${phase} ${step} · held out: ${rounded({ ...scores })}`);
    },
  });
  if (context.json) context.printJson({ finished, output: config.output });
  else if (finished) context.print(config.output);
  if (!finished) context.log("Stopped. Everything is saved; the same command goes on.");
}

/** Runs one training command to its end; throws what made it fail. */
export async function train(
  context: CliContext,
  options: TrainOptions & { kind: RunKind; file: string | undefined },
): Promise<RunOutcome> {
  const config = options.file === undefined ? null : loadExperiment(options.file, options.set);
  const view = createRunView(context);
  let outcome: RunOutcome;
  try {
    const runContext = {
      signal: context.signal,
      onEvent: view.show,
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      ...(options.exchangeRewards === true && { exchangeRewards: true }),
      ...(options.runs === undefined ? {} : { runsFolder: options.runs }),
    };
    outcome =
      options.kind === "post-train"
        ? await postTrain(config, runContext)
        : await runTraining(options.kind, config, runContext);
  } finally {
    view.close();
  }
  await finish(context, outcome, options.report);
  return outcome;
}

/** Turns a failed run into the error that the command line prints. */
export function throwIfFailed(outcome: RunOutcome): void {
  if (outcome.state !== "failed") return;
  const { code = "run/failed", message = "The run failed.", hint, where } = outcome.error ?? {};
  throw new AppError(code, message, { ...(hint === undefined ? {} : { hint }), where: where ?? outcome.folder });
}

async function finish(context: CliContext, outcome: RunOutcome, report: boolean): Promise<void> {
  throwIfFailed(outcome);
  if (outcome.state === "stopped") {
    // Not what was asked for, whoever stopped it: whatever comes after it in a script must not go on.
    context.fail();
    const why = outcome.reason === null || outcome.reason === "stopped by the user" ? "" : ` ${outcome.reason}`;
    // By its folder: an id is looked for below the working directory, and the run may lie elsewhere (--runs, output).
    const run = shellWord(outcome.folder);
    context.log(`Stopped.${why} Everything is saved; go on with:  iad-r1 post-train --resume ${run}`);
    return;
  }
  const reportFile = report ? await writeRunReport(outcome.folder) : null;
  if (context.json) return;
  if (outcome.rows.length > 0) {
    context.print("");
    for (const line of evaluationTable(outcome.rows)) context.print(line);
    context.print("");
  }
  context.print(`run     ${outcome.folder}`);
  if (reportFile !== null) context.print(`report  ${reportFile}`);
  if (outcome.model?.adapter) context.print(`model   ${outcome.model.base} + ${outcome.model.adapter}`);
  else if (outcome.model) context.print(`model   ${outcome.model.base}`);
}
