/** Which models there are to inspect with: embedded ones, those of a folder, and what runs have left. Opens none of them. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { ConfigError } from "@iad-r1/models/errors";
import type { ModelInfo } from "@iad-r1/protocol/models";
import type { ModelReference } from "@iad-r1/protocol/runs";
import { embeddedModel, embeddedModels, resolveModel } from "../config/modelNames";
import { storedModels } from "../modelStore/store";
import type { RunFollower } from "../runs/follow";
import { stageModel } from "../runs/postTrain";

/** All models, embedded ones first, then those of runs, the newest run first. */
export async function listModels(modelsDirectory: string | null, runs: readonly RunFollower[]): Promise<ModelInfo[]> {
  const embedded = [...embeddedModels].map(
    ([id, reference]): ModelInfo => ({
      ...{
        id,
        title: embeddedTitles[reference.adapter === null ? "base" : basename(reference.adapter)] ?? id,
        reference,
      },
      ...{ source: "embedded", run: null, stage: null, step: null, balancedAccuracy: null },
    }),
  );
  const own = modelsDirectory === null ? [] : await modelsIn(modelsDirectory);
  return [...embedded, ...own, ...(await modelsOfStore()), ...runs.flatMap(modelsOfRun)];
}

/** Models that were added, downloaded, or are in Hugging Face's cache. */
async function modelsOfStore(): Promise<ModelInfo[]> {
  return (await storedModels()).flatMap(({ name, state, folder }): ModelInfo[] =>
    folder === null || state === "incomplete"
      ? []
      : [
          {
            ...{ id: name, title: name, reference: { base: folder, adapter: null } },
            ...{ source: "folder", run: null, stage: null, step: null, balancedAccuracy: null },
          },
        ],
  );
}

/** What a request means by a model. @throws ConfigError `model/not-found` */
export function findModel(model: ModelReference | string | undefined, known: readonly ModelInfo[]): ModelReference {
  if (typeof model === "object") return model;
  const listed = known.find(({ id }) => id === model);
  if (listed !== undefined) return listed.reference;
  return resolveModel(model);
}

const embeddedTitles: Readonly<Record<string, string>> = {
  "sc-grpo": "Embedded model, after both stages",
  "pa-sft": "Embedded model, after PA-SFT",
  base: "Embedded base model",
};

async function modelsIn(folder: string): Promise<ModelInfo[]> {
  const found: ModelInfo[] = [];
  for (const name of (await readdir(folder).catch(() => [] as string[])).sort()) {
    const reference = await referenceOf(join(folder, name));
    if (reference === null) continue;
    found.push({
      ...{ id: join(folder, name), title: name, reference },
      ...{ source: "folder", run: null, stage: null, step: null, balancedAccuracy: null },
    });
  }
  return found;
}

async function referenceOf(folder: string): Promise<ModelReference | null> {
  const names = await readdir(folder).catch(() => [] as string[]);
  if (names.includes("config.json")) return { base: folder, adapter: null };
  return names.includes("adapter_config.json") ? { base: embeddedModel, adapter: folder } : null;
}

/** The model that each finished training stage left. */
function modelsOfRun({ folder, manifest, events }: RunFollower): ModelInfo[] {
  if (manifest === null) return [];
  const id = basename(folder);
  return manifest.plan
    .filter((stage) => stage.kind !== "evaluate" && manifest.finishedStages.includes(stage.id))
    .flatMap((stage) => {
      const reference = stageModel(folder, manifest, stage.id);
      if (reference === null) return [];
      const report = events.findLast((event) => event.type === "evaluation" && event.label === stage.id);
      return {
        ...{ id: `${id}/${stage.id}`, title: `${manifest.project} · after ${titles[stage.kind] ?? stage.id}` },
        ...{ reference, source: "run" as const, run: id, stage: stage.id, step: null },
        balancedAccuracy: report?.type === "evaluation" ? report.report.balancedAccuracy : null,
      };
    })
    .reverse();
}

const titles: Readonly<Record<string, string>> = { "pa-sft": "PA-SFT", "sc-grpo": "SC-GRPO" };

/** @throws ConfigError `model/not-found` for a reference to nothing */
export function requireModel(reference: ModelReference, exists: (path: string) => boolean): ModelReference {
  const missing = [join(reference.base, "config.json")]
    .concat(reference.adapter === null ? [] : [join(reference.adapter, "adapter_config.json")])
    .find((path) => !exists(path));
  if (missing === undefined) return reference;
  throw new ConfigError("model/not-found", `The model cannot be opened: ${missing} does not exist.`, {
    where: missing,
    hint: "Choose another model; the run that made it may have been deleted.",
  });
}
