/** Models whose weights do not fit for what they are opened for: refused by what that takes, with the cure that helps. */
import { join } from "node:path";
import { ResourceError } from "@iad-r1/models/errors";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { inspecting, type WeightUse, weightBytes } from "@iad-r1/server/generate/footprint";
import { LiveModel } from "@iad-r1/server/generate/liveModel";
import { refuseIfWeightsDoNotFit } from "@iad-r1/server/generate/weightLimits";
import { useOf } from "@iad-r1/server/runs/estimate";
import { TrainedModel } from "@iad-r1/server/train/trainedModel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyModel } from "../../helpers/tinyModel";

async function small(bits: 4 | 8, checkpoint = join(tinyModel("qwen2-vl").folder, "hub-layout")) {
  const folder = temporaryFolder();
  await quantizeCheckpoint(await loadModelDescription(checkpoint), folder, { bits, blockSize: 16 });
  return loadModelDescription(folder);
}

const paSft: WeightUse = { learns: "adapter", writes: false, refers: false };
const scGrpo: WeightUse = { learns: "adapter", writes: true, refers: false };
const withReference: WeightUse = { ...scGrpo, refers: true };

function refusal(model: ModelDescription, use: WeightUse, available: number): ResourceError {
  try {
    refuseIfWeightsDoNotFit(model, use, available);
  } catch (error) {
    if (error instanceof ResourceError) return error;
    throw error;
  }
  throw new Error(`${available} bytes were enough`);
}

afterEach(() => vi.restoreAllMocks());

describe("packed weights", () => {
  it("fit for an inspection where they do not for a step, and for a step where they do not for SC-GRPO", async () => {
    const model = await small(4);
    const needed = [inspecting, paSft, scGrpo, withReference].map((use) => weightBytes(model, use).held);
    expect(needed).toEqual([...needed].sort((a, b) => a - b));
    expect(new Set(needed).size).toBe(4);
    const [look, step, write, refer] = needed as [number, number, number, number];
    refuseIfWeightsDoNotFit(model, inspecting, look);
    expect(refusal(model, paSft, step - 1)).toMatchObject({
      code: "resource/memory",
      hint: "Use a smaller model.",
      data: { neededBytes: step, availableBytes: step - 1 },
    });
    refuseIfWeightsDoNotFit(model, paSft, step);
    const writing = refusal(model, scGrpo, step);
    expect(writing.data).toMatchObject({ neededBytes: write });
    expect(writing.message).toContain("to train an adapter and to write completions in between needs about");
    expect(writing.hint).toContain("PA-SFT with evalEvery: 0 needs");
    refuseIfWeightsDoNotFit(model, scGrpo, write);
    const referring = refusal(model, withReference, write);
    expect(referring.data).toMatchObject({ neededBytes: refer });
    expect(referring.hint).toMatch(/^Set beta: 0, as without a reference it needs \d+ MB\. Use a smaller model\.$/);
    expect(refusal(await small(8), inspecting, 1).hint).toBe("Quantise its source to 4 bits, or use a smaller model.");
  });
});

it("weights in floats are cured by 4 bits, and those that learn by an adapter", async () => {
  const model = await loadModelDescription(join(tinyModel("qwen2-vl").folder, "hub-layout"));
  const { held, opening } = weightBytes(model);
  // What is read while it is widened has to be there too.
  expect(refusal(model, inspecting, held).data).toMatchObject({ neededBytes: held + opening });
  refuseIfWeightsDoNotFit(model, inspecting, held + opening);
  expect(refusal(model, scGrpo, held).hint).toContain("iad-r1 quantize");
  expect(refusal(model, { ...scGrpo, learns: "all" }, held).hint).toContain("trainable: lora");
});

it("opening asks for what the model is opened for, and so does the estimate of a run", async () => {
  // With a tokenizer, as it is opened.
  const model = await small(4, tinyModel("qwen2-vl").checkpoint);
  const reference = { base: model.folder, adapter: null };
  const train = (objective: { kind: "sft" } | { kind: "grpo"; kl: boolean }) =>
    TrainedModel.open({
      ...{ reference, trainable: "lora", lora: { r: 2, alpha: 4, targets: ["q_proj"] }, recompute: true, seed: 1 },
      ...{ objective, device: "cpu", threads: 1, writes: objective.kind === "grpo" },
      adamW: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
    });
  const available = vi.spyOn(process, "availableMemory");
  available.mockReturnValue(weightBytes(model, inspecting).held);
  await (await LiveModel.open(reference, { threads: 1 })).dispose();
  await expect(train({ kind: "sft" })).rejects.toThrow("to train an adapter needs");
  available.mockReturnValue(weightBytes(model, paSft).held);
  await expect(train({ kind: "grpo", kl: false })).rejects.toThrow("and to write completions in between needs");
  available.mockReturnValue(weightBytes(model, scGrpo).held);
  await expect(train({ kind: "grpo", kl: true })).rejects.toMatchObject({ hint: expect.stringContaining("beta: 0") });

  const stages = (paEvery: number, beta: number) => ({
    stages: { paSft: { trainable: "lora", evalEvery: paEvery }, scGrpo: { trainable: "lora", evalEvery: 0, beta } },
  });
  const useIn = (kind: Parameters<typeof useOf>[0], config: ReturnType<typeof stages>) =>
    useOf(kind, config as unknown as Parameters<typeof useOf>[1]);
  expect(useIn("evaluate", stages(0, 0))).toEqual(inspecting);
  expect(useIn("pa-sft", stages(0, 0))).toEqual(paSft);
  expect(useIn("pa-sft", stages(50, 0))).toEqual(scGrpo);
  expect(useIn("sc-grpo", stages(0, 0.1))).toEqual(withReference);
});
