/**
 * Stage 2, Structured Control GRPO: for each prompt a group of completions, scored by rule-based rewards; what is better than its
 * group becomes more likely, held near the start model by a KL term.
 *
 * Left out, against the reference: vLLM and several processes; and its trainer's faults (options that were ignored, rows that were
 * paired wrongly for more than one prompt per device). Prompts are in prompt-major order. New here: several updates per batch,
 * clip-higher, other loss types, dynamic sampling, masked truncation; all off by default.
 */
import { join } from "node:path";
import { CancelledError, RewardError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import type { ModelReference, RolloutRecord } from "@iad-r1/protocol/runs";
import type { ScGrpoConfig } from "../config/experiment";
import { turnsOf } from "../data/augment";
import type { InspectionSample } from "../data/samples";
import { PictureLedger, type PolicyExample, policyExample } from "../generate/examples";
import type { Completion } from "../generate/generator";
import { type EncodedPromptWithText, promptHash } from "../generate/promptEncoder";
import type { WeightedReward } from "../rewards/contract";
import { rolloutStatus, type ScoredRow, scoreCompletions } from "../rewards/evaluate";
import { writeFileDurably } from "../runs/durableFile";
import { rolloutsFile } from "../runs/store";
import type { Device } from "../runtime/devices";
import { type GroupAdvantages, groupAdvantages } from "./advantages";
import type { CollatedBatch } from "./collate";
import { DataOrder } from "./dataOrder";
import { tokenWeights } from "./losses";
import { checkFinite, resumedModel } from "./paSft";
import { learningRateAt } from "./schedule";
import { type StageContext, type StageResult, StageRun } from "./stage";
import { TrainedModel } from "./trainedModel";

export interface ScGrpoInput {
  config: ScGrpoConfig;
  /** The model to start from; it is also the reference of the KL term. */
  model: ModelReference;
  samples: readonly InspectionSample[];
  rewards: readonly WeightedReward[];
  style: "question" | "expert" | "system";
  /** Reference pictures in each prompt. */
  references: number;
  device: Device;
  threads: number;
}

/** One prompt with its G completions, scored. */
interface Group {
  sample: InspectionSample;
  example: PolicyExample;
  prompt: EncodedPromptWithText;
  completions: Completion[];
  rows: ScoredRow[];
  generateMs: number;
  rewardMs: number;
}

/** At most so many times are groups without a difference replaced; then the step goes on with what there is. */
const maxSamplingRounds = 3;
/** Share of failed rewards above which a run that leaves failures out stops. */
const maxErrorShare = 0.05;

export async function runScGrpo(input: ScGrpoInput, context: StageContext): Promise<StageResult> {
  const { config, samples } = input;
  const { plan, resume, seed } = context;
  const kl = config.beta > 0;
  const common = {
    ...{ trainable: config.trainable, lora: config.lora, recompute: config.recompute, adamW: config, seed },
    ...{ objective: { kind: "grpo" as const, kl }, device: input.device, threads: input.threads },
  };
  const model = await TrainedModel.open({ ...common, reference: input.model });
  try {
    // The reference is the model the stage started from, also when training goes on from a checkpoint.
    if (kl) model.keepReference();
    if (resume !== null) {
      await model.restoreWeights(resumedModel(input.model, resume.folder, config));
      await model.restoreOptimizer(resume.folder);
    }
    const run = new StageRun(context, model, config);
    const order = new DataOrder(seed, plan.id, samples.length);
    const ledger = new PictureLedger();
    let { step, samplesSeen, numTokens } = resume?.state ?? { step: 0, samplesSeen: 0, numTokens: 0 };

    while (step < plan.totalSteps) {
      const started = performance.now();
      // 1. Rollouts: groups of completions with rewards.
      const rollouts = await rollOut(model, input, context, run, order, step, samplesSeen).catch((error: unknown) => {
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
      await recordRollouts(context, step, groups, advantages, update, ledger);
      const epoch = order.epoch(samplesSeen);
      await run.finishStep(
        { step, samplesSeen, numTokens, epoch },
        {
          ...rewardMetrics(input.rewards, groups, advantages),
          ...completionMetrics(completions),
          ...update.metrics,
          ...{ epoch, num_tokens: numTokens },
          rollout_seconds: (rolledOut - started) / 1000,
          update_seconds: (performance.now() - rolledOut) / 1000,
        },
        update.tokens,
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
  input: ScGrpoInput,
  { seed, signal, plan }: StageContext,
  run: StageRun,
  order: DataOrder,
  step: number,
  samplesSeen: number,
): Promise<{ groups: Group[]; taken: number }> {
  const { config, samples, rewards } = input;
  const turns = turnsOf[config.augment];
  let groups: Group[] = [];
  let taken = 0;
  for (let round = 0; round < (config.dynamicSampling ? maxSamplingRounds : 1); round++) {
    const wanted = config.promptsPerStep - groups.length;
    if (wanted === 0) break;
    const chosen = Array.from({ length: wanted }, (_, i) => {
      const position = samplesSeen + taken + i;
      const sample = samples[order.at(position)!]!;
      const turn = turns[createRandom(seed, "turn", position).int(turns.length)]!;
      return {
        sample,
        position,
        example: policyExample(sample, { references: input.references, turn, style: input.style }),
      };
    });
    taken += wanted;
    const prompts = await model.encoder.encode(chosen.map(({ example }) => example.source));
    const before = performance.now();
    const total = wanted * config.groupSize;
    const generated = await model.generator.generate(
      prompts.map((prompt, i) => ({
        ...{ prompt, count: config.groupSize },
        seed: [seed, plan.id, step, chosen[i]!.sample.id, chosen[i]!.position],
      })),
      {
        sampling: config,
        maxNewTokens: config.maxCompletionLength,
        maxRows: Math.max(64, config.groupSize),
        signal,
        onProgress: (finished) => run.progress(step, (0.5 * finished) / total, `rollouts ${finished}/${total}`),
      },
    );
    const generateMs = (performance.now() - before) / total;
    for (const [i, { sample, example }] of chosen.entries()) {
      const scoring = performance.now();
      const rows = scoreCompletions(
        rewards,
        generated[i]!.map(({ text }) => ({ completion: text, solution: example.solution, columns: example.columns })),
        { groupSize: config.groupSize, onError: config.rewardErrors },
      );
      const rewardMs = (performance.now() - scoring) / config.groupSize;
      groups.push({ sample, example, prompt: prompts[i]!, completions: generated[i]!, rows, generateMs, rewardMs });
    }
    checkErrors(groups, config.rewardErrors);
    const isLastRound = round === maxSamplingRounds - 1;
    if (config.dynamicSampling && !isLastRound) {
      const useful = groups.filter(({ rows }) => rows.some(({ total }) => total !== rows[0]!.total));
      // A step without any difference would stand still; keep one group then, so that the KL term at least acts.
      groups = useful.length > 0 ? useful : groups.slice(0, 1);
    }
  }
  return { groups, taken };
}

/** @throws RewardError `reward/many-errors` */
function checkErrors(groups: readonly Group[], policy: ScGrpoConfig["rewardErrors"]): void {
  if (policy !== "skip") return;
  const rows = groups.flatMap((group) => group.rows);
  const failing = rows.filter(({ status }) => Object.values(status).includes("error"));
  if (failing.length <= maxErrorShare * rows.length) return;
  const [name, note] = Object.entries(failing[0]!.notes).find(([, one]) => one.error !== undefined) ?? ["?", {}];
  throw new RewardError(
    "reward/many-errors",
    `Rewards failed on ${failing.length} of ${rows.length} completions, expected at most ${100 * maxErrorShare} %. ${name}: ${String(note.error)}`,
    { hint: "Correct the reward, then resume the run; or set rewardErrors to zero." },
  );
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
  batch: CollatedBatch;
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
  for (const parts of splitIntoPasses(groups, config, (i) => kl || advantages.advantages[i] !== 0)) {
    const batch = await model.collateGroups(
      parts.map(({ group, members }) => ({
        source: group.example.source,
        completions: members.map((i) => completions[i]!.ids),
      })),
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
      oldLogProbs: perToken((i) => completions[i]!.logProbs),
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
    const gradNorm = passes.length > 0 ? await model.step(learningRate) : 0;
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

/** Means over the tokens that count, as TRL logs them. */
class TokenStatistics {
  private count = 0;
  private readonly sums = { entropy: 0, kl: 0, low: 0, high: 0 };

  constructor(
    private readonly epsilonLow: number,
    private readonly epsilonHigh: number,
  ) {}

  add(pass: PolicyPass, output: { entropy: Float32Array; ratio: Float32Array; kl: Float32Array | null }): void {
    for (let t = 0; t < output.ratio.length; t++) {
      if (pass.tokenWeights[t] === 0) continue;
      this.count += 1;
      this.sums.entropy += output.entropy[t]!;
      this.sums.kl += output.kl?.[t] ?? 0;
      const advantage = pass.advantages[t]!;
      if (output.ratio[t]! < 1 - this.epsilonLow && advantage < 0) this.sums.low += 1;
      if (output.ratio[t]! > 1 + this.epsilonHigh && advantage > 0) this.sums.high += 1;
    }
  }

  metrics(kl: boolean): Record<string, number> {
    const count = Math.max(1, this.count);
    const { entropy, low, high } = this.sums;
    return {
      entropy: entropy / count,
      ...(kl && { kl: this.sums.kl / count }),
      "clip_ratio/low_mean": low / count,
      "clip_ratio/high_mean": high / count,
      "clip_ratio/region_mean": (low + high) / count,
    };
  }
}

/** Names as TRL's; a completion that no reward applied to counts nowhere. */
function rewardMetrics(
  rewards: readonly WeightedReward[],
  groups: readonly Group[],
  { groupDeviations, isFlat }: GroupAdvantages,
): Record<string, number> {
  const rows = groups.flatMap((group) => group.rows);
  const values: Record<string, number> = {
    reward: meanOf(rows.flatMap(({ total }) => total ?? [])),
    reward_std: meanOf(groupDeviations),
    frac_reward_zero_std: isFlat.filter(Boolean).length / Math.max(1, isFlat.length),
  };
  for (const { reward } of rewards) {
    const scores = rows.flatMap(({ scores: all }) => all[reward.name] ?? []);
    if (scores.length === 0) continue;
    values[`rewards/${reward.name}/mean`] = meanOf(scores);
    values[`rewards/${reward.name}/std`] = deviationOf(scores);
  }
  const failed = rows.filter(({ status }) => Object.values(status).includes("error")).length;
  if (failed > 0) values["rewards/error_share"] = failed / rows.length;
  return values;
}

function completionMetrics(completions: readonly Completion[]): Record<string, number> {
  const lengths = completions.map(({ ids }) => ids.length);
  const ended = completions.filter(({ finish }) => finish !== "length").map(({ ids }) => ids.length);
  return {
    "completions/mean_length": meanOf(lengths),
    "completions/min_length": Math.min(...lengths),
    "completions/max_length": Math.max(...lengths),
    "completions/clipped_ratio": 1 - ended.length / completions.length,
    ...(ended.length > 0 && { "completions/mean_terminated_length": meanOf(ended) }),
  };
}

async function recordRollouts(
  { recorder, plan }: StageContext,
  step: number,
  groups: readonly Group[],
  { advantages, isFlat }: GroupAdvantages,
  update: PolicyUpdate,
  ledger: PictureLedger,
): Promise<void> {
  const records: RolloutRecord[] = [];
  for (const [g, group] of groups.entries()) {
    const imageRefs = await ledger.refs(group.example.source.pictures);
    for (const [index, completion] of group.completions.entries()) {
      const row = group.rows[index]!;
      const at = records.length;
      records.push({
        ...{ run: recorder.manifest.id, step, mode: "train", group: g, index, sampleId: group.sample.id, imageRefs },
        promptHash: promptHash(group.prompt.promptText),
        solution: group.example.solution,
        completion: completion.text,
        ...{ finish: completion.finish, length: completion.ids.length, rewards: row.scores },
        status: Object.fromEntries(Object.entries(row.status).map(([name, status]) => [name, rolloutStatus(status)])),
        notes: flattenNotes(row.notes),
        ...{ total: row.total, advantage: advantages[at]!, refKl: update.kl?.[at] ?? null },
        entropy: meanOf(completion.entropies),
        meanLogProb: meanOf(completion.logProbs),
        timings: { generateMs: round(group.generateMs), rewardMs: round(group.rewardMs) },
      });
    }
  }
  const file = rolloutsFile(step);
  writeFileDurably(join(recorder.folder, file), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  const best = records.reduce((a, b) => (b.advantage > a.advantage ? b : a), records[0]!);
  recorder.emit({
    ...{ type: "rollouts", stage: plan.id, step, file, numRollouts: records.length, numGroups: groups.length },
    rewardMean: meanOf(records.flatMap(({ total }) => total ?? [])),
    zeroVarianceShare: isFlat.filter(Boolean).length / Math.max(1, isFlat.length),
    example: {
      sampleId: best.sampleId,
      completion: best.completion.slice(0, 400),
      ...{ total: best.total ?? 0, advantage: best.advantage },
    },
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

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** With divisor n - 1, as torch's. */
function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
