/**
 * Qwen2-VL and Qwen2.5-VL against the numbers recorded from transformers, PEFT and TRL (test/fixtures/vlm): everything that
 * `iad-r1 verify` compares, on both spellings of the checkpoint. The tolerances are in server/src/verify/compare.ts.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { type VerifyCheck, verifyModel } from "@iad-r1/server/verify/verifyModel";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../helpers/temporaryFolder";

const options = { threads: 1 };
/** Everything that is recorded takes half a minute alone, and much longer beside other work. */
const patience = 900_000;
const folderOf = (name: string) => fileURLToPath(new URL(`../fixtures/vlm/${name}`, import.meta.url));

function failed(checks: readonly VerifyCheck[]): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name, case: at, note }) => `${name} (${at}): ${note}`);
}

describe.each([
  { name: "qwen2-vl", penalized: 0 },
  { name: "qwen2-5-vl", penalized: 3 },
])("$name", ({ name, penalized }) => {
  const fixture = folderOf(name);

  test("as transformers 5 writes it gives every recorded quantity", { timeout: patience }, async () => {
    const { ok, checks } = await verifyModel(join(fixture, "checkpoint"), fixture, options);
    expect(failed(checks)).toEqual([]);
    expect(ok).toBe(true);
    const count = (prefix: string) => checks.filter((check) => check.name.startsWith(prefix)).length;
    // Three cases with pictures, the last with two; positions also of the two batches; 24 + 4 policy losses.
    expect(count("image_features")).toBe(3);
    expect(count("image_grid_thw")).toBe(3);
    expect(count("pixel_values")).toBe(3);
    expect(count("position_ids")).toBe(5);
    expect(count("greedy")).toBe(4 + penalized);
    expect(count("grpo.loss")).toBe(28);
    expect(count("gradients.")).toBe(3);
    expect(count("lora.")).toBe(13);
    expect(count("full_finetuning.") + count("language_model.")).toBe(6);
  });

  test("as public repositories store it gives the logits recorded for its bfloat16 shards", async () => {
    const { ok, checks } = await verifyModel(join(fixture, "hub-layout"), fixture, options);
    expect(failed(checks)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map((check) => check.name)).toEqual(["bf16.logits_last8", "bf16.loss"]);
  });

  /** The record without its slow parts, with one tensor changed. */
  async function changedRecord(tensorName: string, change: (data: Float32Array | BigInt64Array) => void) {
    const folder = temporaryFolder();
    cpSync(fixture, folder, { recursive: true });
    for (const file of ["lora.json", "grpo.json", "cases.json"]) rmSync(join(folder, file));
    const json = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as {
      cases: Record<string, { greedy?: unknown }>;
    };
    const { cases } = json;
    for (const one of Object.values(cases)) delete one.greedy;
    writeFileSync(join(folder, "reference.json"), JSON.stringify({ special_ids: { pad: null, eos: null }, cases }));
    const file = join(folder, "reference.safetensors");
    const original = await openSafetensors(file);
    const tensors = await Promise.all(
      [...original.tensors.values()].map(async ({ name: own, dtype, shape }) => ({
        ...{ name: own, dtype, shape },
        data: await original.read(own),
      })),
    );
    change(tensors.find((one) => one.name === tensorName)!.data as Float32Array);
    await writeSafetensors(file, tensors);
    const { checks } = await verifyModel(join(fixture, "checkpoint"), folder, options);
    return failed(checks);
  }

  test("a feature that is off by 0.001 fails, and so does a position that is off by one", async () => {
    const features = await changedRecord("b.image_features", (data) => {
      data[7] = Number(data[7]) + 0.001;
    });
    expect(features).toHaveLength(1);
    expect(features[0]).toMatch(/^image_features \(b\)/);
    const positions = await changedRecord("a.position_ids", (data) => {
      (data as BigInt64Array)[30]! += 1n;
    });
    expect(positions).toHaveLength(1);
    expect(positions[0]).toMatch(/^position_ids \(a\): 1 of \d+ differ/);
  });
});
