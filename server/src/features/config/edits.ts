/** Cures of a configuration as edits of its text, in block and in bracket style. */
import type { ConfigCure } from "../../config/configProblem";
import type { YamlNode, YamlPath, YamlPlace } from "../../config/yamlTree";
import { rangeAt } from "../places";
import type { Fix, TextEdit } from "../types";
import type { ConfigDocument } from "./document";

/** Null when the entry is not in the file, for example as it came from an override. */
export function fixOf(document: ConfigDocument, cure: ConfigCure): Fix | null {
  const edit = editOf(document, cure);
  return edit === null ? null : { title: titleOf(cure), edits: [edit], sure: cure.sure };
}

function titleOf(cure: ConfigCure): string {
  const key = String(cure.at.at(-1));
  switch (cure.kind) {
    case "rename":
      return `Rename to ${cure.to}`;
    case "replace":
      return `Set ${key} to ${cure.text}`;
    case "remove":
      return `Remove ${key}`;
    case "add":
      return `Add ${cure.key}: ${cure.text}`;
  }
}

function editOf(document: ConfigDocument, cure: ConfigCure): TextEdit | null {
  const { tree, lines, text } = document;
  const place = tree.find(cure.at);
  const change = (start: number, end: number, newText: string): TextEdit => ({
    range: rangeAt(lines, start, end),
    newText,
  });
  switch (cure.kind) {
    case "rename":
      return place.key === null ? null : change(place.key.start, place.key.end, cure.to);
    case "replace": {
      if (place.value !== null) return change(place.value.start, place.value.end, cure.text);
      if (place.key === null) return null;
      const after = afterColon(text, place.key.end);
      return change(after, after, ` ${cure.text}`);
    }
    case "remove":
      return place.key === null ? null : removal(document, cure.at, place);
    case "add":
      return addition(document, cure.at, place, `${cure.key}: ${cure.text}`);
  }
}

function removal(document: ConfigDocument, path: YamlPath, place: YamlPlace): TextEdit {
  const { lines, tree, text } = document;
  const start = place.key!.start;
  const end = place.value?.end ?? afterColon(text, place.key!.end);
  const parent = tree.find(path.slice(0, -1));
  const siblings = path.length === 1 ? tree.root : parent.node;
  if (siblings?.flow === true) {
    // With the comma after it, or else the one before it.
    const after = /^\s*,\s*/.exec(text.slice(end));
    if (after !== null) return { range: rangeAt(lines, start, end + after[0].length), newText: "" };
    const before = /,?\s*$/.exec(text.slice(0, start))!;
    return { range: rangeAt(lines, start - before[0].length, end), newText: text[end] === " " ? "" : " " };
  }
  const { line } = lines.position(start);
  const lineStart = lines.offset(line, 1);
  const last = lines.position(end).line;
  if (text.slice(lineStart, start).trim() === "") {
    const next = last < lines.count ? lines.offset(last + 1, 1) : text.length;
    return { range: rangeAt(lines, lineStart, next), newText: "" };
  }
  // The first key behind a dash: the next one takes its place.
  const rest = /^\s*/.exec(text.slice(end))![0];
  return { range: rangeAt(lines, start, end + rest.length), newText: "" };
}

function addition(document: ConfigDocument, path: YamlPath, place: YamlPlace, entry: string): TextEdit | null {
  const { lines, text, tree } = document;
  const node = path.length === 0 ? tree.root : place.node;
  const insert = (offset: number, newText: string): TextEdit => ({ range: rangeAt(lines, offset, offset), newText });
  if (path.length === 0 && node === null) return insert(text.length, `${needsBreak(text) ? "\n" : ""}${entry}\n`);
  if (node === null) {
    if (place.key === null) return null;
    const indent = lines.position(place.key.start).column - 1;
    return insert(afterColon(text, place.key.end), `\n${" ".repeat(indent + 2)}${entry}`);
  }
  if (node.kind !== "map") return null;
  const start = path.length === 0 ? node.start : place.value!.start;
  if (node.flow) {
    const inside = node.children.length === 0 ? ` ${entry}` : ` ${entry},`;
    return insert(start + 1, inside);
  }
  const last = path.length === 0 ? lastEnd(document, node, []) : lastEnd(document, node, path);
  const indent = lines.position(start).column - 1;
  return insert(lines.endOfLine(lines.position(last).line), `\n${" ".repeat(indent)}${entry}`);
}

/** Offset behind the last entry of a section. */
function lastEnd(document: ConfigDocument, node: YamlNode, path: YamlPath): number {
  const { key, value } = document.tree.find([...path, node.children.at(-1)!.key!]);
  return value?.end ?? key!.end;
}

function afterColon(text: string, keyEnd: number): number {
  const colon = /^["']?\s*:/.exec(text.slice(keyEnd, keyEnd + 40));
  return colon === null ? keyEnd : keyEnd + colon[0].length;
}

function needsBreak(text: string): boolean {
  return text !== "" && !text.endsWith("\n");
}
