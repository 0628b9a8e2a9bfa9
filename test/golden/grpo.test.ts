/** Advantages, masks, losses and gradients against recorded numbers: the reference's formulas, and TRL's own losses. */
import { readFileSync } from "node:fs";
import { advantageOf } from "@iad-r1/server/rewards/analysis/groupMath";
import { groupAdvantages, groupStatistics } from "@iad-r1/server/train/advantages";
import { completionMask, type LossType, policyLoss } from "@iad-r1/server/train/losses";
import { describe, expect, it } from "vitest";
import { type Golden, isClose, mismatches, readGoldens } from "../helpers/goldens";

interface GrpoGolden extends Golden {
  num_prompts: number;
  num_generations: number;
  beta: number;
  eos_token_id: number;
  completion_ids: number[][];
  rewards_accuracy: number[];
  rewards_format: number[];
  logps: number[][];
  ref_logps: number[][];
  out: Record<string, unknown>;
}

describe("the reference's GRPO step", () => {
  const records = readGoldens<GrpoGolden>("grpo");

  it("has the recorded advantages, losses and gradients", () => {
    const check = (record: GrpoGolden) => {
      const { num_generations: groupSize, rewards_accuracy: accuracy, rewards_format: format } = record;
      const rewards = accuracy.map((reward, i) => reward + format[i]!);
      const { means, deviations } = groupStatistics(rewards, groupSize);
      const groupOf = (i: number) => Math.floor(i / groupSize);
      const advantages = rewards.map((reward, i) => advantageOf(reward, means[groupOf(i)]!, deviations[groupOf(i)]!));
      const masks = record.completion_ids.map((ids) => completionMask(ids, record.eos_token_id));
      const loss = policyLoss(
        { logProbs: record.logps, refLogProbs: record.ref_logps, advantages, masks },
        { lossType: "grpo", beta: record.beta },
      );
      const lengths = masks.map((mask) => mask.reduce((sum, counts) => sum + counts, 0));
      const rows = (values: Iterable<ArrayLike<number>>) => Array.from(values, (row) => Array.from(row));
      return {
        expected: record.out,
        received: {
          rewards,
          group_mean: Array.from(means),
          group_std: Array.from(deviations),
          advantages,
          completion_mask: rows(masks),
          // Without a KL term the record still has the estimate, and the loss does not hold it.
          per_token_kl: rows(loss.kl),
          per_token_loss: rows(loss.tokenLoss),
          sequence_loss: Array.from(loss.sequenceLoss),
          loss: loss.loss,
          grad_logps: rows(loss.gradient),
          mean_kl: loss.meanKl,
          mean_completion_length: lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
        },
      };
    };
    expect(records.length).toBeGreaterThan(100);
    expect(mismatches(records, check, 1e-9)).toEqual([]);
  });

  it("has the same advantages through the checked entry point", () => {
    const several = records.filter((record) => record.num_generations > 1);
    const check = (record: GrpoGolden) => ({
      expected: record.out.advantages,
      received: Array.from(
        groupAdvantages(
          record.rewards_accuracy.map((reward, i) => reward + record.rewards_format[i]!),
          { groupSize: record.num_generations },
        ).advantages,
      ),
    });
    expect(several.length).toBeGreaterThan(100);
    expect(mismatches(several, check, 1e-9)).toEqual([]);
  });
});

interface TrlRecord {
  loss_type: LossType;
  beta: number;
  epsilon_low: number;
  epsilon_high: number;
  old_logps: string;
  loss: number;
  kl?: number;
  "clip_ratio/low_mean": number;
  "clip_ratio/high_mean": number;
  "clip_ratio/region_mean": number;
}

describe("TRL's losses on a real model's log-probabilities", () => {
  const folder = new URL("../fixtures/vlm/llava-onevision/", import.meta.url);
  const { setup, single } = JSON.parse(readFileSync(new URL("grpo.json", folder), "utf8")) as {
    setup: { max_completion_length: number; num_items_in_batch: number };
    single: TrlRecord[];
  };
  const tensors = readFloats(new URL("grpo.safetensors", folder));
  const rows = (name: string) => {
    const { shape, values } = tensors[name]!;
    return Array.from({ length: shape[0]! }, (_, i) => values.slice(i * shape[1]!, (i + 1) * shape[1]!));
  };

  it.each(single)("$loss_type, beta $beta, clip $epsilon_low to $epsilon_high, old $old_logps", (record) => {
    const loss = policyLoss(
      {
        logProbs: rows("policy_per_token_logps"),
        oldLogProbs: record.old_logps === "given" ? rows("old_per_token_logps") : undefined,
        refLogProbs: record.beta === 0 ? undefined : rows("ref_per_token_logps"),
        advantages: tensors.advantages!.values,
        masks: rows("completion_mask"),
      },
      {
        lossType: record.loss_type,
        beta: record.beta,
        epsilonLow: record.epsilon_low,
        epsilonHigh: record.epsilon_high,
        maxCompletionLength: setup.max_completion_length,
        numTokens: setup.num_items_in_batch,
      },
    );
    const recorded = {
      loss: record.loss,
      kl: record.kl ?? 0,
      low: record["clip_ratio/low_mean"],
      high: record["clip_ratio/high_mean"],
      region: record["clip_ratio/region_mean"],
    };
    // The records are sums in float32 of log-probabilities stored in float32.
    const received = { loss: loss.loss, kl: loss.tokenMeanKl, ...loss.clipRatio };
    expect(isClose(recorded, received, 1e-6), JSON.stringify({ recorded, received })).toBe(true);
  });
});

/** The tensors of a small safetensors file as float64. Only the two types that the fixture has. */
function readFloats(file: URL): Record<string, { shape: number[]; values: number[] }> {
  const bytes = readFileSync(file);
  const headerSize = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerSize)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) => {
        const data = bytes.subarray(8 + headerSize + start, 8 + headerSize + end);
        const size = dtype === "I64" ? 8 : 4;
        const values = Array.from({ length: data.length / size }, (_, i) =>
          dtype === "I64" ? Number(data.readBigInt64LE(i * 8)) : data.readFloatLE(i * 4),
        );
        return [name, { shape, values }];
      },
    ),
  );
}
