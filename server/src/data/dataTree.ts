/**
 * The data of an experiment as a tree: data set → class → split, with counts and what is wrong, and pictures that are on both sides
 * of a split. Reads what training would read; decodes pictures only where similar ones are looked for.
 */
import type { DataSource, ExperimentConfig } from "../config/experiment";
import { ConfigError, DataError } from "@iad-r1/models/errors";
import { type DuplicatePair, findDuplicates } from "./duplicates";
import type { DataProblem } from "./problems";
import type { InspectionSample } from "./samples";
import { loadSource } from "./sources";
import { type DatasetStats, datasetStats } from "./stats";

/** Who uses a source: the training data of both stages or of one, the data that tests, the data that chooses a checkpoint. */
export const SPLITS = ["train", "paSft", "scGrpo", "validation", "heldOut"] as const;
export type Split = (typeof SPLITS)[number];

export interface LabelCounts {
  normal: number;
  anomalous: number;
}

export interface DataClass extends LabelCounts {
  name: string;
  /** Anomalous samples by defect type, the most frequent first. */
  types: Record<string, number>;
  splits: (LabelCounts & { split: Split })[];
}

/** One data set: every source of the experiment with the same path, or the same seed. */
export interface DataSet extends LabelCounts {
  /** Last part of the path, or `synth` with its seed. */
  name: string;
  kind: DataSource["kind"];
  /** Absolute; null for generated pictures. */
  path: string | null;
  splits: Split[];
  classes: DataClass[];
  stats: DatasetStats;
  /** Files that are named and are not there. */
  missingFiles: number;
  problems: DataProblem[];
  /** Why nothing of it can be read; null when it can. */
  failure: string | null;
}

export interface DataTree {
  sets: DataSet[];
  /** Pictures that one split trains on and another tests with, by their path or seed; similar ones are found by `findDataLeaks`. */
  shared: SharedPicture[];
}

export interface SharedPicture {
  image: string;
  splits: Split[];
}

export interface DataTreeOptions {
  /** Folder that relative paths start from; paths of a loaded experiment are absolute. */
  folder: string;
  signal?: AbortSignal;
}

interface Loaded {
  split: Split;
  source: DataSource;
  samples: InspectionSample[];
  problems: DataProblem[];
  failure: string | null;
}

/** Never throws for data that cannot be read: that set says why. @throws CancelledError */
export async function readDataTree(config: ExperimentConfig, options: DataTreeOptions): Promise<DataTree> {
  const loaded = await loadAll(config, options);
  const groups = new Map<string, Loaded[]>();
  for (const one of loaded) {
    const key = keyOf(one.source);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return { sets: [...groups.values()].map(setOf), shared: sharedPictures(loaded) };
}

export interface DataLeaks {
  /** Same or similar pictures in different splits where one is tested with. */
  leaks: DuplicatePair[];
  /** Same or similar pictures inside one split. */
  duplicates: (DuplicatePair & { split: Split })[];
  unreadable: { image: string; message: string }[];
}

export interface LeakOptions extends DataTreeOptions {
  onProgress?: (done: number, total: number) => void;
}

/** Compares all pictures of all splits. Takes time: every picture is decoded. @throws CancelledError */
export async function findDataLeaks(config: ExperimentConfig, options: LeakOptions): Promise<DataLeaks> {
  const { signal, onProgress } = options;
  const splitOf = new Map<InspectionSample, Split>();
  for (const { split, samples } of await loadAll(config, options)) {
    for (const sample of samples) splitOf.set(sample, split);
  }
  const { pairs, unreadable } = await findDuplicates([...splitOf.keys()], { signal, onProgress });
  const result: DataLeaks = {
    leaks: [],
    duplicates: [],
    unreadable: unreadable.map(({ sample, message }) => ({ image: sample.image, message })),
  };
  for (const pair of pairs) {
    const parts: [Split, Split] = [splitOf.get(pair.a)!, splitOf.get(pair.b)!];
    if (parts[0] === parts[1]) result.duplicates.push({ ...pair, split: parts[0] });
    else if (isLeak(parts)) result.leaks.push({ ...pair, parts });
  }
  return result;
}

/** Trained on in one split and looked at as new in the other. */
function isLeak(splits: readonly Split[]): boolean {
  const tests = splits.filter((split) => split === "heldOut" || split === "validation");
  return tests.length > 0 && tests.length < splits.length;
}

function sourcesOf(config: ExperimentConfig): { split: Split; sources: DataSource[] | undefined }[] {
  const { data, stages } = config;
  return [
    { split: "train", sources: data.train },
    { split: "paSft", sources: stages.paSft.data },
    { split: "scGrpo", sources: stages.scGrpo.data },
    { split: "validation", sources: data.validation },
    { split: "heldOut", sources: data.heldOut },
  ];
}

async function loadAll(config: ExperimentConfig, options: DataTreeOptions): Promise<Loaded[]> {
  const loaded: Loaded[] = [];
  for (const { split, sources = [] } of sourcesOf(config)) {
    for (const source of sources) {
      try {
        const { value, problems } = await loadSource(source, options);
        loaded.push({ split, source, samples: value, problems, failure: null });
      } catch (error) {
        if (!(error instanceof DataError || error instanceof ConfigError)) throw error;
        loaded.push({ split, source, samples: [], problems: [], failure: error.message });
      }
    }
  }
  return loaded;
}

function keyOf(source: DataSource): string {
  if (source.kind !== "synth") return `${source.kind} ${source.path}`;
  const { seed, size, difficulty, anomalousShare } = source;
  return `synth ${seed} ${size} ${difficulty} ${anomalousShare}`;
}

function setOf(members: readonly Loaded[]): DataSet {
  const { source } = members[0]!;
  // A picture that several splits use is one picture of the set.
  const samples = [...new Map(members.flatMap((one) => one.samples).map((sample) => [sample.image, sample])).values()];
  const problems = [
    ...new Map(members.flatMap((one) => one.problems).map((problem) => [JSON.stringify(problem), problem])).values(),
  ];
  const stats = datasetStats(samples);
  const splits = SPLITS.filter((split) => members.some((one) => one.split === split));
  return {
    name: source.kind === "synth" ? `synth ${source.seed}` : nameOf(source.path),
    kind: source.kind,
    path: source.kind === "synth" ? null : source.path,
    ...{ normal: stats.normal, anomalous: stats.anomalous, splits, stats, problems },
    classes: Object.entries(stats.categories).map(([name, { normal, anomalous, types }]) => ({
      ...{ name, normal, anomalous },
      types: Object.fromEntries(Object.entries(types).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))),
      splits: splits
        .map((split) => ({ split, ...countLabels(members, split, name) }))
        .filter((counts) => counts.normal + counts.anomalous > 0),
    })),
    missingFiles: problems.filter(({ code }) => code === "data/missing-image" || code === "data/missing-mask").length,
    failure: members.find(({ failure }) => failure !== null)?.failure ?? null,
  };
}

function countLabels(members: readonly Loaded[], split: Split, category: string): LabelCounts {
  const counts: LabelCounts = { normal: 0, anomalous: 0 };
  for (const one of members) {
    if (one.split !== split) continue;
    for (const sample of one.samples) if (sample.category === category) counts[sample.label]++;
  }
  return counts;
}

function sharedPictures(loaded: readonly Loaded[]): SharedPicture[] {
  const users = new Map<string, Set<Split>>();
  for (const { split, source, samples } of loaded) {
    for (const sample of samples) {
      // Generated pictures are the same when all their settings are.
      const image = sample.synth === undefined ? sample.image : `${sample.image} (${keyOf(source)})`;
      users.set(image, (users.get(image) ?? new Set()).add(split));
    }
  }
  return [...users]
    .map(([image, splits]) => ({ image, splits: SPLITS.filter((split) => splits.has(split)) }))
    .filter(({ splits }) => isLeak(splits));
}

function nameOf(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== "") ?? path;
}
