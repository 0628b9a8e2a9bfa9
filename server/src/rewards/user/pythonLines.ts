/**
 * Python source as logical lines of tokens: as much of the grammar as is needed to find functions, classes and their parameters
 * without an interpreter. It does not check anything: what Python itself would refuse, the worker reports.
 */

export interface PythonToken {
  /** `text` is a string literal with prefix and quotes; `other` an operator or bracket of one character. */
  kind: "name" | "text" | "number" | "other";
  text: string;
  /** UTF-16 offsets in the source. */
  start: number;
  end: number;
}

/** One statement, or the head of a compound one, however many lines it takes. */
export interface PythonLine {
  /** Columns before the first token; a tab goes on to the next multiple of 8. */
  indent: number;
  start: number;
  end: number;
  tokens: PythonToken[];
}

export interface PythonComment {
  start: number;
  /** Without `#`. */
  text: string;
  /** Nothing but white space stands before it. */
  isAlone: boolean;
}

const pattern =
  /(?<blank>[^\S\n]+|\\\r?\n)|(?<comment>#[^\n]*)|(?<newline>\n)|(?<text>(?:[rRbBuUfFtT]{1,2})?(?:"""(?:\\[\s\S]|[^\\])*?"""|'''(?:\\[\s\S]|[^\\])*?'''|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'))|(?<name>[\p{L}_][\p{L}\p{N}\p{M}_]*)|(?<number>\d[\w.]*)|(?<other>[\s\S])/uy;

export function readPython(source: string): { lines: PythonLine[]; comments: PythonComment[] } {
  const lines: PythonLine[] = [];
  const comments: PythonComment[] = [];
  let tokens: PythonToken[] = [];
  let depth = 0;
  const finish = () => {
    if (tokens.length === 0) return;
    const start = tokens[0]!.start;
    lines.push({ indent: indentAt(source, start), start, end: tokens.at(-1)!.end, tokens });
    tokens = [];
  };
  pattern.lastIndex = 0;
  for (let match = pattern.exec(source); match !== null; match = pattern.exec(source)) {
    const { groups = {}, index: start } = match;
    const end = start + match[0].length;
    if (groups.comment !== undefined) {
      const lineStart = source.lastIndexOf("\n", start - 1) + 1;
      comments.push({ start, text: match[0].slice(1), isAlone: source.slice(lineStart, start).trim() === "" });
    } else if (groups.newline !== undefined) {
      if (depth === 0) finish();
    } else if (groups.blank === undefined) {
      const kind = (["name", "text", "number"] as const).find((one) => groups[one] !== undefined) ?? "other";
      if ("([{".includes(match[0])) depth++;
      if (")]}".includes(match[0])) depth = Math.max(0, depth - 1);
      if (kind === "other" && match[0] === ";" && depth === 0) finish();
      else tokens.push({ kind, text: match[0], start, end });
    }
  }
  finish();
  return { lines, comments };
}

function indentAt(source: string, offset: number): number {
  let column = 0;
  for (let i = source.lastIndexOf("\n", offset - 1) + 1; i < offset; i++) {
    if (source[i] === "\t") column = (Math.floor(column / 8) + 1) * 8;
    else if (source[i] === " ") column++;
    else return column;
  }
  return column;
}

/** The characters of a string literal without escapes; null for other literals and for f-strings. */
export function plainText(token: PythonToken | undefined): string | null {
  if (token?.kind !== "text") return null;
  const match = /^([a-zA-Z]*)("""|'''|"|')([\s\S]*)\2$/.exec(token.text);
  if (match === null || /f/i.test(match[1]!) || match[3]!.includes("\\")) return null;
  return match[3]!;
}
