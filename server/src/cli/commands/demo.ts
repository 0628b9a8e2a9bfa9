/**
 * `iad-r1 demo`, what `npm start` runs: the whole method on the embedded model. Evaluate the base, PA-SFT, evaluate, SC-GRPO,
 * evaluate, then inspect three photographs that no stage has seen, and leave a report behind.
 */
import { join } from "node:path";
import type { Command } from "commander";
import { loadExperiment } from "../../config/parseExperiment";
import { loadSources } from "../../data/sources";
import type { InspectionSample } from "../../data/samples";
import { openInspector } from "../../inspect/inspectImage";
import { type InspectedPicture, writeRunReport } from "../../report/collectReport";
import { postTrain } from "../../runs/postTrain";
import { action } from "../action";
import type { CliContext } from "../context";
import { projectRoot } from "../../config/modelNames";
import { createRunView, evaluationTable } from "../runView";
import { clip, shellWord } from "../terminalText";
import { throwIfFailed } from "./train";
import { verdict } from "./inspect";

const NUM_PHOTOGRAPHS = 3;

export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("the whole method on the embedded model in a few minutes (what `npm start` runs)")
    .option("--resume <run>", "go on with a stopped run")
    .option(
      "--set <key=value>",
      "change one setting of samples/demo/iadr1.yaml (repeatable)",
      (value, all: string[]) => [...all, value],
      [],
    )
    .action(
      action(async (context, command) => {
        await demo(context, command.opts<{ resume?: string; set: string[] }>());
      }),
    );
}

async function demo(context: CliContext, options: { resume?: string; set: string[] }): Promise<void> {
  const file = join(projectRoot, "samples", "demo", "iadr1.yaml");
  const config = loadExperiment(file, options.set);
  if (!context.json) {
    context.log("IAD-R1: teach a small vision-language model to find, locate, name and explain defects.");
    context.log(`Experiment: ${file}`);
    context.log("Ctrl-C stops cleanly at any point.\n");
  }
  const view = createRunView(context);
  let outcome: Awaited<ReturnType<typeof postTrain>>;
  try {
    outcome = await postTrain(config, {
      signal: context.signal,
      onEvent: view.show,
      ...(options.resume === undefined ? {} : { resume: options.resume }),
    });
  } finally {
    view.close();
  }
  throwIfFailed(outcome);
  if (outcome.state === "stopped" || outcome.model === null) {
    context.fail();
    context.log(`Stopped. Everything is saved; go on with:  npm start -- --resume ${outcome.runId}`);
    return;
  }
  const photographs = await heldOutPhotographs(config, context.signal);
  if (!context.json) context.log("\nThree photographs that no stage has seen:\n");
  const inspected = await inspectAll(context, outcome.model, photographs);
  const report = await writeRunReport(outcome.folder, inspected);
  if (context.json)
    return context.printJson({ run: outcome.runId, folder: outcome.folder, report, rows: outcome.rows });
  for (const line of evaluationTable(outcome.rows)) context.print(line);
  context.print("");
  context.print(`run     ${outcome.folder}`);
  context.print(`report  ${report}`);
  context.print(`next    bin/iad-r1 inspect IMAGE --model ${shellWord(outcome.model.adapter ?? outcome.model.base)}`);
}

/** Photographs of the held-out side of the real data, as different as can be: another category and label each. */
async function heldOutPhotographs(
  config: ReturnType<typeof loadExperiment>,
  signal: AbortSignal,
): Promise<InspectionSample[]> {
  const sources = (config.data.heldOut ?? []).filter(({ kind }) => kind === "folder");
  const { value } = await loadSources(sources, { folder: join(projectRoot, "samples", "demo"), signal });
  const chosen: InspectionSample[] = [];
  for (const label of ["anomalous", "normal", "anomalous"] as const) {
    const sample = value.find(
      (candidate) => candidate.label === label && chosen.every(({ category }) => category !== candidate.category),
    );
    if (sample !== undefined) chosen.push(sample);
  }
  return chosen.slice(0, NUM_PHOTOGRAPHS);
}

async function inspectAll(
  context: CliContext,
  model: NonNullable<Awaited<ReturnType<typeof postTrain>>["model"]>,
  samples: readonly InspectionSample[],
): Promise<InspectedPicture[]> {
  const inspector = await openInspector({ model });
  const inspected: InspectedPicture[] = [];
  try {
    for (const sample of samples) {
      const truth =
        sample.label === "normal"
          ? "no defect"
          : [sample.defectType, sample.location].filter((part) => part !== null).join(", ");
      if (!context.json) process.stdout.write(`${clip(sample.image, 100)}  (ground truth: ${truth})\n`);
      const result = await inspector.inspect({
        image: sample.image,
        signal: context.signal,
        onEvent: (event) => !context.json && event.type === "text" && process.stdout.write(event.text),
      });
      if (!context.json) context.print(`\n${verdict(result)}`);
      const correct = result.answer === (sample.label === "normal" ? "no" : "yes");
      inspected.push({ path: sample.image, truth, text: result.text, anomalyScore: result.anomalyScore, correct });
    }
  } finally {
    await inspector.dispose();
  }
  return inspected;
}
