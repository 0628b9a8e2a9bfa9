/** `iad-r1 estimate`: what an inspection and a LoRA step of a model take on this machine, before anything is read. */
import { loadModelDescription } from "@iad-r1/models/zoo";
import { type Command, InvalidArgumentError } from "commander";
import { resolveModel } from "../../config/modelNames";
import { probeDevice } from "../../runtime/devices";
import { estimateTask, type TaskEstimate } from "../../runs/taskEstimate";
import { action } from "../action";
import { table } from "../terminalText";

export function registerEstimate(program: Command): void {
  program
    .command("estimate")
    .description("memory and time of one inspection and one LoRA step of a model, before it is loaded")
    .argument("<model>", "checkpoint folder, or the name of an embedded model")
    .option("--side <pixels>", "side of the square picture", wholeNumber(28), 448)
    .option("--tokens <number>", "tokens that are written, or learnt", wholeNumber(1), 128)
    .action(
      action(async (context, command) => {
        const { side, tokens } = command.opts<{ side: number; tokens: number }>();
        const model = await loadModelDescription(resolveModel(command.args[0]!).base);
        const probe = await probeDevice("cpu", { signal: context.signal });
        const speed = probe.gflops === undefined ? null : probe.gflops * 1e9;
        const estimates: TaskEstimate[] = [];
        for (const task of ["inspect", "lora-step"] as const) {
          estimates.push(await estimateTask(model, { task, side, tokens }, speed));
        }
        if (estimates.some(({ fits }) => !fits)) context.fail();
        if (context.json) return context.printJson({ model: model.folder, gflops: probe.gflops ?? null, estimates });
        for (const { task, memory, availableBytes, seconds, cure, promptTokens, imageTokens } of estimates) {
          context.print(`${task}: ${promptTokens} tokens read, ${imageTokens} of them the picture`);
          const rows = Object.entries(memory).map(([part, bytes]) => [`  ${part}`, gibibytes(bytes)]);
          for (const line of table(["  memory", ""], [...rows, ["  free now", gibibytes(availableBytes)]])) {
            context.print(line);
          }
          const parts = Object.entries(seconds ?? {}).map(([part, value]) => `${part} ${value.toFixed(1)} s`);
          context.print(`  time: ${seconds === null ? `not known (${probe.detail})` : parts.join(", ")}`);
          context.print(cure === null ? "  fits" : `  DOES NOT FIT. ${cure}`);
        }
      }),
    );
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

function wholeNumber(min: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= min) return number;
    throw new InvalidArgumentError(`expected a whole number of at least ${min}.`);
  };
}
