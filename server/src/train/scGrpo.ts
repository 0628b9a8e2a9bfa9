/**
 * Stage 2, Structured Control GRPO: for each prompt a group of completions, scored by rule-based rewards; what is better than its
 * group becomes more likely, held near the start model by a KL term.
 *
 * Left out, against the reference: vLLM and several processes; and its trainer's faults (options that were ignored, rows that were
 * paired wrongly for more than one prompt per device). Prompts are in prompt-major order. New here: several updates per batch,
 * clip-higher, other loss types, dynamic sampling, masked truncation; all off by default. And the policy that learns is the one that is drawn
 * from: log-probabilities are of logits divided by the temperature, as TRL has them. The reference leaves the temperature out of them, which
 * pulls on every token whose temperature is not 1, whatever it was worth.
 */
import { CancelledError } from "@iad-r1/models/errors";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { ScGrpoConfig } from "../config/experiment";
import { turnAt } from "../data/augment";
import type { InspectionSample } from "../data/samples";
import { PictureLedger, type PromptStyle, policyExample } from "../generate/examples";
import type { WeightedReward } from "../rewards/contract";
import { RolloutTablesWriter } from "../rollouts/tables";
import type { Device } from "../runtime/devices";
import { type GroupAdvantages, groupAdvantages } from "./advantages";
import { decaysInTraining } from "./adamW";
import { DataOrder } from "./dataOrder";
import { tokenWeights } from "./losses";
import { checkFinite, resumedModel } from "./paSft";
import { completionMetrics, flatShare, meanOf, rewardMetrics, TokenStatistics } from "./policyMetrics";
import {
  checkErrorShare,
  type Group,
  rollOutGroups,
  rolloutRecords,
  type ScoredGroup,
  tableEntries,
  writeRollouts,
} from "./rollouts";
import { learningRateAt } from "./schedule";
import { type StageContext, type StageResult, StageRun, tellFrozenModules } from "./stage";
import { TrainedModel, type TrainingBatch } from "./trainedModel";

export interface ScGrpoInput {
  config: ScGrpoConfig;
  /** The model to start from; it is also the reference of the KL term. */
  model: ModelReference;
  samples: readonly InspectionSample[];
  rewards: RewardSource;
  style: PromptStyle;
  /** Reference pictures in each prompt. */
  references: number;
  device: Device;
  threads: number;
}

/** The rewards of a run, which may be exchanged between two steps. */
export interface RewardSource {
  /** What the next step is scored with. */
  current(step: number): Promise<readonly WeightedReward[]>;
}

/** At most so many times are groups without a difference replaced; then the step goes on with what there is. */
const maxSamplingRounds = 3;
export async function runScGrpo(input: ScGrpoInput, context: StageContext): Promise<StageResult> {
  const { config, samples } = input;
  const { plan, resume, seed } = context;
  const kl = config.beta > 0;
  const common = {
    ...{ trainable: config.trainable, lora: config.lora, recompute: config.recompute, seed },
    adamW: { ...config, decays: decaysInTraining },
    ...{
      objective: { kind: "grpo" as const, kl, temperature: config.temperature },
      device: input.device,
      threads: input.threads,
      writes: true,
    },
  };
  const model = await TrainedModel.open({ ...common, reference: input.model });
  try {
    tellFrozenModules(context.recorder, model);
    // The reference is the model the stage started from, also when training goes on from a checkpoint.
    if (kl) await model.keepReference();
    if (resume !== null) {
      await model.restoreWeights(resumedModel(input.model, resume.folder, config));
      await model.restoreOptimizer(resume.folder);
    }
    const run = new StageRun(context, model, config);
    await run.begin();
    const order = new DataOrder(seed, plan.id, samples);
    const ledger = new PictureLedger();
    const tables = new RolloutTablesWriter(context.recorder.folder);
    let { step, samplesSeen, numTokens } = resume?.state ?? { step: 0, samplesSeen: 0, numTokens: 0 };

    while (step < plan.totalSteps) {
      const started = performance.now();
      // 1. Rollouts: groups of completions with rewards.
      const rewards = await input.rewards.current(step);
      const scored = { ...input, rewards };
      const rollouts = await rollOut(model, scored, context, run, order, step, samplesSeen).catch((error: unknown) => {
        // Nothing was learnt in this step yet: what there was before it can be saved, and the step is done again.
        if (!CancelledError.is(error)) throw error;
        return run.stop({ step, samplesSeen, numTokens, epoch: order.epoch(samplesSeen) });
      });
      const { groups, taken } = rollouts;
      samplesSeen += taken;
      const completions = groups.flatMap((group) => group.completions);
      const rows = groups.flatMap((group) => group.rows);
      const rolledOut = performance.now();

      // 2. Advantages: how much better than its group each completion is.
      const totals = rows.map(({ total }) => total);
      const advantages = groupAdvantages(totals, { groupSize: config.groupSize, scale: config.scaleRewards });

      // 3. Token weights of the loss type; truncated completions may be left out.
      const masks = completions.map(({ ids, finish }) =>
        new Uint8Array(ids.length).fill(config.maskTruncated && finish === "length" ? 0 : 1),
      );
      const weights = tokenWeights(masks, {
        lossType: config.lossType,
        maxCompletionLength: config.maxCompletionLength,
      });

      // 4. Updates. The old log-probabilities are those of the policy that wrote the completions.
      const update = await updatePolicy(model, config, plan.totalSteps, step, run, { groups, advantages, weights });
      numTokens += update.tokens;
      step += 1;

      // 5. Everything that was said and scored goes on record.
      tables.add(tableEntries(groups));
      await recordRollouts(context, step, groups, advantages, update.kl, ledger);
      const reasonToHold = (await context.guard?.inspect(step, groups, advantages)) ?? null;
      const epoch = order.epoch(samplesSeen);
      await run.finishStep(
        { step, samplesSeen, numTokens, epoch },
        {
          ...rewardMetrics(rewards, rows, advantages),
          ...completionMetrics(completions),
          ...update.metrics,
          ...{ epoch, num_tokens: numTokens },
          rollout_seconds: (rolledOut - started) / 1000,
          update_seconds: (performance.now() - rolledOut) / 1000,
        },
        update.tokens,
        reasonToHold,
      );
    }
    return run.result();
  } finally {
    await model.dispose();
  }
}

/** Generates and scores the groups of one step. With dynamic sampling, groups that say nothing make room for fresh prompts. */
async function rollOut(
  model: TrainedModel,
  input: Omit<ScGrpoInput, "rewards"> & { rewards: readonly WeightedReward[] },
  { seed, signal, plan }: StageContext,
  run: StageRun,
  order: DataOrder,
  step: number,
  samplesSeen: number,
): Promise<{ groups: Group[]; taken: number }> {
  const { config, samples, rewards } = input;
  let groups: Group[] = [];
  let taken = 0;
  for (let round = 0; round < (config.dynamicSampling ? maxSamplingRounds : 1); round++) {
    const wanted = config.promptsPerStep - groups.length;
    if (wanted === 0) break;
    const chosen = Array.from({ length: wanted }, (_, i) => {
      const position = samplesSeen + taken + i;
      const sample = samples[order.at(position)!]!;
      const turn = turnAt(config.augment, seed, position);
      return {
        sample,
        position,
        example: policyExample(sample, { references: input.references, turn, style: input.style }),
      };
    });
    taken += wanted;
    const wantedGroups = chosen.map(({ sample, example, position }) => ({
      ...{ sample, example },
      seed: [seed, plan.id, step, sample.id, position],
    }));
    const fresh = await rollOutGroups(model, wantedGroups, {
      ...{
        groupSize: config.groupSize,
        sampling: config,
        maxNewTokens: config.maxCompletionLength,
        policyLogProbs: true,
      },
      ...{ rewards, onError: config.rewardErrors, step: step + 1, signal },
      onProgress: (finished, total) => run.progress(step, (0.5 * finished) / total, `rollouts ${finished}/${total}`),
    });
    groups.push(...fresh);
    if (config.rewardErrors === "skip") checkErrorShare(groups, config.pauseOn);
    const isLastRound = round === maxSamplingRounds - 1;
    if (config.dynamicSampling && !isLastRound) {
      const totals = groups.flatMap(({ rows }) => rows.map(({ total }) => total));
      const { isFlat } = groupAdvantages(totals, { groupSize: config.groupSize });
      const useful = groups.filter((_, g) => !isFlat[g]);
      // A step without any difference would stand still; keep one group then, so that the KL term at least acts.
      groups = useful.length > 0 ? useful : groups.slice(0, 1);
    }
  }
  return { groups, taken };
}

interface PolicyUpdate {
  /** Mean over the updates of the step where there are several. */
  metrics: Record<string, number>;
  /** (N,) mean k3 estimate of each completion before the first update; null when KL is off. */
  kl: Float64Array | null;
  /** Tokens read and written in rollouts and read in the first update. */
  tokens: number;
}

/** Completions that go through the training program together. */
interface PolicyPass {
  batch: TrainingBatch;
  /** Which completions of the step, in the order of the batch. */
  members: number[];
  advantages: Float32Array;
  tokenWeights: Float32Array;
  oldLogProbs: Float32Array;
  refLogProbs: Float32Array | null;
}

async function updatePolicy(
  model: TrainedModel,
  config: ScGrpoConfig,
  totalSteps: number,
  step: number,
  run: StageRun,
  rollouts: { groups: readonly Group[]; advantages: GroupAdvantages; weights: readonly Float64Array[] },
): Promise<PolicyUpdate> {
  const { groups, advantages, weights } = rollouts;
  const kl = config.beta > 0;
  const completions = groups.flatMap((group) => group.completions);
  const passes: PolicyPass[] = [];
  // A step that teaches nothing is a step all the same: the moments of AdamW go on, as in torch. One completion then goes through
  // without a gradient, so that the tower counts as seen and there is something to measure.
  const teaches = kl || advantages.advantages.some((advantage) => advantage !== 0);
  const moves = (i: number) => kl || (teaches ? advantages.advantages[i] !== 0 : i === 0);
  for (const parts of splitIntoPasses(groups, config, moves)) {
    const prompts = model.trainsVision
      ? await model.encode(parts.map(({ group }) => group.example.source))
      : parts.map(({ group }) => group.prompt);
    const batch = model.collateGroups(
      parts.map(({ members }, i) => ({ prompt: prompts[i]!, completions: members.map((c) => completions[c]!.ids) })),
    );
    const members = parts.flatMap((part) => part.members);
    const perToken = (values: (i: number) => ArrayLike<number>) => {
      const all = new Float32Array(batch.numTargets);
      members.forEach((i, row) => {
        all.set(values(i), batch.offsets[row]!);
      });
      return all;
    };
    passes.push({
      ...{ batch, members },
      advantages: perToken((i) => new Float32Array(completions[i]!.ids.length).fill(advantages.advantages[i]!)),
      tokenWeights: perToken((i) => weights[i]!),
      oldLogProbs: perToken((i) => completions[i]!.policyLogProbs!),
      refLogProbs: kl ? await model.referenceLogProbs(batch) : null,
    });
    run.progress(step, 0.5, "reference");
  }

  const sums: Record<string, number> = {};
  const add = (name: string, value: number) => {
    sums[name] = (sums[name] ?? 0) + value / config.iterations;
  };
  const klOfCompletion = kl ? new Float64Array(completions.length) : null;
  const epsilonHigh = config.epsilonHigh ?? config.epsilonLow;
  for (let iteration = 0; iteration < config.iterations; iteration++) {
    const statistics = new TokenStatistics(config.epsilonLow, epsilonHigh);
    let loss = 0;
    for (const [p, pass] of passes.entries()) {
      const output = await model.policyPass(pass.batch, {
        ...pass,
        ...{ beta: config.beta, epsilonLow: config.epsilonLow, epsilonHigh },
      });
      loss += output.loss;
      statistics.add(pass, output);
      if (iteration === 0 && klOfCompletion !== null) {
        pass.members.forEach((i, row) => {
          klOfCompletion[i] = meanOf(output.kl!.subarray(pass.batch.offsets[row]!, pass.batch.offsets[row + 1]!));
        });
      }
      // The training program is what later updates are compared with, so its own numbers are the old ones, not the generator's.
      if (iteration === 0) pass.oldLogProbs = output.logProbs;
      run.progress(step, 0.6 + (0.4 * (iteration + (p + 1) / passes.length)) / config.iterations, "update");
    }
    const learningRate = learningRateAt(step * config.iterations + iteration, {
      ...config,
      totalSteps: totalSteps * config.iterations,
    });
    const gradNorm = await model.step(learningRate);
    checkFinite(loss, gradNorm, "sc-grpo", step + 1);
    add("loss", loss);
    add("grad_norm", gradNorm);
    add("learning_rate", learningRate);
    for (const [name, value] of Object.entries(statistics.metrics(kl))) add(name, value);
  }
  const prompts = groups.reduce((sum, { prompt }) => sum + prompt.inputIds.length, 0);
  const written = completions.reduce((sum, { ids }) => sum + ids.length, 0);
  const read = passes.reduce((sum, { batch }) => sum + batch.numTokens, 0);
  return { metrics: sums, kl: klOfCompletion, tokens: prompts + written + read };
}

/** Some completions of one group. */
interface PassPart {
  group: Group;
  /** Numbers among all completions of the step. */
  members: number[];
}

/**
 * Passes of at most `microBatchSize` completions: whole groups where they fit, as their prompt is then computed once, and like
 * lengths together, so that little is padded. The same for the same rollouts.
 *
 * @param moves whether a completion has a gradient at all
 */
function splitIntoPasses(
  groups: readonly Group[],
  { microBatchSize, groupSize }: ScGrpoConfig,
  moves: (completion: number) => boolean,
): PassPart[][] {
  const parts = groups.flatMap((group, g): PassPart[] => {
    const members = group.completions.map((_, i) => g * groupSize + i).filter(moves);
    const pieces: PassPart[] = [];
    for (let from = 0; from < members.length; from += microBatchSize) {
      pieces.push({ group, members: members.slice(from, from + microBatchSize) });
    }
    return pieces;
  });
  const length = ({ group }: PassPart) =>
    group.prompt.inputIds.length + Math.max(...group.completions.map(({ ids }) => ids.length));
  const order = parts.map((part, i) => ({ part, i })).sort((a, b) => length(b.part) - length(a.part) || a.i - b.i);
  const passes: PassPart[][] = [];
  let room = 0;
  for (const { part } of order) {
    if (part.members.length > room) {
      passes.push([]);
      room = microBatchSize;
    }
    passes.at(-1)!.push(part);
    room -= part.members.length;
  }
  return passes;
}

/** The rollout file of a step and the event that tells of it. */
export async function recordRollouts(
  { recorder, plan }: StageContext,
  step: number,
  groups: readonly ScoredGroup[],
  advantages: GroupAdvantages,
  kl: ArrayLike<number> | null,
  ledger: PictureLedger,
): Promise<void> {
  const run = recorder.manifest.id;
  const records = await rolloutRecords(groups, { run, step, mode: "train", advantages, kl, ledger });
  const file = writeRollouts(recorder.folder, step, records);
  const best = records.reduce((a, b) => (b.advantage > a.advantage ? b : a));
  recorder.emit({
    ...{ type: "rollouts", stage: plan.id, step, file, numRollouts: records.length, numGroups: groups.length },
    rewardMean: meanOf(records.flatMap(({ total }) => total ?? [])),
    zeroVarianceShare: flatShare(advantages.isFlat),
    example: {
      sampleId: best.sampleId,
      completion: best.completion.slice(0, 400),
      ...{ total: best.total ?? 0, advantage: best.advantage },
    },
  });
}
