/** Reads the rollouts of a scope: which source, which steps, which rows. Knows no reward code. */
import { AppError } from "@iad-r1/models/errors";
import type { RewardScope, RewardScopeChoices, RolloutSource } from "@iad-r1/protocol/rewardDebugger";
import { forEachRollout, sourceOf } from "../../rollouts/read";
import { rewardWeights } from "../../runs/rewardWeights";
import { groupRows, isFlat, valuesAt } from "../analysis/attribution";
import { scopeSteps } from "../analysis/examination";
import { type RolloutRow, splitOf } from "../../rollouts/row";
import { noRollouts, type ScopedRollouts } from "./scopedRollouts";

/** A run or file that rollouts can come from. */
export interface KnownSource {
  source: RolloutSource;
  /** Run folder, or the file. */
  path: string;
  /** For people. */
  name: string;
}

export interface ReadScopeOptions {
  /** Newest first; the first with rollouts is taken when the scope names none. */
  sources: readonly KnownSource[];
  /** Whole groups are left out at the beginning until no more rows remain than this. */
  maxRollouts: number;
  signal?: AbortSignal;
}

/** Never throws for a source that cannot be read: the problem is in the answer. @throws CancelledError */
export async function readScope(scope: RewardScope, options: ReadScopeOptions): Promise<ScopedRollouts> {
  const { sources, signal } = options;
  if (scope.source !== null) {
    const known = sources.find(({ source }) => isSameSource(source, scope.source!)) ?? fileSource(scope.source);
    if (known === null) return { ...noRollouts, problem: "The run of the chosen scope is not there any more." };
    return readSource(known, scope, options);
  }
  for (const known of sources) {
    const found = await readSource(known, scope, options);
    if (found.rows.length > 0) return found;
    signal?.throwIfAborted();
  }
  return noRollouts;
}

/** Steps of each source; those without rollouts are left out. */
export async function scopeChoices(sources: readonly KnownSource[]): Promise<RewardScopeChoices> {
  const choices: RewardScopeChoices["sources"] = [];
  for (const { source, path, name } of sources) {
    try {
      const { files } = await sourceOf(path);
      const steps = files.flatMap(({ step }) => step ?? []);
      if (files.length === 0) continue;
      const detail = steps.length === 0 ? path : `${steps.length} steps, ${steps[0]} to ${steps.at(-1)}`;
      choices.push({ source, label: name, detail, steps });
    } catch (error) {
      if (!AppError.is(error)) throw error;
    }
  }
  return { sources: choices };
}

async function readSource(
  { source, path, name }: KnownSource,
  scope: RewardScope,
  { maxRollouts, signal }: ReadScopeOptions,
): Promise<ScopedRollouts> {
  const read: { row: RolloutRow; place: { path: string; line: number } }[] = [];
  let problem: string | null = null;
  const { steps } = scope;
  try {
    const problems = await forEachRollout(
      await sourceOf(path),
      (row, { file, line }) => {
        if (scope.split === "all" || splitOf(row) === scope.split)
          read.push({ row, place: { path: file, line: line - 1 } });
      },
      {
        ...(steps === null ? { lastSteps: scopeSteps } : { steps }),
        ...(signal !== undefined && { signal }),
      },
    );
    const first = problems.find(({ severity }) => severity === "error");
    if (first !== undefined) problem = first.message;
  } catch (error) {
    if (!AppError.is(error) || signal?.aborted) throw error;
    problem = error.message;
  }
  const kept = wholeGroups(filtered(lastOf(read, steps === null), scope), maxRollouts);
  const numbers = [...new Set(kept.flatMap(({ row }) => row.step ?? []))].sort((a, b) => a - b);
  return {
    ...{ source, problem, steps: numbers, weights: source.kind === "run" ? await rewardWeights(path) : {} },
    rows: kept.map(({ row }) => row),
    places: kept.map(({ place }) => place),
    label: kept.length === 0 ? "" : labelOf(name, numbers),
  };
}

type Read = { row: RolloutRow; place: { path: string; line: number } };

/** The reader takes the last files; one file may hold many steps. */
function lastOf(read: Read[], isDefault: boolean): Read[] {
  if (!isDefault) return read;
  const steps = [...new Set(read.flatMap(({ row }) => row.step ?? []))].sort((a, b) => a - b);
  const from = steps.at(-scopeSteps);
  return from === undefined ? read : read.filter(({ row }) => row.step === undefined || row.step >= from);
}

/** Rows of a group stand together afterwards. "flips" needs the code on screen and is applied where that was run. */
function filtered(read: Read[], { filter, pinned }: RewardScope): Read[] {
  const groups = groupRows(read.map(({ row }) => row)).map((group) => group.map((at) => read[at]!));
  if (filter === "failing") {
    return groups.flatMap((group) => group.filter(({ row }) => isFailing(row) || isPinned(row, pinned)));
  }
  if (filter !== "zero-variance") return groups.flat();
  return groups.filter((group) => isFlat(knownTotals(group)) || group.some(({ row }) => isPinned(row, pinned))).flat();
}

function knownTotals(group: readonly Read[]): number[] {
  return valuesAt(
    group.map(({ row }) => row.total ?? null),
    group.map((_, i) => i),
  );
}

function isFailing({ rewards, status }: RolloutRow): boolean {
  return (
    Object.values(status ?? {}).includes("error") ||
    Object.values(rewards ?? {}).some((score) => score !== null && score <= 0)
  );
}

function isPinned(row: RolloutRow, pinned: RewardScope["pinned"]): boolean {
  return pinned !== null && row.group === pinned.group && row.index === pinned.index;
}

function wholeGroups(read: Read[], maxRollouts: number): Read[] {
  if (read.length <= maxRollouts) return read;
  const groups = groupRows(read.map(({ row }) => row));
  let count = 0;
  let from = groups.length;
  while (from > 0 && count + groups[from - 1]!.length <= maxRollouts) count += groups[--from]!.length;
  // A single group that is too large is cut rather than left out.
  if (from === groups.length) return read.slice(0, maxRollouts);
  return groups.slice(from).flatMap((group) => group.map((at) => read[at]!));
}

function labelOf(name: string, steps: readonly number[]): string {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined) return name;
  return first === last ? `${name}, step ${first}` : `${name}, steps ${first} to ${last}`;
}

function fileSource(source: RolloutSource): KnownSource | null {
  if (source.kind !== "file") return null;
  return { source, path: source.path, name: source.path.split(/[\\/]/).at(-1)! };
}

export function isSameSource(a: RolloutSource, b: RolloutSource): boolean {
  return a.kind === "run" ? b.kind === "run" && a.run === b.run : b.kind === "file" && a.path === b.path;
}
