/** What an answer was against the ground truth. Reads answers with the parser of rewards and evaluations; common answers without parsing all. */
import { parseTags } from "../rewards/tags";

export const verdicts = ["correct", "false-alarm", "missed", "unparsed", "unknown"] as const;
export type Verdict = (typeof verdicts)[number];

/** An answer at the end of a text without another tag behind it, as almost all are. */
const plainEnd = /^<answer>\s*(yes|no)\s*<\/answer>\s*$/i;
const longestEnd = 80;

/**
 * The same as `parseTags(text).answer`, many times faster for answers in the usual form.
 *
 * @param folded the text in lower case
 */
export function answerOf(text: string, folded = text.toLowerCase()): "yes" | "no" | null {
  const first = folded.indexOf("<answer>");
  if (first < 0) return /<answer>/i.test(text) ? parseTags(text).answer : null;
  if (folded.length === text.length && text.startsWith("<answer>", first)) {
    if (endsWith(folded, first, "<answer>yes</answer>")) return "yes";
    if (endsWith(folded, first, "<answer>no</answer>")) return "no";
  }
  // Lower case may have another length; then the places are not the same.
  if (folded.length === text.length && text.length - first <= longestEnd && text.startsWith("<answer>", first)) {
    const match = plainEnd.exec(text.slice(first));
    if (match !== null) return match[1]!.toLowerCase() as "yes" | "no";
  }
  return parseTags(text).answer;
}

function endsWith(text: string, from: number, end: string): boolean {
  return from + end.length === text.length && text.endsWith(end);
}

export function labelOf(solution: string | null): "normal" | "anomalous" | "unknown" {
  const answer = solution === null ? null : answerOf(solution);
  return answer === null ? "unknown" : answer === "yes" ? "anomalous" : "normal";
}

export function verdictOf(answer: "yes" | "no" | null, label: "normal" | "anomalous" | "unknown"): Verdict {
  if (answer === null) return "unparsed";
  if (label === "unknown") return "unknown";
  if (answer === "yes") return label === "anomalous" ? "correct" : "false-alarm";
  return label === "anomalous" ? "missed" : "correct";
}
