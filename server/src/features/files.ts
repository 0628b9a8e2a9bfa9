/** The memory over the file system that features ask: does a path exist, what lies in a folder. Never throws. */
import { readdir, stat } from "node:fs/promises";
import { sep } from "node:path";
import type { FileProbe } from "./types";

const maxNames = 2000;
/** More answers than this are forgotten all at once. */
const maxRemembered = 200_000;

export interface FileProbeOptions {
  /** Answers older than this are looked up again; watchers may tell sooner. Default 5 s. */
  freshMs?: number;
}

export function createFileProbe({ freshMs = 5000 }: FileProbeOptions = {}): FileProbe {
  const kinds = new Map<string, { at: number; kind: Promise<"file" | "folder" | null> }>();
  return {
    kind(path) {
      const known = kinds.get(path);
      const now = performance.now();
      if (known !== undefined && now - known.at < freshMs) return known.kind;
      if (kinds.size >= maxRemembered) kinds.clear();
      const kind = stat(path).then(
        (info) => (info.isFile() ? "file" : info.isDirectory() ? "folder" : null),
        () => null,
      );
      kinds.set(path, { at: now, kind });
      return kind;
    },
    async list(folder) {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      return entries
        .slice(0, maxNames)
        .filter((entry) => entry.isFile() || entry.isDirectory())
        .map((entry) => ({ name: entry.name, kind: entry.isDirectory() ? ("folder" as const) : ("file" as const) }))
        .sort((a, b) => Number(a.kind === "file") - Number(b.kind === "file") || (a.name < b.name ? -1 : 1));
    },
    forget(path) {
      if (path === undefined) return kinds.clear();
      for (const known of kinds.keys()) {
        if (known === path || known.startsWith(path + sep)) kinds.delete(known);
      }
    },
  };
}
