/** State that is updated in place must end as it would in memory of its own, bit for bit. */
import { serialize } from "@iad-r1/models/graph/serialize";
import type { Graph, Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { createRandom } from "@iad-r1/models/util/random";
import { createSession } from "@iad-r1/server/runtime/session";
import { scalar, type Tensor, tensor, zeros } from "@iad-r1/server/runtime/tensors";
import { expect, onTestFinished, test } from "vitest";

const shapes = { w1: [16, 8], w2: [8, 16] } as const;

/**
 * One AdamW step of y = x w1 w2 under the squared error, gradients by hand. Each weight is read after the other could
 * already be updated; the clipping factor, which needs every gradient, is the barrier that orders them.
 */
function trainingStep(): Graph {
  const b = createBuilder("adamw");
  const x = b.input("x", "float32", ["N", 16]);
  const target = b.input("target", "float32", ["N", 16]);
  const rate = b.input("rate", "float32", []);
  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, b.input(name, "float32", shape)]),
  );
  const [w1, w2] = [weights.w1!, weights.w2!];
  const hidden = b.matMul(x, w1);
  const error = b.sub(b.matMul(hidden, w2), target);
  b.output("loss", b.reduceMean(b.mul(error, error), undefined, { keepDims: false }));
  const gradients: Record<string, Value> = {
    w2: b.gemm(hidden, error, null, { transA: true }),
    w1: b.gemm(x, b.matMul(error, b.transpose(w2, [1, 0])), null, { transA: true }),
  };
  const squares = Object.values(gradients).map((g) => b.reduceSumSquare(g, undefined, { keepDims: false }));
  const factor = b.min(1, b.div(1, b.add(b.sqrt(b.sum(squares)), 1e-6)));
  for (const [name, weight] of Object.entries(weights)) {
    const g = b.mul(gradients[name]!, factor);
    const m = b.input(`m.${name}`, "float32", weight.shape);
    const v = b.input(`v.${name}`, "float32", weight.shape);
    const nextM = b.add(b.mul(m, 0.9), b.mul(g, 0.1));
    const nextV = b.add(b.mul(v, 0.999), b.mul(b.mul(g, g), 0.001));
    const step = b.div(nextM, b.add(b.sqrt(nextV), 1e-8));
    const decayed = b.mul(weight, b.sub(1, b.mul(b.mul(rate, factor), 0.01)));
    b.output(`m.${name}.next`, nextM);
    b.output(`v.${name}.next`, nextV);
    b.output(`${name}.next`, b.sub(decayed, b.mul(step, rate)));
  }
  return b.finish();
}

function randomTensor(seed: number, dims: readonly number[]): Tensor<"float32"> {
  const random = createRandom(seed);
  const result = zeros("float32", dims);
  for (let i = 0; i < result.data.length; i++) result.data[i] = random.normal() * 0.3;
  return result;
}

function startState(): Record<string, Tensor<"float32">> {
  const state: Record<string, Tensor<"float32">> = {};
  for (const [index, [name, shape]] of Object.entries(shapes).entries()) {
    state[name] = randomTensor(index, shape);
    state[`m.${name}`] = zeros("float32", shape);
    state[`v.${name}`] = zeros("float32", shape);
  }
  return state;
}

test.each(["none", "all"] as const)(
  "AdamW in place equals AdamW by copying over 12 steps (optimization %s)",
  async (optimization) => {
    const session = await createSession(serialize(trainingStep()), { optimization, threads: 2 });
    onTestFinished(() => session.dispose());
    const inPlace = startState();
    let copied = startState();
    const feeds = { x: randomTensor(10, [32, 16]), target: randomTensor(11, [32, 16]), rate: scalar("float32", 0.05) };
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) {
      const loss = zeros("float32", []);
      await session.run({ ...feeds, ...inPlace }, { loss });
      const results = (await session.evaluate({ ...feeds, ...copied })) as Record<string, Tensor<"float32">>;
      copied = Object.fromEntries(Object.keys(copied).map((name) => [name, results[`${name}.next`]!]));
      expect(loss.data[0], `loss of step ${step}`).toBe(results.loss!.data[0]);
      for (const [name, { data }] of Object.entries(copied))
        expect(inPlace[name]!.data, `${name} ${step}`).toEqual(data);
      losses.push(loss.data[0]!);
    }
    expect(losses[11]!).toBeLessThan(losses[0]! / 2);
  },
);

test("a key/value cache filled in place gives the attention of separate buffers, for rows of different lengths", async () => {
  const [batch, heads, keyHeads, capacity, width] = [2, 4, 2, 8, 16];
  const b = createBuilder("cached");
  const shape = ["B", keyHeads, "C", width];
  const inputs = {
    query: b.input("query", "float32", ["B", "T", heads * width]),
    key: b.input("key", "float32", ["B", "T", keyHeads * width]),
    value: b.input("value", "float32", ["B", "T", keyHeads * width]),
    pastKey: b.input("keys", "float32", shape),
    pastValue: b.input("values", "float32", shape),
    seqlensK: b.input("seqlens_k", "int32", ["B"]),
    totalLength: b.input("total", "int32", []),
    cos: b.input("cos", "float32", [capacity, width / 2]),
    sin: b.input("sin", "float32", [capacity, width / 2]),
  };
  const attributes = { num_heads: heads, kv_num_heads: keyHeads, do_rotary: 1, scale: width ** -0.5 };
  const { output, presentKey, presentValue } = b.groupQueryAttention(inputs, attributes);
  b.output("output", output);
  b.output("keys.next", presentKey);
  b.output("values.next", presentValue);
  const session = await createSession(serialize(b.finish()));
  onTestFinished(() => session.dispose());

  const angles = Array.from({ length: (capacity * width) / 2 }, (_, i) => Math.floor(i / (width / 2)) * 0.3);
  const tables = {
    cos: tensor("float32", Float32Array.from(angles, Math.cos), [capacity, width / 2]),
    sin: tensor("float32", Float32Array.from(angles, Math.sin), [capacity, width / 2]),
  };
  const cache = () => ({
    keys: zeros("float32", [batch, keyHeads, capacity, width]),
    values: zeros("float32", [batch, keyHeads, capacity, width]),
  });
  const inPlace = cache();
  let copied: Record<string, Tensor> = cache();
  const lengths = [3, 5];
  // A prompt of 5, padded on the right in the first row, then three single tokens.
  for (const [step, tokens] of [5, 1, 1, 1].entries()) {
    const feeds = {
      query: randomTensor(100 + step, [batch, tokens, heads * width]),
      key: randomTensor(200 + step, [batch, tokens, keyHeads * width]),
      value: randomTensor(300 + step, [batch, tokens, keyHeads * width]),
      seqlens_k: tensor(
        "int32",
        Int32Array.from(lengths, (length) => length - 1),
        [batch],
      ),
      total: scalar("int32", Math.max(...lengths)),
      ...tables,
    };
    const attended = zeros("float32", [batch, tokens, heads * width]);
    await session.run({ ...feeds, ...inPlace }, { output: attended });
    const results = await session.evaluate({ ...feeds, ...copied });
    copied = { keys: results["keys.next"]!, values: results["values.next"]! };
    const used = (data: Float32Array) => (step === 0 ? data.subarray(0, lengths[0]! * heads * width) : data);
    expect(used(attended.data), `step ${step}`).toEqual(used(results.output!.data as Float32Array));
    for (const [row, length] of lengths.entries()) {
      for (let position = 0; position < length; position++) {
        const start = (row * keyHeads * capacity + position) * width;
        const at = (data: unknown) => (data as Float32Array).subarray(start, start + width);
        expect(at(inPlace.keys.data)).toEqual(at(copied.keys!.data));
      }
      lengths[row] = length + 1;
    }
  }
});
