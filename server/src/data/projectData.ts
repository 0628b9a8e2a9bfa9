/**
 * What an editor asks about the data of an experiment, as plain data: the tree of sets, pictures that are twice there, and what a data set
 * says about one picture. Reading is dataTree.ts and dataset.ts.
 */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { DataSample, ProjectData, ProjectLeaks, SimilarPictures } from "@iad-r1/protocol/project";
import { loadExperiment } from "../config/parseExperiment";
import { type DataFormat, readDataset } from "./dataset";
import { findDataLeaks, readDataTree, type Split } from "./dataTree";
import type { DuplicatePair } from "./duplicates";
import { ANNOTATIONS_FILE } from "./formats/annotations";
import { plainSample } from "./overview";

/** Pairs that are listed one by one. */
const maxPairs = 500;
/** How far above a picture its data set may begin. */
const maxDepth = 6;

/** @throws ConfigError `config/invalid` */
export async function projectData(configFile: string, signal?: AbortSignal): Promise<ProjectData> {
  const config = loadExperiment(configFile);
  const { sets, shared } = await readDataTree(config, { folder: dirname(configFile), ...(signal && { signal }) });
  return {
    sets: sets.map(({ name, kind, path, splits, normal, anomalous, classes, missingFiles, problems, failure }) => ({
      ...{ name, kind, path, splits, normal, anomalous, missingFiles, failure },
      classes: classes.map(({ types: _types, ...counts }) => counts),
      numProblems: problems.length,
    })),
    numShared: shared.length,
  };
}

/** @throws ConfigError `config/invalid` */
export async function projectLeaks(configFile: string, signal?: AbortSignal): Promise<ProjectLeaks> {
  const config = loadExperiment(configFile);
  const found = await findDataLeaks(config, { folder: dirname(configFile), ...(signal && { signal }) });
  return {
    leaks: found.leaks.slice(0, maxPairs).map((pair) => plainPair(pair, pair.parts as [Split, Split])),
    numLeaks: found.leaks.length,
    duplicates: found.duplicates.slice(0, maxPairs).map((pair) => plainPair(pair, [pair.split, pair.split])),
    numDuplicates: found.duplicates.length,
    unreadable: found.unreadable.slice(0, maxPairs),
  };
}

function plainPair({ a, b, kind }: DuplicatePair, splits: [Split, Split]): SimilarPictures {
  return { a: a.image, b: b.image, isSame: kind === "same", splits };
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
