/** Fewer reference pictures than asked for are said, not passed over: what is measured then is something else. */

import { synthSamples } from "@iad-r1/server/data/synthDataset";
import { missingReferences, numReferences, picturesOf } from "@iad-r1/server/generate/examples";
import { expect, it } from "vitest";

const [generated] = synthSamples({ seed: 5, count: 1, size: 42 });
const { synth: _synth, ...onDisk } = generated!;
const withReferences = (count: number) => ({
  ...onDisk,
  references: Array.from({ length: count }, (_, i) => `good-${i}.png`),
});

it("nothing is said where every sample has enough", () => {
  expect(missingReferences([2, 3], 2)).toBeNull();
  expect(missingReferences([0, 0], 0)).toBeNull();
  expect(missingReferences([], 4)).toBeNull();
});

it("what is said is what is shown", () => {
  const samples = [generated!, withReferences(0), withReferences(4)];
  const counts = samples.map(numReferences);
  expect(counts).toEqual([1, 0, 4]);
  expect(samples.map((sample) => picturesOf(sample, 2).length - 1)).toEqual([1, 0, 2]);
  expect(missingReferences(counts, 2)).toBe(
    "2 of 3 samples have fewer reference pictures than the 2 asked for, the fewest 0: they are shown with those that they have.",
  );
});
