/** `iad-r1 rollouts import|show|export`: recorded completions of a run of ours, of TRL, ms-swift or LLaMA-Factory. */
import { existsSync } from "node:fs";
import { writeAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { CheckpointError, DataError } from "@iad-r1/models/errors";
import { counted } from "@iad-r1/models/util/counted";
import {
  type ExploreFilter,
  type ExploreQuery,
  type Facet,
  noFilter,
  type RolloutExport,
  type RolloutExportFormat,
  rolloutExportFormat,
  rolloutExportFormats,
} from "@iad-r1/protocol/rollouts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { formatProblem } from "../../data/problems";
import { Explorer } from "../../explore/explorer";
import { rolloutLine } from "../../explore/exportRollouts";
import { readRollouts } from "../../rollouts/read";
import type { RolloutFormat, RolloutRow } from "../../rollouts/row";
import { verdicts } from "../../rollouts/verdict";
import { findRun } from "../../runs/store";
import { action } from "../action";
import type { CliContext } from "../context";
import { finite, integer } from "../numberOption";
import { table } from "../terminalText";

const formats: readonly RolloutFormat[] = ["run", "lines", "trl", "swift", "llama-factory"];
/** Problems that a person reads one by one. */
const maxProblems = 10;

export function registerRolloutFiles(rollouts: Command): void {
  registerImport(rollouts);
  registerShow(rollouts);
  registerExport(rollouts);
}

interface ImportOptions {
  out: string;
  format?: RolloutFormat;
  groupSize?: number;
  rewards?: string;
}

function registerImport(rollouts: Command): void {
  rollouts
    .command("import")
    .description("turn the completions that another trainer has logged into lines for `reward check` and the explorer")
    .argument(
      "<path>",
      "TRL's output folder or completions_*.parquet, ms-swift's completions.jsonl, LLaMA-Factory's generated_predictions.jsonl",
    )
    .requiredOption("--out <file>", "file of JSON lines to write")
    .addOption(new Option("--format <format>", "layout of the file; recognised when left out").choices(formats))
    .option("--group-size <n>", "completions of each prompt, where the file does not tell", integer(1))
    .option("--rewards <names>", "columns that are rewards, separated by commas, where the file does not tell")
    .action(
      action(async (context, command) => {
        const { out, format, groupSize, rewards } = command.opts<ImportOptions>();
        const { rows, ...read } = await readRollouts(command.args[0]!, {
          ...(format !== undefined && { format }),
          ...(groupSize !== undefined && { groupSize }),
          ...(rewards !== undefined && { rewards: names(rewards) }),
          signal: context.signal,
        });
        tellProblems(context, read.problems);
        if (rows.length === 0) {
          throw new DataError("rollouts/empty", `${read.path} holds no completions that can be read.`, {
            hint: "Expected the layout of TRL, ms-swift, LLaMA-Factory, or lines with `completion`.",
          });
        }
        await writeAtomically(out, async (file) => {
          for (const row of rows) await file.write(Buffer.from(`${rolloutLine(row)}\n`));
        });
        const summary = {
          format: read.format,
          ...sizes(rows),
          rewards: read.rewardNames,
          problems: read.problems.length,
        };
        if (context.json) return context.printJson({ ...summary, out });
        context.print(
          `${counted(summary.rollouts, "completion")} of ${counted(summary.groups, "prompt")} from ${read.format}, rewards ${read.rewardNames.join(", ") || "none"}: ${out}`,
        );
        const { size } = summary;
        if (groupSize === undefined && size.min !== size.max) {
          context.log(
            `Groups have ${size.min} to ${size.max} completions; --group-size says how many there should be.`,
          );
        }
      }),
    );
}

function sizes(rows: readonly RolloutRow[]) {
  const groups = new Map<string, number>();
  for (const { group } of rows) groups.set(group, (groups.get(group) ?? 0) + 1);
  const counts = [...groups.values()].sort((a, b) => a - b);
  return { rollouts: rows.length, groups: groups.size, size: { min: counts[0]!, max: counts.at(-1)! } };
}

interface FilterOptions {
  runs: string;
  step?: number;
  verdict?: string[];
  minTotal?: number;
  flat?: boolean;
  text?: string;
}

function withFilter(command: Command): Command {
  return command
    .argument("<source>", "run (id, start of an id, or folder), or a file of completions")
    .addOption(new Option("--runs <folder>", "where run folders lie").default(".iadr1/runs"))
    .option("--step <n>", "only this step", integer(0))
    .option("--verdict <verdicts>", `only these, separated by commas: ${verdicts.join(", ")}`, verdictList)
    .option("--min-total <x>", "only completions whose rewards add up to this at least", finite)
    .option("--flat", "only groups whose totals are all equal")
    .option("--text <text>", "only completions that hold this text");
}

function registerShow(rollouts: Command): void {
  withFilter(rollouts.command("show"))
    .description("what is recorded: numbers by facet, then the first groups")
    .option("--groups <n>", "groups to print", integer(0), 5)
    .action(
      action(async (context, command) => {
        const options = command.opts<FilterOptions & { groups: number }>();
        const path = sourcePath(command.args[0]!, options.runs);
        const explorer = new Explorer();
        const overview = await explorer.overview(path, context.signal);
        const query = queryOf(options);
        const answer = await explorer.query(path, query, null, context.signal);
        const { rows } = await explorer.groups(path, query, 0, options.groups);
        const groups = [];
        for (const { step, group } of rows) groups.push(await explorer.group(path, step, group, query));
        if (context.json) return context.printJson({ ...overview, ...answer, groups });
        if (overview.problem !== null)
          context.log(`${counted(overview.numProblems, "problem")}, the first: ${overview.problem}`);
        context.print(
          `${answer.numRollouts} of ${counted(overview.numRollouts, "completion")} in ${counted(answer.numGroups, "group")} · ${overview.format}${stepsText(overview.steps)}`,
        );
        for (const facet of answer.facets.filter(({ values }) => values.length > 0))
          context.print(`  ${facet.name}: ${facetText(facet)}`);
        for (const { row, rollouts: members } of groups) {
          context.print("");
          context.print(
            `${row.group} · ${row.sampleId ?? row.prompt} · mean ${short(row.mean)} · std ${short(row.std)}`,
          );
          const lines = members.map((one) => [
            `${one.key.index}`,
            one.verdict,
            short(one.total),
            short(one.advantage),
            ...overview.rewards.map(({ name }) => short(one.rewards[name] ?? null)),
            one.completion.replaceAll("\n", "⏎").slice(-60),
          ]);
          const head = ["#", "verdict", "total", "advantage", ...overview.rewards.map(({ name }) => name), "ends with"];
          for (const line of table(head, lines)) context.print(`  ${line}`);
        }
      }),
    );
}

function registerExport(rollouts: Command): void {
  withFilter(rollouts.command("export"))
    .description(
      "write recorded completions as JSON lines, CSV or parquet, or the best right answer to each picture as samples for PA-SFT",
    )
    .requiredOption("--out <file>", "file to write")
    .addOption(
      new Option("--format <format>", "taken from the end of the file name when left out; .json is pa-sft").choices(
        rolloutExportFormats,
      ),
    )
    .action(
      action(async (context, command) => {
        const options = command.opts<FilterOptions & { out: string; format?: RolloutExportFormat }>();
        const format = options.format ?? rolloutExportFormat(options.out);
        const path = sourcePath(command.args[0]!, options.runs);
        const explorer = new Explorer();
        const { count, left } = await explorer.export(path, queryOf(options), format, options.out, context.signal);
        if (format === "pa-sft" && options.out.endsWith(".jsonl"))
          context.log("The file holds one JSON list, not JSON lines; a name that ends in .json says so.");
        if (context.json) return context.printJson({ count, format, out: options.out, ...left });
        context.print(`${left === null ? counted(count, "completion") : counted(count, "sample")}: ${options.out}`);
        for (const line of left === null ? [] : leftOut(left)) context.log(line);
      }),
    );
}

/** Why pictures have no sample. */
function leftOut({ withoutAnswer, withoutFile }: NonNullable<RolloutExport["left"]>): string[] {
  return [
    ...(withoutAnswer > 0 ? [`No right answer to ${counted(withoutAnswer, "picture")}.`] : []),
    ...(withoutFile > 0 ? [`${counted(withoutFile, "picture")} left out: generated or turned, not in a file.`] : []),
  ];
}

/** A path that exists is one; anything else names a run. */
function sourcePath(source: string, runs: string): string {
  if (existsSync(source)) return source;
  try {
    return findRun(runs, source);
  } catch (error) {
    if (!CheckpointError.is(error, "run/unknown") || source === "") throw error;
    throw new DataError("rollouts/unknown", `There is no file ${source}, and no run ${source} in ${runs}.`, {
      hint: "Check the path; `iad-r1 runs list` shows all runs.",
      cause: error,
    });
  }
}

function queryOf({ step, verdict, minTotal, flat, text }: FilterOptions): ExploreQuery {
  const filter: ExploreFilter = {
    ...noFilter,
    text: text ?? "",
    ranges: [
      ...(step === undefined ? [] : [{ column: "step", min: step, max: step }]),
      ...(minTotal === undefined ? [] : [{ column: "total", min: minTotal, max: Number.POSITIVE_INFINITY }]),
    ],
    facets: {
      ...(verdict !== undefined && { verdict }),
      ...(flat === true && { spread: ["flat"] }),
    },
  };
  return { filter, order: "order", descending: false };
}

function verdictList(list: string): string[] {
  const wanted = names(list);
  if (wanted.length > 0 && wanted.every((name) => verdicts.some((verdict) => verdict === name))) return wanted;
  throw new InvalidArgumentError(`expected some of ${verdicts.join(", ")}.`);
}

function names(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function tellProblems(context: CliContext, problems: Parameters<typeof formatProblem>[0][]): void {
  for (const problem of problems.slice(0, maxProblems)) context.log(formatProblem(problem));
  if (problems.length > maxProblems) context.log(`… and ${problems.length - maxProblems} more problems.`);
}

function facetText({ values }: Facet): string {
  return values
    .slice(0, 8)
    .map(({ value, count }) => `${value} ${count}`)
    .join(" · ");
}

function stepsText(steps: readonly number[]): string {
  return steps.length === 0 ? "" : ` · steps ${steps[0]} to ${steps.at(-1)}`;
}

function short(value: number | null): string {
  return value === null ? "–" : value.toFixed(3);
}
