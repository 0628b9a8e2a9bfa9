/** Which data an experiment names, and which data set a picture belongs to: what an editor needs before it can show either. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { DataSample, ProjectSource } from "@iad-r1/protocol/project";
import type { DataSource } from "../config/experiment";
import { loadExperiment } from "../config/parseExperiment";
import { type DataFormat, readDataset } from "./dataset";
import { ANNOTATIONS_FILE } from "./formats/annotations";
import { plainSample } from "./overview";

/** How far above a picture its data set may begin. */
const maxDepth = 6;

/** @throws ConfigError `config/invalid` */
export function projectSources(configFile: string): ProjectSource[] {
  const { data, stages } = loadExperiment(configFile);
  const roles: [ProjectSource["role"], readonly DataSource[] | undefined][] = [
    ["train", data.train],
    ["train", stages.paSft.data],
    ["train", stages.scGrpo.data],
    ["validation", data.validation],
    ["heldOut", data.heldOut],
  ];
  return roles.flatMap(([role, sources = []]) =>
    sources.map((source) =>
      source.kind === "synth"
        ? { role, kind: source.kind, path: null, count: source.count }
        : { role, kind: source.kind, path: source.path, count: null },
    ),
  );
}

/** The samples of the data set that was asked about last: a strip asks for one picture of it after the other. */
let last: { path: string; modifiedMs: number; samples: Map<string, DataSample> } | null = null;

/** What the nearest data set above a picture says about it; null when none holds it. */
export async function findSample(image: string, signal?: AbortSignal): Promise<DataSample | null> {
  const path = resolve(image);
  for (const { folder, format } of candidates(path)) {
    const samples = await samplesIn(folder, format, signal).catch(() => null);
    const sample = samples?.get(path);
    if (sample !== undefined) return sample;
  }
  return null;
}

/** Folders above a picture that look like a data set, nearest first. */
function candidates(image: string): { folder: string; format: DataFormat }[] {
  const found: { folder: string; format: DataFormat }[] = [];
  let folder = dirname(image);
  for (let depth = 0; depth < maxDepth && folder !== dirname(folder); depth++) {
    if (existsSync(join(folder, ANNOTATIONS_FILE))) found.push({ folder, format: "folder" });
    // OBJECT/test/DEFECT/picture.png
    if (["test", "train"].includes(basename(folder))) found.push({ folder: dirname(folder), format: "mvtec" });
    folder = dirname(folder);
  }
  return found;
}

async function samplesIn(folder: string, format: DataFormat, signal?: AbortSignal): Promise<Map<string, DataSample>> {
  const modifiedMs = statSync(format === "folder" ? join(folder, ANNOTATIONS_FILE) : folder).mtimeMs;
  if (last?.path === folder && last.modifiedMs === modifiedMs) return last.samples;
  const { value } = await readDataset(folder, { format, ...(signal && { signal }) });
  const samples = new Map(value.map((sample) => [resolve(sample.image), plainSample(sample)]));
  last = { path: folder, modifiedMs, samples };
  return samples;
}
