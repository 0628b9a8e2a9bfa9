/**
 * JSON.parse that also refuses an object with the same key twice and brackets nested without end. JavaScript keeps the last of
 * two equal keys and other readers the first, so a file that has them means different things to different programs; depth
 * overflows the stack of whoever walks over the result.
 */
import { ModelFileError } from "../errors";

const maxDepth = 1000;

/**
 * @param what the file and part for the message, such as "model.safetensors: the header"
 * @throws ModelFileError with `code` when the text is not JSON, repeats a key or nests deeper than 1000
 */
export function parseStrictJson(text: string, code: string, what: string, where: string): unknown {
  const hint = "The file is damaged; copy or download it again.";
  const { depth, repeated } = scan(text);
  if (depth > maxDepth) {
    throw new ModelFileError(code, `${what} is nested more than ${maxDepth} deep.`, { where, hint });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelFileError(code, `${what} is not valid JSON: ${clip(reason)}.`, { where, hint, cause: error });
  }
  if (repeated === undefined) return value;
  throw new ModelFileError(code, `${what} has the key ${clip(repeated)} twice.`, { where, hint });
}

/** Shortens text from a file for a message and shows control characters. */
export function clip(text: string): string {
  const shown = JSON.stringify(text);
  return shown.length > 120 ? `${shown.slice(0, 117)}..."` : shown;
}

const quote = 0x22;
const backslash = 0x5c;

/** How deep brackets nest, up to the limit, and the first key that an object has twice; what it says of broken JSON does not matter. */
function scan(text: string): { depth: number; repeated: string | undefined } {
  /** One entry per open bracket: the keys so far of an object, null for a list. */
  const open: (Set<string> | null)[] = [];
  let depth = 0;
  let repeated: string | undefined;
  for (let i = 0; i < text.length && depth <= maxDepth; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x7b || c === 0x5b) depth = Math.max(depth, open.push(c === 0x7b ? new Set() : null));
    else if (c === 0x7d || c === 0x5d) open.pop();
    else if (c === quote) {
      const start = i + 1;
      for (i = start; i < text.length && text.charCodeAt(i) !== quote; i++) if (text.charCodeAt(i) === backslash) i++;
      const keys = open.at(-1);
      if (keys === null || keys === undefined || !isColonNext(text, i + 1)) continue;
      const key = plainKey(text.slice(start, i));
      if (keys.has(key)) repeated ??= key;
      keys.add(key);
    }
  }
  return { depth, repeated };
}

function isColonNext(text: string, from: number): boolean {
  let i = from;
  while (" \t\r\n".includes(text.charAt(i)) && i < text.length) i++;
  return text.charAt(i) === ":";
}

/** Two spellings of one key are the same key. */
function plainKey(written: string): string {
  if (!written.includes("\\")) return written;
  try {
    return JSON.parse(`"${written}"`) as string;
  } catch {
    return written;
  }
}
