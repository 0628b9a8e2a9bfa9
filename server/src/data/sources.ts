/** The data sources of an experiment file, read into samples: format, part of a split, categories, limit, repeat. */

import { resolve } from "node:path";
import { ConfigError, DataError } from "@iad-r1/models/errors";
import { counted } from "@iad-r1/models/util/counted";
import { createRandom } from "@iad-r1/models/util/random";
import type { DataSource } from "../config/experiment";
import { readDataset } from "./dataset";
import { formatProblem, hasErrors, type Parsed } from "./problems";
import type { InspectionSample } from "./samples";
import { splitSide } from "./split";
import { synthSamples } from "./synthDataset";

export interface SourceOptions {
  /** Folder that relative paths start from. */
  folder: string;
  signal?: AbortSignal;
}

/**
 * Samples of all sources, in their order.
 *
 * @throws ConfigError `data/no-samples` when nothing is left; DataError when a source cannot be read at all
 */
export async function loadSources(
  sources: readonly DataSource[],
  options: SourceOptions,
): Promise<Parsed<InspectionSample[]>> {
  const value: InspectionSample[] = [];
  const problems = [];
  for (const source of sources) {
    const loaded = await loadSource(source, options);
    for (const sample of loaded.value) value.push(sample);
    problems.push(...loaded.problems);
  }
  if (value.length === 0) {
    const first = problems.find((problem) => problem.severity === "error");
    throw new ConfigError("data/no-samples", "The data sources give no sample.", {
      hint: first === undefined ? "Look at categories, part and limit." : formatProblem(first),
    });
  }
  return { value, problems };
}

export async function loadSource(source: DataSource, options: SourceOptions): Promise<Parsed<InspectionSample[]>> {
  const read = await readSource(source, options);
  let { value } = read;
  if (source.categories !== undefined) {
    const present = new Set(value.map((sample) => sample.category));
    const missing = source.categories.filter((category) => !present.has(category));
    if (missing.length > 0) {
      throw new ConfigError(
        "data/no-category",
        `There is no category ${missing.map((name) => `"${name}"`).join(", ")} in the data.`,
        {
          hint: `Categories: ${[...present].sort().join(", ")}.`,
        },
      );
    }
    value = value.filter((sample) => source.categories!.includes(sample.category));
  }
  if (source.part !== undefined) value = splitSide(value, source.part);
  if (source.limit !== undefined && source.limit < value.length) {
    const chosen = new Set(
      createRandom("limit", source.part?.seed ?? 0)
        .shuffle(value)
        .slice(0, source.limit),
    );
    value = value.filter((sample) => chosen.has(sample));
  }
  if (source.repeat !== undefined) value = Array.from({ length: source.repeat }, () => value).flat();
  return { value, problems: read.problems };
}

async function readSource(source: DataSource, options: SourceOptions): Promise<Parsed<InspectionSample[]>> {
  if (source.kind === "synth") {
    const { seed, count, size, anomalousShare, difficulty } = source;
    return { value: synthSamples({ seed, count, size, anomalousShare, difficulty }), problems: [] };
  }
  const { signal } = options;
  const read = { format: source.kind, ...(signal === undefined ? {} : { signal }) };
  const path = resolve(options.folder, source.path);
  if (source.kind === "folder") return readDataset(path, read);
  if (source.kind === "mvtec") return readDataset(path, { ...read, split: source.split });
  const images = source.images === undefined ? {} : { images: resolve(options.folder, source.images) };
  return readDataset(path, { ...read, ...images });
}

/** @throws DataError `data/broken-set` with the first problem when a data set has errors; for commands that want it whole */
export function requireSound(parsed: Parsed<InspectionSample[]>): InspectionSample[] {
  if (!hasErrors(parsed.problems)) return parsed.value;
  const errors = parsed.problems.filter((problem) => problem.severity === "error");
  throw new DataError("data/broken-set", `The data set has ${counted(errors.length, "error")}.`, {
    where: formatProblem(errors[0]!),
    hint: "Run `iad-r1 data validate` to see all of them.",
  });
}
