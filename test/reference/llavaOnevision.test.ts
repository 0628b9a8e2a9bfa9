/**
 * LLaVA-OneVision against the numbers recorded from transformers, PEFT and TRL (test/fixtures/vlm): everything that `iad-r1 verify`
 * compares, on both spellings of the checkpoint. The tolerances are in server/src/verify/compare.ts.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { DataError } from "@iad-r1/models/errors";
import { type VerifyCheck, verifyModel } from "@iad-r1/server/verify/verifyModel";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture, tinyModel } from "../helpers/tinyModel";

const options = { threads: 1 };
/** Everything that is recorded takes half a minute alone, and much longer beside other work. */
const patience = 900_000;

function failed(checks: readonly VerifyCheck[]): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name, case: at, note }) => `${name} (${at}): ${note}`);
}

describe("the checkpoint as transformers 5 writes it", () => {
  test("gives the recorded inputs, features, logits, losses, gradients, trajectories, policy losses and greedy tokens", {
    timeout: patience,
  }, async () => {
    const { ok, checks } = await verifyModel(tinyCheckpoint, tinyFixture, options);
    expect(failed(checks)).toEqual([]);
    expect(ok).toBe(true);
    const count = (prefix: string) => checks.filter(({ name }) => name.startsWith(prefix)).length;
    // Four cases with features (a, b, c, c with crops), three greedy cases and the batch, 24 + 4 policy losses.
    expect(count("image_features")).toBe(4);
    expect(count("greedy")).toBe(4);
    expect(count("grpo.loss")).toBe(28);
    expect(count("gradients.")).toBe(3);
    expect(count("lora.")).toBe(13);
    expect(count("full_finetuning.") + count("language_model.")).toBe(6);
  });
});

describe("the checkpoint as public repositories store it", () => {
  test("gives the logits recorded for its bfloat16 shards", async () => {
    const { ok, checks } = await verifyModel(join(tinyFixture, "hub-layout"), tinyFixture, options);
    expect(failed(checks)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map(({ name }) => name)).toEqual(["bf16.logits_last8", "bf16.loss"]);
  });
});

describe("what must not pass", () => {
  test("a record of which a part is missing, or of another class, says so", async () => {
    const folder = temporaryFolder();
    cpSync(tinyFixture, folder, { recursive: true });
    const verifying = () => verifyModel(tinyCheckpoint, folder, options);
    rmSync(join(folder, "images"), { recursive: true });
    await expect(verifying()).rejects.toMatchObject({ code: "data/missing-image" });
    rmSync(join(folder, "lora.safetensors"));
    await expect(verifying()).rejects.toThrow(`${folder} has no lora.safetensors.`);
    writeFileSync(join(folder, "lora.safetensors.gz"), "");
    await expect(verifying()).rejects.toMatchObject({ hint: expect.stringContaining("gunzip") as string });
    await expect(verifyModel(tinyModel("qwen2-vl").checkpoint, tinyFixture, options)).rejects.toThrow(
      "The record is of LlavaOnevisionForConditionalGeneration, the checkpoint is Qwen2VLForConditionalGeneration.",
    );
  });

  /** The fixture without its slow parts, to be changed. */
  function copyReference(): string {
    const folder = temporaryFolder();
    cpSync(tinyFixture, folder, { recursive: true });
    for (const name of ["lora.json", "grpo.json", "cases.json"]) rmSync(join(folder, name));
    const json = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as Record<string, unknown>;
    for (const key of ["train_batch", "full_finetuning", "left_padded_batch"]) delete json[key];
    writeFileSync(join(folder, "reference.json"), JSON.stringify(json));
    return folder;
  }

  test("one recorded logit that is off by 0.002 fails the logits of its case and nothing else", async () => {
    const folder = copyReference();
    const file = join(folder, "reference.safetensors");
    const original = await openSafetensors(file);
    const tensors = await Promise.all(
      [...original.tensors.values()].map(async ({ name, dtype, shape }) => ({
        name,
        dtype,
        shape,
        data: await original.read(name),
      })),
    );
    const logits = tensors.find(({ name }) => name === "b.logits")!;
    logits.data[1000] = Number(logits.data[1000]) + 0.002;
    await writeSafetensors(file, tensors);
    const { ok, checks } = await verifyModel(tinyCheckpoint, folder, options);
    expect(ok).toBe(false);
    expect(checks.filter((check) => !check.ok).map((check) => `${check.name} ${check.case}`)).toEqual(["logits b"]);
  });

  test("another greedy token fails while the best token leads clearly", async () => {
    const folder = copyReference();
    const file = join(folder, "reference.json");
    const json = JSON.parse(readFileSync(file, "utf8")) as { cases: { a: { greedy: { ids: number[] } } } };
    json.cases.a.greedy.ids[20]! += 1;
    writeFileSync(file, JSON.stringify(json));
    const { checks } = await verifyModel(tinyCheckpoint, folder, options);
    expect(failed(checks)).toEqual(["greedy (a): 1 of 24 differ"]);
  });

  test("weights that differ by a thousandth fail", async () => {
    const folder = temporaryFolder();
    cpSync(tinyCheckpoint, folder, { recursive: true });
    const original = await openSafetensors(tinyCheckpoint);
    const tensors = await Promise.all(
      [...original.tensors.values()].map(async ({ name, shape }) => ({
        ...{ name, dtype: "float32" as const, shape },
        data: (await original.readFloat32(name)).map((value) => value * 1.001),
      })),
    );
    await writeSafetensors(join(folder, "model.safetensors"), tensors);
    const { ok } = await verifyModel(folder, copyReference(), options);
    expect(ok).toBe(false);
  });

  test("a folder without a record is refused with the cure", async () => {
    const attempt = verifyModel(tinyCheckpoint, tinyCheckpoint, options);
    await expect(attempt).rejects.toThrow(DataError);
    await expect(attempt).rejects.toThrow("reference.json");
  });
});
