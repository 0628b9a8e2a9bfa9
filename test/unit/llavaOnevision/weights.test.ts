import { cpSync } from "node:fs";
import { join } from "node:path";
import { parameterPath } from "@iad-r1/models/checkpoint/parameterTable";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { savedName, tensorNames } from "@iad-r1/models/llavaOnevision/weights";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture, tinyJson } from "../../helpers/tinyModel";

const path = (name: string) => parameterPath(name, tensorNames.rules);

describe("tensor names", () => {
  it("are understood in all three spellings", () => {
    const q = "model.language_model.layers.3.self_attn.q_proj.weight";
    expect(path("language_model.model.layers.3.self_attn.q_proj.weight")).toBe(q);
    expect(path("model.language_model.layers.3.self_attn.q_proj.weight")).toBe(q);
    expect(path("language_model.layers.3.self_attn.q_proj.weight")).toBe(q);
    const norm = "model.vision_tower.encoder.layers.0.layer_norm1.bias";
    expect(path("vision_tower.vision_model.encoder.layers.0.layer_norm1.bias")).toBe(norm);
    expect(path("vision_tower.encoder.layers.0.layer_norm1.bias")).toBe(norm);
    expect(path("model.vision_tower.vision_model.encoder.layers.0.layer_norm1.bias")).toBe(norm);
    expect([path("lm_head.weight"), path("language_model.lm_head.weight")]).toEqual([
      "lm_head.weight",
      "lm_head.weight",
    ]);
    expect([path("image_newline"), path("model.image_newline")]).toEqual([
      "model.image_newline",
      "model.image_newline",
    ]);
  });

  it("are those of transformers in both directions", () => {
    const { checkpoint_key_of_parameter: recorded } = tinyJson<{ checkpoint_key_of_parameter: Record<string, string> }>(
      "reference.json",
    );
    for (const [module, name] of Object.entries(recorded)) {
      expect(path(name)).toBe(module);
      expect(savedName(module)).toBe(name);
    }
  });
});

describe("the parameters of a checkpoint", () => {
  it("are found once each, whichever layout holds them", async () => {
    const here = await loadModelDescription(tinyCheckpoint);
    const hub = await loadModelDescription(join(tinyFixture, "hub-layout"));
    const { checkpoint_key_of_parameter: recorded } = tinyJson<{ checkpoint_key_of_parameter: Record<string, string> }>(
      "reference.json",
    );
    expect([...here.parameters.keys()].sort()).toEqual(Object.keys(recorded).sort());
    expect([...hub.parameters.keys()].sort()).toEqual(Object.keys(recorded).sort());
    expect(here.facts.numParameters).toBe(135_360);
    const norm = "model.language_model.norm.weight";
    const [full, half] = [await here.parameters.get(norm)!.read(), await hub.parameters.get(norm)!.read()];
    // bfloat16 keeps eight bits of the mantissa.
    for (const [i, value] of full.entries())
      expect(Math.abs(half[i]! - value)).toBeLessThanOrEqual(Math.abs(value) / 256);
  });

  it("include a head that differs from the embedding, whatever the configuration says of tying", async () => {
    const folder = temporaryFolder();
    cpSync(tinyCheckpoint, folder, { recursive: true });
    const original = await openSafetensors(tinyCheckpoint);
    const embedding = await original.readFloat32("language_model.model.embed_tokens.weight");
    const write = async (head: Float32Array) => {
      const tensors = [...original.tensors.values()].map(({ name, dtype, shape }) => {
        return { name, dtype, shape, data: () => original.read(name) };
      });
      const extra = { name: "language_model.lm_head.weight", dtype: "float32" as const, shape: [360, 64], data: head };
      await writeSafetensors(join(folder, "model.safetensors"), [...tensors, extra]);
      return loadModelDescription(folder);
    };
    const same = await write(embedding);
    expect([same.config.text.tied, same.parameters.has("lm_head.weight")]).toEqual([true, false]);
    const other = await write(embedding.map((value, i) => (i === 23_000 ? value + 1 : value)));
    expect([other.config.text.tied, other.parameters.has("lm_head.weight")]).toEqual([false, true]);
  });
});
