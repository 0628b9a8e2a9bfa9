/** `engine: trl` with each class of models: losses, references and answers of both engines are the same. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { writeSynthDataset } from "@iad-r1/server/data/synthDataset";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { expect, test } from "vitest";
import { tinyModel } from "../helpers/tinyModel";
import { type Asked, curve, inFolder, supervised, train, useRunFolder } from "../helpers/trlRuns";

useRunFolder();

const architectures = ["llava-onevision", "llava-1-5", "llava-1-6-mistral", "qwen2-vl", "qwen2-5-vl"];

test.each(architectures.flatMap((name) => [0, 1].map((references) => ({ name, references }))))(
  "PA-SFT of $name with $references reference pictures by TRL has the losses of our own engine",
  async ({ name, references }) => {
    const { checkpoint: base, folder: adapter } = tinyModel(name);
    const losses: number[][] = [];
    for (const engine of ["embedded", "trl"] as const) {
      const asked = { name: `${name}-${references}-${engine}`, engine, base, adapter, references };
      const { outcome } = await train("pa-sft", { ...asked, stages: { paSft: { ...supervised, steps: 2 } } });
      losses.push(curve(outcome.folder, "loss"));
    }
    for (const [i, loss] of losses[1]!.entries()) expect(loss, `loss ${i}`).toBeCloseTo(losses[0]![i]!, 3);
  },
);

test.each(["llava-onevision", "qwen2-5-vl"])(
  "weights of %s decay by the same rule in both engines: biases and norms do not",
  async (name) => {
    const { checkpoint: base } = tinyModel(name);
    const losses: number[][] = [];
    // A decay that halves what it reaches with every step.
    const strong = { ...supervised, trainable: "all" as const, learningRate: 1e-3, weightDecay: 500, warmupSteps: 0 };
    for (const engine of ["embedded", "trl"] as const) {
      const asked = { name: `${name}-decay-${engine}`, engine, base };
      const { outcome } = await train("pa-sft", { ...asked, stages: { paSft: { ...strong, steps: 3 } } });
      losses.push(curve(outcome.folder, "loss"));
    }
    for (const [i, loss] of losses[1]!.entries()) expect(loss, `loss ${i}`).toBeCloseTo(losses[0]![i]!, 3);
  },
);

test.each(architectures)("SC-GRPO of %s by TRL begins at its own reference", async (name) => {
  const { checkpoint: base, folder: adapter } = tinyModel(name);
  const policy = { trainable: "lora" as const, groupSize: 2, promptsPerStep: 2, steps: 1, beta: 0.04 };
  const { outcome } = await train("sc-grpo", {
    ...{ name: `${name}-grpo`, engine: "trl" as const, base, adapter },
    stages: { scGrpo: { ...policy, maxCompletionLength: 8 } },
  });
  const { rows } = await readRollouts(outcome.folder, {});
  expect(rows).toHaveLength(4);
  for (const row of rows) expect(Math.abs(row.recorded!.refKl!)).toBeLessThan(1e-5);
});

/** Groups of the first step: what was answered, and how likely that was. */
async function greedyAnswers(asked: Omit<Asked, "stages">) {
  const policy = {
    ...{ trainable: "lora" as const, groupSize: 2, promptsPerStep: 4, steps: 1, microBatchSize: 4, beta: 0.04 },
    // At temperature 1 both engines record the same log-probabilities; elsewhere TRL records those of the sampling.
    ...{ topK: 1, temperature: 1, maxCompletionLength: 8 },
  };
  const { outcome } = await train("sc-grpo", { ...asked, stages: { scGrpo: policy } });
  const { rows } = await readRollouts(outcome.folder, {});
  expect(rows).toHaveLength(8);
  const records = readFileSync(join(outcome.folder, "rollouts/step-000001.jsonl"), "utf8").trim().split("\n");
  const logProbs = records.map((line) => (JSON.parse(line) as { meanLogProb: number }).meanLogProb);
  const pictures = rows.map(({ prompt }) => JSON.stringify(prompt).split('"image"').length - 1);
  // Byte tokens that are no text together become other signs when they are decoded one after the other; their log-probabilities tell them apart.
  const words = (text: string) => text.replaceAll(/[^\p{L}\p{N} ]/gu, "");
  return { answers: rows.map(({ sampleId, completion }) => `${sampleId}: ${words(completion)}`), logProbs, pictures };
}

test.each(architectures)(
  "with reference pictures %s answers and is judged by TRL as by our own engine",
  async (name) => {
    const { checkpoint: base, folder: adapter } = tinyModel(name);
    const asked = { base, adapter, references: 1 };
    const ours = await greedyAnswers({ ...asked, name: `${name}-seen`, engine: "embedded" });
    const theirs = await greedyAnswers({ ...asked, name: `${name}-seen-trl`, engine: "trl" });
    expect(theirs.pictures).toEqual(Array<number>(8).fill(2));
    expect(theirs.answers).toEqual(ours.answers);
    for (const [i, value] of theirs.logProbs.entries()) expect(value, `row ${i}`).toBeCloseTo(ours.logProbs[i]!, 3);
  },
);

test("prompts of one step may have different numbers of reference pictures", async () => {
  // LLaVA-OneVision cuts a picture that stands alone into tiles, so it has to know of each row how many there are.
  const { checkpoint: base, folder: adapter } = tinyModel("llava-onevision");
  const data: ExperimentInput["data"]["train"] = [];
  for (const shots of [0, 1] as const) {
    const path = inFolder(`shots-${shots}`);
    await writeSynthDataset(path, { seed: 21, start: 2 * shots, count: 2, size: 112, shots });
    data.push({ kind: "folder", path });
  }
  const asked = { base, adapter, references: 1, train: data };
  const ours = await greedyAnswers({ ...asked, name: "mixed", engine: "embedded" });
  const theirs = await greedyAnswers({ ...asked, name: "mixed-trl", engine: "trl" });
  expect([...new Set(theirs.pictures)].sort()).toEqual([1, 2]);
  expect(theirs.answers).toEqual(ours.answers);
  for (const [i, value] of theirs.logProbs.entries()) expect(value, `row ${i}`).toBeCloseTo(ours.logProbs[i]!, 3);
});
