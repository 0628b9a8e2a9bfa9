/** `run.json`: what was run, from what, with what. Written whole on every change of state; read with suspicion. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "@iad-r1/models/errors";
import type { RunManifest } from "@iad-r1/protocol/runs";
import { writeFileDurably } from "./durableFile";

const fileName = "run.json";

export function writeManifest(folder: string, manifest: RunManifest): void {
  writeFileDurably(join(folder, fileName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Reads and checks the manifest of a run folder.
 *
 * @throws CheckpointError `run/not-a-run` or `run/broken-manifest`
 */
export function readManifest(folder: string): RunManifest {
  const path = join(folder, fileName);
  if (!existsSync(path)) {
    throw new CheckpointError("run/not-a-run", `${folder} is not a run folder: it has no run.json.`, {
      where: folder,
      hint: "`iad-r1 runs list` shows the runs there are.",
    });
  }
  let value: Partial<RunManifest> | null;
  try {
    value = JSON.parse(readFileSync(path, "utf8")) as Partial<RunManifest> | null;
  } catch (error) {
    throw new CheckpointError("run/broken-manifest", `run.json is not JSON: ${(error as Error).message}.`, {
      where: path,
      hint: "The run folder is damaged; copy it again.",
      cause: error,
    });
  }
  const usable =
    typeof value === "object" &&
    value !== null &&
    value.format === "iad-r1/run" &&
    value.version === 1 &&
    typeof value.id === "string" &&
    typeof value.state === "string" &&
    Array.isArray(value.plan) &&
    Array.isArray(value.finishedStages) &&
    typeof value.stageModels === "object" &&
    value.stageModels !== null;
  if (!usable) {
    throw new CheckpointError(
      "run/broken-manifest",
      `run.json: expected format iad-r1/run, version 1, got ${String(value?.format)}, ${String(value?.version)}.`,
      { where: path, hint: "The run was written by another version, or the file is damaged." },
    );
  }
  return value as RunManifest;
}

/** SHA-256 of a value's JSON with sorted keys, so that the order of keys does not matter. */
export function hashJson(value: unknown): string {
  return createHash("sha256").update(stableJson(value)).digest("hex");
}

function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => `${JSON.stringify(key)}:${stableJson(entry)}`);
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
