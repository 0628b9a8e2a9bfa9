/**
 * The one parser of answers in the tag grammar: training rewards, evaluation and views read completions through it. It
 * answers two questions: what the published regular expressions would find (first part), and what the text says when it
 * is read with care (second part). Everything runs once over the text; nothing here scores anything.
 */
import { isSpace, lower, strip } from "./pythonText";

export type TagName = "think" | "location" | "type" | "answer" | "description";

// ---------------------------------------------------------------------------------------------------------------------
// What the published patterns find

/**
 * Python `re.search(r"<tag>(.*?)</tag>", text)`, group 1, or null: the first element whose body holds no line feed.
 * An opening tag inside a body belongs to the body.
 */
export function oneLineBody(
  text: string,
  tag: TagName,
  options: { anyCase: boolean } = { anyCase: false },
): string | null {
  const find = tagFinder(text, tag, options.anyCase);
  const openLength = tag.length + 2;
  let close = -1;
  for (let from = 0; ; ) {
    const open = find("open", from);
    if (open < 0) return null;
    const start = open + openLength;
    // The closing tag found last is still the next one while it lies ahead; searching anew would make many lines quadratic.
    if (close < start) close = find("close", start);
    if (close < 0) return null;
    const lineFeed = text.indexOf("\n", start);
    if (lineFeed < 0 || close < lineFeed) return text.slice(start, close);
    // An opening tag before this line feed cannot reach its closing tag either.
    from = lineFeed + 1;
  }
}

/** Whether Python `re.search(r"<tag>.*?</tag>", text, re.IGNORECASE | re.DOTALL)` finds anything. */
export function hasElementAnyCase(text: string, tag: TagName): boolean {
  const find = tagFinder(text, tag, true);
  const open = find("open", 0);
  return open >= 0 && find("close", open + tag.length + 2) >= 0;
}

/** Whether the pieces occur in this order, each after the end of the previous one. */
export function occurInOrder(text: string, pieces: readonly string[]): boolean {
  let from = 0;
  for (const piece of pieces) {
    const at = text.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return true;
}

/** What Python's IGNORECASE takes for an ASCII letter besides its two cases: dotted and dotless i, Kelvin sign, long s. */
const extraCases: Readonly<Record<string, string>> = { i: "\u0130\u0131", k: "\u212a", s: "\u017f" };

function tagFinder(text: string, tag: TagName, anyCase: boolean): (kind: "open" | "close", from: number) => number {
  if (!anyCase) return (kind, from) => text.indexOf(kind === "open" ? `<${tag}>` : `</${tag}>`, from);
  return (kind, from) => {
    const prefix = kind === "open" ? "<" : "</";
    for (let at = text.indexOf(prefix, from); at >= 0; at = text.indexOf(prefix, at + 1)) {
      const nameStart = at + prefix.length;
      if (text[nameStart + tag.length] !== ">") continue;
      let i = 0;
      while (i < tag.length && sameLetter(text[nameStart + i]!, tag[i]!)) i++;
      if (i === tag.length) return at;
    }
    return -1;
  };
}

function sameLetter(unit: string, letter: string): boolean {
  return unit === letter || unit === letter.toUpperCase() || (extraCases[letter]?.includes(unit) ?? false);
}

// ---------------------------------------------------------------------------------------------------------------------
// What the text says

/** One element. All positions are UTF-16 indices into the text, so that a view can mark them. */
export interface TagElement {
  name: TagName;
  start: number;
  bodyStart: number;
  bodyEnd: number;
  /** Behind the closing tag; equal to `bodyEnd` when there is none. */
  end: number;
  /** False when another element or the end of the text came first, as in a completion that is still being written. */
  closed: boolean;
}

/** Something that keeps a text from being one clean answer. */
export interface TagProblem {
  /**
   * repeated: a second element of the same name, wherever it stands. nested: a tag inside another element. unclosed: no
   * closing tag. stray: a closing tag without an opening one. letter-case: a tag not written in lower case. outside: text
   * between, before or behind the elements.
   */
  kind: "repeated" | "nested" | "unclosed" | "stray" | "letter-case" | "outside";
  /** null for text outside. */
  tag: TagName | null;
  /** UTF-16 index into the text. */
  offset: number;
}

/** A completion or solution, read. */
export interface TaggedText {
  /** Top-level elements in order. */
  elements: TagElement[];
  problems: TagProblem[];
  /** The body of each element, stripped; null when there is none, or more than one opening tag of that name anywhere. */
  think: string | null;
  location: string | null;
  type: string | null;
  description: string | null;
  answerText: string | null;
  /** `answerText` without letter case and outer full stops or exclamation marks; null when that is not yes or no. */
  answer: "yes" | "no" | null;
}

/**
 * Reads a text in the tag grammar. White space and line feeds are free, between elements and in bodies; tags may be in any
 * ASCII case; an element that is not closed ends where the next one begins. A name that occurs twice has no body: two
 * answers are no answer, whichever a regular expression would find first.
 */
export function parseTags(text: string): TaggedText {
  const tokens = [...text.matchAll(/<(\/?)(think|location|type|answer|description)>/gi)].map((match) => ({
    name: match[2]!.toLowerCase() as TagName,
    closing: match[1] === "/",
    written: match[2]!,
    start: match.index,
    end: match.index + match[0].length,
  }));
  const lastClosing = new Map<TagName, number>();
  for (const token of tokens) if (token.closing) lastClosing.set(token.name, token.start);

  const elements: TagElement[] = [];
  const problems: TagProblem[] = [];
  const numOpened = new Map<TagName, number>();
  let current: TagElement | null = null;
  /** End of the last element: what lies between here and the next one is outside. */
  let covered = 0;
  const checkOutside = (until: number) => {
    let at = covered;
    while (at < until && isSpace(text.charCodeAt(at))) at++;
    if (at < until) problems.push({ kind: "outside", tag: null, offset: at });
  };
  const finish = (element: TagElement, bodyEnd: number, end: number, closed: boolean) => {
    Object.assign(element, { bodyEnd, end, closed });
    if (!closed) problems.push({ kind: "unclosed", tag: element.name, offset: element.start });
    covered = end;
    current = null;
  };

  for (const { name, closing, written, start, end } of tokens) {
    if (written !== name) problems.push({ kind: "letter-case", tag: name, offset: start });
    // Without this cast the compiler takes `current` for null here: it does not see the assignments made in `finish`.
    const open = current as TagElement | null;
    if (closing) {
      if (open !== null && open.name === name) finish(open, start, end, true);
      else problems.push({ kind: "stray", tag: name, offset: start });
      continue;
    }
    numOpened.set(name, (numOpened.get(name) ?? 0) + 1);
    if (numOpened.get(name)! > 1) problems.push({ kind: "repeated", tag: name, offset: start });
    if (open !== null) {
      if ((lastClosing.get(open.name) ?? -1) > start) {
        problems.push({ kind: "nested", tag: name, offset: start });
        continue;
      }
      finish(open, start, start, false);
    }
    checkOutside(start);
    current = { name, start, bodyStart: end, bodyEnd: end, end, closed: false };
    elements.push(current);
  }
  const open = current as TagElement | null;
  if (open !== null) finish(open, text.length, text.length, false);
  checkOutside(text.length);

  const bodyOf = (name: TagName): string | null => {
    const element = numOpened.get(name) === 1 ? elements.find((candidate) => candidate.name === name) : undefined;
    return element === undefined ? null : strip(text.slice(element.bodyStart, element.bodyEnd));
  };
  const answerText = bodyOf("answer");
  return {
    elements,
    problems: problems.sort((a, b) => a.offset - b.offset),
    think: bodyOf("think"),
    location: bodyOf("location"),
    type: bodyOf("type"),
    description: bodyOf("description"),
    answerText,
    answer: answerText === null ? null : readYesNo(answerText),
  };
}

/** "yes" or "no" when the text is exactly that, apart from letter case, outer white space and outer `.` or `!`; else null. */
export function readYesNo(text: string): "yes" | "no" | null {
  const word = strip(strip(lower(strip(text)), ".!"));
  return word === "yes" || word === "no" ? word : null;
}
