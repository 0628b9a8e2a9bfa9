/**
 * Chat messages for training and inference, and request bodies for models behind an API (reference sections 2.2 and 3).
 * Images are named, never opened; rendering to a prompt text is the chat template's work.
 */
import { ConfigError, DataError } from "@iad-r1/models/errors";
import type { ChatMessage, ImagePart, TextPart } from "@iad-r1/models/text/chatTemplate";
import {
  apiTexts,
  inferenceTexts,
  inspectorIntroduction,
  internVlTexts,
  questionPlaceholder,
  questionTemplates,
  type Shots,
  systemPrompts,
} from "./prompts";

/** A question of a test file with its options; see `evaluate/conversation.ts`. */
export interface Question {
  type: "text";
  /** The question with its options, one per line. */
  text: string;
  /** New letter to option text: letters A, B, … in the order of the file. */
  options: Record<string, string>;
}

// ---------------------------------------------------------------------------------------------------------------------
// Training

/** A row of an SC-GRPO data set, as it stands in the file. */
export interface TrainingRow {
  image?: unknown;
  problem: string;
}

export interface TrainingMessageOptions {
  /** 0: one image; 1: a reference image first. Decides the words only: every image of the row is sent. */
  shots: Shots;
  /**
   * question: the row's question alone. expert: the expert sentence before it, as all published scripts do. system: the
   * system prompt, and the question as it is.
   */
  style: "question" | "expert" | "system";
  /** Folder that relative image paths are joined with. */
  imageRoot: string;
  /** Leaves out the unfilled `{Question}` at the end of the system prompt, which the original sends. False when left out. */
  dropPlaceholder?: boolean;
}

export interface TrainingPrompt {
  messages: ChatMessage[];
  /** Paths in prompt order. */
  images: string[];
}

/**
 * The prompt of a training row, or null when the row has no image (missing, empty text, empty list).
 *
 * @throws DataError `data/image-shape` when `image` is neither a path nor a list of paths or `{path}` objects
 * @throws ConfigError `prompt/shots` when `shots` is neither 0 nor 1
 */
export function trainingMessages(row: TrainingRow, options: TrainingMessageOptions): TrainingPrompt | null {
  const { shots, style, imageRoot, dropPlaceholder = false } = options;
  if (shots !== 0 && shots !== 1) {
    throw new ConfigError("prompt/shots", `The published prompts know 0 or 1 reference image, got ${String(shots)}.`, {
      hint: "Use 0 or 1 reference images, or the prompt style `question`.",
    });
  }
  const images = imagePaths(row.image, imageRoot);
  if (images.length === 0) return null;
  const text =
    style === "expert" ? questionTemplates[shots].replace(questionPlaceholder, () => row.problem) : row.problem;
  const user: ChatMessage = { role: "user", content: [...images.map(() => imagePart), textPart(text)] };
  if (style !== "system") return { messages: [user], images };
  const system = dropPlaceholder ? systemPrompts[shots].replace(questionPlaceholder, "") : systemPrompts[shots];
  return { messages: [{ role: "system", content: system }, user], images };
}

function imagePaths(image: unknown, root: string): string[] {
  if (image === undefined || image === null || image === "") return [];
  if (typeof image === "string") return [joinPath(root, image)];
  if (!Array.isArray(image)) throw badImage("a path or a list of paths", image);
  return image.map((item: unknown) => {
    if (typeof item === "string") return joinPath(root, item);
    if (typeof item === "object" && item !== null && "path" in item && typeof item.path === "string") {
      return joinPath(root, item.path);
    }
    throw badImage("a list of paths or {path} objects", item);
  });
}

function badImage(expected: string, got: unknown): DataError {
  return new DataError("data/image-shape", `\`image\`: expected ${expected}, got ${JSON.stringify(got)}.`, {
    hint: 'Write "part.png", or ["reference.png", "part.png"]; a single object must stand in a list.',
  });
}

/** Python `os.path.join(root, path)`: an absolute path wins over the root. */
function joinPath(root: string, path: string): string {
  if (path.startsWith("/") || root === "") return path;
  return root.endsWith("/") ? `${root}${path}` : `${root}/${path}`;
}

/** Stands for one image in the texts of a PA-SFT data set. */
const imagePlaceholder = "<image>";

/**
 * The messages of a PA-SFT record with its `<image>` placeholders turned into image parts, in place. One line feed right
 * behind a placeholder is dropped: chat templates set their own, and would give two.
 */
export function sftMessages(messages: readonly { role: string; content: string }[]): ChatMessage[] {
  return messages.map(({ role, content }) => {
    const [before, ...behind] = content.split(imagePlaceholder);
    if (behind.length === 0) return { role, content };
    const parts: (TextPart | ImagePart)[] = before === "" ? [] : [textPart(before!)];
    for (const piece of behind) {
      parts.push(imagePart);
      const text = piece.replace(/^\n/, "");
      if (text !== "") parts.push(textPart(text));
    }
    return { role, content: parts };
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Inference with local models

/** The published script families. */
export type InferenceFamily =
  | "iad-r1-qwen"
  | "iad-r1-llava"
  | "iad-r1-llava-1-5"
  | "base-qwen"
  | "base-llava"
  | "base-llava-1-5"
  | "anomaly-r1";

/** A message whose text may be the list of questions itself: what the Anomaly-R1 script hands to the template. */
export interface InferenceMessage {
  role: string;
  content: string | readonly (TextPart | ImagePart | { type: "text"; text: readonly Question[] })[];
}

const { references, testSample, testQuestion, queryQuestion, answerByYesOrNo, anomalyR1System } = inferenceTexts;

/** Per family: what the questions are, whether the test image is announced without references too, and the system text. */
const inferenceFamilies: Readonly<
  Record<InferenceFamily, { questions: readonly string[]; alwaysAnnounced: boolean; system: string | null }>
> = {
  "iad-r1-qwen": { questions: [testQuestion], alwaysAnnounced: false, system: null },
  "iad-r1-llava": { questions: [queryQuestion], alwaysAnnounced: false, system: null },
  "iad-r1-llava-1-5": { questions: [testQuestion], alwaysAnnounced: true, system: null },
  "base-qwen": { questions: [testQuestion], alwaysAnnounced: false, system: answerByYesOrNo },
  "base-llava": { questions: [queryQuestion], alwaysAnnounced: true, system: null },
  "base-llava-1-5": { questions: [testQuestion, answerByYesOrNo], alwaysAnnounced: false, system: null },
  "anomaly-r1": { questions: [], alwaysAnnounced: false, system: anomalyR1System },
};

/**
 * Messages of the published inference scripts: references if any, test image, question.
 *
 * @param numReferences k, reference images actually at hand
 * @param questions     needed by anomaly-r1 only, which sends the whole list in place of a text
 */
export function inferenceMessages(
  family: InferenceFamily,
  numReferences: number,
  questions: readonly Question[] = [],
): InferenceMessage[] {
  const { questions: texts, alwaysAnnounced, system } = inferenceFamilies[family];
  const hasReferences = numReferences > 0;
  const user: InferenceMessage = {
    role: "user",
    content: [
      ...(hasReferences ? [textPart(references(numReferences)), ...repeat(imagePart, numReferences)] : []),
      ...(hasReferences || alwaysAnnounced ? [textPart(testSample)] : []),
      imagePart,
      ...texts.map(textPart),
      ...(family === "anomaly-r1" ? [{ type: "text" as const, text: questions }] : []),
    ],
  };
  return system === null ? [user] : [{ role: "system", content: system }, user];
}

/**
 * Whose chat template the family's script calls: the tokenizer's (asked for text, not ids) or the processor's.
 * Both add the generation prompt.
 */
export function templateOwner(family: InferenceFamily): "tokenizer" | "processor" {
  return family === "iad-r1-qwen" || family === "base-qwen" || family === "anomaly-r1" ? "tokenizer" : "processor";
}

/** The plain prompt for InternVL, which gets no chat template; one `<image>` line per image. */
export function internVlPrompt(numReferences: number, numDefects: number): string {
  return [
    inspectorIntroduction,
    ...(numReferences > 0 ? [internVlTexts.references(numReferences), ...repeat("<image>", numReferences)] : []),
    ...(numDefects > 0 ? [internVlTexts.defects(numDefects), ...repeat("<image>", numDefects)] : []),
    internVlTexts.query,
    "<image>",
    testQuestion,
    internVlTexts.answerByYesOrNo,
  ].join("\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// Models behind an API

export type ApiModel =
  | "gpt-4.1"
  | "gpt-4.1-mini"
  | "gpt-4.1-nano"
  | "gpt-4o-2024-08-06"
  | "gpt-4o-mini"
  | "claude-sonnet-4-20250514"
  | "qwen-vl-max";

/** An encoded image. */
export interface ApiImage {
  /** Base64 of the file. */
  data: string;
  /** What the request says it is; the published scripts declare some JPEG bytes as PNG. */
  mediaType: string;
}

const apiMaxTokens = 600;

/** The request body that the published script of that model sends: references, test image, question. */
export function apiPayload(model: ApiModel, references: readonly ApiImage[], testImage: ApiImage): unknown {
  if (model === "claude-sonnet-4-20250514") {
    const content = [
      ...references.map(sourceImage),
      ...(references.length > 0 ? [textPart(apiTexts.references(references.length))] : []),
      sourceImage(testImage),
      textPart(testQuestion),
      textPart(apiTexts.oneWord),
    ];
    return { model, max_tokens: apiMaxTokens, messages: [{ role: "user", content }] };
  }
  const detail = model === "qwen-vl-max" ? undefined : "low";
  const content = [
    ...[...references, testImage].map((image) => urlImage(image, detail)),
    textPart(testQuestion),
    textPart(apiTexts.directly),
  ];
  return { model, messages: [{ role: "user", content }], max_tokens: apiMaxTokens };
}

/** The request body of the scripts' unused common ancestor, which sends the whole question list. */
export function baseClassPayload(
  references: readonly ApiImage[],
  testImage: ApiImage,
  questions: readonly Question[],
): unknown {
  const content = [
    ...(references.length > 0 ? [textPart(apiTexts.baseClassReferences(references.length))] : []),
    ...references.map((image) => urlImage(image, "low")),
    textPart(apiTexts.baseClassQuery),
    urlImage(testImage, "low"),
    textPart(apiTexts.baseClassQuestions),
    ...questions,
  ];
  const messages = [
    { role: "system", content: [textPart(inspectorIntroduction)] },
    { role: "user", content },
  ];
  return { model: "gpt-4o", messages, max_tokens: apiMaxTokens };
}

function urlImage({ data, mediaType }: ApiImage, detail: string | undefined): unknown {
  const url = `data:${mediaType};base64,${data}`;
  return { type: "image_url", image_url: detail === undefined ? { url } : { url, detail } };
}

function sourceImage({ data, mediaType }: ApiImage): unknown {
  return { type: "image", source: { type: "base64", media_type: mediaType, data } };
}

const imagePart: ImagePart = { type: "image" };

function textPart(text: string): TextPart {
  return { type: "text", text };
}

function repeat<T>(item: T, times: number): T[] {
  return new Array<T>(times).fill(item);
}
