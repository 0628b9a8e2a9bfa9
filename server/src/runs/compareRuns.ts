/** Runs side by side: their evaluations, and the settings in which they differ. Reads, never writes. */
import type { EvaluationReport, RunComparison } from "@iad-r1/protocol/runs";
import type { StoredRun } from "./store";

export function compareRuns(runs: readonly StoredRun[]): RunComparison {
  return {
    runs: runs.map(({ manifest }) => manifest.id),
    evaluations: runs.flatMap((run) =>
      evaluationRows(run.evaluations()).map(({ label, report }) => ({ run: run.manifest.id, label, report })),
    ),
    differences: configDifferences(runs.map(({ manifest }) => manifest.config)).map(({ key, values }) => ({
      key,
      // JSON has no undefined.
      values: values.map((value) => value ?? null),
    })),
  };
}

/** The last evaluation of every label, in order. */
export function evaluationRows<E extends { label: string; report: EvaluationReport }>(events: readonly E[]): E[] {
  return [...new Map(events.map((event) => [event.label, event])).values()];
}

/** Settings that are not the same in all configurations, by dotted path. */
export function configDifferences(configs: readonly unknown[]): { key: string; values: unknown[] }[] {
  const flat = configs.map((config) => flatten(config));
  const keys = [...new Set(flat.flatMap((values) => [...values.keys()]))].sort();
  return keys
    .map((key) => ({ key, values: flat.map((values) => values.get(key)) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

function flatten(value: unknown, prefix = "", into = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [key, child] of Object.entries(value)) flatten(child, prefix === "" ? key : `${prefix}.${key}`, into);
  } else into.set(prefix, value);
  return into;
}
