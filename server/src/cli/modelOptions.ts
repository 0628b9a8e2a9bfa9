/** The options --model, --adapter, --bits and --device, the same in every command. */
import { usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import type { ModelReference } from "@iad-r1/protocol/runs";
import { type Command, Option } from "commander";
import { resolveModel } from "../config/modelNames";
import { smallModel } from "../modelStore/quantized";

export const DEVICE_CHOICES = ["auto", "cpu", "webgpu", "cuda", "dml", "coreml"] as const;

export function modelOption(command: Command): Command {
  return command
    .option(
      "--model <folder>",
      "a checkpoint folder, an adapter folder, a name of `iad-r1 models list`, or an embedded model: nano (trained, the default), nano-pa-sft, nano-base",
    )
    .option("--adapter <folder>", "a PEFT adapter to put on top of --model")
    .addOption(
      new Option("--bits <n>", "use the base in 4 or 8 bits a weight; made and kept when not there").choices([
        "4",
        "8",
      ]),
    );
}

/** The model that the options name; with --bits, on the small form of its base. */
export async function modelOf(
  { model, adapter, bits }: { model?: string; adapter?: string; bits?: "4" | "8" },
  signal: AbortSignal,
): Promise<ModelReference> {
  const reference = resolveModel(model, adapter);
  if (bits === undefined) return reference;
  const wanted = Number(bits) as 4 | 8;
  const rounding = { bits: wanted, blockSize: usualBlockSize[wanted] };
  const { folder } = await smallModel(reference.base, rounding, { signal });
  return { ...reference, base: folder };
}

export function deviceOption(command: Command): Command {
  return command.addOption(
    new Option("--device <device>", "where to compute; see `iad-r1 doctor`").choices(DEVICE_CHOICES).default("auto"),
  );
}
