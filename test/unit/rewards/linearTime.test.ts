/** Completions made to be slow: the published lazy patterns need seconds for 5,000 such characters, hours for these. */
import { iadR1Rewards } from "@iad-r1/server/rewards/builtin/iadR1";
import { strictRewards } from "@iad-r1/server/rewards/builtin/strict";
import { parseTags } from "@iad-r1/server/rewards/tags";
import { describe, expect, it } from "vitest";

const length = 200_000;
/** Measured at most 0.3 s on a slow machine; a quadratic step would take minutes. */
const limitMs = 3000;

function fill(pattern: string): string {
  return pattern.repeat(Math.ceil(length / pattern.length)).slice(0, length);
}

const hostile: Record<string, string> = {
  "opening tags": fill("<think>"),
  "opening tags on lines of their own, closed at the end": `${fill("<answer>\n")}</answer>`,
  "the same in capitals": `${fill("<ANSWER>\n")}</ANSWER>`,
  "starts of the whole structure": fill("<think></think><location></location><type></type><answer>"),
  "complete answers": fill("<answer>yes</answer>"),
  "angle brackets": fill("<"),
  "unfinished closing tags": fill("</answer"),
  "line feeds": fill("\n"),
  "blanks in the answer": `<think>x</think><answer>${fill(" ")}yes</answer>`,
  "one long word as type": `<location>${fill("a")}</location><type>${fill("ing")}</type><answer>yes</answer>`,
  "near matches of a keyword": `<type>${fill("surface scratc")}</type><answer>yes</answer>`,
  "every keyword again and again": `<location>${fill("left right ")}</location><type>${fill("scratch, hole ")}</type><answer>yes</answer>`,
  "punctuation between letters outside ASCII": `<type>${fill("é!中 ")}</type><answer>yes</answer>`,
  "capitals outside ASCII": `<type>${fill("ÀΣ")}</type><answer>yes</answer>`,
};

const solutions: Record<string, string> = {
  anomalous: "<location>top left</location><type>scratch</type><answer>Yes</answer>",
  normal: "<answer>No</answer>",
  "anomalous with a long type": `<location>top left</location><type>${fill("scratch on the edge ")}</type><answer>Yes</answer>`,
};

describe.each(Object.entries(hostile))("%s", (_, completion) => {
  it.each([...iadR1Rewards, ...strictRewards])("$name ends soon", (reward) => {
    for (const [name, solution] of Object.entries(solutions)) {
      const started = performance.now();
      expect(reward.score({ completion, solution, columns: {} }).status).not.toBe("error");
      expect(performance.now() - started, name).toBeLessThan(limitMs);
    }
  });

  it("the parser of views ends soon", () => {
    const started = performance.now();
    expect(parseTags(completion).elements.length).toBeLessThanOrEqual(length);
    expect(performance.now() - started).toBeLessThan(limitMs);
  });
});
