/** What a keystroke in a long file costs: the text is read again and checked, as the editor does. Files are not looked at. */
import { InternalError } from "@iad-r1/models/errors";
import { type LanguageDocument, openDocument } from "../features/documents";
import { textFindings } from "../features/findings";

export interface LongFile {
  name: string;
  path: string;
  text: string;
  /** What is typed at the end of the middle line, one letter a keystroke. */
  typed: string;
}

/** An experiment with 5,000 sources, one a line. */
export function longExperiment(numLines: number): LongFile {
  const sources = Array.from({ length: numLines - 3 }, (_, i) => {
    return `    - { kind: folder, path: lines/${i}, part: { seed: 1, share: 0.5, side: first } }`;
  });
  const text = `model: { base: nano-base }\ndata:\n  train:\n${sources.join("\n")}\n`;
  return { name: "iadr1.yaml", path: "/bench/iadr1.yaml", text, typed: " # why" };
}

/** A PA-SFT data set with one record a line. */
export function longDataset(numLines: number): LongFile {
  const records = Array.from({ length: numLines - 2 }, (_, i) => {
    const answer = `<think>${"There is a dark line over the edge. ".repeat(8)}</think><location>top left</location><type>scratch</type><answer>Yes</answer>`;
    const messages = [
      { role: "user", content: "<image>\nAre there any defects in the query image?" },
      { role: "assistant", content: answer },
    ];
    return JSON.stringify({ images: `images/${i}.png`, messages });
  });
  return { name: "data set file", path: "/bench/pa_sft.json", text: `[\n${records.join(",\n")}\n]\n`, typed: "     " };
}

/** Types into the middle of a file. */
export class Typist {
  private document: LanguageDocument | null = null;
  private numTyped = 0;

  constructor(private readonly file: LongFile) {}

  /** One keystroke; returns what is found. @throws InternalError `internal/bench` when a sound file is complained about */
  press(): void {
    const { path, text, typed } = this.file;
    const end = text.indexOf("\n", text.length >> 1);
    this.numTyped = (this.numTyped + 1) % (typed.length + 1);
    const now = text.slice(0, end) + typed.slice(0, this.numTyped) + text.slice(end);
    this.document = openDocument(path, now, { previous: this.document });
    const findings = this.document === null ? null : textFindings(this.document);
    if (findings?.length === 0) return;
    throw new InternalError(
      "internal/bench",
      `Expected no finding in ${path}, got ${findings?.[0]?.message ?? "no document"}.`,
    );
  }
}
