import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  adapterParameters,
  adapterSpec,
  initialAdapter,
  mergeLowRank,
  readAdapter,
  writeAdapter,
} from "@iad-r1/models/adapters/adapter";
import { pathOfPeftName, peftName } from "@iad-r1/models/adapters/adapterNames";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { ModelFileError } from "@iad-r1/models/errors";
import { tensorNames } from "@iad-r1/models/llavaOnevision/weights";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

const config = createLoraConfig({ rank: 3, alpha: 6, targetModules: ".*language_model.*\\.(?:k_proj|down_proj)" });

async function openBase() {
  const { base } = await loadModelDescription(tinyCheckpoint);
  return { base, layout: adapterSpec(config, base).layout };
}

describe("names of adapter tensors", () => {
  const path = "model.language_model.layers.0.self_attn.q_proj.lora_A.weight";

  it("are PEFT's, with or without the adapter's own name", () => {
    expect(peftName(path)).toBe(`base_model.model.${path}`);
    expect(pathOfPeftName(`base_model.model.${path}`, tensorNames.rules)).toBe(path);
    const inMemory = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.default.weight";
    expect(pathOfPeftName(inMemory, tensorNames.rules)).toBe(path);
  });

  it("are understood from bases whose modules had older names", () => {
    const older = "base_model.model.language_model.model.layers.0.self_attn.q_proj.lora_A.weight";
    expect(pathOfPeftName(older, tensorNames.rules)).toBe(path);
  });

  it("of modules saved in full are those of the modules", () => {
    const names = ["modules_to_save.default.weight", "modules_to_save.weight", "weight"];
    for (const name of names) {
      expect(pathOfPeftName(`base_model.model.lm_head.${name}`, tensorNames.rules)).toBe("lm_head.weight");
    }
  });
});

describe("a new adapter", () => {
  it("starts with A uniform in ±1/sqrt(in) and B zero", async () => {
    const { base, layout } = await openBase();
    const values = initialAdapter(layout, base.shapes, 7);
    expect(values.size).toBe(8);
    for (const { path, shape } of adapterParameters(layout, base.shapes)) {
      const value = values.get(path)!;
      expect(value).toHaveLength(shape[0]! * shape[1]!);
      const largest = value.reduce((best, element) => Math.max(best, Math.abs(element)), 0);
      if (path.includes("lora_B")) expect(largest).toBe(0);
      else {
        const bound = 1 / Math.sqrt(shape[1]!);
        expect(largest).toBeLessThanOrEqual(bound);
        expect(largest).toBeGreaterThan(0.9 * bound);
      }
    }
  });

  it("depends on the seed, and each module's values on nothing else", async () => {
    const { base, layout } = await openBase();
    const path = "model.language_model.layers.1.mlp.down_proj.lora_A.weight";
    const alone = new Map([...layout].filter(([module]) => path.startsWith(module)));
    const first = initialAdapter(layout, base.shapes, 7).get(path);
    expect(initialAdapter(alone, base.shapes, 7).get(path)).toEqual(first);
    expect(initialAdapter(layout, base.shapes, 8).get(path)).not.toEqual(first);
  });
});

describe("an adapter folder", () => {
  it("is the same after writing and reading", async () => {
    const folder = temporaryFolder();
    const { base, layout } = await openBase();
    const values = initialAdapter(layout, base.shapes, 1);
    await writeAdapter(folder, config, adapterParameters(layout, base.shapes), values);
    const read = await readAdapter(folder, base);
    expect(read.config).toEqual(config);
    expect(read.layout).toEqual(layout);
    expect(read.replaced.size).toBe(0);
    for (const [path, value] of values) expect(await read.tensors.get(path)!.read()).toEqual(value);
  });

  it("with a module saved in full replaces that parameter of the base", async () => {
    const folder = temporaryFolder();
    const { base, layout } = await openBase();
    const parameters = adapterParameters(layout, base.shapes);
    await writeAdapter(
      folder,
      { ...config, modulesToSave: ["norm"] },
      parameters,
      initialAdapter(layout, base.shapes, 1),
    );
    const file = join(folder, "adapter_model.safetensors");
    const written = await openSafetensors(file);
    const tensors = await Promise.all(
      [...written.tensors.values()].map(async ({ name, dtype, shape }) => ({
        name,
        dtype,
        shape,
        data: await written.read(name),
      })),
    );
    const gain = Float32Array.from({ length: 64 }, (_, i) => i);
    const name = "base_model.model.model.language_model.norm.weight";
    await writeSafetensors(file, [...tensors, { name, dtype: "float32", shape: [64], data: gain }]);
    const model = await loadModelDescription(tinyCheckpoint, { adapter: folder });
    expect(await model.parameters.get("model.language_model.norm.weight")!.read()).toEqual(gain);
  });

  it("that saves a head which is the embedding as well is refused with the way out", async () => {
    const { base, layout } = await openBase();
    const folder = temporaryFolder();
    const [rows, columns] = base.shapes.get("model.language_model.embed_tokens.weight") as [number, number];
    const head = { path: "lm_head.weight", shape: [rows, columns] };
    const values = new Map([...initialAdapter(layout, base.shapes, 1), [head.path, new Float32Array(rows * columns)]]);
    const parameters = [...adapterParameters(layout, base.shapes), head];
    await writeAdapter(folder, { ...config, modulesToSave: ["lm_head"] }, parameters, values);
    await expect(readAdapter(folder, base)).rejects.toMatchObject({
      code: "adapter/tensors",
      message: expect.stringContaining("it replaces lm_head.weight, which is no weight of its own in the base"),
      hint: expect.stringContaining("merge the adapter with PEFT"),
    });
  });

  it("whose configuration and tensors contradict each other is refused", async () => {
    const folder = temporaryFolder();
    for (const name of ["adapter_config.json", "adapter_model.safetensors"])
      cpSync(join(tinyFixture, name), join(folder, name));
    const file = join(folder, "adapter_config.json");
    const json = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    const { base } = await openBase();
    writeFileSync(file, JSON.stringify({ ...json, target_modules: ["q_proj"] }));
    await expect(readAdapter(folder, base)).rejects.toThrow(ModelFileError);
    writeFileSync(file, JSON.stringify({ ...json, r: 4 }));
    await expect(readAdapter(folder, base)).rejects.toThrow("must have shape [4, ");
  });
});

describe("merging", () => {
  it("adds scaling times B A", () => {
    const weight = Float32Array.of(1, 2, 3, 4, 5, 6); // [2,3]
    const a = Float32Array.of(1, 0, 2, 0, 1, -1); // [2,3]
    const b = Float32Array.of(3, 1, 0, 2); // [2,2]
    mergeLowRank(weight, a, b, 2, 0.5);
    // B A = [[3, 1, 5], [0, 2, -2]]
    expect([...weight]).toEqual([2.5, 2.5, 5.5, 4, 6, 5]);
  });
});
