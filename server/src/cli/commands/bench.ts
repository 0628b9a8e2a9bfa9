/** `iad-r1 bench`: our speed as ratios, against the machine and against PyTorch, transformers and TRL where they are installed. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { findPeer } from "../../bench/pythonPeer";
import { writeRealShape } from "../../bench/randomCheckpoint";
import { realShapes } from "../../bench/realShapes";
import { runShape, type ShapeJob } from "../../bench/shapeRun";
import { type BenchRow, runBenchmarks } from "../../bench/suite";
import { action } from "../action";
import { projectRoot, resolveModel } from "../../config/modelNames";
import { table } from "../terminalText";

interface Options {
  quick?: boolean;
  model: string;
  only: string;
}

interface ShapeOptions {
  processor: string;
  folder?: string;
  task: ShapeJob["task"];
  side: number;
  tokens: number;
  threads: number;
}

export function registerBench(program: Command): void {
  const bench = program
    .command("bench")
    .description("how fast is this engine here? ratios to the matrix-product peak and to PyTorch and TRL, one thread")
    .option("--quick", "fewer rounds and smaller batches: about a minute, rougher numbers")
    .option("--only <parts>", "only benchmarks whose name contains one of these, separated by commas", "")
    .option("--model <folder>", "the small checkpoint to measure with", "nano")
    .action(
      action(async (context, command) => {
        const { quick = false, model, only } = command.opts<Options>();
        const peer = findPeer(projectRoot);
        if ("missing" in peer) context.log(`Without comparisons: ${peer.missing}.`);
        const report = await runBenchmarks({
          ...{ model: resolveModel(model).base, quick },
          peer: "missing" in peer ? null : peer,
          memoryEntry: fileURLToPath(new URL("./peakMemoryMain.mjs", import.meta.url)),
          only: only.split(",").filter((part) => part !== ""),
          signal: context.signal,
          onProgress: (what) => context.log(`${what} …`),
        });
        const machine = { processor: cpus()[0]?.model.trim() ?? "unknown", node: process.versions.node };
        if (context.json) return context.printJson({ machine, quick, ...report });
        context.print(`${machine.processor}, one thread, GEMM peak ${report.gemmPeak.toFixed(1)} GFLOP/s`);
        if (report.peer !== null) {
          context.print(
            Object.entries(report.peer)
              .map((entry) => entry.join(" "))
              .join(", "),
          );
        }
        context.print("");
        const header = ["", "ours", "other", "ratio", "target", ""];
        for (const line of table(header, report.rows.map(cells))) context.print(line);
        for (const line of report.skipped) context.print(`not measured: ${line}`);
      }),
    );

  bench
    .command("shape")
    .description("time and peak memory of a model's real shape, with random weights")
    .addArgument(new Argument("<shape>", "which model").choices(Object.keys(realShapes)))
    .requiredOption("--processor <folder>", "folder with the model's tokenizer, chat template and image settings")
    .option("--folder <folder>", "where the checkpoint is made and kept; else it is deleted afterwards")
    .addOption(new Option("--task <task>", "what is measured").choices(["inspect", "lora-step"]).default("inspect"))
    .option("--side <pixels>", "side of the square picture", wholeNumber(56), 448)
    .option("--tokens <number>", "tokens that are written, or learnt", wholeNumber(1), 32)
    .option("--threads <number>", "threads; 0 is one per core", wholeNumber(0), 0)
    .action(
      action(async (context, command) => {
        const name = command.args[0]!;
        const { processor, folder: kept, ...options } = command.opts<ShapeOptions>();
        const folder = kept ?? (await mkdtemp(join(tmpdir(), "iad-r1-shape-")));
        try {
          if (!existsSync(join(folder, "config.json"))) {
            context.log(`Writing ${name} with random weights to ${folder} …`);
            await writeRealShape(folder, realShapes[name]!, processor, 1);
          }
          const job = { folder, ...options };
          const entry = fileURLToPath(new URL("./shapeRunMain.mjs", import.meta.url));
          const measured = await runShape(entry, job, context.signal);
          if (context.json) return context.printJson({ shape: name, ...job, ...measured });
          const seconds = Object.entries(measured.seconds).map(([part, { wall, cpu }]) => [
            part,
            `${wall.toFixed(1)} s`,
            `${cpu.toFixed(1)} s`,
          ]);
          for (const line of table(["part", "time", "of the processor"], seconds)) context.print(line);
          context.print(
            `${measured.promptTokens} tokens read, ${measured.imageTokens} of them the picture; ${job.tokens} ${job.task === "inspect" ? "written" : "learnt"}`,
          );
          context.print(`peak memory ${(measured.peakBytes / 2 ** 30).toFixed(2)} GiB`);
        } finally {
          if (kept === undefined) await rm(folder, { recursive: true, force: true });
        }
      }),
    );
}

function wholeNumber(min: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= min) return number;
    throw new InvalidArgumentError(`expected a whole number of at least ${min}.`);
  };
}

function cells({ name, detail, ours, other, unit, ratio, target, ok }: BenchRow): string[] {
  const number = (value: number) => `${value.toPrecision(3)} ${unit}`;
  const goal = "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return [`${name} (${detail})`, number(ours), number(other), ratio.toFixed(2), goal, ok ? "ok" : "MISSED"];
}
