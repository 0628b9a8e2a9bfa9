/** Learning rates and the order of the data. Expected rates: transformers' schedulers, computed by their formulas. */
import { countSteps, DataOrder } from "@iad-r1/server/train/dataOrder";
import { learningRateAt } from "@iad-r1/server/train/schedule";
import { describe, expect, it } from "vitest";

const rates = (schedule: "cosine" | "linear" | "constant", warmupSteps: number) =>
  Array.from({ length: 9 }, (_, step) =>
    learningRateAt(step, { learningRate: 1, schedule, warmupSteps, totalSteps: 8 }),
  );

describe("the learning rate", () => {
  it("rises from 0 over the warm-up and falls to 0 along a half cosine", () => {
    const expected = [0, 0.5, 1, ...[1, 2, 3, 4, 5, 6].map((i) => 0.5 * (1 + Math.cos((Math.PI * i) / 6)))];
    rates("cosine", 2).forEach((rate, step) => {
      expect(rate).toBeCloseTo(expected[step]!, 12);
    });
  });

  it("falls along a line, or stays", () => {
    expect(rates("linear", 0)).toEqual([1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0]);
    expect(rates("linear", 4).slice(3, 6)).toEqual([0.75, 1, 0.75]);
    expect(rates("constant", 1)).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it("is finite when the warm-up is longer than the stage", () => {
    expect(learningRateAt(7, { learningRate: 1, schedule: "cosine", warmupSteps: 100, totalSteps: 8 })).toBe(0.07);
    expect(learningRateAt(100, { learningRate: 1, schedule: "linear", warmupSteps: 100, totalSteps: 8 })).toBe(0);
  });
});

describe("the order of the data", () => {
  it("shows every sample once an epoch, in another order each time", () => {
    const order = new DataOrder(1, "pa-sft", Array(7).fill({ label: "normal" }));
    const epochs = [0, 1].map((epoch) => Array.from({ length: 7 }, (_, i) => order.at(7 * epoch + i)));
    for (const epoch of epochs) expect([...epoch].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it("does not depend on where one starts to look", () => {
    const samples = ["normal", "normal", "anomalous", "normal", "anomalous"].map((label) => ({ label }));
    const whole = new DataOrder(3, "sc-grpo", samples);
    const all = Array.from({ length: 20 }, (_, i) => whole.at(i));
    expect(new DataOrder(3, "sc-grpo", samples).at(13)).toBe(all[13]);
    expect(Array.from({ length: 20 }, (_, i) => new DataOrder(4, "sc-grpo", samples).at(i))).not.toEqual(all);
  });

  it("spreads each kind of sample evenly over an epoch", () => {
    const kinds = Array.from({ length: 90 }, (_, i) => (i < 30 ? "anomalous" : "normal"));
    const order = new DataOrder(
      5,
      "pa-sft",
      kinds.map((label) => ({ label })),
    );
    for (let start = 0; start < 180; start += 9) {
      const stretch = Array.from({ length: 9 }, (_, i) => kinds[order.at(start + i)]!);
      expect(stretch.filter((kind) => kind === "anomalous")).toHaveLength(3);
    }
  });

  it("counts steps from epochs unless steps are given", () => {
    expect(countSteps({ epochs: 2 }, 100, 8)).toBe(25);
    expect(countSteps({ epochs: 1 }, 3, 8)).toBe(1);
    expect(countSteps({ epochs: 2, steps: 7 }, 100, 8)).toBe(7);
  });
});
