/** The words of the generator: always in the grammar, always true, not too many, never tags where none belong. */
import { checkAnswer } from "@iad-r1/server/data/grammar";
import { generateSample, type SynthSample } from "@iad-r1/server/data/synth/sample";
import { captionText, questionPairs, solutionText, targetText, thinkText } from "@iad-r1/server/data/synth/text";
import { beforeAll, describe, expect, it } from "vitest";

let samples: SynthSample[];
beforeAll(() => {
  samples = Array.from({ length: 400 }, (_, index) => generateSample({ seed: "words", index, size: 40 }));
});

describe("targetText", () => {
  it("keeps the answer grammar and says what the mask says", () => {
    for (const sample of samples) {
      const answer = checkAnswer(targetText(sample), true);
      expect(answer.issues).toEqual([]);
      expect(answer).toMatchObject({ label: sample.label, location: sample.location, type: sample.defectType });
    }
  });

  it("names the place and the type in the reasoning of every anomalous picture, and no place in that of a normal one", () => {
    for (const sample of samples) {
      const think = thinkText(sample);
      if (sample.label === "normal") expect(think).not.toMatch(/(in|at) the (top|bottom|center)/i);
      else {
        expect(think).toContain(sample.defectType);
        const place =
          sample.location === "center" ? /in the (center|middle)/i : new RegExp(`(in|at) the ${sample.location}`, "i");
        expect(think).toMatch(place);
      }
    }
  });

  it("speaks of a reference only when there is one", () => {
    for (const sample of samples.slice(0, 100)) {
      expect(thinkText(sample)).not.toContain("reference");
      expect(thinkText(sample, { reference: true })).toMatch(/reference|both images/);
    }
  });

  it("varies its wording and repeats it for the same variant", () => {
    const sample = samples.find((one) => one.label === "anomalous")!;
    expect(targetText(sample)).toBe(targetText({ ...sample }));
    const variants = new Set(Array.from({ length: 20 }, (_, variant) => thinkText(sample, { variant })));
    expect(variants.size).toBeGreaterThan(15);
    expect(new Set(samples.map((one) => thinkText(one))).size).toBeGreaterThan(340);
  });

  it("uses some hundreds of words in all", () => {
    const words = new Set<string>();
    for (const sample of samples) {
      const text = [
        targetText(sample, { reference: true }),
        captionText(sample),
        ...questionPairs(sample).map((pair) => pair.question + pair.answer),
      ];
      for (const word of text
        .join(" ")
        .toLowerCase()
        .match(/[a-z]+/g)!)
        words.add(word);
    }
    expect(words.size).toBeGreaterThan(200);
    expect(words.size).toBeLessThan(700);
  });
});

describe("solutionText", () => {
  it("is the tags without the reasoning", () => {
    expect(solutionText({ label: "normal", location: null, defectType: null })).toBe("<answer>No</answer>");
    expect(solutionText({ label: "anomalous", location: "top left", defectType: "scratch" })).toBe(
      "<location>top left</location><type>scratch</type><answer>Yes</answer>",
    );
  });
});

describe("captions and questions", () => {
  it("are plain sentences without the grammar", () => {
    for (const sample of samples) {
      const pairs = questionPairs(sample);
      expect(pairs.length).toBeGreaterThanOrEqual(3);
      for (const text of [
        captionText(sample),
        captionText(sample, 1),
        ...pairs.flatMap((pair) => [pair.question, pair.answer]),
      ]) {
        expect(text).toMatch(/^[A-Z][^<>]*[.?]$/);
        expect(text).not.toMatch(/undefined|null|NaN| {2}|\ba [aeiou](?!ne)/);
      }
    }
  });

  it("name the mark and its place on anomalous pictures", () => {
    for (const sample of samples.filter((one) => one.label === "anomalous")) {
      const answers = questionPairs(sample).map((pair) => pair.answer.toLowerCase());
      expect(answers.some((answer) => answer.includes(sample.defectType!))).toBe(true);
    }
  });
});
