/**
 * The exact texts of the published prompts (reference section 3), odd joints and number agreement included. Texts only;
 * `messages.ts` puts them together with images.
 */

/** Where the row's question goes. In the system prompts the original leaves it standing as it is. */
export const questionPlaceholder = "{Question}";

/** The question of the training and test data. */
export const dataQuestion = "Are there any defects in the query image?";

/** One image, or a normal reference image before it. */
export type Shots = 0 | 1;

const zeroShotOpening =
  "You are an expert in detecting anomalies in image. Your task is to detect if there are any anomalies in the test image.";
const oneShotReference =
  "I will provide you with two images: a reference image (first) showing a normal object without defects, and a test " +
  "image (second) that needs inspection.Your task is to compare these images and determine if there are any anomalies in " +
  "the test image. Use the reference image as a baseline for what is considered normal.";
const answerFormat =
  "If you find anomalies in the test image, structure your response with the following format:" +
  "<think>[Your process of observation and reasoning is here]</think>" +
  "<location>[The location of the anomaly in the image]</location>" +
  "<type>[The type of anomaly in the image]</type>" +
  "<answer>[Your final answer is here(yes or no)]</answer>" +
  "If no anomalies are detected in the test image, structure your response with the following format:" +
  "<think>[Your process of observation and reasoning is here]</think>" +
  "<answer>[Your final answer is here(yes or no)]</answer>";

/** SC-GRPO, user text: the expert sentence before the question. Used by all published training scripts. */
export const questionTemplates: Readonly<Record<Shots, string>> = {
  0:
    "You are an expert in detecting defects in image. Your task is to detect if there are any defects in the test image." +
    questionPlaceholder,
  1: `You are an expert in detecting defects in image. ${oneShotReference}${questionPlaceholder}`,
};

/** SC-GRPO, system text. Sent unfilled by the original. */
export const systemPrompts: Readonly<Record<Shots, string>> = {
  0: `${zeroShotOpening}${answerFormat}${questionPlaceholder}`,
  1:
    `You are an expert in detecting anomalies in images. ${oneShotReference}${answerFormat}` +
    "Remember that the first image is always the reference (normal) image, and the second image is the test image that " +
    `needs inspection.${questionPlaceholder}`,
};

/** Texts of the inference scripts; k and d are numbers of images. */
export const inferenceTexts = {
  references: (k: number) =>
    `Following is ${k} image of normal sample, which can be used as a template to compare the image being queried.`,
  testSample: "Following is image of test sample:",
  testQuestion: "Are there any defects in the test image?",
  queryQuestion: dataQuestion,
  answerByYesOrNo: "Please answer by yes or no",
  anomalyR1System:
    "First output the thinking process in <think> </think> tags and then output the final answer letter in <answer> </answer> tags.",
} as const;

/** First part of the InternVL prompt and system text of the unused API base class; begins and ends with a line feed. */
export const inspectorIntroduction =
  "\nYou are an industrial inspector who checks products by images. You should judge whether there is a defect in the " +
  "query image and answer the questions about it.\nAnswer with the option's letter from the given choices directly.\n";

export const internVlTexts = {
  references: (k: number) =>
    `Following is/are ${k} image of normal sample, which can be used as a template to compare the image being queried.`,
  defects: (d: number) => `Following is/are ${d} image of defect sample for reference.`,
  query: "Following is the query image:",
  answerByYesOrNo: "Please answer by yes or no.",
} as const;

export const apiTexts = {
  directly: "Directly answer by yes or no.",
  oneWord: "Respond with exactly one word: 'yes' or 'no'",
  /** Sent to Claude only; the GPT and Qwen scripts build it and leave it out. */
  references: (k: number) => `The first ${k} image is the normal sample, which can be used as a template to compare.`,
  baseClassReferences: (k: number) =>
    `Following is ${k} image of normal sample, which can be used as a template to compare.`,
  baseClassQuery: "Following is the query image: ",
  baseClassQuestions: "Following is the question list: ",
} as const;
