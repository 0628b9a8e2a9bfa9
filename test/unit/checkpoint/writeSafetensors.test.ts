import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeAtomically, writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import {
  type TensorToWrite,
  writeSafetensors,
  writeShardedSafetensors,
} from "@iad-r1/models/checkpoint/writeSafetensors";
import { ModelFileError } from "@iad-r1/models/errors";
import { build } from "esbuild";
import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const weights: TensorToWrite[] = [
  { name: "mask", dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
  { name: "w", dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  { name: "ids", dtype: "int64", shape: [2], data: () => BigInt64Array.of(-1n, 2n ** 40n) },
  { name: "half", dtype: "bfloat16", shape: [2], data: Float32Array.of(1, 1 + 3 * 2 ** -8) },
  { name: "0", dtype: "float16", shape: [], data: async () => Float32Array.of(0.1) },
];

test("what is written is read back, with halves rounded", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  await writeSafetensors(path, weights, { step: "7" });
  const checkpoint = await openSafetensors(path);
  expect(checkpoint.metadata).toEqual({ format: "pt", step: "7" });
  expect([...(await checkpoint.read("w"))]).toEqual([1, 2, 3, 4]);
  expect([...(await checkpoint.read("ids"))]).toEqual([-1n, 2n ** 40n]);
  expect([...(await checkpoint.read("mask"))]).toEqual([1, 0, 1]);
  expect([...(await checkpoint.readFloat32("half"))]).toEqual([1, 1 + 2 ** -6]);
  expect([...(await checkpoint.readFloat32("0"))]).toEqual([0.0999755859375]);
  expect(checkpoint.entry("w").shape).toEqual([2, 2]);
});

test("every tensor starts at a multiple of its element size and the data at a multiple of 64", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  await writeSafetensors(path, weights);
  const entries = [...(await openSafetensors(path)).tensors.values()];
  expect(Math.min(...entries.map(({ offset }) => offset)) % 64).toBe(0);
  const widths = { int64: 8, float32: 4, bfloat16: 2, float16: 2, bool: 1 } as Record<string, number>;
  for (const { dtype, offset } of entries) expect(offset % widths[dtype]!).toBe(0);
});

test("a checkpoint that is too large for one file gets an index, and a small one does not keep it", async () => {
  const folder = temporaryFolder();
  const tensors = Array.from({ length: 5 }, (_, i): TensorToWrite => {
    return { name: `layer.${i}`, dtype: "float32", shape: [10], data: new Float32Array(10).fill(i) };
  });
  expect(await writeShardedSafetensors(folder, tensors, 80)).toEqual([
    "model-00001-of-00003.safetensors",
    "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors",
    "model.safetensors.index.json",
  ]);
  expect((await (await openSafetensors(folder)).readFloat32("layer.4"))[9]).toBe(4);
  expect(JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8")).metadata.total_size).toBe(200);
  expect(await writeShardedSafetensors(folder, tensors.slice(0, 2))).toEqual(["model.safetensors"]);
  expect((await openSafetensors(folder)).tensors.size).toBe(2);
  expect(readdirSync(folder)).not.toContain("model.safetensors.index.json");
});

test.each<[string, TensorToWrite[], RegExp]>([
  ["a repeated name", [weights[1]!, weights[1]!], /two tensors are named "w"/],
  ["the name of the metadata", [{ ...weights[1]!, name: "__metadata__" }], /__metadata__/],
  ["too few elements", [{ ...weights[1]!, shape: [5] }], /float32\[5\].*Float32Array\(4\)/],
  ["elements of another width", [{ ...weights[1]!, dtype: "float64", shape: [2] }], /float64\[2\]/],
])("%s is refused and leaves no file", async (_, tensors, message) => {
  const folder = temporaryFolder();
  await expect(writeSafetensors(join(folder, "x.safetensors"), tensors)).rejects.toMatchObject({
    code: "checkpoint/tensor",
    message: expect.stringMatching(message),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test("a write that fails in the middle leaves the old file and nothing else", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "x.json");
  await writeFileAtomically(path, "old");
  const failing = writeAtomically(path, async (file) => {
    await file.write(Buffer.from("half of the new"));
    throw new Error("no more data");
  });
  await expect(failing).rejects.toMatchObject({ code: "checkpoint/unwritable", hint: expect.any(String) });
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["x.json"]);
});

test("a folder that does not exist is named in the error", async () => {
  const path = join(temporaryFolder(), "gone", "x.json");
  await expect(writeFileAtomically(path, "x")).rejects.toMatchObject({ code: "checkpoint/unwritable", where: path });
});

test.skipIf(process.platform === "win32")("a full disk ends in one error and keeps the old checkpoint", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "model.safetensors");
  await writeSafetensors(path, [weights[1]!]);
  const before = readFileSync(path);
  // A process whose files may not grow beyond 64 KiB meets the same refusal as one on a full disk.
  const script = join(folder, "write.mjs");
  const source = `
    import { writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
    const tensor = { name: "w", dtype: "float32", shape: [100_000], data: new Float32Array(100_000) };
    await writeSafetensors(${JSON.stringify(path)}, [tensor]).catch((error) => console.log(error.name, error.code));
  `;
  await build({
    stdin: { contents: source, resolveDir: import.meta.dirname },
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
  });
  const limited = `ulimit -f 64; exec "${process.execPath}" "${script}"`;
  const { stdout } = await promisify(execFile)("bash", ["-c", limited]);
  expect(stdout).toBe("ResourceError disk/full\n");
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(["model.safetensors", "write.mjs"]);
});

test("names from other programs cannot break the header", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  const names = ["__proto__", "constructor", 'quote"', "line\nbreak", "ünï"];
  await writeSafetensors(
    path,
    names.map((name): TensorToWrite => ({ name, dtype: "uint8", shape: [1], data: Uint8Array.of(name.length) })),
  );
  const checkpoint = await openSafetensors(path);
  for (const name of names) expect((await checkpoint.read(name))[0]).toBe(name.length);
});

test("a file cut anywhere is refused, never read wrong", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "x.safetensors");
  await writeSafetensors(path, weights);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length += 7) {
    writeFileSync(path, whole.subarray(0, length));
    await expect(openSafetensors(path), `cut at ${length}`).rejects.toMatchObject({ name: "ModelFileError" });
  }
});

test("a file with any damage is read within its bounds or refused with our error", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  await writeSafetensors(path, weights);
  const whole = readFileSync(path);
  const damage = fc.record({ position: fc.nat(whole.length - 1), byte: fc.nat(255), insert: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (places) => {
      let damaged = Buffer.from(whole);
      for (const { position, byte, insert } of places) {
        const after = damaged.subarray(insert ? position : position + 1);
        damaged = Buffer.concat([damaged.subarray(0, position), Buffer.of(byte), after]);
      }
      writeFileSync(path, damaged);
      try {
        const checkpoint = await openSafetensors(path);
        for (const [name, { length }] of checkpoint.tensors) {
          expect((await checkpoint.read(name)).byteLength).toBe(length);
          expect(length).toBeLessThan(damaged.length);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ModelFileError);
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});
