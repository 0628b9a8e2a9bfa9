/**
 * Questions of one entry of a test file `test_<SET>_format.json` (reference section 12.2). Reading the file and its images
 * is the data part's work.
 */
import { DataError } from "@iad-r1/models/errors";
import type { Question } from "../data/messages";

export interface Conversation {
  questions: Question[];
  /** The letter of each right option. */
  answers: string[];
}

/**
 * The questions under the first key that starts with `conversation`, options lettered anew.
 *
 * Options named by whole numbers come in ascending order, whatever the file says: so JavaScript keeps them.
 *
 * @throws DataError `test-file/answer` when `Answer` is none of the options; `test-file/question` when a field is missing
 */
export function parseConversation(entry: Readonly<Record<string, unknown>>): Conversation {
  const key = Object.keys(entry).find((name) => name.startsWith("conversation"));
  const rows = key === undefined ? [] : entry[key];
  if (!Array.isArray(rows)) throw badQuestion(`${key}: expected a list of questions`);
  const conversation: Conversation = { questions: [], answers: [] };
  rows.forEach((row: unknown, index) => {
    const number = index + 1;
    if (!isRecord(row)) throw badQuestion(`question ${number}: expected an object`);
    const { Question: question, Answer: answer, Options: options } = row;
    if (typeof question !== "string") throw badQuestion(`question ${number}: expected a text \`Question\``);
    if (!isRecord(options)) throw badQuestion(`question ${number}: expected an object \`Options\``);
    const entries = Object.entries(options).map(([name, text], i) => {
      if (typeof text !== "string") throw badQuestion(`question ${number}: option ${name} is not text`);
      return { name, letter: String.fromCharCode(65 + i), text };
    });
    const right = entries.find(({ name }) => name === answer);
    if (right === undefined) {
      throw new DataError(
        "test-file/answer",
        `Question ${number}: expected \`Answer\` to be one of ${Object.keys(options).join(", ") || "no options"}, got ${JSON.stringify(answer)}.`,
        { hint: "Correct the entry of the test file." },
      );
    }
    conversation.questions.push({
      type: "text",
      text: `Question ${number}: ${question} \n${entries.map(({ letter, text }) => `${letter}. ${text}\n`).join("")}`,
      options: Object.fromEntries(entries.map(({ letter, text }) => [letter, text])),
    });
    conversation.answers.push(right.letter);
  });
  return conversation;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badQuestion(what: string): DataError {
  return new DataError("test-file/question", `The test file has a broken entry: ${what}.`, {
    hint: "Each question needs `Question`, `Answer`, `Options` and `type`.",
  });
}
