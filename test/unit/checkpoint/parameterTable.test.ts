/** Comparing tensors of a checkpoint: equal and different ones, and that no file stays open behind it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { sameTensor } from "@iad-r1/models/checkpoint/parameterTable";
import { type Checkpoint, openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

/** A checkpoint with three tensors of four numbers: `a` and `b` are equal, `c` differs in the last number. */
async function threeTensors(): Promise<Checkpoint> {
  const folder = temporaryFolder();
  const tensor = (index: number) => ({ dtype: "F32", shape: [4], data_offsets: [16 * index, 16 * (index + 1)] });
  const header = JSON.stringify({ a: tensor(0), b: tensor(1), c: tensor(2) });
  const json = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const values = Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 5);
  writeFileSync(join(folder, "model.safetensors"), Buffer.concat([length, json, Buffer.from(values.buffer)]));
  return openSafetensors(folder);
}

it("tells equal tensors from others, and closes the files that it read", async () => {
  const warnings: string[] = [];
  const listen = ({ message }: Error) => void warnings.push(message);
  process.on("warning", listen);
  const checkpoint = await threeTensors();
  expect(await sameTensor(checkpoint, "a", "b")).toBe(true);
  expect(await sameTensor(checkpoint, "a", "c")).toBe(false);
  // Node complains of a file that is still open when nobody knows it any more.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.off("warning", listen);
  expect(warnings).toEqual([]);
});
