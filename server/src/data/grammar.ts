/**
 * The answer grammar that the model is taught, checked strictly: what a training target must look like. Answers of a model
 * are judged elsewhere and more leniently (rewards, evaluate).
 *
 *   `<think>…</think><location>…</location><type>…</type><answer>Yes</answer>`   a defect
 *   `<think>…</think><answer>No</answer>`                                         no defect
 */
import { LOCATIONS } from "./locations";
import type { Label } from "./samples";

export interface AnswerIssue {
  severity: "error" | "warning";
  code: "data/broken-tags" | "data/contradiction" | "data/unusual-answer";
  message: string;
}

export interface TaggedAnswer {
  think: string | null;
  location: string | null;
  type: string | null;
  /** As written, stripped. */
  answer: string | null;
  /** Null when the answer is neither yes nor no. */
  label: Label | null;
  issues: AnswerIssue[];
}

const TAGS = ["think", "location", "type", "answer"] as const;
type Tag = (typeof TAGS)[number];

/** `needThink` is false for SC-GRPO solutions, which have no reasoning. */
export function checkAnswer(text: string, needThink: boolean): TaggedAnswer {
  const issues: AnswerIssue[] = [];
  const broken = (message: string) => issues.push({ severity: "error", code: "data/broken-tags", message });
  const bodies: Record<Tag, string | null> = { think: null, location: null, type: null, answer: null };
  const order: Tag[] = [];
  let at = 0;
  for (let guard = 0; at < text.length && guard < 8; guard++) {
    const open = /<(\/?)(think|location|type|answer)>/i.exec(text.slice(at));
    const between = open === null ? text.slice(at) : text.slice(at, at + open.index);
    if (open === null && order.length === 0 && between.trim() !== "") {
      broken(`There is no <answer>. There is text outside the tags: ${clip(between.trim())}.`);
    } else if (between.trim() !== "") broken(`There is text outside the tags: ${clip(between.trim())}.`);
    else if (between !== "") issues.push(blank(order.length === 0));
    if (open === null) break;
    const name = open[2]!;
    const tag = name.toLowerCase() as Tag;
    if (open[1] === "/") {
      broken(`</${name}> has no opening tag before it.`);
      break;
    }
    if (name !== tag) broken(`<${name}> must be written in small letters.`);
    const start = at + open.index + open[0].length;
    const end = text.indexOf(`</${tag}>`, start);
    if (end < 0) {
      broken(`<${tag}> is not closed.`);
      break;
    }
    const body = text.slice(start, end);
    if (/<\/?(think|location|type|answer)>/i.test(body)) broken(`There is another tag inside <${tag}>.`);
    if (bodies[tag] !== null) broken(`<${tag}> appears twice.`);
    bodies[tag] = body;
    order.push(tag);
    at = end + tag.length + 3;
  }
  const result: TaggedAnswer = {
    think: bodies.think,
    location: bodies.location?.trim() ?? null,
    type: bodies.type?.trim() ?? null,
    answer: bodies.answer?.trim() ?? null,
    label: null,
    issues,
  };
  // One broken tag hides those behind it; their absence is no second fault.
  const whole = !issues.some((issue) => issue.severity === "error");
  if (result.answer === null) {
    if (whole) broken("There is no <answer>.");
  } else if (result.answer.toLowerCase() === "yes") result.label = "anomalous";
  else if (result.answer.toLowerCase() === "no") result.label = "normal";
  else broken(`<answer> must be Yes or No, got ${clip(result.answer)}.`);
  if (needThink && bodies.think === null && whole) broken("There is no <think>.");
  if (!needThink && bodies.think !== null) {
    issues.push({ severity: "warning", code: "data/unusual-answer", message: "A solution has no <think> of its own." });
  }
  const expected = TAGS.filter((tag) => bodies[tag] !== null);
  if (issues.length === 0 && order.join() !== expected.join())
    broken(`The tags must stand in the order ${expected.join(", ")}.`);
  checkConsistency(result, issues);
  return result;
}

function checkConsistency(answer: TaggedAnswer, issues: AnswerIssue[]): void {
  const contradiction = (message: string) => issues.push({ severity: "error", code: "data/contradiction", message });
  const unusual = (message: string) => issues.push({ severity: "warning", code: "data/unusual-answer", message });
  if (answer.label === "normal") {
    if (answer.location !== null || answer.type !== null)
      contradiction("The answer is No, but a location or type is given.");
  } else if (answer.label === "anomalous") {
    if (answer.location === null || answer.type === null)
      contradiction("The answer is Yes, but the location or the type is missing.");
    else if (answer.location === "" || answer.type === "")
      contradiction("The answer is Yes, but the location or the type is empty.");
    else if (!(LOCATIONS as readonly string[]).includes(answer.location.toLowerCase())) {
      unusual(
        `The location ${clip(answer.location)} is not one of the nine phrases; it counts as the cell that its words name.`,
      );
    }
  }
  if (answer.think !== null && answer.think.trim() === "") unusual("The reasoning is empty.");
  if (answer.answer !== null && answer.label !== null && answer.answer !== (answer.label === "normal" ? "No" : "Yes")) {
    unusual(`The answer is taught as Yes or No, got ${clip(answer.answer)}.`);
  }
}

function blank(first: boolean): AnswerIssue {
  const where = first ? "before the first tag" : "between two tags or after the last";
  return {
    severity: "warning",
    code: "data/unusual-answer",
    message: `There is white space ${where}; the format reward gives 0 for it.`,
  };
}

function clip(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length > 60 ? `${quoted.slice(0, 57)}..."` : quoted;
}
