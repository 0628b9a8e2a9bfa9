/** Folders of recorded numbers (test/fixtures/vlm) whose weight files are stored compressed. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const fixtures = fileURLToPath(new URL("../fixtures/vlm/", import.meta.url));
const cache = fileURLToPath(new URL("../../.cache/test/vlm/", import.meta.url));

export type CompressedFixture = "llava-1-5" | "llava-1-6-mistral";

/** The folder with every `.gz` unpacked; made once and kept in the git-ignored `.cache`. */
export function vlmFixture(name: CompressedFixture): string {
  const source = join(fixtures, name);
  const files = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const contents = files.map((file) => [file.slice(source.length + 1), readFileSync(file)] as const);
  const hash = createHash("sha256");
  for (const [path, bytes] of contents) hash.update(path).update(bytes);
  const folder = join(cache, `${name}-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return folder;

  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "new-"));
  for (const [path, bytes] of contents) {
    const target = join(fresh, path.replace(/\.gz$/, ""));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, path.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  }
  try {
    renameSync(fresh, folder);
  } catch {
    // Another test process was first.
    rmSync(fresh, { recursive: true });
  }
  return folder;
}
