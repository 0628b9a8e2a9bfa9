/** The file that llama.cpp is given holds the checkpoint's weights, so that both sides of a benchmark do the same work. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { float16ToFloat32 } from "@iad-r1/models/checkpoint/halfFloats";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { type GgufWeights, writeGguf } from "@iad-r1/server/bench/gguf";
import { writeRandomCheckpoint } from "@iad-r1/server/bench/randomCheckpoint";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const size = { layers: 2, width: 64, mlpWidth: 96, heads: 2, kvHeads: 1, vocabSize: 128 };

interface Info {
  dims: number[];
  type: number;
  at: number;
}

/** Keys, and tensors with where their data begins. */
function parse(bytes: Buffer): { keys: string[]; tensors: Map<string, Info> } {
  let at = 0;
  /** Where the next bytes stand. */
  const skip = (length: number) => {
    at += length;
    return at - length;
  };
  const u32 = () => bytes.readUInt32LE(skip(4));
  const u64 = () => Number(bytes.readBigUInt64LE(skip(8)));
  const text = () => {
    const length = u64();
    const from = skip(length);
    return bytes.toString("utf8", from, from + length);
  };
  const value = (type: number): void => {
    if (type === 8) text();
    else if (type === 9) {
      const of = u32();
      for (let left = u64(); left > 0; left--) value(of);
    } else u32();
  };
  expect(bytes.toString("latin1", 0, 4)).toBe("GGUF");
  at = 4;
  expect(u32()).toBe(3);
  const [numTensors, numKeys] = [u64(), u64()];
  const keys = Array.from({ length: numKeys }, () => {
    const key = text();
    value(u32());
    return key;
  });
  const tensors = new Map<string, Info>();
  for (let i = 0; i < numTensors; i++) {
    const name = text();
    const dims = Array.from({ length: u32() }, () => u64());
    tensors.set(name, { dims, type: u32(), at: u64() });
  }
  const data = Math.ceil(at / 32) * 32;
  for (const info of tensors.values()) info.at += data;
  return { keys, tensors };
}

/** The first block of 32 weights, and the step between two of its values. */
function firstBlock(bytes: Buffer, { at, type }: Info): { weights: number[]; step: number } {
  if (type === 0) return { weights: Array.from({ length: 32 }, (_, i) => bytes.readFloatLE(at + 4 * i)), step: 0 };
  const scale = float16ToFloat32(Uint16Array.of(bytes.readUInt16LE(at)))[0]!;
  const weights = Array.from({ length: 32 }, (_, i) => {
    if (type === 8) return scale * bytes.readInt8(at + 2 + i);
    const pair = bytes[at + 2 + (i % 16)]!;
    return scale * ((i < 16 ? pair & 15 : pair >> 4) - 8);
  });
  return { weights, step: Math.abs(scale) };
}

it.each([
  ["f32", 0],
  ["q8_0", 8],
  ["q4_0", 2],
] as const)(
  "%s holds the weights of the checkpoint, the head in 8 bits at least",
  async (weights: GgufWeights, type) => {
    const folder = temporaryFolder();
    await writeRandomCheckpoint(folder, size, 1);
    const file = join(folder, "model.gguf");
    await writeGguf(folder, file, weights);
    const bytes = readFileSync(file);
    const { keys, tensors } = parse(bytes);
    expect(keys).toContain("qwen2.attention.head_count_kv");
    expect(tensors.size).toBe(2 + 12 * size.layers);
    const model = await loadModelDescription(folder);
    const check = async (name: string, path: string, wanted: number) => {
      const info = tensors.get(name)!;
      const stored = model.parameters.get(path)!;
      expect(info.dims).toEqual([...stored.shape].reverse());
      expect(info.type).toBe(wanted);
      expect(info.at % 32).toBe(0);
      const right = (await stored.read()).slice(0, 32);
      const { weights: got, step } = firstBlock(bytes, info);
      // The largest of a 4-bit block may be cut by a whole step; rounding costs half of one, and the scale is a half float.
      for (const [i, value] of got.entries()) expect(Math.abs(value - right[i]!)).toBeLessThanOrEqual(1.02 * step);
    };
    const { decoder } = model.paths;
    await check("blk.1.ffn_down.weight", `${decoder}.layers.1.mlp.down_proj.weight`, type);
    await check("blk.0.attn_q.bias", `${decoder}.layers.0.self_attn.q_proj.bias`, 0);
    await check("token_embd.weight", `${decoder}.embed_tokens.weight`, weights === "q4_0" ? 8 : type);
  },
);
