/** `iad-r1 bench`: our speed as ratios, against the machine and against PyTorch, transformers and TRL where they are installed. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import { ConfigError } from "@iad-r1/models/errors";
import { Argument, type Command, Option } from "commander";
import { checkDevice, halfBillion } from "../../bench/deviceCheck";
import { findLlamaPeer, findTorchPeer } from "../../bench/peerProcess";
import { writeRealShape } from "../../bench/randomCheckpoint";
import { realShapes } from "../../bench/realShapes";
import type { ShapeJob } from "../../bench/shapeRun";
import { compareWithEstimate } from "../../bench/shapeEstimate";
import { type BenchRow, runBenchmarks } from "../../bench/suite";
import { decideDevice } from "../../runtime/deviceChoice";
import { type Device, devices, speed } from "../../runtime/devices";
import { action } from "../action";
import { projectRoot, resolveModel } from "../../config/modelNames";
import { integer } from "../numberOption";
import { table } from "../terminalText";

interface Options {
  quick?: boolean;
  model: string;
  only: string;
  threads: number;
}

interface ShapeOptions {
  processor: string;
  folder?: string;
  task: ShapeJob["task"];
  side: number;
  tokens: number;
  threads: number;
  device: Device;
  bits?: "4" | "8";
}

export function registerBench(program: Command): void {
  const bench = program
    .command("bench")
    .description("how fast is this engine here? ratios to the matrix-product peak and to PyTorch and TRL, one thread")
    .option("--quick", "fewer rounds and smaller batches: about a minute, rougher numbers")
    .option("--only <parts>", "only benchmarks whose name contains one of these, separated by commas", "")
    .option("--model <folder>", "the small checkpoint to measure with", "nano")
    .option(
      "--threads <number>",
      "with more than one: only decoders beside their peers, by the clock, the best round of each",
      integer(1),
      1,
    )
    .action(
      action(async (context, command) => {
        const { quick = false, model, only, threads } = command.opts<Options>();
        const peer = findTorchPeer(projectRoot);
        const llama = findLlamaPeer(projectRoot);
        for (const one of [peer, llama]) if ("missing" in one) context.log(`Fewer comparisons: ${one.missing}.`);
        const report = await runBenchmarks({
          ...{ model: resolveModel(model).base, quick, threads },
          peer: "missing" in peer ? null : peer,
          llama: "missing" in llama ? null : llama,
          memoryEntry: fileURLToPath(new URL("./peakMemoryMain.mjs", import.meta.url)),
          coldStartEntry: fileURLToPath(new URL("./coldStartMain.mjs", import.meta.url)),
          decoderEntry: fileURLToPath(new URL("./decoderPeerMain.mjs", import.meta.url)),
          only: only
            .split(",")
            .map((part) => part.trim())
            .filter((part) => part !== ""),
          signal: context.signal,
          onProgress: (what) => context.log(`${what} …`),
        });
        const machine = { processor: cpus()[0]?.model.trim() ?? "unknown", node: process.versions.node };
        if (context.json) return context.printJson({ machine, quick, ...report });
        context.print(
          `${machine.processor}, ${threads === 1 ? "one thread" : `${threads} threads`}, GEMM peak of one ${report.gemmPeak.toFixed(1)} GFLOP/s`,
        );
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

  registerDeviceCheck(bench);
  bench
    .command("shape")
    .description("time and peak memory of a model's real shape, with random weights")
    .addArgument(new Argument("<shape>", "which model").choices(Object.keys(realShapes)))
    .requiredOption("--processor <folder>", "folder with the model's tokenizer, chat template and image settings")
    .option("--folder <folder>", "where the checkpoint is made and kept; else it is deleted afterwards")
    .addOption(new Option("--task <task>", "what is measured").choices(["inspect", "lora-step"]).default("inspect"))
    .addOption(new Option("--bits <n>", "of its small form, 4 or 8 bits a weight").choices(["4", "8"]))
    .option("--side <pixels>", "side of the square picture", integer(56), 448)
    .option("--tokens <number>", "tokens that are written, or learnt", integer(1), 32)
    .option("--threads <number>", "threads; 0 is one per core", integer(0), 0)
    .addOption(new Option("--device <device>", "where to compute").choices([...devices]).default("cpu"))
    .action(
      action(async (context, command) => {
        const name = command.args[0]!;
        const { processor, folder: kept, bits, ...options } = command.opts<ShapeOptions>();
        // Before billions of weights are written.
        if (!existsSync(processor)) {
          throw new ConfigError("bench/processor", `--processor: there is no folder ${processor}.`, {
            hint: "Name a folder with the model's tokenizer, chat template and preprocessor_config.json, as its repository has them.",
            where: processor,
          });
        }
        await decideDevice(options.device, { signal: context.signal });
        const folder = kept ?? (await mkdtemp(join(tmpdir(), "iad-r1-shape-")));
        try {
          const job: ShapeJob = { folder: bits === undefined ? folder : join(folder, `${bits}-bit`), ...options };
          if (!existsSync(join(job.folder, "config.json"))) {
            const form = bits === undefined ? "" : ` in ${bits} bits`;
            context.log(`Writing ${name} with random weights${form} to ${job.folder} …`);
            const count = Number(bits) as 4 | 8;
            const rounding = bits === undefined ? null : { bits: count, blockSize: usualBlockSize[count] };
            await writeRealShape(job.folder, realShapes[name]!, { processor, seed: 1, rounding });
          }
          const run = { entry: fileURLToPath(new URL("./shapeRunMain.mjs", import.meta.url)), signal: context.signal };
          const result = await compareWithEstimate(job, run);
          if (context.json) return context.printJson({ shape: name, ...job, ...result });
          const isHere = job.device === "cpu";
          const rows = result.parts.map(({ part, wall, cpu, predicted }) => [
            part,
            `${wall.toFixed(1)} s`,
            `${cpu.toFixed(1)} s`,
            ...(predicted === null
              ? ["", ""]
              : [`${predicted.toFixed(1)} s`, deviation(predicted, isHere ? cpu : wall)]),
          ]);
          const header = ["part", "time", "of the processor", "predicted", ""];
          for (const line of table(header, rows)) context.print(line);
          const { promptTokens, imageTokens, peakBytes, predictedBytes, predictedDeviceBytes } = result;
          const { gflops, touchSeconds } = result;
          context.print(
            `${promptTokens} tokens read, ${imageTokens} of them the picture; ${job.tokens} ${job.task === "inspect" ? "written" : "learnt"}`,
          );
          const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
          context.print(
            `peak memory ${gibibytes(peakBytes)}, predicted ${gibibytes(predictedBytes)} (${deviation(predictedBytes, peakBytes)}); ${isHere ? "a core" : job.device} multiplied at ${speed(gflops)} GFLOP/s, and a core was given new memory at ${(2 ** -30 / touchSeconds).toFixed(1)} GiB/s`,
          );
          if (predictedDeviceBytes !== null) {
            context.print(
              `memory of the device: predicted ${gibibytes(predictedDeviceBytes)}; its driver's own tool measures it`,
            );
          }
        } finally {
          if (kept === undefined) await rm(folder, { recursive: true, force: true });
        }
      }),
    );
}

function deviation(predicted: number, measured: number): string {
  const percent = 100 * (predicted / measured - 1);
  return `${percent < 0 ? "" : "+"}${percent.toFixed(0)} %`;
}

interface DeviceOptions {
  device: Device;
  recorded?: string;
  seconds: number;
  shape: boolean;
  out?: string;
}

function registerDeviceCheck(bench: Command): void {
  bench
    .command("device")
    .description("does a device give the recorded numbers, and how fast is it beside the processor?")
    .addOption(
      new Option("--device <device>", "which device")
        .choices(["cpu", "webgpu", "cuda", "dml", "coreml"])
        .default("webgpu"),
    )
    .option("--recorded <folder>", "folders with a checkpoint and its record each (see test/fixtures/vlm)")
    .option("--seconds <number>", "time for everything together", integer(10), 100)
    .option("--no-shape", "without the decoder of the real shape of the 0.5B, which takes 2 GB of disk")
    .option("--out <file>", "also write everything as JSON")
    .action(
      action(async (context, command) => {
        const { device, recorded = null, seconds, shape, out } = command.opts<DeviceOptions>();
        const parts = await checkDevice({
          ...{ device, recorded, seconds, shape: shape ? halfBillion : null },
          model: resolveModel("nano-base").base,
          entry: fileURLToPath(new URL("./deviceCheckMain.mjs", import.meta.url)),
          signal: context.signal,
          onPart: ({ part, device: where, figures, notes, problem, seconds: took }) => {
            if (problem !== null) context.fail();
            if (context.json) return;
            context.print(
              `${part} on ${where}, ${took.toFixed(1)} s${problem === null ? "" : `: NOT WHOLE, ${problem}`}`,
            );
            for (const { what, value, unit } of figures) context.print(`  ${what}: ${value.toPrecision(6)} ${unit}`);
            for (const note of notes) context.print(`  ${note}`);
          },
        });
        if (parts.some(({ notes }) => notes.some((note) => note.startsWith("DIFFERS")))) context.fail();
        const machine = { processor: cpus()[0]?.model.trim() ?? "unknown", node: process.versions.node };
        if (out !== undefined) await writeFile(out, `${JSON.stringify({ machine, parts }, null, 2)}\n`);
        if (context.json) context.printJson({ machine, parts });
      }),
    );
}

function cells({ name, detail, ours, other, unit, ratio, target, ok }: BenchRow): string[] {
  const number = (value: number) => `${value.toPrecision(3)} ${unit}`;
  const goal = "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return [`${name} (${detail})`, number(ours), number(other), ratio.toFixed(2), goal, ok ? "ok" : "MISSED"];
}
