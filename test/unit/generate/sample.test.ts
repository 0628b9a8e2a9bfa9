/** Choosing the next token: against a plain sort of the whole distribution, and by counting draws. */
import { ConfigError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import {
  argMax,
  checkSampling,
  greedy,
  penalizeRepetition,
  type SamplingOptions,
  sampleToken,
} from "@iad-r1/server/generate/sample";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const options = (some: Partial<SamplingOptions>): SamplingOptions => ({ ...greedy, temperature: 1, ...some });

/** Probabilities after temperature, top-k and top-p, by sorting everything; ids left out have none. */
function plainDistribution(logits: Float32Array, { temperature, topK, topP }: SamplingOptions): Map<number, number> {
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
  // As in transformers, what is as likely as the k-th token is kept with it.
  const border = topK > 0 ? logits[order[Math.min(topK, order.length) - 1]!]! : Number.NEGATIVE_INFINITY;
  const chosen = order.filter((id) => logits[id]! >= border);
  const masses = chosen.map((id) => Math.exp((logits[id]! - logits[order[0]!]!) / temperature));
  const total = masses.reduce((a, b) => a + b, 0);
  const kept: number[] = [];
  for (let before = 0, i = 0; i < chosen.length && (i === 0 || topP >= 1 || before < topP * total); i++) {
    kept.push(i);
    before += masses[i]!;
  }
  const sum = kept.reduce((a, i) => a + masses[i]!, 0);
  return new Map(kept.map((i) => [chosen[i]!, masses[i]! / sum]));
}

describe("sampling", () => {
  it("draws only what top-k and top-p leave, with the right frequencies", () => {
    const random = createRandom("frequencies");
    for (const some of [
      { topK: 3 },
      { topP: 0.7 },
      { topK: 5, topP: 0.8, temperature: 0.7 },
      {},
      { temperature: 2.5 },
    ]) {
      const logits = Float32Array.from({ length: 12 }, () => random.uniform(-2, 2));
      const expected = plainDistribution(logits, options(some));
      const counts = new Map<number, number>();
      const draws = 20_000;
      for (let i = 0; i < draws; i++) {
        const id = sampleToken(logits, options(some), random);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      expect([...counts.keys()].every((id) => expected.has(id))).toBe(true);
      for (const [id, probability] of expected) {
        // Four standard deviations of a binomial share.
        const slack = 4 * Math.sqrt((probability * (1 - probability)) / draws);
        expect(Math.abs((counts.get(id) ?? 0) / draws - probability)).toBeLessThan(slack + 1e-9);
      }
    }
  });

  it("inverts the cumulative distribution in the order of the candidates, for any row", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -6, max: 6 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 45 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (values, topK, topP, uniform) => {
          const logits = Float32Array.from(values);
          const drawn = sampleToken(logits, options({ topK, topP }), { ...createRandom(0), next: () => uniform });
          expect(plainDistribution(logits, options({ topK, topP })).has(drawn)).toBe(true);
        },
      ),
    );
  });

  it("keeps what is as likely as the last of the k tokens, as transformers does", () => {
    const logits = Float32Array.of(2, 5, 2, 1, 2);
    const drawAt = (uniform: number) =>
      sampleToken(logits, options({ topK: 2 }), { ...createRandom(0), next: () => uniform });
    expect(new Set(Array.from({ length: 1000 }, (_, i) => drawAt(i / 1000)))).toEqual(new Set([0, 1, 2, 4]));
  });

  it("takes the most likely token at temperature 0, the first among equals", () => {
    expect(sampleToken(Float32Array.of(0, 3, 1, 3), greedy, createRandom(1))).toBe(1);
    expect(argMax(Float32Array.of(-5, -4, -4))).toBe(1);
  });

  it("keeps at least one token however small top-p is, and survives extreme logits", () => {
    expect(sampleToken(Float32Array.of(1, 2, 0), options({ topP: 1e-9 }), createRandom(1))).toBe(1);
    expect(sampleToken(Float32Array.of(-1e30, 1e30, -1e30), options({ topK: 2, topP: 0.9 }), createRandom(1))).toBe(1);
    expect(sampleToken(Float32Array.of(-1e30, 1e30), options({}), { ...createRandom(1), next: () => 0.9999999 })).toBe(
      1,
    );
  });

  it("gives the same token for the same stream", () => {
    const logits = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i));
    const draw = () => {
      const random = createRandom(7, "step", 3);
      return Array.from({ length: 20 }, () =>
        sampleToken(logits, options({ topK: 50, topP: 0.9, temperature: 0.9 }), random),
      );
    };
    expect(draw()).toEqual(draw());
  });
});

it("the repetition penalty pulls both signs down, each id once", () => {
  const logits = Float32Array.of(2, -2, 1);
  penalizeRepetition(logits, new Set([0, 1, 99]), 2);
  expect([...logits]).toEqual([1, -4, 1]);
});

it("refuses sampling that cannot work", () => {
  for (const wrong of [{ temperature: -1 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }, { repetitionPenalty: 0 }]) {
    expect(() => checkSampling(options(wrong))).toThrow(ConfigError);
  }
  checkSampling(options({ topK: 50, topP: 0.9, temperature: 0.9 }));
});
