/**
 * Rollouts: groups of completions of one prompt, generated together, scored, and written down. Used by SC-GRPO and to look at what a
 * model would say. It updates nothing.
 */
import { join } from "node:path";
import { RewardError } from "@iad-r1/models/errors";
import type { ModelReference, RolloutRecord } from "@iad-r1/protocol/runs";
import type { InspectionSample } from "../data/samples";
import {
  defaultPromptStyle,
  originOf,
  PictureLedger,
  type PolicyExample,
  type PromptStyle,
  policyExample,
} from "../generate/examples";
import type { Completion } from "../generate/generator";
import { type EncodedPromptWithText, promptHash } from "../generate/promptEncoder";
import type { SamplingOptions } from "../generate/sample";
import { type ModelParts, type ModelPlace, withChosenModel } from "../generate/withModel";
import type { WeightedReward } from "../rewards/contract";
import { type RewardErrorPolicy, rolloutStatus, type ScoredRow, scoreAll } from "../rewards/evaluate";
import type { RolloutTablesWriter } from "../rollouts/tables";
import { writeFileDurably } from "../runs/durableFile";
import { rolloutsFile } from "../runs/store";
import { type GroupAdvantages, groupAdvantages } from "./advantages";
import { meanOf } from "./policyMetrics";

/** One prompt with its G completions, scored, whoever generated them. */
export interface ScoredGroup {
  sample: InspectionSample;
  example: PolicyExample;
  prompt: { promptText: string };
  completions: Completion[];
  rows: ScoredRow[];
  /** Per completion. */
  generateMs: number;
  rewardMs: number;
}

/** The same with the prompt as the decoder takes it. */
export interface Group extends ScoredGroup {
  prompt: EncodedPromptWithText;
}

/** Completions of prompts that wait for their scores. */
export type UnscoredGroup<G extends ScoredGroup = ScoredGroup> = Omit<G, "rows" | "rewardMs">;

export interface RollOutOptions {
  groupSize: number;
  sampling: SamplingOptions;
  maxNewTokens: number;
  /** See `GenerationOptions`. */
  policyLogProbs?: boolean;
  rewards: readonly WeightedReward[];
  onError: RewardErrorPolicy;
  /** Told to rewards. */
  step?: number;
  signal?: AbortSignal;
  onProgress?: (finished: number, total: number) => void;
}

/** Completions that are written at a time: whole groups, and at least one. */
function mostRows(groupSize: number): number {
  return Math.max(64, groupSize);
}

/** Rows of the cache that rollouts of so many prompts take. */
export function rolloutRows(groupSize: number, prompts: number): number {
  return groupSize * Math.min(prompts, Math.floor(mostRows(groupSize) / groupSize));
}

/**
 * @param wanted each prompt, and the name of its stream of random numbers
 * @throws CancelledError, RewardError with the policy "stop"
 */
export async function rollOutGroups(
  { generator, encoder }: ModelParts,
  wanted: readonly { sample: InspectionSample; example: PolicyExample; seed: readonly (number | string)[] }[],
  options: RollOutOptions,
): Promise<Group[]> {
  const { groupSize, sampling, maxNewTokens, rewards, onError, step, signal, onProgress } = options;
  const prompts = await encoder.encode(wanted.map(({ example }) => example.source));
  const total = wanted.length * groupSize;
  const started = performance.now();
  const generated = await generator.generate(
    prompts.map((prompt, i) => ({ prompt, count: groupSize, seed: wanted[i]!.seed })),
    {
      ...{ sampling, maxNewTokens, policyLogProbs: options.policyLogProbs ?? false, maxRows: mostRows(groupSize) },
      ...(signal && { signal }),
      ...(onProgress && { onProgress: (finished: number) => onProgress(finished, total) }),
    },
  );
  const generateMs = (performance.now() - started) / total;
  const unscored = wanted.map(({ sample, example }, i) => ({
    ...{ sample, example, prompt: prompts[i]!, completions: generated[i]!, generateMs },
  }));
  return scoreGroups<Group>(unscored, { groupSize, rewards, onError, step, signal });
}

/**
 * Scores in one call: rewards in processes of their own see the whole step, as they do in other trainers.
 *
 * @throws CancelledError, RewardError with the policy "stop"
 */
export async function scoreGroups<G extends ScoredGroup>(
  unscored: readonly UnscoredGroup<G>[],
  options: Pick<RollOutOptions, "groupSize" | "rewards" | "onError"> & {
    step?: number | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<G[]> {
  const { groupSize, rewards, onError, step, signal } = options;
  const scoring = performance.now();
  const inputs = unscored.flatMap(({ sample, example, completions }) =>
    completions.map((completion) => ({
      ...{ completion: completion.text, solution: example.solution, columns: example.columns },
      origin: { ...originOf(completion, sample.id, example.source.messages), ...(step !== undefined && { step }) },
    })),
  );
  const rows = await scoreAll(rewards, inputs, { groupSize, onError, ...(signal && { signal }) });
  const rewardMs = (performance.now() - scoring) / inputs.length;
  return unscored.map(
    (group, i) => ({ ...group, rows: rows.slice(i * groupSize, (i + 1) * groupSize), rewardMs }) as G,
  );
}

/** Share of failed rewards above which a run that leaves failures out stops. */
const maxErrorShare = 0.05;

/** What a failure is reported as; see `runs/rewardGuard.ts`. */
const findingOf = { count: "RW101", value: "RW102", range: "RW102", raised: "RW104" } as const;

/**
 * @param pauseOn findings that hold the run: a failure that is one of them is corrected while the run waits, and ends nothing
 * @throws RewardError `reward/many-errors`
 */
export function checkErrorShare(groups: readonly ScoredGroup[], pauseOn: readonly string[] = []): void {
  const rows = groups.flatMap((group) => group.rows);
  const failing = rows.filter(({ status, failures }) =>
    Object.entries(status).some(
      ([name, one]) => one === "error" && !pauseOn.includes(findingOf[failures?.[name] ?? "raised"]),
    ),
  );
  if (failing.length <= maxErrorShare * rows.length) return;
  const [name, note] = Object.entries(failing[0]!.notes).find(([, one]) => one.error !== undefined) ?? ["?", {}];
  throw new RewardError(
    "reward/many-errors",
    `Rewards failed on ${failing.length} of ${rows.length} completions, expected at most ${100 * maxErrorShare} %. ${name}: ${String(note.error)}`,
    { hint: "Correct the reward, then resume the run with it; pauseOn lets the run wait for that by itself." },
  );
}

export interface RecordContext {
  run: string;
  step: number;
  mode: "train" | "eval";
  advantages: GroupAdvantages;
  /** (N,) mean k3 estimate of each completion, or null. */
  kl: ArrayLike<number> | null;
  ledger: PictureLedger;
}

/** One record for each completion, group by group. */
export async function rolloutRecords(groups: readonly ScoredGroup[], context: RecordContext): Promise<RolloutRecord[]> {
  const { run, step, mode, advantages, kl, ledger } = context;
  const records: RolloutRecord[] = [];
  for (const [g, group] of groups.entries()) {
    const imageRefs = await ledger.refs(group.example.source.pictures);
    for (const [index, completion] of group.completions.entries()) {
      const row = group.rows[index]!;
      const at = records.length;
      records.push({
        ...{ run, step, mode, group: g, index, sampleId: group.sample.id, imageRefs },
        promptHash: promptHash(group.prompt.promptText),
        solution: group.example.solution,
        completion: completion.text,
        ...{ finish: completion.finish, length: completion.ids.length, rewards: row.scores },
        status: Object.fromEntries(Object.entries(row.status).map(([name, status]) => [name, rolloutStatus(status)])),
        notes: flattenNotes(row.notes),
        ...{ total: row.total, advantage: advantages.advantages[at]!, refKl: kl?.[at] ?? null },
        entropy: meanOf(completion.entropies),
        meanLogProb: meanOf(completion.logProbs),
        timings: { generateMs: round(group.generateMs), rewardMs: round(group.rewardMs) },
        ...(completion.lengths !== undefined && {
          tokenLengths: completion.lengths,
          tokenLogProbs: Array.from(completion.logProbs, round),
        }),
      });
    }
  }
  return records;
}

/** Writes the records of a step into a run folder; returns the file's path relative to it. */
export function writeRollouts(runFolder: string, step: number, records: readonly RolloutRecord[]): string {
  const file = rolloutsFile(step);
  writeFileDurably(join(runFolder, file), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  return file;
}

/** What the records of these groups refer to: chats by their hash, samples by their picture. */
export function tableEntries(groups: readonly ScoredGroup[]): Parameters<RolloutTablesWriter["add"]>[0] {
  return groups.flatMap(({ sample, example, prompt }) => {
    const { messages, pictures } = example.source;
    const picture = pictures.at(-1)?.id;
    if (picture === undefined) return [];
    const { synth = null } = sample;
    return {
      ...{ hash: promptHash(prompt.promptText), messages, picture, sampleId: sample.id, columns: example.columns },
      ...{ image: synth === null ? sample.image : null, mask: sample.mask, synth },
    };
  });
}

export interface SampleRolloutsOptions extends Partial<SamplingOptions>, ModelPlace {
  /** G; default 8. */
  groupSize?: number;
  maxNewTokens?: number;
  rewards: readonly WeightedReward[];
  style?: PromptStyle;
  references?: number;
  seed?: number;
  signal?: AbortSignal;
  onProgress?: (finished: number, total: number) => void;
}

/** What a model says to each sample, G times, with rewards and advantages; the sampling defaults are those of training. */
export async function sampleRollouts(
  reference: ModelReference,
  samples: readonly InspectionSample[],
  options: SampleRolloutsOptions,
): Promise<RolloutRecord[]> {
  const { groupSize = 8, style = defaultPromptStyle, references = 0, seed = 0, rewards, signal, onProgress } = options;
  const { temperature = 0.9, topK = 50, topP = 0.9, repetitionPenalty = 1 } = options;
  const wanted = samples.map((sample) => ({
    sample,
    example: policyExample(sample, { references, style }),
    seed: [seed, "rollouts", sample.id],
  }));
  return withChosenModel(reference, options, async (parts) => {
    const groups = await rollOutGroups(parts, wanted, {
      ...{ groupSize, rewards, onError: "skip", maxNewTokens: options.maxNewTokens ?? 256 },
      sampling: { temperature, topK, topP, repetitionPenalty },
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    const totals = groups.flatMap(({ rows }) => rows.map(({ total }) => total));
    const advantages = groupAdvantages(totals, { groupSize });
    const ledger = new PictureLedger();
    return rolloutRecords(groups, { run: "", step: 0, mode: "eval", advantages, kl: null, ledger });
  });
}

/** {reward: {key: value}} -> {"reward/key": value}. */
function flattenNotes(notes: ScoredRow["notes"]): RolloutRecord["notes"] {
  return Object.fromEntries(
    Object.entries(notes).flatMap(([name, entries]) =>
      Object.entries(entries).map(([key, value]) => [`${name}/${key}`, value] as const),
    ),
  );
}

/** To three digits behind the point; nothing is written as -0. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000 + 0;
}
