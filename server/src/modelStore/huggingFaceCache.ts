/**
 * Finds checkpoints in Hugging Face's cache: `models--<org>--<name>/snapshots/<commit>/` with links into `blobs/`, and `refs/<branch>`
 * with the commit of a branch. Reads names only, changes nothing and asks no server.
 *
 * @see https://huggingface.co/docs/hub/local-cache
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { huggingFaceCache } from "./folders";

/** "org/name", as the hub spells it; anything else could leave the cache's folder. */
const repositoryName = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

export function isRepositoryName(text: string): boolean {
  return repositoryName.test(text) && !text.includes("..");
}

/**
 * The folder of the newest snapshot of a repository that holds a checkpoint, the one of `main` first; null when there is none.
 *
 * @param folder of the repository, where it holds several checkpoints
 */
export function findSnapshot(
  repository: string,
  folder: string | null = null,
  cache = huggingFaceCache(),
): string | null {
  if (!isRepositoryName(repository)) return null;
  const root = join(cache, `models--${repository.replace("/", "--")}`);
  const snapshots = join(root, "snapshots");
  const inside = (commit: string) => (folder === null ? join(snapshots, commit) : join(snapshots, commit, folder));
  const main = commitOf(join(root, "refs", "main"));
  const commits = [...(main === null ? [] : [main]), ...newestFirst(snapshots)];
  const complete = commits.map(inside).find(isCheckpoint);
  return complete ?? null;
}

/** Has the folder a configuration and all weight files that it names? */
export function isCheckpoint(folder: string): boolean {
  if (!existsSync(join(folder, "config.json"))) return false;
  if (existsSync(join(folder, "model.safetensors"))) return true;
  try {
    const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8")) as {
      weight_map: Record<string, string>;
    };
    const files = new Set(Object.values(index.weight_map));
    return files.size > 0 && [...files].every((file) => existsSync(join(folder, file)));
  } catch {
    return false;
  }
}

function commitOf(file: string): string | null {
  try {
    const commit = readFileSync(file, "utf8").trim();
    return /^[0-9a-f]{7,64}$/.test(commit) ? commit : null;
  } catch {
    return null;
  }
}

function newestFirst(snapshots: string): string[] {
  try {
    const age = (name: string) => statSync(join(snapshots, name)).mtimeMs;
    return readdirSync(snapshots)
      .filter((name) => /^[0-9a-f]{7,64}$/.test(name))
      .sort((a, b) => age(b) - age(a));
  } catch {
    return [];
  }
}
