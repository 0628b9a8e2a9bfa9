/**
 * Does a device compute attention rightly? Providers choose another kernel for long prompts than for single tokens, and one that a
 * driver does not suit gives wrong numbers without a word (WebGPU 1.30 from 32 tokens on, on a device in software with subgroups of 4).
 */
import { ResourceError } from "@iad-r1/models/errors";
import { serialize } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { createRandom } from "@iad-r1/models/util/random";
import type { Device } from "./devices";
import { createSession } from "./session";
import { scalar, type Tensor, tensor, zeros } from "./tensors";

const [heads, kvHeads, width, tokens, slots] = [4, 2, 16, 80, 128];

/** @throws ResourceError `resource/device` when attention over a prompt differs from what the processor computes */
export async function checkAttention(device: Device): Promise<void> {
  const ours = await attend(device);
  const right = await attend("cpu");
  const largest = right.reduce((worst, value, i) => Math.max(worst, Math.abs(value - ours[i]!)), 0);
  if (largest < 1e-3) return;
  const message = `${device} computes attention over ${tokens} tokens wrongly: off by ${largest.toPrecision(2)}.`;
  throw new ResourceError("resource/device", message, { hint: "Update the driver, or choose the device cpu." });
}

async function attend(device: Device): Promise<Float32Array> {
  const b = createBuilder("attention_check");
  const row = (name: string, count: number) => b.input(name, "float32", [1, "T", count * width]);
  const cache = (name: string) => b.input(name, "float32", [1, kvHeads, slots, width]);
  const table = (name: string) => b.input(name, "float32", [slots, width / 2]);
  const inputs = {
    ...{ query: row("query", heads), key: row("key", kvHeads), value: row("value", kvHeads) },
    ...{ pastKey: cache("keys"), pastValue: cache("values") },
    ...{ seqlensK: b.input("seqlens_k", "int32", [1]), totalLength: b.input("total", "int32", []) },
    ...{ cos: table("cos"), sin: table("sin") },
  };
  const attributes = { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1, scale: width ** -0.5 };
  const { output, presentKey, presentValue } = b.groupQueryAttention(inputs, attributes);
  b.output("output", output);
  b.output("keys.next", presentKey);
  b.output("values.next", presentValue);
  const session = await createSession(serialize(b.finish(), { zeroCopy: false }), {
    ...{ device, threads: 1, name: "attention_check" },
  });
  try {
    const random = createRandom("attention");
    const filled = (dims: readonly number[]): Tensor<"float32"> => {
      const result = zeros("float32", dims);
      for (const i of result.data.keys()) result.data[i] = random.uniform(-1, 1);
      return result;
    };
    const angles = Float32Array.from({ length: (slots * width) / 2 }, (_, i) => Math.floor((2 * i) / width) * 0.3);
    const results = await session.evaluate({
      ...{ query: filled([1, tokens, heads * width]), key: filled([1, tokens, kvHeads * width]) },
      value: filled([1, tokens, kvHeads * width]),
      keys: zeros("float32", [1, kvHeads, slots, width]),
      values: zeros("float32", [1, kvHeads, slots, width]),
      seqlens_k: tensor("int32", Int32Array.of(tokens - 1), [1]),
      total: scalar("int32", tokens),
      cos: tensor("float32", angles.map(Math.cos), [slots, width / 2]),
      sin: tensor("float32", angles.map(Math.sin), [slots, width / 2]),
    });
    return results.output!.data as Float32Array;
  } finally {
    await session.dispose();
  }
}
