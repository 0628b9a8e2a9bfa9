/**
 * What a run keeps once for all its completions, beside `rollouts/step-*.jsonl`: the chat behind each prompt hash, and each sample with its
 * picture and the columns that rewards are given. Without them a reward that reads a column could not be scored again. Append-only;
 * a line that a crash cut off is ignored.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { IndexedRow } from "./scanRecord";

/** The sample that a picture shows, turned as the picture is. */
export interface RolloutSample {
  sampleId: string;
  /** Absolute path, or null where the picture was generated. */
  image: string | null;
  /** Absolute path of the ground truth mask of the picture as it lies on disk, or null. */
  mask: string | null;
  columns: Record<string, unknown>;
  /** Everything that decides the pixels of a generated picture; null for one from a file. */
  synth: unknown;
}

export interface RolloutTables {
  /** SHA-256 of a rendered prompt -> chat messages. */
  prompts: Map<string, unknown>;
  /** By `keyOf`: a data set can ask several things about one picture, and a sample can be seen turned. */
  samples: Map<string, RolloutSample>;
}

const promptsFile = "rollouts/prompts.jsonl";
const samplesFile = "rollouts/samples.jsonl";

/** Empty where a run has recorded none. */
export async function readRolloutTables(runFolder: string): Promise<RolloutTables> {
  const tables: RolloutTables = { prompts: new Map(), samples: new Map() };
  for (const line of await linesOf(join(runFolder, promptsFile))) {
    if (typeof line.hash === "string") tables.prompts.set(line.hash, line.messages ?? null);
  }
  for (const line of await linesOf(join(runFolder, samplesFile))) {
    const { picture, sampleId, image, mask, columns, synth = null } = line;
    if (typeof picture !== "string" || typeof sampleId !== "string") continue;
    tables.samples.set(keyOf({ picture, sampleId }), {
      sampleId,
      image: typeof image === "string" ? image : null,
      mask: typeof mask === "string" ? mask : null,
      columns: typeof columns === "object" && columns !== null ? (columns as Record<string, unknown>) : {},
      synth,
    });
  }
  return tables;
}

/** The sample of a row, as its last picture shows it. */
export function sampleOf(
  { samples }: RolloutTables,
  { images, sampleId }: Pick<IndexedRow, "images" | "sampleId">,
): RolloutSample | undefined {
  const picture = images?.at(-1);
  return picture === undefined ? undefined : samples.get(keyOf({ picture, sampleId }));
}

function keyOf({ picture, sampleId }: { picture?: unknown; sampleId?: unknown }): string {
  return JSON.stringify([picture, sampleId]);
}

async function linesOf(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return parseLines(text);
}

function parseLines(text: string): Record<string, unknown>[] {
  return text.split("\n").flatMap((line): Record<string, unknown>[] => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === "object" && value !== null ? [value as Record<string, unknown>] : [];
    } catch {
      return [];
    }
  });
}

/** Adds to the tables of a run what they do not hold yet; used by the process that writes the run. */
export class RolloutTablesWriter {
  private readonly known: { prompts: Set<unknown>; samples: Set<unknown> };

  constructor(private readonly runFolder: string) {
    const lines = (file: string) => {
      const path = join(runFolder, file);
      return existsSync(path) ? parseLines(readFileSync(path, "utf8")) : [];
    };
    const prompts = lines(promptsFile).map(({ hash }) => hash);
    this.known = { prompts: new Set(prompts), samples: new Set(lines(samplesFile).map(keyOf)) };
  }

  add(entries: readonly ({ hash: string; messages: unknown; picture: string } & RolloutSample)[]): void {
    const prompts = entries.filter(({ hash }) => isNew(this.known.prompts, hash));
    const samples = entries.filter((entry) => isNew(this.known.samples, keyOf(entry)));
    this.append(
      promptsFile,
      prompts.map(({ hash, messages }) => ({ hash, messages })),
    );
    this.append(
      samplesFile,
      samples.map(({ picture, sampleId, image, mask, columns, synth }) => ({
        ...{ picture, sampleId, image, mask, columns },
        ...(synth !== null && { synth }),
      })),
    );
  }

  private append(file: string, lines: readonly object[]): void {
    if (lines.length === 0) return;
    // The line end comes first: it ends a line that a crash cut off.
    appendFileSync(join(this.runFolder, file), lines.map((line) => `\n${JSON.stringify(line)}`).join(""));
  }
}

function isNew(known: Set<unknown>, key: unknown): boolean {
  if (known.has(key)) return false;
  known.add(key);
  return true;
}
