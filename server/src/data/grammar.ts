/**
 * The answer grammar that the model is taught, checked strictly: what a training target must look like. Answers of a model
 * are judged elsewhere and more leniently (rewards, evaluate).
 *
 *   `<think>…</think><location>…</location><type>…</type><answer>Yes</answer>`   a defect
 *   `<think>…</think><answer>No</answer>`                                         no defect
 */
import { LOCATIONS } from "@iad-r1/protocol/locations";
import type { Label } from "./samples";

export interface AnswerIssue {
  severity: "error" | "warning";
  code: "data/broken-tags" | "data/contradiction" | "data/unusual-answer";
  message: string;
  /** What it is about, as offsets in the answer; the whole answer when something is missing. */
  start: number;
  end: number;
  /** Changes that mend it, the best first. */
  fixes: AnswerFix[];
}

/** A change of the answer, by offsets in it. */
export interface AnswerFix {
  title: string;
  edits: { start: number; end: number; text: string }[];
  /** There is no doubt what was meant. */
  sure: boolean;
}

/** What stands as the place where nobody knows it: the answer keeps its form, and rewards have nothing to compare with. */
export const unknownPlace = "unknown";

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

/** A tag with its content: `<tag>` from `start` to `bodyStart`, `</tag>` from `bodyEnd` to `end`. */
interface Element {
  tag: Tag;
  start: number;
  bodyStart: number;
  bodyEnd: number;
  end: number;
}

/** The place that an answer tells a sample; none where it says that it is unknown. */
export function toldPlace({ location }: TaggedAnswer): { location: string | null; locations: string[] } {
  if (location === null || location.toLowerCase() === unknownPlace) return { location: null, locations: [] };
  return { location, locations: [location] };
}

/** `needThink` is false for SC-GRPO solutions, which have no reasoning. */
export function checkAnswer(text: string, needThink: boolean): TaggedAnswer {
  const issues: AnswerIssue[] = [];
  const broken = (message: string, start = 0, end = text.length, fixes: AnswerFix[] = []) =>
    issues.push({ severity: "error", code: "data/broken-tags", message, start, end, fixes });
  const elements: Partial<Record<Tag, Element>> = {};
  const order: Tag[] = [];
  let at = 0;
  for (let guard = 0; at < text.length && guard < 8; guard++) {
    const open = /<(\/?)(think|location|type|answer)>/i.exec(text.slice(at));
    const openStart = open === null ? text.length : at + open.index;
    const between = text.slice(at, openStart);
    if (between.trim() !== "") {
      const [start, end] = [at + between.search(/\S/), at + between.trimEnd().length];
      const none = open === null && order.length === 0 ? "There is no <answer>. " : "";
      broken(`${none}There is text outside the tags: ${clip(between.trim())}.`, start, end, [
        { title: "Remove the text outside the tags", edits: [{ start: at, end: openStart, text: "" }], sure: false },
      ]);
    } else if (between !== "") issues.push(blank(order.length === 0, at, openStart));
    if (open === null) break;
    const name = open[2]!;
    const tag = name.toLowerCase() as Tag;
    const bodyStart = openStart + open[0].length;
    if (open[1] === "/") {
      broken(`</${name}> has no opening tag before it.`, openStart, bodyStart, [
        { title: `Remove </${name}>`, edits: [{ start: openStart, end: bodyStart, text: "" }], sure: false },
      ]);
      break;
    }
    const bodyEnd = text.indexOf(`</${tag}>`, bodyStart);
    if (name !== tag) {
      const message = `<${name}> must be written in small letters.`;
      broken(message, openStart, bodyStart, [smallLetters(text, tag, openStart, bodyStart)]);
    }
    if (bodyEnd < 0) {
      // A closing tag in capitals is part of the fault above.
      const inCapitals = name !== tag && new RegExp(`</${tag}>`, "i").test(text.slice(bodyStart));
      if (!inCapitals) broken(`<${tag}> is not closed.`, openStart, bodyStart, [closing(text, tag, bodyStart)]);
      break;
    }
    const end = bodyEnd + tag.length + 3;
    const inner = /<\/?(think|location|type|answer)>/i.exec(text.slice(bodyStart, bodyEnd));
    if (inner !== null) {
      const start = bodyStart + inner.index;
      broken(`There is another tag inside <${tag}>.`, start, start + inner[0].length);
    }
    if (elements[tag] !== undefined) {
      broken(`<${tag}> appears twice.`, openStart, end, [
        { title: `Remove the second <${tag}>`, edits: [{ start: openStart, end, text: "" }], sure: false },
      ]);
    }
    elements[tag] = { tag, start: openStart, bodyStart, bodyEnd, end };
    order.push(tag);
    at = end;
  }
  const body = (tag: Tag) => {
    const element = elements[tag];
    return element === undefined ? null : text.slice(element.bodyStart, element.bodyEnd);
  };
  const result: TaggedAnswer = {
    think: body("think"),
    location: body("location")?.trim() ?? null,
    type: body("type")?.trim() ?? null,
    answer: body("answer")?.trim() ?? null,
    label: null,
    issues,
  };
  // One broken tag hides those behind it; their absence is no second fault.
  const whole = !issues.some((issue) => issue.severity === "error");
  if (result.answer === null) {
    const word = result.location !== null && result.type !== null ? "Yes" : "No";
    const add = { start: text.length, end: text.length, text: `<answer>${word}</answer>` };
    const fixes =
      order.length === 0 ? [] : [{ title: `Add <answer>${word}</answer>`, edits: [add], sure: word === "Yes" }];
    if (whole) broken("There is no <answer>.", 0, text.length, fixes);
  } else if (result.answer.toLowerCase() === "yes") result.label = "anomalous";
  else if (result.answer.toLowerCase() === "no") result.label = "normal";
  else {
    const { bodyStart, bodyEnd } = elements.answer!;
    const meant = /^\W*(yes|no)\W*$/i.exec(result.answer)?.[1]?.toLowerCase();
    const fixes = (["Yes", "No"] as const)
      .filter((word) => meant === undefined || meant === word.toLowerCase())
      .map((word) => bodyFix(`Answer ${word}`, elements.answer!, word, meant !== undefined));
    broken(`<answer> must be Yes or No, got ${clip(result.answer)}.`, bodyStart, Math.max(bodyEnd, bodyStart), fixes);
  }
  if (needThink && result.think === null && whole) broken("There is no <think>.");
  if (!needThink && result.think !== null) {
    const { start, end } = elements.think!;
    issues.push({
      ...{
        severity: "warning",
        code: "data/unusual-answer",
        message: "A solution has no <think> of its own.",
        start,
        end,
      },
      fixes: [{ title: "Remove the reasoning", edits: [{ start, end, text: "" }], sure: false }],
    });
  }
  const expected = TAGS.filter((tag) => elements[tag] !== undefined);
  if (issues.length === 0 && order.join() !== expected.join()) {
    const parts = expected.map((tag) => text.slice(elements[tag]!.start, elements[tag]!.end));
    const edits = [{ start: 0, end: text.length, text: parts.join("") }];
    const fixes = [{ title: "Put the tags in order", edits, sure: true }];
    broken(`The tags must stand in the order ${expected.join(", ")}.`, 0, text.length, fixes);
  }
  // What broken tags seem to say may be an accident of where they broke.
  if (!issues.some((issue) => issue.severity === "error")) checkConsistency(result, elements, issues);
  return result;
}

function checkConsistency(answer: TaggedAnswer, elements: Partial<Record<Tag, Element>>, issues: AnswerIssue[]): void {
  const { location, type, answer: verdict, think } = elements;
  const issue = (
    severity: AnswerIssue["severity"],
    message: string,
    { start, end }: { start: number; end: number },
    fixes: AnswerFix[] = [],
  ) => {
    const code = severity === "error" ? "data/contradiction" : "data/unusual-answer";
    issues.push({ severity, code, message, start, end, fixes });
  };
  if (answer.label === "normal") {
    const present = [location, type].filter((element) => element !== undefined);
    if (present.length > 0) {
      const edits = present.map(({ start, end }) => ({ start, end, text: "" }));
      const fixes = [{ title: "Remove location and type", edits, sure: false }];
      if (answer.location && answer.type) fixes.push(bodyFix("Answer Yes", verdict!, "Yes", false));
      issue("error", "The answer is No, but a location or type is given.", present[0]!, fixes);
    }
  } else if (answer.label === "anomalous") {
    const toNo = bodyFix("Answer No", verdict!, "No", false);
    if (answer.location === null || answer.type === null) {
      const fixes = answer.location === null && answer.type === null ? [toNo] : [];
      issue("error", "The answer is Yes, but the location or the type is missing.", verdict!, fixes);
    } else if (answer.location === "" || answer.type === "")
      issue(
        "error",
        "The answer is Yes, but the location or the type is empty.",
        answer.location === "" ? location! : type!,
      );
    else if (![...LOCATIONS, unknownPlace].includes(answer.location.toLowerCase())) {
      const near = nearLocation(answer.location);
      issue(
        "warning",
        `The location ${clip(answer.location)} is not one of the nine phrases; it counts as the cell that its words name.`,
        { start: location!.bodyStart, end: location!.bodyEnd },
        near === null ? [] : [bodyFix(`Change to ${near}`, location!, near, true)],
      );
    }
  }
  if (answer.think !== null && answer.think.trim() === "") issue("warning", "The reasoning is empty.", think!);
  const word = answer.label === "normal" ? "No" : "Yes";
  if (answer.answer !== null && answer.label !== null && answer.answer !== word) {
    const place = { start: verdict!.bodyStart, end: verdict!.bodyEnd };
    const fixes = [bodyFix(`Write ${word}`, verdict!, word, true)];
    issue("warning", `The answer is taught as Yes or No, got ${clip(answer.answer)}.`, place, fixes);
  }
}

function blank(first: boolean, start: number, end: number): AnswerIssue {
  const where = first ? "before the first tag" : "between two tags or after the last";
  return {
    severity: "warning",
    code: "data/unusual-answer",
    message: `There is white space ${where}; the format reward gives 0 for it.`,
    ...{ start, end },
    fixes: [{ title: "Remove the white space", edits: [{ start, end, text: "" }], sure: true }],
  };
}

function bodyFix(title: string, { bodyStart, bodyEnd }: Element, text: string, sure: boolean): AnswerFix {
  return { title, edits: [{ start: bodyStart, end: bodyEnd, text }], sure };
}

/** Opening and closing tag in small letters. */
function smallLetters(text: string, tag: Tag, start: number, bodyStart: number): AnswerFix {
  const close = new RegExp(`</${tag}>`, "i").exec(text.slice(bodyStart));
  const edits = [{ start, end: bodyStart, text: `<${tag}>` }];
  if (close !== null && close[0] !== `</${tag}>`) {
    const from = bodyStart + close.index;
    edits.push({ start: from, end: from + close[0].length, text: `</${tag}>` });
  }
  return { title: `Write <${tag}>`, edits, sure: true };
}

/** A closing tag before the next tag, or at the end; one in capitals is set small instead. */
function closing(text: string, tag: Tag, bodyStart: number): AnswerFix {
  const next = /<(\/?)(think|location|type|answer)>/i.exec(text.slice(bodyStart));
  const at = next === null ? text.length : bodyStart + next.index;
  const isOwn = next !== null && next[1] === "/" && next[2]!.toLowerCase() === tag;
  const end = isOwn ? at + next[0].length : at;
  return { title: `Close <${tag}>`, edits: [{ start: at, end, text: `</${tag}>` }], sure: true };
}

/** One of the nine phrases with the same words in another order or spelling; null when it is not clear which. */
export function nearLocation(written: string): string | null {
  const words = written
    .toLowerCase()
    .replace(/[^a-z]+/g, " ")
    .trim()
    .split(" ");
  const usual = words.map((word) => LOCATION_WORDS[word] ?? word).filter((word) => word !== "");
  const [row, column] = [
    usual.find((word) => word === "top" || word === "bottom"),
    usual.find((word) => word === "left" || word === "right"),
  ];
  const known = usual.every((word) => word === row || word === column || word === "center");
  if (!known) return null;
  const phrase = [row ?? "center", column ?? "center"].join(" ");
  return phrase === "center center" ? "center" : phrase;
}

const LOCATION_WORDS: Readonly<Record<string, string>> = {
  upper: "top",
  lower: "bottom",
  middle: "center",
  centre: "center",
  central: "center",
  the: "",
  corner: "",
  area: "",
  part: "",
  side: "",
  edge: "",
};

function clip(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length > 60 ? `${quoted.slice(0, 57)}..."` : quoted;
}
