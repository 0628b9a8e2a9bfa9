/**
 * LoRA adapters on disk and in memory: making a new one, reading and writing PEFT's layout (adapter_config.json beside
 * adapter_model.safetensors), and merging into a full checkpoint. How an adapter enters a graph is nn/linear.ts.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../checkpoint/atomicFile";
import { copyCompanionFiles } from "../checkpoint/companionFiles";
import {
  type NameRule,
  type ParameterShapes,
  type ParameterTable,
  type StoredParameter,
  storedParameter,
} from "../checkpoint/parameterTable";
import { type Checkpoint, openSafetensors } from "../checkpoint/safetensors";
import { type TensorToWrite, writeSafetensors, writeShardedSafetensors } from "../checkpoint/writeSafetensors";
import { ConfigError, ModelFileError } from "../errors";
import { isLanguagePath } from "../nn/decoder";
import type { AdapterLayout, ParameterInput } from "../nn/parameters";
import { readJsonFile } from "../util/jsonFile";
import { createRandom } from "../util/random";
import { parseLoraPath, pathOfPeftName, peftName } from "./adapterNames";
import { type LoraConfig, loraConfigToJson, loraTargets, parseLoraConfig } from "./loraConfig";

/** The base network as far as adapters care. */
export interface AdapterBase {
  shapes: ParameterShapes;
  /** Module paths of all linears but the output head. */
  linearModules: readonly string[];
  nameRules: readonly NameRule[];
}

/** An adapter's structure: configuration, and rank and scaling of each adapted module. */
export interface AdapterSpec {
  config: LoraConfig;
  layout: AdapterLayout;
}

export interface StoredAdapter extends AdapterSpec {
  folder: string;
  /** The low-rank matrices by path. */
  tensors: ParameterTable;
  /** Parameters of the base that the adapter replaces in full (`modules_to_save`). */
  replaced: ParameterTable;
}

export const adapterFiles = { config: "adapter_config.json", weights: "adapter_model.safetensors" } as const;

/** Every linear of a network but its output head: matrices that are no embedding. */
export function linearModulesOf(shapes: ParameterShapes, head: string): string[] {
  const modules: string[] = [];
  for (const [path, shape] of shapes) {
    const match = /^(.+)\.weight$/.exec(path);
    if (match === null || shape.length !== 2) continue;
    const module = match[1]!;
    if (module !== head && !/(?:^|\.)(?:embed_tokens|position_embedding)$/.test(module)) modules.push(module);
  }
  return modules;
}

/** The structure that a configuration gives on a base. Throws ModelFileError when nothing matches. */
export function adapterSpec(config: LoraConfig, base: AdapterBase, where: string = adapterFiles.config): AdapterSpec {
  const targets = loraTargets(config, base.linearModules, where);
  return { config, layout: new Map(targets.map(({ path, rank, scaling }) => [path, { rank, scaling }])) };
}

/**
 * What a new adapter saves in full beside its matrices, by the last part of the modules' names.
 *
 * @param paths of decoder and output head; only they can be learnt in full beside an adapter
 * @returns full paths of the modules, which PEFT's rule (a name ends with it) cannot mistake for others, and their parameters
 * @throws ConfigError `train/saved-modules` for a name that no module of decoder or head has
 */
export function savedModules(
  names: readonly string[],
  base: AdapterBase,
  paths: { decoder: string; head: string },
): { modules: string[]; parameters: string[] } {
  const moduleOf = (path: string) => path.slice(0, path.lastIndexOf("."));
  const all = [...base.shapes.keys()].filter((path) => isLanguagePath(paths, path));
  const modules = new Set<string>();
  for (const name of names) {
    const found = all.map(moduleOf).filter((module) => module === name || module.endsWith(`.${name}`));
    if (found.length === 0) {
      const known = [...new Set(all.map((path) => moduleOf(path).replace(/^.*\./, "")))].sort().join(", ");
      throw new ConfigError("train/saved-modules", `The language model has no module "${name}" to be saved in full.`, {
        hint: `Name one of: ${known}. A head that is tied to the embedding is none of its own.`,
      });
    }
    for (const module of found) modules.add(module);
  }
  if (base.shapes.get(`${paths.head}.weight`) === undefined && modules.has(`${paths.decoder}.embed_tokens`)) {
    throw new ConfigError(
      "train/saved-modules",
      "The embedding is the output head as well and cannot be saved alone.",
      {
        hint: "Save other modules, or train the language model itself (trainable: language).",
      },
    );
  }
  return { modules: [...modules], parameters: all.filter((path) => modules.has(moduleOf(path))) };
}

/** Paths and shapes of all matrices: A [r, in] and B [out, r] of each module, in order. */
export function adapterParameters(layout: AdapterLayout, shapes: ParameterShapes): ParameterInput[] {
  return [...layout].flatMap(([module, { rank }]) => {
    const [outWidth, inWidth] = shapes.get(`${module}.weight`) as readonly [number, number];
    return [
      { path: `${module}.lora_A.weight`, shape: [rank, inWidth] },
      { path: `${module}.lora_B.weight`, shape: [outWidth, rank] },
    ];
  });
}

/**
 * Start values as PEFT's default: A uniform in ±1/sqrt(in) (Kaiming with a = sqrt 5), B zero, so that the network starts unchanged.
 * Each matrix has its own stream, so one module's values do not depend on which others are adapted.
 */
export function initialAdapter(
  layout: AdapterLayout,
  shapes: ParameterShapes,
  seed: number,
): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const { path, shape } of adapterParameters(layout, shapes)) {
    const [rows, columns] = shape as [number, number];
    const array = new Float32Array(rows * columns);
    if (parseLoraPath(path)!.matrix === "A") {
      const random = createRandom("lora", seed, path);
      const bound = 1 / Math.sqrt(columns);
      for (let i = 0; i < array.length; i++) array[i] = random.uniform(-bound, bound);
    }
    values.set(path, array);
  }
  return values;
}

/**
 * Opens an adapter folder against its base.
 *
 * @throws ModelFileError `adapter/missing-config`, `adapter/tensors` when matrices are missing, left over or contradict the
 *   configuration, `model/tensor-shape` and what reading JSON and safetensors throws
 */
export async function readAdapter(folder: string, base: AdapterBase): Promise<StoredAdapter> {
  const json = await readJsonFile(folder, adapterFiles.config);
  if (json === undefined) {
    throw new ModelFileError("adapter/missing-config", `${folder} has no ${adapterFiles.config}.`, {
      where: folder,
      hint: existsSync(join(folder, "config.json"))
        ? "It is a whole checkpoint, which needs no other below it: give it as the model."
        : "Point at the folder that PEFT's save_pretrained wrote.",
    });
  }
  const where = join(folder, adapterFiles.config);
  const spec = adapterSpec(parseLoraConfig(json, where), base, where);
  const checkpoint = await openSafetensors(join(folder, adapterFiles.weights));
  const expected = new Map(adapterParameters(spec.layout, base.shapes).map(({ path, shape }) => [path, shape]));
  const tensors = new Map<string, StoredParameter>();
  const replaced = new Map<string, StoredParameter>();
  for (const entry of checkpoint.tensors.values()) {
    const path = pathOfPeftName(entry.name, base.nameRules);
    const shape = expected.get(path);
    const target = shape === undefined ? replaced : tensors;
    const wanted = shape ?? (parseLoraPath(path) === null ? base.shapes.get(path) : undefined);
    if (wanted === undefined) {
      const isSaved = spec.config.modulesToSave.some((name) => `.${path}`.includes(`.${name}.`));
      if (!isSaved) refuse(checkpoint, `it holds "${entry.name}", which the configuration does not ask for`);
      refuse(checkpoint, `it replaces ${path}, which is no weight of its own in the base`, tiedHeadHint);
    }
    if (target.has(path)) refuse(checkpoint, `it holds ${path} twice`);
    target.set(path, storedParameter(checkpoint, entry, wanted));
  }
  const missing = [...expected.keys()].find((path) => !tensors.has(path));
  if (missing !== undefined) refuse(checkpoint, `it lacks "${peftName(missing)}"`);
  return { ...spec, folder, tensors, replaced };
}

const tiedHeadHint =
  "An output head that is the embedding as well cannot be replaced alone: merge the adapter with PEFT and use the merged checkpoint.";

function refuse(
  checkpoint: Checkpoint,
  reason: string,
  hint = "adapter_config.json and adapter_model.safetensors must belong together, and to this base model.",
): never {
  throw new ModelFileError("adapter/tensors", `The adapter ${checkpoint.source} does not fit: ${reason}.`, {
    where: checkpoint.source,
    hint,
  });
}

/**
 * Writes PEFT's two files; the weights come first, so that a configuration never stands alone.
 *
 * @param saved parameters of modules that the configuration saves in full; new values of them in `values` win
 */
export async function writeAdapter(
  folder: string,
  config: LoraConfig,
  parameters: readonly ParameterInput[],
  values: ReadonlyMap<string, Float32Array>,
  saved: ParameterTable = new Map(),
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tensors = [...parameters, ...[...saved].map(([path, { shape }]) => ({ path, shape }))].map(
    ({ path, shape }): TensorToWrite => ({
      ...{ name: peftName(path), dtype: "float32", shape },
      data: () => values.get(path) ?? saved.get(path)!.read(),
    }),
  );
  await writeSafetensors(join(folder, adapterFiles.weights), tensors);
  const text = `${JSON.stringify(loraConfigToJson(config), null, 2)}\n`;
  await writeFileAtomically(join(folder, adapterFiles.config), text);
}

/**
 * W + scaling * B A, written over `weight` (out x in).
 *
 * @param a (r, in) @param b (out, r)
 */
export function mergeLowRank(
  weight: Float32Array,
  a: Float32Array,
  b: Float32Array,
  rank: number,
  scaling: number,
): void {
  const inWidth = a.length / rank;
  const outWidth = b.length / rank;
  const delta = new Float64Array(inWidth);
  for (let row = 0; row < outWidth; row++) {
    delta.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = b[row * rank + k]! * scaling;
      for (let column = 0; column < inWidth; column++) delta[column]! += factor * a[k * inWidth + column]!;
    }
    for (let column = 0; column < inWidth; column++) weight[row * inWidth + column]! += delta[column]!;
  }
}

export interface FullCheckpoint {
  /** Folder of the base: its configuration, tokenizer and processor files are copied. */
  source: string;
  table: ParameterTable;
  /** New values of parameters by path (full fine-tuning); the others are taken from the base. */
  values?: ReadonlyMap<string, Float32Array>;
  /** An adapter to be merged, with its matrices by path. */
  adapter?: { layout: AdapterLayout; values: ReadonlyMap<string, Float32Array> };
  /** Element type of all weights; by default those of the table. */
  dtype?: "float32" | "bfloat16" | "float16";
}

/**
 * Writes a checkpoint that transformers loads: the base's tensors under their own names, with new values or a merged adapter, and
 * the base's other files. Weights are handled one at a time.
 */
export async function writeFullCheckpoint(folder: string, checkpoint: FullCheckpoint): Promise<void> {
  const { table, values, adapter, dtype } = checkpoint;
  await mkdir(folder, { recursive: true });
  const tensors = [...table].map(([path, stored]): TensorToWrite => {
    const data = async () => {
      const weight = values?.get(path) ?? (await stored.read());
      const module = path.replace(/\.weight$/, "");
      const target = path.endsWith(".weight") ? adapter?.layout.get(module) : undefined;
      if (adapter === undefined || target === undefined) return weight;
      const merged = Float32Array.from(weight);
      const a = adapter.values.get(`${module}.lora_A.weight`)!;
      mergeLowRank(merged, a, adapter.values.get(`${module}.lora_B.weight`)!, target.rank, target.scaling);
      return merged;
    };
    return { name: stored.name, dtype: dtype ?? stored.dtype, shape: stored.shape, data };
  });
  await writeShardedSafetensors(folder, tensors);
  await copyCompanionFiles(checkpoint.source, folder, dtype === undefined ? [] : ["config.json"]);
  if (dtype === undefined) return;
  // transformers opens weights in the type that config.json names, whatever they are in their file. Changed as text: it takes no 1 for 1.0.
  const config = await readFile(join(checkpoint.source, "config.json"), "utf8");
  const named = config.replace(/("(?:torch_)?dtype"\s*:\s*)"\w+"/g, `$1"${dtype}"`);
  await writeFileAtomically(join(folder, "config.json"), named);
}
