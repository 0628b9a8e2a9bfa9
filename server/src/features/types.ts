/**
 * What the language features give and take: plain data, the same shapes for `iadr1.yaml` and for data set files. No LSP and no
 * editor in here; `server/src/lsp` only converts. The doors are
 *
 *     openDocument(path, text, {previous, images})   LanguageDocument | null      documents.ts
 *     textFindings(document)                         Finding[]                    findings.ts   no file is looked at; fast
 *     fileFindings(document, files, signal?)         Promise<Finding[]>           findings.ts   missing files; after a pause
 *     completionsAt(document, position, context)     Promise<Completion[]>        completions.ts
 *     hoverAt(document, position, context)           Promise<HoverText | null>    hovers.ts
 *     lensesOf(document)                             Lens[]                       lenses.ts
 *
 * A finding carries its quick fixes. A document is a snapshot: open it again with the changed text and hand in the one before,
 * whose unchanged pieces are then not parsed again.
 */

import type { FindingProbe } from "../rewards/analysis/finding";

/** From 0; `character` counts UTF-16 units, as JavaScript and editors do. */
export interface TextPosition {
  line: number;
  character: number;
}

/** `end` is the first position after it. */
export interface TextRange {
  start: TextPosition;
  end: TextPosition;
}

export interface TextEdit {
  range: TextRange;
  newText: string;
}

/** A quick fix inside the same document. */
export interface Fix {
  /** What the fix does: "Change to groupSize". */
  title: string;
  edits: TextEdit[];
  /** There is no doubt what was meant; at most one fix of a finding. */
  sure: boolean;
  /** Cases that it adds to the expectations of a reward, in a file of their own; then there are no edits. */
  keeps?: { function: string; probes: readonly FindingProbe[] };
}

/** Something that a person should look at. */
export interface Finding {
  severity: "error" | "warning" | "info";
  /** Stable code such as `config/unknown-key` or `data/broken-tags`. */
  code: string;
  message: string;
  /** What to do about it, in a sentence. */
  hint?: string;
  range: TextRange;
  /** "unneeded": the text has no effect and may be shown faded. */
  tag?: "unneeded" | "deprecated";
  fixes: Fix[];
  /** Address of a page that explains the code. */
  link?: string;
  /** Places in other files that show it: data rows, rollouts. Paths are absolute. */
  related?: { message: string; path: string; range: TextRange }[];
}

export interface Completion {
  label: string;
  kind: "key" | "value" | "file" | "folder" | "snippet";
  /** Short facts after the label: type and default. */
  detail: string;
  /** Markdown. */
  documentation: string;
  /** Replaces the word at the cursor. In snippet syntax (`$1`, `${1:text}`) when `isSnippet`. */
  edit: TextEdit;
  isSnippet: boolean;
  /** Compared as text to order the list. */
  sortText: string;
  /** Ask for completions again after this one, as its value is to be chosen next. */
  chain: boolean;
  preselect: boolean;
}

export interface HoverText {
  range: TextRange;
  /** Markdown; contents of files are fenced. Never to be trusted with commands. */
  markdown: string;
}

/** A line above a record. */
export interface Lens {
  range: TextRange;
  title: string;
  action: LensAction;
}

export type LensAction = {
  kind: "inspect";
  /** Absolute paths; the picture and, where the record names them, sound pictures of the product. */
  image: string;
  references: string[];
};

/** Looks at the file system for the features, with a memory; `createFileProbe` in files.ts makes one. */
export interface FileProbe {
  kind(path: string): Promise<"file" | "folder" | null>;
  /** Names in a folder, folders first; empty when it cannot be read. */
  list(folder: string): Promise<{ name: string; kind: "file" | "folder" }[]>;
  /** Forgets what it knows about a path and all below it, or everything: for watchers. */
  forget(path?: string): void;
}

export interface FeatureContext {
  files: FileProbe;
  /** Turns an absolute path into the address that the editor shows pictures from; `file:` by default. */
  uriOf?: (path: string) => string;
  signal?: AbortSignal;
}
