/**
 * LLaVA-1.5 and LLaVA-1.6 (Mistral) against the numbers recorded from transformers, PEFT and TRL: everything that `iad-r1 verify`
 * compares, on both spellings of the checkpoint. That a wrong number fails is shown in llavaOnevision.test.ts.
 */
import { join } from "node:path";
import { type VerifyCheck, verifyModel } from "@iad-r1/server/verify/verifyModel";
import { describe, expect, test } from "vitest";
import { vlmFixture } from "../helpers/vlmFixture";

const options = { threads: 1 };

function failed(checks: readonly VerifyCheck[]): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name, case: at, note }) => `${name} (${at}): ${note}`);
}

describe.each([
  ["LLaVA-1.5", "llava-1-5", 131],
  ["LLaVA-1.6", "llava-1-6-mistral", 134],
] as const)("%s", (_, fixture, total) => {
  test("gives the recorded inputs, features, logits, losses, gradients, trajectories, policy losses and greedy tokens", async () => {
    const folder = vlmFixture(fixture);
    const { ok, checks } = await verifyModel(join(folder, "checkpoint"), folder, options);
    expect(failed(checks)).toEqual([]);
    expect(ok).toBe(true);
    const count = (prefix: string) => checks.filter(({ name }) => name.startsWith(prefix)).length;
    // Three cases with features and inputs, three greedy cases and the batch, 24 + 4 policy losses.
    expect(count("image_features")).toBe(3);
    expect(count("input_ids")).toBe(3);
    expect(count("greedy")).toBe(4);
    expect(count("grpo.loss")).toBe(28);
    expect(count("gradients.")).toBe(3);
    expect(count("lora.")).toBe(13);
    expect(count("full_finetuning.") + count("language_model.")).toBe(6);
    expect(checks).toHaveLength(total);
  });

  test("gives the logits recorded for the bfloat16 shards of public repositories", async () => {
    const folder = vlmFixture(fixture);
    const { ok, checks } = await verifyModel(join(folder, "hub-layout"), folder, options);
    expect(failed(checks)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map(({ name }) => name)).toEqual(["bf16.logits_last8", "bf16.loss"]);
  });
});
