import { ConfigError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import {
  completionMask,
  klEstimate,
  type LossType,
  type PolicyLossInput,
  type PolicyLossOptions,
  policyLoss,
  tokenWeights,
} from "@iad-r1/server/train/losses";
import { describe, expect, it } from "vitest";

const lossTypes: LossType[] = ["grpo", "bnpo", "dr_grpo", "dapo"];

/** Four completions of 3, 5, 0 (left out) and 4 counted tokens, padded to 5. */
function randomInput() {
  const random = createRandom("losses");
  const rows = (low: number, high: number) =>
    [0, 1, 2, 3].map(() => Array.from({ length: 5 }, () => random.uniform(low, high)));
  const logProbs = rows(-3, 0);
  const near = () => logProbs.map((row) => row.map((value) => value + random.uniform(-0.4, 0.4)));
  return {
    logProbs,
    oldLogProbs: near(),
    refLogProbs: near(),
    advantages: [1.2, -0.7, 0.5, -1],
    masks: [3, 5, 0, 4].map((length) => Uint8Array.from({ length: 5 }, (_, t) => Number(t < length))),
  } satisfies PolicyLossInput;
}

describe("completionMask", () => {
  it("counts up to and including the first end token", () => {
    expect([...completionMask([5, 2, 7, 2], 2)]).toEqual([1, 1, 0, 0]);
    expect([...completionMask([2, 2], 2)]).toEqual([1, 0]);
    expect([...completionMask([5, 7, 0], 2)]).toEqual([1, 1, 1]);
    expect([...completionMask([5, 9, 0], [2, 9])]).toEqual([1, 1, 0]);
  });
});

it("the KL estimate is zero at equality and positive elsewhere", () => {
  expect(klEstimate(-1, -1)).toBe(0);
  expect(klEstimate(-1, -2)).toBeCloseTo(Math.exp(-1), 15);
  expect(klEstimate(-2, -1)).toBeCloseTo(Math.E - 2, 15);
});

describe("tokenWeights", () => {
  const masks = [
    [1, 1, 1, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 0],
  ];

  it("shares the mean as each loss type does", () => {
    const first = (lossType: LossType) =>
      tokenWeights(masks, { lossType, maxCompletionLength: 10 }).map((row) => row[0]);
    expect(first("grpo")).toEqual([1 / 9, 1 / 3, 0]);
    expect(first("bnpo")).toEqual([1 / 4, 1 / 4, 0]);
    expect(first("dapo")).toEqual([1 / 4, 1 / 4, 0]);
    expect(first("dr_grpo")).toEqual([1 / 30, 1 / 30, 0]);
  });

  it("weighs nothing that does not count", () => {
    for (const lossType of lossTypes) {
      const weights = tokenWeights(masks, { lossType, maxCompletionLength: 10 });
      expect(weights.map((row) => [...row].map((weight) => Number(weight > 0)))).toEqual(masks);
    }
  });

  it.each(lossTypes)("%s: a batch in two parts weighs the same as in one", (lossType) => {
    const options = { lossType, maxCompletionLength: 10, numCompletions: 3, numTokens: 4 };
    const parts = [...tokenWeights(masks.slice(0, 1), options), ...tokenWeights(masks.slice(1), options)];
    expect(parts).toEqual(tokenWeights(masks, { lossType, maxCompletionLength: 10 }));
  });

  it("dr_grpo needs the longest allowed completion", () => {
    expect(() => tokenWeights(masks, { lossType: "dr_grpo" })).toThrow(ConfigError);
  });
});

describe("policyLoss", () => {
  const configurations = lossTypes.flatMap((lossType) =>
    (["token", "sequence"] as const).flatMap((ratioLevel) =>
      [0, 0.3].map((beta) => ({ lossType, ratioLevel, beta, maxCompletionLength: 7 }) satisfies PolicyLossOptions),
    ),
  );

  it.each(configurations)(
    "$lossType, ratio per $ratioLevel, beta $beta: gradient equals finite differences",
    (options) => {
      const input = randomInput();
      const { gradient } = policyLoss(input, options);
      const step = 1e-6;
      for (let b = 0; b < input.logProbs.length; b++) {
        for (let t = 0; t < 5; t++) {
          const at = (delta: number) => {
            const logProbs = input.logProbs.map((row) => [...row]);
            logProbs[b]![t]! += delta;
            return policyLoss({ ...input, logProbs }, options).loss;
          };
          expect(gradient[b]![t]).toBeCloseTo((at(step) - at(-step)) / (2 * step), 8);
        }
      }
    },
  );

  it("on-policy has ratio 1 and the gradient −A + β(1 − exp(d)) of the paper", () => {
    const { loss, gradient } = policyLoss(
      { logProbs: [[-1, -2]], refLogProbs: [[-1.5, -2]], advantages: [2], masks: [[1, 1]] },
      { lossType: "grpo", beta: 0.1 },
    );
    expect(loss).toBeCloseTo(-2 + (0.1 * klEstimate(-1, -1.5)) / 2, 12);
    expect(gradient[0]![0]).toBeCloseTo((-2 + 0.1 * (1 - Math.exp(-0.5))) / 2, 12);
    expect(gradient[0]![1]).toBe(-1);
  });

  it("clips only where clipping makes the loss worse", () => {
    const run = (logProb: number, advantage: number) =>
      policyLoss(
        { logProbs: [[logProb]], oldLogProbs: [[0]], advantages: [advantage], masks: [[1]] },
        { lossType: "grpo", beta: 0, epsilonLow: 0.2, epsilonHigh: 0.28 },
      );
    expect(run(Math.log(1.5), 1)).toMatchObject({ loss: -1.28, clipRatio: { low: 0, high: 1, region: 1 } });
    expect(run(Math.log(1.5), 1).gradient[0]![0]).toBe(0);
    expect(run(Math.log(1.5), -1).loss).toBeCloseTo(1.5, 12);
    expect(run(Math.log(0.5), -1)).toMatchObject({ loss: 0.8, clipRatio: { low: 1, high: 0, region: 1 } });
    expect(run(Math.log(0.5), 1).loss).toBeCloseTo(-0.5, 12);
  });

  it("with one ratio per completion counts clipped completions, not their tokens, as TRL logs it", () => {
    const { clipRatio } = policyLoss(
      {
        logProbs: [
          [Math.log(1.5), Math.log(1.5)],
          [0, 0],
          [Math.log(0.5), 0],
          [9, 9],
        ],
        oldLogProbs: [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, 0],
        ],
        advantages: [1, 1, -1, 1],
        // The last completion has no counted token and with that the ratio 1.
        masks: [
          [1, 1],
          [1, 1],
          [1, 0],
          [0, 0],
        ],
      },
      { lossType: "grpo", beta: 0, epsilonLow: 0.2, epsilonHigh: 0.28, ratioLevel: "sequence" },
    );
    expect(clipRatio).toEqual({ low: 0.25, high: 0.25, region: 0.5 });
  });

  it("what stands at padding does not matter", () => {
    const input = randomInput();
    const options: PolicyLossOptions = { lossType: "grpo", beta: 0.3 };
    const clean = policyLoss(input, options);
    const poisoned = input.logProbs.map((row, b) => row.map((value, t) => (input.masks[b]![t] === 0 ? -1e6 : value)));
    const dirty = policyLoss({ ...input, logProbs: poisoned }, options);
    expect(dirty.loss).toBe(clean.loss);
    expect(dirty.gradient).toEqual(clean.gradient);
  });

  it("an advantage that is no number leaves no gradient in its row, padding included", () => {
    const masks = [Uint8Array.of(1, 1, 0), Uint8Array.of(1, 0, 0)];
    const logProbs = [
      [-1, -2, -3],
      [-1, -2, -3],
    ];
    const input = { logProbs, refLogProbs: logProbs, advantages: [Number.NaN, 1], masks };
    const { gradient, loss } = policyLoss(input, { lossType: "grpo", beta: 0.04 });
    expect(Array.from(gradient[0]!)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(Array.from(gradient[1]!, Number.isNaN)).toEqual([false, false, false]);
    expect(loss).toBeNaN();
  });

  it("a KL term without reference is refused", () => {
    const { refLogProbs: _, ...input } = randomInput();
    expect(() => policyLoss(input, { lossType: "grpo", beta: 0.1 })).toThrow(ConfigError);
    expect(policyLoss(input, { lossType: "grpo", beta: 0 }).meanKl).toBe(0);
  });
});
