/** Merged checkpoints: the types of their weights, and what their configuration says of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { adapterParameters, adapterSpec, initialAdapter, writeAdapter } from "@iad-r1/models/adapters/adapter";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { mergeAdapter } from "@iad-r1/server/modelStore/merge";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

async function typesOf(folder: string): Promise<string[]> {
  return [...new Set([...(await openSafetensors(folder)).tensors.values()].map(({ dtype }) => dtype))];
}

it("all weights have the type that is asked for, config.json names it, and no other sign of that changes", async () => {
  const folder = join(temporaryFolder(), "half");
  await mergeAdapter(tinyCheckpoint, tinyFixture, folder, "bfloat16");
  expect(await typesOf(folder)).toEqual(["bfloat16"]);
  const [before, after] = [tinyCheckpoint, folder].map((one) => readFileSync(join(one, "config.json"), "utf8"));
  expect(before).toMatch(/"dtype": "float32"/);
  // transformers takes no 1 for 1.0.
  expect(after).toBe(before!.replaceAll('"dtype": "float32"', '"dtype": "bfloat16"'));
});

it("without a type all weights have the base's, those that the adapter replaces too", async () => {
  const folder = temporaryFolder();
  const [half, adapter, merged] = ["half", "adapter", "merged"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mergeAdapter(tinyCheckpoint, tinyFixture, half, "bfloat16");
  const { base, parameters } = await loadModelDescription(half);
  const config = createLoraConfig({ rank: 2, alpha: 4, targetModules: ["q_proj"], modulesToSave: ["norm"] });
  const { layout } = adapterSpec(config, base);
  const norm = "model.language_model.norm.weight";
  const values = new Map([...initialAdapter(layout, base.shapes, 1), [norm, new Float32Array(64).fill(0.5)]]);
  const saved = new Map([[norm, parameters.get(norm)!]]);
  await writeAdapter(adapter, config, adapterParameters(layout, base.shapes), values, saved);
  await mergeAdapter(half, adapter, merged);
  expect(await typesOf(merged)).toEqual(["bfloat16"]);
  const read = await (await loadModelDescription(merged)).parameters.get(norm)!.read();
  expect([...read]).toEqual([...values.get(norm)!]);
});
