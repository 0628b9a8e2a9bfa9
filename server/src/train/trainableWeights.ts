/**
 * What training changes: weights, gradient accumulators and AdamW's moments, as tensors that programs read and write in place, and
 * the optimiser step over them. They stay in the memory they are given, be it of the host or of a device. Knows nothing of losses,
 * batches or schedules.
 */
import { GraphError } from "@iad-r1/models/errors";
import type { ProgramParameter } from "@iad-r1/models/programs/program";
import { numElements } from "@iad-r1/models/graph/dims";
import type { SessionOptions } from "../runtime/session";
import { hostMemory, type TensorMemory } from "../runtime/tensorMemory";
import { type StateTensor, type Tensor, tensor } from "../runtime/tensors";
import { AdamW, type AdamWSettings } from "./adamW";

export type { AdamWSettings } from "./adamW";

export class TrainableWeights<T extends StateTensor = Tensor<"float32">> {
  /** Optimiser steps taken: the t of the bias corrections. */
  steps = 0;
  /** Of these, steps in which the weights that `AdamWSettings.idles` tells had no gradient and stayed as they were. */
  idleSteps = 0;

  private constructor(
    readonly parameters: readonly ProgramParameter[],
    readonly memory: TensorMemory<T>,
    /** By path; what the programs are fed. */
    readonly weights: Readonly<Record<string, T>>,
    /** `grad.<path>`. */
    private readonly gradients: Readonly<Record<string, T>>,
    /** `m.<path>`, `v.<path>`. */
    private readonly moments: Readonly<Record<string, T>>,
    private readonly optimizer: AdamW,
  ) {}

  /**
   * In memory of this process.
   *
   * @param parameters the trainable ones of a training program
   * @param initial    start values by path, as many elements as the shape says; copied when they share memory with a file
   */
  static create(
    parameters: readonly ProgramParameter[],
    initial: (path: string) => Promise<Float32Array> | Float32Array,
    settings: AdamWSettings,
    options: SessionOptions = {},
  ): Promise<TrainableWeights> {
    return TrainableWeights.createIn(hostMemory, parameters, initial, settings, options);
  }

  /**
   * In any memory of the device that computes.
   *
   * @param initial start values, or a tensor of the memory that is trained itself
   */
  static async createIn<T extends StateTensor>(
    memory: TensorMemory<T>,
    parameters: readonly ProgramParameter[],
    initial: (path: string) => Promise<Float32Array> | Float32Array | T,
    settings: AdamWSettings,
    options: SessionOptions = {},
  ): Promise<TrainableWeights<T>> {
    const weights: Record<string, T> = {};
    const gradients: Record<string, T> = {};
    const moments: Record<string, T> = {};
    for (const { path, shape } of parameters) {
      const values = await initial(path);
      const count = numElements(shape);
      const given = values instanceof Float32Array ? values.length : numElements(values.dims);
      if (given !== count) {
        throw new GraphError("train/weight-size", `${path} needs ${count} start values, got ${given}.`);
      }
      weights[path] = values instanceof Float32Array ? await memory.place(tensor("float32", values, shape)) : values;
      gradients[`grad.${path}`] = await memory.zeros(shape);
      moments[`m.${path}`] = await memory.zeros(shape);
      moments[`v.${path}`] = await memory.zeros(shape);
    }
    const slots = parameters.map(({ path }) => ({
      ...{ path, weight: weights[path]!, gradient: gradients[`grad.${path}`]! },
      ...{ m: moments[`m.${path}`]!, v: moments[`v.${path}`]! },
    }));
    const optimizer = await AdamW.create(slots, settings, options);
    return new TrainableWeights(parameters, memory, weights, gradients, moments, optimizer);
  }

  /** Weights and accumulators: what a training program is fed beside its batch. */
  get feeds(): Readonly<Record<string, T>> {
    return { ...this.weights, ...this.gradients };
  }

  /** The same for a program that trains only these. */
  feedsOf(paths: readonly string[]): Record<string, T> {
    return Object.fromEntries(
      paths.flatMap((path) => [
        [path, this.weights[path]!],
        [`grad.${path}`, this.gradients[`grad.${path}`]!],
      ]),
    );
  }

  /**
   * One AdamW step from the accumulated gradients, which are zero afterwards.
   *
   * @param idle the weights that `AdamWSettings.idles` tells got no gradient: as in torch neither they nor their moments change
   * @returns the global gradient norm before clipping
   */
  async step(learningRate: number, { idle = false } = {}): Promise<number> {
    this.steps++;
    if (idle) this.idleSteps++;
    const numbers = { always: this.steps, idling: idle ? null : this.steps - this.idleSteps };
    const norm = await this.optimizer.step(numbers, learningRate);
    await this.clearGradients();
    return norm;
  }

  clearGradients(): Promise<void> {
    return this.optimizer.clearGradients();
  }

  /** The moments by name, to be stored and restored through `memory`. */
  get optimizerState(): Readonly<Record<string, T>> {
    return this.moments;
  }

  /** Gives the optimiser's part back; the weights are those of whoever gave them. */
  async dispose(): Promise<void> {
    await this.optimizer.dispose();
    for (const state of [...Object.values(this.gradients), ...Object.values(this.moments)]) this.memory.release(state);
  }
}
