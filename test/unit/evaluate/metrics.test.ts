import { auroc, type EvaluationSample, evaluateSamples, judgeSample } from "@iad-r1/server/evaluate/metrics";
import { describe, expect, it } from "vitest";

const no = "<think>a</think><answer>No</answer>";
const yes = (location: string, type: string) =>
  `<think>a</think><location>${location}</location><type>${type}</type><answer>Yes</answer>`;

function normal(text: string, rest: Partial<EvaluationSample> = {}): EvaluationSample {
  return { id: "n", category: "a", label: "normal", defectType: null, location: null, locations: [], text, ...rest };
}

function anomalous(text: string, rest: Partial<EvaluationSample> = {}): EvaluationSample {
  return {
    id: "d",
    category: "a",
    label: "anomalous",
    defectType: "scratch",
    location: "top left",
    locations: ["top left", "top center"],
    text,
    ...rest,
  };
}

describe("judgeSample", () => {
  it("reads answer, place and type through the tags", () => {
    expect(judgeSample(anomalous(yes("upper left", "scratches")))).toEqual({
      answer: "yes",
      think: "a",
      location: "upper left",
      type: "scratches",
      correct: true,
      locationCorrect: true,
      locationCorrectLenient: true,
      typeScore: 1,
    });
  });

  it("a neighbouring cell that holds part of the defect is right in the lenient sense", () => {
    expect(judgeSample(anomalous(yes("top center", "hole")))).toMatchObject({
      locationCorrect: false,
      locationCorrectLenient: true,
      typeScore: 0,
    });
  });

  it("place and type beside a wrong answer do not count", () => {
    const text = yes("top left", "scratch").replace("Yes", "No");
    expect(judgeSample(anomalous(text))).toMatchObject({ correct: false, locationCorrect: false, typeScore: 0 });
  });

  it("normal images and unknown truths have no place and no type to be right about", () => {
    expect(judgeSample(normal(yes("top left", "scratch")))).toMatchObject({
      correct: false,
      locationCorrect: null,
      locationCorrectLenient: null,
      typeScore: null,
    });
    const unknown = anomalous(yes("top left", "scratch"), { location: null, locations: [], defectType: null });
    expect(judgeSample(unknown)).toMatchObject({ correct: true, locationCorrect: null, typeScore: null });
  });

  it("an answer that cannot be read is neither yes nor no", () => {
    expect(judgeSample(normal("I see no defect."))).toMatchObject({ answer: null, correct: false });
  });
});

describe("evaluateSamples", () => {
  const samples = [
    normal(no, { anomalyScore: 0.1 }),
    normal(no, { anomalyScore: 0.4 }),
    normal(yes("left", "hole"), { anomalyScore: 0.8, category: "b" }),
    normal("nothing to read", { anomalyScore: 0.2 }),
    anomalous(yes("top left", "scratch"), { anomalyScore: 0.9 }),
    anomalous(no, { anomalyScore: 0.3, category: "b" }),
  ];

  it("gives accuracies by class in percent; what cannot be read is wrong and counted by itself", () => {
    const metrics = evaluateSamples(samples);
    expect(metrics).toMatchObject({
      numSamples: 6,
      numNormal: 4,
      numAnomalous: 2,
      normalAccuracy: 50,
      anomalousAccuracy: 50,
      balancedAccuracy: 50,
      overkill: 25,
      miss: 50,
      numUnparsed: 1,
      numScored: 6,
      locationAccuracy: 50,
      locationAccuracyLenient: 50,
      typeScore: 50,
    });
    expect(metrics.unparsed).toBeCloseTo(100 / 6, 12);
    // Pairs won: 0.9 beats 4 of 4, 0.3 beats 2 of 4.
    expect(metrics.auroc).toBe(75);
  });

  it("splits the accuracies by category; a class without images has none", () => {
    const { perCategory } = evaluateSamples([...samples, normal(no, { category: "c" })]);
    expect(perCategory.b).toEqual({
      numNormal: 1,
      numAnomalous: 1,
      balancedAccuracy: 0,
      normalAccuracy: 0,
      anomalousAccuracy: 0,
    });
    expect(perCategory.c).toEqual({
      numNormal: 1,
      numAnomalous: 0,
      balancedAccuracy: null,
      normalAccuracy: 100,
      anomalousAccuracy: null,
    });
  });

  it("without samples nothing is known, and nothing breaks", () => {
    expect(evaluateSamples([])).toMatchObject({ numSamples: 0, balancedAccuracy: null, auroc: null, unparsed: 0 });
  });

  it("AUROC is over the images that have a score", () => {
    const some = [normal(no, { anomalyScore: 0.1 }), normal(no), anomalous(no, { anomalyScore: Number.NaN })];
    expect(evaluateSamples(some)).toMatchObject({ auroc: null, numScored: 1 });
  });

  it("a constant model has balanced accuracy 50, whatever the shares of the classes", () => {
    const many = [...Array(9)].map(() => normal(no)).concat(anomalous(no));
    expect(evaluateSamples(many)).toMatchObject({ balancedAccuracy: 50, normalAccuracy: 100 });
  });

  it("intervals hold the value, shrink with more images and repeat for a seed", () => {
    const mixed = (times: number) =>
      [...Array(times)].flatMap(() => [
        normal(no),
        normal(yes("left", "hole")),
        anomalous(yes("top left", "dent")),
        anomalous(no),
      ]);
    const width = (times: number) => {
      const { balancedAccuracy, intervals } = evaluateSamples(mixed(times), { seed: 3 });
      const [low, high] = intervals.balancedAccuracy!;
      expect(low).toBeLessThanOrEqual(balancedAccuracy!);
      expect(high).toBeGreaterThanOrEqual(balancedAccuracy!);
      return high - low;
    };
    expect(width(400)).toBeLessThan(width(25) / 2);
    // Two independent shares of n = 50 each: the mean's standard error is sqrt(2 · 0.25 / 50) / 2 = 5 points.
    expect(width(25)).toBeGreaterThan(14);
    expect(width(25)).toBeLessThan(26);
    expect(evaluateSamples(mixed(25), { seed: 3 })).toEqual(evaluateSamples(mixed(25), { seed: 3 }));
    expect(evaluateSamples(mixed(25), { resamples: 0 }).intervals.balancedAccuracy).toBeNull();
  });
});

describe("auroc", () => {
  it("counts the pairs that are in order, ties half", () => {
    expect(auroc([0.1, 0.2], [0.8, 0.9])).toBe(1);
    expect(auroc([0.8, 0.9], [0.1, 0.2])).toBe(0);
    expect(auroc([0.5, 0.5], [0.5])).toBe(0.5);
    expect(auroc([1, 2, 3], [2, 4])).toBe(4.5 / 6);
    expect(auroc([], [1])).toBeNull();
  });
});
