/** Evaluating a model that cannot answer: everything counted, nothing dropped, the same in batches of any size. */
import { CancelledError } from "@iad-r1/models/errors";
import { synthSamples } from "@iad-r1/server/data/synthDataset";
import { evaluateReference } from "@iad-r1/server/evaluate/evaluateModel";
import { policyExample } from "@iad-r1/server/generate/examples";
import type { RewardFunction } from "@iad-r1/server/rewards/contract";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { expect, it } from "vitest";
import { tinyCheckpoint } from "../../helpers/tinyModel";

const samples = synthSamples({ seed: 5, count: 5, size: 42 });
const model = { base: tinyCheckpoint, adapter: null };
const options = { device: "cpu", threads: 1, maxNewTokens: 6 } as const;
const rewards = createRewardRegistry().resolve(["iad-r1-strict"]);

it("reports every sample, unparsed ones as wrong, with scores and rewards", async () => {
  const progress: [number, number][] = [];
  const { report, samples: answers } = await evaluateReference(model, samples, {
    ...{ ...options, rewards, batchSize: 2 },
    onProgress: (done, total) => progress.push([done, total]),
  });
  expect(progress).toEqual([
    [2, 5],
    [4, 5],
    [5, 5],
  ]);
  expect(report).toMatchObject({ numSamples: 5, unparsed: 100, meanLength: 6 });
  expect(report.numNormal + report.numAnomalous).toBe(5);
  expect(report.balancedAccuracy).toBe(0);
  expect(report.auroc).not.toBeNull();
  expect(Object.keys(report.rewards)).toEqual(rewards.map(({ reward }) => reward.name));
  expect(answers.map(({ id }) => id)).toEqual(samples.map(({ id }) => id));
  for (const [i, answer] of answers.entries()) {
    expect(answer).toMatchObject({ label: samples[i]!.label, correct: false, answer: null, numTokens: 6 });
    expect(answer.solution).toContain("<answer>");
  }
  const total = rewards.reduce((sum, { reward, weight }) => sum + weight * (report.rewards[reward.name] ?? 0), 0);
  expect(report.rewardTotal).toBeCloseTo(total, 9);
});

it("shows rewards the columns that they see in training", async () => {
  const seen: unknown[] = [];
  const reward: RewardFunction = {
    ...{ name: "looks", description: "Remembers what it was shown." },
    scope: "sample",
    range: { min: 0, max: 1 },
    score: ({ columns }) => {
      seen.push(columns);
      return { status: "ok", score: 1 };
    },
  };
  await evaluateReference(model, samples, { ...options, rewards: [{ reward, weight: 1 }] });
  const inTraining = samples.map((sample) => policyExample(sample, { references: 0, style: "inspection" }).columns);
  expect(seen).toEqual(inTraining);
});

it("does not depend on the size of the batches", async () => {
  const one = await evaluateReference(model, samples, { ...options, batchSize: 1 });
  const all = await evaluateReference(model, samples, { ...options, batchSize: 5 });
  expect(all.samples.map(({ completion }) => completion)).toEqual(one.samples.map(({ completion }) => completion));
  all.samples.forEach(({ anomalyScore }, i) => {
    expect(anomalyScore).toBeCloseTo(one.samples[i]!.anomalyScore!, 5);
  });
});

it("stops when it is told to", async () => {
  const controller = new AbortController();
  const evaluation = evaluateReference(model, samples, {
    ...{ ...options, batchSize: 1, signal: controller.signal },
    onProgress: () => controller.abort(),
  });
  await expect(evaluation).rejects.toThrow(CancelledError);
});
