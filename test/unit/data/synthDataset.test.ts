/** `data synth`: the same folder for the same options, all formats telling the same story, whole or not at all. */
import { createHash } from "node:crypto";
import { access, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeImage } from "@iad-r1/models/vision/decode";
import { detectFormat, readDataset } from "@iad-r1/server/data/dataset";
import { readAnnotations } from "@iad-r1/server/data/formats/annotations";
import { readDatasetInfo } from "@iad-r1/server/data/formats/paSft";
import { locateMask } from "@iad-r1/server/data/locations";
import { loadMask, sampleImage, sampleMask, sampleReferences } from "@iad-r1/server/data/pixels";
import { encodeMaskPng, encodePng } from "@iad-r1/server/data/png";
import { generateReference, generateSample } from "@iad-r1/server/data/synth/sample";
import { SYNTH_FILES, synthSamples, writeSynthDataset } from "@iad-r1/server/data/synthDataset";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const options = { seed: 5, count: 14, size: 48, shots: 1 } as const;
let folder: string;
let set: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synth-"));
  set = join(folder, "set");
  await writeSynthDataset(set, options);
});
afterAll(() => rm(folder, { recursive: true }));

/** One hash over names and contents of all files. */
async function treeHash(root: string): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  for (const file of files.sort()) hash.update(file).update(await readFile(join(root, file)));
  return hash.digest("hex").slice(0, 16);
}

describe("writeSynthDataset", () => {
  it("writes the same bytes again, and the bytes that every other machine writes", async () => {
    const again = join(folder, "again");
    await writeSynthDataset(again, options);
    expect(await treeHash(again)).toBe(await treeHash(set));
    expect(await treeHash(set)).toBe(RECORDED);
  });

  it("tells the same story in every format, without a problem", async () => {
    const { value: truth, problems } = await readAnnotations(set, { verifyHashes: true });
    expect(problems).toEqual([]);
    expect(truth).toHaveLength(options.count);
    expect(new Set(truth.map((sample) => sample.label)).size).toBe(2);
    for (const [name, format] of [
      [SYNTH_FILES.paSft, "pa-sft"],
      [SYNTH_FILES.scGrpo, "sc-grpo"],
      [SYNTH_FILES.test, "test"],
    ] as const) {
      expect(await detectFormat(join(set, name))).toBe(format);
      const read = await readDataset(join(set, name));
      expect(read.problems).toEqual([]);
      expect(read.value.map((sample) => [sample.image, sample.label, sample.references])).toEqual(
        truth.map((sample) => [sample.image, sample.label, sample.references]),
      );
      if (format !== "test") {
        expect(read.value.map((sample) => [sample.location, sample.defectType])).toEqual(
          truth.map((sample) => [sample.location, sample.defectType]),
        );
      }
      expect(read.value.map((sample) => sample.category)).toEqual(truth.map((sample) => sample.category));
    }
    const meta = await readDataset(join(set, SYNTH_FILES.meta));
    expect(meta.problems).toEqual([]);
    const byImage = new Map(truth.map((sample) => [sample.image, sample]));
    for (const sample of meta.value) {
      const same = byImage.get(sample.image)!;
      expect([sample.label, sample.defectType, sample.mask, sample.category]).toEqual([
        same.label,
        same.defectType,
        same.mask,
        same.category,
      ]);
    }
    expect([...(await readDatasetInfo(set)).value.values()]).toEqual([join(set, SYNTH_FILES.paSft)]);
  });

  it("holds the pictures, masks and references of the generator", async () => {
    const { value } = await readAnnotations(set);
    for (const [index, sample] of value.entries()) {
      const made = generateSample({ ...options, index });
      expect((await sampleImage(sample)).data).toEqual(made.image.data);
      expect((await sampleReferences(sample))[0]!.data).toEqual(generateReference({ ...options, index }).data);
      const mask = await sampleMask(sample);
      expect(mask?.data ?? null).toEqual(made.mask);
      if (mask !== null) expect(locateMask(mask.data, 48, 48)!.location).toBe(sample.location);
    }
  });

  it("continues a stream with `start`", async () => {
    const tail = join(folder, "tail");
    const samples = await writeSynthDataset(tail, { ...options, start: 10, count: 4, shots: 0 });
    const { value } = await readAnnotations(set);
    expect(samples.map((sample) => sample.id)).toEqual(value.slice(10).map((sample) => sample.id));
    expect((await readAnnotations(tail)).value.every((sample) => sample.references.length === 0)).toBe(true);
  });

  it("never writes into a folder that holds something, unless it is told to", async () => {
    await expect(writeSynthDataset(set, options)).rejects.toMatchObject({ code: "data/folder-exists" });
    const twice = join(folder, "twice");
    await writeSynthDataset(twice, { ...options, count: 3 });
    await writeSynthDataset(twice, { ...options, count: 2, overwrite: true });
    expect((await readAnnotations(twice)).value).toHaveLength(2);
  });

  it("leaves nothing behind when it is stopped", async () => {
    const controller = new AbortController();
    const target = join(folder, "stopped");
    const onProgress = (done: number) => {
      if (done === 3) controller.abort();
    };
    await expect(
      writeSynthDataset(target, { ...options, signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ code: "cancelled" });
    await expect(access(target)).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("refuses a number of pictures that cannot be", async () => {
    for (const count of [0, 1.5, -1, 2_000_000]) {
      await expect(writeSynthDataset(join(folder, "never"), { ...options, count })).rejects.toMatchObject({
        code: "synth/options",
      });
    }
  });
});

describe("synthSamples", () => {
  it("gives the same samples without writing a file", async () => {
    const samples = synthSamples(options);
    const { value } = await readAnnotations(set);
    for (const [k, sample] of samples.entries()) {
      const { image, synth, references, mask, extra, ...rest } = sample;
      expect(value[k]).toMatchObject(rest);
      expect((await sampleImage(sample)).data).toEqual((await sampleImage(value[k]!)).data);
      expect((await sampleMask(sample))?.data).toEqual((await sampleMask(value[k]!))?.data);
    }
  });
});

describe("encodePng", () => {
  it("writes pixels that a decoder reads back, with fixed bytes", async () => {
    const data = Uint8Array.from({ length: 5 * 3 * 3 }, (_, k) => (k * 37) & 255);
    const bytes = encodePng({ width: 5, height: 3, data });
    expect((await decodeImage(bytes, "x.png")).data).toEqual(data);
    expect(createHash("sha256").update(bytes).digest("hex").slice(0, 16)).toBe(RECORDED_PNG);
  });

  it("writes masks of any width in one bit a pixel", async () => {
    const { writeFile } = await import("node:fs/promises");
    for (const width of [1, 7, 8, 9, 33]) {
      const mask = Uint8Array.from({ length: width * 2 }, (_, k) => (k % 3 === 0 ? 255 : 0));
      const path = join(folder, `mask${width}.png`);
      await writeFile(path, encodeMaskPng(mask, width, 2));
      expect(await loadMask(path)).toEqual({ width, height: 2, data: mask });
    }
  });
});

// Recorded once, as in synth/sample.test.ts.
const RECORDED = "e559ce99c75d5a7a";
const RECORDED_PNG = "5a541f5182ab43b4";
