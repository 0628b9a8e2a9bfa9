/**
 * How good a model is on labelled images: accuracies by class, AUROC, places and types, each with a bootstrap interval.
 * Answers are read by the same parser as in training. The published table with its faults is in `referenceSummary.ts`.
 */
import { createRandom } from "@iad-r1/models/util/random";
import type { CategoryAccuracy, EvaluationReport } from "@iad-r1/protocol/runs";
import { typeScore } from "../rewards/defectConcepts";
import { parseCell } from "../rewards/location";
import { parseTags } from "../rewards/tags";

/** One image with its truth and what the model wrote. */
export interface EvaluationSample {
  id: string;
  category: string;
  label: "normal" | "anomalous";
  /** The true kind of defect, or null when unknown or normal. */
  defectType: string | null;
  /** Phrase of the cell with most of the defect, or null when unknown or normal. */
  location: string | null;
  /** Every phrase that a lenient test accepts; may be empty. */
  locations: readonly string[];
  /** The completion without special tokens. */
  text: string;
  /** Probability of "yes" at the answer, 0 to 1; null or left out when it was not measured. */
  anomalyScore?: number | null;
}

/** What one completion says and how far it is right. */
export interface SampleVerdict {
  /** null = unparsed: no single yes or no. */
  answer: "yes" | "no" | null;
  think: string | null;
  location: string | null;
  type: string | null;
  correct: boolean;
  /** Answered yes with the place in the true cell; null on images without a known place. */
  locationCorrect: boolean | null;
  /** The same, any of `locations` accepted. */
  locationCorrectLenient: boolean | null;
  /** 0 to 1, 0 unless answered yes; null on images without a known type. */
  typeScore: number | null;
}

/** Both ends of a 95 % interval, in percent. */
export type Interval = readonly [low: number, high: number];

type HeadlineMetric =
  | "balancedAccuracy"
  | "normalAccuracy"
  | "anomalousAccuracy"
  | "auroc"
  | "locationAccuracy"
  | "locationAccuracyLenient"
  | "typeScore";

/** The part of an evaluation report that comes from labels and texts alone; everything in percent. */
export interface EvaluationMetrics
  extends Omit<EvaluationReport, "rewards" | "rewardTotal" | "meanLength" | "seconds" | "intervals"> {
  /** As `locationAccuracy`, with any cell accepted that holds a good part of the defect. */
  locationAccuracyLenient: number | null;
  /** Normal images answered yes (false alarms); null without normal images. */
  overkill: number | null;
  /** Anomalous images answered no (missed defects); null without anomalous images. */
  miss: number | null;
  numUnparsed: number;
  /** Images with an anomaly score; AUROC is over these. */
  numScored: number;
  /** By bootstrap over the images of each class; null where the metric is. */
  intervals: Record<HeadlineMetric, Interval | null>;
}

export interface EvaluateOptions {
  /** Resamples for the intervals; 1000 when left out, 0 for none. */
  resamples?: number;
  /** Seed of the resamples; 0 when left out. */
  seed?: number;
}

/** Reads one completion and compares it with the truth. Place and type count only beside the answer yes. */
export function judgeSample(sample: EvaluationSample): SampleVerdict {
  const { answer, think, location, type } = parseTags(sample.text);
  const isAnomalous = sample.label === "anomalous";
  const trueCell = isAnomalous && sample.location !== null ? parseCell(sample.location) : null;
  const lenientCells = isAnomalous ? sample.locations.map(parseCell).filter((cell) => cell !== null) : [];
  if (trueCell !== null) lenientCells.push(trueCell);
  const cell = answer === "yes" && location !== null ? parseCell(location) : null;
  return {
    answer,
    think,
    location,
    type,
    correct: answer === (isAnomalous ? "yes" : "no"),
    locationCorrect: trueCell === null ? null : cell === trueCell,
    locationCorrectLenient: lenientCells.length === 0 ? null : cell !== null && lenientCells.includes(cell),
    typeScore:
      isAnomalous && sample.defectType !== null
        ? answer === "yes" && type !== null
          ? typeScore(type, sample.defectType)
          : 0
        : null,
  };
}

/** All metrics over the samples. `verdicts`, when given, are those of `judgeSample`, in the same order. */
export function evaluateSamples(
  samples: readonly EvaluationSample[],
  options: EvaluateOptions = {},
  verdicts: readonly SampleVerdict[] = samples.map(judgeSample),
): EvaluationMetrics {
  const all = samples.map((sample, i): JudgedSample => ({ sample, verdict: verdicts[i]! }));
  const normals = all.filter(({ sample }) => sample.label === "normal");
  const anomalous = all.filter(({ sample }) => sample.label === "anomalous");
  const once = headline(columnsOf(normals, anomalous), ones(normals.length), ones(anomalous.length));
  const numUnparsed = all.filter(({ verdict }) => verdict.answer === null).length;
  const categories = [...new Set(samples.map((sample) => sample.category))];
  return {
    numSamples: all.length,
    numNormal: normals.length,
    numAnomalous: anomalous.length,
    ...once,
    overkill: percentOf(normals, ({ verdict }) => verdict.answer === "yes"),
    miss: percentOf(anomalous, ({ verdict }) => verdict.answer === "no"),
    unparsed: all.length === 0 ? 0 : (100 * numUnparsed) / all.length,
    numUnparsed,
    numScored: all.filter(({ sample }) => scoreOf(sample) !== null).length,
    perCategory: Object.fromEntries(
      categories.map((category) => {
        const isOfCategory = ({ sample }: JudgedSample) => sample.category === category;
        return [category, accuracies(normals.filter(isOfCategory), anomalous.filter(isOfCategory))];
      }),
    ),
    intervals: bootstrap(normals, anomalous, once, options),
  };
}

/**
 * Area under the ROC curve: the chance that an anomalous image has a higher score than a normal one, ties counted half.
 *
 * @returns 0 to 1, or null when either list is empty
 */
export function auroc(normalScores: readonly number[], anomalousScores: readonly number[]): number | null {
  const ranking = rankScores(normalScores, anomalousScores);
  return weightedAuroc(ranking, ones(normalScores.length), ones(anomalousScores.length));
}

interface JudgedSample {
  sample: EvaluationSample;
  verdict: SampleVerdict;
}

function accuracies(normals: readonly JudgedSample[], anomalous: readonly JudgedSample[]): CategoryAccuracy {
  const normalAccuracy = percentOf(normals, ({ verdict }) => verdict.correct);
  const anomalousAccuracy = percentOf(anomalous, ({ verdict }) => verdict.correct);
  return {
    numNormal: normals.length,
    numAnomalous: anomalous.length,
    balancedAccuracy: average(normalAccuracy, anomalousAccuracy),
    normalAccuracy,
    anomalousAccuracy,
  };
}

function percentOf(samples: readonly JudgedSample[], holds: (sample: JudgedSample) => boolean): number | null {
  return samples.length === 0 ? null : (100 * samples.filter(holds).length) / samples.length;
}

function average(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : (a + b) / 2;
}

/** A missing or impossible score takes no part. */
function scoreOf(sample: EvaluationSample): number | null {
  const score = sample.anomalyScore;
  return typeof score === "number" && Number.isFinite(score) ? score : null;
}

/** Per sample what each metric averages; NaN where the sample takes no part. */
interface Columns {
  normalCorrect: Float64Array;
  anomalousCorrect: Float64Array;
  location: Float64Array;
  locationLenient: Float64Array;
  type: Float64Array;
  ranking: Ranking;
}

function columnsOf(normals: readonly JudgedSample[], anomalous: readonly JudgedSample[]): Columns {
  const column = (samples: readonly JudgedSample[], value: (verdict: SampleVerdict) => boolean | number | null) =>
    Float64Array.from(samples, ({ verdict }) => {
      const result = value(verdict);
      return result === null ? Number.NaN : Number(result);
    });
  return {
    normalCorrect: column(normals, (verdict) => verdict.correct),
    anomalousCorrect: column(anomalous, (verdict) => verdict.correct),
    location: column(anomalous, (verdict) => verdict.locationCorrect),
    locationLenient: column(anomalous, (verdict) => verdict.locationCorrectLenient),
    type: column(anomalous, (verdict) => verdict.typeScore),
    ranking: rankScores(
      normals.map(({ sample }) => scoreOf(sample) ?? Number.NaN),
      anomalous.map(({ sample }) => scoreOf(sample) ?? Number.NaN),
    ),
  };
}

/** The metrics when sample i of a class counts `times[i]` times. */
function headline(
  columns: Columns,
  normalTimes: Float64Array,
  anomalousTimes: Float64Array,
): Record<HeadlineMetric, number | null> {
  const normalAccuracy = weightedPercent(columns.normalCorrect, normalTimes);
  const anomalousAccuracy = weightedPercent(columns.anomalousCorrect, anomalousTimes);
  const area = weightedAuroc(columns.ranking, normalTimes, anomalousTimes);
  return {
    balancedAccuracy: average(normalAccuracy, anomalousAccuracy),
    normalAccuracy,
    anomalousAccuracy,
    auroc: area === null ? null : 100 * area,
    locationAccuracy: weightedPercent(columns.location, anomalousTimes),
    locationAccuracyLenient: weightedPercent(columns.locationLenient, anomalousTimes),
    typeScore: weightedPercent(columns.type, anomalousTimes),
  };
}

function weightedPercent(values: Float64Array, times: Float64Array): number | null {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) continue;
    sum += values[i]! * times[i]!;
    count += times[i]!;
  }
  return count === 0 ? null : (100 * sum) / count;
}

/** Samples of both classes by ascending score. Sorted once, so that a resample costs one walk. */
interface Ranking {
  /** Index within its class. */
  index: Int32Array;
  isAnomalous: Uint8Array;
  score: Float64Array;
}

function rankScores(normalScores: readonly number[], anomalousScores: readonly number[]): Ranking {
  const entries = [
    ...normalScores.map((score, index) => ({ score, index, isAnomalous: 0 })),
    ...anomalousScores.map((score, index) => ({ score, index, isAnomalous: 1 })),
  ]
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => a.score - b.score);
  return {
    index: Int32Array.from(entries, (entry) => entry.index),
    isAnomalous: Uint8Array.from(entries, (entry) => entry.isAnomalous),
    score: Float64Array.from(entries, (entry) => entry.score),
  };
}

function weightedAuroc(ranking: Ranking, normalTimes: Float64Array, anomalousTimes: Float64Array): number | null {
  let normalsBelow = 0;
  let anomalousTotal = 0;
  let pairsWon = 0;
  for (let start = 0; start < ranking.score.length; ) {
    let normalsHere = 0;
    let anomalousHere = 0;
    let end = start;
    for (; end < ranking.score.length && ranking.score[end] === ranking.score[start]; end++) {
      const index = ranking.index[end]!;
      if (ranking.isAnomalous[end] === 1) anomalousHere += anomalousTimes[index]!;
      else normalsHere += normalTimes[index]!;
    }
    pairsWon += anomalousHere * (normalsBelow + normalsHere / 2);
    normalsBelow += normalsHere;
    anomalousTotal += anomalousHere;
    start = end;
  }
  const pairs = normalsBelow * anomalousTotal;
  return pairs === 0 ? null : pairsWon / pairs;
}

const defaultResamples = 1000;

/** Percentile bootstrap. Each class is resampled by itself, so that a metric that exists keeps existing. */
function bootstrap(
  normals: readonly JudgedSample[],
  anomalous: readonly JudgedSample[],
  point: Record<HeadlineMetric, number | null>,
  { resamples = defaultResamples, seed = 0 }: EvaluateOptions,
): Record<HeadlineMetric, Interval | null> {
  const columns = columnsOf(normals, anomalous);
  const random = createRandom("evaluation-bootstrap", seed);
  const names = Object.keys(point) as HeadlineMetric[];
  const draws = new Map(names.map((name) => [name, [] as number[]]));
  const drawTimes = (size: number) => {
    const times = new Float64Array(size);
    for (let i = 0; i < size; i++) times[random.int(size)]! += 1;
    return times;
  };
  for (let round = 0; round < resamples; round++) {
    const values = headline(columns, drawTimes(normals.length), drawTimes(anomalous.length));
    for (const name of names) {
      const value = values[name];
      // A resample can miss the few samples that a metric is about.
      if (value !== null) draws.get(name)!.push(value);
    }
  }
  const interval = (name: HeadlineMetric): Interval | null => {
    const values = draws.get(name)!.sort((a, b) => a - b);
    if (point[name] === null || values.length === 0) return null;
    return [values[Math.floor(0.025 * (values.length - 1))]!, values[Math.ceil(0.975 * (values.length - 1))]!];
  };
  return Object.fromEntries(names.map((name) => [name, interval(name)])) as Record<HeadlineMetric, Interval | null>;
}

function ones(length: number): Float64Array {
  return new Float64Array(length).fill(1);
}
