import { DataError } from "@iad-r1/models/errors";
import { parseConversation } from "@iad-r1/server/evaluate/conversation";
import { describe, expect, it } from "vitest";

describe("parseConversation", () => {
  it("letters the options anew in the order of the file", () => {
    const question = { Question: "Any defect?", Answer: "A", Options: { B: "Yes.", A: "No." } };
    expect(parseConversation({ image_path: "p", conversation: [question] })).toEqual({
      questions: [
        { type: "text", text: "Question 1: Any defect? \nA. Yes.\nB. No.\n", options: { A: "Yes.", B: "No." } },
      ],
      answers: ["B"],
    });
  });

  it("an entry without a conversation has no questions", () => {
    expect(parseConversation({ image_path: "p" })).toEqual({ questions: [], answers: [] });
  });

  it.each([
    ["no list", { conversation: {} }],
    ["no object", { conversation: [1] }],
    ["no question", { conversation: [{ Answer: "A", Options: { A: "x" } }] }],
    ["no options", { conversation: [{ Question: "q", Answer: "A" }] }],
    ["an option that is no text", { conversation: [{ Question: "q", Answer: "A", Options: { A: 1 } }] }],
    ["a wrong answer", { conversation: [{ Question: "q", Answer: "C", Options: { A: "x" } }] }],
  ])("%s is a data error", (_, entry) => {
    expect(() => parseConversation(entry)).toThrow(DataError);
  });
});
