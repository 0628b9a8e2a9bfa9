/** Generation on the fixture: the recorded greedy tokens, batches that do not matter, shared prompts, stops, scores. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { CancelledError, ConfigError } from "@iad-r1/models/errors";
import {
  type Completion,
  type GenerationOptions,
  type GenerationRequest,
  Generator,
  imageFeeds,
} from "@iad-r1/server/generate/generator";
import { LiveModel } from "@iad-r1/server/generate/liveModel";
import { greedy, type SamplingOptions } from "@iad-r1/server/generate/sample";
import { tensor } from "@iad-r1/server/runtime/tensors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { openTinyModel, tinyCheckpoint, tinyFixture, tinyJson, tinyPrompts } from "../../helpers/tinyModel";

interface Reference {
  cases: Record<string, { greedy: { ids: number[]; text: string } }>;
}

const reference = tinyJson<Reference>("reference.json");
const sampling: SamplingOptions = { temperature: 0.9, topK: 50, topP: 0.9, repetitionPenalty: 1 };
const greedily: GenerationOptions = { sampling: greedy, maxNewTokens: 24 };

let model: LiveModel;
let generator: Generator;
let requests: GenerationRequest[];
beforeAll(async () => {
  model = await openTinyModel();
  generator = new Generator(model);
  const prompts = await tinyPrompts(model, ["a", "b", "c"]);
  requests = prompts.map((prompt, i) => ({ prompt, count: 1, seed: ["test", i] }));
});
afterAll(() => model.dispose());

const sampled = (count: number, some: Partial<GenerationOptions> = {}) =>
  generator.generate(
    requests.map((request) => ({ ...request, count })),
    { sampling, maxNewTokens: 20, ...some },
  );

describe("greedy generation", () => {
  it("writes the recorded tokens, one prompt at a time and all in one batch", async () => {
    const expected = ["a", "b", "c"].map((name) => reference.cases[name]!.greedy);
    const together = await generator.generate(requests, greedily);
    expect(together.map(([completion]) => [...completion!.ids])).toEqual(expected.map(({ ids }) => ids));
    expect(together.map(([completion]) => completion!.text)).toEqual(expected.map(({ text }) => text));
    for (const [i, request] of requests.entries()) {
      const alone = await generator.generate([request], greedily);
      expect([...alone[0]![0]!.ids]).toEqual(expected[i]!.ids);
    }
  });

  it("gives every completion of a group the same text", async () => {
    const [group] = await generator.generate([{ ...requests[2]!, count: 5 }], greedily);
    for (const { ids } of group!) expect([...ids]).toEqual(reference.cases.c!.greedy.ids);
  });
});

describe("guessing", () => {
  it("writes the same tokens in fewer runs, greedily and sampled, whatever ends a completion", async () => {
    const stop = reference.cases.a!.greedy.text.slice(4, 7);
    const ways: GenerationOptions[] = [
      { ...greedily, maxNewTokens: 60 },
      { ...greedily, maxNewTokens: 60, stopStrings: [stop] },
      { ...greedily, maxNewTokens: 60, anomalyScore: true },
      { sampling: { ...sampling, temperature: 0.3 }, maxNewTokens: 60 },
      { sampling: { ...greedy, repetitionPenalty: 1.05 }, maxNewTokens: 60 },
    ];
    const counts = { guessed: 0, right: 0 };
    for (const way of ways) {
      for (const request of requests) {
        const [[plain]] = (await generator.generate([request], way)) as [[Completion]];
        const [[guessed]] = (await generator.generate([request], {
          ...{ ...way, guess: true },
          onGuess: (count, right) => {
            counts.guessed += count;
            counts.right += right;
          },
        })) as [[Completion]];
        expect([...guessed.ids]).toEqual([...plain.ids]);
        expect({ text: guessed.text, finish: guessed.finish }).toEqual({ text: plain.text, finish: plain.finish });
        for (const [i, value] of plain.logProbs.entries()) expect(guessed.logProbs[i]).toBeCloseTo(value, 4);
        if (way.anomalyScore) expect(guessed.anomalyScore).toBeCloseTo(plain.anomalyScore!, 4);
      }
    }
    expect(counts.right).toBeGreaterThan(10);
    expect(counts.guessed).toBeGreaterThan(counts.right);
  });

  it("writes the recorded tokens", async () => {
    for (const [i, name] of ["a", "b", "c"].entries()) {
      const [[completion]] = (await generator.generate([requests[i]!], { ...greedily, guess: true })) as [[Completion]];
      expect([...completion.ids]).toEqual(reference.cases[name]!.greedy.ids);
    }
  });
});

describe("sampled generation", () => {
  it("does not depend on who shares the batch", async () => {
    const together = await sampled(4);
    const inSmallBatches = await sampled(4, { maxRows: 4 });
    expect(inSmallBatches.map((group) => group.map(({ text }) => text))).toEqual(
      together.map((group) => group.map(({ text }) => text)),
    );
    const alone = await generator.generate([{ ...requests[1]!, count: 4 }], { sampling, maxNewTokens: 20 });
    expect(alone[0]!.map(({ ids }) => [...ids])).toEqual(together[1]!.map(({ ids }) => [...ids]));
  });

  it("differs within a group, and by seed", async () => {
    const [group] = await sampled(4);
    expect(new Set(group!.map(({ text }) => text)).size).toBeGreaterThan(1);
    const [other] = await generator.generate([{ ...requests[0]!, count: 4, seed: ["other"] }], {
      sampling,
      maxNewTokens: 20,
    });
    expect(other!.map(({ text }) => text)).not.toEqual(group!.map(({ text }) => text));
  });

  it("reports log-probabilities and entropies that the log-probability program finds again", async () => {
    const drawn = await generator.generate([requests[0]!], { sampling, maxNewTokens: 12, policyLogProbs: true });
    const completion = drawn[0]![0]!;
    const { prompt } = requests[0]!;
    const ids = [...prompt.inputIds, ...completion.ids];
    const length = ids.length;
    const count = completion.ids.length;
    const int64 = (values: number[], dims: number[]) => tensor("int64", BigInt64Array.from(values.map(BigInt)), dims);
    const feeds = {
      ...(await model.ropeTables(length)),
      ...imageFeeds([prompt], length, model.description.facts.decoder.width),
      input_ids: int64(ids, [1, length]),
      position_ids: int64([...ids.keys()], [1, length]),
      target_positions: int64(
        Array.from({ length: count }, (_, t) => prompt.inputIds.length - 1 + t),
        [count],
      ),
      targets: int64([...completion.ids], [count]),
    };
    const found = async (temperature: number) => {
      const { session, weights } = await model.program(`log_probs_${temperature}`, (options) =>
        model.description.programs.logProbs({ images: "features", entropy: true, temperature, ...options }),
      );
      return session.evaluate({ ...weights, ...feeds });
    };
    const raw = await found(1);
    const atTemperature = await found(sampling.temperature);
    for (let t = 0; t < count; t++) {
      expect(completion.logProbs[t]).toBeCloseTo(Number(raw.log_probs!.data[t]), 4);
      expect(completion.entropies[t]).toBeCloseTo(Number(raw.entropy!.data[t]), 4);
      expect(completion.policyLogProbs![t]).toBeCloseTo(Number(atTemperature.log_probs!.data[t]), 4);
      // Less than 1 in temperature is less entropy.
      expect(Number(atTemperature.entropy!.data[t])).toBeLessThan(Number(raw.entropy!.data[t]));
    }
  });

  it("streams pieces that add up to the text", async () => {
    const streamed = new Map<string, string>();
    const groups = await sampled(2, {
      onText: ({ request, index, text }) => {
        const key = `${request}.${index}`;
        streamed.set(key, (streamed.get(key) ?? "") + text);
      },
    });
    groups.forEach((group, r) => {
      group.forEach(({ text }, i) => {
        expect(streamed.get(`${r}.${i}`) ?? "").toBe(text);
      });
    });
  });
});

describe("the end of a completion", () => {
  it("is a stop string, with nothing behind it", async () => {
    const stop = reference.cases.a!.greedy.text.slice(4, 7);
    const completion = (await generator.generate([requests[0]!], { ...greedily, stopStrings: [stop] }))[0]![0]!;
    expect(completion.finish).toBe("stop");
    expect(completion.text.endsWith(stop)).toBe(true);
    expect(completion.text.indexOf(stop)).toBe(completion.text.length - stop.length);
  });

  it("may come at different times in a batch without disturbing the others", async () => {
    const stop = reference.cases.a!.greedy.text.slice(4, 7);
    const groups = await generator.generate(requests, { ...greedily, stopStrings: [stop] });
    expect(groups[0]![0]!.finish).toBe("stop");
    for (const i of [1, 2]) {
      const expected = reference.cases[["a", "b", "c"][i]!]!.greedy;
      if (!expected.text.includes(stop)) expect([...groups[i]![0]!.ids]).toEqual(expected.ids);
    }
  });

  it("is the token limit otherwise", async () => {
    const groups = await generator.generate(requests, { ...greedily, maxNewTokens: 3 });
    expect(groups.map(([completion]) => [completion!.finish, completion!.ids.length])).toEqual([
      ["length", 3],
      ["length", 3],
      ["length", 3],
    ]);
  });

  it("comes at once when the work is cancelled", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(generator.generate(requests, { ...greedily, signal: controller.signal })).rejects.toThrow(
      CancelledError,
    );
  });

  it("is refused where prompt and answer exceed the model's positions", async () => {
    await expect(generator.generate(requests, { ...greedily, maxNewTokens: 1e6 })).rejects.toThrow(ConfigError);
  });
});

describe("the anomaly score", () => {
  it("is a probability for every completion, also one that gives no answer", async () => {
    const groups = await generator.generate(requests, { ...greedily, anomalyScore: true });
    expect(groups.map(([completion]) => [...completion!.ids])).toEqual(
      ["a", "b", "c"].map((name) => reference.cases[name]!.greedy.ids),
    );
    for (const [completion] of groups) {
      expect(completion!.anomalyScore).toBeGreaterThan(0);
      expect(completion!.anomalyScore).toBeLessThan(1);
    }
  });
});

it("a half-precision checkpoint says nearly the same as the full one it was rounded from", async () => {
  const folder = temporaryFolder();
  cpSync(join(tinyFixture, "hub-layout"), folder, { recursive: true });
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    cpSync(join(tinyCheckpoint, name), join(folder, name));
  const half = await LiveModel.open({ base: folder, adapter: null }, { threads: 1 });
  const [prompt] = await tinyPrompts(half, ["a"]);
  const short: GenerationOptions = { ...greedily, maxNewTokens: 2 };
  const completion = (await new Generator(half).generate([{ prompt: prompt!, count: 1, seed: [] }], short))[0]![0]!;
  expect([...completion.ids]).toEqual(reference.cases.a!.greedy.ids.slice(0, 2));
  // bfloat16 keeps eight bits: a relative error of 2^-9 in every weight.
  const full = (await generator.generate([requests[0]!], short))[0]![0]!;
  expect(Math.abs(completion.logProbs[0]! - full.logProbs[0]!)).toBeLessThan(0.1);
  await half.dispose();
});

it("says so when damaged weights give no numbers, instead of writing nonsense", async () => {
  const damaged = await openTinyModel({ weights: { kind: "language-model" } });
  const generate = () => new Generator(damaged).generate(requests.slice(0, 1), greedily);
  await generate();
  const gain = await damaged.weight("model.language_model.norm.weight");
  await damaged.memory.write(gain, (await damaged.memory.read(gain)).fill(Number.NaN));
  await expect(generate()).rejects.toThrow("NaN or infinity");
  await damaged.dispose();
});
