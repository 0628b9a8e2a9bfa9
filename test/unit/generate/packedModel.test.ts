/** A checkpoint in 4 or 8 bits computes what its unpacked weights compute: asked, in its derivatives, and trained (QLoRA). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import { ConfigError } from "@iad-r1/models/errors";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { type EncodedPrompt, Generator } from "@iad-r1/server/generate/generator";
import { LiveModel } from "@iad-r1/server/generate/liveModel";
import { greedy } from "@iad-r1/server/generate/sample";
import { CompiledModel } from "@iad-r1/server/verify/compiledModel";
import { caseBatch, trainingCase } from "@iad-r1/server/verify/recordedCases";
import { openReference } from "@iad-r1/server/verify/referenceFiles";
import { withTrainer } from "@iad-r1/server/verify/trainingChecks";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { tinyCheckpoint, tinyFixture, tinyPrompts } from "../../helpers/tinyModel";

describe.each([4, 8] as const)("weights in %i bits", (bits) => {
  let small = "";
  let unpacked = "";

  beforeAll(async () => {
    small = mkdtempSync(join(tmpdir(), "iad-r1-small-"));
    unpacked = mkdtempSync(join(tmpdir(), "iad-r1-unpacked-"));
    await quantizeCheckpoint(await loadModelDescription(tinyCheckpoint), small, {
      bits,
      blockSize: usualBlockSize[bits],
    });
    const model = await loadModelDescription(small);
    await writeFullCheckpoint(unpacked, { source: small, table: model.parameters });
  });

  afterAll(() => {
    for (const folder of [small, unpacked]) rmSync(folder, { recursive: true, force: true });
  });

  const open = async (folder: string, adapter = false) =>
    new CompiledModel(await loadModelDescription(folder, adapter ? { adapter: tinyFixture } : {}), { threads: 1 });

  it("give the logits of the unpacked weights", async () => {
    const [packed, plain] = [await open(small), await open(unpacked)];
    const reference = await openReference(tinyFixture);
    const batch = await caseBatch({ model: packed.model, reference }, "a");
    const rows = [...batch.rows[0]!.keys()];
    const [ours, expected] = [await packed.logits(batch, rows), await plain.logits(batch, rows)];
    let worst = 0;
    for (const [i, value] of ours.entries()) worst = Math.max(worst, Math.abs(value - expected[i]!));
    expect(worst).toBeLessThan(5e-5);
    await packed.dispose();
    await plain.dispose();
  });

  it("train an adapter with the loss and the gradients of the unpacked weights", async () => {
    const reference = await openReference(tinyFixture);
    const results: { loss: number; gradients: Map<string, Float32Array>; after: number }[] = [];
    for (const folder of [small, unpacked]) {
      const compiled = await open(folder, true);
      const training = (await trainingCase({ model: compiled.model, reference }))!;
      await withTrainer(compiled, training, "adapter", async (trainer, feeds) => {
        const { loss } = await trainer.accumulate(feeds);
        const gradients = new Map([...(await trainer.gradients())].map(([path, gradient]) => [path, gradient.slice()]));
        await trainer.step();
        await trainer.clearGradients();
        results.push({ loss, gradients, after: (await trainer.accumulate(feeds)).loss });
      });
      await compiled.dispose();
    }
    const [ours, expected] = [results[0]!, results[1]!];
    expect(ours.loss).toBeCloseTo(expected.loss, 5);
    expect(ours.after).toBeCloseTo(expected.after, 5);
    expect(ours.after).toBeLessThan(ours.loss);
    expect(ours.gradients.size).toBe(expected.gradients.size);
    for (const [path, gradient] of ours.gradients) {
      const other = expected.gradients.get(path)!;
      const difference = Math.hypot(...gradient.map((value, i) => value - other[i]!));
      expect(difference, path).toBeLessThan(1e-4 * Math.hypot(...other));
    }
  });

  it("write answers, with activations rounded too, and are not trained themselves", async () => {
    const model = await LiveModel.open({ base: small, adapter: null }, { threads: 1 });
    const [prompt] = await tinyPrompts(model, ["a"]);
    const request = { prompt: prompt!, count: 2, seed: [1] };
    const [group] = await new Generator(model).generate([request], { sampling: greedy, maxNewTokens: 8 });
    expect(group![0]!.ids).toHaveLength(8);
    expect(group![0]!.logProbs.every(Number.isFinite)).toBe(true);
    expect([...group![1]!.ids]).toEqual([...group![0]!.ids]);
    await model.dispose();
    const attempt = LiveModel.open({ base: small, adapter: null }, { weights: { kind: "language-model" } });
    await expect(attempt).rejects.toThrow(ConfigError);
  });

  it("write the same while an adapter is trained on them: with rounded activations, as they will be used", async () => {
    const request = { count: 1, seed: [1] };
    const written: { ids: number[]; logProbs: number[] }[] = [];
    for (const kind of ["none", "adapter"] as const) {
      const model = await LiveModel.open(
        { base: small, adapter: null },
        {
          threads: 1,
          weights: kind === "none" ? { kind } : { kind, lora: { r: 4, alpha: 8, targets: ["q_proj"] }, seed: 1 },
        },
      );
      const [prompt] = await tinyPrompts(model, ["a"]);
      const [group] = await new Generator(model).generate([{ prompt: prompt!, ...request }], {
        ...{ sampling: greedy, maxNewTokens: 8 },
      });
      written.push({ ids: [...group![0]!.ids], logProbs: [...group![0]!.logProbs] });
      await model.dispose();
    }
    // A new adapter changes nothing yet.
    expect(written[1]!.ids).toEqual(written[0]!.ids);
    for (const [i, logProb] of written[1]!.logProbs.entries()) expect(logProb).toBeCloseTo(written[0]!.logProbs[i]!, 5);
  });

  it("are prepared once, for prompts with pictures, prompts without and what is written", async () => {
    const model = await LiveModel.open({ base: small, adapter: null }, { threads: 1 });
    const program = vi.spyOn(model, "program");
    const generator = new Generator(model);
    const [shown] = await tinyPrompts(model, ["a"]);
    const told: EncodedPrompt = {
      inputIds: Int32Array.of(1, 5, 9),
      imageTokenPositions: new Int32Array(0),
      images: null,
    };
    const answer = async (prompt: EncodedPrompt) => {
      const [group] = await generator.generate([{ prompt, count: 1, seed: [1] }], {
        sampling: greedy,
        maxNewTokens: 4,
      });
      return [...group![0]!.ids];
    };
    const before = await answer(told);
    await answer(shown!);
    // What was seen is forgotten.
    expect(await answer(told)).toEqual(before);
    const decoders = program.mock.calls.map(([key]) => key).filter((key) => key.startsWith("decoder"));
    expect(new Set(decoders).size).toBe(1);
    await model.dispose();
  });
});
