import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { cacheHeadDim } from "@iad-r1/models/nn/decoder";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { createSession, type Session } from "@iad-r1/server/runtime/session";
import { scalar, type Tensor, zeros } from "@iad-r1/server/runtime/tensors";
import { CompiledModel } from "@iad-r1/server/verify/compiledModel";
import { int32s, int64s, ropeFeeds } from "@iad-r1/server/verify/recordedInputs";
import { beforeAll, describe, expect, it } from "vitest";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

let model: ModelDescription;
beforeAll(async () => {
  model = await loadModelDescription(tinyCheckpoint);
});

const long = [5, 17, 300, 42, 9, 111, 23, 54, 8, 12];
const short = [80, 7, 130];

function expectClose(ours: ArrayLike<number>, theirs: ArrayLike<number>): void {
  expect(ours.length).toBe(theirs.length);
  for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i]! - theirs[i]!)).toBeLessThan(5e-5);
}

describe("the decoder program", () => {
  it("gives token by token the logits of the whole sequence", async () => {
    const compiled = new CompiledModel(model, { threads: 1 });
    const whole = await compiled.logits({ rows: [long], images: [] }, [...long.keys()]);
    await compiled.dispose();
    const session = await openDecoder();
    const { vocabSize } = model.facts.decoder;
    const cache = newCache(1);
    for (const [position, id] of long.entries()) {
      const logits = await step(session, cache, [id], [position]);
      expectClose(logits, whole.subarray(position * vocabSize, (position + 1) * vocabSize));
    }
    await session.dispose();
  });

  it("keeps rows of different lengths apart: each gets what it would get alone", async () => {
    const compiled = new CompiledModel(model, { threads: 1 });
    const together = await compiled.greedy({ rows: [long, short], images: [] }, 8);
    const alone = [
      ...(await compiled.greedy({ rows: [long], images: [] }, 8)),
      ...(await compiled.greedy({ rows: [short], images: [] }, 8)),
    ];
    expect(together).toEqual(alone);
    const rows = [long.length - 1, long.length + short.length - 1];
    const logits = await compiled.logits({ rows: [long, short], images: [] }, rows);
    const lone = await compiled.logits({ rows: [short], images: [] }, [short.length - 1]);
    expectClose(logits.subarray(model.facts.decoder.vocabSize), lone);
    await compiled.dispose();
  });

  it("agrees with the program that training differentiates", async () => {
    const compiled = new CompiledModel(model, { threads: 1 });
    const { vocabSize } = model.facts.decoder;
    const logits = await compiled.logits({ rows: [long], images: [] }, [...long.keys()]);
    const targets = { positions: [0, 4, 8], tokens: [99, 3, 250] };
    const { logProbs, entropy } = await compiled.logProbs({ rows: [long], images: [] }, targets);
    await compiled.dispose();
    for (const [i, position] of targets.positions.entries()) {
      const row = [...logits.subarray(position * vocabSize, (position + 1) * vocabSize)];
      const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
      expect(logProbs[i]).toBeCloseTo(row[targets.tokens[i]!]! - Math.log(total), 4);
      const bits = row.map((value) => value - Math.log(total));
      expect(entropy[i]).toBeCloseTo(-bits.reduce((sum, value) => sum + Math.exp(value) * value, 0), 4);
    }
  });
});

describe("adapters in a program", () => {
  it("switched off leave the base model as it is", async () => {
    const adapted = new CompiledModel(await loadModelDescription(tinyCheckpoint, { adapter: tinyFixture }), {
      threads: 1,
    });
    const plain = new CompiledModel(model, { threads: 1 });
    const batch = { rows: [long], images: [] };
    const rows = [...long.keys()];
    const [off, on, base] = [
      await adapted.logits(batch, rows, 0),
      await adapted.logits(batch, rows, 1),
      await plain.logits(batch, rows),
    ];
    expectClose(off, base);
    expect(Math.max(...on.map((value, i) => Math.abs(value - base[i]!)))).toBeGreaterThan(0.1);
    await adapted.dispose();
    await plain.dispose();
  });
});

describe("weights", () => {
  it("give the same numbers from their file and as inputs", async () => {
    const fed = model.programs.logProbs({ images: "none", weights: "inputs" });
    expect(fed.graph.constants.filter(({ data }) => data.kind === "external")).toEqual([]);
    expect(fed.parameters.map(({ path }) => path)).toContain("model.language_model.embed_tokens.weight");
    const filed = model.programs.logProbs({ images: "none" });
    expect(filed.parameters).toEqual([]);
    const feeds: Record<string, Tensor> = {
      input_ids: int64s(long, [1, long.length]),
      position_ids: int64s([...long.keys()], [1, long.length]),
      ...ropeFeeds(model, long.length),
      target_positions: int64s([0, 1]),
      targets: int64s([17, 300]),
    };
    const weights: Record<string, Tensor> = {};
    for (const { path, shape } of fed.parameters) {
      weights[path] = { dtype: "float32", dims: shape, data: await model.parameters.get(path)!.read() };
    }
    const results: ArrayLike<number>[] = [];
    for (const [program, given] of [[fed, { ...feeds, ...weights }] as const, [filed, feeds] as const]) {
      const session = await createSession(serialize(emit(program.graph, { target: "fused" })), { threads: 1 });
      results.push((await session.evaluate(given)).log_probs!.data as Float32Array);
      await session.dispose();
    }
    expectClose(results[0]!, results[1]!);
  });
});

function openDecoder(): Promise<Session> {
  const { graph } = model.programs.decoder({ images: false });
  return createSession(serialize(emit(graph, { target: "fused" })), { threads: 1 });
}

function newCache(batch: number): Record<string, Tensor> {
  const { decoder } = model.facts;
  const dims = [batch, decoder.kvHeads, 16, cacheHeadDim(decoder)];
  const entries = Array.from({ length: decoder.layers }, (_, layer) => [
    [`key_cache.${layer}`, zeros("float32", dims)],
    [`value_cache.${layer}`, zeros("float32", dims)],
  ]).flat();
  return Object.fromEntries(entries) as Record<string, Tensor>;
}

async function step(
  session: Session,
  cache: Record<string, Tensor>,
  ids: readonly number[],
  positions: readonly number[],
): Promise<Float32Array> {
  const logits = zeros("float32", [ids.length, model.facts.decoder.vocabSize]);
  const feeds = {
    ...cache,
    ...ropeFeeds(model, 16),
    input_ids: int64s(ids, [ids.length, 1]),
    position_ids: int64s(positions, [ids.length, 1]),
    seqlens_k: int32s(positions),
    total_sequence_length: scalar("int32", Math.max(...positions) + 1),
    logit_positions: int64s([...ids.keys()]),
  };
  await session.run(feeds, { logits });
  return logits.data;
}
