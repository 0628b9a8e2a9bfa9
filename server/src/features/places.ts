/** Offsets in a text to the positions that features speak of, which count from 0. */
import type { TextLines } from "@iad-r1/models/util/textLines";
import type { TextPosition, TextRange } from "./types";

export function offsetAt(lines: TextLines, { line, character }: TextPosition): number {
  return lines.offset(line + 1, character + 1);
}

export function positionAt(lines: TextLines, offset: number): TextPosition {
  const { line, column } = lines.position(offset);
  return { line: line - 1, character: column - 1 };
}

export function rangeAt(lines: TextLines, start: number, end: number): TextRange {
  return { start: positionAt(lines, start), end: positionAt(lines, end) };
}
