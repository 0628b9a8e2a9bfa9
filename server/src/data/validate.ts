/** Looks a whole data set over: the files, the pixels of pictures and masks, on request duplicates. Changes nothing. */
import { DataError } from "@iad-r1/models/errors";
import { loadImage } from "@iad-r1/models/vision/decode";
import { type DataFormat, detectFormat, type ReadOptions, readDataset } from "./dataset";
import { type DuplicatePair, findDuplicates } from "./duplicates";
import { locateMask } from "./locations";
import { checkMaskSize, loadMask } from "./pixels";
import { type DataProblem, hasErrors, Problems, WHOLE_FILE } from "./problems";
import type { InspectionSample } from "./samples";
import { type DatasetStats, datasetStats } from "./stats";
import { checkStopped } from "./stop";

export interface ValidateOptions extends ReadOptions {
  /** Looks for equal and similar pictures. Default false. */
  duplicates?: boolean;
  onProgress?: (done: number, total: number) => void;
}

export interface ValidationReport {
  /** No problem is an error; warnings may be there. */
  ok: boolean;
  format: DataFormat;
  problems: DataProblem[];
  stats: DatasetStats;
  duplicates: DuplicatePair[];
}

/** @throws DataError when the path cannot be read at all or its format cannot be told; CancelledError */
export async function validateDataset(path: string, options: ValidateOptions = {}): Promise<ValidationReport> {
  const format = options.format ?? (await detectFormat(path));
  const read = await readDataset(path, { ...options, format });
  const problems = new Problems(path);
  problems.append(read.problems);
  for (const [done, sample] of read.value.entries()) {
    checkStopped(options.signal);
    await checkPixels(sample, format, problems);
    options.onProgress?.(done + 1, read.value.length);
  }
  const duplicates =
    options.duplicates === true ? (await findDuplicates(read.value, { signal: options.signal })).pairs : [];
  const list = problems.list();
  return { ok: !hasErrors(list), format, problems: list, stats: datasetStats(read.value), duplicates };
}

async function checkPixels(sample: InspectionSample, format: DataFormat, problems: Problems): Promise<void> {
  try {
    const image = await loadImage(sample.image);
    for (const reference of sample.references) await loadImage(reference);
    if (sample.mask === null) return;
    const mask = await loadMask(sample.mask);
    checkMaskSize(image, mask, sample.mask);
    const place = locateMask(mask.data, mask.width, mask.height);
    if (place === null) {
      // The reader of that layout takes places from masks, and has said so.
      if (format === "mvtec") return;
      problems.warning(WHOLE_FILE, "data/empty-mask", `The mask of ${sample.id} is empty: ${sample.mask}.`);
    } else if (sample.location !== null && !(place.locations as string[]).includes(sample.location)) {
      const message = `${sample.id} is said to be at ${sample.location}, but its mask lies at ${place.location}.`;
      problems.warning(WHOLE_FILE, "data/wrong-place", message);
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    problems.error(WHOLE_FILE, error.code, error.message, error.hint);
  }
}
