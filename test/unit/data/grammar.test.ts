/** The answer grammar, checked strictly: what is broken, what contradicts itself, what is only unusual. */
import { checkAnswer } from "@iad-r1/server/data/grammar";
import { describe, expect, it } from "vitest";

const yes = "<think>A line.</think><location>top left</location><type>scratch</type><answer>Yes</answer>";
const no = "<think>All even.</think><answer>No</answer>";

/** Code and message of what is wrong. */
function issues(text: string, needThink = true): string[] {
  return checkAnswer(text, needThink).issues.map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
}

describe("checkAnswer", () => {
  it("takes both forms apart without complaint", () => {
    expect(checkAnswer(yes, true)).toEqual({
      think: "A line.",
      location: "top left",
      type: "scratch",
      answer: "Yes",
      label: "anomalous",
      issues: [],
    });
    expect(checkAnswer(no, true)).toMatchObject({ label: "normal", location: null, type: null, issues: [] });
    expect(issues("<answer>No</answer>", false)).toEqual([]);
    expect(issues("<location>center</location><type>hole</type><answer>Yes</answer>", false)).toEqual([]);
  });

  it.each([
    ["", "error data/broken-tags: There is no <answer>."],
    ["<answer>Yes", "error data/broken-tags: <answer> is not closed."],
    ["</think><answer>No</answer>", "error data/broken-tags: </think> has no opening tag before it."],
    [`${no}<answer>No</answer>`, "error data/broken-tags: <answer> appears twice."],
    ["<answer>No</answer>", "error data/broken-tags: There is no <think>."],
    [no.replace("No<", "Maybe<"), 'error data/broken-tags: <answer> must be Yes or No, got "Maybe".'],
    [no.replaceAll("think", "THINK"), "error data/broken-tags: <THINK> must be written in small letters."],
    [`Sure! ${no}`, 'error data/broken-tags: There is text outside the tags: "Sure!".'],
    ["<think>a<type>b</think><answer>No</answer>", "error data/broken-tags: There is another tag inside <think>."],
    ["<answer>No</answer><think>x</think>", "error data/broken-tags: The tags must stand in the order think, answer."],
    [yes.replace("Yes", "No"), "error data/contradiction: The answer is No, but a location or type is given."],
    [
      no.replace("No<", "Yes<"),
      "error data/contradiction: The answer is Yes, but the location or the type is missing.",
    ],
    [
      yes.replace("top left", " "),
      "error data/contradiction: The answer is Yes, but the location or the type is empty.",
    ],
    [
      yes.replace("top left", "north-west"),
      'warning data/unusual-answer: The location "north-west" is not one of the nine phrases; it counts as the cell that its words name.',
    ],
    [yes.replace("Yes", "yes"), 'warning data/unusual-answer: The answer is taught as Yes or No, got "yes".'],
    [no.replace("All even.", ""), "warning data/unusual-answer: The reasoning is empty."],
    [
      no.replace("><answer", ">\n<answer"),
      "warning data/unusual-answer: There is white space between two tags or after the last; the format reward gives 0 for it.",
    ],
  ])("finds what is wrong with %j", (text, expected) => {
    expect(issues(text)).toContain(expected);
  });

  it("stays quick on long hostile text", () => {
    const started = performance.now();
    checkAnswer("<think>".repeat(200_000), true);
    checkAnswer(`<think>${"<".repeat(1_000_000)}`, true);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
