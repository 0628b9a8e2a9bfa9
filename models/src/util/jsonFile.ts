/**
 * Reads the small JSON and text files of a checkpoint folder. Sizes and types are looked at before anything is read,
 * so that a device, a pipe or a huge file ends in one clear error. Not for weights.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ModelFileError } from "../errors";
import { parseStrictJson } from "./strictJson";

export type JsonObject = Record<string, unknown>;

/** Large enough for every known tokenizer.json, small enough to be parsed in memory. */
const maxTextBytes = 256 * 1024 * 1024;

/**
 * Text of `folder/name` as UTF-8 (a byte order mark is dropped), or undefined when there is no such file.
 *
 * @throws ModelFileError `model/unreadable-file`, `model/file-too-large` or `model/not-text`
 */
export async function readTextFile(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  try {
    const info = await stat(path);
    if (!info.isFile()) {
      throw new ModelFileError("model/unreadable-file", `${name}: expected a file, got something else.`, {
        where: path,
        hint: "Point at the folder of a complete checkpoint.",
      });
    }
    if (info.size > maxTextBytes) {
      throw new ModelFileError(
        "model/file-too-large",
        `${name}: expected at most ${maxTextBytes} bytes, got ${info.size}.`,
        { where: path, hint: "The file does not look like the one of a checkpoint; download it again." },
      );
    }
    return decode(await readFile(path), name, path);
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ModelFileError("model/unreadable-file", `${name} cannot be read: ${(error as Error).message}.`, {
      where: path,
      hint: "Check that the file exists and that you may read it.",
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, name: string, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModelFileError("model/not-text", `${name} is not UTF-8 text.`, {
      where: path,
      hint: "The file is damaged or was saved in another encoding; copy or download it again.",
      cause,
    });
  }
}

/**
 * The JSON object in `folder/name`, or undefined when there is no such file.
 *
 * @throws ModelFileError `model/broken-json` when the text is not JSON, repeats a key, nests without end or is not an object
 */
export async function readJsonFile(folder: string, name: string): Promise<JsonObject | undefined> {
  const text = await readTextFile(folder, name);
  if (text === undefined) return undefined;
  const path = join(folder, name);
  const value = parseStrictJson(text, "model/broken-json", name, path);
  if (isJsonObject(value)) return value;
  throw new ModelFileError("model/broken-json", `${name}: expected a JSON object, got ${describeJson(value)}.`, {
    where: path,
    hint: "The file is damaged; copy or download it again.",
  });
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A short name of a JSON value for messages: never more than a line. */
export function describeJson(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
