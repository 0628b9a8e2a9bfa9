/** What a path holds: the rollouts of a run folder, or a file of one of the known layouts. Looks at names and first lines, reads no rows. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import { parseObject } from "./jsonRows";
import { openFile } from "./lines";
import type { RolloutFormat } from "./row";

export interface RolloutSource {
  format: RolloutFormat;
  /** The run folder, or what was named. */
  path: string;
  /** In order of steps where the names tell them. */
  files: { path: string; step: number | null }[];
}

/** Of a first line; a line of ms-swift holds a whole step. */
const headBytes = 1 << 20;

/**
 * @param path a run folder, a folder of TRL (its output folder or `completions` in it), or a file
 * @throws DataError `data/missing-file`, `rollouts/no-rollouts`, `rollouts/unknown-format`
 */
export async function locateRollouts(path: string): Promise<RolloutSource> {
  const info = await stat(path).catch(() => null);
  if (info === null || !info.isDirectory()) {
    return { format: await formatOf(path), path, files: [{ path, step: null }] };
  }
  const own = await numbered(join(path, "rollouts"), /^step-(\d+)\.jsonl$/);
  if (own.length > 0 || (await stat(join(path, "run.json")).catch(() => null)) !== null) {
    return { format: "run", path, files: own };
  }
  for (const folder of [join(path, "completions"), path]) {
    const files = await numbered(folder, /^completions_(\d+)\.parquet$/);
    if (files.length > 0) return { format: "trl", path, files };
  }
  const swift = join(path, "completions.jsonl");
  if ((await stat(swift).catch(() => null)) !== null)
    return { format: "swift", path, files: [{ path: swift, step: null }] };
  throw new DataError("rollouts/no-rollouts", `${path} holds no recorded completions.`, {
    where: path,
    hint:
      "Expected a run folder of ours (rollouts/step-*.jsonl), the output folder of TRL with log_completions " +
      "(completions/completions_*.parquet) or of ms-swift (completions.jsonl), or name a file.",
  });
}

async function numbered(folder: string, pattern: RegExp): Promise<RolloutSource["files"]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .flatMap((name) => {
      const step = pattern.exec(name)?.[1];
      return step === undefined ? [] : { path: join(folder, name), step: Number(step) };
    })
    .sort((a, b) => a.step - b.step);
}

async function formatOf(path: string): Promise<RolloutFormat> {
  const file = await openFile(path);
  let head: Buffer;
  try {
    const bytes = Buffer.alloc(headBytes);
    const { bytesRead } = await file.read(bytes, 0, headBytes, 0);
    head = bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
  if (head.subarray(0, 4).toString("latin1") === "PAR1") return "trl";
  const text = head.toString("utf8").replace(/^\uFEFF/, "");
  const line = text.split("\n").find((each) => each.trim() !== "");
  if (line === undefined) return "lines";
  // The first line of ms-swift can be longer than what was read.
  if (/^\s*\{\s*"step"\s*:\s*\[/.test(line)) return "swift";
  const parsed = parseObject(line);
  if ("fault" in parsed) return "lines";
  const { value } = parsed;
  if (Array.isArray(value.completion) && isColumn(value.prompt ?? value.messages)) return "swift";
  if (typeof value.predict === "string" && "prompt" in value) return "llama-factory";
  return "lines";
}

/** A list of texts or of chats, not a chat. */
function isColumn(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((each) => typeof each === "string" || Array.isArray(each));
}
