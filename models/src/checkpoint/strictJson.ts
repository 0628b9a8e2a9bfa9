/**
 * JSON.parse that also refuses an object with the same key twice. JavaScript keeps the last of them and other readers the
 * first, so a file that has them means different things to different programs.
 */
import { ModelFileError } from "../errors";

/**
 * @param what the file and part for the message, such as "model.safetensors: the header"
 * @throws ModelFileError with `code` when the text is not JSON or repeats a key
 */
export function parseStrictJson(text: string, code: string, what: string, where: string): unknown {
  const hint = "The file is damaged; copy or download it again.";
  try {
    const value: unknown = JSON.parse(text);
    const repeated = repeatedKey(text);
    if (repeated === undefined) return value;
    throw new ModelFileError(code, `${what} has the key ${clip(repeated)} twice.`, { where, hint });
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelFileError(code, `${what} is not valid JSON: ${clip(reason)}.`, { where, hint, cause: error });
  }
}

/** Shortens text from a file for a message and shows control characters. */
export function clip(text: string): string {
  const shown = JSON.stringify(text);
  return shown.length > 120 ? `${shown.slice(0, 117)}..."` : shown;
}

/** The first key that an object of valid JSON text has twice. */
function repeatedKey(text: string): string | undefined {
  /** One entry per open bracket: the keys so far of an object, null for a list. */
  const open: (Set<string> | null)[] = [];
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    const token = match[0];
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (match[1] !== undefined) {
      const key = JSON.parse(token.slice(0, token.length - match[1].length)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
