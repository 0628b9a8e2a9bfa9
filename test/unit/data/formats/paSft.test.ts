/** PA-SFT files: the rules of the published loader, problems at their lines, records written and read back. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  parseDatasetInfo,
  paSftDrafts,
  paSftRecord,
  readPaSft,
  writeDatasetInfo,
  writePaSft,
} from "@iad-r1/server/data/formats/paSft";
import { draftsIn } from "@iad-r1/server/data/formats/records";
import { formatProblem, Problems } from "@iad-r1/server/data/problems";
import type { InspectionSample } from "@iad-r1/server/data/samples";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const yes = "<think>A line.</think><location>top left</location><type>scratch</type><answer>Yes</answer>";
const question = "<image>\nAre there any defects in the query image?";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pa-sft-"));
  for (const name of ["a.png", "b.png"]) await writeFile(join(folder, name), "");
});
afterAll(() => rm(folder, { recursive: true }));

function record(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const messages = [
    { role: "user", content: question },
    { role: "assistant", content: yes },
  ];
  return { images: "a.png", messages, ...changes };
}

/** Problems of records written one a line, the first on line 2. */
function problemsOf(...records: unknown[]): string[] {
  const problems = new Problems("set.json");
  draftsIn(`[\n${records.map((one) => JSON.stringify(one)).join(",\n")}\n]`, "/root", problems, paSftDrafts);
  return problems.list().map(formatProblem);
}

describe("paSftDrafts", () => {
  it("takes a path, a list of paths, a system text and several turns", () => {
    const turns = [
      { role: "system", content: "Be short." },
      { role: "user", content: question },
      { role: "assistant", content: yes },
      { role: "user", content: "<image>\nAnd this?" },
      { role: "assistant", content: yes },
    ];
    expect(
      problemsOf(record(), record({ images: ["a.png"] }), record({ images: ["a.png", "b.png"], messages: turns })),
    ).toEqual([]);
  });

  it.each([
    [
      "a count of placeholders that is not that of the images",
      { images: ["a.png", "b.png"] },
      "The messages have 1 <image> placeholder, but there are 2 images.",
    ],
    ["no messages", { messages: undefined }, '"messages" must be a list of {role, content}, got nothing.'],
    [
      "a wrong role",
      { messages: [{ role: "assistant", content: yes }] },
      'Message 1 must be of the role user, got "assistant".',
    ],
    [
      "a missing answer",
      { messages: [{ role: "user", content: question }] },
      "The messages must be pairs of user and assistant.",
    ],
    [
      "a message without content",
      { messages: [{ role: "user" }] },
      'Message 1 must have the texts "role" and "content".',
    ],
    ["an image that is no path", { images: [7] }, '"images" must be a path or a list of paths, got a list of 1.'],
    ["a path with a zero byte", { images: "a\0.png" }, '"images" must be a path or a list of paths'],
  ])("reports %s at the line of the record", (_, changes, message) => {
    const [problem, ...more] = problemsOf(record(), record(changes));
    expect(more).toEqual([]);
    expect(problem).toMatch(/^set\.json:3:\d+: error: /);
    expect(problem).toContain(message);
  });

  it("reports broken tags and contradictions at the answer", () => {
    const answer = (content: string) =>
      record({
        messages: [
          { role: "user", content: question },
          { role: "assistant", content },
        ],
      });
    expect(problemsOf(answer(yes.replace("</type>", "")), answer(yes.replace("Yes", "No")))).toEqual([
      expect.stringContaining("set.json:2:"),
      expect.stringMatching(/set\.json:3:\d+: error: The answer is No, but a location or type is given\./),
    ]);
  });

  it("reports JSON that is broken, or no list, once", () => {
    const at = (text: string) => {
      const problems = new Problems("set.json");
      expect(draftsIn(text, "/root", problems, paSftDrafts)).toEqual([]);
      return problems.list().map(formatProblem);
    };
    expect(at('[\n{"images": }]')).toEqual(['set.json:2:12: error: Expected a value, got "}]".']);
    expect(at('{"a": 1}')).toEqual(["set.json:1:1: error: Expected a list of records at the top, got an object."]);
    expect(at("[1,\n2]")).toHaveLength(2);
  });

  it("lists at most a thousand problems and counts the rest", () => {
    const problems = problemsOf(...Array.from({ length: 1500 }, () => record({ images: [] })));
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)).toContain("500 more problems are not listed");
  });
});

describe("readPaSft", () => {
  it("drops a record whose image is missing and keeps the others", async () => {
    const path = join(folder, "set.json");
    await writeFile(path, `[\n${JSON.stringify(record())},\n${JSON.stringify(record({ images: "gone.png" }))}\n]`);
    const { value, problems } = await readPaSft(path);
    expect(value.map((sample) => sample.image)).toEqual([join(folder, "a.png")]);
    expect(value[0]).toMatchObject({
      label: "anomalous",
      defectType: "scratch",
      location: "top left",
      think: "A line.",
    });
    expect(problems).toMatchObject([{ severity: "error", code: "data/missing-image", line: 3 }]);
  });

  it("reads back what was written, 0-shot and 1-shot", async () => {
    const base: InspectionSample = {
      id: "0",
      image: join(folder, "a.png"),
      references: [join(folder, "b.png")],
      category: "product",
      label: "anomalous",
      defectType: "hole",
      location: "center",
      locations: ["center"],
      mask: null,
      think: "There is a hole.",
    };
    const path = join(folder, "round.json");
    const normal: InspectionSample = {
      ...base,
      id: "1",
      label: "normal",
      defectType: null,
      location: null,
      locations: [],
      think: "Fine.",
    };
    for (const shots of [0, 1] as const) {
      await writePaSft(path, [base, normal], shots, (image) => image.slice(folder.length + 1));
      const { value, problems } = await readPaSft(path);
      expect(problems).toEqual([]);
      expect(value).toMatchObject([
        { ...base, references: base.references.slice(0, shots) },
        { ...normal, references: base.references.slice(0, shots) },
      ]);
    }
  });

  it("writes a chat as it was read, with all its turns and pictures", async () => {
    const path = join(folder, "chat.json");
    const chat = {
      images: ["b.png", "b.png", "a.png"],
      messages: [
        { role: "system", content: "You inspect." },
        { role: "user", content: "Two sound parts: <image><image>\nAnd this one: <image> What is it?" },
        { role: "assistant", content: "A washer." },
        { role: "user", content: "Is it whole?" },
        { role: "assistant", content: "<think>The rim is even.</think><answer>No</answer>" },
      ],
    };
    await writeFile(path, JSON.stringify([chat]));
    const { value, problems } = await readPaSft(path);
    expect(problems).toEqual([]);
    await writePaSft(path, value, 0, (image) => image.slice(folder.length + 1));
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual([chat]);
  });

  it("names the folder rule: a path is taken from the image folder when it is there", async () => {
    const path = join(folder, "..", "elsewhere.json");
    await writeFile(path, JSON.stringify([record()]));
    expect((await readPaSft(path)).problems[0]!.code).toBe("data/missing-image");
    expect((await readPaSft(path, { images: folder })).value).toHaveLength(1);
    await rm(path);
  });

  it("ends with one clear error for a file that is missing, a folder, or no text", async () => {
    await expect(readPaSft(join(folder, "nothing.json"))).rejects.toMatchObject({ code: "data/missing-file" });
    await expect(readPaSft(folder)).rejects.toMatchObject({ code: "data/unreadable-file" });
    const path = join(folder, "binary.json");
    await writeFile(path, Buffer.from([0x5b, 0xff, 0xfe, 0x5d]));
    await expect(readPaSft(path)).rejects.toMatchObject({ code: "data/not-text" });
  });

  it("writes the published 0-shot prompt to the letter", () => {
    const sample = { image: "i.png", references: [], label: "normal", think: "Fine." } as unknown as InspectionSample;
    expect(paSftRecord(sample, 1, (path) => path)).toEqual({
      images: "i.png",
      messages: [
        { role: "user", content: "<image>\nAre there any defects in the query image?" },
        { role: "assistant", content: "<think>Fine.</think><answer>No</answer>" },
      ],
    });
  });
});

describe("dataset_info.json", () => {
  it("is written as the registry of the published code and read back", async () => {
    await writeDatasetInfo(folder, { Expert_AD_Stage_1: "stage1.json" }, { other: { file_name: "other.json" } });
    const { readFile } = await import("node:fs/promises");
    const text = await readFile(join(folder, "dataset_info.json"), "utf8");
    expect(JSON.parse(text).Expert_AD_Stage_1).toEqual({
      file_name: "stage1.json",
      formatting: "sharegpt",
      columns: { messages: "messages", images: "images" },
      tags: { role_tag: "role", content_tag: "content", user_tag: "user", assistant_tag: "assistant" },
    });
    const { value, problems } = parseDatasetInfo(text, "dataset_info.json", folder);
    expect([...value]).toEqual([["Expert_AD_Stage_1", join(folder, "stage1.json")]]);
    expect(problems).toMatchObject([{ severity: "warning", code: "data/unsupported", line: 2 }]);
  });
});
