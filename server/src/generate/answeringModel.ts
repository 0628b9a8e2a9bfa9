/** What "auto" asks of a model before it chooses among devices. */
import { isPacked } from "@iad-r1/models/checkpoint/parameterTable";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type { AnsweringModel } from "../runtime/deviceChoice";
import { allPackedBytes } from "./footprint";

/** Answers that runs and evaluations write together, at least. */
export const answersOfRuns = 8;

/**
 * @param folder of the checkpoint, without an adapter: what that adds is little
 * @param rows   answers that are written together
 * @returns null where the checkpoint cannot be read: whoever opens it says why
 */
export async function answeringModel(folder: string, rows: number): Promise<AnsweringModel | null> {
  const model = await loadModelDescription(folder).catch(() => null);
  if (model === null) return null;
  const { facts, parameters } = model;
  const weightBytes = isPacked(parameters) ? allPackedBytes(model) : 4 * facts.numParameters;
  return { layers: facts.decoder.layers, numParameters: facts.numParameters, weightBytes, rows };
}
