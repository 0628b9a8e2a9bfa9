/**
 * A whole run in this thread: evaluate the base model, PA-SFT, evaluate, SC-GRPO, evaluate; or one stage with its evaluation. Makes or
 * reopens the run folder, loads the data, hands each stage its model, and ends with exactly one final event. What a stage does is
 * train/; the same in a process of its own is process.ts.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { CancelledError, CheckpointError, ConfigError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type {
  EvaluatedSample,
  EvaluationReport,
  FinalRunState,
  ModelReference,
  RunEvent,
  RunKind,
  RunManifest,
  StagePlan,
  WireError,
} from "@iad-r1/protocol/runs";
import type { ExperimentConfig } from "../config/experiment";
import type { InspectionSample } from "../data/samples";
import { loadExperimentModel } from "../config/modelNames";
import { loadSources, requireSound } from "../data/sources";
import { evaluateModel, type EvaluateModelOptions } from "../evaluate/evaluateModel";
import { answeringModel, answersOfRuns } from "../generate/answeringModel";
import { missingReferences, numReferences } from "../generate/examples";
import { Generator } from "../generate/generator";
import { LiveModel } from "../generate/liveModel";
import { PromptEncoder } from "../generate/promptEncoder";
import type { WeightedReward } from "../rewards/contract";
import { decideDevice } from "../runtime/deviceChoice";
import { isDeviceFailure } from "../runtime/deviceFailure";
import { type Device, probeDevice } from "../runtime/devices";
import { chosenMessage } from "../runtime/deviceWork";
import type { PythonEngine } from "../runtime/python";
import { defaultThreads } from "../runtime/threads";
import { countSteps } from "../train/dataOrder";
import { runPaSft } from "../train/paSft";
import { runScGrpo } from "../train/scGrpo";
import { evaluationScalars, type PauseGate, type StageContext } from "../train/stage";
import { requireTrl } from "../train/trl/requireTrl";
import { runTrlPaSft, runTrlScGrpo, type TrlStageInput } from "../train/trl/trlStages";
import { CheckpointStore } from "./checkpoints";
import { makeFolder, writeFileDurably, writeFolderDurably } from "./durableFile";
import { codeHash, dataHash, modelHash } from "./fingerprint";
import { hashJson, readManifest } from "./manifest";
import { type ResumePoint, RunRecorder, toWireError } from "./recorder";
import { RewardSteward, rewardHashes } from "./rewardSteward";
import { RunRewards } from "./runRewards";
import { findRun, openRun } from "./store";

export interface RunContext {
  /** Aborted once: finish or give up the step, save, end as stopped. */
  signal: AbortSignal;
  onEvent: (event: RunEvent) => void;
  /** Id, start of the id, or folder of the run to go on with. */
  resume?: string;
  /** Where run folders lie; `output` of the configuration when left out. */
  runsFolder?: string;
  /** Chosen by the caller; made from the time when left out. */
  runId?: string;
  /** Looked at after every training step. */
  pauses?: PauseGate;
  /** Of a resume: goes on with the reward files as they are now, although the run was started with others. */
  exchangeRewards?: boolean;
}

/** How a run ended. Failures inside it are told here and in its events, not thrown. */
export interface RunOutcome {
  runId: string;
  folder: string;
  state: FinalRunState;
  /** Why it ended before its end. */
  reason: string | null;
  error: WireError | null;
  /** The model it leaves; null when no stage was finished. */
  model: ModelReference | null;
  /** The before, between and after table. */
  rows: { label: string; report: EvaluationReport }[];
}

/** Both stages with an evaluation before, between and after. */
export function postTrain(config: ExperimentConfig | null, context: RunContext): Promise<RunOutcome> {
  return runTraining("post-train", config, context);
}

/**
 * Runs or resumes.
 *
 * @param config null goes on with the configuration of the run that is resumed
 * @throws ConfigError, CheckpointError for what is wrong before a run exists or is opened: no configuration, unknown run, a run that
 *   another process writes, a configuration that is not the run's
 */
export async function runTraining(
  kind: RunKind,
  config: ExperimentConfig | null,
  context: RunContext,
): Promise<RunOutcome> {
  if (kind === "perception") {
    throw new ConfigError("run/kind", `"${kind}" is not a training run of this engine.`, {
      hint: "Use post-train, train pa-sft or train sc-grpo.",
    });
  }
  let run = context.resume === undefined ? await create(kind, config, context) : reopen(config, context);
  const { recorder } = run;
  const onAbort = () => {
    if (["starting", "running", "paused"].includes(recorder.state)) recorder.enter("stopping", "stopped by the user");
  };
  let state: FinalRunState = "failed";
  let error: WireError | null = null;
  let reason: string | null = null;
  let result: Pick<RunOutcome, "model" | "rows"> = { model: null, rows: [] };
  try {
    recorder.enter("starting");
    context.signal.addEventListener("abort", onAbort);
    try {
      result = await work(run, context);
    } catch (failure) {
      if (!isDeviceFailure(failure) || context.signal.aborted || recorder.manifest.device === "cpu") throw failure;
      run = goOnOnProcessor(run, failure.message);
      recorder.enter("starting");
      result = await work(run, context);
    }
    state = "completed";
  } catch (failure) {
    if (CancelledError.is(failure) || context.signal.aborted) {
      state = "stopped";
      // A run that nobody can hold ends with what it would have waited for.
      reason =
        CancelledError.is(failure) && typeof failure.data.reason === "string"
          ? failure.data.reason
          : "stopped by the user";
      result = { model: lastModel(run), rows: evaluationRows(run) };
    } else {
      error = toWireError(failure);
      reason = error.message;
    }
  } finally {
    context.signal.removeEventListener("abort", onAbort);
  }
  recorder.finish(state, reason, error);
  return { runId: recorder.manifest.id, folder: recorder.folder, state, reason, error, ...result };
}

interface OpenRun {
  recorder: RunRecorder;
  checkpoints: CheckpointStore;
  config: ExperimentConfig;
  isResumed: boolean;
}

async function create(kind: RunKind, config: ExperimentConfig | null, context: RunContext): Promise<OpenRun> {
  if (config === null) {
    throw new ConfigError("run/no-config", "A new run needs a configuration.", {
      hint: "Give an iadr1.yaml file, or --resume with the run to go on with.",
    });
  }
  const runsFolder = context.runsFolder ?? config.output;
  const manifest = newManifest(kind, config, { id: context.runId });
  await settleManifest(manifest, config);
  const recorder = RunRecorder.create(join(runsFolder, manifest.id), manifest, context.onEvent);
  return { recorder, checkpoints: new CheckpointStore(recorder.folder), config, isResumed: false };
}

/**
 * Makes the folder of a run that a process of its own will do (`resume` begins it): there at once, as queued.
 *
 * @returns the run folder
 * @throws CheckpointError `run/exists`, ResourceError, CheckpointError `checkpoint/unwritable` when the folder cannot be made
 */
export function prepareRun(kind: RunKind, config: ExperimentConfig, options: ManifestOptions = {}): string {
  const manifest = newManifest(kind, config, options);
  const folder = join(config.output, manifest.id);
  RunRecorder.prepare(folder, manifest);
  return folder;
}

export interface ManifestOptions {
  /** Made from the time when left out. */
  id?: string | undefined;
  configFile?: string;
  lineage?: RunManifest["lineage"];
}

function newManifest(kind: RunKind, config: ExperimentConfig, options: ManifestOptions): RunManifest {
  if (kind === "evaluate" && config.data.heldOut === undefined) {
    throw new ConfigError(
      "run/no-held-out",
      "There is nothing to evaluate with: the experiment names no held-out data.",
      {
        hint: "Add data.heldOut to the experiment file.",
      },
    );
  }
  const { id = newRunId(config.project), configFile = null, lineage = null } = options;
  const now = Date.now();
  return {
    ...{ format: "iad-r1/run", version: 1, id, kind, project: config.project, state: "queued", attempt: 1 },
    ...{ createdMs: now, updatedMs: now, config, configFile, plan: [], finishedStages: [], stageModels: {} },
    hashes: { config: hashJson(config), code: "", model: "", data: {}, rewards: {} },
    versions: { node: process.versions.node, "onnxruntime-node": "1.30.0" },
    ...{ device: config.device, threads: config.threads > 0 ? config.threads : defaultThreads(), lineage },
  };
}

/** What takes a while to find out: the device that works, and the code that runs. */
async function settleManifest(manifest: RunManifest, config: ExperimentConfig): Promise<void> {
  const answers = () => answeringModel(config.model.base, answersOfRuns);
  const { device, reason } = await decideDevice(config.device, { answers });
  manifest.device = device;
  manifest.deviceReason = reason;
  manifest.hashes.code = await codeHash();
}

/** A run goes on with its device; when that is gone since, a driver that crashed the process above all, with the processor. */
async function checkDevice(recorder: RunRecorder): Promise<void> {
  const { manifest } = recorder;
  const device = manifest.device as Device;
  if (device === "cpu") return;
  const { available, detail } = await probeDevice(device);
  if (available) return;
  recorder.log("warning", "device/failed", `The device ${device} cannot be used any more: ${detail}.`);
  manifest.device = "cpu";
  manifest.deviceReason = `${device} cannot be used any more`;
  recorder.saveManifest();
}

function reopen(config: ExperimentConfig | null, context: RunContext): OpenRun {
  const folder = findRun(context.runsFolder ?? config?.output ?? join(".iadr1", "runs"), context.resume!);
  const stored = readManifest(folder);
  if (hashJson(stored.config) !== stored.hashes.config) {
    throw new CheckpointError("run/broken-manifest", "run.json: the config is not the one the run was started with.", {
      where: folder,
      hint: "Bring back run.json as it was, or start a new run with the changed configuration.",
    });
  }
  if (config !== null && hashJson(config) !== stored.hashes.config) {
    throw new ConfigError(
      "run/config-changed",
      `The configuration is not the one that run ${stored.id} was started with.`,
      {
        where: folder,
        hint: "Resume without a configuration file, or start a new run.",
      },
    );
  }
  if (stored.state === "completed") {
    throw new CheckpointError("run/completed", `Run ${stored.id} is already complete.`, {
      where: folder,
      hint: "Start a new run with more steps to train further.",
    });
  }
  const checkpoints = new CheckpointStore(folder);
  const recorder = RunRecorder.reopen(folder, (manifest) => lastState(manifest, checkpoints), context.onEvent);
  return { recorder, checkpoints, config: stored.config as ExperimentConfig, isResumed: true };
}

/** The newest checkpoint of the stage that is under way; what is later goes away. */
function lastState({ plan, finishedStages }: RunManifest, checkpoints: CheckpointStore): ResumePoint {
  const next = plan.find(({ id }) => !finishedStages.includes(id));
  const newest = next === undefined ? null : checkpoints.newest(next.id);
  const point = { finishedStages, stage: next?.id ?? null, step: newest?.state.step ?? 0 };
  checkpoints.removeAfter(finishedStages, point.stage, point.step);
  return point;
}

/** The next attempt of a run whose device failed: from its last checkpoint, to the numbers that the processor gives. */
function goOnOnProcessor(run: OpenRun, problem: string): OpenRun {
  const { recorder, checkpoints } = run;
  recorder.log("warning", "device/failed", problem);
  const { device } = recorder.manifest;
  recorder.manifest.device = "cpu";
  recorder.manifest.deviceReason = `${device} failed`;
  recorder.restart(lastState(recorder.manifest, checkpoints), `${device} failed; goes on on the processor`);
  return { ...run, isResumed: true };
}

/** Everything between "starting" and the final event. */
async function work(run: OpenRun, context: RunContext): Promise<Pick<RunOutcome, "model" | "rows">> {
  const { recorder, config } = run;
  const { manifest } = recorder;
  const startedMs = Date.now();
  if (manifest.hashes.code === "") await settleManifest(manifest, config);
  else if (run.isResumed) await checkDevice(recorder);
  const isTrl = config.engine === "trl" && manifest.kind !== "evaluate";
  const engine = isTrl ? await requireTrl(config.trl, context.signal) : null;
  if (engine === null && manifest.deviceReason !== undefined) {
    const { device, deviceReason: reason } = manifest;
    recorder.log("info", "device/chosen", chosenMessage({ device, reason }));
  }
  // What is wrong with the model is said before any time goes into data.
  await loadExperimentModel(config.model, run.isResumed);
  const data = await loadData(config);
  const shown = new Set(Object.values(data).flatMap((samples) => samples ?? []));
  const missing = missingReferences([...shown].map(numReferences), config.prompt.references);
  if (missing !== null) recorder.log("warning", "data/few-references", missing);
  const rewards = new RunRewards(config);
  try {
    return await workWith(run, context, { data, rewards, engine, startedMs });
  } finally {
    await rewards.close();
  }
}

async function workWith(
  run: OpenRun,
  context: RunContext,
  { data, rewards, engine, startedMs }: Pick<StageInput, "data" | "rewards" | "engine"> & { startedMs: number },
): Promise<Pick<RunOutcome, "model" | "rows">> {
  const { recorder, config, isResumed } = run;
  const { manifest } = recorder;
  const hashes = {
    ...{ config: manifest.hashes.config, code: manifest.hashes.code, model: await modelHash(config.model) },
    data: Object.fromEntries(
      await Promise.all(
        Object.entries(data).map(async ([name, samples]) => [name, await dataHash(samples ?? [])] as const),
      ),
    ),
    rewards: rewardHashes(rewards),
  };
  if (isResumed) compareHashes(manifest, hashes, context.exchangeRewards === true);
  manifest.hashes = hashes;
  recorder.announcePlan(planStages(manifest.kind, config, data));
  if (context.signal.aborted) throw new CancelledError();
  recorder.enter("running");

  let model: ModelReference = config.model;
  let stepsBefore = 0;
  for (const plan of manifest.plan) {
    const finished = manifest.stageModels[plan.id];
    if (manifest.finishedStages.includes(plan.id) && finished !== undefined) {
      model = fromPortable(recorder.folder, finished);
    } else {
      if (context.signal.aborted) throw new CancelledError();
      const { signal, pauses } = context;
      const given = { model, stepsBefore, data, rewards, engine, signal };
      model = await runStage(run, plan, { ...given, ...(pauses && { pauses }) });
    }
    if (plan.kind !== "evaluate") stepsBefore += plan.totalSteps;
  }
  const rows = evaluationRows(run);
  if (rows.length > 0) {
    recorder.emit({ type: "summary", rows, model, wallSeconds: (Date.now() - startedMs) / 1000 });
  }
  return { model, rows };
}

interface StageInput {
  model: ModelReference;
  stepsBefore: number;
  data: RunData;
  rewards: RunRewards;
  /** The Python that trains, where that is not the embedded engine. */
  engine: PythonEngine | null;
  signal: AbortSignal;
  pauses?: PauseGate;
}

async function runStage(run: OpenRun, plan: StagePlan, input: StageInput): Promise<ModelReference> {
  const { recorder, checkpoints, config } = run;
  const resume = plan.kind === "evaluate" ? null : checkpoints.newest(plan.id);
  const start = await startModel(run, plan, input.model);
  recorder.emit({
    ...{ type: "stage", stage: plan.id, kind: plan.kind, phase: "started", totalSteps: plan.totalSteps },
    ...{ step: resume?.state.step ?? 0, model: start, facts: { samples: samplesOf(plan, input.data).length } },
  });
  const context: StageContext = {
    ...{ plan, recorder, checkpoints, signal: input.signal, resume, stepsBefore: input.stepsBefore, seed: config.seed },
    validation: input.data.validation,
    evaluation: evaluationOptions(config, input.rewards.list),
    writeSamples: (name, samples) => writeSamples(recorder.folder, name, samples),
    pauses: input.pauses ?? null,
    guard: null,
  };
  const common = {
    ...{ model: start, samples: samplesOf(plan, input.data), references: config.prompt.references },
    ...{ device: recorder.manifest.device as Device, threads: recorder.manifest.threads },
  };
  const trl = trlInput(config, input.engine);
  let end = { model: start, step: plan.totalSteps };
  switch (plan.kind) {
    case "evaluate":
      await evaluateStage(run, plan, start, input);
      break;
    case "pa-sft": {
      const stage = { config: config.stages.paSft };
      end = trl
        ? await runTrlPaSft({ ...common, ...stage, ...trl }, context)
        : await runPaSft({ ...common, ...stage }, context);
      break;
    }
    case "sc-grpo": {
      const steward = new RewardSteward(input.rewards, {
        recorder,
        plan,
        pauses: input.pauses ?? null,
        config,
        signal: input.signal,
      });
      const stage = { config: config.stages.scGrpo, rewards: steward, style: config.prompt.style };
      const guarded = { ...context, guard: steward };
      end = trl
        ? await runTrlScGrpo({ ...common, ...stage, ...trl }, guarded)
        : await runScGrpo({ ...common, ...stage }, guarded);
      break;
    }
    case "perception":
      throw new ConfigError("run/kind", "Perception training has its own command.");
  }
  recorder.emit({
    ...{ type: "stage", stage: plan.id, kind: plan.kind, phase: "finished", totalSteps: plan.totalSteps },
    ...{ step: end.step, model: end.model, facts: {} },
  });
  recorder.finishStage(plan.id, toPortable(recorder.folder, end.model));
  return end.model;
}

/** Null where the embedded engine trains. */
function trlInput(
  { trl, device }: ExperimentConfig,
  engine: PythonEngine | null,
): Pick<TrlStageInput, "trl" | "engine" | "useCpu"> | null {
  if (engine === null) return null;
  const settings = trl ?? { processes: 1, precision: "auto" as const };
  return { trl: settings, engine, useCpu: device === "cpu" || engine.device === "cpu" };
}

async function evaluateStage(
  { recorder, config }: OpenRun,
  plan: StagePlan,
  reference: ModelReference,
  { data, rewards, signal }: StageInput,
): Promise<void> {
  const { device, threads } = recorder.manifest;
  const model = await LiveModel.open(reference, { device: device as Device, threads });
  try {
    const samples = data.heldOut!;
    const started = performance.now();
    const { report, samples: answers } = await evaluateModel(
      { generator: new Generator(model), encoder: new PromptEncoder(model) },
      samples,
      {
        ...evaluationOptions(config, rewards.list),
        signal,
        onProgress: ({ finished, total, tokensPerSecond }) => {
          const secondsLeft = ((performance.now() - started) / 1000 / finished) * (total - finished);
          recorder.emit({
            ...{ type: "progress", stage: plan.id, step: finished, totalSteps: total, activity: "" },
            ...{ tokensPerSecond, secondsLeft },
          });
        },
      },
    );
    recorder.emit({
      ...{ type: "evaluation", stage: plan.id, step: 0, label: labelOf(plan), report, best: false },
      samplesFile: writeSamples(recorder.folder, plan.id, answers),
    });
    recorder.emit({ type: "scalars", stage: plan.id, step: 0, values: evaluationScalars(report) });
  } finally {
    await model.dispose();
  }
}

/** `evaluate-base` -> "base". */
function labelOf(plan: StagePlan): string {
  return plan.id.replace(/^evaluate-/, "");
}

function evaluationOptions(
  config: ExperimentConfig,
  rewards: readonly WeightedReward[],
): Omit<EvaluateModelOptions, "signal" | "onProgress"> {
  const { batchSize, maxCompletionLength, temperature } = config.evaluation;
  return {
    ...{ batchSize, temperature, maxNewTokens: maxCompletionLength, seed: config.seed, rewards },
    references: config.prompt.references,
  };
}

/**
 * The model a stage starts from. Where full weights are trained on top of an adapter, the adapter is merged into a checkpoint of the
 * run first, once.
 */
async function startModel(run: OpenRun, plan: StagePlan, model: ModelReference): Promise<ModelReference> {
  const trainable =
    plan.kind === "pa-sft"
      ? run.config.stages.paSft.trainable
      : plan.kind === "sc-grpo"
        ? run.config.stages.scGrpo.trainable
        : "lora";
  if (model.adapter === null || trainable === "lora") return model;
  const folder = mergedFolder(run.recorder.folder, plan.id);
  if (!existsSync(join(folder, "config.json"))) {
    const description = await loadModelDescription(model.base, { adapter: model.adapter });
    const values = new Map<string, Float32Array>();
    for (const [path, stored] of description.adapter!.tensors) values.set(path, await stored.read());
    await writeFolderDurably(folder, (temporary) =>
      writeFullCheckpoint(temporary, {
        ...{ source: model.base, table: description.parameters, dtype: "float32" },
        adapter: { layout: description.adapter!.layout, values },
      }),
    );
  }
  return { base: folder, adapter: null };
}

export type RunData = {
  paSft: readonly InspectionSample[];
  scGrpo: readonly InspectionSample[];
  heldOut: readonly InspectionSample[] | null;
  validation: readonly InspectionSample[] | null;
};

export async function loadData(config: ExperimentConfig): Promise<RunData> {
  const load = async (sources: Parameters<typeof loadSources>[0]) =>
    requireSound(await loadSources(sources, { folder: process.cwd() }));
  const train = await load(config.data.train);
  const { paSft, scGrpo } = config.stages;
  const heldOut = config.data.heldOut === undefined ? null : await load(config.data.heldOut);
  return {
    paSft: paSft.data === undefined ? train : await load(paSft.data),
    scGrpo: scGrpo.data === undefined ? train : await load(scGrpo.data),
    heldOut,
    validation: config.data.validation === undefined ? heldOut : await load(config.data.validation),
  };
}

function samplesOf(plan: StagePlan, data: RunData): readonly InspectionSample[] {
  if (plan.kind === "pa-sft") return data.paSft;
  return plan.kind === "sc-grpo" ? data.scGrpo : (data.heldOut ?? []);
}

export function planStages(kind: RunKind, config: ExperimentConfig, data: RunData): StagePlan[] {
  const { paSft, scGrpo } = config.stages;
  const evaluate = (id: string, title: string): StagePlan[] =>
    data.heldOut === null ? [] : [{ id: `evaluate-${id}`, kind: "evaluate", title, totalSteps: data.heldOut.length }];
  const supervised: StagePlan = {
    ...{ id: "pa-sft", kind: "pa-sft", title: "PA-SFT: learn to reason and answer" },
    totalSteps: countSteps(paSft, data.paSft.length, paSft.batchSize * paSft.gradientAccumulation),
  };
  const policy: StagePlan = {
    ...{ id: "sc-grpo", kind: "sc-grpo", title: "SC-GRPO: learn from rewards" },
    totalSteps: countSteps(scGrpo, data.scGrpo.length, scGrpo.promptsPerStep),
  };
  switch (kind) {
    case "pa-sft":
      return [supervised, ...evaluate("pa-sft", "Evaluate after PA-SFT")];
    case "sc-grpo":
      return [policy, ...evaluate("sc-grpo", "Evaluate after SC-GRPO")];
    case "evaluate":
      return evaluate("model", "Evaluate the model");
    default:
      return [
        ...evaluate("base", "Evaluate the base model"),
        supervised,
        ...evaluate("pa-sft", "Evaluate after PA-SFT"),
        policy,
        ...evaluate("sc-grpo", "Evaluate after SC-GRPO"),
      ];
  }
}

/**
 * @param exchanges other rewards are wanted
 * @throws CheckpointError `run/changed`: with other data or another model the numbers could not be the same
 */
function compareHashes(manifest: RunManifest, now: RunManifest["hashes"], exchanges: boolean): void {
  const before = manifest.hashes;
  // A run that was killed while it was starting has no hashes yet.
  if (before.model === "") return;
  const changed = [
    ...(before.model === now.model ? [] : ["the model"]),
    ...(hashJson(before.data) === hashJson(now.data) ? [] : ["the data"]),
    ...(exchanges || hashJson(before.rewards) === hashJson(now.rewards) ? [] : ["the rewards"]),
  ];
  if (changed.length === 0) return;
  const isRewards = changed.length === 1 && changed[0] === "the rewards";
  throw new CheckpointError("run/changed", `Since run ${manifest.id} was started, ${changed.join(" and ")} changed.`, {
    hint: isRewards
      ? "Go on with the new rewards through --exchange-rewards, bring back the old ones, or start a new run."
      : "Bring back what was there before, or start a new run.",
  });
}

function writeSamples(folder: string, name: string, samples: readonly EvaluatedSample[]): string {
  const file = `evaluations/${name}.jsonl`;
  makeFolder(join(folder, "evaluations"));
  writeFileDurably(join(folder, file), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
  return file;
}

/** Reports of the evaluation stages, in order, also those of earlier attempts. */
function evaluationRows({ recorder }: OpenRun): RunOutcome["rows"] {
  const ids = recorder.manifest.plan.filter(({ kind }) => kind === "evaluate").map(({ id }) => id);
  const events = openRun(recorder.folder).evaluations();
  return ids.flatMap((id) => {
    const event = events.findLast(({ stage }) => stage === id);
    return event === undefined ? [] : [{ label: event.label, report: event.report }];
  });
}

function lastModel({ recorder }: OpenRun): ModelReference | null {
  const { finishedStages, stageModels } = recorder.manifest;
  const last = stageModels[finishedStages.at(-1) ?? ""];
  return last === undefined ? null : fromPortable(recorder.folder, last);
}

/**
 * The model in a checkpoint of a stage: weights of their own, or an adapter on the base that the stage started from.
 *
 * @param checkpoint folder of the checkpoint
 */
export function checkpointModel(
  runFolder: string,
  manifest: RunManifest,
  stage: string,
  checkpoint: string,
): ModelReference {
  if (!existsSync(join(checkpoint, "adapter_config.json"))) return { base: checkpoint, adapter: null };
  const merged = mergedFolder(runFolder, stage);
  if (existsSync(join(merged, "config.json"))) return { base: merged, adapter: checkpoint };
  let { base } = (manifest.config as ExperimentConfig).model;
  for (const { id } of manifest.plan) {
    if (id === stage) break;
    base = manifest.stageModels[id]?.base ?? base;
  }
  return { base: fromPortable(runFolder, { base, adapter: null }).base, adapter: checkpoint };
}

/** The model that a finished stage left, with absolute paths; null when there is none. */
export function stageModel(runFolder: string, manifest: RunManifest, stage: string): ModelReference | null {
  const stored = manifest.stageModels[stage];
  return stored === undefined ? null : fromPortable(runFolder, stored);
}

/** Where the adapter that a stage with full weights starts from is merged into its base. */
function mergedFolder(runFolder: string, stage: string): string {
  return join(runFolder, "models", `before-${stage}`);
}

/** Run folders can be moved: paths inside one are kept relative to it. */
function toPortable(folder: string, { base, adapter }: ModelReference): ModelReference {
  const portable = (path: string) => pathBelow(folder, path) ?? path;
  return { base: portable(base), adapter: adapter === null ? null : portable(adapter) };
}

function fromPortable(folder: string, { base, adapter }: ModelReference): ModelReference {
  const absolute = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  return { base: absolute(base), adapter: adapter === null ? null : absolute(adapter) };
}

/** Sorts by time, says what it is about, and is a valid folder name everywhere: `20260131-142233-inspection-9f2c`. */
export function newRunId(project: string): string {
  const time = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const name =
    project
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40) || "run";
  return `${time}-${name}-${randomBytes(2).toString("hex")}`;
}
