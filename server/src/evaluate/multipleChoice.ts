/**
 * Questions with lettered options about pictures, in the layout of MMAD: asks a model each of them, reads the letter it chose, and counts
 * right answers by subtask. An answer that names no option is a third outcome with a count of its own, as everywhere here. Published numbers
 * of MMAD come from scripts that guess further; those ways of reading are `parseAnswer.ts`.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import { DataError } from "@iad-r1/models/errors";
import { groupBy } from "@iad-r1/models/util/groupBy";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { ModelReference } from "@iad-r1/protocol/runs";
import { inferenceMessages } from "../data/messages";
import { categoryOfPath } from "../data/samples";
import { readDataFile } from "../data/textFile";
import type { Picture } from "../generate/promptEncoder";
import { greedy } from "../generate/sample";
import { type ModelParts, type ModelPlace, withChosenModel } from "../generate/withModel";
import { parseTags } from "../rewards/tags";
import { type Conversation, isRecord, parseConversation } from "./conversation";

/** One question about one picture. */
export interface ChoiceQuestion {
  /** Key of the entry, and number of the question in it from 1. */
  id: string;
  number: number;
  category: string;
  /** What kind of question it is, as the file says: "Anomaly Detection", "Defect Localization", … */
  subtask: string;
  image: string;
  references: string[];
  /** Question and lettered options, as they are asked. */
  text: string;
  options: Readonly<Record<string, string>>;
  /** The letter of the right option. */
  right: string;
}

export interface ChoiceAnswer {
  question: ChoiceQuestion;
  completion: string;
  /** null: it names no option, or several. */
  letter: string | null;
}

/** Counts, and shares in percent. */
export interface ChoiceScore {
  numQuestions: number;
  accuracy: number;
  /** Answers that name no option; they count as wrong. */
  unparsed: number;
}

export interface ChoiceReport extends ChoiceScore {
  /** Mean accuracy of the subtasks, each counting once; how MMAD sums up. */
  meanOverSubtasks: number;
  perSubtask: Record<string, ChoiceScore>;
  perCategory: Record<string, ChoiceScore>;
}

/** What stands behind the options: the same for every model. */
const instruction = "Answer with the letter of the right option.";

const layoutHint =
  "Give a JSON file of MMAD's layout: image path → {conversation: [{Question, Answer, Options, type}]}.";

// ---- the file ------------------------------------------------------------------------------------------------------

/**
 * @param path   JSON: image path → entry with `conversation` and perhaps `similar_templates`
 * @param images folder that image paths start from; the file's own when left out
 * @returns the questions, and paths of pictures that are not there; their questions are left out
 * @throws DataError for a file that cannot be read, an entry that is none, or when no question is left
 */
export async function readChoiceFile(
  path: string,
  images = dirname(path),
): Promise<{ questions: ChoiceQuestion[]; missing: string[] }> {
  const entries = parsed(await readDataFile(path), path);
  const questions: ChoiceQuestion[] = [];
  const missing: string[] = [];
  for (const [id, entry] of Object.entries(entries)) {
    if (!isRecord(entry)) throw broken(path, `the entry of ${JSON.stringify(id)} must be an object`);
    const image = resolve(images, id);
    const references = texts(entry.similar_templates).map((each) => resolve(images, each));
    const absent = [image, ...references].filter((each) => !existsSync(each));
    if (absent.length > 0) {
      missing.push(...absent);
      continue;
    }
    const rows = Object.entries(entry).find(([key]) => key.startsWith("conversation"))?.[1];
    const conversation = conversationOf(entry, id, path);
    for (const [index, { text, options }] of conversation.questions.entries()) {
      const row: unknown = Array.isArray(rows) ? rows[index] : null;
      questions.push({
        ...{ id, number: index + 1, category: categoryOfPath(id), image, references },
        subtask: isRecord(row) && typeof row.type === "string" && row.type !== "" ? row.type : "other",
        // "Question 3: " is how the list of an entry is sent whole; here each is asked alone.
        text: text.replace(/^Question \d+: /, "").trim(),
        ...{ options, right: conversation.answers[index]! },
      });
    }
  }
  if (questions.length === 0) {
    const lost = missing.length > 0;
    throw new DataError(
      "test-file/no-question",
      `${path}: there is no question to ask${lost ? `, as no picture was found: ${missing[0]} is missing` : ""}.`,
      {
        where: path,
        hint: lost ? "Say with --images where the paths of pictures start from." : layoutHint,
      },
    );
  }
  return { questions, missing: [...new Set(missing)] };
}

/** @throws DataError that says which entry of the file is broken */
function conversationOf(entry: Record<string, unknown>, id: string, path: string): Conversation {
  try {
    return parseConversation(entry);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(error.code, `${path}: ${JSON.stringify(id)}: ${error.message}`, {
      where: path,
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

function parsed(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch (error) {
    throw broken(path, `it is no JSON (${(error as Error).message})`);
  }
  throw broken(path, "expected an object of image paths");
}

function broken(path: string, what: string): DataError {
  return new DataError("test-file/question", `${path}: ${what}.`, {
    where: path,
    hint: layoutHint,
  });
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

// ---- asking --------------------------------------------------------------------------------------------------------

export interface ChoiceOptions extends ModelPlace {
  /** Reference pictures shown before each query, where there are some. */
  references?: number;
  batchSize?: number;
  maxNewTokens?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** @throws DataError when a picture cannot be read, ModelFileError, CancelledError */
export function askChoices(
  reference: ModelReference,
  questions: readonly ChoiceQuestion[],
  options: ChoiceOptions = {},
): Promise<ChoiceAnswer[]> {
  return withChosenModel(reference, options, (parts) => askModel(parts, questions, options));
}

async function askModel(
  { generator, encoder }: ModelParts,
  questions: readonly ChoiceQuestion[],
  { references = 0, batchSize = 16, maxNewTokens = 512, signal, onProgress }: ChoiceOptions,
): Promise<ChoiceAnswer[]> {
  const answers: ChoiceAnswer[] = [];
  for (let from = 0; from < questions.length; from += batchSize) {
    const batch = questions.slice(from, from + batchSize);
    const prompts = await encoder.encode(batch.map((question) => promptOf(question, references)));
    const groups = await generator.generate(
      prompts.map((prompt, i) => ({ prompt, count: 1, seed: ["choice", batch[i]!.id, batch[i]!.number] })),
      { ...{ sampling: greedy, maxNewTokens, maxRows: batchSize }, ...(signal && { signal }) },
    );
    for (const [i, question] of batch.entries()) {
      const completion = groups[i]![0]!.text;
      answers.push({ question, completion, letter: chosenLetter(completion, question.options) });
    }
    onProgress?.(answers.length, questions.length);
  }
  return answers;
}

function promptOf({ image, references, text }: ChoiceQuestion, numReferences: number) {
  const pictures = [...references.slice(0, numReferences), image].map((path): Picture => {
    return { id: path, load: () => loadImage(path) };
  });
  const messages = inferenceMessages("iad-r1-llava", pictures.length - 1) as ChatMessage[];
  const asked = `${text}\n${instruction}`;
  return {
    pictures,
    messages: messages.map((message): ChatMessage => {
      if (typeof message.content === "string") return message;
      const last = message.content.findLastIndex((part) => part.type === "text");
      return {
        ...message,
        content: message.content.map((part, i) => (i === last ? { type: "text", text: asked } : part)),
      };
    }),
  };
}

// ---- reading and counting ------------------------------------------------------------------------------------------

/**
 * The option that an answer names: by its letter, by its text, or by being the only one that occurs in it.
 *
 * @param completion what stands in `<answer>` counts, where there is such a tag
 */
export function chosenLetter(completion: string, options: Readonly<Record<string, string>>): string | null {
  const element = parseTags(completion).elements.findLast(({ name }) => name === "answer");
  const said = (element === undefined ? completion : completion.slice(element.bodyStart, element.bodyEnd)).trim();
  const lead = /^(?:the\s+)?(?:(?:right|correct)\s+)?(?:answer|option)(?:\s+is)?\s*:?\s*/i;
  const short = said.replace(lead, "");
  // A letter alone or with a mark behind it: "A defect is …" chooses nothing.
  const letter = /^\(?([A-Za-z])\)?\s*$|^\(?([A-Z])[.):]/.exec(short);
  const named = (letter?.[1] ?? letter?.[2])?.toUpperCase();
  if (named !== undefined && options[named] !== undefined) return named;
  const entries = Object.entries(options).map(([key, text]) => [key, plain(text)] as const);
  const equal = entries.filter(([, text]) => text === plain(short));
  if (equal.length === 1) return equal[0]![0];
  const words = ` ${plain(said)} `;
  const occurring = entries.filter(([, text]) => text !== "" && words.includes(` ${text} `));
  return occurring.length === 1 ? occurring[0]![0] : null;
}

/** Words alone: lower case, no marks, single blanks. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

export function choiceReport(answers: readonly ChoiceAnswer[]): ChoiceReport {
  const perSubtask = grouped(answers, ({ question }) => question.subtask);
  const accuracies = Object.values(perSubtask).map(({ accuracy }) => accuracy);
  return {
    ...scoreOf(answers),
    meanOverSubtasks: accuracies.reduce((sum, each) => sum + each, 0) / Math.max(1, accuracies.length),
    perSubtask,
    perCategory: grouped(answers, ({ question }) => question.category),
  };
}

function grouped(answers: readonly ChoiceAnswer[], key: (answer: ChoiceAnswer) => string): Record<string, ChoiceScore> {
  return Object.fromEntries([...groupBy(answers, key)].map(([name, list]) => [name, scoreOf(list)]));
}

function scoreOf(answers: readonly ChoiceAnswer[]): ChoiceScore {
  const share = (count: number) => (100 * count) / Math.max(1, answers.length);
  return {
    numQuestions: answers.length,
    accuracy: share(answers.filter(({ letter, question }) => letter === question.right).length),
    unparsed: share(answers.filter(({ letter }) => letter === null).length),
  };
}
