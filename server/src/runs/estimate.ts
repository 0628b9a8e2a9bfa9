/**
 * Memory and time that a run will need, before it starts. Memory follows from the sizes of the model and of the passes; time from the usual
 * count of two operations per weight and token, from the lengths of a few real samples, and from how fast this machine multiplies
 * now. It is a plan, not a promise: the basis is told with the numbers.
 */
import { adapterParameters, adapterSpec, savedModules } from "@iad-r1/models/adapters/adapter";
import type { StackSize } from "@iad-r1/models/architecture";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { cacheHeadDim, isLanguagePath } from "@iad-r1/models/nn/decoder";
import { numElements } from "@iad-r1/models/graph/dims";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import type { RunEstimate, RunKind, StagePlan } from "@iad-r1/protocol/runs";
import type { ExperimentConfig, PaSftConfig, ScGrpoConfig, Trainable } from "../config/experiment";
import type { InspectionSample } from "../data/samples";
import { supervisedExample } from "../generate/examples";
import { inspecting, processBytes, weightBytes, type WeightUse } from "../generate/footprint";
import { languageTargets } from "../generate/liveModel";
import { probeDevice } from "../runtime/devices";
import { availableBytes } from "../runtime/memory";
import { activationBytes, trainingStateBytes } from "../train/memory";
import { rolloutRows } from "../train/rollouts";
import { loadData, planStages } from "./postTrain";

/** Tokens of samples as the model sees them. */
export interface SampleLengths {
  numMeasured: number;
  /** Longest and mean prompt, with image tokens. */
  promptMax: number;
  promptMean: number;
  answerMax: number;
  answerMean: number;
  /** Pictures or crops of one sample through the vision tower, mean, and patches of each, most. */
  views: number;
  patches: number;
}

/** How much of the speed of a plain matrix product the passes reach; measured with `iad-r1 bench`, rounded down. */
const trainingShare = 0.6;
const readingShare = 0.5;
const writingShare = 0.2;
const numMeasured = 4;

/** @throws ConfigError, DataError, ModelFileError for what would stop the run as well */
export async function estimateRun(kind: RunKind, config: ExperimentConfig, signal?: AbortSignal): Promise<RunEstimate> {
  const model = await loadModelDescription(config.model.base);
  const data = await loadData(config);
  const lengths = await measureLengths(model, [...data.paSft, ...data.scGrpo], config.prompt.references);
  const probe = await probeDevice("cpu", signal === undefined ? {} : { signal });
  const flopsPerSecond = probe.gflops === undefined ? null : probe.gflops * 1e9;
  const plan = planStages(kind, config, data);
  const learners = learnersOf(plan, model, learnerOf(await model.withAdapter(config.model.adapter)), config);
  const memory = plan.map((stage, i) => memoryOf(stage, model, config, lengths, learners[i]!));
  const times = plan.map((stage, i) => {
    const work = workOf(stage, model, config, lengths, learners[i]!);
    const seconds = flopsPerSecond === null ? null : work / flopsPerSecond;
    return { stage: stage.id, steps: stage.totalSteps, seconds };
  });
  const peakBytes =
    Math.max(...memory.map((one) => sum(Object.values(one).map(Number).filter(Number.isFinite)))) + processBytes;
  const available = availableBytes();
  return {
    memory: { peakBytes, availableBytes: available, fits: peakBytes <= available, stages: memory },
    seconds: flopsPerSecond === null ? null : sum(times.map(({ seconds }) => seconds!)),
    stages: times,
    basis: [
      `${(model.facts.numParameters / 1e6).toFixed(1)} million weights in ${model.folder}`,
      `${lengths.numMeasured} samples measured: prompts of ${Math.round(lengths.promptMean)} tokens (longest ${lengths.promptMax}), answers of ${Math.round(lengths.answerMean)} (longest ${lengths.answerMax})`,
      probe.gflops === undefined
        ? `the speed of this machine is not known: ${probe.detail}`
        : `this machine multiplies at ${probe.gflops.toFixed(0)} GFLOP/s now; other programs that compute make a run slower`,
      "times are right within a factor of about two; the first steps of a run tell better",
    ],
  };
}

/** What a few samples, spread over the data, come to in tokens. */
export async function measureLengths(
  model: ModelDescription,
  samples: readonly InspectionSample[],
  references: number,
): Promise<SampleLengths> {
  const processor = await model.loadProcessor();
  const count = Math.min(numMeasured, samples.length);
  const prompts: number[] = [];
  const answers: number[] = [];
  let views = 0;
  let patches = 0;
  for (let k = 0; k < count; k++) {
    const sample = samples[Math.floor((k * samples.length) / count)]!;
    const { source, answer } = supervisedExample(sample, { references });
    const images = processor.prepareImages(await Promise.all(source.pictures.map(({ load }) => load())));
    prompts.push(processor.prepareInputs(source.messages, images).inputIds.length);
    answers.push(processor.tokenizer.encode(answer).length + 1);
    const load = model.tower.load(images);
    views += load.sequences / count;
    patches = Math.max(patches, load.tokens);
  }
  return {
    ...{ numMeasured: count, views, patches, promptMax: Math.max(...prompts), promptMean: mean(prompts) },
    ...{ answerMax: Math.max(...answers), answerMean: mean(answers) },
  };
}

function memoryOf(
  { id, kind }: StagePlan,
  model: ModelDescription,
  config: ExperimentConfig,
  lengths: SampleLengths,
  learner: Learner,
): RunEstimate["memory"]["stages"][number] {
  const { decoder, tower: towerStack } = model.facts;
  const { held, mapped } = weightBytes(model, useOf(kind, config));
  const weightsBytes = held + mapped;
  const cache = (rows: number, tokens: number) =>
    2 * 4 * decoder.layers * decoder.kvHeads * cacheHeadDim(decoder) * rows * Math.ceil(tokens / 64) * 64;
  if (kind === "evaluate") {
    const { batchSize, maxCompletionLength } = config.evaluation;
    return {
      ...{ stage: id, weightsBytes, optimizerBytes: 0, activationsBytes: 0 },
      cacheBytes: cache(batchSize, lengths.promptMax + maxCompletionLength),
    };
  }
  const stage = kind === "pa-sft" ? config.stages.paSft : config.stages.scGrpo;
  const rows = kind === "pa-sft" ? config.stages.paSft.batchSize : config.stages.scGrpo.microBatchSize;
  const answer = kind === "pa-sft" ? lengths.answerMax : config.stages.scGrpo.maxCompletionLength;
  const pass = (stack: StackSize, count: number, tokens: number, labelled: number) =>
    activationBytes({
      ...{ stack, rows: count, tokens, labelled, recompute: stage.recompute },
      vocabSize: labelled === 0 ? 0 : decoder.vocabSize,
    });
  const language = pass(decoder, rows, lengths.promptMax + answer, rows * answer);
  const tower = learner.sees ? pass(towerStack, rows * lengths.views, lengths.patches, 0) : 0;
  const { groupSize, promptsPerStep } = config.stages.scGrpo;
  return {
    ...{ stage: id, weightsBytes, activationsBytes: language + tower },
    optimizerBytes: trainingStateBytes(learner.numTrainable),
    cacheBytes: kind === "pa-sft" ? 0 : cache(rolloutRows(groupSize, promptsPerStep), lengths.promptMax + answer),
  };
}

/** What a stage opens its model for. */
export function useOf(kind: StagePlan["kind"], { stages }: Pick<ExperimentConfig, "stages">): WeightUse {
  const learns = { lora: "adapter", language: "language-model", all: "all" } as const;
  switch (kind) {
    case "pa-sft":
      return { learns: learns[stages.paSft.trainable], writes: stages.paSft.evalEvery > 0, refers: false };
    case "sc-grpo":
      return { learns: learns[stages.scGrpo.trainable], writes: true, refers: stages.scGrpo.beta > 0 };
    default:
      return inspecting;
  }
}

/** What learns in a stage. */
interface Learner {
  numTrainable: number;
  /** The vision tower learns too, or an adapter in it. */
  sees: boolean;
}

const nothing: Learner = { numTrainable: 0, sees: false };

/** Of each stage. An adapter that the run starts from, or an earlier stage leaves, learns on, whatever a new one would be like. */
function learnersOf(
  plan: readonly StagePlan[],
  model: ModelDescription,
  first: Learner | null,
  { stages }: ExperimentConfig,
): Learner[] {
  let adapter = first;
  return plan.map(({ kind }) => {
    if (kind !== "pa-sft" && kind !== "sc-grpo") return nothing;
    const stage = kind === "pa-sft" ? stages.paSft : stages.scGrpo;
    const made = { numTrainable: numTrainable(model, stage), sees: stage.trainable === "all" };
    const learner = stage.trainable === "lora" ? (adapter ?? made) : made;
    // With weights that learn it is merged into them.
    adapter = stage.trainable === "lora" ? learner : null;
    return learner;
  });
}

/** The adapter of a model; null when it has none. */
function learnerOf({ adapter, base, paths }: ModelDescription): Learner | null {
  if (adapter === null) return null;
  // What it replaces on the vision side stays as it is.
  const replaced = [...adapter.replaced.keys()].filter((path) => isLanguagePath(paths, path));
  const shapes = [
    ...adapterParameters(adapter.layout, base.shapes).map(({ shape }) => shape),
    ...replaced.map((path) => base.shapes.get(path)!),
  ];
  const sees = [...adapter.layout.keys()].some((module) => !isLanguagePath(paths, `${module}.weight`));
  return { numTrainable: sum(shapes.map((shape) => numElements(shape))), sees };
}

/** Numbers that learn, where an adapter is a new one. */
function numTrainable(model: ModelDescription, { trainable, lora }: Pick<PaSftConfig, "trainable" | "lora">): number {
  if (trainable === "all") return model.facts.numParameters;
  if (trainable === "language") return languageWeights(model);
  const config = createLoraConfig({
    ...{ rank: lora.r, alpha: lora.alpha, targetModules: languageTargets(lora.targets), baseModel: model.folder },
  });
  const { layout } = adapterSpec(config, model.base);
  const saved = savedModules(lora.saves, model.base, model.paths).parameters;
  const shapes = [
    ...adapterParameters(layout, model.base.shapes).map(({ shape }) => shape),
    ...saved.map((path) => model.base.shapes.get(path)!),
  ];
  return sum(shapes.map((shape) => numElements(shape)));
}

/** Weights of decoder, embedding and head. */
function languageWeights(model: ModelDescription): number {
  const program = model.programs.training({ objective: { kind: "sft" }, trainable: "language-model", images: "none" });
  return sum(program.parameters.map(({ shape }) => numElements(shape)));
}

/** Operations of a stage, each divided by the share of the machine's speed that its kind of work reaches. */
function workOf(
  stage: StagePlan,
  model: ModelDescription,
  config: ExperimentConfig,
  lengths: SampleLengths,
  { sees }: Learner,
): number {
  const perToken = 2 * languageWeights(model);
  const tower = 2 * (model.facts.numParameters - languageWeights(model)) * lengths.patches * lengths.views;
  const reading = (tokens: number) => (perToken * tokens) / readingShare;
  const writing = (tokens: number) => (perToken * tokens) / writingShare;
  const seeing = tower / readingShare;
  const { promptMean, answerMean } = lengths;
  switch (stage.kind) {
    case "pa-sft": {
      const { batchSize, gradientAccumulation } = config.stages.paSft;
      const samples = batchSize * gradientAccumulation;
      const learning = learningFactor(config.stages.paSft);
      const step = (samples * learning * (perToken * (promptMean + answerMean))) / trainingShare;
      // Features are kept while the tower does not learn, so each picture counts once at most.
      const vision = sees ? learning * seeing : seeing / 4;
      return stage.totalSteps * (step + samples * vision);
    }
    case "sc-grpo": {
      const { groupSize, promptsPerStep, maxCompletionLength, beta, iterations } = config.stages.scGrpo;
      const written = Math.min(maxCompletionLength, Math.max(answerMean, 16));
      const group = promptMean + groupSize * written;
      const learning = (learningFactor(config.stages.scGrpo) * iterations * perToken * group) / trainingShare;
      const reference = beta > 0 ? reading(group) : 0;
      const rollouts = reading(promptMean) + writing(groupSize * written) + seeing;
      return stage.totalSteps * promptsPerStep * (rollouts + reference + learning);
    }
    default:
      return stage.totalSteps * (seeing + reading(promptMean) + writing(Math.max(answerMean, 16)));
  }
}

/** Passes through the weights: forward, back to the inputs, and to the weights that learn; once more forward to save memory. */
function learningFactor({
  trainable,
  recompute,
}: Pick<PaSftConfig | ScGrpoConfig, "recompute"> & { trainable: Trainable }): number {
  return (trainable === "lora" ? 2 : 3) + (recompute ? 1 : 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / Math.max(1, values.length);
}
