/**
 * Refuses a model whose weights cannot be held for what it is opened for, with the cure. What the work itself takes, a prompt or a
 * pass, is refused where its size is known.
 */
import type { ModelDescription } from "@iad-r1/models/zoo";
import { gigabytes, refuseIfTooLarge } from "../runtime/memory";
import { type WeightUse, weightBytes } from "./footprint";

/**
 * @param available bytes that this process can still get; asked from the system when left out
 * @throws ResourceError `resource/memory` with both numbers
 */
export function refuseIfWeightsDoNotFit(model: ModelDescription, use: WeightUse, available?: number): void {
  refuseIfTooLarge(allocatedBytes(model, use), what(model, use), cureFor(model, use), available);
}

/** What must be there at once. Mapped pages need not: the system takes them back when memory is short. */
function allocatedBytes(model: ModelDescription, use: WeightUse): number {
  const { held, opening } = weightBytes(model, use);
  // Of packed weights only mapped pages come and go.
  return held + (bitsOf(model) === null ? opening : 0);
}

function what({ folder }: ModelDescription, { learns, writes }: WeightUse): string {
  if (learns === "nothing") return `Holding the weights of ${folder} for inspections`;
  const learning = learns === "adapter" ? "to train an adapter" : "to train them";
  return `Holding the weights of ${folder} ${learning}${writes ? " and to write completions in between" : ""}`;
}

const quantize = "Make a copy in 4 bits with `iad-r1 quantize`, which needs about an eighth, or use a smaller model.";

function cureFor(model: ModelDescription, use: WeightUse): string {
  if (use.learns === "language-model" || use.learns === "all") {
    return "Train an adapter (trainable: lora) instead of the weights, or use a smaller model.";
  }
  const bits = bitsOf(model);
  if (bits === null) return quantize;
  const needs = (changed: WeightUse) => gigabytes(allocatedBytes(model, changed));
  const cures: string[] = [];
  if (use.refers) {
    const changed = { ...use, refers: false };
    cures.push(`Set beta: 0, as without a reference it needs ${needs(changed)}.`);
  } else if (use.writes && use.learns === "adapter") {
    const changed = { ...use, writes: false };
    cures.push(`PA-SFT with evalEvery: 0 needs ${needs(changed)}: it holds no weights for writing.`);
  }
  cures.push(bits === 8 ? "Quantise its source to 4 bits, or use a smaller model." : "Use a smaller model.");
  return cures.join(" ");
}

/** Of most weights of a small form; null for a model in floats. */
function bitsOf({ parameters, paths }: ModelDescription): 4 | 8 | null {
  for (const [path, { packed }] of parameters) {
    if (packed !== undefined && path.startsWith(`${paths.decoder}.layers.`)) return packed.bits;
  }
  return null;
}
