/**
 * Which sample comes when: every epoch is a shuffle of its own, and the epochs follow each other without a gap. The place in the
 * data is one number, the samples seen so far, so that a resumed run needs nothing else. Pure functions of the seed.
 */
import { createRandom } from "@iad-r1/models/util/random";

export class DataOrder {
  private shuffled: { epoch: number; order: number[] } | null = null;

  constructor(
    private readonly seed: number,
    private readonly stage: string,
    readonly numSamples: number,
  ) {}

  /** Index of the sample that is the `position`-th of the stage, from 0. */
  at(position: number): number {
    const epoch = Math.floor(position / this.numSamples);
    if (this.shuffled?.epoch !== epoch) {
      const all = Array.from({ length: this.numSamples }, (_, i) => i);
      this.shuffled = { epoch, order: createRandom(this.seed, this.stage, "order", epoch).shuffle(all) };
    }
    return this.shuffled.order[position % this.numSamples]!;
  }

  /** Passes over the data after that many samples, with the fraction. */
  epoch(position: number): number {
    return position / this.numSamples;
  }
}

/** Optimiser steps of a stage: the number asked for, or the whole number nearest to `epochs` passes; at least 1. */
export function countSteps(
  options: { steps?: number; epochs: number },
  numSamples: number,
  samplesPerStep: number,
): number {
  return options.steps ?? Math.max(1, Math.round((options.epochs * numSamples) / samplesPerStep));
}
