/** Multiple choice: the file, the letter that an answer names, the counts, and a model that is asked. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import {
  askChoices,
  type ChoiceAnswer,
  choiceReport,
  chosenLetter,
  readChoiceFile,
} from "@iad-r1/server/evaluate/multipleChoice";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

const options = { A: "Yes.", B: "No." };
const places = { A: "Top left.", B: "Bottom.", C: "Scratch on the surface", D: "There is no defect" };

describe("the option that an answer names", () => {
  it.each([
    ["A", "A"],
    ["(b)", "B"],
    ["B.", "B"],
    ["The correct answer is: A) Yes.", "A"],
    ["Answer: No", "B"],
    ["<think>Is it B? No.</think><answer>Yes</answer>", "A"],
    ["yes, there is a crack", "A"],
  ])("%s → %s", (text, letter) => {
    expect(chosenLetter(text, options)).toBe(letter);
  });

  it("is read from its text where that is the only one that occurs", () => {
    expect(chosenLetter("I see a scratch on the surface, near the edge.", places)).toBe("C");
    expect(chosenLetter("It is at the bottom.", places)).toBe("B");
    expect(chosenLetter("c", places)).toBe("C");
  });

  it.each(["", "A defect is visible.", "Perhaps", "yes and no", "E", "<answer></answer>", "nothing unusual"])(
    "none in “%s”",
    (text) => {
      expect(chosenLetter(text, options)).toBeNull();
    },
  );
});

function folderWith(entries: object): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "DS/nut/good"), { recursive: true });
  copyFileSync(join(tinyFixture, "images/image1.png"), join(folder, "DS/nut/good/1.png"));
  writeFileSync(join(folder, "mmad.json"), JSON.stringify(entries));
  return join(folder, "mmad.json");
}

const ask = (question: string, answer: string, type: string, given: object = options) => ({
  ...{ Question: question, Answer: answer, Options: given, type },
});
const entry = {
  image_path: "DS/nut/good/1.png",
  conversation: [
    ask("Is there any defect in the object?", "B", "Anomaly Detection"),
    ask("Where is it?", "B", "Defect Localization", places),
  ],
  similar_templates: ["DS/nut/good/1.png"],
};

describe("the file", () => {
  it("gives every question of an entry, and says which pictures are missing", async () => {
    const { questions, missing } = await readChoiceFile(
      folderWith({ "DS/nut/good/1.png": entry, "DS/nut/gone.png": entry }),
    );
    expect(questions).toMatchObject([
      { number: 1, subtask: "Anomaly Detection", right: "B", category: "nut" },
      { number: 2, subtask: "Defect Localization", right: "B", category: "nut" },
    ]);
    expect(questions[0]!.references).toEqual([questions[0]!.image]);
    expect(questions[1]!.text).toBe(
      "Where is it? \nA. Top left.\nB. Bottom.\nC. Scratch on the surface\nD. There is no defect",
    );
    expect(missing).toHaveLength(1);
    expect(missing[0]).toMatch(/gone\.png$/);
  });

  it("is refused when no question is left, with the reason", async () => {
    await expect(readChoiceFile(folderWith({}))).rejects.toThrow("there is no question to ask.");
    const lost = readChoiceFile(folderWith({ "DS/nut/good/gone.png": entry }));
    await expect(lost).rejects.toMatchObject({
      message: expect.stringMatching(/no picture was found: .*gone\.png is missing/) as string,
      hint: expect.stringContaining("--images") as string,
    });
  });

  it("is refused with the entry that is broken", async () => {
    const wrong = { conversation: [{ Question: "Defect?", Options: { A: "Yes", B: "No" }, Answer: "C" }] };
    const path = folderWith({ "DS/nut/good/1.png": wrong });
    await expect(readChoiceFile(path)).rejects.toThrow(`${path}: "DS/nut/good/1.png": Question 1: expected`);
  });

  it("is refused with the layout that is expected", async () => {
    for (const wrong of [[], { "DS/nut/good/1.png": 3 }]) {
      await expect(readChoiceFile(folderWith(wrong))).rejects.toThrow(DataError);
    }
  });
});

it("counts by subtask, and answers without an option apart", () => {
  const answer = (subtask: string, right: string, letter: string | null) =>
    ({ question: { subtask, right, category: "nut" }, completion: "", letter }) as ChoiceAnswer;
  const report = choiceReport([
    answer("Anomaly Detection", "A", "A"),
    answer("Anomaly Detection", "A", null),
    answer("Anomaly Detection", "B", "A"),
    answer("Anomaly Detection", "B", "B"),
    answer("Defect Localization", "C", "C"),
  ]);
  expect(report).toMatchObject({ numQuestions: 5, accuracy: 60, unparsed: 20, meanOverSubtasks: 75 });
  expect(report.perSubtask["Anomaly Detection"]).toEqual({ numQuestions: 4, accuracy: 50, unparsed: 25 });
});

it("asks a model every question, with reference pictures where they are wanted", async () => {
  const { questions } = await readChoiceFile(folderWith({ "DS/nut/good/1.png": entry }));
  const model = { base: tinyCheckpoint, adapter: null };
  const steps: number[] = [];
  const settings = { device: "cpu", threads: 1, maxNewTokens: 6, batchSize: 1 } as const;
  const answers = await askChoices(model, questions, { ...settings, onProgress: (done) => steps.push(done) });
  expect(answers.map(({ question }) => question.number)).toEqual([1, 2]);
  expect(steps).toEqual([1, 2]);
  const again = await askChoices(model, questions, { ...settings, batchSize: 2 });
  expect(again.map(({ completion }) => completion)).toEqual(answers.map(({ completion }) => completion));
  const compared = await askChoices(model, questions, { ...settings, references: 1 });
  expect(compared.map(({ completion }) => completion)).not.toEqual(answers.map(({ completion }) => completion));
});
