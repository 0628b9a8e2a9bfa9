/**
 * Small checkpoints made from large ones, kept in the user's store: the same model with the same rounding is made once. A half-made one
 * is never used, as its configuration is written last.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { QuantizeOptions, Rounding } from "@iad-r1/models/checkpoint/quantize";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { type QuantizeReport, quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { quantizedFolder, requireNoCheckpoint } from "./folders";

export interface SmallModel {
  folder: string;
  /** Null when it was there already. */
  made: QuantizeReport | null;
}

/**
 * The small form of a checkpoint, made when it is not there.
 *
 * @param target where to put it; the store when left out
 * @throws ConfigError `models/exists` for a target that holds a checkpoint, and what quantizeCheckpoint throws
 */
export async function smallModel(
  source: string,
  rounding: Rounding,
  options: QuantizeOptions & { target?: string } = {},
): Promise<SmallModel> {
  const folder = options.target ?? join(quantizedFolder(), await nameOf(source, rounding));
  if (options.target === undefined && existsSync(join(folder, "config.json"))) return { folder, made: null };
  // What an interrupted try left is not a checkpoint.
  if (options.target === undefined) await rm(folder, { recursive: true, force: true });
  else requireNoCheckpoint(folder);
  const model = await loadModelDescription(source);
  return { folder, made: await quantizeCheckpoint(model, folder, rounding, options) };
}

/** Tells checkpoints apart by their files' sizes and times and all that their headers say, without reading the weights. */
async function nameOf(source: string, { bits, blockSize }: Rounding): Promise<string> {
  const hash = createHash("sha256").update(`${bits} ${blockSize}`);
  const { tensors } = await openSafetensors(source);
  const files = new Map<string, string>();
  for (const { name, dtype, shape, file, offset } of tensors.values()) {
    hash.update(`${name} ${dtype} ${shape.join("x")} ${offset}\n`);
    if (!files.has(file)) {
      const { size, mtimeNs } = await stat(file, { bigint: true });
      files.set(file, `${size} ${mtimeNs}`);
    }
  }
  for (const state of files.values()) hash.update(state);
  return `${basename(source)}-${bits}bit-${hash.digest("hex").slice(0, 12)}`;
}
