/**
 * The decoder of a checkpoint as llama.cpp reads it, for comparing speed with equal weights: a GGUF file of a Qwen2 decoder in float32,
 * Q8_0 or Q4_0. The vocabulary is one of nameless tokens; nothing here serves people who want such a file of a real model.
 *
 * @see ggml's docs/gguf.md and the block layouts in ggml-common.h
 */
import { open } from "node:fs/promises";
import { float32ToFloat16 } from "@iad-r1/models/checkpoint/halfFloats";
import { numElements } from "@iad-r1/models/graph/dims";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";

export type GgufWeights = "f32" | "q8_0" | "q4_0";

const alignment = 32;
const block = 32;
/** ggml's numbers of types. */
const typeNumbers: Record<GgufWeights, number> = { f32: 0, q4_0: 2, q8_0: 8 };
const typeBytes: Record<GgufWeights, number> = { f32: 4 * block, q4_0: 2 + block / 2, q8_0: 2 + block };

interface GgufTensor {
  name: string;
  /** Path in the checkpoint. */
  path: string;
  shape: readonly number[];
  type: GgufWeights;
  offset: number;
  bytes: number;
}

/** Matrices get `weights`; the embedding, which is the head as well, at least 8 bits as ours; norms and biases stay as they are. */
export async function writeGguf(folder: string, file: string, weights: GgufWeights): Promise<void> {
  const model = await loadModelDescription(folder);
  const tensors = layOut(model, weights);
  const header = headerOf(model, tensors);
  const handle = await open(file, "w");
  try {
    await handle.write(header, 0, header.byteLength, 0);
    for (const { path, type, offset } of tensors) {
      const bytes = encode(await model.parameters.get(path)!.read(), type);
      await handle.write(bytes, 0, bytes.byteLength, header.byteLength + offset);
    }
  } finally {
    await handle.close();
  }
}

const layerNames: readonly [ours: string, theirs: string][] = [
  ["input_layernorm.weight", "attn_norm.weight"],
  ["self_attn.q_proj.weight", "attn_q.weight"],
  ["self_attn.q_proj.bias", "attn_q.bias"],
  ["self_attn.k_proj.weight", "attn_k.weight"],
  ["self_attn.k_proj.bias", "attn_k.bias"],
  ["self_attn.v_proj.weight", "attn_v.weight"],
  ["self_attn.v_proj.bias", "attn_v.bias"],
  ["self_attn.o_proj.weight", "attn_output.weight"],
  ["post_attention_layernorm.weight", "ffn_norm.weight"],
  ["mlp.gate_proj.weight", "ffn_gate.weight"],
  ["mlp.up_proj.weight", "ffn_up.weight"],
  ["mlp.down_proj.weight", "ffn_down.weight"],
];

function layOut({ parameters, paths, facts }: ModelDescription, weights: GgufWeights): GgufTensor[] {
  const { decoder } = paths;
  const names: [string, string][] = [
    ["token_embd.weight", `${decoder}.embed_tokens.weight`],
    ["output_norm.weight", `${decoder}.norm.weight`],
  ];
  for (let layer = 0; layer < facts.decoder.layers; layer++) {
    for (const [ours, theirs] of layerNames)
      names.push([`blk.${layer}.${theirs}`, `${decoder}.layers.${layer}.${ours}`]);
  }
  let offset = 0;
  return names.map(([name, path]) => {
    const { shape } = parameters.get(path)!;
    const isHead = name === "token_embd.weight";
    const type = shape.length === 1 ? "f32" : isHead && weights === "q4_0" ? "q8_0" : weights;
    const count = numElements(shape);
    const bytes = (count / block) * typeBytes[type];
    const tensor = { name, path, shape, type, offset, bytes };
    offset = padded(offset + bytes);
    return tensor;
  });
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function headerOf({ facts }: ModelDescription, tensors: readonly GgufTensor[]): Uint8Array {
  const { decoder } = facts;
  const writer = new Writer();
  const vocabulary = Array.from({ length: decoder.vocabSize }, (_, id) => `<${id}>`);
  const entries: [key: string, write: () => void][] = [
    ["general.architecture", () => writer.text("qwen2")],
    ["general.alignment", () => writer.uint32(alignment)],
    ["qwen2.block_count", () => writer.uint32(decoder.layers)],
    ["qwen2.context_length", () => writer.uint32(decoder.maxPositions)],
    ["qwen2.embedding_length", () => writer.uint32(decoder.width)],
    ["qwen2.feed_forward_length", () => writer.uint32(decoder.mlpWidth)],
    ["qwen2.attention.head_count", () => writer.uint32(decoder.heads)],
    ["qwen2.attention.head_count_kv", () => writer.uint32(decoder.kvHeads)],
    ["qwen2.attention.layer_norm_rms_epsilon", () => writer.float32(decoder.normEpsilon)],
    ["qwen2.rope.freq_base", () => writer.float32(decoder.ropeTheta)],
    ["tokenizer.ggml.model", () => writer.text("gpt2")],
    ["tokenizer.ggml.pre", () => writer.text("qwen2")],
    ["tokenizer.ggml.tokens", () => writer.texts(vocabulary)],
    ["tokenizer.ggml.token_type", () => writer.int32s(vocabulary.map(() => 1))],
    ["tokenizer.ggml.merges", () => writer.texts([])],
    ["tokenizer.ggml.eos_token_id", () => writer.uint32(decoder.vocabSize - 1)],
  ];
  writer.magic();
  writer.count(tensors.length);
  writer.count(entries.length);
  for (const [key, write] of entries) {
    writer.string(key);
    write();
  }
  for (const { name, shape, type, offset } of tensors) {
    writer.string(name);
    writer.plain32(shape.length);
    // The fastest dimension first.
    for (const extent of [...shape].reverse()) writer.count(extent);
    writer.plain32(typeNumbers[type]);
    writer.count(offset);
  }
  return writer.finish();
}

/** Little-endian fields; values of the key-value part carry the number of their type. */
class Writer {
  private readonly parts: Buffer[] = [];

  magic(): void {
    this.parts.push(Buffer.from("GGUF"));
    this.plain32(3);
  }

  plain32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.parts.push(bytes);
  }

  count(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.parts.push(bytes);
  }

  string(value: string): void {
    const bytes = Buffer.from(value);
    this.count(bytes.byteLength);
    this.parts.push(bytes);
  }

  uint32(value: number): void {
    this.plain32(4);
    this.plain32(value);
  }

  float32(value: number): void {
    this.plain32(6);
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    this.parts.push(bytes);
  }

  text(value: string): void {
    this.plain32(8);
    this.string(value);
  }

  texts(values: readonly string[]): void {
    this.plain32(9);
    this.plain32(8);
    this.count(values.length);
    for (const value of values) this.string(value);
  }

  int32s(values: readonly number[]): void {
    this.plain32(9);
    this.plain32(5);
    this.count(values.length);
    this.parts.push(Buffer.from(Int32Array.from(values).buffer));
  }

  /** Padded, so that the tensors behind it begin where they must. */
  finish(): Uint8Array {
    const bytes = Buffer.concat(this.parts);
    return Buffer.concat([bytes, Buffer.alloc(padded(bytes.byteLength) - bytes.byteLength)]);
  }
}

function encode(values: Float32Array, type: GgufWeights): Uint8Array {
  if (type === "f32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array((values.length / block) * typeBytes[type]);
  const scale = new Float32Array(1);
  const half = new Uint16Array(1);
  for (let from = 0, at = 0; from < values.length; from += block, at += typeBytes[type]) {
    let extreme = 0;
    for (let i = from; i < from + block; i++) if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!;
    scale[0] = type === "q8_0" ? Math.abs(extreme) / 127 : extreme / -8;
    const inverse = scale[0] === 0 ? 0 : 1 / scale[0]!;
    float32ToFloat16(scale, half);
    bytes[at] = half[0]! & 255;
    bytes[at + 1] = half[0]! >> 8;
    for (let i = 0; i < block; i++) {
      const value = values[from + i]! * inverse;
      if (type === "q8_0") bytes[at + 2 + i] = Math.round(value) & 255;
      // The first half of a block in the lower four bits, the second in the upper.
      else bytes[at + 2 + (i & 15)]! |= Math.min(15, Math.floor(value + 8.5)) << (i < 16 ? 0 : 4);
    }
  }
  return bytes;
}
