/**
 * Configuration files as YAML, read with suspicion: kind and size before content, then syntax, nesting, tags and aliases. What the
 * keys mean is the matter of each schema.
 */
import { readFileSync, statSync } from "node:fs";
import { ConfigError } from "@iad-r1/models/errors";
import { type Document, LineCounter, parseDocument } from "yaml";

const maxFileBytes = 1 << 20;
/** Open brackets inside each other; parsers recurse. */
const maxBrackets = 100;
export const tooDeepMessage = `Brackets are nested more than ${maxBrackets} deep.`;
/** Aliases can blow a small file up to gigabytes; a configuration needs few. */
const maxAliasCount = 50;

/** A fault of the text, at a place counted from 1. */
export interface YamlFault {
  message: string;
  line: number;
  column: number;
}

export interface YamlSource {
  document: Document;
  lines: LineCounter;
  faults: YamlFault[];
}

/**
 * The text of a configuration file, without a byte order mark.
 *
 * @throws ConfigError `config/unreadable`, `config/too-large`
 */
export function readConfigText(file: string): string {
  const unreadable = (reason: string, cause?: unknown) =>
    new ConfigError("config/unreadable", `${file}: the configuration cannot be read (${reason}).`, {
      where: file,
      hint: "Check the path; a configuration is a YAML file in UTF-8, such as iadr1.yaml.",
      cause,
    });
  let bytes: Uint8Array;
  try {
    const info = statSync(file);
    if (!info.isFile()) throw unreadable(`it is ${info.isDirectory() ? "a folder" : "a device"}, expected a file`);
    if (info.size > maxFileBytes) {
      throw new ConfigError(
        "config/too-large",
        `${file}: expected at most ${maxFileBytes} bytes of configuration, got ${info.size}.`,
        { where: file, hint: "Point at an iadr1.yaml file." },
      );
    }
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unreadable((error as Error).message, error);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw unreadable("it is not UTF-8 text", error);
  }
}

/** Parses a text. Where there are faults, the document must not be used. */
export function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const tooDeep = placeTooDeep(text);
  if (tooDeep !== null) {
    const before = text.slice(0, tooDeep).split("\n");
    const place = { line: before.length, column: before.at(-1)!.length + 1 };
    return { document: parseDocument(""), lines, faults: [{ message: tooDeepMessage, ...place }] };
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  // A warning is a tag that nobody knows, such as code to be run in another language.
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => {
    const { line, col } = lines.linePos(pos[0]);
    return { message, line: Math.max(1, line), column: Math.max(1, col) };
  });
  return { document, lines, faults };
}

/** The document as plain data. @throws Error for a bomb of aliases or an alias inside itself, as a sentence for the person */
export function plainValue(document: Document): unknown {
  const plain: unknown = document.toJS({ maxAliasCount });
  try {
    JSON.stringify(plain);
  } catch (cause) {
    throw new Error("An alias stands inside what it refers to.", { cause });
  }
  return plain;
}

/** Offset of the bracket that is one too many, or null. */
export function placeTooDeep(text: string): number | null {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x5b || c === 0x7b) depth++;
    else if (c === 0x5d || c === 0x7d) depth--;
    if (depth > maxBrackets) return i;
  }
  return null;
}
