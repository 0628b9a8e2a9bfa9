/** Adapters exchanged on a loaded base: the same answers as a fresh model, without compiling or reading the base again. */
import { join } from "node:path";
import { adapterParameters, adapterSpec, initialAdapter, writeAdapter } from "@iad-r1/models/adapters/adapter";
import { createLoraConfig, type LoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { ConfigError, ModelFileError } from "@iad-r1/models/errors";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { Generator } from "@iad-r1/server/generate/generator";
import { LiveModel } from "@iad-r1/server/generate/liveModel";
import { greedy } from "@iad-r1/server/generate/sample";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { openTinyModel, tinyCheckpoint, tinyFixture, tinyPrompts } from "../../helpers/tinyModel";

/** An adapter with random matrices and, for `saved`, a new gain of the last norm. */
async function randomAdapter(config: Partial<LoraConfig>, seed: number, scale = 1): Promise<string> {
  const folder = temporaryFolder();
  const full = createLoraConfig({
    rank: 8,
    alpha: 16,
    targetModules: ["down_proj"],
    baseModel: tinyCheckpoint,
    ...config,
  });
  const model = await loadModelDescription(tinyCheckpoint);
  const { layout } = adapterSpec(full, model.base);
  const parameters = adapterParameters(layout, model.base.shapes);
  const values = new Map([...initialAdapter(layout, model.base.shapes, seed)]);
  for (const [path, value] of values)
    if (path.includes("lora_B")) value.set(value.map((_, i) => 0.2 * Math.sin(seed + i)));
  const norm = "model.language_model.norm.weight";
  const gain = model.parameters.get(norm)!;
  const saved = new Map(full.modulesToSave.length === 0 ? [] : [[norm, gain]]);
  if (saved.size > 0)
    values.set(
      norm,
      (await gain.read()).map((value) => value * (1 + scale)),
    );
  await writeAdapter(folder, full, parameters, values, saved);
  return folder;
}

async function answer(model: LiveModel): Promise<number[]> {
  const [prompt] = await tinyPrompts(model, ["a"]);
  const [group] = await new Generator(model).generate([{ prompt: prompt!, count: 1, seed: [1] }], {
    sampling: greedy,
    maxNewTokens: 12,
  });
  return [...group![0]!.logProbs];
}

async function fresh(adapter: string | null): Promise<number[]> {
  const model = await LiveModel.open({ base: tinyCheckpoint, adapter }, { threads: 1 });
  const result = await answer(model);
  await model.dispose();
  return result;
}

describe("another adapter on a loaded base", () => {
  it("answers as a model opened with it, whatever was on before", async () => {
    const other = await randomAdapter({}, 3);
    const saving = await randomAdapter({ modulesToSave: ["norm"] }, 4);
    const inTower = await randomAdapter({ targetModules: ["q_proj"], rank: 2 }, 5);
    const model = await openTinyModel();
    const seen: number[][] = [];
    for (const adapter of [tinyFixture, other, saving, null, inTower, tinyFixture, null]) {
      await model.switchAdapter(adapter);
      const logProbs = await answer(model);
      expect(logProbs, String(adapter)).toEqual(await fresh(adapter));
      seen.push(logProbs);
    }
    expect(new Set(seen.map(String)).size).toBe(5);
    await model.dispose();
  });

  it.each([
    { of: "floats", key: "decoder" },
    // Their one decoder is fed what stands for no pictures beside its weights.
    { of: "packed weights", key: "decoder_with_images" },
  ])("keeps the programs of $of when the matrices have the same sizes", async ({ of, key }) => {
    const [one, two] = [await randomAdapter({}, 6), await randomAdapter({ alpha: 16 }, 7)];
    const base = of === "floats" ? tinyCheckpoint : temporaryFolder();
    if (base !== tinyCheckpoint) {
      await quantizeCheckpoint(await loadModelDescription(tinyCheckpoint), base, { bits: 8, blockSize: 16 });
    }
    const model = await LiveModel.open({ base, adapter: one }, { threads: 1 });
    const first = await answer(model);
    const program = () =>
      model.program(key, () => {
        throw new Error("compiled again");
      });
    const { session } = await program();
    await model.switchAdapter(two);
    expect((await program()).session).toBe(session);
    expect(await answer(model)).not.toEqual(first);
    await model.dispose();
  });

  it("stays as it was when the new one does not fit", async () => {
    const model = await openTinyModel({ adapter: true });
    const before = await answer(model);
    await expect(model.switchAdapter(join(tinyFixture, "images"))).rejects.toThrow(ModelFileError);
    expect(await answer(model)).toEqual(before);
    await model.dispose();
  });

  it("is refused while the one before is trained", async () => {
    const lora = { r: 2, alpha: 4, targets: ["q_proj"] };
    const model = await openTinyModel({ weights: { kind: "adapter", lora, seed: 1 } });
    await expect(model.switchAdapter(tinyFixture)).rejects.toThrow(ConfigError);
    await model.dispose();
  });
});
