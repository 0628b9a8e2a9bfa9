import { type AnswerFamily, parseAnswer, parseMultipleLetters } from "@iad-r1/server/evaluate/parseAnswer";
import { describe, expect, it } from "vitest";

const options = { A: "Yes.", B: "No." };
const families: AnswerFamily[] = ["tagged", "rawCaseSensitive", "rawLower"];

describe("the published ways to parse an answer", () => {
  it.each([
    ["<answer>Yes</answer>", "AEA"],
    ["<answer></answer>", "AEE"],
    ["yes!", "EAA"],
    ["No.", "EBB"],
    ["", "EAA"],
    ["Yes, there are defects in the test image.", "EEA"],
    ["Yes, there is a notch", "EBA"],
    ["No, there are no defects.", "EBB"],
    ["I cannot tell.", "EBB"],
    ["<answer>not sure</answer>", "BBB"],
    ["<answer>Yes\n</answer>", "EEA"],
  ])("%j: tagged, raw and raw lower give %s", (response, letters) => {
    expect(families.map((family) => parseAnswer(family, response, options)).join("")).toBe(letters);
  });

  it("without options the answer itself is returned", () => {
    expect(parseAnswer("tagged", "<answer> Yes </answer>", null)).toBe("yes");
    expect(parseAnswer("rawLower", "Yes, sure", null)).toBe("Yes, sure");
    expect(parseAnswer("tagged", "Yes", {})).toBe("E");
  });

  it("letters behind Answer: belong to it", () => {
    expect(parseMultipleLetters("Answer: the second, B", null)).toEqual(["B"]);
    expect(parseMultipleLetters("Answer: none", null)).toEqual(["A"]);
  });
});
