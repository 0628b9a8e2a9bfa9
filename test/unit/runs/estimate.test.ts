/** What a run will need, told before it starts. */
import { numElements } from "@iad-r1/models/graph/dims";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { estimateRun } from "@iad-r1/server/runs/estimate";
import { trainingStateBytes } from "@iad-r1/server/train/memory";
import { expect, it } from "vitest";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

async function optimizerBytes(adapter: string | null, ranks: { paSft: number; scGrpo: number }): Promise<number[]> {
  const stage = (r: number) => ({ trainable: "lora" as const, steps: 1, lora: { r, alpha: r } });
  const config = makeExperiment({
    ...{ project: "own", model: { base: tinyCheckpoint, adapter }, device: "cpu", threads: 1, output: "runs" },
    data: { train: { kind: "synth", seed: 1, count: 4, size: 42 } },
    stages: { paSft: stage(ranks.paSft), scGrpo: stage(ranks.scGrpo) },
  });
  const { memory } = await estimateRun("post-train", config);
  return memory.stages.map((one) => one.optimizerBytes);
}

it("counts the adapter that a stage goes on with, and not the one that it would make", async () => {
  const { adapter } = await loadModelDescription(tinyCheckpoint, { adapter: tinyFixture });
  const numbers = [...adapter!.tensors.values()].reduce((sum, { shape }) => sum + numElements(shape), 0);
  const inAdapter = trainingStateBytes(numbers);
  expect(await optimizerBytes(tinyFixture, { paSft: 1, scGrpo: 2 })).toEqual([inAdapter, inAdapter]);
  // The second stage goes on with the adapter of the first.
  const [first, second] = await optimizerBytes(null, { paSft: 4, scGrpo: 2 });
  expect(second).toBe(first);
  expect(await optimizerBytes(null, { paSft: 2, scGrpo: 4 })).toEqual([first! / 2, first! / 2]);
});

it("counts as many rows of the cache as rollouts fill", async () => {
  const cacheBytes = async (groupSize: number, promptsPerStep: number) => {
    const config = makeExperiment({
      ...{ project: "own", model: { base: tinyCheckpoint }, device: "cpu", threads: 1, output: "runs" },
      data: { train: { kind: "synth", seed: 1, count: 4, size: 42 } },
      stages: { scGrpo: { steps: 1, groupSize, promptsPerStep } },
    });
    return (await estimateRun("sc-grpo", config)).memory.stages[0]!.cacheBytes;
  };
  const row = (await cacheBytes(2, 1)) / 2;
  const rows = [await cacheBytes(8, 8), await cacheBytes(8, 20), await cacheBytes(48, 2), await cacheBytes(96, 1)].map(
    (bytes) => bytes / row,
  );
  expect(rows).toEqual([64, 64, 48, 96]);
});
