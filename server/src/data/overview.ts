/** A data set as an editor shows it: counts, problems, pages of samples. Reads what `data validate` reads. */
import type { DataOverview, DataPage, DataPageParams, DataSample, DataSourceReference } from "@iad-r1/protocol/project";
import { detectFormat, readDataset } from "./dataset";
import type { InspectionSample } from "./samples";
import { datasetStats } from "./stats";

const maxProblems = 200;
const maxPage = 1000;

/** @throws DataError when the path cannot be read at all or its layout cannot be told */
export async function dataOverview({ path, kind }: DataSourceReference, signal?: AbortSignal): Promise<DataOverview> {
  const format = kind ?? (await detectFormat(path));
  const { value, problems } = await readDataset(path, { format, ...(signal && { signal }) });
  const stats = datasetStats(value);
  return {
    ...{ path, kind: format, numSamples: stats.samples, numNormal: stats.normal, numAnomalous: stats.anomalous },
    categories: Object.entries(stats.categories).map(([name, { normal, anomalous }]) => ({ name, normal, anomalous })),
    problems: problems.slice(0, maxProblems).map(({ severity, code, message, file, line }) => ({
      ...{ severity, code, message, file },
      line: line === 0 ? null : line,
    })),
    numProblems: problems.length,
  };
}

/** @throws as `dataOverview` */
export async function dataPage(params: DataPageParams, signal?: AbortSignal): Promise<DataPage> {
  const { path, kind, offset = 0, limit = 200 } = params;
  const { value } = await readDataset(path, { ...(kind && { format: kind }), ...(signal && { signal }) });
  return { total: value.length, samples: value.slice(offset, offset + Math.min(limit, maxPage)).map(plainSample) };
}

/** A sample without what only training needs. */
export function plainSample(sample: InspectionSample): DataSample {
  const { id, image, references, category, label, defectType, locations, mask } = sample;
  return { id, image, references, category, label, defectType, locations, mask };
}
