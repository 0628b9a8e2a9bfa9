/** Counts that tell whether a data set is fit for training: labels, types, places, references. Looks at no image. */
import type { InspectionSample } from "./samples";

export interface CategoryStats {
  normal: number;
  anomalous: number;
  /** Anomalous samples by defect type. */
  types: Record<string, number>;
}

export interface DatasetStats {
  samples: number;
  normal: number;
  anomalous: number;
  categories: Record<string, CategoryStats>;
  types: Record<string, number>;
  /** Anomalous samples by place; "unknown" where the source does not say. */
  locations: Record<string, number>;
  /** Anomalous samples whose main cell holds less than half of the defect. */
  unclearPlaces: number;
  withMask: number;
  withReference: number;
  withThink: number;
  groups: number;
  /** Words of the reasoning: mean and longest; null without any. */
  thinkWords: { mean: number; longest: number } | null;
}

export function datasetStats(samples: readonly InspectionSample[]): DatasetStats {
  const categories = new Map<string, CategoryStats>();
  const types = new Map<string, number>();
  const locations = new Map<string, number>();
  const groups = new Set<string>();
  let unclearPlaces = 0;
  let words = 0;
  let longest = 0;
  let withThink = 0;
  for (const sample of samples) {
    const category = categories.get(sample.category) ?? { normal: 0, anomalous: 0, types: {} };
    categories.set(sample.category, category);
    category[sample.label]++;
    if (sample.label === "anomalous") {
      const type = sample.defectType ?? "unknown";
      category.types[type] = (category.types[type] ?? 0) + 1;
      add(types, type);
      add(locations, sample.location ?? "unknown");
      if ((sample.locationShare ?? 1) < 0.5) unclearPlaces++;
    }
    if (sample.group !== undefined) groups.add(`${sample.category}\0${sample.group}`);
    if (sample.think !== undefined && sample.think !== "") {
      const count = sample.think.trim().split(/\s+/).length;
      withThink++;
      words += count;
      longest = Math.max(longest, count);
    }
  }
  const normal = samples.filter((sample) => sample.label === "normal").length;
  return {
    samples: samples.length,
    normal,
    anomalous: samples.length - normal,
    categories: Object.fromEntries([...categories].sort(([a], [b]) => (a < b ? -1 : 1))),
    types: byCount(types),
    locations: byCount(locations),
    unclearPlaces,
    withMask: samples.filter((sample) => sample.mask !== null).length,
    withReference: samples.filter((sample) => sample.references.length > 0).length,
    withThink,
    groups: groups.size,
    thinkWords: withThink === 0 ? null : { mean: words / withThink, longest },
  };
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Largest first. */
function byCount(counts: Map<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)));
}
