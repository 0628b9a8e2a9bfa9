/** `iad-r1 estimate`: what an inspection and a LoRA step of a model take on a device of this machine, before anything is read. */
import { loadModelDescription } from "@iad-r1/models/zoo";
import { type Command, Option } from "commander";
import { resolveModel } from "../../config/modelNames";
import { decideDevice } from "../../runtime/deviceChoice";
import { type DeviceChoice, devices, probeDevice } from "../../runtime/devices";
import { defaultThreads } from "../../runtime/threads";
import { estimateTask, type MemoryParts, smallForm, type TaskEstimate } from "../../runs/taskEstimate";
import { action } from "../action";
import { integer } from "../numberOption";
import { table } from "../terminalText";

interface Options {
  side: number;
  tokens: number;
  bits?: "4" | "8";
  device: DeviceChoice;
}

export function registerEstimate(program: Command): void {
  program
    .command("estimate")
    .description("memory and time of one inspection and one LoRA step of a model, before it is loaded")
    .argument("<model>", "checkpoint folder, a name of `iad-r1 models list`, or an embedded model")
    .option("--side <pixels>", "side of the square picture", integer(28), 448)
    .option("--tokens <number>", "tokens that are written, or learnt", integer(1), 128)
    .addOption(new Option("--bits <n>", "of the small form that `iad-r1 quantize` would make").choices(["4", "8"]))
    .addOption(new Option("--device <device>", "where to compute").choices(["auto", ...devices]).default("cpu"))
    .action(
      action(async (context, command) => {
        const { side, tokens, bits, ...options } = command.opts<Options>();
        const { signal } = context;
        const source = await loadModelDescription(resolveModel(command.args[0]!).base);
        const model = bits === undefined ? source : smallForm(source, Number(bits) as 4 | 8);
        const { device, reason } = await decideDevice(options.device, { signal });
        const probe = await probeDevice(device, { signal, touches: true });
        const { gflops, touchSeconds = 0, startSeconds } = probe;
        const threads = device === "cpu" ? defaultThreads() : null;
        const speed =
          gflops === undefined ? null : { flopsPerSecond: gflops * 1e9, threads, touchSeconds, startSeconds };
        const estimates: TaskEstimate[] = [];
        for (const task of ["inspect", "lora-step"] as const) {
          estimates.push(await estimateTask(model, { task, side, tokens, device }, speed));
        }
        if (estimates.some(({ fits }) => !fits)) context.fail();
        if (context.json) {
          return context.printJson({
            model: model.folder,
            bits: bits === undefined ? null : Number(bits),
            device,
            reason,
            gflops: probe.gflops ?? null,
            estimates,
          });
        }
        // The reason for a device that was named is that it works, and how fast.
        const isNamed = device !== "cpu" && options.device === device;
        context.print(`device ${device}: ${isNamed ? reason : `${reason}; ${probe.detail}`}`);
        for (const one of estimates) {
          const { task, memory, deviceMemory, availableBytes, seconds, cure, promptTokens, imageTokens } = one;
          context.print(`${task}: ${promptTokens} tokens read, ${imageTokens} of them the picture`);
          for (const line of memoryTable("memory", memory, availableBytes)) context.print(line);
          if (deviceMemory !== null) {
            for (const line of memoryTable(`memory of the ${device} device`, deviceMemory, null)) context.print(line);
          }
          const parts = Object.entries(seconds ?? {}).map(
            ([part, value]) => `${part === "memory" ? "new memory" : part} ${value.toFixed(1)} s`,
          );
          context.print(`  time: ${seconds === null ? `not known (${probe.detail})` : parts.join(", ")}`);
          if (device !== "cpu")
            context.print("  time and memory of devices follow from the processor's, and were not checked on a card");
          context.print(cure === null ? "  fits" : `  DOES NOT FIT. ${cure}`);
        }
      }),
    );
}

/** What the parts are, in the order in which they are shown. */
const partTitles: Readonly<Record<string, string>> = {
  weights: "weights",
  held: "weights, unpacked or prepared for products",
  mapped: "weights as their files have them",
  opening: "while the model is opened",
  upload: "the largest weight, on its way to the device",
  tower: "looking at the picture",
  prompt: "reading the prompt",
  cache: "keys and values of what was read",
  adapter: "adapter, its gradient and moments",
  activations: "activations of the step",
  process: "process and libraries",
  total: "together",
};

function memoryTable(title: string, memory: MemoryParts, availableBytes: number | null): string[] {
  const rows = Object.keys(partTitles)
    .filter((part) => part in memory)
    .map((part) => [`  ${partTitles[part]}`, gibibytes(memory[part]!)]);
  if (availableBytes !== null) rows.push(["  free now", gibibytes(availableBytes)]);
  return table([`  ${title}`, ""], rows);
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
