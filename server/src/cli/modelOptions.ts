/** The options --model, --adapter and --device, the same in every command. */
import { type Command, Option } from "commander";

export const DEVICE_CHOICES = ["auto", "cpu", "webgpu", "cuda", "dml", "coreml"] as const;

export function modelOption(command: Command): Command {
  return command
    .option(
      "--model <folder>",
      "a checkpoint folder, an adapter folder, or an embedded model: nano (trained, the default), nano-pa-sft, nano-base",
    )
    .option("--adapter <folder>", "a PEFT adapter to put on top of --model");
}

export function deviceOption(command: Command): Command {
  return command.addOption(
    new Option("--device <device>", "where to compute; see `iad-r1 doctor`").choices(DEVICE_CHOICES).default("auto"),
  );
}
