/** The questions of `protocol/rollouts.ts` over opened sources. Lives in a worker; keeps the last few indices. Knows no editor and no LSP. */
import { basename } from "node:path";
import { CancelledError, DataError } from "@iad-r1/models/errors";
import type { RolloutKey } from "@iad-r1/protocol/rewardDebugger";
import type {
  AdvantageTable,
  ExploreAnswer,
  ExploredGroup,
  ExploredRollout,
  ExploreQuery,
  GroupRow,
  RolloutExport,
  RolloutExportFormat,
  RolloutOverview,
  WhatIfAnswer,
} from "@iad-r1/protocol/rollouts";
import { formatProblem } from "../data/problems";
import { createRewardRegistry } from "../rewards/registry";
import { promptText } from "../rollouts/promptText";
import { type GroupNumbers, RolloutIndex } from "../rollouts/rolloutIndex";
import type { RolloutRow } from "../rollouts/row";
import { rewardWeights } from "../runs/rewardWeights";
import { totalOf } from "../rollouts/total";
import { advantageTable } from "./advantages";
import { exportBestAnswers } from "./bestAnswers";
import { exportRollouts } from "./exportRollouts";
import type { PictureReference } from "./pictures";
import { rewardSpans } from "./spans";
import { whatIf } from "./whatIf";

/** Indices in memory at once. */
const maxOpen = 3;
const exportPiece = 500;
const maxColumnText = 400;

interface Opened {
  index: RolloutIndex;
  weights: Record<string, number>;
}

export class Explorer {
  private readonly open = new Map<string, Promise<Opened>>();

  /** @param path a run folder or a file; the overview names it by `path` alone, the caller knows more */
  async overview(path: string, signal?: AbortSignal): Promise<Omit<RolloutOverview, "source">> {
    const { index, weights } = await this.opened(path, signal);
    const { functions } = createRewardRegistry();
    const [first] = index.problems;
    return {
      label: basename(path),
      format: index.format,
      numRollouts: index.numRollouts,
      numGroups: index.numGroups,
      steps: index.recordedSteps,
      rewards: [...index.rewards.keys()].map((name) => ({
        ...{ name, weight: weights[name] ?? null, isBuiltIn: functions.has(name) },
      })),
      sumsTotals: index.sumsTotals,
      numProblems: index.problems.length,
      problem: first === undefined ? null : formatProblem(first),
    };
  }

  async query(
    path: string,
    query: ExploreQuery,
    flips: readonly RolloutKey[] | null,
    signal?: AbortSignal,
  ): Promise<ExploreAnswer> {
    const { index } = await this.opened(path, signal);
    index.setFlips(flips);
    return index.query(query);
  }

  async groups(
    path: string,
    query: ExploreQuery,
    offset: number,
    limit: number,
  ): Promise<{ total: number; rows: GroupRow[] }> {
    const { index } = await this.opened(path);
    const rows = index.page(query, offset, limit).map(({ group, matches }) => groupRow(index, group, matches));
    return { total: index.query(query).numGroups, rows };
  }

  /** Place of a group in an answer, or -1. */
  async place(path: string, query: ExploreQuery, key: { step: number | null; group: string }): Promise<number> {
    return (await this.opened(path)).index.placeOf(query, key);
  }

  /** @throws DataError `rollouts/no-group` */
  async group(path: string, step: number | null, name: string, query: ExploreQuery): Promise<ExploredGroup> {
    const { index } = await this.opened(path);
    const group = found(index, path, step, name);
    const rows = await index.rows(group.rows);
    const first = rows[0]!;
    const matches = [...group.rows].map((row) => index.isMatch(query, row));
    const { sampleId } = index.sampleAt(group.rows[0]!);
    return {
      row: groupRow(index, group, matches.filter((each) => each).length),
      prompt: promptText(first.prompt),
      solution: first.solution,
      columns: Object.entries(first.columns).map(([column, value]) => ({ name: column, value: shortText(value) })),
      rollouts: rows.map((row, i) => exploredRollout(row, index.verdictAt(group.rows[i]!), matches[i]!)),
      hasMask: hasMask(index, first),
      occurrences: (sampleId === null ? [] : index.occurrences(sampleId))
        .filter((other) => other !== group)
        .map((other) => ({ step: other.step, group: other.name, mean: other.mean })),
    };
  }

  async advantages(path: string, step: number | null, name: string): Promise<AdvantageTable> {
    const { index, weights } = await this.opened(path);
    const group = found(index, path, step, name);
    const groups = index.groupsOfStep(step);
    const rows = await index.rows(groups.flatMap((each) => [...each.rows]));
    let at = 0;
    const places = groups.map((each) => [...each.rows].map(() => at++));
    return advantageTable(rows, places, places[groups.indexOf(group)]!, weights);
  }

  async whatIf(path: string, key: RolloutKey, completion: string): Promise<WhatIfAnswer> {
    const { index, weights } = await this.opened(path);
    const { rows, place } = await completionOf(index, path, key);
    return whatIf(rows, place, completion, weights);
  }

  /** One completion with all that rewards are given with it. @throws DataError `rollouts/no-group` */
  async row(path: string, key: RolloutKey): Promise<RolloutRow> {
    const { index } = await this.opened(path);
    const { rows, place } = await completionOf(index, path, key);
    return rows[place]!;
  }

  /** What must be known to draw the picture; null when the rollout has none. */
  async picture(path: string, step: number | null, name: string): Promise<PictureReference | null> {
    const { index } = await this.opened(path);
    const [row] = await index.rows(found(index, path, step, name).rows.subarray(0, 1));
    const id = row?.images?.at(-1);
    if (row === undefined || id === undefined) return null;
    const sample = index.sampleOf(row);
    return { id, mask: sample?.mask ?? null, synth: sample?.synth ?? null };
  }

  /** Writes the rows that the filter lets through, or the training samples among them. */
  async export(
    path: string,
    query: ExploreQuery,
    format: RolloutExportFormat,
    out: string,
    signal?: AbortSignal,
  ): Promise<RolloutExport> {
    const { index } = await this.opened(path, signal);
    const numbers = index.matching(query);
    async function* pieces() {
      for (let from = 0; from < numbers.length; from += exportPiece) {
        if (signal?.aborted) throw new CancelledError();
        yield await index.rows(numbers.slice(from, from + exportPiece));
      }
    }
    if (format === "pa-sft") {
      const { count, ...left } = await exportBestAnswers(pieces(), out);
      return { count, left };
    }
    return { count: await exportRollouts(pieces(), [...index.rewards.keys()], format, out), left: null };
  }

  private async opened(path: string, signal?: AbortSignal): Promise<Opened> {
    const known = this.open.get(path);
    if (known !== undefined) {
      const opened = await known;
      await opened.index.refresh();
      return opened;
    }
    while (this.open.size >= maxOpen) this.open.delete(this.open.keys().next().value!);
    const opening = (async () => ({
      index: await RolloutIndex.open(path, signal === undefined ? {} : { signal }),
      weights: await rewardWeights(path),
    }))();
    this.open.set(path, opening);
    // What failed is tried again the next time.
    opening.catch(() => this.open.delete(path));
    return opening;
  }
}

function found(index: RolloutIndex, path: string, step: number | null, name: string): GroupNumbers {
  const group = index.group(step, name);
  if (group === null) throw noRollout(path, step, name, "group");
  return group;
}

/** The rows of its group, and its place among them. */
async function completionOf(index: RolloutIndex, path: string, { step, group, index: wanted }: RolloutKey) {
  const rows = await index.rows(found(index, path, step, group).rows);
  const place = rows.findIndex((row) => row.index === wanted);
  if (place < 0) throw noRollout(path, step, group, `completion ${wanted}`);
  return { rows, place };
}

function noRollout(path: string, step: number | null, name: string, what: string): DataError {
  return new DataError(
    "rollouts/no-group",
    `${path} has no ${what} in group ${name}${step === null ? "" : ` of step ${step}`}.`,
    {
      ...{ where: path, hint: "The run may have been resumed before this step; look at the list again." },
    },
  );
}

function groupRow(index: RolloutIndex, group: GroupNumbers, matches: number): GroupRow {
  const numbers = [...group.rows].map((row) => index.numbersAt(row));
  return {
    ...{ step: group.step, group: group.name, matches, ...index.sampleAt(group.rows[0]!) },
    size: group.rows.length,
    totals: numbers.map(({ total }) => total),
    advantages: numbers.map(({ advantage }) => advantage),
    ...{ std: group.std, mean: group.mean },
  };
}

function exploredRollout(row: RolloutRow, verdict: string, matches: boolean): ExploredRollout {
  const { step = null, group, index, completion, rewards = {}, status = {}, recorded } = row;
  return {
    ...{ key: { step, group, index }, completion, verdict, matches, rewards, status },
    finish: row.finish ?? null,
    length: row.length ?? null,
    total: totalOf(row),
    advantage: row.advantage ?? null,
    notes: recorded?.notes ?? {},
    entropy: recorded?.entropy ?? null,
    meanLogProb: recorded?.meanLogProb ?? null,
    refKl: recorded?.refKl ?? null,
    spans: rewardSpans(Object.keys(rewards), completion),
    tokens: recordedTokens(row),
  };
}

function recordedTokens({ completion, recorded }: RolloutRow): ExploredRollout["tokens"] {
  const { tokenLengths, tokenLogProbs } = recorded ?? {};
  if (tokenLengths === undefined || tokenLogProbs === undefined) return null;
  let at = 0;
  return tokenLengths.map((length, i) => {
    const text = completion.slice(at, at + length);
    at += length;
    return { text, probability: Math.min(1, Math.exp(tokenLogProbs[i]!)) };
  });
}

function hasMask(index: RolloutIndex, row: RolloutRow): boolean {
  const sample = index.sampleOf(row);
  if (sample === undefined) return false;
  return sample.mask !== null || (sample.synth !== null && sample.columns.label === "anomalous");
}

function shortText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > maxColumnText ? `${text.slice(0, maxColumnText - 1)}…` : text;
}
