/** `iad-r1 runs …`: list, show, compare and export recorded runs. */
import { formatError } from "@iad-r1/models/errors";
import { counted } from "@iad-r1/models/util/counted";
import { type Command, Option } from "commander";
import { compareRuns, evaluationRows } from "../../runs/compareRuns";
import { writeRunReport } from "../../report/collectReport";
import { exportRun, type ExportFormat, exportFormats } from "../../runs/exportRun";
import { importRun } from "../../runs/importRun";
import { lastBalancedAccuracy } from "../../runs/listing";
import { findRun, listRuns, openRun } from "../../runs/store";
import { action } from "../action";
import type { CliContext } from "../context";
import { evaluationTable } from "../runView";
import { duration, table } from "../terminalText";

const defaultFolder = ".iadr1/runs";

export function registerRunCommands(program: Command): void {
  const runs = program.command("runs").description("list, show, compare, export and import recorded runs");
  const folderOption = () => new Option("--runs <folder>", "where run folders lie").default(defaultFolder);

  runs
    .command("list")
    .description("all runs, newest first")
    .addOption(folderOption())
    .action(
      action(async (context, command) => {
        let isDamaged = false;
        const listings = listRuns(command.opts<{ runs: string }>().runs, (error) => {
          isDamaged = true;
          context.log(`warning: ${formatError(error)}`);
        });
        if (context.json) return context.printJson(listings);
        if (listings.length === 0 && isDamaged) return;
        if (listings.length === 0) return context.log("No runs yet. `iad-r1 post-train iadr1.yaml` makes one.");
        const rows = listings.map((listing) => {
          const { id, kind, project, state, createdMs, lastStage, lastStep } = listing;
          const balanced = lastBalancedAccuracy(listing);
          return [
            id,
            kind,
            project,
            state,
            new Date(createdMs).toISOString().slice(0, 16).replace("T", " "),
            // Evaluations have no steps.
            lastStage === null ? "–" : lastStep === 0 ? lastStage : `${lastStage} ${lastStep}`,
            balanced === undefined ? "–" : `${balanced.toFixed(1)} %`,
          ];
        });
        for (const line of table(["run", "kind", "project", "state", "created", "last step", "balanced"], rows))
          context.print(line);
      }),
    );

  runs
    .command("show")
    .description("one run: stages, evaluations, where its files are")
    .argument("<run>", "id, the start of an id, or folder")
    .addOption(folderOption())
    .action(
      action(async (context, command) => {
        const run = openRun(findRun(command.opts<{ runs: string }>().runs, command.args[0]!));
        const rows = evaluationRows(run.evaluations()).map(({ label, report }) => ({ label, report }));
        if (context.json) return context.printJson({ ...run.manifest, folder: run.folder, evaluations: rows });
        const { id, kind, state, createdMs, updatedMs, device, threads, plan, finishedStages } = run.manifest;
        context.print(
          `${id} · ${kind} · ${state} · ${duration((updatedMs - createdMs) / 1000)} · ${device}, ${counted(threads, "thread")}`,
        );
        for (const stage of plan) context.print(`  ${finishedStages.includes(stage.id) ? "✔" : "·"} ${stage.title}`);
        context.print("");
        printEvaluations(context, rows);
        context.print(`\nfolder  ${run.folder}`);
      }),
    );

  runs
    .command("compare")
    .description("the evaluations of several runs side by side, and how their settings differ")
    .argument("<runs...>", "ids or folders")
    .addOption(folderOption())
    .action(
      action(async (context, command) => {
        const folder = command.opts<{ runs: string }>().runs;
        const { runs, evaluations, differences } = compareRuns(
          command.args.map((name) => openRun(findRun(folder, name))),
        );
        const rows = evaluations.map(({ run, label, report }) => ({ label: `${run} ${label}`, report }));
        if (context.json) return context.printJson({ evaluations: rows, differences });
        printEvaluations(context, rows);
        context.print("");
        if (differences.length === 0) return context.print("The settings are the same.");
        const shown = differences.map(({ key, values }) => [
          key,
          ...values.map((value) => (value === null ? "–" : JSON.stringify(value))),
        ]);
        for (const line of table(["setting", ...runs], shown)) context.print(line);
      }),
    );

  runs
    .command("export")
    .description("write the curves or the report of a run to a file")
    .argument("<run>", "id, the start of an id, or folder")
    .addOption(new Option("--format <format>", "what to write").choices([...exportFormats, "html"]).default("csv"))
    .requiredOption("--out <file>", "file to write (a folder for tensorboard)")
    .addOption(folderOption())
    .action(
      action(async (context, command) => {
        const options = command.opts<{ runs: string; format: ExportFormat | "html"; out: string }>();
        const folder = findRun(options.runs, command.args[0]!);
        if (options.format === "html") await writeRunReport(folder, [], options.out);
        else await exportRun(openRun(folder), options.format, options.out);
        if (context.json) context.printJson({ file: options.out });
        else context.print(options.out);
      }),
    );

  runs
    .command("import")
    .description("make a run of the curves that another trainer wrote, to look at them and compare them")
    .argument(
      "<path>",
      "trainer_state.json (TRL, transformers, ms-swift), trainer_log.jsonl (LLaMA-Factory), an event file of TensorBoard, or a folder with one of the first two",
    )
    .option("--name <name>", "of the run in lists; the folder's name when left out")
    .addOption(folderOption())
    .action(
      action(async (context, command) => {
        const options = command.opts<{ runs: string; name?: string }>();
        const imported = await importRun(command.args[0]!, options.runs, options);
        if (context.json) return context.printJson(imported);
        context.print(
          `${counted(imported.numCurves, "curve")}, ${counted(imported.numPoints, "point")}\nrun     ${imported.folder}`,
        );
      }),
    );
}

function printEvaluations(context: CliContext, rows: Parameters<typeof evaluationTable>[0]): void {
  if (rows.length === 0) context.print("No evaluations.");
  else for (const line of evaluationTable(rows)) context.print(line);
}
