/**
 * Teaches a small LLaVA-OneVision to see, from random weights, on synthetic pictures: the recipe behind models/nano. Next-token loss
 * alone stays at chance for tens of thousands of pictures, so linear heads on the projected patches learn beside it which patches
 * are defect, of which type, and what the product is; the heads are thrown away. Left out on purpose: crops (a 112 px picture is one
 * view), dropout, mixed precision, and the answer grammar, which is what PA-SFT teaches.
 */

import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { writeAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { type TensorToWrite, writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { CheckpointError } from "@iad-r1/models/errors";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { patchesPerSide, type VisionTransformerConfig } from "@iad-r1/models/nn/visionTransformer";
import type { Program } from "@iad-r1/models/programs/program";
import type { AuxiliaryHead } from "@iad-r1/models/programs/training";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { LOCATIONS } from "@iad-r1/protocol/locations";
import type { PerceptionConfig, PerceptionPhase } from "../config/perception";
import { DEFECT_TYPES } from "../data/synth/defectTypes";
import { KIND_IDS } from "../data/synth/kinds";
import type { PerceptionBatch, PerceptionBatchOptions } from "../data/synth/perceptionBatch";
import { perceptionBatch } from "../data/synth/perceptionBatch";
import { entryPath } from "../runtime/entry";
import { createSession, type Session } from "../runtime/session";
import { type Tensor, tensor, zeros } from "../runtime/tensors";
import { defaultThreads } from "../runtime/threads";
import { CaptionRows } from "./captionRows";
import { type DenseHead, readingDecoder } from "./decoderInit";
import { onevisionTower } from "./onevisionTower";
import { towerWeight } from "./towerInit";
import { TrainableWeights } from "./trainableWeights";

/**
 * A patch counts as defect when more than this share of its pixels is: a scratch one pixel wide that crosses a corner of a patch of
 * 14 pixels. Patches with less of it are no lesson, neither way.
 */
const COVERED = 0.03;
/** Few patches are defect; on a middling defect each weighs as much as so many others. */
const DEFECT_PATCH_WEIGHT = 3;
/** A small defect weighs as much as a large one: its patches count for more, by at most this factor. */
const MAX_SIZE_WEIGHT = 4;
const EVALUATION_SEED = "perception-held-out";
const EVALUATION_BATCH = 50;

export interface PerceptionProgress {
  phase: string;
  step: number;
  totalSteps: number;
  imagesSeen: number;
  imagesPerSecond: number;
  learningRate: number;
  gradNorm: number;
  /** Means since the last report. */
  losses: Record<string, number>;
}

/** How well the patches tell defects apart on held-out pictures, in percent. */
export interface PerceptionScores {
  /** At the best threshold on the highest patch. */
  balancedAccuracy: number;
  auroc: number;
  /** The highest patch of an anomalous picture lies in the right cell. */
  location: number;
  /** The type at the highest patch. */
  type: number;
}

export interface PerceptionContext {
  signal: AbortSignal;
  onProgress(progress: PerceptionProgress): void;
  onScores(phase: string, step: number, scores: PerceptionScores): void;
}

const heads: readonly AuxiliaryHead[] = [
  { name: "defect", classes: 1 },
  { name: "type", classes: DEFECT_TYPES.length },
  { name: "kind", classes: KIND_IDS.length },
  // Which cell a patch lies in: with it in the features, a decoder can read the place from the patch that it attends to.
  { name: "cell", classes: LOCATIONS.length },
];

/** Where a run stands; stored beside the weights. */
interface Position {
  phase: number;
  step: number;
  imagesSeen: number;
  optimizerSteps: number;
}

/**
 * Runs the phases of the recipe, or goes on where an earlier call was stopped, and writes the checkpoint.
 *
 * @returns false when it was stopped by the signal; everything is saved
 */
export async function trainPerception(config: PerceptionConfig, context: PerceptionContext): Promise<boolean> {
  const stateFolder = join(config.output, ".training");
  await mkdir(stateFolder, { recursive: true });
  const model = await loadModelDescription(config.model);
  const weights = await startWeights(config, model, stateFolder);
  let position = await readPosition(stateFolder);

  while (position.phase < config.phases.length) {
    const phase = config.phases[position.phase]!;
    const run = await openPhase(config, phase, model, weights, stateFolder, position);
    try {
      const finished = await runPhase(config, phase, run, position, context);
      collectWeights(run.trained, weights);
      await saveState(stateFolder, weights, run.trained, position);
      if (!finished) return false;
    } finally {
      await run.dispose();
    }
    position = { phase: position.phase + 1, step: 0, imagesSeen: position.imagesSeen, optimizerSteps: 0 };
    await saveState(stateFolder, weights, null, position);
  }
  await writeCheckpoint(config, model, weights);
  return true;
}

/** Every weight of the model and of the heads, by path. */
type Weights = Map<string, { shape: readonly number[]; data: Float32Array }>;

interface PhaseRun {
  trained: TrainableWeights;
  /** Weights of the program that this phase keeps frozen. */
  frozen: Record<string, Tensor>;
  session: Session;
  pictures: PictureSource;
  texts: CaptionRows | null;
  model: ModelDescription;
  vision: VisionTransformerConfig;
  dispose(): Promise<void>;
}

async function runPhase(
  config: PerceptionConfig,
  phase: PerceptionPhase,
  run: PhaseRun,
  position: Position,
  context: PerceptionContext,
): Promise<boolean> {
  const sums = new Map<string, number>();
  let reported = position.step;
  let reportedMs = performance.now();
  const loss = zeros("float32", []);
  while (position.step < phase.steps) {
    if (context.signal.aborted) return false;
    // 1. A batch of pictures that nobody has seen before.
    const { step } = position;
    const batch = await run.pictures.next(position.imagesSeen, (batches) => difficultyAt(phase, step + batches));
    // 2. Losses and gradients.
    const { feeds, outputs } = batchTensors(run, phase, batch, position.step);
    await run.session.run({ ...run.trained.feeds, ...run.frozen, ...feeds }, { loss, ...outputs });
    // 3. The update.
    const learningRate = learningRateAt(phase, position.step);
    const gradNorm = await run.trained.step(learningRate);
    position.step++;
    position.imagesSeen += phase.batchSize;
    position.optimizerSteps = run.trained.steps;

    sums.set("loss", (sums.get("loss") ?? 0) + loss.data[0]!);
    if (outputs.log_probs !== undefined) {
      const mean = -meanOf(outputs.log_probs.data as Float32Array);
      sums.set("language", (sums.get("language") ?? 0) + mean);
    }
    if (position.step % 50 === 0 || position.step === phase.steps) {
      const steps = position.step - reported;
      const seconds = (performance.now() - reportedMs) / 1000;
      context.onProgress({
        phase: phase.name,
        step: position.step,
        totalSteps: phase.steps,
        imagesSeen: position.imagesSeen,
        imagesPerSecond: (steps * phase.batchSize) / seconds,
        learningRate,
        gradNorm,
        losses: Object.fromEntries([...sums].map(([name, sum]) => [name, sum / steps])),
      });
      sums.clear();
      reported = position.step;
      reportedMs = performance.now();
    }
    if (position.step % config.evalEvery === 0 || position.step === phase.steps) {
      context.onScores(phase.name, position.step, await score(config, phase, run));
      reportedMs = performance.now();
    }
    if (position.step % config.saveEvery === 0) {
      const folder = join(config.output, ".training");
      const weights = await readWeights(join(folder, "weights.safetensors"));
      collectWeights(run.trained, weights);
      await saveState(folder, weights, run.trained, position);
      reportedMs = performance.now();
    }
  }
  return true;
}

function difficultyAt({ difficulty }: PerceptionPhase, step: number): [number, number] {
  const share = Math.min(1, step / difficulty.overSteps);
  const between = (from: number, to: number) => from + (to - from) * share;
  return [between(difficulty.from[0], difficulty.to[0]), between(difficulty.from[1], difficulty.to[1])];
}

/** Warm-up, then constant, then a straight line to 0. */
function learningRateAt({ learningRate, warmupSteps, steps, decayShare }: PerceptionPhase, step: number): number {
  const decaySteps = steps * decayShare;
  const warm = Math.min(1, (step + 1) / Math.max(1, warmupSteps));
  const decay = decaySteps > 0 ? Math.min(1, (steps - step) / decaySteps) : 1;
  return learningRate * warm * decay;
}

/** Feeds of the training program for one batch, and memory for its outputs. */
function batchTensors(run: PhaseRun, phase: PerceptionPhase, batch: PerceptionBatch, step: number) {
  const rows = batch.coverage.length;
  const { imageSize: side } = run.vision;
  const patches = patchesPerSide(run.vision) ** 2;
  const pictureOfView = [...batch.viewsPerPicture].flatMap((views, item) => Array<number>(views).fill(item));
  const defect = zeros("float32", [rows]);
  const defectWeight = zeros("float32", [rows]);
  const type = zeros("int64", [rows]);
  const typeWeight = zeros("float32", [rows]);
  const kind = zeros("int64", [rows]);
  const kindWeight = zeros("float32", [rows]);
  const cell = zeros("int64", [rows]);
  const cellWeight = zeros("float32", [rows]);
  const coveredOf = new Float64Array(batch.kinds.length);
  for (const [row, share] of batch.coverage.entries()) {
    if (share > COVERED) coveredOf[pictureOfView[Math.floor(row / patches)]!]!++;
  }
  const covered = coveredOf.reduce((sum, count) => sum + count, 0);
  const middling = covered / coveredOf.reduce((sum, count) => sum + Math.min(1, count), 0);
  for (let row = 0; row < rows; row++) {
    const item = pictureOfView[Math.floor(row / patches)]!;
    const share = batch.coverage[row]!;
    const isDefect = share > COVERED;
    defect.data[row] = isDefect ? 1 : 0;
    if (isDefect) {
      const sizeWeight = Math.min(MAX_SIZE_WEIGHT, middling / coveredOf[item]!);
      defectWeight.data[row] = (phase.weights.defect * DEFECT_PATCH_WEIGHT * sizeWeight) / rows;
      type.data[row] = BigInt(batch.defectTypes[item]!);
      typeWeight.data[row] = (phase.weights.type * sizeWeight) / covered;
    } else {
      defectWeight.data[row] = share > 0 ? 0 : phase.weights.defect / rows;
    }
    kind.data[row] = BigInt(batch.kinds[item]!);
    kindWeight.data[row] = phase.weights.kind / rows;
    cell.data[row] = BigInt(cellOfPatch(row % patches, Math.sqrt(patches)));
    cellWeight.data[row] = phase.weights.cell / rows;
  }
  const feeds: Record<string, Tensor> = {
    pixel_values: tensor("float32", batch.pixels, [rows / patches, 3, side, side]),
    "auxiliary_targets.defect": defect,
    "auxiliary_weights.defect": defectWeight,
    "auxiliary_targets.type": type,
    "auxiliary_weights.type": typeWeight,
    "auxiliary_targets.kind": kind,
    "auxiliary_weights.kind": kindWeight,
    "auxiliary_targets.cell": cell,
    "auxiliary_weights.cell": cellWeight,
  };
  const outputs: Record<string, Tensor> = {};
  for (const head of heads) outputs[`auxiliary_logits.${head.name}`] = zeros("float32", [rows, head.classes]);
  if (run.texts !== null) {
    const language = run.texts.rows(batch, step, phase.weights.language);
    Object.assign(feeds, language.feeds);
    outputs.log_probs = zeros("float32", [language.numTargets]);
  }
  return { feeds, outputs };
}

/** Held-out pictures of the whole range of difficulty the phase ends with. */
async function score(config: PerceptionConfig, phase: PerceptionPhase, run: PhaseRun): Promise<PerceptionScores> {
  const highest: { score: number; anomalous: boolean; place: boolean; type: boolean }[] = [];
  const saved = Object.entries(run.trained.feeds).filter(([name]) => name.startsWith("grad."));
  for (let start = 0; start < config.evalImages; start += EVALUATION_BATCH) {
    const batch = perceptionBatch({
      ...run.pictures.options,
      seed: EVALUATION_SEED,
      start,
      count: EVALUATION_BATCH,
      difficulty: phase.difficulty.to,
      anomalousShare: 0.5,
      // The facts name places in the picture as it was drawn.
      mirror: false,
      largeShare: 0,
      twins: false,
    });
    const { feeds, outputs } = batchTensors(run, phase, batch, 0);
    await run.session.run(
      { ...run.trained.feeds, ...run.frozen, ...feeds },
      { loss: zeros("float32", []), ...outputs },
    );
    const defect = outputs["auxiliary_logits.defect"]!.data as Float32Array;
    const types = outputs["auxiliary_logits.type"]!.data as Float32Array;
    const patches = batch.coverage.length / batch.kinds.length;
    for (const [item, facts] of batch.facts.entries()) {
      const best = argmax(defect.subarray(item * patches, (item + 1) * patches));
      const row = item * patches + best;
      const said = argmax(types.subarray(row * DEFECT_TYPES.length, (row + 1) * DEFECT_TYPES.length));
      highest.push({
        score: defect[row]!,
        anomalous: facts.label === "anomalous",
        place: facts.locations.includes(LOCATIONS[cellOfPatch(best, Math.sqrt(patches))]!),
        type: said === batch.defectTypes[item],
      });
    }
  }
  // The session added the gradients of these pictures; they are not to be learnt from.
  for (const [, gradient] of saved) (gradient.data as Float32Array).fill(0);
  return summarize(highest);
}

function summarize(items: { score: number; anomalous: boolean; place: boolean; type: boolean }[]): PerceptionScores {
  const ordered = [...items].sort((a, b) => b.score - a.score);
  const anomalous = items.filter((item) => item.anomalous);
  const numNormal = items.length - anomalous.length;
  let caught = 0;
  let alarms = 0;
  let area = 0;
  let best = 0;
  for (const item of ordered) {
    if (item.anomalous) caught++;
    else {
      alarms++;
      area += caught;
    }
    best = Math.max(best, (caught / anomalous.length + (numNormal - alarms) / numNormal) / 2);
  }
  const share = (test: (item: (typeof items)[number]) => boolean) =>
    (100 * anomalous.filter(test).length) / anomalous.length;
  return {
    balancedAccuracy: 100 * best,
    auroc: (100 * area) / (anomalous.length * numNormal),
    location: share((item) => item.place),
    type: share((item) => item.type),
  };
}

/** How many threads of arithmetic one drawing thread keeps busy. */
const THREADS_PER_DRAWER = 4;

/** Draws the next batches in threads of their own while this one is learnt from. */
class PictureSource {
  private readonly ahead = new Map<number, Promise<PerceptionBatch>>();
  private readonly drawers: readonly Drawer[];

  constructor(
    readonly options: Omit<PerceptionBatchOptions, "start" | "difficulty">,
    numDrawers: number,
  ) {
    this.drawers = Array.from({ length: numDrawers }, () => new Drawer());
  }

  /**
   * The pictures from `start` on; begins to draw the batches that will be asked for next, one for each thread.
   * @param difficultyAfter range of difficulty so many batches later; 0 is this one
   */
  async next(start: number, difficultyAfter: (batches: number) => [number, number]): Promise<PerceptionBatch> {
    const { count } = this.options;
    for (let batches = 0; batches <= this.drawers.length; batches++) {
      const from = start + batches * count;
      if (this.ahead.has(from)) continue;
      const drawer = this.drawers[Math.floor(from / count) % this.drawers.length]!;
      this.ahead.set(from, drawer.draw({ ...this.options, start: from, difficulty: difficultyAfter(batches) }));
    }
    const batch = await this.ahead.get(start)!;
    this.ahead.delete(start);
    return batch;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.drawers.map((drawer) => drawer.dispose()));
  }
}

/** One thread; it answers in the order of the questions. */
class Drawer {
  private readonly worker = new Worker(entryPath("synthWorker"));
  private readonly waiting: { resolve(batch: PerceptionBatch): void; reject(error: Error): void }[] = [];

  constructor() {
    this.worker.unref();
    this.worker.on("message", (batch: PerceptionBatch) => this.waiting.shift()?.resolve(batch));
    this.worker.on("error", (error) => {
      for (const { reject } of this.waiting.splice(0)) reject(error);
    });
  }

  draw(request: PerceptionBatchOptions): Promise<PerceptionBatch> {
    const drawn = new Promise<PerceptionBatch>((resolve, reject) => this.waiting.push({ resolve, reject }));
    // Who awaits it later hears of a failure then.
    drawn.catch(() => {});
    this.worker.postMessage(request);
    return drawn;
  }

  async dispose(): Promise<void> {
    await this.worker.terminate();
  }
}

async function openPhase(
  config: PerceptionConfig,
  phase: PerceptionPhase,
  model: ModelDescription,
  weights: Weights,
  stateFolder: string,
  position: Position,
): Promise<PhaseRun> {
  const threads: { threads?: number } = config.threads === 0 ? {} : { threads: config.threads };
  const program: Program = model.programs.training({
    objective: { kind: "perception", language: phase.language, heads },
    trainable: phase.trainable === "language" ? "language-model" : phase.trainable,
    images: "pixels",
    weights: "inputs",
  });
  for (const { path, shape } of program.parameters) {
    // Heads are in no checkpoint; they start small so that the first gradients reach the tower evenly.
    if (!weights.has(path)) weights.set(path, { shape, data: initialWeight(config.seed, path, shape) });
  }
  if (phase.startReading && position.step === 0) startReading(config, model, weights);
  const trainable = program.parameters.filter(({ trainable: learns }) => learns);
  const trained = await TrainableWeights.create(
    trainable,
    (path) => Float32Array.from(weights.get(path)!.data),
    {
      beta1: 0.9,
      beta2: config.beta2,
      epsilon: 1e-8,
      weightDecay: config.weightDecay,
      maxGradNorm: config.maxGradNorm,
      // Gains, biases and positions have no reason to be small.
      decays: (path) => path.endsWith(".weight") && !/norm|embedding/.test(path),
    },
    threads,
  );
  if (position.step > 0) await restoreOptimizer(stateFolder, trained, position);
  const frozen = Object.fromEntries(
    program.parameters
      .filter(({ trainable: learns }) => !learns)
      .map(({ path, shape }) => [path, tensor("float32", weights.get(path)!.data, shape)]),
  );
  const { device } = config;
  const session = await createSession(
    serialize(emit(program.graph, { target: device === "cpu" ? "fused" : "primitive" })),
    {
      ...threads,
      device,
      name: `perception ${phase.name}`,
    },
  );
  const vision = onevisionTower(model);
  const pictures = new PictureSource(
    {
      seed: config.seed,
      count: phase.batchSize,
      size: vision.imageSize,
      patch: vision.imageSize / patchesPerSide(vision),
      anomalousShare: phase.anomalousShare,
      mirror: !phase.language,
      largeShare: phase.largeShare,
      twins: phase.twins,
    },
    Math.max(1, Math.floor((threads.threads ?? defaultThreads()) / THREADS_PER_DRAWER)),
  );
  const texts = phase.language ? await CaptionRows.open(model, config.seed, phase.turns) : null;
  const dispose = async () => {
    await pictures.dispose();
    await session.dispose();
    await trained.dispose();
  };
  return { trained, frozen, session, pictures, texts, model, vision, dispose };
}

/** Replaces the decoder's first layer by one that reads the dense heads as they are now. */
function startReading(config: PerceptionConfig, model: ModelDescription, weights: Weights): void {
  const head = ({ name, classes }: AuxiliaryHead) => ({
    classes,
    weight: weights.get(`auxiliary.${name}.weight`)!.data,
  });
  const [defect, type, kind, cell] = heads.map(head) as [DenseHead, DenseHead, DenseHead, DenseHead];
  const reading = readingDecoder(model.paths.decoder, model.facts.decoder, { defect, type, kind, cell }, config.seed);
  for (const [path, data] of reading) weights.set(path, { shape: weights.get(path)!.shape, data });
}

async function startWeights(config: PerceptionConfig, model: ModelDescription, stateFolder: string): Promise<Weights> {
  const saved = join(stateFolder, "weights.safetensors");
  if (existsSync(saved)) return readWeights(saved);
  const weights: Weights = new Map();
  for (const [path, shape] of model.base.shapes) {
    const stored = model.parameters.get(path);
    const data =
      config.init === "random" || stored === undefined
        ? (towerWeight(config.seed, path, shape, onevisionTower(model).heads) ??
          initialWeight(config.seed, path, shape))
        : await stored.read();
    weights.set(path, { shape, data });
  }
  await writeSafetensors(saved, entries(weights));
  return weights;
}

/**
 * Start values in the manner of the original classes: matrices by Glorot in the tower and with deviation 0.02 in the decoder,
 * gains 1, biases 0, embeddings and the newline small.
 */
export function initialWeight(seed: number, path: string, shape: readonly number[]): Float32Array {
  const count = numElements(shape);
  const values = new Float32Array(count);
  if (path.endsWith(".bias")) return values;
  if (/norm[^.]*\.weight$/.test(path)) return values.fill(1);
  const random = createRandom("initial weight", seed, path);
  const [fanOut = 1, ...rest] = shape;
  const fanIn = numElements(rest);
  let deviation = 0.02;
  if (/vision_tower|multi_modal_projector/.test(path)) {
    deviation = /embedding/.test(path)
      ? 1 / Math.sqrt(path.includes("position") ? rest[0]! : fanIn)
      : Math.sqrt(2 / (fanIn + fanOut));
  }
  for (let i = 0; i < count; i++) values[i] = deviation * random.normal();
  return values;
}

function collectWeights(trained: TrainableWeights, weights: Weights): void {
  for (const { path, shape } of trained.parameters) weights.set(path, { shape, data: trained.weights[path]!.data });
}

function entries(weights: Weights): TensorToWrite[] {
  return [...weights].map(([name, { shape, data }]) => ({ name, shape, dtype: "float32", data }));
}

async function readWeights(file: string): Promise<Weights> {
  const checkpoint = await openSafetensors(file);
  const weights: Weights = new Map();
  for (const [name, { shape }] of checkpoint.tensors)
    weights.set(name, { shape, data: await checkpoint.readFloat32(name) });
  return weights;
}

/** Weights, then moments, then the position: the position names a pair of files that belong together. */
async function saveState(
  folder: string,
  weights: Weights,
  trained: TrainableWeights | null,
  position: Position,
): Promise<void> {
  const moments = trained === null ? [] : Object.entries(trained.optimizerState);
  const tensors: TensorToWrite[] = moments.map(([name, { dims, data }]) => ({
    name,
    shape: dims,
    dtype: "float32",
    data,
  }));
  await writeSafetensors(join(folder, "weights.safetensors"), entries(weights));
  if (tensors.length > 0) await writeSafetensors(join(folder, "optimizer.safetensors"), tensors);
  await writeAtomically(join(folder, "position.json"), (file) =>
    file.write(Buffer.from(`${JSON.stringify(position)}\n`)),
  );
}

async function readPosition(folder: string): Promise<Position> {
  const file = join(folder, "position.json");
  if (!existsSync(file)) return { phase: 0, step: 0, imagesSeen: 0, optimizerSteps: 0 };
  return JSON.parse(await readFile(file, "utf8")) as Position;
}

async function restoreOptimizer(folder: string, trained: TrainableWeights, position: Position): Promise<void> {
  const file = join(folder, "optimizer.safetensors");
  const checkpoint = await openSafetensors(file);
  for (const [name, target] of Object.entries(trained.optimizerState)) {
    if (!checkpoint.has(name))
      throw new CheckpointError("checkpoint/tensor", `${file} has no ${name}.`, { where: file });
    target.data.set(await checkpoint.readFloat32(name));
  }
  trained.steps = position.optimizerSteps;
}

/** The finished model under the names that transformers expects; the heads stay behind. */
async function writeCheckpoint(config: PerceptionConfig, model: ModelDescription, weights: Weights): Promise<void> {
  const tensors: TensorToWrite[] = [...model.base.shapes].map(([path, shape]) => ({
    name: model.savedName(path),
    shape,
    dtype: "float32",
    data: weights.get(path)!.data,
  }));
  await writeSafetensors(join(config.output, "model.safetensors"), tensors);
}

/** The 3x3 cell of the middle of a patch, in a picture with `side` patches a side. */
function cellOfPatch(patch: number, side: number): number {
  const third = (index: number) => Math.floor((3 * (index + 0.5)) / side);
  return 3 * third(Math.floor(patch / side)) + third(patch % side);
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / Math.max(1, values.length);
}
