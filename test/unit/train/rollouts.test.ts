/** Rollouts without training: groups, records, and what failing rewards do. */
import { RewardError } from "@iad-r1/models/errors";
import { synthSamples } from "@iad-r1/server/data/synthDataset";
import {
  defaultPromptStyle,
  inspectionPrompt,
  PictureLedger,
  picturesOf,
  policyExample,
  supervisedExample,
} from "@iad-r1/server/generate/examples";
import type { WeightedReward } from "@iad-r1/server/rewards/contract";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { checkErrorShare, type Group, sampleRollouts } from "@iad-r1/server/train/rollouts";
import { describe, expect, it } from "vitest";
import { tinyCheckpoint } from "../../helpers/tinyModel";

const samples = synthSamples({ seed: 3, count: 3, size: 42 });
const model = { base: tinyCheckpoint, adapter: null };
const rewards = createRewardRegistry().resolve(["iad-r1"]);
const options = { groupSize: 3, maxNewTokens: 5, rewards, device: "cpu", threads: 1 } as const;

it("sampled groups have one record for each completion, with the truth and the pictures they were made from", async () => {
  const records = await sampleRollouts(model, samples, options);
  expect(records.map(({ group, index }) => `${group}.${index}`)).toEqual(
    [0, 1, 2].flatMap((group) => [0, 1, 2].map((index) => `${group}.${index}`)),
  );
  for (const record of records) {
    const sample = samples[record.group]!;
    expect(record).toMatchObject({ sampleId: sample.id, mode: "eval", finish: "length", length: 5, refKl: null });
    expect(record.solution).toContain(sample.label === "normal" ? "<answer>No</answer>" : "<answer>Yes</answer>");
    expect(record.meanLogProb).toBeLessThan(0);
    expect(record.entropy).toBeGreaterThan(0);
    // Each token has its part of the text, and their log-probabilities have the mean that stands beside them.
    const { tokenLengths = [], tokenLogProbs = [] } = record;
    expect([tokenLengths.length, tokenLogProbs.length]).toEqual([5, 5]);
    expect(tokenLengths.reduce((sum, length) => sum + length, 0)).toBe(record.completion.length);
    expect(tokenLogProbs.reduce((sum, value) => sum + value, 0) / 5).toBeCloseTo(record.meanLogProb, 2);
  }
  expect(new Set(records.map(({ imageRefs }) => imageRefs[0]!.sha256)).size).toBe(3);
  expect(new Set(records.slice(0, 3).map(({ promptHash }) => promptHash)).size).toBe(1);
  const again = await sampleRollouts(model, samples, options);
  expect(again.map(({ completion }) => completion)).toEqual(records.map(({ completion }) => completion));
});

describe("failing rewards", () => {
  const failing: WeightedReward = {
    weight: 1,
    reward: {
      ...{ name: "fails", scope: "sample", range: { min: 0, max: 1 }, description: "" },
      score: () => {
        throw new Error("cannot read the completion");
      },
    },
  };

  it("are on record with their words, and leave the completion without a total", async () => {
    const records = await sampleRollouts(model, samples.slice(0, 1), { ...options, rewards: [failing] });
    expect(records[0]).toMatchObject({
      ...{ status: { fails: "error" }, rewards: { fails: null }, total: null, advantage: 0 },
      notes: { "fails/error": "cannot read the completion" },
    });
  });

  it("stop a training step when they are more than one in twenty", () => {
    const group = (numFailing: number, size: number): Group =>
      ({
        rows: Array.from({ length: size }, (_, i) => ({
          ...{ scores: {}, total: null, status: { fails: i < numFailing ? "error" : "ok" } },
          notes: i < numFailing ? { fails: { error: "cannot read" } } : {},
        })),
      }) as unknown as Group;
    checkErrorShare([group(1, 20)]);
    expect(() => checkErrorShare([group(2, 20)])).toThrow(RewardError);
    expect(() => checkErrorShare([group(1, 10), group(0, 5)])).toThrow("1 of 15 completions");
  });

  it("hold the run instead where the experiment asks for that", () => {
    const row = (failures: Record<string, string>) => ({ status: { own: "error" }, notes: {}, failures });
    const group = (...rows: ReturnType<typeof row>[]) => ({ rows }) as unknown as Group;
    const raised = group(row({ own: "raised" }), row({ own: "raised" }));
    checkErrorShare([raised], ["RW104"]);
    checkErrorShare([group(row({ own: "value" }), row({ own: "range" }))], ["RW102"]);
    expect(() => checkErrorShare([raised], ["RW102"])).toThrow("2 of 2 completions");
  });
});

describe("examples", () => {
  it("ask three different prompts of the same sample, as the reference does", () => {
    const sample = samples[0]!;
    const text = (messages: readonly { content: unknown }[]) => JSON.stringify(messages);
    const supervised = supervisedExample(sample, { references: 0 });
    expect(text(supervised.source.messages)).toContain("Are there any defects in the query image?");
    expect(supervised.answer).toMatch(/^<think>.*<\/answer>$/s);
    const expert = policyExample(sample, { references: 0, style: "expert" });
    expect(text(expert.source.messages)).toContain("You are an expert in detecting defects in image.");
    expect(expert.solution).not.toContain("<think>");
    expect(policyExample(sample, { references: 0, style: "system" }).source.messages[0]!.role).toBe("system");
  });

  it.each([0, 1])("ask a policy as evaluation does, with %d references", (references) => {
    const sample = synthSamples({ seed: 4, count: 1, size: { width: 40, height: 36 }, shots: 1 })[0]!;
    const { source } = policyExample(sample, { references, style: defaultPromptStyle });
    expect(source.messages).toEqual(inspectionPrompt(picturesOf(sample, references)).messages);
    // With a reference the published files for the first stage leave out a sentence that the published inference has.
    if (references === 0) expect(source.messages).toEqual(supervisedExample(sample, { references }).source.messages);
    expect(source.pictures.map(({ id }) => id)).toEqual(picturesOf(sample, references).map(({ id }) => id));
  });

  it("show a reference picture first and turn both alike", async () => {
    const sample = synthSamples({ seed: 4, count: 1, size: { width: 40, height: 36 }, shots: 1 })[0]!;
    const plain = policyExample(sample, { references: 1, style: "expert" });
    const turned = policyExample(sample, { references: 1, style: "expert", turn: 4 });
    expect(plain.source.pictures).toHaveLength(2);
    const sizes = await Promise.all([...plain.source.pictures, ...turned.source.pictures].map(({ load }) => load()));
    expect(sizes.map(({ width, height }) => [width, height])).toEqual([
      [40, 36],
      [40, 36],
      [36, 40],
      [36, 40],
    ]);
    const refs = await new PictureLedger().refs(plain.source.pictures);
    expect(refs[0]!.sha256).not.toBe(refs[1]!.sha256);
    expect(refs[0]!.sizeBytes).toBe(40 * 36 * 3);
  });
});
