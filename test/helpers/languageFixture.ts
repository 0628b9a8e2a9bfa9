/** Texts with a `$0` where the cursor is, and what the language features say about them, written out for golden files. */
import { type LanguageDocument, openDocument } from "@iad-r1/server/features/documents";
import type { Completion, FileProbe, Finding, HoverText, TextEdit, TextPosition } from "@iad-r1/server/features/types";

export interface Fixture {
  document: LanguageDocument;
  /** Of the first `$0`; the start of the text when there is none. */
  cursor: TextPosition;
}

/** @param marked text with `$0` at the cursor */
export function openFixture(path: string, marked: string): Fixture {
  const offset = Math.max(0, marked.indexOf("$0"));
  const text = marked.replace("$0", "");
  const before = text.slice(0, offset).split("\n");
  const document = openDocument(path, text);
  if (document === null) throw new Error(`${path} is no document of ours.`);
  return { document, cursor: { line: before.length - 1, character: before.at(-1)!.length } };
}

/** A file system of these paths; their folders exist too. */
export function fakeFiles(paths: readonly string[]): FileProbe {
  return {
    async kind(path) {
      if (paths.includes(path)) return "file";
      return paths.some((file) => file.startsWith(`${path}/`)) ? "folder" : null;
    },
    async list(folder) {
      const prefix = folder.endsWith("/") ? folder : `${folder}/`;
      const inside = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
      const names = new Map(
        inside.map((rest) => [rest.split("/")[0]!, rest.includes("/") ? "folder" : "file"] as const),
      );
      return [...names]
        .map(([name, kind]) => ({ name, kind }))
        .sort((a, b) => Number(a.kind === "file") - Number(b.kind === "file") || (a.name < b.name ? -1 : 1));
    },
    forget() {},
  };
}

export function applyEdits({ text, lines }: LanguageDocument, edits: readonly TextEdit[]): string {
  const offset = ({ line, character }: TextPosition) => lines.offset(line + 1, character + 1);
  return [...edits]
    .sort((a, b) => offset(b.range.start) - offset(a.range.start))
    .reduce((result, { range, newText }) => {
      return result.slice(0, offset(range.start)) + newText + result.slice(offset(range.end));
    }, text);
}

/** Each finding under its line, and what its fixes would make of the text. */
export function printFindings(document: LanguageDocument, findings: readonly Finding[]): string {
  const lines = document.text.split("\n");
  return findings
    .map((finding) => {
      const { range, severity, code, message, hint, tag, fixes } = finding;
      const width = range.end.line > range.start.line ? 1 : Math.max(1, range.end.character - range.start.character);
      const shown = [
        `${String(range.start.line + 1).padStart(3)} | ${lines[range.start.line] ?? ""}`,
        `    | ${" ".repeat(range.start.character)}${"^".repeat(width)}`,
        `${severity} ${code}: ${message}${hint === undefined ? "" : ` ${hint}`}${tag === undefined ? "" : ` [${tag}]`}`,
      ];
      for (const fix of fixes) {
        shown.push(
          `  ${fix.sure ? "fix!" : "fix "} ${fix.title}`,
          ...changedLines(document.text, applyEdits(document, fix.edits)),
        );
      }
      return `${shown.join("\n")}\n`;
    })
    .join("\n");
}

/** Lines of `after` that differ, with what they replace. */
function changedLines(before: string, after: string): string[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from++;
  let end = 0;
  while (end < a.length - from && end < b.length - from && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [
    ...a.slice(from, a.length - end).map((line) => `       - ${line}`),
    ...b.slice(from, b.length - end).map((line) => `       + ${line}`),
  ];
}

export function printCompletions(document: LanguageDocument, completions: readonly Completion[]): string {
  return completions
    .map(({ label, kind, detail, edit, isSnippet, preselect }) => {
      const { range, newText } = edit;
      const replaced = document.text.slice(
        document.lines.offset(range.start.line + 1, range.start.character + 1),
        document.lines.offset(range.end.line + 1, range.end.character + 1),
      );
      const marks = `${isSnippet ? " snippet" : ""}${preselect ? " first" : ""}`;
      return `${kind.padEnd(7)} ${label} (${detail})${marks}: ${JSON.stringify(replaced)} -> ${JSON.stringify(newText)}`;
    })
    .join("\n");
}

export function printHover(document: LanguageDocument, hover: HoverText | null): string {
  if (hover === null) return "nothing";
  const line = document.text.split("\n")[hover.range.start.line]!;
  const end = hover.range.end.line > hover.range.start.line ? line.length : hover.range.end.character;
  return `on ${JSON.stringify(line.slice(hover.range.start.character, end))}\n${hover.markdown}`;
}
