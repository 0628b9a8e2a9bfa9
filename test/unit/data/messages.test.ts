import { ConfigError, DataError } from "@iad-r1/models/errors";
import { sftMessages, trainingMessages } from "@iad-r1/server/data/messages";
import type { Shots } from "@iad-r1/server/data/prompts";
import { describe, expect, it } from "vitest";

const row = { image: "a.png", problem: "Is it $& whole?" };
const options = { shots: 0, style: "question", imageRoot: "root/" } as const;

describe("trainingMessages", () => {
  it("the bare question is sent as it is, below the image", () => {
    expect(trainingMessages(row, options)).toEqual({
      messages: [{ role: "user", content: [{ type: "image" }, { type: "text", text: "Is it $& whole?" }] }],
      images: ["root/a.png"],
    });
  });

  it("the expert sentence takes the question literally", () => {
    const prompt = trainingMessages(row, { ...options, style: "expert" })!;
    expect(prompt.messages[0]!.content[1]).toMatchObject({
      text: expect.stringMatching(/in the test image\.Is it \$& whole\?$/),
    });
  });

  it("the system prompt keeps its unfilled placeholder unless told otherwise", () => {
    const system = (dropPlaceholder: boolean) =>
      trainingMessages(row, { ...options, style: "system", dropPlaceholder })!.messages[0]!.content;
    expect(system(false)).toMatch(/<\/answer>\{Question\}$/);
    expect(system(true)).toMatch(/<\/answer>$/);
  });

  it.each([[undefined], [null], [""], [[]]])("a row with image %j has no prompt", (image) => {
    expect(trainingMessages({ ...row, image }, options)).toBeNull();
  });

  it.each([[5], [true], [{ path: "a" }], [[5]], [[{ path: 5 }]], [[null]]])("image %j is a data error", (image) => {
    expect(() => trainingMessages({ ...row, image }, options)).toThrow(DataError);
  });

  it("more shots than the published prompts know are refused", () => {
    expect(() => trainingMessages(row, { ...options, shots: 2 as Shots })).toThrow(ConfigError);
  });
});

describe("sftMessages", () => {
  it("turns placeholders into image parts and drops the line feed behind them", () => {
    const messages = [
      { role: "user", content: "Compare.\n<image>\n<image>\nAny defects?" },
      { role: "assistant", content: "<answer>No</answer>" },
    ];
    expect(sftMessages(messages)).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Compare.\n" },
          { type: "image" },
          { type: "image" },
          { type: "text", text: "Any defects?" },
        ],
      },
      { role: "assistant", content: "<answer>No</answer>" },
    ]);
  });
});
