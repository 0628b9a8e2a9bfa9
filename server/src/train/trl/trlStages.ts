/**
 * PA-SFT and SC-GRPO by TRL in processes of its own: this side makes the rows, scores completions, and keeps the run folder; the loops over
 * batches, gradients and the optimiser are `engines/python/iadr1_trl.py`. What each step is made of is as in paSft.ts and scGrpo.ts, with
 * the same names of curves.
 *
 * Other than there: the draws of completions are torch's, so SC-GRPO is not equal to a run of the embedded engine (PA-SFT is, but for
 * rounding, where both start from the same adapter); means of log-probabilities and entropies are at the sampling temperature; there is no dynamic sampling; loss type
 * bnpo averages inside each pass.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CancelledError, ConfigError, WorkerError } from "@iad-r1/models/errors";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { PaSftConfig, ScGrpoConfig, TrlConfig } from "../../config/experiment";
import { turnAt } from "../../data/augment";
import type { InspectionSample } from "../../data/samples";
import {
  PictureLedger,
  type PolicyExample,
  type PromptStyle,
  policyExample,
  supervisedExample,
} from "../../generate/examples";
import type { Completion } from "../../generate/generator";
import { RolloutTablesWriter } from "../../rollouts/tables";
import { makeFolder, writeFileDurably } from "../../runs/durableFile";
import type { Device } from "../../runtime/devices";
import type { PythonEngine } from "../../runtime/python";
import { groupAdvantages } from "../advantages";
import { DataOrder } from "../dataOrder";
import { checkFinite, endTokenOf, tellCut } from "../paSft";
import { completionMetrics, rewardMetrics } from "../policyMetrics";
import { checkErrorShare, type ScoredGroup, scoreGroups, tableEntries, type UnscoredGroup } from "../rollouts";
import { type RewardSource, recordRollouts } from "../scGrpo";
import { type StageContext, type StageResult, StageRun } from "../stage";
import { policyJob, supervisedJob, type TrlPlace } from "./job";
import { type FromTrl, TrlLink } from "./link";
import { RemoteModel, trainerState } from "./remoteModel";
import { type TrlRow, writeRowFile } from "./rowFile";

export interface TrlStageInput {
  model: ModelReference;
  samples: readonly InspectionSample[];
  /** Reference pictures in each prompt. */
  references: number;
  /** Where evaluations run. */
  device: Device;
  threads: number;
  trl: TrlConfig;
  engine: PythonEngine;
  /** The person wants the processor, or there is nothing else. */
  useCpu: boolean;
}

export async function runTrlPaSft(
  input: TrlStageInput & { config: PaSftConfig },
  context: StageContext,
): Promise<StageResult> {
  const { config, samples, references, model } = input;
  const { plan, seed, recorder } = context;
  const order = new DataOrder(seed, plan.id, samples);
  const samplesPerStep = config.batchSize * config.gradientAccumulation;
  const description = await describe(model);
  const endToken = endTokenOf(description);
  const maxLength = Math.min(config.maxLength, description.facts.decoder.maxPositions);
  return runTrlStage(input, context, {
    rowsPerStep: samplesPerStep,
    row: (position) => {
      const turn = turnAt(config.augment, seed, position);
      return supervisedExample(samples[order.at(position)!]!, { references, turn });
    },
    job: (place) => supervisedJob(config, place, { endToken, maxLength }),
    async follow(session) {
      const { run, hear, start } = session;
      let { step, samplesSeen, numTokens } = start;
      let numCut = 0;
      for (;;) {
        run.progress(step, 0, "");
        const message = await hear();
        if (message.kind === "done") break;
        if (message.kind !== "step") throw unexpected(message);
        const { loss, gradNorm, curves } = readLogs(message.logs);
        checkFinite(loss, gradNorm, plan.id, step + 1);
        step += 1;
        samplesSeen += samplesPerStep;
        numTokens += message.tokens;
        numCut = message.numCut ?? 0;
        const epoch = order.epoch(samplesSeen);
        await session.finishStep(
          { step, samplesSeen, numTokens, epoch },
          { ...curves, epoch, num_tokens: numTokens },
          message.tokens,
          null,
        );
      }
      tellCut(recorder, numCut, config.maxLength);
    },
  });
}

export async function runTrlScGrpo(
  input: TrlStageInput & {
    config: ScGrpoConfig;
    rewards: RewardSource;
    style: PromptStyle;
  },
  context: StageContext,
): Promise<StageResult> {
  const { config, samples, references, style, model } = input;
  const { plan, seed, recorder } = context;
  const order = new DataOrder(seed, plan.id, samples);
  const description = await describe(model);
  const processor = await description.loadProcessor();
  const endTokens = description.generation.eosTokenIds;
  const ledger = new PictureLedger();
  const tables = new RolloutTablesWriter(recorder.folder);
  const rowAt = (position: number): { sample: InspectionSample; example: PolicyExample } => {
    const sample = samples[order.at(position)!]!;
    const turn = turnAt(config.augment, seed, position);
    return { sample, example: policyExample(sample, { references, turn, style }) };
  };

  const unscored = ({ rows, generateMs }: Extract<FromTrl, { kind: "score" }>): UnscoredGroup[] =>
    Array.from({ length: rows.length / config.groupSize }, (_, g) => {
      const members = rows.slice(g * config.groupSize, (g + 1) * config.groupSize);
      const { row } = members[0]!;
      if (members.some((member) => member.row !== row)) {
        throw new WorkerError("trl/protocol", "The completions of a prompt did not come together.");
      }
      const { sample, example } = rowAt(row);
      return {
        ...{ sample, example, generateMs: generateMs / rows.length },
        prompt: { promptText: processor.chatTemplate.render(example.source.messages) },
        completions: members.map(({ ids }): Completion => {
          const ended = endTokens.includes(ids.at(-1) ?? -1);
          return {
            ids: Int32Array.from(ids),
            text: processor.tokenizer.decode(ids, { skipSpecialTokens: true }),
            finish: ended ? "eos" : "length",
            ...{ logProbs: new Float32Array(1), entropies: new Float32Array(1), anomalyScore: null },
          };
        }),
      };
    });

  return runTrlStage(input, context, {
    rowsPerStep: config.promptsPerStep,
    row: (position) => ({ source: rowAt(position).example.source }),
    job: (place) => policyJob(config, place),
    async follow(session) {
      const { run, hear, tell, start } = session;
      let { step, samplesSeen, numTokens } = start;
      let started = performance.now();
      let rolledOut = started;
      let groups: ScoredGroup[] = [];
      for (;;) {
        run.progress(step, 0, "rollouts");
        const message = await hear();
        if (message.kind === "done") return;
        if (message.kind === "score") {
          run.progress(step, 0.5, "rewards");
          const rewards = await input.rewards.current(step);
          const { groupSize, rewardErrors: onError } = config;
          groups = await scoreGroups(unscored(message), { groupSize, rewards, onError, step: step + 1 });
          if (onError === "skip") checkErrorShare(groups, config.pauseOn);
          rolledOut = performance.now();
          tell({ totals: groups.flatMap(({ rows }) => rows.map(({ total }) => total)) });
          run.progress(step, 0.6, "update");
          continue;
        }
        if (message.kind !== "step") throw unexpected(message);
        const { loss, gradNorm, curves } = readLogs(message.logs);
        checkFinite(loss, gradNorm, plan.id, step + 1);
        for (const [i, completion] of groups.flatMap(({ completions }) => completions).entries()) {
          completion.logProbs[0] = message.meanLogProbs?.[i] ?? 0;
          completion.entropies[0] = message.entropies?.[i] ?? 0;
        }
        const rows = groups.flatMap((group) => group.rows);
        const totals = rows.map(({ total }) => total);
        const advantages = {
          ...groupAdvantages(totals, { groupSize: config.groupSize, scale: config.scaleRewards }),
          // What the trainer learnt from, not what it should have.
          ...(message.advantages !== undefined && { advantages: Float64Array.from(message.advantages) }),
        };
        step += 1;
        samplesSeen += config.promptsPerStep;
        numTokens += message.tokens;
        tables.add(tableEntries(groups));
        await recordRollouts(context, step, groups, advantages, message.refKl ?? null, ledger);
        const reasonToHold = (await context.guard?.inspect(step, groups, advantages)) ?? null;
        const epoch = order.epoch(samplesSeen);
        const rewards = await input.rewards.current(step);
        await session.finishStep(
          { step, samplesSeen, numTokens, epoch },
          {
            ...curves,
            ...rewardMetrics(rewards, rows, advantages),
            ...completionMetrics(groups.flatMap(({ completions }) => completions)),
            ...{ epoch, num_tokens: numTokens },
            rollout_seconds: (rolledOut - started) / 1000,
            update_seconds: (performance.now() - rolledOut) / 1000,
          },
          message.tokens,
          reasonToHold,
        );
        started = performance.now();
      }
    },
  });
}

/** The talk of one stage with its process. */
interface Session {
  run: StageRun;
  start: { step: number; samplesSeen: number; numTokens: number };
  hear: TrlLink["hear"];
  tell: TrlLink["tell"];
  /** As `StageRun.finishStep`; then the process goes on. */
  finishStep: StageRun["finishStep"];
}

interface TrlStage {
  /** Rows that a step uses up. */
  rowsPerStep: number;
  row(position: number): TrlRow;
  job(place: TrlPlace): object;
  follow(session: Session): Promise<void>;
}

async function runTrlStage(
  input: TrlStageInput & { config: PaSftConfig | ScGrpoConfig },
  context: StageContext,
  stage: TrlStage,
): Promise<StageResult> {
  const { config, model, trl, engine, useCpu, threads } = input;
  const { plan, recorder, resume, signal, seed } = context;
  const start = resume?.state ?? { step: 0, samplesSeen: 0, numTokens: 0 };
  const folder = join(recorder.folder, "trl");
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  let link: TrlLink | null = null;
  try {
    const progress = (activity: string) =>
      recorder.emit({
        ...{ type: "progress", stage: plan.id, step: start.step, totalSteps: plan.totalSteps, activity },
        ...{ tokensPerSecond: null, secondsLeft: null },
      });
    const rows = await writeRowFile(stage.row, {
      ...{ folder, signal, count: plan.totalSteps * stage.rowsPerStep, firstUsed: start.step * stage.rowsPerStep },
      onProgress: (part) => progress(`pictures ${Math.round(100 * part)} %`),
    });
    progress("starting TRL");
    const place: TrlPlace = {
      ...{ folder, rows, model, steps: plan.totalSteps, seed, threads, useCpu, trl },
      resume: resume === null ? null : trainerState(resume.folder),
    };
    const jobFile = join(folder, "job.json");
    writeFileDurably(jobFile, JSON.stringify(stage.job(place), null, 2));
    const { processes, accelerateConfig = null } = trl;
    const logFile = join(recorder.folder, "trl.log");
    link = await TrlLink.open({ python: engine.python, processes, accelerateConfig, useCpu, jobFile, logFile });
    const open = link;
    const ready = await hearOrStop(open, signal);
    if (ready.kind !== "ready") throw unexpected(ready);
    if (ready.processes !== processes) {
      throw new ConfigError(
        "trl/processes",
        `Expected ${processes} processes of TRL, got ${ready.processes}: the batches would be wrong.`,
        { hint: "Set trl.processes to what trl.accelerateConfig starts on all machines together.", where: logFile },
      );
    }
    Object.assign(recorder.manifest.versions, ready.versions);
    recorder.saveManifest();
    recorder.log(
      "info",
      "trl/ready",
      `TRL ${ready.versions.trl} on ${ready.device}, ${ready.processes} process${ready.processes === 1 ? "" : "es"}, ${(ready.trainableParameters / 1e6).toFixed(2)} million weights learn.`,
    );
    const remote = new RemoteModel(open, {
      ...{ start: model, resume: resume?.folder ?? null, trainable: config.trainable },
      ...{ folder, device: input.device, threads },
    });
    const run = new StageRun(context, remote, config);
    await run.begin();
    await stage.follow({
      ...{ run, start, tell: (message) => open.tell(message) },
      hear: () => open.hear(),
      async finishStep(...step) {
        try {
          await run.finishStep(...step);
        } catch (error) {
          // The weights are on disk; the process may end.
          if (CancelledError.is(error)) open.tell({ do: "stop" });
          throw error;
        }
        remote.moved();
        open.tell({ do: "go" });
      },
    });
    return run.result();
  } finally {
    await link?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A person who stops a run that still loads its model need not wait for it. */
async function hearOrStop(link: TrlLink, signal: AbortSignal): Promise<FromTrl> {
  const onAbort = () => void link.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) throw new CancelledError();
    return await link.hear();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function describe({ base, adapter }: ModelReference): Promise<ModelDescription> {
  return loadModelDescription(base, adapter === null ? {} : { adapter });
}

/** What the curves are made of; a number that JSON has no form for comes as null. */
function readLogs(logs: Record<string, number | null>): {
  loss: number;
  gradNorm: number;
  curves: Record<string, number>;
} {
  const own = new Set(["epoch", "num_tokens", "total_flos", "step_time"]);
  const curves = Object.entries(logs).flatMap(([name, value]) =>
    value === null ||
    own.has(name) ||
    /^(reward|rewards\/|frac_|completions\/|sampling\/)/.test(name) ||
    name === "reward_std"
      ? []
      : [[name, value] as const],
  );
  return {
    ...{ loss: logs.loss ?? Number.NaN, gradNorm: logs.grad_norm ?? Number.NaN },
    curves: Object.fromEntries(curves),
  };
}

function unexpected({ kind }: FromTrl): Error {
  return new WorkerError("trl/protocol", `The TRL process said "${kind}" where something else was expected.`);
}
