import { explainMiss } from "@iad-r1/server/rewards/static/explainMiss";
import { patternTrials } from "@iad-r1/server/rewards/static/patternTrials";
import { describe, expect, it } from "vitest";

const published = "<think>.*?</think><location>.*?</location><type>.*?</type><answer>.*?</answer>";

function why(pattern: string, flags: string, text: string, anchor: "search" | "start" | "full" = "search") {
  return explainMiss({ pattern, flags, anchor }, "python", text);
}

describe("why a text does not match", () => {
  it("names the tag that was expected and what stands there", () => {
    expect(why(published, "s", "<think>a</think>\n<location>upper left</location>")).toMatchObject({
      matchedUpTo: "</think>",
      expected: "<location>",
      saw: expect.stringMatching(/^\n<location>/),
      at: 16,
      sentence: expect.stringContaining("There is white space in between."),
    });
  });

  it("takes a tag that was begun as a whole", () => {
    const text = "<think>a</think><loc>x</loc>";
    expect(why(published, "s", text)).toMatchObject({ matchedUpTo: "</think>", expected: "<location>", at: 16 });
  });

  it("points at the line break that `.` does not match", () => {
    const found = why("<answer>(.*?)</answer>", "", "So: <answer>Yes\n</answer>");
    expect(found).toMatchObject({ expected: "</answer>", saw: "\n</answer>", at: 15 });
    expect(found!.caret).toBe("So: <answer>Yes\n               ^");
    expect(found!.sentence).toContain("`.` does not match a line break");
  });

  it("says when nothing of it occurs", () => {
    expect(why("<answer>(.*?)</answer>", "", "Yes, there is a scratch.")).toMatchObject({
      ...{ matchedUpTo: "", expected: "<answer>", at: 0 },
      sentence: "Nothing of it was found: `<answer>` does not occur.",
    });
  });

  it("sees what stands before a start and behind an end", () => {
    expect(why("<think>", "", "Okay <think>", "start")).toMatchObject({
      expected: "<think>",
      saw: "Okay <think>",
      at: 0,
    });
    expect(why("^<answer>Yes</answer>$", "", "<answer>Yes</answer><|im_end|>")).toMatchObject({
      ...{ matchedUpTo: "</answer>", expected: "the end of the text", saw: "<|im_end|>" },
    });
    expect(why("<answer>Yes</answer>", "", "<answer>Yes</answer>!", "full")).toMatchObject({ saw: "!" });
  });

  it("says when only the letter case is another, and points there", () => {
    expect(why("<answer>(yes|no)</answer>", "", "<answer>Yes</answer>")).toMatchObject({
      ...{ expected: "(yes|no)", at: 8, sentence: expect.stringMatching(/saw `Yes.*another letter case\.$/) },
    });
    expect(why("Final answer: ([A-D])", "", "So, Final Answer: B")).toMatchObject({
      ...{ expected: "Final answer: ", saw: expect.stringMatching(/^Final Answer: B/), at: 4 },
      sentence: "Nothing of it was found: `Final answer: ` does not occur. It is there in another letter case.",
    });
    expect(why("</think><answer>", "", "</think><Answer>")!.sentence).toContain("another letter case");
    expect(why("</think><answer>", "i", "</think><b>")!.sentence).not.toContain("letter case");
  });

  it("says when the beginning comes later, and when a part forbids what follows", () => {
    expect(why("^<think>", "", "Sure! <think>")!.sentence).toMatch(
      /It comes later, but the pattern begins at the start\.$/,
    );
    expect(why("<think>", "", "Sure! <think>", "start")!.sentence).toMatch(/It comes later/);
    expect(why("^<think>", "", "Sure!")!.sentence).not.toMatch(/later/);
    expect(why("^(?!.*<a>.*<a>)<a>", "s", "<a><a>")!.sentence).toMatch(/This part forbids what follows\.$/);
  });

  it("shows parts that are no plain text as they are written", () => {
    expect(why("(yes|no)\\s+\\d+", "", "yes  x")).toMatchObject({ expected: "\\d+", saw: "x", at: 5 });
    expect(why("a(?:bc)+d", "", "abcbce")).toMatchObject({ expected: "d", saw: "e" });
  });

  it("gives nothing for a text that matches or a pattern it cannot read", () => {
    expect(why(published, "s", "<think>a</think><location>b</location><type>c</type><answer>d</answer>")).toBeNull();
    expect(why("(?P<a>x)(?(a)y|z)", "", "x")).toBeNull();
    expect(explainMiss({ pattern: "(", flags: "", anchor: "search" }, "typescript", "x")).toBeNull();
  });

  it("gives up on a pattern that takes forever, and says so", () => {
    const found = explainMiss({ pattern: "(a+)+$", flags: "", anchor: "search" }, "typescript", `${"a".repeat(50)}!`);
    expect(found!.sentence).toContain("was stopped");
  });
});

describe("trial rewrites", () => {
  const texts = [
    "<think>a\nb</think>\n<answer>Yes</answer>",
    "<think>a</think> <answer>Yes</answer>",
    "<think>a\nb</think><answer>Yes</answer>",
    "<Think>a</Think><Answer>Yes</Answer>",
    "nothing",
  ];
  const trials = (pattern: string, flags: string, language: "typescript" | "python" = "python") =>
    Object.fromEntries(
      patternTrials({ pattern, flags, anchor: "search" }, language, texts).map(({ id, matched }) => [id, matched]),
    );

  it("count what each would match, alone and together", () => {
    expect(trials("<think>.*?</think><answer>.*?</answer>", "")).toEqual({
      ...{ "dot-all": 1, "white-space": 1, "ignore-case": 1, all: 3 },
    });
    expect(trials("<think>.*?<\\/think><answer>.*?<\\/answer>", "", "typescript")).toEqual({
      ...{ "dot-all": 1, "white-space": 1, "ignore-case": 1, all: 3 },
    });
  });

  it("leave out what would change nothing", () => {
    expect(Object.keys(trials("<answer>\\s*(.*?)\\s*</answer>", "is"))).toEqual([]);
    expect(Object.keys(trials("^<answer>.*</answer>$", "s"))).toEqual(["ignore-case", "lazy", "no-anchor"]);
  });

  it("are written in the language of the pattern", () => {
    const [first] = patternTrials({ pattern: "<a>(?P<x>.*)</a><b>", flags: "s", anchor: "search" }, "python", []);
    expect(first).toMatchObject({ id: "white-space", pattern: "<a>(?P<x>.*)</a>\\s*<b>" });
  });
});
