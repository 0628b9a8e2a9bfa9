/** An adapter and its base as one full checkpoint, which transformers loads and which needs no adapter any more. */
import { writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { isPacked } from "@iad-r1/models/checkpoint/parameterTable";
import { ConfigError } from "@iad-r1/models/errors";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { requireNoCheckpoint } from "./folders";

export interface MergeReport {
  /** Linears that the adapter changed, and parameters that it replaced in full. */
  merged: number;
  replaced: number;
  parameters: number;
}

/**
 * @param dtype element type of all weights; that of the base when left out
 * @throws ConfigError `models/packed` for a base in 4 or 8 bits, `models/exists` when the target holds a checkpoint
 */
export async function mergeAdapter(
  base: string,
  adapter: string,
  target: string,
  dtype?: "float32" | "bfloat16" | "float16",
): Promise<MergeReport> {
  const plain = await loadModelDescription(base);
  const model = await plain.withAdapter(adapter);
  if (isPacked(model.parameters)) {
    throw new ConfigError(
      "models/packed",
      `The weights of ${base} are rounded; an adapter merged into them would be lost in part.`,
      {
        hint: "Merge into the checkpoint that the small one was made from: the adapter fits it as it is.",
        where: base,
      },
    );
  }
  requireNoCheckpoint(target);
  const { layout, tensors, replaced } = model.adapter!;
  // What the adapter replaces lies in the adapter's file in a type of its own.
  const types = plain.parameters;
  const table = new Map([...model.parameters].map(([path, one]) => [path, { ...one, dtype: types.get(path)!.dtype }]));
  const values = new Map<string, Float32Array>();
  for (const [path, stored] of tensors) values.set(path, await stored.read());
  await writeFullCheckpoint(target, {
    ...{ source: base, table, adapter: { layout, values } },
    ...(dtype !== undefined && { dtype }),
  });
  return { merged: layout.size, replaced: replaced.size, parameters: model.facts.numParameters };
}
