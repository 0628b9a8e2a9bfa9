/** Tasks of writing tags that teach a base model the tokens, not the grammar. */
import { describe, expect, it } from "vitest";
import { createRandom } from "@iad-r1/models/util/random";
import { checkAnswer } from "@iad-r1/server/data/grammar";
import { markupTask } from "@iad-r1/server/data/synth/markup";
import { generateSample } from "@iad-r1/server/data/synth/sample";

const facts = generateSample({ seed: 5, index: 1, size: 32, anomalousShare: 1 });
const tasks = Array.from({ length: 300 }, (_, i) => markupTask(facts, createRandom("markup", i)));

describe("markup tasks", () => {
  it("ask for exactly the tagged pieces of the answer", () => {
    for (const { question, answer } of tasks) {
      const pieces = [...answer.matchAll(/<(think|location|type|answer)>([^<>]+)<\/\1>/g)];
      expect(pieces.map(([piece]) => piece).join("")).toBe(answer);
      for (const [, tag, words] of pieces) {
        expect(question).toContain(words);
        expect(question).toContain(tag);
      }
    }
  });

  it("use every tag, and in every one words that do not belong there", () => {
    const answers = tasks.map(({ answer }) => answer).join("");
    for (const tag of ["think", "location", "type", "answer"]) {
      expect(answers).toMatch(new RegExp(`<${tag}>(Yes|No)</${tag}>`));
      expect(answers).toMatch(new RegExp(`<${tag}>(top|bottom|center)`));
    }
  });

  it("are hardly ever an answer to an inspection", () => {
    const inspections = tasks.filter(({ answer }) => {
      const { label, issues } = checkAnswer(answer, true);
      return label !== null && issues.length === 0;
    });
    expect(inspections.length).toBeLessThan(tasks.length / 100);
  });
});
