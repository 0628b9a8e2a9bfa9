/**
 * adapter_config.json of a LoRA adapter, as PEFT writes it: parsing, defaults, scaling and writing. Variants that change the
 * arithmetic (DoRA, LoRA with biases, and so on) are refused, not ignored. Tensors are in adapter.ts.
 */
import { ConfigReader } from "../checkpoint/configReader";
import type { JsonObject } from "../util/jsonFile";
import { matchInTime, patternFor, selectModules, type TargetSelection } from "./targetModules";

export interface LoraConfig extends TargetSelection {
  /** Rank r. */
  rank: number;
  /** lora_alpha; the adapter's output is scaled by alpha / r, or alpha / sqrt(r) with `useRsLora`. */
  alpha: number;
  useRsLora: boolean;
  /** Other ranks and alphas for modules whose path ends with a pattern. */
  rankPattern: Readonly<Record<string, number>>;
  alphaPattern: Readonly<Record<string, number>>;
  /** Where the adapted checkpoint came from; informative. */
  baseModel: string | null;
}

/** One adapted linear: its module path, rank and scaling. */
export interface LoraTarget {
  path: string;
  rank: number;
  scaling: number;
}

/** A configuration for a new adapter; everything left out as PEFT would. */
export function createLoraConfig(
  given: Pick<LoraConfig, "rank" | "alpha" | "targetModules"> & Partial<LoraConfig>,
): LoraConfig {
  return {
    useRsLora: false,
    rankPattern: {},
    alphaPattern: {},
    excludeModules: null,
    modulesToSave: [],
    layersToTransform: null,
    layersPattern: [],
    baseModel: null,
    ...given,
  };
}

/** Settings of PEFT that would change the result and that this engine does not compute, with the value that means "off". */
const unsupported: readonly [key: string, off: readonly unknown[]][] = [
  ["use_dora", [false]],
  ["use_qalora", [false]],
  ["use_bdlora", [false]],
  ["lora_bias", [false]],
  ["fan_in_fan_out", [false]],
  ["bias", ["none"]],
  ["target_parameters", []],
  ["trainable_token_indices", []],
  ["layer_replication", []],
  ["alora_invocation_tokens", []],
  ["arrow_config", []],
  ["megatron_config", []],
  ["kasa_config", []],
  ["velora_config", []],
  ["monteclora_config", []],
];

/**
 * Parses adapter_config.json.
 *
 * @throws ModelFileError `model/config-value` for anything but a plain LoRA adapter, or values out of range
 */
export function parseLoraConfig(value: unknown, where = "adapter_config.json"): LoraConfig {
  const reader = new ConfigReader(value, where);
  reader.choice("peft_type", ["LORA"]);
  for (const [key, off] of unsupported) {
    const given = reader.raw(key);
    const empty = Array.isArray(given) && given.length === 0;
    if (given !== undefined && !empty && !off.includes(given)) {
      reader.fail(
        key,
        off.length === 0 ? "nothing" : JSON.stringify(off[0]),
        given,
        "Merge the adapter with PEFT and use the merged checkpoint.",
      );
    }
  }
  const targetModules = names(reader, "target_modules");
  if (targetModules === null) return reader.fail("target_modules", "a list of module names or a pattern", undefined);
  const layers = reader.integers("layers_to_transform", { min: 0, max: 4096 }, 4096);
  return {
    rank: reader.integer("r", { min: 1, max: 65536 }, 8),
    alpha: reader.number("lora_alpha", { min: -1e6, max: 1e6 }, 8),
    useRsLora: reader.boolean("use_rslora", false),
    rankPattern: numbers(reader, "rank_pattern", (nested, key) => nested.integer(key, { min: 1, max: 65536 })),
    alphaPattern: numbers(reader, "alpha_pattern", (nested, key) => nested.number(key, { min: -1e6, max: 1e6 })),
    targetModules,
    excludeModules: names(reader, "exclude_modules"),
    modulesToSave: list(names(reader, "modules_to_save")),
    layersToTransform: layers.length === 0 ? null : layers,
    layersPattern: list(names(reader, "layers_pattern")),
    baseModel: reader.has("base_model_name_or_path") ? reader.string("base_model_name_or_path") : null,
  };
}

/** The file's content for PEFT; the counterpart of `parseLoraConfig`. */
export function loraConfigToJson(config: LoraConfig): JsonObject {
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: config.baseModel,
    r: config.rank,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    use_rslora: config.useRsLora,
    use_dora: false,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    target_modules: config.targetModules,
    exclude_modules: config.excludeModules,
    modules_to_save: config.modulesToSave.length === 0 ? null : config.modulesToSave,
    rank_pattern: config.rankPattern,
    alpha_pattern: config.alphaPattern,
    layers_to_transform: config.layersToTransform,
    layers_pattern: config.layersPattern.length === 0 ? null : config.layersPattern,
  };
}

/**
 * The adapted linears with their ranks and scalings.
 *
 * @param linearModules every linear of the network but the output head, as module paths
 * @throws ModelFileError `model/config-value` when nothing matches, `adapter/bad-pattern`
 */
export function loraTargets(
  config: LoraConfig,
  linearModules: readonly string[],
  where = "adapter_config.json",
): LoraTarget[] {
  return matchInTime(where, () => findTargets(config, linearModules, where));
}

function findTargets(config: LoraConfig, linearModules: readonly string[], where: string): LoraTarget[] {
  const paths = selectModules(config, linearModules, where);
  if (paths.length === 0) {
    new ConfigReader({}, where).fail(
      "target_modules",
      "at least one linear of the model to match",
      config.targetModules,
      `Module paths look like "${linearModules[0] ?? ""}".`,
    );
  }
  return paths.map((path) => {
    const rankKey = patternFor(Object.keys(config.rankPattern), path, where);
    const alphaKey = patternFor(Object.keys(config.alphaPattern), path, where);
    const rank = rankKey === undefined ? config.rank : config.rankPattern[rankKey]!;
    const alpha = alphaKey === undefined ? config.alpha : config.alphaPattern[alphaKey]!;
    return { path, rank, scaling: alpha / (config.useRsLora ? Math.sqrt(rank) : rank) };
  });
}

function names(reader: ConfigReader, key: string): string | string[] | null {
  const value = reader.raw(key);
  if (value === undefined || typeof value === "string") return value ?? null;
  if (Array.isArray(value) && value.length <= 4096 && value.every((item) => typeof item === "string")) return value;
  return reader.fail(key, "a string or a list of strings", value);
}

function list(value: string | string[] | null): string[] {
  return value === null ? [] : typeof value === "string" ? [value] : value;
}

function numbers(
  reader: ConfigReader,
  key: string,
  read: (nested: ConfigReader, key: string) => number,
): Record<string, number> {
  const nested = reader.object(key, true);
  return Object.fromEntries(Object.keys(reader.raw(key) ?? {}).map((pattern) => [pattern, read(nested, pattern)]));
}
