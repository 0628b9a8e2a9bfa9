/**
 * Names of adapter tensors. Ours are module paths ("model….q_proj.lora_A.weight"); PEFT puts "base_model.model." in front, and in
 * memory (not in its files) the adapter's name behind "lora_A". Modules saved in full have names of their own.
 */
import { type NameRule, parameterPath } from "../checkpoint/parameterTable";

const peftPrefix = "base_model.model.";

/** The name PEFT's files use for one of our paths. */
export function peftName(path: string): string {
  return peftPrefix + path;
}

/**
 * Our path for a name in an adapter file, whichever generation of module names its base had.
 *
 * @param rules the architecture's renaming of checkpoint tensors
 */
export function pathOfPeftName(name: string, rules: readonly NameRule[]): string {
  const bare = name
    .replace(/^base_model\.model\./, "")
    .replace(/\.(lora_[AB])\.[^.]+\.weight$/, ".$1.weight")
    .replace(/\.modules_to_save\.(?:default\.)?/, ".")
    .replace(/\.base_layer\./, ".");
  return parameterPath(bare, rules);
}

/** Which matrix of which module a path names, or null for other parameters. */
export function parseLoraPath(path: string): { module: string; matrix: "A" | "B" } | null {
  const match = /^(.+)\.lora_([AB])\.weight$/.exec(path);
  return match === null ? null : { module: match[1]!, matrix: match[2] as "A" | "B" };
}
