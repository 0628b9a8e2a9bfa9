/** A checkpoint of a real shape whose weights are a hole in a file: everything that is known of it before it is read. */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { numElements } from "@iad-r1/models/graph/dims";
import { describeParameters, loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { realShapes } from "@iad-r1/server/bench/realShapes";
import { smallForm } from "@iad-r1/server/runs/taskEstimate";

/** @param bits as the decoder's matrices would be after `iad-r1 quantize`; null as they are published */
export async function sparseShape(folder: string, name: string, bits: 4 | 8 | null): Promise<ModelDescription> {
  const { config, dtype } = realShapes[name]!;
  const { shapes, savedName } = describeParameters(config);
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [path, shape] of shapes) {
    const end = offset + 2 * numElements(shape);
    header[savedName(path)] = { dtype: dtype === "bfloat16" ? "BF16" : "F16", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = await open(join(folder, "model.safetensors"), "w");
  await file.write(Buffer.concat([length, json]));
  await file.truncate(8 + json.length + offset);
  await file.close();
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const model = await loadModelDescription(folder);
  return bits === null ? model : smallForm(model, bits);
}
