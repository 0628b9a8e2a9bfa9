/** `iad-r1 bench`: our speed as ratios, against the machine and against PyTorch, transformers and TRL where they are installed. */
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { findPeer } from "../../bench/pythonPeer";
import { type BenchRow, runBenchmarks } from "../../bench/suite";
import { action } from "../action";
import { projectRoot, resolveModel } from "../../config/modelNames";
import { table } from "../terminalText";

interface Options {
  quick?: boolean;
  model: string;
  only: string;
}

export function registerBench(program: Command): void {
  program
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
}

function cells({ name, detail, ours, other, unit, ratio, target, ok }: BenchRow): string[] {
  const number = (value: number) => `${value.toPrecision(3)} ${unit}`;
  const goal = "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return [`${name} (${detail})`, number(ours), number(other), ratio.toFixed(2), goal, ok ? "ok" : "MISSED"];
}
