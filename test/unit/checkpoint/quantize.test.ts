/** Weights in 4 and 8 bits: rounding, the file, reading back, and what products with them compute. */
import { join } from "node:path";
import { roundBlocks, roundingOf, writeQuantized } from "@iad-r1/models/checkpoint/quantize";
import { unpack } from "@iad-r1/models/checkpoint/packedWeights";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { CancelledError } from "@iad-r1/models/errors";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { createRandom } from "@iad-r1/models/util/random";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { writeRandomCheckpoint } from "@iad-r1/server/bench/randomCheckpoint";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint } from "../../helpers/tinyModel";

function randomWeights(count: number): Float32Array {
  const random = createRandom("quantize");
  return Float32Array.from({ length: count }, () => random.normal() * 0.1);
}

describe("rounding", () => {
  it("keeps weights that lie on the steps", () => {
    // Steps of 0.5 from -4 to 3.5: fifteen steps, zero at 8.
    const weights = Float32Array.from({ length: 32 }, (_, i) => ((i % 16) - 8) / (i < 16 ? 2 : 4));
    const { values, scales, zeroPoints } = roundBlocks(weights, 4, 16)!;
    expect([...scales]).toEqual([0.5, 0.25]);
    expect([...zeroPoints]).toEqual([0x88]);
    // Low half first: 0 and 1, 2 and 3, …
    const steps = [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe];
    expect([...values]).toEqual([...steps, ...steps]);
    expect([...unpack(values, scales, zeroPoints, { bits: 4, blockSize: 16 })]).toEqual([...weights]);
  });

  it.each([
    [4, 1 / 30],
    [8, 1 / 510],
  ] as const)(
    "of %i bits is off by at most half a step of each block's range, or a cut that costs less",
    (bits, half) => {
      const weights = randomWeights(32 * 64);
      const { values, scales, zeroPoints } = roundBlocks(weights, bits, 32)!;
      const back = unpack(values, scales, zeroPoints, { bits, blockSize: 32 });
      let [error, bound] = [0, 0];
      for (let block = 0; block < 64; block++) {
        const one = weights.subarray(block * 32, block * 32 + 32);
        const range = Math.max(0, ...one) - Math.min(0, ...one);
        // The integer zero point moves the range by up to half a step.
        bound += 32 * (2 * half * range) ** 2;
        for (let i = block * 32; i < block * 32 + 32; i++) error += (weights[i]! - back[i]!) ** 2;
      }
      expect(error).toBeLessThan(bound / 2);
      expect(error).toBeGreaterThan(0);
    },
  );

  it("keeps zero exactly zero, blocks of one sign and blocks of nothing", () => {
    const weights = new Float32Array(64);
    weights.fill(0.25, 16, 24);
    weights.fill(-2, 32, 40);
    const { values, scales, zeroPoints } = roundBlocks(weights, 4, 16)!;
    const back = unpack(values, scales, zeroPoints, { bits: 4, blockSize: 16 });
    for (const [i, weight] of weights.entries()) expect(back[i]).toBeCloseTo(weight, 6);
    expect(back[25]).toBe(0);
  });

  it("refuses what is no number", () => {
    expect(roundBlocks(new Float32Array(32).fill(Number.NaN), 4, 32)).toBeNull();
    expect(roundBlocks(new Float32Array(32).fill(1, 3).fill(Number.POSITIVE_INFINITY, 0, 1), 8, 32)).toBeNull();
  });

  it("takes smaller blocks where a row is no whole number of them, with 4 bits of pairs, and leaves other matrices alone", () => {
    expect(roundingOf(896, { bits: 4, blockSize: 32 })).toEqual({ bits: 4, blockSize: 32 });
    expect(roundingOf(96, { bits: 4, blockSize: 32 })).toEqual({ bits: 4, blockSize: 16 });
    expect(roundingOf(68, { bits: 4, blockSize: 32 })).toBeNull();
    // Zero points of 8 bits need no pairs: the 0.5B's 7 blocks of 128 stay whole.
    expect(roundingOf(896, { bits: 8, blockSize: 128 })).toEqual({ bits: 8, blockSize: 128 });
    expect(roundingOf(896, { bits: 4, blockSize: 128 })).toEqual({ bits: 4, blockSize: 64 });
    expect(roundingOf(192, { bits: 8, blockSize: 128 })).toEqual({ bits: 8, blockSize: 64 });
  });
});

describe("the small file", () => {
  it("rounds bfloat16 and float16 tensors as it rounds their float32 values, and copies others byte by byte", async () => {
    const folder = temporaryFolder();
    const data = randomWeights(48 * 64);
    const path = join(folder, "source.safetensors");
    await writeSafetensors(path, [
      { name: "a.weight", dtype: "bfloat16", shape: [48, 64], data },
      { name: "b.weight", dtype: "float16", shape: [48, 64], data },
      { name: "norm.weight", dtype: "bfloat16", shape: [64], data: data.slice(0, 64) },
    ]);
    const source = await openSafetensors(path);
    const small = join(folder, "small.safetensors");
    const rounding = { bits: 4, blockSize: 32 } as const;
    const steps = ["a.weight", "b.weight", "norm.weight"].map((name) => ({
      ...{ source: name, name, rounding: name === "norm.weight" ? null : rounding },
    }));
    const seen: number[] = [];
    await writeQuantized(small, source, steps, {}, { onProgress: (done, total) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    const written = await openSafetensors(small);
    for (const name of ["a.weight", "b.weight"]) {
      const expected = roundBlocks(await source.readFloat32(name), 4, 32)!;
      expect(await written.read(`${name}.values`)).toEqual(expected.values);
      expect(await written.read(`${name}.scales`)).toEqual(expected.scales);
      expect(await written.read(`${name}.zero_points`)).toEqual(expected.zeroPoints);
    }
    expect(await written.read("norm.weight")).toEqual(await source.read("norm.weight"));
  });

  it("leaves nothing behind when it is stopped", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "source.safetensors");
    await writeSafetensors(path, [{ name: "a.weight", dtype: "float32", shape: [2, 64], data: randomWeights(128) }]);
    const source = await openSafetensors(path);
    const stop = new AbortController();
    const steps = [{ source: "a.weight", name: "a.weight", rounding: { bits: 8, blockSize: 32 } as const }];
    const small = join(folder, "small.safetensors");
    const options = { signal: stop.signal, onProgress: () => stop.abort() };
    await expect(writeQuantized(small, source, steps, {}, options)).rejects.toThrow(CancelledError);
    await expect(openSafetensors(small)).rejects.toThrow("there is nothing at this path");
  });
});

describe("a small checkpoint", () => {
  it("is opened like any other: matrices of the decoder packed, a head of its own in 8 bits, the rest as it was", async () => {
    const folder = temporaryFolder();
    const original = await loadModelDescription(tinyCheckpoint);
    const report = await quantizeCheckpoint(original, folder, { bits: 4, blockSize: 32 });
    const small = await loadModelDescription(folder);
    const kinds = new Map<string, number>();
    for (const [path, { packed }] of small.parameters) {
      const kind = packed === undefined ? "plain" : `${packed.bits} bits`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (packed === undefined) {
        expect(await small.parameters.get(path)!.read()).toEqual(await original.parameters.get(path)!.read());
      }
    }
    const { layers } = original.facts.decoder;
    expect([kinds.get("4 bits"), kinds.get("8 bits")]).toEqual([7 * layers, 1]);
    expect(report.rounded).toBe(7 * layers + 1);
    expect(small.facts.decoder.tied).toBe(false);
    const head = await small.parameters.get("lm_head.weight")!.read();
    const embedding = await original.parameters.get("model.language_model.embed_tokens.weight")!.read();
    const step = (Math.max(...embedding) - Math.min(...embedding)) / 255;
    expect(Math.max(...head.map((value, i) => Math.abs(value - embedding[i]!)))).toBeLessThan(step);
  });

  it("keeps a tied head tied where its rows are no whole number of blocks", async () => {
    const [source, folder] = [temporaryFolder(), temporaryFolder()];
    const size = { layers: 1, width: 40, mlpWidth: 64, heads: 2, kvHeads: 1, vocabSize: 50 };
    await writeRandomCheckpoint(source, size, 1);
    const original = await loadModelDescription(source);
    await quantizeCheckpoint(original, folder, { bits: 4, blockSize: 32 });
    const small = await loadModelDescription(folder);
    expect(small.facts.decoder.tied).toBe(true);
    expect([...small.parameters.keys()].sort()).toEqual([...original.parameters.keys()].sort());
  });

  it("is not rounded again", async () => {
    const folder = temporaryFolder();
    await quantizeCheckpoint(await loadModelDescription(tinyCheckpoint), folder, { bits: 8, blockSize: 32 });
    const again = quantizeCheckpoint(await loadModelDescription(folder), temporaryFolder(), { bits: 4, blockSize: 32 });
    await expect(again).rejects.toThrow("rounded weights already");
  });
});
