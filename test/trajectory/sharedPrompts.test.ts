/**
 * Completions beside a prompt that is computed once must give what rows with a prompt each give: log-probabilities, losses and
 * every gradient, to rounding. Groups are ragged and prompts differ in length, so that padding of every kind is there.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import type { AdapterLayout } from "@iad-r1/models/nn/parameters";
import { ropeTableLength, ropeTables } from "@iad-r1/models/nn/rope";
import type { Program, SequenceLayout } from "@iad-r1/models/programs/program";
import type { Objective, TrainableSet } from "@iad-r1/models/programs/training";
import { createRandom } from "@iad-r1/models/util/random";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { writeRandomCheckpoint } from "@iad-r1/server/bench/randomCheckpoint";
import type { EncodedPrompt } from "@iad-r1/server/generate/generator";
import { createSession } from "@iad-r1/server/runtime/session";
import { scalar, type Tensor, tensor, zeros } from "@iad-r1/server/runtime/tensors";
import { type CollatedBatch, collate, collateShared, type SequenceGroup } from "@iad-r1/server/train/collate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyModel } from "../helpers/tinyModel";

type Outputs = Record<string, Float32Array>;

/** Every output of a program over freshly made values of its inputs, which depend on their names alone. */
async function run(model: ModelDescription, program: Program, batch: CollatedBatch): Promise<Outputs> {
  const session = await createSession(serialize(emit(program.graph, { target: "fused" })), { threads: 1 });
  try {
    const { cos, sin, length } = ropeTables(model.facts.decoder, ropeTableLength(batch.length), batch.extraPlaces);
    const tableDims = [length, model.facts.decoder.headDim / 2];
    const perToken = (name: string, from: number, to: number) => {
      const random = createRandom(name);
      const values = Float32Array.from({ length: batch.numTargets }, () => random.uniform(from, to));
      return tensor("float32", values, [batch.numTargets]);
    };
    const known: Record<string, Tensor> = {
      ...batch.feeds,
      ...{ rope_cos: tensor("float32", cos, tableDims), rope_sin: tensor("float32", sin, tableDims) },
      ...{ token_weights: perToken("weights", 0, 0.1), advantages: perToken("advantages", -2, 2) },
      ...{ old_log_probs: perToken("old", -9, -6), ref_log_probs: perToken("reference", -9, -6) },
      ...{ epsilon_low: scalar("float32", 0.2), epsilon_high: scalar("float32", 0.3), beta: scalar("float32", 0.1) },
      adapter_scale: scalar("float32", 1),
    };
    for (const { path, shape, trainable } of program.parameters) {
      const stored = model.adapter?.tensors.get(path) ?? model.parameters.get(path);
      known[path] = tensor("float32", await stored!.read(), shape);
      if (trainable) known[`grad.${path}`] = zeros("float32", shape);
    }
    const results = await session.evaluate(Object.fromEntries(session.inputs.map(({ name }) => [name, known[name]!])));
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.dispose();
  }
}

/** Both ways over the same groups. */
async function both(
  model: ModelDescription,
  groups: readonly SequenceGroup[],
  program: (layout: SequenceLayout) => Program,
): Promise<{ rows: Outputs; shared: Outputs }> {
  const { width } = model.facts.decoder;
  const alone = groups.flatMap(({ prompt, completions }) =>
    completions.map((completionIds) => ({ prompt, completionIds })),
  );
  return {
    rows: await run(model, program("rows"), collate(alone, width)),
    shared: await run(model, program("shared-prompts"), collateShared(groups, width)),
  };
}

/** Largest difference of two outputs over the norm of the first, by name. */
function differences({ rows, shared }: { rows: Outputs; shared: Outputs }): Record<string, number> {
  expect(Object.keys(shared).sort()).toEqual(Object.keys(rows).sort());
  return Object.fromEntries(
    Object.entries(rows).map(([name, values]) => {
      const norm = Math.hypot(...values);
      const distance = Math.hypot(...values.map((value, i) => value - shared[name]![i]!));
      expect(norm, name).toBeGreaterThan(0);
      return [name, distance / norm];
    }),
  );
}

function expectSame(results: { rows: Outputs; shared: Outputs }, tolerance: number): void {
  const far = Object.entries(differences(results)).filter(([, difference]) => !(difference < tolerance));
  expect(far).toEqual([]);
}

function completionsOf(lengths: readonly number[], vocabulary: number): number[][] {
  const random = createRandom("completions", lengths.join());
  return lengths.map((length) => Array.from({ length }, () => random.int(vocabulary)));
}

const policy: Objective = { kind: "grpo", kl: true };

describe.each(["llava-onevision", "qwen2-vl"])("completions that share a prompt, on the recorded %s", (family) => {
  const fixture = tinyModel(family);
  let groups: SequenceGroup[];
  beforeAll(async () => {
    const model = await fixture.open();
    const [a, b] = await fixture.prompts(model, ["a", "b"]);
    const vocabulary = model.description.facts.decoder.vocabSize - 8;
    groups = [
      { prompt: a!, completions: completionsOf([5, 1, 12], vocabulary) },
      { prompt: b!, completions: completionsOf([9, 3], vocabulary) },
    ];
    expect(a!.inputIds.length).not.toBe(b!.inputIds.length);
    await model.dispose();
  });

  it("have the same log-probabilities and entropies", async () => {
    const model = await loadModelDescription(fixture.checkpoint);
    expectSame(
      await both(model, groups, (layout) => model.programs.logProbs({ images: "features", entropy: true, layout })),
      1e-5,
    );
  });

  it.each([
    ["adapter", true],
    ["adapter", false],
    ["language-model", false],
  ] as const)("have the same losses and gradients (%s, recomputed: %s)", async (trainable, recompute) => {
    const withAdapter = trainable === "adapter";
    const model = await loadModelDescription(fixture.checkpoint, withAdapter ? { adapter: fixture.folder } : {});
    const adapter: AdapterLayout | null = model.adapter?.layout ?? null;
    for (const objective of [policy, { kind: "sft" } as const]) {
      const results = await both(model, groups, (layout) =>
        model.programs.training({ objective, trainable, images: "features", adapter, recompute, layout }),
      );
      expect(Object.keys(results.rows).filter((name) => name.startsWith("grad.")).length).toBeGreaterThan(10);
      expectSame(results, 2e-5);
    }
  });
});

describe("completions that share a prompt, on random weights", () => {
  const folder = mkdtempSync(join(tmpdir(), "shared-prompts-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const size = { layers: 4, width: 192, mlpWidth: 512, heads: 6, kvHeads: 2, vocabSize: 600 };
  const textPrompt = (length: number): EncodedPrompt => ({
    inputIds: Int32Array.from(completionsOf([length], size.vocabSize)[0]!),
    imageTokenPositions: new Int32Array(0),
    images: null,
  });

  it("have the same losses and gradients of all language weights in groups of eight", async () => {
    await writeRandomCheckpoint(folder, size, 7);
    const model = await loadModelDescription(folder);
    const groups = [
      { prompt: textPrompt(61), completions: completionsOf([40, 33, 38, 1, 17, 40, 25, 31], size.vocabSize) },
      { prompt: textPrompt(24), completions: completionsOf([12, 40], size.vocabSize) },
      { prompt: textPrompt(1), completions: completionsOf([1], size.vocabSize) },
    ];
    const training = (trainable: TrainableSet) => (layout: SequenceLayout) =>
      model.programs.training({ objective: policy, trainable, images: "none", layout });
    expectSame(await both(model, groups, training("language-model")), 2e-5);
  });

  it("are right for rows of three to nine tokens, padded or not", async () => {
    await writeRandomCheckpoint(folder, size, 8);
    const model = await loadModelDescription(folder);
    const program = model.programs.training({
      ...{ objective: { kind: "sft" }, trainable: "language-model", images: "none" },
    } as const);
    const ids = completionsOf([9], size.vocabSize)[0]!;
    for (let length = 3; length <= 9; length++) {
      const row = {
        prompt: { ...textPrompt(1), inputIds: Int32Array.of(ids[0]!) },
        completionIds: ids.slice(1, length),
      };
      const padded = collate([row], size.width);
      const { input_ids, position_ids } = padded.feeds;
      const cut = (all: Tensor) => tensor("int64", (all.data as BigInt64Array).slice(0, length), [1, length]);
      const exact = { ...padded.feeds, input_ids: cut(input_ids!), position_ids: cut(position_ids!) };
      const shared = await run(model, program, { ...padded, feeds: exact });
      // With so few tokens to look at, the gradients of queries and keys nearly cancel, and rounding weighs more.
      expectSame({ rows: await run(model, program, padded), shared }, 1e-3);
    }
  });
});
