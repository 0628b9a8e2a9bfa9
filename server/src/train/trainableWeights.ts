/**
 * What training changes: weights, gradient accumulators and AdamW's moments, as tensors that programs read and write in place, and
 * the optimiser step over them. Knows nothing of losses, batches or schedules.
 */
import { GraphError } from "@iad-r1/models/errors";
import type { ProgramParameter } from "@iad-r1/models/programs/program";
import type { SessionOptions, Tensors } from "../runtime/session";
import { type Tensor, tensor, zeros } from "../runtime/tensors";
import { AdamW, type AdamWSettings } from "./adamW";

export type { AdamWSettings } from "./adamW";

export class TrainableWeights {
  /** Optimiser steps taken: the t of the bias corrections. */
  steps = 0;
  /** Of these, steps in which the weights that `AdamWSettings.idles` tells had no gradient and stayed as they were. */
  idleSteps = 0;

  private constructor(
    readonly parameters: readonly ProgramParameter[],
    /** By path; what the programs are fed. */
    readonly weights: Readonly<Record<string, Tensor<"float32">>>,
    /** `grad.<path>`, `m.<path>`, `v.<path>`. */
    private readonly gradients: Readonly<Record<string, Tensor<"float32">>>,
    private readonly moments: Readonly<Record<string, Tensor<"float32">>>,
    private readonly optimizer: AdamW,
  ) {}

  /**
   * @param parameters the trainable ones of a training program
   * @param initial    start values by path, as many elements as the shape says; copied when they share memory with a file
   */
  static async create(
    parameters: readonly ProgramParameter[],
    initial: (path: string) => Promise<Float32Array> | Float32Array,
    settings: AdamWSettings,
    options: SessionOptions = {},
  ): Promise<TrainableWeights> {
    const weights: Record<string, Tensor<"float32">> = {};
    const gradients: Record<string, Tensor<"float32">> = {};
    const moments: Record<string, Tensor<"float32">> = {};
    for (const { path, shape } of parameters) {
      const values = await initial(path);
      const count = shape.reduce((product, dim) => product * dim, 1);
      if (values.length !== count) {
        throw new GraphError("train/weight-size", `${path} needs ${count} start values, got ${values.length}.`);
      }
      weights[path] = tensor("float32", values, shape);
      gradients[`grad.${path}`] = zeros("float32", shape);
      moments[`m.${path}`] = zeros("float32", shape);
      moments[`v.${path}`] = zeros("float32", shape);
    }
    const slots = parameters.map(({ path }) => ({
      ...{ path, weight: weights[path]!, gradient: gradients[`grad.${path}`]! },
      ...{ m: moments[`m.${path}`]!, v: moments[`v.${path}`]! },
    }));
    const optimizer = await AdamW.create(slots, settings, options);
    return new TrainableWeights(parameters, weights, gradients, moments, optimizer);
  }

  /** Weights and accumulators: what a training program is fed beside its batch. */
  get feeds(): Tensors {
    return { ...this.weights, ...this.gradients };
  }

  /** The same for a program that trains only these. */
  feedsOf(paths: readonly string[]): Tensors {
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
    for (const gradient of Object.values(this.gradients)) gradient.data.fill(0);
    return norm;
  }

  /** The moments by name, to be stored and restored; the arrays are live. */
  get optimizerState(): Readonly<Record<string, Tensor<"float32">>> {
    return this.moments;
  }

  async dispose(): Promise<void> {
    await this.optimizer.dispose();
  }
}
