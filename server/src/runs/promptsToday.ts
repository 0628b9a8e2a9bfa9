/**
 * What the prompts of a run would be if it were started now, as hashes: from its experiment file as it stands, the data and the chat
 * template of its model. RW124 compares them with what was recorded. Opens no weights and no pictures.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "@iad-r1/models/errors";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type { ExperimentConfig } from "../config/experiment";
import { parseExperiment } from "../config/parseExperiment";
import { loadSources } from "../data/sources";
import { policyExample } from "../generate/examples";
import { readManifest } from "./manifest";

/**
 * @param sampleIds those that are wanted
 * @returns SHA-256 of the rendered prompt by sample id; without samples that are not in the data any more. Null where the model or the data
 *   cannot be read: then nothing can be said.
 */
export async function promptsToday(
  runFolder: string,
  sampleIds: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string> | null> {
  try {
    const { config: recorded, configFile } = readManifest(runFolder);
    const { model, data, stages, prompt } = currentConfig(configFile) ?? (recorded as ExperimentConfig);
    const { chatTemplate } = await (await loadModelDescription(model.base)).loadProcessor();
    const { value: samples } = await loadSources(stages.scGrpo.data ?? data.train, {
      folder: process.cwd(),
      ...(signal && { signal }),
    });
    const hashes = new Map<string, string>();
    for (const sample of samples) {
      if (!sampleIds.has(sample.id)) continue;
      const { source } = policyExample(sample, { references: prompt.references, style: prompt.style });
      hashes.set(sample.id, createHash("sha256").update(chatTemplate.render(source.messages)).digest("hex"));
    }
    return hashes;
  } catch (error) {
    signal?.throwIfAborted();
    if (AppError.is(error)) return null;
    throw error;
  }
}

/** The file a run came from as it is now; null where there is none that can be used. */
function currentConfig(file: string | null): ExperimentConfig | null {
  if (file === null) return null;
  try {
    return parseExperiment(readFileSync(file, "utf8"), { folder: dirname(file) }).value;
  } catch {
    return null;
  }
}
