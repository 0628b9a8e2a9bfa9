/**
 * From a completion to an option letter, in the ways of the published inference scripts (reference sections 12.4 and 12.6),
 * needed to reproduce published numbers. Our own evaluation does not guess: it reads the answer through `rewards/tags.ts`
 * and counts what it cannot read (see `metrics.ts`).
 */
import { codePoints, isWord, lower, strip } from "../rewards/pythonText";
import { closestMatch } from "../rewards/similarity";
import { oneLineBody } from "../rewards/tags";

/**
 * Which scripts parse so:
 * - tagged: IAD-R1 (Qwen, LLaVA, LLaVA-1.5) and base LLaVA
 * - rawCaseSensitive: base Qwen and all API models
 * - rawLower: base LLaVA-1.5
 * - rawCumulative: InternVL
 * - verbatim: Anomaly-R1, which returns the body of the tag as it stands
 */
export type AnswerFamily = "tagged" | "rawCaseSensitive" | "rawLower" | "rawCumulative" | "verbatim";

/** Option letter to option text, in the order of the file. */
export type AnswerOptions = Readonly<Record<string, string>>;

/** The letter for "could not be parsed". Metrics count it as a wrong answer, not as a missing one. */
export const unparsedLetter = "E";

/**
 * @param response the completion; what is no text is not parsed
 * @param options  null stands for a question without options: the answer text itself is returned
 * @returns an option letter, "E", or (without options, or verbatim) text
 */
export function parseAnswer(family: AnswerFamily, response: unknown, options: AnswerOptions | null): string | null {
  if (family === "verbatim") {
    return typeof response === "string" ? (oneLineBody(response, "answer") ?? unparsedLetter) : unparsedLetter;
  }
  if (family === "tagged") {
    const body = typeof response === "string" ? oneLineBody(response, "answer") : null;
    if (body === null) return unparsedLetter;
    const answer = lower(strip(body));
    if (options === null) return answer;
    return (
      matchOption(options, (option) => answer === trimOption(option)) ??
      containedOption(options, answer) ??
      unparsedLetter
    );
  }

  if (options === null) return response as string | null;
  if (typeof response !== "string") return unparsedLetter;
  const withoutStops = strip(lower(response), ".");
  const withoutMarks = strip(lower(response), "!");
  const equal = matchOption(options, (option) => {
    const text = trimOption(option);
    return withoutStops === text || (family !== "rawLower" && withoutMarks === text);
  });
  if (equal !== undefined) return equal;
  if (family === "rawCaseSensitive") return containedOption(options, response) ?? unparsedLetter;
  if (family === "rawLower") return containedOption(options, lower(response)) ?? unparsedLetter;
  // Each option sees the text once more lowered and trimmed than the one before it.
  let text = response;
  return (
    matchOption(options, (option) => {
      text = strip(strip(lower(text), "."));
      return containsEither(text, option);
    }) ?? unparsedLetter
  );
}

function matchOption(options: AnswerOptions, fits: (option: string) => boolean): string | undefined {
  return Object.entries(options).find(([, option]) => fits(option))?.[0];
}

function containedOption(options: AnswerOptions, text: string): string | undefined {
  return matchOption(options, (option) => containsEither(text, option));
}

function containsEither(text: string, option: string): boolean {
  const content = strip(trimOption(option));
  return content.includes(text) || text.includes(content);
}

function trimOption(option: string): string {
  return strip(lower(option), ".");
}

/**
 * All letters A to E that stand alone as a word (`\b([A-E])\b`), of which the caller uses the last. Without any, the letter
 * of the option whose text is closest to the response.
 */
export function parseSingleLetters(response: string, options: AnswerOptions | null): string[] {
  const points = codePoints(response);
  const letters: string[] = [];
  points.forEach((point, i) => {
    const standsAlone = (i === 0 || !isWord(points[i - 1]!)) && (i + 1 === points.length || !isWord(points[i + 1]!));
    if (point >= 0x41 && point <= 0x45 && standsAlone) letters.push(String.fromCharCode(point));
  });
  return letters.length > 0 ? letters : closestOption(response, options);
}

/**
 * All letters A to D, where `Answer:` and whatever follows it up to such a letter belong to that letter
 * (`(?:Answer:\s*[^A-D]*)?([A-D])[^\w]*`). Without any, the letter of the option whose text is closest to the response.
 */
export function parseMultipleLetters(response: string, options: AnswerOptions | null): string[] {
  const letters: string[] = [];
  const pattern = /[A-D]/g;
  for (let from = 0; from < response.length; ) {
    pattern.lastIndex = from;
    const hit = pattern.exec(response);
    if (hit === null) break;
    let at = hit.index;
    if (response.startsWith("Answer:", at)) {
      pattern.lastIndex = at + "Answer:".length;
      // With no letter behind it, the A of "Answer" itself is the answer: the prefix is optional.
      at = pattern.exec(response)?.index ?? at;
    }
    letters.push(response[at]!);
    from = at + 1;
  }
  return letters.length > 0 ? letters : closestOption(response, options);
}

function closestOption(response: string, options: AnswerOptions | null): string[] {
  if (options === null) return [];
  const closest = closestMatch(response, Object.values(options));
  const letter = closest === undefined ? undefined : matchOption(options, (option) => option === closest);
  return letter === undefined ? [] : [letter];
}
