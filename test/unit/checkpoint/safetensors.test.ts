import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Checkpoint, openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { ModelFileError } from "@iad-r1/models/errors";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const fixtures = join(import.meta.dirname, "../../fixtures/vlm/llava-onevision");

/** A file with `header` as its JSON (text is written as it is) and `data` behind it. */
function file(header: unknown, data: Uint8Array = new Uint8Array(), length?: bigint): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([prefix, json, data]);
}

function f32(shape: unknown, ...offsets: unknown[]): unknown {
  return { dtype: "F32", shape, data_offsets: offsets };
}

async function opening(path: string): Promise<Error & { code?: string }> {
  return openSafetensors(path).then(
    () => new Error("it opened"),
    (error: Error) => error,
  );
}

test("a checkpoint as transformers writes it gives the tensors and bytes it holds", async () => {
  const checkpoint = await openSafetensors(join(fixtures, "checkpoint"));
  expect(checkpoint.tensors.size).toBe(68);
  expect(checkpoint.metadata).toEqual({ format: "pt" });
  const embedding = checkpoint.entry("language_model.model.embed_tokens.weight");
  expect(embedding).toMatchObject({ dtype: "float32", shape: [360, 64], offset: 8 + 7648 + 256, length: 360 * 64 * 4 });
  const values = (await checkpoint.read(embedding.name)) as Float32Array;
  const raw = readFileSync(embedding.file).subarray(embedding.offset, embedding.offset + embedding.length);
  expect(Buffer.from(values.buffer).equals(raw)).toBe(true);
  expect(values.byteLength).toBe(values.buffer.byteLength);
});

test("a sharded bfloat16 checkpoint reads the same numbers as its single float32 form, rounded", async () => {
  const single = await openSafetensors(join(fixtures, "checkpoint"));
  const sharded = await openSafetensors(join(fixtures, "hub-layout"));
  expect(new Set([...sharded.tensors.values()].map(({ file: name }) => name)).size).toBe(2);
  let compared = 0;
  for (const name of sharded.tensors.keys()) {
    if (!single.has(name)) continue;
    const exact = await single.readFloat32(name);
    const rounded = await sharded.readFloat32(name);
    // bfloat16 keeps 8 bits of the mantissa, so it is off by at most 2^-9 of the value.
    expect(exact.every((value, i) => Math.abs(value - rounded[i]!) <= Math.abs(value) * 2 ** -8)).toBe(true);
    compared++;
  }
  // The other names differ between the two layouts.
  expect(compared).toBe(31);
});

test("numbers go into memory that is given for them, and must be as many", async () => {
  for (const layout of ["checkpoint", "hub-layout"]) {
    const checkpoint = await openSafetensors(join(fixtures, layout));
    const name = [...checkpoint.tensors.keys()].find((one) => one.endsWith("q_proj.weight"))!;
    const expected = await checkpoint.readFloat32(name);
    const memory = new Float32Array(expected.length + 32).fill(7);
    const room = memory.subarray(16, 16 + expected.length);
    expect(await checkpoint.readFloat32(name, room)).toBe(room);
    expect(room).toEqual(expected);
    expect([memory[15], memory[16 + expected.length]]).toEqual([7, 7]);
    await expect(checkpoint.readFloat32(name, memory)).rejects.toThrow(/elements, got room for/);
  }
});

test("chunks put together are the whole tensor", async () => {
  const checkpoint = await openSafetensors(join(fixtures, "checkpoint"));
  const name = "language_model.model.embed_tokens.weight";
  const pieces: Buffer[] = [];
  for await (const chunk of checkpoint.chunks(name, 10_000)) pieces.push(Buffer.from(chunk));
  expect(pieces.length).toBe(10);
  expect(Buffer.concat(pieces).equals(Buffer.from((await checkpoint.read(name)).buffer))).toBe(true);
});

test("every element type of the format can be read", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  const sizes = { F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1, I64: 8, I32: 4, I16: 2, I8: 1 };
  const unsigned = { U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 };
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [dtype, size] of Object.entries({ ...sizes, ...unsigned })) {
    header[dtype] = { dtype, shape: [3], data_offsets: [end, end + 3 * size] };
    end += 3 * size;
  }
  writeFileSync(path, file(header, new Uint8Array(end).fill(1)));
  const checkpoint = await openSafetensors(path);
  const read: Record<string, string> = {};
  for (const name of checkpoint.tensors.keys()) read[name] = `${(await checkpoint.read(name))[2]}`;
  expect(read).toMatchObject({ I64: "72340172838076673", I32: "16843009", I16: "257", I8: "1", BOOL: "1", U8: "1" });
  expect([...(await checkpoint.readFloat32("F16"))]).toEqual(Array(3).fill(257 * 2 ** -24));
  await expect(checkpoint.readFloat32("I32")).rejects.toMatchObject({ code: "model/tensor-dtype" });
});

test("scalars and empty tensors have a place", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  const header = { scalar: f32([], 0, 4), empty: f32([0, 7], 4, 4) };
  writeFileSync(path, file(header, new Uint8Array(Float32Array.of(2.5).buffer)));
  const checkpoint = await openSafetensors(path);
  expect([...(await checkpoint.readFloat32("scalar"))]).toEqual([2.5]);
  expect((await checkpoint.readFloat32("empty")).length).toBe(0);
});

test("a tensor that is not there is named in the error", async () => {
  const checkpoint: Checkpoint = await openSafetensors(join(fixtures, "checkpoint"));
  expect(() => checkpoint.entry("lm_head.bias")).toThrow(/no tensor "lm_head.bias"/);
  await expect(checkpoint.read("lm_head.bias")).rejects.toMatchObject({ code: "model/missing-tensor" });
});

const header = "model/weights-header";
const tensor = "model/weights-tensor";
const truncated = "model/truncated-weights";
const four = new Uint8Array(4);
const deep = "[".repeat(100_000) + "]".repeat(100_000);

test.each<[string, string, Buffer, RegExp]>([
  ["an empty file", truncated, Buffer.alloc(0), /got 0 bytes/],
  ["half a length", truncated, Buffer.alloc(5), /got 5 bytes/],
  ["a header longer than the file", truncated, file("{}", four, 1000n), /header of 1000 bytes, got 6 bytes/],
  ["a header of 2^63 bytes", header, file("{}", four, 2n ** 63n), /9223372036854775808 bytes long/],
  ["a header just above the limit", header, file("{}", four, 100_000_001n), /at most 100000000/],
  ["a header of no bytes", header, file(""), /not valid JSON/],
  ["a header cut inside its JSON", header, file('{"a":{"dtype":"F3'), /not valid JSON/],
  ["a list as header", header, file([]), /must be a JSON object/],
  ["a header that is nested very deep", header, file(`{"a":${deep}}`), /nested more than 1000 deep/],
  ["a header that is not UTF-8", header, file(Buffer.from([0xff, 0xfe]).toString("latin1"), four), /JSON|UTF-8/],
  ["metadata that is no text", header, file({ __metadata__: { a: 1 } }), /__metadata__/],
  ["a name twice", header, file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}', four), /"a" twice/],
  ["an escaped name twice", header, file('{"a":{},"\\u0061":{}}', four), /"a" twice/],
  ["two dtypes", header, file('{"a":{"dtype":"F32","dtype":"I32"}}', four), /"dtype" twice/],
  ["a tensor that is a number", tensor, file({ a: 1 }), /"a" must be an object/],
  ["an unknown dtype", tensor, file({ a: { dtype: "Q4", shape: [1], data_offsets: [0, 4] } }, four), /"Q4"/],
  [
    "a dtype named like a method",
    tensor,
    file({ a: { dtype: "toString", shape: [], data_offsets: [0, 4] } }),
    /toString/,
  ],
  ["no shape", tensor, file({ a: { dtype: "F32", data_offsets: [0, 4] } }, four), /got "nothing"/],
  ["a negative extent", tensor, file({ a: f32([-1], 0, 4) }, four), /whole numbers/],
  ["half an extent", tensor, file({ a: f32([0.5], 0, 2) }, four), /whole numbers/],
  ["an extent that is text", tensor, file({ a: f32(["1"], 0, 4) }, four), /whole numbers/],
  ["a huge extent", tensor, file({ a: f32([2 ** 60], 0, 4) }, four), /whole numbers/],
  [
    "extents whose product overflows to the right size",
    tensor,
    file({ a: f32([2 ** 32, 2 ** 32, 2 ** 2], 0, 0) }),
    /295147905179352825856 bytes/,
  ],
  ["forty dimensions", tensor, file({ a: f32(Array(40).fill(1), 0, 4) }, four), /at most 32/],
  [
    "fewer bytes than the shape needs",
    tensor,
    file({ a: f32([2], 0, 4) }, four),
    /8 bytes, but data_offsets give it 4/,
  ],
  ["offsets the wrong way round", tensor, file({ a: f32([1], 4, 0) }, four), /data_offsets/],
  ["one offset", tensor, file({ a: f32([1], 0) }, four), /data_offsets/],
  ["a negative offset", tensor, file({ a: f32([1], -4, 0) }, four), /data_offsets/],
  ["an offset beyond the file", truncated, file({ a: f32([1], 4, 8) }, four), /4 bytes of data/],
  ["a file that ends inside a tensor", truncated, file({ a: f32([4], 0, 16) }, new Uint8Array(15)), /15 bytes of data/],
  [
    "two tensors on the same bytes",
    tensor,
    file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, four),
    /"b" overlaps tensor "a"/,
  ],
  [
    "tensors that overlap by half",
    tensor,
    file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, new Uint8Array(12)),
    /overlaps/,
  ],
  ["a gap between tensors", tensor, file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, new Uint8Array(12)), /4 unclaimed/],
  [
    "bytes after the last tensor",
    header,
    file({ a: f32([1], 0, 4) }, new Uint8Array(9)),
    /5 bytes after the last tensor/,
  ],
])("%s is refused with one clear error", async (_, code, content, message) => {
  const path = join(temporaryFolder(), "x.safetensors");
  writeFileSync(path, content);
  const error = await opening(path);
  expect(error).toBeInstanceOf(ModelFileError);
  expect(error).toMatchObject({ code, where: path, message: expect.stringMatching(message) });
});

test.each<[string, string, unknown, RegExp]>([
  ["no JSON", "model/weights-index", "{", /not valid JSON/],
  ["no weight map", "model/weights-index", {}, /weight_map/],
  ["a list as weight map", "model/weights-index", { weight_map: ["a"] }, /weight_map/],
  ["a tensor listed twice", "model/weights-index", '{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}', /twice/],
  ["a path out of the folder", "model/weights-index", { weight_map: { a: "../x.safetensors" } }, /same folder/],
  ["an absolute path", "model/weights-index", { weight_map: { a: "/etc/x.safetensors" } }, /same folder/],
  ["a Windows path", "model/weights-index", { weight_map: { a: "..\\x.safetensors" } }, /same folder/],
  ["a drive", "model/weights-index", { weight_map: { a: "c:x.safetensors" } }, /same folder/],
  ["another kind of file", "model/weights-index", { weight_map: { a: "x.bin" } }, /same folder/],
  ["a number as file", "model/weights-index", { weight_map: { a: 1 } }, /same folder/],
  ["a file that is missing", "model/weights-index", { weight_map: { a: "y.safetensors" } }, /y.safetensors is missing/],
  ["a tensor the file lacks", "model/weights-index", { weight_map: { b: "x.safetensors" } }, /should hold "b"/],
])("an index with %s is refused", async (_, code, index, message) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "x.safetensors"), file({ a: f32([1], 0, 4) }, four));
  const text = typeof index === "string" ? index : JSON.stringify(index);
  writeFileSync(join(folder, "model.safetensors.index.json"), text);
  expect(await opening(folder)).toMatchObject({ code, message: expect.stringMatching(message) });
});

test("what is no checkpoint is refused without waiting", async () => {
  const folder = temporaryFolder();
  expect(await opening(join(folder, "nowhere"))).toMatchObject({ code: "model/missing-weights" });
  expect(await opening(folder)).toMatchObject({ code: "model/missing-weights" });
  mkdirSync(join(folder, "model.safetensors"));
  expect(await opening(folder)).toMatchObject({ code: "model/unreadable-file" });
});

test.skipIf(process.platform === "win32")("a pipe instead of a file does not hang", async () => {
  const path = join(temporaryFolder(), "model.safetensors");
  execFileSync("mkfifo", [path]);
  expect(await opening(path)).toMatchObject({ code: "model/unreadable-file" });
});

test("a file that was replaced after it was opened is not read with the old offsets", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  writeFileSync(path, file({ a: f32([1], 0, 4) }, four));
  const checkpoint = await openSafetensors(path);
  writeFileSync(path, file({ b: f32([1], 0, 4) }, four));
  utimesSync(path, 1, 1);
  await expect(checkpoint.read("a")).rejects.toMatchObject({ code: "model/file-changed" });
});

test.skipIf(process.platform === "win32")("the links of a Hugging Face cache are followed", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "blobs"));
  writeFileSync(join(folder, "blobs/0123abcd"), file({ a: f32([1], 0, 4) }, four));
  symlinkSync("blobs/0123abcd", join(folder, "model.safetensors"));
  expect((await openSafetensors(folder)).has("a")).toBe(true);
});
