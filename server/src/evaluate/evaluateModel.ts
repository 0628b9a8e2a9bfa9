/**
 * How good a model is on labelled samples: asks it about each picture, reads the answers with the one parser, and gives the report
 * with every answer behind it. The metrics themselves are metrics.ts; which pictures, the caller says.
 */
import type { EvaluatedSample, EvaluationReport, ModelReference } from "@iad-r1/protocol/runs";
import type { InspectionSample } from "../data/samples";
import { solutionOf } from "../data/think";
import { type ModelParts, type ModelPlace, withChosenModel } from "../generate/withModel";
import type { SamplingOptions } from "../generate/sample";
import type { WeightedReward } from "../rewards/contract";
import { scoreAll } from "../rewards/evaluate";
import { inspectionPrompt, originOf, picturesOf, rewardColumns } from "../generate/examples";
import { type EvaluationSample, evaluateSamples, judgeSample } from "./metrics";

export interface EvaluateModelOptions {
  /** Pictures asked about together. */
  batchSize: number;
  maxNewTokens: number;
  /** Greedy by default. */
  temperature?: number;
  /** Reference pictures shown before each query, where there are some. */
  references?: number;
  /** Also scored; their means go into the report. */
  rewards?: readonly WeightedReward[];
  /** Names the stream of random numbers at temperatures above 0. */
  seed?: number;
  signal?: AbortSignal;
  onProgress?: (progress: { finished: number; total: number; tokensPerSecond: number }) => void;
}

export interface ModelEvaluation {
  report: EvaluationReport;
  samples: EvaluatedSample[];
}

/**
 * @throws DataError when a picture cannot be read
 * @throws CancelledError
 */
export async function evaluateModel(
  { generator, encoder }: ModelParts,
  samples: readonly InspectionSample[],
  options: EvaluateModelOptions,
): Promise<ModelEvaluation> {
  const started = performance.now();
  const { batchSize, temperature = 0, references = 0, rewards = [], seed = 0, signal } = options;
  const sampling: SamplingOptions = { temperature, topK: 0, topP: 1, repetitionPenalty: 1 };
  const evaluated: EvaluatedSample[] = [];
  const totals: number[] = [];
  const judged: EvaluationSample[] = [];
  let tokens = 0;
  for (let from = 0; from < samples.length; from += batchSize) {
    const batch = samples.slice(from, from + batchSize);
    const pictures = batch.map((sample) => picturesOf(sample, references));
    const sources = pictures.map(inspectionPrompt);
    const prompts = await encoder.encode(sources);
    const groups = await generator.generate(
      prompts.map((prompt, i) => ({ prompt, count: 1, seed: [seed, "evaluate", batch[i]!.id] })),
      {
        ...{ sampling, maxNewTokens: options.maxNewTokens, anomalyScore: true, maxRows: batchSize },
        ...(signal && { signal }),
      },
    );
    const solutions = batch.map(solutionOf);
    const scores = await scoreAll(
      rewards,
      batch.map((sample, i) => ({
        completion: groups[i]![0]!.text,
        solution: solutions[i],
        columns: rewardColumns(sample),
        origin: originOf(groups[i]![0]!, sample.id, sources[i]!.messages),
      })),
      { groupSize: 1, ...(signal && { signal }) },
    );
    for (const [i, sample] of batch.entries()) {
      const completion = groups[i]![0]!;
      const entry: EvaluationSample = { ...sample, text: completion.text, anomalyScore: completion.anomalyScore };
      const verdict = judgeSample(entry);
      judged.push(entry);
      const { scores: rewardScores, total } = scores[i]!;
      if (total !== null) totals.push(total);
      tokens += prompts[i]!.inputIds.length + completion.ids.length;
      evaluated.push({
        id: sample.id,
        images: pictures[i]!.map(({ id }) => id),
        category: sample.category,
        label: sample.label,
        solution: solutions[i]!,
        completion: completion.text,
        ...{ answer: verdict.answer, location: verdict.location, type: verdict.type },
        anomalyScore: completion.anomalyScore,
        correct: verdict.correct,
        rewards: rewardScores,
        numTokens: completion.ids.length,
      });
    }
    const seconds = (performance.now() - started) / 1000;
    options.onProgress?.({ finished: evaluated.length, total: samples.length, tokensPerSecond: tokens / seconds });
  }
  const names = rewards.map(({ reward }) => reward.name);
  const means = names.map((name) => [name, mean(evaluated.flatMap((sample) => sample.rewards[name] ?? []))] as const);
  return {
    report: {
      ...evaluateSamples(judged),
      // A reward that applied to no sample has no mean.
      rewards: Object.fromEntries(means.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
      rewardTotal: mean(totals),
      meanLength: mean(evaluated.map(({ numTokens }) => numTokens)) ?? 0,
      seconds: (performance.now() - started) / 1000,
    },
    samples: evaluated,
  };
}

export interface EvaluateReferenceOptions extends Partial<Omit<EvaluateModelOptions, "onProgress">>, ModelPlace {
  onProgress?: (done: number, total: number) => void;
}

/** The same for a model on disk, opened for this one evaluation. */
export async function evaluateReference(
  reference: ModelReference,
  samples: readonly InspectionSample[],
  { device, threads, onDevice, onProgress, ...options }: EvaluateReferenceOptions = {},
): Promise<ModelEvaluation> {
  return withChosenModel(reference, { device, threads, onDevice }, (parts) =>
    evaluateModel(parts, samples, {
      ...{ batchSize: 16, maxNewTokens: 512 },
      ...options,
      onProgress: ({ finished, total }) => onProgress?.(finished, total),
    }),
  );
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
}
