/**
 * Does a device compute attention rightly? Providers choose another kernel for long prompts than for single tokens, and one that a
 * driver does not suit gives wrong numbers without a word (WebGPU 1.30 from 32 tokens on, on a device in software with subgroups of 4).
 */
import { serialize } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { createRandom } from "@iad-r1/models/util/random";
import { wrongDevice } from "./deviceFailure";
import type { Device } from "./devices";
import { createSession } from "./session";
import { scalar, type Tensor, tensor, zeros } from "./tensors";

const [heads, kvHeads, width, tokens, slots] = [4, 2, 16, 80, 128];
/** Below the length from which the kernel for prompts is taken. */
const shortPiece = 16;

const limits = new Map<Device, Promise<number>>();

/**
 * How many tokens of a prompt a device may be given at a time: any number, or a few where only its kernel for long prompts is wrong. Found
 * out once in a process, in a fraction of a second on a card.
 *
 * @throws ResourceError `resource/device` when attention differs from what the processor computes whatever the length
 */
export function attentionLimit(device: Device): Promise<number> {
  if (device === "cpu") return Promise.resolve(Number.POSITIVE_INFINITY);
  let limit = limits.get(device);
  if (limit === undefined) {
    limit = findLimit(device);
    limits.set(device, limit);
    limit.catch(() => limits.delete(device));
  }
  return limit;
}

async function findLimit(device: Device): Promise<number> {
  const right = await attend("cpu", tokens);
  const whole = largestDifference(right, await attend(device, tokens));
  if (whole < tolerance) return Number.POSITIVE_INFINITY;
  const pieces = largestDifference(right, await attend(device, shortPiece));
  if (pieces < tolerance) return shortPiece;
  const message = `${device} computes attention over ${tokens} tokens wrongly: off by ${whole.toPrecision(2)}, and by ${pieces.toPrecision(2)} in short pieces.`;
  throw wrongDevice(message);
}

const tolerance = 1e-3;

function largestDifference(right: Float32Array, ours: Float32Array): number {
  // A number that is none differs by more than any.
  return right.reduce((worst, value, i) => {
    const difference = Math.abs(value - ours[i]!);
    return difference <= worst ? worst : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }, 0);
}

/** Attention over a prompt that is read `piece` tokens at a time. */
async function attend(device: Device, piece: number): Promise<Float32Array> {
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
    const [query, key, value] = [heads, kvHeads, kvHeads].map((count) => filled([1, tokens, count * width])) as [
      Tensor<"float32">,
      Tensor<"float32">,
      Tensor<"float32">,
    ];
    const tables = {
      cos: tensor("float32", angles.map(Math.cos), [slots, width / 2]),
      sin: tensor("float32", angles.map(Math.sin), [slots, width / 2]),
    };
    const output = new Float32Array(tokens * heads * width);
    let keys: Tensor = zeros("float32", [1, kvHeads, slots, width]);
    let values: Tensor = zeros("float32", [1, kvHeads, slots, width]);
    for (let start = 0; start < tokens; start += piece) {
      const end = Math.min(tokens, start + piece);
      const part = ({ data, dims }: Tensor<"float32">) =>
        tensor("float32", data.slice(start * dims[2]!, end * dims[2]!), [1, end - start, dims[2]!]);
      const results = await session.evaluate({
        ...tables,
        ...{ query: part(query), key: part(key), value: part(value), keys, values },
        seqlens_k: tensor("int32", Int32Array.of(end - 1), [1]),
        total: scalar("int32", end),
      });
      output.set(results.output!.data as Float32Array, start * heads * width);
      [keys, values] = [results["keys.next"]!, results["values.next"]!];
    }
    return output;
  } finally {
    await session.dispose();
  }
}
