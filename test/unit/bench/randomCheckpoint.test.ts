/** A random checkpoint in its small form has what quantising the whole one gives, without the whole one ever being there. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { readJsonFile } from "@iad-r1/models/util/jsonFile";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { writeRealShape } from "@iad-r1/server/bench/randomCheckpoint";
import { type RealShape, realShapes } from "@iad-r1/server/bench/realShapes";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyModel } from "../../helpers/tinyModel";

/** A real shape with few and narrow layers. */
function shrunk(name: string): RealShape {
  const { config, dtype } = realShapes[name]!;
  const decoder = { hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 2 };
  const text = { ...decoder, num_key_value_heads: 1, vocab_size: 512, eos_token_id: 3 };
  const vision = config.vision_config as Record<string, unknown>;
  if ("text_config" in config) {
    const small = { ...vision, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 1, num_attention_heads: 2 };
    return {
      config: {
        ...config,
        text_config: { ...(config.text_config as object), ...text },
        vision_config: small,
        image_token_index: 400,
      },
      dtype,
    };
  }
  const rotary = { type: "mrope", mrope_section: [4, 6, 6] };
  const small = { ...vision, depth: 1, embed_dim: 32, num_heads: 2, hidden_size: 64 };
  return { config: { ...config, ...text, rope_scaling: rotary, vision_config: small, image_token_id: 400 }, dtype };
}

it.each([
  ["llava-onevision-0.5b", 4],
  ["llava-1.5-7b", 8],
  ["qwen2-vl-2b", 4],
] as const)("%s in %i bits", async (name, bits) => {
  const shape = shrunk(name);
  const rounding = { bits, blockSize: 32 };
  const processor = join(tinyModel("qwen2-vl").folder, "checkpoint");
  const [whole, rounded, direct] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  await writeRealShape(whole, shape, { processor, seed: 1 });
  await quantizeCheckpoint(await loadModelDescription(whole), rounded, rounding);
  await writeRealShape(direct, shape, { processor, seed: 1, rounding });
  const listed = async (folder: string) => {
    const { tensors } = await openSafetensors(folder);
    return [...tensors.values()]
      .map(({ name: each, dtype, shape: dims }) => `${each} ${dtype} ${dims.join("x")}`)
      .sort();
  };
  expect(await listed(direct)).toEqual(await listed(rounded));
  expect(await readJsonFile(direct, "config.json")).toEqual(await readJsonFile(rounded, "config.json"));
  expect(readdirSync(direct)).toContain("tokenizer.json");

  const model = await loadModelDescription(direct);
  const source = await loadModelDescription(whole);
  for (const [path, { packed, read }] of model.parameters) {
    if (packed === undefined) continue;
    const values = await read();
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    const wanted = 1 / model.base.shapes.get(path)![1]!;
    expect(Math.abs(mean)).toBeLessThan(0.1 * Math.sqrt(wanted));
    expect(Math.abs(variance / wanted - 1), path).toBeLessThan(0.1);
    expect(source.parameters.has(path) || path === "lm_head.weight").toBe(true);
  }
});
