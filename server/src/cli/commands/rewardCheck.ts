/** `iad-r1 reward check FILE`: what is wrong with a reward file, by its text and by what it does on rollouts. */
import { writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { counted } from "@iad-r1/models/util/counted";
import { type Command, Option } from "commander";
import type { FindingSeverity } from "../../rewards/analysis/finding";
import {
  applyFixes,
  checkProgram,
  checkReport,
  readRewardProgram,
  reportLine,
  withSyntaxProblem,
} from "../../rewards/check/checkFile";
import { readRollouts } from "../../rollouts/read";
import { promptsToday } from "../../runs/promptsToday";
import { rewardWeights } from "../../runs/rewardWeights";
import { action } from "../action";
import type { CliContext } from "../context";

/** Gravest first. */
const severities: readonly FindingSeverity[] = ["error", "warning", "information"];

export function registerRewardCheck(reward: Command): void {
  reward
    .command("check")
    .description(
      "find what is wrong with a reward file, by its text and by what it does on recorded rollouts; runs the file",
    )
    .argument("<file>", "a reward file: *.reward.ts, or Python with TRL's, ms-swift's or verl's signature")
    .option("--rollouts <run or file>", "a run folder, or JSON lines {group, prompt, completion, solution, …columns}")
    .addOption(
      new Option("--fail-on <severity>", "exit with 1 when a finding is at least so grave").choices(severities),
    )
    .option("--fix", "write the first fix of every finding into the file")
    .action(
      action(async (context, command) => {
        const file = command.processedArgs[0] as string;
        const options = command.opts<{ rollouts?: string; fix?: boolean; failOn?: FindingSeverity }>();
        const program = await withSyntaxProblem(await readRewardProgram(file), context.signal);
        const rollouts =
          options.rollouts === undefined
            ? null
            : await readRollouts(options.rollouts, { lastSteps: 8, signal: context.signal });
        for (const { message, line } of rollouts?.problems ?? [])
          context.log(`${options.rollouts}:${line}: ${message}`);
        const { signal } = context;
        const promptHashes = rollouts?.format === "run" ? await hashesToday(rollouts, signal) : null;
        const weights = rollouts?.format === "run" ? await rewardWeights(rollouts.path) : {};
        const given = { signal, weights, ...(promptHashes !== null && { promptHashes }) };
        const findings = await checkProgram(program, rollouts?.rows ?? null, given);
        const report = checkReport(program, findings, rollouts?.rows.length ?? 0);
        const fixed = options.fix === true ? applyFixes(program.source, findings) : null;
        if (fixed !== null) await writeFile(program.file, fixed.source);
        // What cannot be read was not checked.
        if (program.problems.length > 0) context.fail();
        const limit = severities.indexOf(options.failOn ?? "error");
        if (options.failOn !== undefined && findings.some(({ severity }) => severities.indexOf(severity) <= limit))
          context.fail();
        if (context.json) return context.printJson({ ...report, ...(fixed !== null && { applied: fixed.applied }) });
        printReport(context, report, fixed?.applied ?? []);
      }),
    );
}

/** Rendered anew, so that a changed template, question or data set is seen. */
function hashesToday(
  { path, rows }: Awaited<ReturnType<typeof readRollouts>>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | null> {
  return promptsToday(path, new Set(rows.flatMap(({ sampleId }) => sampleId ?? [])), signal);
}

function printReport(context: CliContext, report: ReturnType<typeof checkReport>, applied: readonly string[]): void {
  const shown = relative(process.cwd(), report.file) || report.file;
  for (const { message, line, column } of report.problems) context.print(`${shown}:${line}:${column} error ${message}`);
  for (const finding of report.findings) {
    context.print(reportLine(finding, shown));
    if (finding.fix !== null) context.print(`    fix: ${finding.fix.title}`);
  }
  for (const title of applied) context.print(`applied ${title}`);
  const seen =
    report.numRollouts > 0
      ? counted(report.numRollouts, "rollout")
      : "the text alone; add --rollouts to see what it does";
  context.log(
    `${counted(report.findings.length, "finding")} in ${counted(report.functions.length, "function")}, from ${seen}.`,
  );
}
