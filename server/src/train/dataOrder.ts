/**
 * Which sample comes when: every epoch is a shuffle of its own, and the epochs follow each other without a gap. Kinds of samples
 * (normal, anomalous) are spread evenly over an epoch: a step that happens to see few of one kind would push the verdict of the
 * model, and such pushes add up. The place in the data is one number, the samples seen so far, so that a resumed run needs nothing
 * else. Pure functions of the seed.
 */
import { createRandom, type Random } from "@iad-r1/models/util/random";

export class DataOrder {
  private shuffled: { epoch: number; order: number[] } | null = null;

  /** @param samples every stretch of an epoch has their labels in about the proportion of the whole */
  constructor(
    private readonly seed: number,
    private readonly stage: string,
    private readonly samples: readonly { readonly label: string }[],
  ) {}

  /** Index of the sample that is the `position`-th of the stage, from 0. */
  at(position: number): number {
    const epoch = Math.floor(position / this.samples.length);
    if (this.shuffled?.epoch !== epoch) {
      const random = createRandom(this.seed, this.stage, "order", epoch);
      this.shuffled = { epoch, order: spread(this.samples, random) };
    }
    return this.shuffled.order[position % this.samples.length]!;
  }

  /** Passes over the data after that many samples, with the fraction. */
  epoch(position: number): number {
    return position / this.samples.length;
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

/** Indices of all samples: those of a label shuffled and at even distances. */
function spread(samples: readonly { readonly label: string }[], random: Random): number[] {
  const members = new Map<string, number[]>(samples.map(({ label }) => [label, []]));
  for (const [index, { label }] of samples.entries()) members.get(label)!.push(index);
  const places = [...members.values()].flatMap((indices) => {
    const start = random.next();
    return random.shuffle(indices).map((index, k) => ({ index, place: (k + start) / indices.length }));
  });
  return places.sort((a, b) => a.place - b.place).map(({ index }) => index);
}
