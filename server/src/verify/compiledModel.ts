/**
 * A checkpoint under test: its programs compiled once each and run on plain rows of token ids and recorded pictures. One pass at a
 * time, fresh buffers, no sampling: for comparing numbers, not for speed.
 */

import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { cacheHeadDim } from "@iad-r1/models/nn/decoder";
import type { AdapterLayout } from "@iad-r1/models/nn/parameters";
import type { ImageSource, Program } from "@iad-r1/models/programs/program";
import type { Objective, TrainableSet } from "@iad-r1/models/programs/training";
import type { ModelDescription } from "@iad-r1/models/zoo";
import { argMax, penalizeRepetition } from "../generate/sample";
import { attentionLimit } from "../runtime/attentionCheck";
import { createSession, type Session, type SessionOptions, type Tensors } from "../runtime/session";
import { openTensorMemory, type TensorMemory } from "../runtime/tensorMemory";
import { scalar, type StateTensor, type Tensor, tensor, zeros } from "../runtime/tensors";
import { type AdamWSettings, TrainableWeights } from "../train/trainableWeights";
import {
  axisPositions,
  imageFeeds,
  imagePositions,
  int32s,
  int64s,
  longest,
  type RecordedBatch,
  ropeFeeds,
  sequenceFeeds,
  type Targets,
  targetFeeds,
} from "./recordedInputs";

/** The recorded optimiser: torch's AdamW with decay on every parameter. */
const optimizerSettings: AdamWSettings = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};
export const recordedLearningRate = 1e-3;

export interface LogProbs {
  logProbs: Float32Array;
  entropy: Float32Array;
}

/** A program ready to run. */
interface Compiled {
  session: Session;
  program: Program;
}

export class CompiledModel {
  private readonly compiled = new Map<string, Promise<Compiled>>();
  private readonly features = new Map<RecordedBatch, Map<number, Tensor>>();
  private readonly adapterValues = new Map<string, Tensor>();
  private readonly memory: TensorMemory;

  constructor(
    readonly model: ModelDescription,
    private readonly options: SessionOptions,
  ) {
    this.memory = openTensorMemory(options.device ?? "cpu");
  }

  /** The layout of the adapter the model was opened with, or null. */
  private get layout(): AdapterLayout | null {
    return this.model.adapter?.layout ?? null;
  }

  /** image_features [N, C] of a batch's pictures; null without pictures. */
  async imageFeatures(batch: RecordedBatch, adapterScale = 1): Promise<Tensor | null> {
    if (batch.images.length === 0) return null;
    const known = this.features.get(batch) ?? new Map<number, Tensor>();
    this.features.set(batch, known);
    let features = known.get(adapterScale);
    if (features === undefined) {
      const vision = await this.compile("vision", () => this.model.programs.visionEncoder({ adapter: this.layout }));
      const feeds = { ...imageFeeds(this.model, batch.images), ...(await this.adapterFeeds(vision, adapterScale)) };
      features = (await vision.session.evaluate(feeds)).image_features!;
      known.set(adapterScale, features);
    }
    return features;
  }

  /** log p of the targets and the entropy of their distributions, through the program that training differentiates. */
  async logProbs(batch: RecordedBatch, targets: Targets, adapterScale = 1): Promise<LogProbs> {
    const images = batch.images.length > 0 ? "features" : "none";
    const compiled = await this.compile(`logProbs ${images}`, () =>
      this.model.programs.logProbs({ images, entropy: true, adapter: this.layout }),
    );
    const result = await compiled.session.evaluate({
      ...sequenceFeeds(this.model, batch),
      ...(await this.featureFeeds(batch, adapterScale)),
      ...targetFeeds(targets),
      ...(await this.adapterFeeds(compiled, adapterScale)),
    });
    return { logProbs: floats(result.log_probs!), entropy: floats(result.entropy!) };
  }

  /** Logits of chosen flat rows, through the program with the key-value cache. */
  async logits(batch: RecordedBatch, rows: readonly number[], adapterScale = 1): Promise<Float32Array> {
    const length = longest(batch.rows);
    const cache = await this.newCache(batch.rows.length, length);
    const { logits } = await this.fill(batch, rows, cache, adapterScale);
    this.releaseAll(cache);
    return logits.data;
  }

  /**
   * Greedy continuation of every row, `steps` tokens each, whatever they are.
   *
   * @param penalty of repetition, counting the ids of the prompt too
   * @param onLead  told by how much the best token of a row leads, step by step
   */
  async greedy(
    batch: RecordedBatch,
    steps: number,
    penalty = 1,
    onLead?: (row: number, lead: number) => void,
  ): Promise<number[][]> {
    const { decoder } = this.model.facts;
    const lengths = batch.rows.map((row) => row.length);
    const capacity = longest(batch.rows) + steps;
    const cache = await this.newCache(lengths.length, capacity);
    const width = longest(batch.rows);
    const lastRows = lengths.map((length, b) => b * width + length - 1);
    const { logits } = await this.fill(batch, lastRows, cache, 1);
    const shifts = axisPositions(this.model, batch).map((positions) => positions?.delta ?? 0);
    const occurred = batch.rows.map((row) => new Set(row));
    const decode = await this.decoder(false);
    const rope = ropeFeeds(this.model, capacity);
    const tokens = lengths.map((): number[] => []);
    for (let step = 0; step < steps; step++) {
      const next = tokens.map((row, b) => {
        const of = logits.data.subarray(b * decoder.vocabSize, (b + 1) * decoder.vocabSize);
        penalizeRepetition(of, occurred[b]!, penalty);
        const best = argMax(of);
        onLead?.(b, leadOf(of, best));
        row.push(best);
        occurred[b]!.add(best);
        return best;
      });
      if (step === steps - 1) break;
      const places = lengths.map((length) => length + step);
      const feeds = {
        ...cache,
        ...rope,
        ...(await this.adapterFeeds(decode, 1)),
        input_ids: int64s(next, [next.length, 1]),
        position_ids: int64s(
          places.map((place, b) => place + shifts[b]!),
          [next.length, 1],
        ),
        seqlens_k: int32s(places),
        total_sequence_length: scalar("int32", Math.max(...places) + 1),
        logit_positions: int64s([...next.keys()]),
      };
      await decode.session.run(feeds, { logits });
    }
    this.releaseAll(cache);
    return tokens;
  }

  /** How pictures enter a training program: as pixels where the tower, or an adapter in it, is trained. */
  imageSource(batch: RecordedBatch, trainable: TrainableSet): ImageSource {
    if (batch.images.length === 0) return "none";
    const inTower = [...(this.layout?.keys() ?? [])].some((path) => !path.startsWith(`${this.model.paths.decoder}.`));
    return trainable === "all" || (trainable === "adapter" && inTower) ? "pixels" : "features";
  }

  /** A training program with its weights and optimiser. */
  async trainer(objective: Objective, trainable: TrainableSet, images: ImageSource): Promise<Trainer> {
    const adapter = trainable === "adapter" ? this.layout : null;
    // Without pictures nothing of the vision side gets a gradient.
    const learns = trainable === "all" && images === "none" ? "language-model" : trainable;
    const program = this.model.programs.training({ objective, trainable: learns, images, adapter });
    const session = await compile(program, this.options, `training ${trainable}`);
    const weights = await TrainableWeights.createIn(
      this.memory,
      program.parameters.filter((parameter) => parameter.trainable),
      (path) => (this.model.parameters.get(path) ?? this.model.adapter!.tensors.get(path)!).read(),
      optimizerSettings,
      this.options,
    );
    const scale: Tensors = adapter === null ? {} : { adapter_scale: scalar("float32", 1) };
    return new Trainer(session, weights, scale);
  }

  /** What a training program is fed beside its objective. */
  async trainingFeeds(batch: RecordedBatch, targets: Targets, images: ImageSource): Promise<Tensors> {
    return {
      ...sequenceFeeds(this.model, batch),
      ...targetFeeds(targets),
      ...(images === "pixels"
        ? { ...imageFeeds(this.model, batch.images), image_positions: imagePositions(this.model, batch.rows) }
        : await this.featureFeeds(batch, 1)),
    };
  }

  async dispose(): Promise<void> {
    for (const compiled of this.compiled.values()) await (await compiled).session.dispose();
    await this.memory.dispose();
  }

  /** Runs the prompt into the cache and returns the logits of chosen rows. */
  private async fill(
    batch: RecordedBatch,
    rows: readonly number[],
    cache: Record<string, StateTensor>,
    adapterScale: number,
  ): Promise<{ logits: Tensor<"float32"> }> {
    const limit = await attentionLimit(this.options.device ?? "cpu");
    if (longest(batch.rows) > limit) return this.fillInPieces(batch, rows, cache, adapterScale, limit);
    const prefill = await this.decoder(batch.images.length > 0);
    const logits = zeros("float32", [rows.length, this.model.facts.decoder.vocabSize]);
    const feeds = {
      ...cache,
      ...sequenceFeeds(this.model, batch),
      ...(await this.featureFeeds(batch, adapterScale)),
      ...(await this.adapterFeeds(prefill, adapterScale)),
      seqlens_k: int32s(batch.rows.map((row) => row.length - 1)),
      total_sequence_length: scalar("int32", longest(batch.rows)),
      logit_positions: int64s(rows),
    };
    await prefill.session.run(feeds, { logits });
    return { logits };
  }

  /** The same for a device that takes only a few tokens at a time: row by row, each in pieces. */
  private async fillInPieces(
    batch: RecordedBatch,
    rows: readonly number[],
    cache: Record<string, StateTensor>,
    adapterScale: number,
    limit: number,
  ): Promise<{ logits: Tensor<"float32"> }> {
    const { vocabSize, width } = this.model.facts.decoder;
    const logits = zeros("float32", [rows.length, vocabSize]);
    const length = longest(batch.rows);
    const { input_ids, position_ids, ...rope } = sequenceFeeds(this.model, batch);
    const ids = (all: Tensor, from: number, to: number) =>
      tensor("int64", (all.data as BigInt64Array).slice(from, to), [1, to - from]);
    const features = (await this.imageFeatures(batch, adapterScale))?.data as Float32Array | undefined;
    const places = [...imagePositions(this.model, batch.rows).data].map(Number);
    const capacity = Object.values(cache)[0]!.dims[2]!;
    const own: Record<string, StateTensor>[] = [];
    for (const [b, row] of batch.rows.entries()) {
      const mine = await this.newCache(1, capacity);
      own.push(mine);
      for (let start = 0; start < row.length; start += limit) {
        const end = Math.min(row.length, start + limit);
        const [from, to] = [b * length + start, b * length + end];
        const shown = places.flatMap((place, n) => (place >= from && place < to ? [[place, n] as const] : []));
        const wanted = rows.flatMap((one, at) => (one >= from && one < to ? [[one - from, at] as const] : []));
        const program = await this.decoder(shown.length > 0);
        const first = shown[0]?.[1] ?? 0;
        const part = features?.slice(first * width, (first + shown.length) * width);
        const result = zeros("float32", [Math.max(1, wanted.length), vocabSize]);
        const feeds = {
          ...mine,
          ...rope,
          ...(await this.adapterFeeds(program, adapterScale)),
          input_ids: ids(input_ids!, from, to),
          position_ids: ids(position_ids!, from, to),
          ...(shown.length > 0 && {
            image_features: tensor("float32", part!, [shown.length, width]),
            image_positions: int64s(
              shown.map(([place]) => place - from),
              [shown.length, 1],
            ),
          }),
          seqlens_k: int32s([end - 1]),
          total_sequence_length: scalar("int32", end),
          logit_positions: int64s(wanted.length > 0 ? wanted.map(([place]) => place) : [0]),
        };
        await program.session.run(feeds, { logits: result });
        for (const [i, [, at]] of wanted.entries()) {
          logits.data.set(result.data.subarray(i * vocabSize, (i + 1) * vocabSize), at * vocabSize);
        }
      }
    }
    for (const name of Object.keys(cache)) {
      const sources = own.map((one) => one[name]!);
      this.memory.release(cache[name]!);
      cache[name] = await this.memory.gatherRows(sources, [...sources.keys()]);
      for (const source of sources) this.memory.release(source);
    }
    return { logits };
  }

  private decoder(images: boolean): Promise<Compiled> {
    return this.compile(`decoder ${images}`, () => this.model.programs.decoder({ images, adapter: this.layout }));
  }

  private async newCache(batch: number, capacity: number): Promise<Record<string, StateTensor>> {
    const { decoder } = this.model.facts;
    const { layers, kvHeads } = decoder;
    const headDim = cacheHeadDim(decoder);
    const cache: Record<string, StateTensor> = {};
    for (let layer = 0; layer < layers; layer++) {
      cache[`key_cache.${layer}`] = await this.memory.zeros([batch, kvHeads, capacity, headDim]);
      cache[`value_cache.${layer}`] = await this.memory.zeros([batch, kvHeads, capacity, headDim]);
    }
    return cache;
  }

  private releaseAll(tensors: Readonly<Record<string, StateTensor>>): void {
    for (const one of Object.values(tensors)) this.memory.release(one);
  }

  private async featureFeeds(batch: RecordedBatch, adapterScale: number): Promise<Tensors> {
    const features = await this.imageFeatures(batch, adapterScale);
    if (features === null) return {};
    return { image_features: features, image_positions: imagePositions(this.model, batch.rows) };
  }

  /** The adapter's matrices that a program asks for, and its switch. */
  private async adapterFeeds({ program }: Compiled, scale: number): Promise<Tensors> {
    const feeds: Record<string, Tensor> = {};
    for (const { path, shape } of program.parameters) {
      let value = this.adapterValues.get(path);
      if (value === undefined) {
        value = { dtype: "float32", dims: shape, data: await this.model.adapter!.tensors.get(path)!.read() };
        this.adapterValues.set(path, value);
      }
      feeds[path] = value;
    }
    return program.parameters.length === 0 ? {} : { ...feeds, adapter_scale: scalar("float32", scale) };
  }

  private compile(name: string, build: () => Program): Promise<Compiled> {
    let compiled = this.compiled.get(name);
    if (compiled === undefined) {
      const program = build();
      compiled = compile(program, this.options, name).then((session) => ({ session, program }));
      this.compiled.set(name, compiled);
    }
    return compiled;
  }
}

/** One trainable state: loss and gradients of a batch, optimiser steps. */
export class Trainer {
  constructor(
    private readonly session: Session,
    readonly weights: TrainableWeights<StateTensor>,
    private readonly scale: Tensors,
  ) {}

  /** Loss and the per-token outputs; gradients are added onto the accumulators. */
  async accumulate(feeds: Tensors): Promise<{ loss: number; tokens: Record<string, Float32Array> }> {
    const count = feeds.targets!.dims[0]!;
    const loss = zeros("float32", []);
    const tokens: Record<string, Tensor<"float32">> = {};
    for (const { name } of this.session.outputs) {
      if (name !== "loss" && !name.endsWith(".next")) tokens[name] = zeros("float32", [count]);
    }
    await this.session.run({ ...feeds, ...this.weights.feeds, ...this.scale }, { loss, ...tokens });
    return {
      loss: loss.data[0]!,
      tokens: Object.fromEntries(Object.entries(tokens).map(([name, { data }]) => [name, data])),
    };
  }

  clearGradients(): Promise<void> {
    return this.weights.clearGradients();
  }

  /** Accumulated gradients by parameter path. */
  gradients(): Promise<Map<string, Float32Array>> {
    const feeds = this.weights.feeds;
    return this.read((path) => feeds[`grad.${path}`]!);
  }

  /** Current weights by parameter path. */
  values(): Promise<Map<string, Float32Array>> {
    return this.read((path) => this.weights.weights[path]!);
  }

  private async read(of: (path: string) => StateTensor): Promise<Map<string, Float32Array>> {
    const values = new Map<string, Float32Array>();
    for (const { path } of this.weights.parameters) values.set(path, await this.weights.memory.read(of(path)));
    return values;
  }

  /** @returns the gradient norm before clipping */
  step(): Promise<number> {
    return this.weights.step(recordedLearningRate);
  }

  async dispose(): Promise<void> {
    await this.weights.dispose();
    for (const weight of Object.values(this.weights.weights)) this.weights.memory.release(weight);
    await this.session.dispose();
  }
}

function compile(program: Program, options: SessionOptions, name: string): Promise<Session> {
  const target = options.device === undefined || options.device === "cpu" ? "fused" : "primitive";
  return createSession(serialize(emit(program.graph, { target })), { ...options, name });
}

/** By how much the best of some logits is above the second. */
function leadOf(logits: Float32Array, best: number): number {
  const second = logits.reduce(
    (max, logit, id) => (id === best ? max : Math.max(max, logit)),
    Number.NEGATIVE_INFINITY,
  );
  return logits[best]! - second;
}

function floats(value: Tensor): Float32Array {
  return value.data as Float32Array;
}
