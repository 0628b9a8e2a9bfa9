/** `iad-r1 data …`: make, check, convert and count data sets. */
import { writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { counted } from "@iad-r1/models/util/counted";
import { type Command, InvalidArgumentError, Option } from "commander";
import { loadExperiment } from "../../config/parseExperiment";
import { DATA_FORMATS, type DataFormat, readDataset } from "../../data/dataset";
import { findDataLeaks, readDataTree } from "../../data/dataTree";
import { convertDataset } from "../../data/importData";
import { type DataProblem, formatProblem } from "../../data/problems";
import { datasetStats } from "../../data/stats";
import { writeSynthDataset } from "../../data/synthDataset";
import { validateDataset } from "../../data/validate";
import { action } from "../action";
import type { CliContext } from "../context";
import { integer, share } from "../numberOption";
import { table } from "../terminalText";

/** More problems than this are counted, not printed. */
const SHOWN_PROBLEMS = 50;

export function registerDataCommands(program: Command): void {
  const data = program.command("data").description("make, check, convert and count data sets");

  data
    .command("synth")
    .description(
      "generate inspection pictures with masks, reasoning and labels; the same bytes for a seed on every machine",
    )
    .requiredOption("--out <folder>", "folder to write")
    .option("--count <n>", "number of pictures", integer(1), 200)
    .option("--seed <n>", "another seed gives other pictures", integer(0), 1)
    .option("--size <pixels>", "side of the pictures, 32 to 1024", integer(32, 1024), 224)
    .option("--anomalous-share <share>", "share of pictures with a defect, 0 to 1", share, 0.5)
    .option("--difficulty <level>", "0 = large, clear defects; 1 = small and faint; a mix when left out", share)
    .option("--references", "also write a sound reference picture for each")
    .option("--overwrite", "replace a folder that is there")
    .action(
      action(async (context, command) => {
        const { out, references, ...options } = command.opts<{
          out: string;
          count: number;
          seed: number;
          size: number;
          anomalousShare: number;
          difficulty?: number;
          references?: boolean;
          overwrite?: boolean;
        }>();
        const samples = await writeSynthDataset(out, {
          ...options,
          shots: references === true ? 1 : 0,
          signal: context.signal,
          onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} pictures`),
        });
        if (context.interactive) process.stderr.write("\r\x1b[K");
        const anomalous = samples.filter(({ label }) => label === "anomalous").length;
        if (context.json) context.printJson({ folder: out, samples: samples.length, anomalous });
        else context.print(`${counted(samples.length, "picture")}, ${anomalous} with a defect, in ${out}`);
      }),
    );

  addReadOptions(
    data.command("validate"),
    "find what is wrong: missing and broken pictures, broken tags, answers and masks that contradict each other, duplicates",
  )
    .option("--duplicates", "also compare all pictures with each other")
    .action(
      action(async (context, command) => {
        const { format, images, duplicates } = command.opts<ReadFlags & { duplicates?: boolean }>();
        const { ok, problems, stats, ...report } = await validateDataset(command.args[0]!, {
          ...readOptions(context, format, images),
          duplicates: duplicates === true,
          onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} samples`),
        });
        if (context.interactive) process.stderr.write("\r\x1b[K");
        if (!ok) context.fail();
        if (context.json) {
          const pairs = report.duplicates.map(({ a, b, kind, distance }) => ({ a: a.id, b: b.id, kind, distance }));
          const found = duplicates === true ? pairs : null;
          return context.printJson({ ok, samples: stats.samples, problems, duplicates: found });
        }
        printProblems(context, problems);
        for (const { a, b, kind } of report.duplicates)
          context.print(
            `${a.image} and ${b.image}: ${kind === "same" ? "the same picture" : "nearly the same picture"}`,
          );
        const errors = problems.filter(({ severity }) => severity === "error").length;
        context.print(
          `${counted(stats.samples, "sample")}, ${counted(errors, "error")}, ${counted(problems.length - errors, "warning")}`,
        );
      }),
    );

  addReadOptions(data.command("stats"), "count labels, defect types, places and references").action(
    action(async (context, command) => {
      const { format, images } = command.opts<ReadFlags>();
      const { value, problems } = await readDataset(command.args[0]!, readOptions(context, format, images));
      const stats = datasetStats(value);
      if (context.json) return context.printJson(stats);
      printProblems(
        context,
        problems.filter(({ severity }) => severity === "error"),
      );
      context.print(
        `${counted(stats.samples, "sample")}: ${stats.normal} normal, ${stats.anomalous} anomalous; ${stats.withMask} with a mask, ${stats.withReference} with a reference, ${stats.withThink} with reasoning\n`,
      );
      const rows = Object.entries(stats.categories).map(([name, { normal, anomalous, types }]) => [
        name,
        `${normal}`,
        `${anomalous}`,
        Object.entries(types)
          .map(([type, count]) => `${type} ${count}`)
          .join(", "),
      ]);
      for (const line of table(["category", "normal", "anomalous", "defect types"], rows)) context.print(line);
      context.print("");
      const places = Object.entries(stats.locations).map(([name, count]) => [name, `${count}`]);
      for (const line of table(["place", "samples"], places)) context.print(line);
    }),
  );

  addReadOptions(
    data.command("convert"),
    "write a data set in another format; reads tables (CSV, TSV) and LLaMA-Factory's dataset_info.json too",
  )
    .option("--name <name>", "which data set of a dataset_info.json that lists several")
    .requiredOption("--to <format>", `one of ${DATA_FORMATS.join(", ")}`, format)
    .requiredOption("--out <path>", "file to write, or folder for the layouts folder and mvtec")
    .addOption(
      new Option("--shots <n>", "1 puts a reference picture before each picture").choices(["0", "1"]).default("0"),
    )
    .option("--copy-images", "copy the pictures beside the file")
    .option("--overwrite", "replace a folder that is there")
    .action(
      action(async (context, command) => {
        const options = command.opts<
          ReadFlags & {
            name?: string;
            to: DataFormat;
            out: string;
            shots: "0" | "1";
            copyImages?: boolean;
            overwrite?: boolean;
          }
        >();
        const { value, problems } = await convertDataset({
          from: {
            ...{ path: command.args[0]!, ...readOptions(context, options.format, options.images) },
            ...(options.name !== undefined && { name: options.name }),
          },
          to: {
            path: options.out,
            format: options.to,
            shots: options.shots === "1" ? 1 : 0,
            copyImages: options.copyImages === true,
            overwrite: options.overwrite === true,
            signal: context.signal,
          },
        });
        if (context.json) return context.printJson({ out: options.out, samples: value.length, problems });
        printProblems(context, problems);
        context.print(`${counted(value.length, "sample")} written to ${options.out}`);
      }),
    );
  data
    .command("splits")
    .description("what the data of an experiment hold, by set, class and split; pictures on both sides of a split")
    .argument("<config>", "the experiment file, iadr1.yaml")
    .option("--leaks", "also compare all pictures with each other: finds copies and pictures that are nearly the same")
    .action(
      action(async (context, command) => {
        const config = loadExperiment(command.args[0]!);
        const options = { folder: dirname(resolve(command.args[0]!)), signal: context.signal };
        const { sets, shared } = await readDataTree(config, options);
        const leaks =
          command.opts<{ leaks?: boolean }>().leaks === true
            ? await findDataLeaks(config, {
                ...options,
                onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} pictures`),
              })
            : null;
        if (context.interactive && leaks !== null) process.stderr.write("\r\x1b[K");
        const unreadable = leaks?.unreadable ?? [];
        // What cannot be read was not compared.
        if (shared.length > 0 || unreadable.length > 0 || (leaks?.leaks.length ?? 0) > 0) context.fail();
        if (context.json) {
          const pairs = leaks?.leaks.map(({ a, b, kind, parts }) => ({ a: a.image, b: b.image, kind, splits: parts }));
          const duplicates = leaks?.duplicates.map(({ a, b, kind, split }) => ({
            a: a.image,
            b: b.image,
            kind,
            split,
          }));
          const compared = { leaks: pairs ?? null, duplicates: duplicates ?? null };
          return context.printJson({ sets, shared, ...compared, unreadable: leaks === null ? null : unreadable });
        }
        for (const set of sets) {
          const { name, kind, normal, anomalous, missingFiles, failure } = set;
          const missing = missingFiles === 0 ? "" : `, ${counted(missingFiles, "file")} missing`;
          context.print(`${name} (${kind}): ${failure ?? `${normal} normal, ${anomalous} anomalous${missing}`}`);
          const rows = set.classes.flatMap(({ name: category, splits }) =>
            splits.map((counts) => [category, counts.split, `${counts.normal}`, `${counts.anomalous}`]),
          );
          if (rows.length > 0) {
            for (const line of table(["  class", "split", "normal", "anomalous"], rows.map(indented)))
              context.print(line);
          }
        }
        for (const { image, splits } of shared) context.print(`on both sides (${splits.join(", ")}): ${image}`);
        for (const { a, b, kind, parts } of leaks?.leaks ?? []) {
          context.print(
            `${kind === "same" ? "the same" : "nearly the same"} (${parts!.join(", ")}): ${a.image} and ${b.image}`,
          );
        }
        for (const { a, b, split } of leaks?.duplicates ?? []) {
          context.print(`twice in ${split}: ${a.image} and ${b.image}`);
        }
        for (const { message } of unreadable.slice(0, SHOWN_PROBLEMS)) context.log(`not compared: ${message}`);
        if (unreadable.length > SHOWN_PROBLEMS) context.log(`… and ${unreadable.length - SHOWN_PROBLEMS} more`);
      }),
    );

  data
    .command("schema")
    .description("print the JSON Schema of iadr1.yaml, for editors")
    .option("--out <file>", "write it to a file")
    .action(
      action(async (context, command) => {
        const { experimentJsonSchema } = await import("../../config/experiment");
        const text = JSON.stringify(experimentJsonSchema(), null, 2);
        const { out } = command.opts<{ out?: string }>();
        if (out === undefined) return context.print(text);
        await writeFile(out, `${text}\n`);
        if (context.json) context.printJson({ file: out });
        else context.print(out);
      }),
    );
}

function indented([first, ...rest]: readonly string[]): string[] {
  return [`  ${first}`, ...rest];
}

interface ReadFlags {
  format?: DataFormat;
  images?: string;
}

function addReadOptions(command: Command, description: string): Command {
  return command
    .description(description)
    .argument("<path>", "data set: a folder with annotations.jsonl, an MVTec-style folder, or a JSON file")
    .option("--format <format>", `one of ${DATA_FORMATS.join(", ")}; found out when left out`, format)
    .option("--images <folder>", "folder that relative image paths start from");
}

function readOptions(context: CliContext, format: DataFormat | undefined, images: string | undefined) {
  return {
    signal: context.signal,
    ...(format === undefined ? {} : { format }),
    ...(images === undefined ? {} : { images }),
  };
}

function printProblems(context: CliContext, problems: readonly DataProblem[]): void {
  for (const problem of problems.slice(0, SHOWN_PROBLEMS)) context.log(formatProblem(problem));
  if (problems.length > SHOWN_PROBLEMS) context.log(`… and ${problems.length - SHOWN_PROBLEMS} more`);
}

function format(value: string): DataFormat {
  const found = DATA_FORMATS.find((name) => name === value);
  if (found === undefined) throw new InvalidArgumentError(`expected one of ${DATA_FORMATS.join(", ")}.`);
  return found;
}
