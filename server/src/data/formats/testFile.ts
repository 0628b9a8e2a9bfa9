/** Test files of the reference, `test_<SET>_format.json`: image path to question and references (reference section 2.3). */
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import type { JsonSource, JsonValue } from "../jsonSource";
import type { Parsed, Problems } from "../problems";
import { dataQuestion } from "../prompts";
import { categoryOfPath, type InspectionSample } from "../samples";
import {
  absolutePath,
  type Draft,
  describe,
  isRecord,
  type JsonRecord,
  type NeededFile,
  type ReadFileOptions,
  readJsonFile,
  replaceValue,
} from "./records";

export interface TestEntry {
  image_path: string;
  conversation: { Question: string; Answer: "A" | "B"; Options: { A: string; B: string }; type: string }[];
  similar_templates: string[];
  random_templates: string[];
}

/** @throws DataError when the file cannot be read; everything inside it becomes a problem */
export function readTestFile(path: string, options: ReadFileOptions = {}): Promise<Parsed<InspectionSample[]>> {
  return readJsonFile(path, options, testFileDrafts);
}

export function testFileDrafts(source: JsonSource, root: string, problems: Problems): Draft[] {
  const top = source.value;
  if (!isRecord(top)) {
    problems.error(
      { line: 1, column: 1 },
      "data/wrong-shape",
      `Expected an object of image paths, got ${describe(top)}.`,
    );
    return [];
  }
  const drafts: Draft[] = [];
  for (const [key, entry] of Object.entries(top)) {
    const at = source.at(top, key);
    if (!isRecord(entry))
      problems.error(
        at,
        "data/wrong-shape",
        `The entry of ${describe(key)} must be an object, got ${describe(entry)}.`,
      );
    else {
      const draft = draftOf(source, key, entry, root, problems);
      if (draft !== null) drafts.push(draft);
    }
  }
  return drafts;
}

function draftOf(source: JsonSource, key: string, entry: JsonRecord, root: string, problems: Problems): Draft | null {
  const at = source.at(entry);
  const written = entry.image_path ?? key;
  if (typeof written !== "string") {
    problems.error(
      source.at(entry, "image_path"),
      "data/wrong-type",
      `"image_path" must be text, got ${describe(written)}.`,
    );
    return null;
  }
  if (written !== key) {
    problems.warning(
      source.at(entry, "image_path"),
      "data/wrong-key",
      `"image_path" differs from the key ${describe(key)}; the key is used for the answers.`,
      undefined,
      [replaceValue(source, entry, "image_path", key, "Set image_path to the key", true)],
    );
  }
  const image = absolutePath(root, written, at, problems);
  const question = questionOf(source, entry, problems);
  if (image === null || question === null) return null;
  const label = question.answer === "A" ? "anomalous" : "normal";
  if (key.includes("good") !== (label === "normal")) {
    problems.warning(
      at,
      "data/good-in-path",
      `The metrics of the reference count an image as normal exactly when its path contains "good"; this one is ${label}.`,
    );
  }
  const sample: InspectionSample = {
    id: key,
    image: "",
    references: [],
    category: categoryOfPath(written),
    label,
    defectType: null,
    location: null,
    locations: [],
    mask: null,
    question: question.text,
  };
  const files: NeededFile[] = [
    { candidates: [image], at, what: "image", required: true, use: (found) => (sample.image = found!) },
  ];
  const templates = entry.similar_templates ?? [];
  if (!Array.isArray(templates) || templates.some((path) => typeof path !== "string")) {
    problems.error(
      source.at(entry, "similar_templates"),
      "data/wrong-type",
      '"similar_templates" must be a list of paths.',
    );
    return null;
  }
  for (const [k, template] of (templates as string[]).entries()) {
    const where = source.at(templates, k);
    const path = absolutePath(root, template, where, problems);
    if (path === null) return null;
    files.push({
      candidates: [path],
      at: where,
      what: "reference image",
      required: true,
      use: (found) => sample.references.push(found!),
    });
  }
  return { sample, files };
}

/** The one question of an entry; a problem when there is none or its answer is neither of the options. */
function questionOf(
  source: JsonSource,
  entry: JsonRecord,
  problems: Problems,
): { text: string; answer: "A" | "B" } | null {
  const list = entry.conversation;
  const question: JsonValue | undefined = Array.isArray(list) ? list[0] : undefined;
  if (!isRecord(question)) {
    problems.error(
      source.at(entry, "conversation"),
      "data/wrong-type",
      '"conversation" must be a list with one question.',
    );
    return null;
  }
  if ((list as JsonValue[]).length > 1) {
    problems.warning(source.at(entry, "conversation"), "data/more-questions", "Only the first question is used.");
  }
  const { Question: text, Answer: answer, Options: options } = question;
  if (typeof text !== "string") {
    problems.error(
      source.at(question, "Question"),
      "data/wrong-type",
      `"Question" must be text, got ${describe(text)}.`,
    );
    return null;
  }
  if (answer !== "A" && answer !== "B") {
    const word = typeof answer === "string" ? /^\W*(yes|no|a|b)\W*$/i.exec(answer)?.[1]?.toLowerCase() : undefined;
    const letter = word === undefined ? null : word === "yes" || word === "a" ? "A" : "B";
    problems.error(
      source.at(question, "Answer"),
      "data/wrong-type",
      `"Answer" must be "A" (yes) or "B" (no), got ${describe(answer)}.`,
      undefined,
      letter === null ? [] : [replaceValue(source, question, "Answer", letter, `Answer ${letter}`, true)],
    );
    return null;
  }
  if (options !== undefined && (!isRecord(options) || options.A !== "Yes." || options.B !== "No.")) {
    problems.warning(
      source.at(question, "Options"),
      "data/unusual-options",
      'The options of the reference are {"A": "Yes.", "B": "No."}.',
    );
  }
  return { text, answer };
}

/** The entry of a sample under its `key`, the image path relative to the test root. */
export function testEntry(sample: InspectionSample, pathOf: (image: string) => string): TestEntry {
  const templates = sample.references.map(pathOf);
  return {
    image_path: pathOf(sample.image),
    conversation: [
      {
        Question: dataQuestion,
        Answer: sample.label === "anomalous" ? "A" : "B",
        Options: { A: "Yes.", B: "No." },
        type: "Anomaly Detection",
      },
    ],
    similar_templates: templates,
    random_templates: templates,
  };
}

export async function writeTestFile(
  path: string,
  samples: readonly InspectionSample[],
  pathOf: (image: string) => string,
): Promise<void> {
  const lines = samples.map((sample) => {
    const entry = testEntry(sample, pathOf);
    return `${JSON.stringify(entry.image_path)}: ${JSON.stringify(entry)}`;
  });
  await writeFileAtomically(path, `{\n${lines.join(",\n")}\n}\n`);
}
