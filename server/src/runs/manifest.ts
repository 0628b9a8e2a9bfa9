/** `run.json`: what was run, from what, with what. Written whole on every change of state; read with suspicion. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "@iad-r1/models/errors";
import type { RunManifest, RunState } from "@iad-r1/protocol/runs";
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
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CheckpointError("run/broken-manifest", `run.json cannot be read: ${(error as Error).message}.`, {
      where: path,
      hint: "The run folder is damaged; copy it again.",
      cause: error,
    });
  }
  return parseManifest(text, path);
}

/** @throws CheckpointError `run/broken-manifest` */
export function parseManifest(text: string, path: string): RunManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError("run/broken-manifest", `run.json is not JSON: ${(error as Error).message}.`, {
      where: path,
      hint: "The run folder is damaged; copy it again.",
      cause: error,
    });
  }
  const wrong = findFault(value);
  if (wrong === null) return value as RunManifest;
  throw new CheckpointError("run/broken-manifest", `run.json: expected ${wrong}.`, {
    where: path,
    hint: "The run was written by another version, or the file is damaged; copy it again.",
  });
}

const states: readonly RunState[] = [
  "queued",
  "starting",
  "running",
  "paused",
  "stopping",
  "completed",
  "stopped",
  "failed",
];

/** The first thing that is not as it should be, as what was expected and what was found; null when all is well. */
function findFault(value: unknown): string | null {
  if (!isRecord(value)) return "an object, got something else";
  const { format, version, id, state, config, plan, finishedStages, stageModels, hashes } = value;
  if (format !== "iad-r1/run" || version !== 1) {
    return `format iad-r1/run, version 1, got ${String(format)}, ${String(version)}`;
  }
  const known: readonly unknown[] = states;
  const checks: [what: string, ok: boolean, got: unknown][] = [
    ["an id", typeof id === "string", id],
    [`a state of ${states.join(", ")}`, known.includes(state), state],
    ["a config", isRecord(config), config],
    ["a plan of stages", Array.isArray(plan) && plan.every(isStage), plan],
    ["a list of finished stages", isStrings(finishedStages), finishedStages],
    ["a map of stage models", isRecord(stageModels) && Object.values(stageModels).every(isModel), stageModels],
    ["hashes", isRecord(hashes) && typeof hashes.config === "string", hashes],
  ];
  const first = checks.find(([, ok]) => !ok);
  return first === undefined ? null : `${first[0]}, got ${(JSON.stringify(first[2]) ?? "nothing").slice(0, 60)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isStage(value: unknown): boolean {
  return isRecord(value) && typeof value.id === "string" && typeof value.kind === "string";
}

function isModel(value: unknown): boolean {
  return (
    isRecord(value) && typeof value.base === "string" && (value.adapter === null || typeof value.adapter === "string")
  );
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
