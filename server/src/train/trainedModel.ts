/**
 * A model while it learns: the live model, its trainable weights with their optimiser, and the training program between them; a
 * frozen copy of the start weights where a stage needs a reference; saving and restoring. Loops and losses are elsewhere.
 *
 * The reference of SC-GRPO is the model the stage started from. As the trainable weights are inputs of every program, the same
 * log-probability session is simply fed a copy of the start values: no second model, and base + PA-SFT adapter is as good a
 * reference as the bare base.
 */
import { join } from "node:path";
import { adapterParameters, writeAdapter, writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { type TensorToWrite, writeSafetensors } from "@iad-r1/models/checkpoint/writeSafetensors";
import { CheckpointError } from "@iad-r1/models/errors";
import { isLanguagePath } from "@iad-r1/models/nn/decoder";
import type { PreparedImages, TowerFeeds, TowerLoad } from "@iad-r1/models/processor";
import type { Objective } from "@iad-r1/models/programs/training";
import { numElements } from "@iad-r1/models/graph/dims";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { Trainable } from "../config/experiment";
import { Generator } from "../generate/generator";
import { type CompiledProgram, LiveModel, type LiveWeights } from "../generate/liveModel";
import { type EncodedPromptWithText, PromptEncoder, type PromptSource } from "../generate/promptEncoder";
import type { Device } from "../runtime/devices";
import { refuseIfTooLarge } from "../runtime/memory";
import { type AnyTensor, type StateTensor, scalar, type Tensor, tensor } from "../runtime/tensors";
import { type CollatedBatch, collate, collateShared } from "./collate";
import { activationBytes, trainingStateBytes } from "./memory";
import type { LearningModel } from "./stage";
import { type AdamWSettings, TrainableWeights } from "./trainableWeights";

export interface TrainedModelOptions {
  reference: ModelReference;
  trainable: Trainable;
  /** For a new adapter; an adapter of the reference keeps its own rank and targets. */
  lora: { r: number; alpha: number; targets: readonly string[]; saves?: readonly string[] };
  objective: Extract<Objective, { kind: "sft" | "grpo" }>;
  recompute: boolean;
  adamW: AdamWSettings;
  seed: number;
  device: Device;
  threads: number;
  /** Whether completions are written while it learns, for rollouts or evaluations; left out: none. */
  writes?: boolean;
}

/** A prompt that is trained on; `pixels` where the tower learns. */
export type TrainingPrompt = EncodedPromptWithText & { pixels?: PreparedImages | null };

/** A batch with what the tower has to do for it; nothing while the tower is frozen. */
export interface TrainingBatch extends CollatedBatch {
  towerLoad: TowerLoad;
}

export class TrainedModel implements LearningModel {
  readonly encoder: PromptEncoder;
  readonly generator: Generator;
  private start: ReadonlyMap<string, StateTensor> | null = null;
  /** Bytes of the largest pass so far. */
  private largestPass = 0;
  /** Whether a pass since the last step had pictures. */
  private sawPictures = false;

  private constructor(
    readonly live: LiveModel,
    private readonly options: TrainedModelOptions,
    readonly weights: TrainableWeights<StateTensor>,
  ) {
    this.encoder = new PromptEncoder(live);
    this.generator = new Generator(live);
  }

  /** @throws ConfigError, ModelFileError, ResourceError */
  static async open(options: TrainedModelOptions): Promise<TrainedModel> {
    const { reference, trainable, lora, seed, device, threads } = options;
    const kinds: Record<Trainable, LiveWeights> = {
      lora: { kind: "adapter", lora, seed },
      language: { kind: "language-model" },
      all: { kind: "all" },
    };
    const { objective, writes = false } = options;
    const work = { writes, refers: objective.kind === "grpo" && objective.kl };
    const live = await LiveModel.open(reference, { device, threads, weights: kinds[trainable], work });
    const program = await trainingOf(live, options, learnsToSee(live, trainable) ? "pixels" : "features");
    const parameters = program.trainable.map((path) => ({ path, shape: program.weights[path]!.dims, trainable: true }));
    const numTrainable = parameters.reduce((sum, { shape }) => sum + numElements(shape), 0);
    refuseIfTooLarge(
      trainingStateBytes(numTrainable),
      `Training ${(numTrainable / 1e6).toFixed(1)} million weights`,
      "Train an adapter (trainable: lora) instead of the weights.",
    );
    const weights = await TrainableWeights.createIn(
      live.memory,
      parameters,
      (path) => live.live.get(path)!,
      { ...options.adamW, idles: (path) => isOfTower(live, path) },
      { device, ...(threads > 0 && { threads }) },
    );
    return new TrainedModel(live, options, weights);
  }

  /** Whether the vision tower learns, so that features change with every step. */
  get trainsVision(): boolean {
    return learnsToSee(this.live, this.options.trainable);
  }

  /** How the pictures of a batch enter the programs: as pixels where the tower learns. */
  private imagesOf(batch: CollatedBatch): "pixels" | "features" | "none" {
    return !hasPictures(batch) ? "none" : this.trainsVision ? "pixels" : "features";
  }

  /** Modules that the adapter brought in full and that stay as they are: those of the vision side are constants of every program with an adapter. */
  get frozenModules(): string[] {
    if (this.options.trainable !== "lora") return [];
    const brought = [...(this.live.description.adapter?.replaced.keys() ?? [])].filter((path) =>
      isOfTower(this.live, path),
    );
    return [...new Set(brought.map((path) => path.slice(0, path.lastIndexOf("."))))];
  }

  /** Numbers that learn. */
  get numTrainable(): number {
    return this.weights.parameters.reduce((sum, { shape }) => sum + numElements(shape), 0);
  }

  /** Prompts for training: with features, or with pixels where the tower is in the program. */
  async encode(sources: readonly PromptSource[]): Promise<TrainingPrompt[]> {
    return this.trainsVision ? this.encoder.encodePixels(sources) : this.encoder.encode(sources);
  }

  /** Sequences as one batch of the supervised objective. */
  collate(sequences: readonly { prompt: TrainingPrompt; completionIds: ArrayLike<number> }[]): TrainingBatch {
    return { ...collate(sequences, this.width, this.pixels(sequences)), towerLoad: this.load(sequences) };
  }

  /** Groups as one batch of the policy objective and of the reference. */
  collateGroups(
    groups: readonly { prompt: TrainingPrompt; completions: readonly ArrayLike<number>[] }[],
  ): TrainingBatch {
    return { ...collateShared(groups, this.width, this.pixels(groups)), towerLoad: this.load(groups) };
  }

  private get width(): number {
    return this.live.description.facts.decoder.width;
  }

  private pixels(rows: readonly { prompt: TrainingPrompt }[]): TowerFeeds | undefined {
    if (!this.trainsVision) return undefined;
    const pictures = rows.flatMap(({ prompt }) => prompt.pixels ?? []);
    return pictures.length === 0 ? undefined : this.live.description.tower.feeds(pictures);
  }

  /** What the tower has to do for a batch, when it learns. */
  private load(rows: readonly { prompt: TrainingPrompt }[]): TowerLoad {
    const loads = rows.flatMap(({ prompt }) =>
      prompt.pixels ? [this.live.description.tower.load(prompt.pixels)] : [],
    );
    return {
      sequences: loads.reduce((sum, { sequences }) => sum + sequences, 0),
      tokens: Math.max(0, ...loads.map(({ tokens }) => tokens)),
    };
  }

  opened<T>(use: (parts: { generator: Generator; encoder: PromptEncoder }) => Promise<T>): Promise<T> {
    return use(this);
  }

  /** Keeps the weights as they are now as the reference. */
  async keepReference(): Promise<void> {
    this.start = await this.live.snapshot(this.weights.parameters.map(({ path }) => path));
  }

  /** Log-probabilities [M] of a batch of groups under the reference. */
  async referenceLogProbs(batch: TrainingBatch): Promise<Float32Array> {
    const images = this.imagesOf(batch);
    const { objective } = this.options;
    const temperature = objective.kind === "grpo" ? objective.temperature : undefined;
    const { session, weights } = await this.live.program(
      `log_probs_${images}`,
      (options) =>
        this.live.description.programs.logProbs({
          ...{ images, layout: "shared-prompts", temperature, ...options },
          // Unpacked once for many rows, and no second copy of prepared weights.
          unpacks: this.live.hasPackedWeights,
        }),
      { scope: images === "pixels" ? "both" : "language" },
    );
    const reference = Object.fromEntries(this.start ?? []);
    // Without pictures the tower's weights are no inputs of this session.
    const known = Object.fromEntries(Object.entries(reference).filter(([path]) => path in weights));
    const output = tensor("float32", new Float32Array(batch.numTargets), [batch.numTargets]);
    await session.run(
      { ...weights, ...known, ...(await this.live.ropeTables(batch.length, batch.extraPlaces)), ...batch.feeds },
      { log_probs: output },
    );
    return output.data;
  }

  /** One pass of the supervised objective: adds gradients, gives loss and log-probabilities [M]. */
  async supervisedPass(
    batch: TrainingBatch,
    tokenWeights: Float32Array,
  ): Promise<{ loss: number; logProbs: Float32Array }> {
    const outputs = { loss: scalar("float32", 0), log_probs: perToken(batch) };
    await this.pass(batch, { token_weights: vector(tokenWeights) }, outputs);
    return { loss: outputs.loss.data[0]!, logProbs: outputs.log_probs.data };
  }

  /** One pass of the policy objective: adds gradients, gives the loss and what the metrics need, each [M]. */
  async policyPass(batch: TrainingBatch, input: PolicyPassInput): Promise<PolicyPassOutput> {
    const kl = input.refLogProbs !== null;
    const feeds: Record<string, Tensor> = {
      token_weights: vector(input.tokenWeights),
      advantages: vector(input.advantages),
      old_log_probs: vector(input.oldLogProbs),
      epsilon_low: scalar("float32", input.epsilonLow),
      epsilon_high: scalar("float32", input.epsilonHigh),
    };
    if (input.refLogProbs !== null) {
      feeds.ref_log_probs = vector(input.refLogProbs);
      feeds.beta = scalar("float32", input.beta);
    }
    const outputs = {
      loss: scalar("float32", 0),
      ...{ log_probs: perToken(batch), entropy: perToken(batch), ratio: perToken(batch) },
    };
    const klOutput = perToken(batch);
    await this.pass(batch, feeds, kl ? { ...outputs, kl: klOutput } : outputs);
    return {
      loss: outputs.loss.data[0]!,
      logProbs: outputs.log_probs.data,
      entropy: outputs.entropy.data,
      ratio: outputs.ratio.data,
      kl: kl ? klOutput.data : null,
    };
  }

  /** An optimiser step over the gradients added since the last one; returns their norm before clipping. */
  async step(learningRate: number): Promise<number> {
    const idle = !this.sawPictures;
    this.sawPictures = false;
    const norm = await this.weights.step(learningRate, { idle });
    if (this.trainsVision && !idle) this.encoder.features.clear();
    return norm;
  }

  private async pass(
    batch: TrainingBatch,
    feeds: Record<string, AnyTensor>,
    outputs: Record<string, Tensor>,
  ): Promise<void> {
    this.checkMemory(batch);
    const { session, weights, trainable } = await trainingOf(this.live, this.options, this.imagesOf(batch));
    this.sawPictures ||= hasPictures(batch);
    await session.run(
      {
        ...weights,
        ...this.weights.feedsOf(trainable),
        ...(await this.live.ropeTables(batch.length, batch.extraPlaces)),
        ...batch.feeds,
        ...feeds,
      },
      outputs,
    );
  }

  /** @throws ResourceError `resource/memory` when a larger pass than all before could not fit */
  private checkMemory({ feeds, length, numTargets, towerLoad }: TrainingBatch): void {
    const { decoder, tower: towerStack } = this.live.description.facts;
    const { recompute } = this.options;
    const shared = feeds.completion_ids?.dims.slice(0, 2);
    const rows = shared === undefined ? feeds.input_ids!.dims[0]! : numElements(shared);
    const language = { stack: decoder, rows, tokens: length, labelled: numTargets, vocabSize: decoder.vocabSize };
    const { sequences, tokens } = towerLoad;
    const tower = { stack: towerStack, rows: sequences, tokens, labelled: 0, vocabSize: 0 };
    const needed = activationBytes({ ...language, recompute }) + activationBytes({ ...tower, recompute });
    if (needed <= this.largestPass) return;
    // Memory that an earlier pass needed is kept by the runtime and is taken again.
    refuseIfTooLarge(
      needed - this.largestPass,
      `A training pass of ${rows} x ${length} tokens`,
      recompute
        ? "Use smaller passes (batchSize, microBatchSize)."
        : "Use smaller passes (batchSize, microBatchSize), or set recompute: true.",
    );
    this.largestPass = needed;
  }

  /** Writes the weights as others read them: a PEFT adapter, or a full checkpoint. */
  async saveModel(folder: string): Promise<void> {
    const { live } = this;
    const read = async (paths: readonly string[]) => {
      const values = new Map<string, Float32Array>();
      for (const path of paths) values.set(path, await live.memory.read(live.live.get(path)!));
      return values;
    };
    if (live.adapter !== null) {
      // All matrices, also those of modules that get no gradient (a tower that an earlier adapter reached).
      const parameters = adapterParameters(live.adapter.layout, live.description.base.shapes);
      const learnt = [...live.saved];
      const values = await read([...parameters.map(({ path }) => path), ...learnt]);
      const saved = new Map(live.description.adapter?.replaced);
      for (const path of learnt) saved.set(path, live.description.parameters.get(path)!);
      await writeAdapter(folder, live.adapter.config, parameters, values, saved);
      return;
    }
    // Half precision would round the weights away from what the optimiser holds: a resumed run must go on from the same numbers.
    const { parameters } = live.description;
    const values = await read(this.weights.parameters.map(({ path }) => path));
    await writeFullCheckpoint(folder, { source: live.description.folder, table: parameters, values, dtype: "float32" });
  }

  /** The model that `saveModel` wrote, as others open it. */
  savedReference(folder: string): ModelReference {
    return this.live.adapter !== null
      ? { base: this.live.reference.base, adapter: folder }
      : { base: folder, adapter: null };
  }

  /** Takes the trainable weights of another model on disk, as a resumed stage does after it kept its reference. */
  async restoreWeights(reference: ModelReference): Promise<void> {
    const stored = await loadModelDescription(
      reference.base,
      reference.adapter === null ? {} : { adapter: reference.adapter },
    );
    for (const { path } of this.weights.parameters) {
      const source = stored.adapter?.tensors.get(path) ?? stored.parameters.get(path);
      const target = this.live.live.get(path)!;
      if (source === undefined || source.shape.join() !== target.dims.join()) {
        throw new CheckpointError(
          "checkpoint/weights",
          `The checkpoint has no ${path} of the shape [${target.dims}].`,
          {
            where: reference.adapter ?? reference.base,
            hint: "It was made with other trainable weights; resume with the settings it was made with.",
          },
        );
      }
      await this.live.memory.write(target, await source.read());
    }
  }

  async saveOptimizer(folder: string): Promise<void> {
    const tensors = Object.entries(this.weights.optimizerState).map(
      ([name, state]): TensorToWrite => ({
        ...{ name, dtype: "float32", shape: state.dims },
        data: () => this.live.memory.read(state),
      }),
    );
    const { steps, idleSteps } = this.weights;
    await writeSafetensors(join(folder, optimizerFile), tensors, {
      step: String(steps),
      idle_steps: String(idleSteps),
    });
  }

  /** @throws CheckpointError `checkpoint/optimizer` when the file does not fit the trainable weights */
  async restoreOptimizer(folder: string): Promise<void> {
    const path = join(folder, optimizerFile);
    const checkpoint = await openSafetensors(path);
    for (const [name, target] of Object.entries(this.weights.optimizerState)) {
      const values = checkpoint.has(name) ? await checkpoint.readFloat32(name) : null;
      if (values === null || values.length !== numElements(target.dims)) {
        throw new CheckpointError(
          "checkpoint/optimizer",
          `${optimizerFile} does not fit: ${name} is missing or of another size.`,
          {
            where: path,
            hint: "The checkpoint was made with other trainable weights; resume with the settings it was made with.",
          },
        );
      }
      await this.live.memory.write(target, values);
    }
    const { step, idle_steps: idle = "0" } = checkpoint.metadata;
    const [steps, idleSteps] = [Number(step), Number(idle)];
    if (!Number.isInteger(steps) || !Number.isInteger(idleSteps) || idleSteps < 0 || steps < idleSteps) {
      throw new CheckpointError(
        "checkpoint/optimizer",
        `${optimizerFile}: expected whole numbers of steps, got ${step} and ${idle} without pictures.`,
        {
          where: path,
          hint: "The checkpoint is damaged; resume from an earlier one.",
        },
      );
    }
    this.weights.steps = steps;
    this.weights.idleSteps = idleSteps;
  }

  async dispose(): Promise<void> {
    await this.weights.dispose();
    for (const copy of this.start?.values() ?? []) this.live.memory.release(copy);
    await this.live.dispose();
  }
}

const optimizerFile = "optimizer.safetensors";

/** Everything learns, or an adapter that somebody put on the tower too. */
function learnsToSee(live: LiveModel, trainable: Trainable): boolean {
  if (trainable !== "lora") return trainable === "all";
  return [...(live.adapter?.layout.keys() ?? [])].some((module) => isOfTower(live, `${module}.weight`));
}

function hasPictures({ feeds }: CollatedBatch): boolean {
  return feeds.image_positions !== undefined;
}

/** Batches without pictures give weights of the tower, or of an adapter in it, no gradient. */
function isOfTower({ description }: LiveModel, path: string): boolean {
  return !isLanguagePath(description.paths, path);
}

/** The training program for batches with pictures in one form or the other, or without any; compiled when first needed. */
function trainingOf(
  live: LiveModel,
  { objective, trainable, recompute }: TrainedModelOptions,
  images: "pixels" | "features" | "none",
): Promise<CompiledProgram> {
  const sets = { lora: "adapter", language: "language-model", all: "all" } as const;
  return live.program(
    `training_${objective.kind}_${images}`,
    (weights) =>
      live.description.programs.training({
        ...{ objective, recompute, images, trainable: sets[trainable] },
        // A group's prompt is computed once for all its completions.
        layout: objective.kind === "grpo" ? "shared-prompts" : "rows",
        ...weights,
      }),
    // Packed weights are prepared for the forward pass; what learns in floats is changed by every step.
    { scope: images === "pixels" ? "both" : "language", prepack: live.hasPackedWeights },
  );
}

export interface PolicyPassInput {
  /** All (M,) but the scalars. */
  tokenWeights: Float32Array;
  advantages: Float32Array;
  oldLogProbs: Float32Array;
  /** Null when the KL term is off. */
  refLogProbs: Float32Array | null;
  beta: number;
  epsilonLow: number;
  epsilonHigh: number;
}

export interface PolicyPassOutput {
  loss: number;
  /** (M,) each. */
  logProbs: Float32Array;
  entropy: Float32Array;
  ratio: Float32Array;
  kl: Float32Array | null;
}

function vector(values: Float32Array): Tensor<"float32"> {
  return tensor("float32", values, [values.length]);
}

function perToken({ numTargets }: CollatedBatch): Tensor<"float32"> {
  return tensor("float32", new Float32Array(numTargets), [numTargets]);
}
