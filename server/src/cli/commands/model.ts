/** `iad-r1 eval` and `iad-r1 verify`: how good a model is, and whether the engine computes it rightly. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { counted } from "@iad-r1/models/util/counted";
import { type Command, Option } from "commander";
import { rewardNames } from "../../config/rewardPath";
import { evaluateReference } from "../../evaluate/evaluateModel";
import { askChoices, choiceReport, type ChoiceScore, readChoiceFile } from "../../evaluate/multipleChoice";
import { missingReferences, numReferences } from "../../generate/examples";
import { createRewardRegistry } from "../../rewards/registry";
import { verifyModel } from "../../verify/verifyModel";
import { action } from "../action";
import type { CliContext } from "../context";
import { DATA_HELP, samplesOf } from "../dataOption";
import { type DEVICE_CHOICES, deviceOption, modelOf, modelOption } from "../modelOptions";
import { integer } from "../numberOption";
import { evaluationTable } from "../runView";
import { duration, table } from "../terminalText";

interface EvalOptions {
  model?: string;
  adapter?: string;
  bits?: "4" | "8";
  data?: string;
  questions?: string;
  images?: string;
  out?: string;
  limit?: number;
  references: number;
  rewards: string;
  device: (typeof DEVICE_CHOICES)[number];
  threads: number;
}

export function registerModelCommands(program: Command): void {
  const evaluate = program
    .command("eval")
    .description("how good is a model on a data set? accuracies in percent, by category too")
    .addOption(new Option("--data <path>", DATA_HELP).conflicts(["questions", "images"]))
    .option("--questions <file>", "instead of --data: questions with lettered options, a JSON file of MMAD's layout")
    .option("--images <folder>", "with --questions: where image paths start from; the file's own folder when left out")
    .option("--out <folder>", "write report.json and one line per image to samples.jsonl")
    .option("--limit <n>", "only the first n images or questions", integer(1))
    .option("--references <n>", "reference images shown before each image", integer(0), 0)
    .option("--rewards <names>", "rewards to average over the answers", "iad-r1-strict")
    .option("--threads <n>", "threads for the arithmetic; 0 = one per core", integer(0), 0);
  modelOption(evaluate);
  deviceOption(evaluate);
  evaluate.action(
    action(async (context, command) => {
      const options = command.opts<EvalOptions>();
      if (options.questions !== undefined) return askQuestions(context, options.questions, options);
      if (options.data === undefined) return command.error("error: give --data PATH, or --questions FILE");
      const samples = (await samplesOf(options.data, context.signal)).slice(0, options.limit);
      warnOfReferences(context, samples.map(numReferences), options.references);
      // What cannot be written is said before the hours of work.
      if (options.out !== undefined) await mkdir(options.out, { recursive: true });
      const { report, samples: answers } = await evaluateReference(await modelOf(options, context.signal), samples, {
        device: options.device,
        threads: options.threads,
        references: options.references,
        rewards: createRewardRegistry().resolve(rewardNames(options.rewards)),
        signal: context.signal,
        onDevice: (_, message) => context.log(message),
        onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} images`),
      });
      if (context.interactive) process.stderr.write("\r\x1b[K");
      if (options.out !== undefined) {
        await writeFile(join(options.out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
        await writeFile(
          join(options.out, "samples.jsonl"),
          answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""),
        );
      }
      if (context.json) return context.printJson(report);
      for (const line of evaluationTable([{ label: options.model ?? "nano", report }])) context.print(line);
      context.print("");
      const percent = (value: number | null) => (value === null ? "–" : value.toFixed(1));
      const rows = Object.entries(report.perCategory).map(([name, part]) => [
        name,
        `${part.numNormal}`,
        `${part.numAnomalous}`,
        percent(part.balancedAccuracy),
        percent(part.normalAccuracy),
        percent(part.anomalousAccuracy),
      ]);
      for (const line of table(
        ["category", "normal images", "anomalous images", "balanced", "normal", "anomalous"],
        rows,
      ))
        context.print(line);
      context.print(`\n${counted(report.numSamples, "image")} in ${duration(report.seconds)}`);
    }),
  );

  registerVerify(program);
}

/** For commands with `--references`: fewer are shown where a sample has fewer. */
export function warnOfReferences(context: CliContext, counts: readonly number[], wanted: number): void {
  const missing = missingReferences(counts, wanted);
  if (missing !== null) context.log(`warning: ${missing}`);
}

/** Multiple choice: accuracy by subtask. */
async function askQuestions(context: CliContext, file: string, options: EvalOptions): Promise<void> {
  const { questions, missing } = await readChoiceFile(file, options.images);
  if (missing.length > 0) {
    context.log(
      `warning: ${counted(missing.length, "picture")} of the questions cannot be found, the first: ${missing[0]}; what is asked about them is left out.`,
    );
  }
  const asked = questions.slice(0, options.limit);
  warnOfReferences(
    context,
    asked.map(({ references }) => references.length),
    options.references,
  );
  if (options.out !== undefined) await mkdir(options.out, { recursive: true });
  const answers = await askChoices(await modelOf(options, context.signal), asked, {
    ...{ device: options.device, threads: options.threads, references: options.references, signal: context.signal },
    onDevice: (_, message) => context.log(message),
    onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} questions`),
  });
  if (context.interactive) process.stderr.write("\r\x1b[K");
  const report = choiceReport(answers);
  if (options.out !== undefined) {
    await writeFile(join(options.out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
    const lines = answers.map(({ question, completion, letter }) => {
      const { id, number, subtask, right } = question;
      return `${JSON.stringify({ id, number, subtask, right, letter, completion })}\n`;
    });
    await writeFile(join(options.out, "answers.jsonl"), lines.join(""));
  }
  if (context.json) return context.printJson(report);
  const row = (name: string, { numQuestions, accuracy, unparsed }: ChoiceScore) => [
    ...[name, `${numQuestions}`, accuracy.toFixed(1), unparsed.toFixed(1)],
  ];
  const rows = [...Object.entries(report.perSubtask).map(([name, score]) => row(name, score)), row("all", report)];
  for (const line of table(["subtask", "questions", "accuracy", "unparsed"], rows)) context.print(line);
  context.print(`\nmean over subtasks ${report.meanOverSubtasks.toFixed(1)} %`);
}

function registerVerify(program: Command): void {
  program
    .command("verify")
    .description("run a checkpoint on recorded inputs and compare every quantity with the record")
    .argument("<model>", "checkpoint folder")
    .requiredOption(
      "--reference <folder>",
      "folder with reference.json and reference.safetensors (see test/fixtures/vlm)",
    )
    .addOption(
      new Option("--device <device>", "where to compute")
        .choices(["cpu", "webgpu", "cuda", "dml", "coreml"])
        .default("cpu"),
    )
    .action(
      action(async (context, command) => {
        const { reference, device } = command.opts<{ reference: string; device: "cpu" }>();
        const report = await verifyModel(command.args[0]!, reference, { device, signal: context.signal });
        if (!report.ok) context.fail();
        if (context.json) return context.printJson(report);
        const rows = report.checks.map(({ name, case: of, maxAbs, maxRel, ok, note }) => [
          name,
          of,
          maxAbs.toExponential(1),
          maxRel.toExponential(1),
          ok ? "ok" : "DIFFERS",
          note ?? "",
        ]);
        for (const line of table(["quantity", "case", "max abs", "max rel", "", "where"], rows)) context.print(line);
        const failed = report.checks.filter(({ ok }) => !ok).length;
        context.print(
          `\n${report.checks.length - failed} of ${report.checks.length} quantities agree within their tolerance.`,
        );
      }),
    );
}
