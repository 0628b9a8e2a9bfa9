/**
 * What both training stages do around their steps: pace and time left, evaluation on held-out pictures, checkpoints, stopping. The
 * loops themselves are paSft.ts and scGrpo.ts.
 */
import { CancelledError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import {
  type EvaluatedSample,
  type EvaluationReport,
  type ModelReference,
  pausedByUser,
  type StagePlan,
} from "@iad-r1/protocol/runs";
import type { InspectionSample } from "../data/samples";
import { evaluateModel, type EvaluateModelOptions } from "../evaluate/evaluateModel";
import type { Generator } from "../generate/generator";
import type { PromptEncoder } from "../generate/promptEncoder";
import type { CheckpointStore, StoredCheckpoint, TrainerState } from "../runs/checkpoints";
import type { RunRecorder } from "../runs/recorder";
import type { GroupAdvantages } from "./advantages";
import type { ScoredGroup } from "./rollouts";

/** Lets a person hold a run between two steps. */
export interface PauseGate {
  readonly isWanted: boolean;
  /** The run itself wants to be held after this step. */
  request(): void;
  /** Whether somebody asked, since the last call, that the rewards be read anew. */
  takeExchange(): boolean;
  /** Ends when the run shall go on or stop. */
  released(signal: AbortSignal): Promise<void>;
}

/** What a stage is given by the run. */
export interface StageContext {
  plan: StagePlan;
  recorder: RunRecorder;
  checkpoints: CheckpointStore;
  /** Looked at after every step. */
  signal: AbortSignal;
  /** The checkpoint to go on from; null at the start of the stage. */
  resume: StoredCheckpoint | null;
  /** Optimiser steps of the training stages before this one. */
  stepsBefore: number;
  seed: number;
  /** Pictures that decide the best checkpoint; null when there are none. */
  validation: readonly InspectionSample[] | null;
  evaluation: Omit<EvaluateModelOptions, "signal" | "onProgress">;
  /** Writes the answers behind an evaluation; returns the file's path relative to the run folder. */
  writeSamples: (name: string, samples: readonly EvaluatedSample[]) => string;
  /** Null where nobody can pause the run. */
  pauses: PauseGate | null;
  /** Looks at the rollouts of each step; null where nobody does. */
  guard: StepGuard | null;
}

/** Looks at what a step said and scored. */
export interface StepGuard {
  /** @returns why the run should wait for a person, or null */
  inspect(step: number, groups: readonly ScoredGroup[], advantages: GroupAdvantages): Promise<string | null>;
}

export interface SavingOptions {
  evalEvery: number;
  evalSamples?: number | undefined;
  saveEvery: number;
  keepCheckpoints: number;
}

/** Where a stage is after a step; the part of the trainer state that the loop counts itself. */
export interface StagePosition {
  step: number;
  samplesSeen: number;
  numTokens: number;
  epoch: number;
}

/** The model a stage leaves: its best evaluated checkpoint, else its last one. */
export interface StageResult {
  model: ModelReference;
  step: number;
}

/** A model that learns, wherever it does: in this process, or in one of TRL. */
export interface LearningModel {
  /** Lends what is needed to ask it, with the weights it has now. */
  opened<T>(use: (parts: { generator: Generator; encoder: PromptEncoder }) => Promise<T>): Promise<T>;
  /** Writes the weights as others read them: a PEFT adapter, or a full checkpoint. */
  saveModel(folder: string): Promise<void>;
  saveOptimizer(folder: string): Promise<void>;
  /** The model that `saveModel` wrote, as others open it. */
  savedReference(folder: string): ModelReference;
}

export class StageRun {
  private best: TrainerState["best"];
  private readonly pace: Pace;

  constructor(
    private readonly context: StageContext,
    private readonly model: LearningModel,
    private readonly saving: SavingOptions,
  ) {
    this.best = bestThere(context);
    this.pace = new Pace(context.resume?.state.step ?? 0);
  }

  /**
   * Before the first step: the evaluation that a stop cut off is made up for, or the best step would depend on when a run was stopped.
   *
   * @throws CancelledError when the run shall stop again
   */
  async begin(): Promise<void> {
    const { resume, signal } = this.context;
    if (resume === null || !this.isEvaluated(resume.state.step) || resume.state.balancedAccuracy !== null) return;
    await this.evaluate(resume.state.step);
    if (signal.aborted) throw new CancelledError();
  }

  /** Tells how far the step is; `part` is the share of it that is done, 0 to 1. */
  progress(step: number, part: number, activity: string): void {
    const { plan, recorder } = this.context;
    recorder.emit({
      ...{ type: "progress", stage: plan.id, step, totalSteps: plan.totalSteps, activity },
      ...this.pace.estimate(step + part, plan.totalSteps),
    });
  }

  /**
   * After an optimiser step: scalars, then evaluation and checkpoint where they are due.
   *
   * @param tokens that went through the model in this step
   * @param reasonToHold why the run should wait for a person, or null
   * @throws CancelledError when the run shall stop; the checkpoint is written
   */
  async finishStep(
    position: StagePosition,
    values: Record<string, number>,
    tokens: number,
    reasonToHold: string | null = null,
  ): Promise<void> {
    const { plan, recorder, signal } = this.context;
    const { saveEvery } = this.saving;
    const { step } = position;
    this.pace.finish(step, tokens);
    recorder.emit({ type: "scalars", stage: plan.id, step, values });
    this.progress(step, 0, "");
    // Between two steps the thread listens: a stop comes in as a message.
    await new Promise((resolve) => setImmediate(resolve));
    const last = step === plan.totalSteps;
    const evaluates = this.isEvaluated(step);
    const balancedAccuracy = evaluates && !signal.aborted ? await this.evaluate(step) : null;
    // A last step without its evaluation is not the end of the stage: which step is the best is not known.
    const stops = signal.aborted && (!last || (evaluates && balancedAccuracy === null));
    const holds = reasonToHold !== null && !last && !stops;
    if (holds) this.context.pauses?.request();
    const pauses = holds || (this.context.pauses?.isWanted === true && !last && !stops);
    if (step % saveEvery === 0 || last || stops || pauses || evaluates) await this.save(position, balancedAccuracy);
    if (stops) throw new CancelledError();
    if (pauses) await this.hold(holds ? reasonToHold : pausedByUser);
  }

  private isEvaluated(step: number): boolean {
    const { evalEvery } = this.saving;
    const { plan, validation } = this.context;
    return validation !== null && evalEvery > 0 && step > 0 && (step % evalEvery === 0 || step === plan.totalSteps);
  }

  /**
   * Waits with everything in memory until the run shall go on. The checkpoint is written.
   *
   * @throws CancelledError also where nobody could ever let it go on; `data.reason` says why it was held
   */
  private async hold(reason: string): Promise<void> {
    const { recorder, signal, pauses } = this.context;
    if (pauses === null) throw new CancelledError(reason, { data: { reason } });
    recorder.enter("paused", reason);
    await pauses.released(signal);
    if (signal.aborted) throw new CancelledError();
    recorder.enter("running", "resumed by the user");
    this.pace.pause();
  }

  /** Evaluates the model as it is; gives its balanced accuracy. Null when it was cut short. */
  async evaluate(step: number): Promise<number | null> {
    const { plan, recorder, validation, evaluation, signal, seed, writeSamples } = this.context;
    if (validation === null) return null;
    const count = this.saving.evalSamples ?? validation.length;
    // Data sets list one category after the other: a part of them must be drawn.
    const samples =
      count < validation.length ? createRandom(seed, "validation").shuffle(validation).slice(0, count) : validation;
    let result: Awaited<ReturnType<typeof evaluateModel>>;
    try {
      result = await this.model.opened((parts) =>
        evaluateModel(parts, samples, {
          ...evaluation,
          signal,
          onProgress: ({ finished, total }) => this.progress(step, 0, `evaluating ${finished}/${total}`),
        }),
      );
    } catch (error) {
      if (CancelledError.is(error)) return null;
      throw error;
    }
    this.pace.pause();
    const { balancedAccuracy } = result.report;
    const best = balancedAccuracy !== null && balancedAccuracy >= (this.best?.balancedAccuracy ?? -1);
    if (best) this.best = { step, balancedAccuracy };
    recorder.emit({
      ...{ type: "evaluation", stage: plan.id, step, label: `${plan.id}@${step}`, report: result.report, best },
      samplesFile: writeSamples(`${plan.id}-${String(step).padStart(6, "0")}`, result.samples),
    });
    recorder.emit({ type: "scalars", stage: plan.id, step, values: evaluationScalars(result.report) });
    return balancedAccuracy;
  }

  private async save(position: StagePosition, balancedAccuracy: number | null): Promise<void> {
    const { plan, recorder, checkpoints, stepsBefore, seed } = this.context;
    const { step } = position;
    const state: TrainerState = {
      ...{ format: "iad-r1/trainer-state", version: 1, stage: plan.id, totalSteps: plan.totalSteps },
      ...position,
      globalStep: stepsBefore + step,
      random: { seed, stage: plan.id, step },
      ...{ balancedAccuracy, best: this.best },
    };
    recorder.flush();
    const { path, sizeBytes } = await checkpoints.save(state, async (folder) => {
      await this.model.saveModel(folder);
      await this.model.saveOptimizer(folder);
    });
    const best = this.best?.step === step;
    recorder.emit({ type: "checkpoint", stage: plan.id, step, path, balancedAccuracy, best, sizeBytes });
    checkpoints.prune(plan.id, this.saving.keepCheckpoints, this.best?.step ?? null);
    this.pace.pause();
  }

  /**
   * The run shall stop in the middle of a step: the weights are still those of the last finished one, which is saved.
   *
   * @throws CancelledError always
   */
  async stop(position: StagePosition): Promise<never> {
    const { plan, checkpoints } = this.context;
    const isSaved = checkpoints.newest(plan.id)?.state.step === position.step;
    if (position.step > 0 && !isSaved) await this.save(position, null);
    throw new CancelledError();
  }

  /** After the last step. */
  result(): StageResult {
    const { plan, checkpoints } = this.context;
    const step = this.best?.step ?? plan.totalSteps;
    const { folder } = checkpoints.at(plan.id, step);
    return { model: this.model.savedReference(folder), step };
  }
}

/** The best step before a resume; of the checkpoints that are left, where a person deleted its own: a stage must end with one that is there. */
function bestThere({ plan, checkpoints, resume }: StageContext): TrainerState["best"] {
  const best = resume?.state.best ?? null;
  const states = checkpoints.list().flatMap(({ state }) => (state.stage === plan.id ? state : []));
  if (best === null || states.some(({ step }) => step === best.step)) return best;
  return states.reduce<TrainerState["best"]>((found, { step, balancedAccuracy }) => {
    if (balancedAccuracy === null || balancedAccuracy < (found?.balancedAccuracy ?? 0)) return found;
    return { step, balancedAccuracy };
  }, null);
}

/** Held-out numbers as curves. */
export function evaluationScalars(report: EvaluationReport): Record<string, number> {
  const values: Record<string, number | null> = {
    "eval/balanced_accuracy": report.balancedAccuracy,
    "eval/normal_accuracy": report.normalAccuracy,
    "eval/anomalous_accuracy": report.anomalousAccuracy,
    "eval/auroc": report.auroc,
    "eval/location_accuracy": report.locationAccuracy,
    "eval/type_score": report.typeScore,
    "eval/unparsed": report.unparsed,
    "eval/reward": report.rewardTotal,
  };
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

/** Says once what a person who trained these modules elsewhere may expect to go on learning. */
export function tellFrozenModules(
  recorder: RunRecorder,
  { frozenModules }: { frozenModules: readonly string[] },
): void {
  if (frozenModules.length === 0) return;
  const names = `${frozenModules.slice(0, 3).join(", ")}${frozenModules.length > 3 ? ", …" : ""}`;
  recorder.log(
    "warning",
    "train/frozen-modules",
    `The adapter holds modules of the vision side in full (${names}). They are used and stay as they are: of the vision side only an adapter's matrices learn.`,
  );
}

/** Speed over the last steps. Evaluations and checkpoints between steps do not count. */
class Pace {
  private readonly recent: { ms: number; tokens: number }[] = [];
  private since = performance.now();

  constructor(private step: number) {}

  finish(step: number, tokens: number): void {
    const now = performance.now();
    this.recent.push({ ms: (now - this.since) / Math.max(1, step - this.step), tokens });
    if (this.recent.length > 20) this.recent.shift();
    this.step = step;
    this.since = now;
  }

  pause(): void {
    this.since = performance.now();
  }

  estimate(done: number, total: number): { tokensPerSecond: number | null; secondsLeft: number | null } {
    if (this.recent.length === 0) return { tokensPerSecond: null, secondsLeft: null };
    const ms = this.recent.reduce((sum, step) => sum + step.ms, 0);
    const tokens = this.recent.reduce((sum, step) => sum + step.tokens, 0);
    return {
      tokensPerSecond: tokens / (ms / 1000),
      secondsLeft: Math.max(0, ((total - done) * ms) / this.recent.length / 1000),
    };
  }
}
