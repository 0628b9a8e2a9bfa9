/**
 * SHA-256 of what decides the numbers of a run: code, model, data, rewards. A resumed run compares them, so that it goes on with
 * the same or not at all. Large weight files are hashed by size, beginning and end.
 */
import { createHash } from "node:crypto";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { InspectionSample } from "../data/samples";
import { hashJson } from "./manifest";

/** The built code this process runs, or "source" when it runs from source files. */
export async function codeHash(): Promise<string> {
  const here = fileURLToPath(import.meta.url);
  if (!here.endsWith(".mjs")) return "source";
  const folder = dirname(here);
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".mjs")).sort()) {
    hash.update(name).update(await readFile(join(folder, name)));
  }
  return hash.digest("hex");
}

export async function modelHash({ base, adapter }: ModelReference): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of adapter === null ? [base] : [base, adapter]) {
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      const info = await stat(path);
      if (!info.isFile() || !/\.(json|jinja|txt|safetensors)$/.test(name)) continue;
      hash.update(`${name}\0${info.size}\0`).update(await ends(path, info.size));
    }
  }
  return hash.digest("hex");
}

/** Labels and texts of samples, and the sizes of their files. Where the files lie does not matter. */
export async function dataHash(samples: readonly InspectionSample[]): Promise<string> {
  const rows = await Promise.all(
    samples.map(async ({ image, references, mask: _mask, ...facts }) => {
      const info = facts.synth === undefined ? await stat(image).catch(() => null) : null;
      return {
        ...facts,
        image: basename(image),
        size: info?.size ?? null,
        references: references.map((path) => basename(path)),
      };
    }),
  );
  return hashJson(rows);
}

const endBytes = 1 << 20;

async function ends(path: string, size: number): Promise<Buffer> {
  if (size <= 2 * endBytes) return readFile(path);
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(2 * endBytes);
    await file.read(bytes, 0, endBytes, 0);
    await file.read(bytes, endBytes, endBytes, size - endBytes);
    return bytes;
  } finally {
    await file.close();
  }
}
