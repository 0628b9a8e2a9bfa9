/** Puts checkpoint folders with the real vocabularies together from the compressed fixtures, in a temporary place. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

export const fixturesFolder = fileURLToPath(new URL("../fixtures/", import.meta.url));
const tokenizers = join(fixturesFolder, "tokenizers");

export type TokenizerFamily = "llava-onevision" | "qwen2-vl" | "qwen2.5-vl";

const folders = new Map<TokenizerFamily, string>();

/** A folder as `loadTokenizer` expects it; made once a process and removed at its end. */
export function tokenizerFolder(family: TokenizerFamily): string {
  const known = folders.get(family);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), `iad-r1-${family}-`));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const name of readdirSync(join(tokenizers, family))) {
    copyFileSync(join(tokenizers, family, name), join(folder, name));
  }
  const vocab = gunzipSync(readFileSync(join(tokenizers, "qwen2/vocab.json.gz")));
  const merges = gunzipSync(readFileSync(join(tokenizers, "qwen2/merges.txt.gz")));
  if (existsSync(join(folder, "tokenizer.skeleton.json"))) {
    const json = JSON.parse(readFileSync(join(folder, "tokenizer.skeleton.json"), "utf8"));
    json.model.vocab = JSON.parse(vocab.toString("utf8"));
    json.model.merges = merges
      .toString("utf8")
      .split("\n")
      .filter((line) => line.length > 0);
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
  } else {
    writeFileSync(join(folder, "vocab.json"), vocab);
    writeFileSync(join(folder, "merges.txt"), merges);
  }
  if (family === "qwen2-vl") {
    copyFileSync(join(tokenizers, "qwen2.5-vl/chat_template.json"), join(folder, "chat_template.json"));
  }
  folders.set(family, folder);
  return folder;
}

/** Records of a JSON-lines fixture, gzip or plain, by its path under `test/fixtures`. */
export function readJsonLines<T>(path: string): T[] {
  const bytes = readFileSync(join(fixturesFolder, path));
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes)
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim().length > 0)
    .map((line) => JSON.parse(line) as T);
}
