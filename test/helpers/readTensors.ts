/** A reader of small safetensors files for tests: float32 and int64 only, everything in memory. */
import { readFileSync } from "node:fs";

export interface TestTensor {
  shape: number[];
  /** int64 as plain numbers */
  data: Float32Array | number[];
}

export function readTensors(path: string): Map<string, TestTensor> {
  const file = readFileSync(path);
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    file.toString("utf8", 8, 8 + headerBytes),
  );
  const tensors = new Map<string, TestTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = data_offsets.map((offset) => 8 + headerBytes + offset) as [number, number];
    const bytes = file.buffer.slice(file.byteOffset + from, file.byteOffset + to);
    if (dtype === "F32") tensors.set(name, { shape, data: new Float32Array(bytes) });
    else if (dtype === "I64") tensors.set(name, { shape, data: Array.from(new BigInt64Array(bytes), Number) });
    else throw new Error(`${name}: dtype ${dtype}`);
  }
  return tensors;
}
