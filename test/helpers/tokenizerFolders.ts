/** Puts checkpoint folders with the real vocabularies together from the compressed fixtures. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

export const fixturesFolder = fileURLToPath(new URL("../fixtures/", import.meta.url));
const tokenizers = join(fixturesFolder, "tokenizers");
const cache = fileURLToPath(new URL("../../.cache/test/tokenizers/", import.meta.url));

export type TokenizerFamily = "llava-onevision" | "qwen2-vl" | "qwen2.5-vl";

/** A folder as `loadTokenizer` expects it; made once and kept in the git-ignored `.cache`. */
export function tokenizerFolder(family: TokenizerFamily): string {
  const vocab = readFileSync(join(tokenizers, "qwen2/vocab.json.gz"));
  const merges = readFileSync(join(tokenizers, "qwen2/merges.txt.gz"));
  const own = readdirSync(join(tokenizers, family)).map(
    (name) => [name, readFileSync(join(tokenizers, family, name))] as const,
  );
  const hash = createHash("sha256").update(vocab).update(merges);
  for (const [name, bytes] of own) hash.update(name).update(bytes);
  const folder = join(cache, `${family}-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return folder;

  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "new-"));
  for (const [name, bytes] of own) writeFileSync(join(fresh, name), bytes);
  const skeleton = own.find(([name]) => name === "tokenizer.skeleton.json")?.[1];
  if (skeleton === undefined) {
    writeFileSync(join(fresh, "vocab.json"), gunzipSync(vocab));
    writeFileSync(join(fresh, "merges.txt"), gunzipSync(merges));
  } else {
    const json = JSON.parse(skeleton.toString("utf8"));
    json.model.vocab = JSON.parse(gunzipSync(vocab).toString("utf8"));
    json.model.merges = gunzipSync(merges)
      .toString("utf8")
      .split("\n")
      .filter((line) => line.length > 0);
    writeFileSync(join(fresh, "tokenizer.json"), JSON.stringify(json));
  }
  if (family === "qwen2-vl") {
    copyFileSync(join(tokenizers, "qwen2.5-vl/chat_template.json"), join(fresh, "chat_template.json"));
  }
  try {
    renameSync(fresh, folder);
  } catch {
    // Another test process was first.
    rmSync(fresh, { recursive: true });
  }
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
