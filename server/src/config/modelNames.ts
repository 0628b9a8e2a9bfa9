/**
 * What a model name stands for, on the command line, in requests and in experiment files alike: nano, nano-pa-sft and nano-base travel with
 * the project, others are in the store of models, everything else is a folder.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, ModelFileError } from "@iad-r1/models/errors";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { absentHint, findStored } from "../modelStore/store";
import type { ModelReference } from "@iad-r1/protocol/runs";

/** The project folder: the bundle lies in dist/, this source in server/src/config/. */
export const projectRoot = findProjectRoot(dirname(fileURLToPath(import.meta.url)));

function findProjectRoot(folder: string): string {
  const parent = dirname(folder);
  return existsSync(join(folder, "models", "nano")) || parent === folder ? folder : findProjectRoot(parent);
}

const nanoFolder = join(projectRoot, "models", "nano");
/** The checkpoint that travels with the project; it sees and names things, but has not learnt the answer grammar. */
export const embeddedModel = join(nanoFolder, "base");
/** Its name: what a new experiment starts from. */
export const embeddedBaseName = "nano-base";
/** What inspections take when nothing else is said. */
export const trainedName = "nano";

/** What travels with the project by name: the base after both stages, after the first, and as it is. */
export const embeddedModels: ReadonlyMap<string, ModelReference> = new Map([
  [trainedName, { base: embeddedModel, adapter: join(nanoFolder, "sc-grpo") }],
  ["nano-pa-sft", { base: embeddedModel, adapter: join(nanoFolder, "pa-sft") }],
  [embeddedBaseName, { base: embeddedModel, adapter: null }],
]);

/** How an experiment file would name an embedded model; null for a model that lies elsewhere. */
export function embeddedNameOf({ base, adapter }: ModelReference): string | null {
  for (const [name, known] of embeddedModels) if (known.base === base && known.adapter === adapter) return name;
  return null;
}

/** Whether a path is a part of an embedded model, which anyone may read. */
export function isEmbeddedPath(path: string): boolean {
  return [...embeddedModels.values()].some(({ base, adapter }) => path === base || path === adapter);
}

/** What to do when there is no model of a name. */
function absentModelHint(name: string, others: readonly string[] = []): string {
  const folder = "a folder as Hugging Face writes it (config.json, model.safetensors, tokenizer.json)";
  const names = `a name of \`iad-r1 models list\`, or ${[...embeddedModels.keys()].join(", ")}`;
  return absentHint(name) ?? `Give ${[folder, ...others, names].join(", ")}.`;
}

/**
 * Opens the model of an experiment.
 *
 * @param isResumed the run began with it, and its settings are what they were
 * @throws ModelFileError for anything missing, damaged, hostile or unsupported; for a base that is not there with the names that could be meant
 */
export async function loadExperimentModel(
  { base, adapter }: ModelReference,
  isResumed = false,
): Promise<ModelDescription> {
  if (!existsSync(join(base, "config.json"))) {
    const isAdapter = existsSync(join(base, "adapter_config.json"));
    throw new ModelFileError("model/missing-config", `No checkpoint at ${base}: config.json is missing.`, {
      where: base,
      hint: isResumed
        ? "The run began with it: put it back there, or a link to where it lies now."
        : isAdapter
          ? "It is an adapter: name its folder in model.adapter, and in model.base the checkpoint it belongs to."
          : absentModelHint(basename(base)),
    });
  }
  return loadModelDescription(base, adapter === null ? {} : { adapter });
}

/** @throws ConfigError `model/not-found` when the folder holds neither a checkpoint nor an adapter */
export function resolveModel(model = trainedName, adapter?: string): ModelReference {
  const known = embeddedModels.get(model);
  if (known !== undefined) return adapter === undefined ? known : { base: known.base, adapter: resolve(adapter) };
  const folder = existsSync(resolve(model)) ? resolve(model) : (findStored(model) ?? resolve(model));
  if (existsSync(join(folder, "adapter_config.json")) && !existsSync(join(folder, "config.json"))) {
    return { base: embeddedModel, adapter: folder };
  }
  if (!existsSync(join(folder, "config.json"))) {
    throw new ConfigError("model/not-found", `No checkpoint at ${folder}: config.json is missing.`, {
      hint: absentModelHint(model, ["an adapter folder"]),
      where: folder,
    });
  }
  return { base: folder, adapter: adapter === undefined ? null : resolve(adapter) };
}
