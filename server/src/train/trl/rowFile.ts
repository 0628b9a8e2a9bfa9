/**
 * The rows of a stage as a file for the TRL process: one JSON line for each, in the order in which the seed has them used, and pictures as
 * files. A picture that lies on disk as it is shown is named; generated and turned ones are written, once each.
 */
import { createHash } from "node:crypto";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically, writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { CancelledError } from "@iad-r1/models/errors";
import { encodePng } from "../../data/png";
import type { Picture, PromptSource } from "../../generate/promptEncoder";

export interface TrlRow {
  source: PromptSource;
  /** What the assistant says; left out where the model shall say it. */
  answer?: string;
}

export interface RowFileOptions {
  /** Holds the file and the pictures. */
  folder: string;
  count: number;
  /** Rows before it were used by an earlier attempt: their pictures are not needed. */
  firstUsed: number;
  signal: AbortSignal;
  onProgress(part: number): void;
}

/** @returns the file. @throws CancelledError, DataError for pictures that cannot be read, ResourceError `disk/full` */
export async function writeRowFile(row: (index: number) => TrlRow, options: RowFileOptions): Promise<string> {
  const { folder, count, firstUsed, signal, onProgress } = options;
  const pictures = join(folder, "pictures");
  await mkdir(pictures, { recursive: true });
  const path = join(folder, "rows.jsonl");
  const known = new Map<string, Promise<string>>();
  const pathOf = (picture: Picture) => {
    let place = known.get(picture.id);
    if (place === undefined) {
      place = fileOf(picture, pictures);
      known.set(picture.id, place);
    }
    return place;
  };
  await writeAtomically(path, async (file) => {
    for (let i = 0; i < count; i++) {
      if (signal.aborted) throw new CancelledError();
      const { source, answer } = row(i);
      const shown = i < firstUsed ? [] : await Promise.all(source.pictures.map(pathOf));
      const line = JSON.stringify({
        messages: source.messages,
        pictures: shown,
        ...(answer !== undefined && { answer }),
      });
      await file.write(Buffer.from(`${line}\n`));
      onProgress(i / count);
    }
  });
  return path;
}

/** Equal ids mean equal pixels, so the id names the file. */
async function fileOf({ id, load }: Picture, folder: string): Promise<string> {
  if ((await stat(id).catch(() => null))?.isFile()) return id;
  const path = join(folder, `${createHash("sha256").update(id).digest("hex").slice(0, 24)}.png`);
  const png = encodePng(await load());
  await writeFile(path, png).catch((cause: unknown) => {
    throw writeError(path, cause);
  });
  return path;
}
