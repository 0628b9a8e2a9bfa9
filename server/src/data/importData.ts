/**
 * Data sets in any layout that we know, tables and LLaMA-Factory's lists included, written in another one. Importing brings one into a
 * project: copied with its pictures into a folder of our own layout, which says more than the others and does not depend on where the
 * originals lie. Never over something that is there.
 */
import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import type { ImportedData, ImportParams } from "@iad-r1/protocol/project";
import { type DataFormat, readDataset, type ReadOptions, writeDataset, type WriteOptions } from "./dataset";
import { readCsvTable } from "./formats/csvTable";
import { readDatasetInfo } from "./formats/paSft";
import type { Parsed } from "./problems";
import type { InspectionSample } from "./samples";

const maxProblems = 200;

/**
 * @throws DataError `data/exists`, `data/unknown-format`, `data/no-samples`, `data/unknown-name`; ResourceError, CheckpointError when the
 *   folder cannot be written; CancelledError
 */
export async function importData({ path, name, folder }: ImportParams, signal?: AbortSignal): Promise<ImportedData> {
  const target = resolve(folder);
  if (existsSync(target)) {
    throw new DataError("data/exists", `${target} exists already.`, {
      where: target,
      hint: "Choose a folder that does not exist yet.",
    });
  }
  const { value, problems } = await readAny(resolve(path), { ...(name && { name }), ...(signal && { signal }) });
  if (value.length === 0) {
    throw new DataError("data/no-samples", `${path}: no sample can be read.`, {
      where: path,
      hint:
        problems[0] === undefined
          ? "The data set is empty."
          : `${problems[0].message} ${problems[0].hint ?? ""}`.trim(),
    });
  }
  await writeDataset(target, "folder", value, signal === undefined ? {} : { signal });
  return {
    ...{ folder: target, numSamples: value.length, numProblems: problems.length },
    problems: problems.slice(0, maxProblems).map(({ severity, code, message, file, line }) => ({
      ...{ severity, code, message, file },
      line: line === 0 ? null : line,
    })),
  };
}

export interface ConvertOptions {
  from: AnyReadOptions & { path: string };
  to: WriteOptions & { path: string; format: DataFormat };
}

/**
 * Reads one layout and writes another. Records with problems are left out; the problems come back.
 *
 * @throws as `importData` and `writeDataset` do
 */
export async function convertDataset({ from, to }: ConvertOptions): Promise<Parsed<InspectionSample[]>> {
  const read = await readAny(resolve(from.path), from);
  await writeDataset(to.path, to.format, read.value, to);
  return read;
}

interface AnyReadOptions extends ReadOptions {
  /** Which data set of LLaMA-Factory's list. */
  name?: string;
}

async function readAny(path: string, { name, ...options }: AnyReadOptions): Promise<Parsed<InspectionSample[]>> {
  if (options.format === undefined && /\.(csv|tsv)$/i.test(path)) return readCsvTable(path, options.signal);
  if (options.format === undefined && basename(path) === "dataset_info.json") {
    const entry = await infoEntry(path, name);
    return readDataset(entry.path, { ...entry.options, ...options });
  }
  return readDataset(path, options);
}

/** A data set of LLaMA-Factory's list: a JSON file whose pictures lie where its paths say, from the folder of the list. */
async function infoEntry(path: string, name: string | undefined): Promise<{ path: string; options: ReadOptions }> {
  const folder = dirname(path);
  const { value, problems } = await readDatasetInfo(folder);
  const names = [...value.keys()].join(", ");
  const fail = (message: string, hint: string) =>
    new DataError("data/unknown-name", `${path}: ${message}`, { where: path, hint });
  if (value.size === 0) throw fail("it lists no data set that can be read.", problems[0]?.message ?? "It is empty.");
  if (name === undefined && value.size > 1) throw fail(`it lists ${value.size} data sets.`, `Say which: ${names}.`);
  const file = name === undefined ? [...value.values()][0] : value.get(name);
  if (file === undefined)
    throw fail(`there is no data set ${JSON.stringify(name)} that can be read.`, `Take one of ${names}.`);
  return { path: file, options: { images: folder } };
}
