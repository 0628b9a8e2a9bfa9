/**
 * Synthetic pictures as a vision tower is taught with them: pixels, and for each patch how much of it is defect, of which type,
 * and what the product is. Pure functions of (options, range); `synthWorker.ts` runs them ahead of the training loop.
 */
import { createRandom } from "@iad-r1/models/util/random";
import { DEFECT_TYPES } from "./defectTypes";
import { KIND_IDS } from "./kinds";
import { generateSample, type SynthFacts } from "./sample";

export interface PerceptionBatchOptions {
  seed: number | string;
  /** Index of the first picture and how many. */
  start: number;
  count: number;
  /** Side in pixels. */
  size: number;
  /** Side of a patch in pixels; divides `size`. */
  patch: number;
  difficulty: readonly [number, number];
  anomalousShare: number;
  /** Mirror and transpose pictures with their masks; off where words about places go with them. */
  mirror: boolean;
}

/** P = (size / patch)² patches, row by row. */
export interface PerceptionBatch {
  /** (count, 3, size, size) scaled to [-1, 1], as mean and deviation 0.5 do. */
  pixels: Float32Array;
  /** (count, P) share of the patch's pixels that are defect. */
  coverage: Float32Array;
  /** (count) index in DEFECT_TYPES, -1 when normal. */
  defectTypes: Int32Array;
  /** (count) index in KIND_IDS. */
  kinds: Int32Array;
  facts: SynthFacts[];
}

export function perceptionBatch(options: PerceptionBatchOptions): PerceptionBatch {
  const { count, size, patch } = options;
  const side = size / patch;
  const area = size * size;
  const batch: PerceptionBatch = {
    pixels: new Float32Array(count * 3 * area),
    coverage: new Float32Array(count * side * side),
    defectTypes: new Int32Array(count),
    kinds: new Int32Array(count),
    facts: [],
  };
  for (let item = 0; item < count; item++) {
    const index = options.start + item;
    const { image, mask, ...facts } = generateSample({
      seed: options.seed,
      index,
      size,
      difficulty: options.difficulty,
      anomalousShare: options.anomalousShare,
    });
    const turns = options.mirror ? createRandom("mirror", options.seed, index).int(8) : 0;
    const at = (x: number, y: number) => {
      const [u, v] = turns & 4 ? [y, x] : [x, y];
      return (turns & 2 ? size - 1 - v : v) * size + (turns & 1 ? size - 1 - u : u);
    };
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const from = at(x, y);
        const to = item * 3 * area + y * size + x;
        for (let channel = 0; channel < 3; channel++) {
          batch.pixels[to + channel * area] = image.data[from * 3 + channel]! / 127.5 - 1;
        }
        if (mask !== null && mask[from]! > 0) {
          const cell = Math.floor(y / patch) * side + Math.floor(x / patch);
          batch.coverage[item * side * side + cell]! += 1 / (patch * patch);
        }
      }
    }
    batch.defectTypes[item] = facts.defectType === null ? -1 : DEFECT_TYPES.indexOf(facts.defectType);
    batch.kinds[item] = KIND_IDS.indexOf(facts.kind);
    batch.facts.push(facts);
  }
  return batch;
}
