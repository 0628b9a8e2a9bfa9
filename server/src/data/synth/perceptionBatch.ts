/**
 * Synthetic pictures as a vision tower is taught with them: pixels of every view, and for each patch how much of it is defect, of
 * which type, and what the product is. Pure functions of (options, range); `synthWorker.ts` runs them ahead of the training loop.
 */
import { createRandom } from "@iad-r1/models/util/random";
import { resizeImage } from "@iad-r1/models/vision/resample";
import { DEFECT_TYPES } from "./defectTypes";
import { KIND_IDS } from "./kinds";
import { generatePair, generateSample, type SynthFacts, type SynthImage, type SynthSample } from "./sample";

export interface PerceptionBatchOptions {
  seed: number | string;
  /** Index of the first picture and how many. */
  start: number;
  count: number;
  /** Side of a view in pixels. */
  size: number;
  /** Side of a patch in pixels; divides `size`. */
  patch: number;
  difficulty: readonly [number, number];
  anomalousShare: number;
  /** Mirror and transpose pictures with their masks; off where words about places go with them. */
  mirror: boolean;
  /** Share of pictures of twice the side, seen as a small whole and four quarters, as any-resolution cutting does. */
  largeShare: number;
  /** Every picture with an odd index is the one before it without its defect; `count` and `start` are even then. */
  twins: boolean;
}

/** V views of all pictures in order, each of P = (size / patch)² patches, row by row. */
export interface PerceptionBatch {
  /** (V, 3, size, size) scaled to [-1, 1], as mean and deviation 0.5 do. */
  pixels: Float32Array;
  /** (V, P) share of the patch's pixels that are defect. */
  coverage: Float32Array;
  /** (count) 1, or 5 for a large picture: the whole, then its quarters. */
  viewsPerPicture: Int32Array;
  /** (count) index in DEFECT_TYPES, -1 when normal. */
  defectTypes: Int32Array;
  /** (count) index in KIND_IDS. */
  kinds: Int32Array;
  facts: SynthFacts[];
}

/** RGB bytes and mask (255 = defect, or null) of one square view. */
interface View {
  data: Uint8Array;
  mask: Uint8Array | null;
}

export function perceptionBatch(options: PerceptionBatchOptions): PerceptionBatch {
  const { count, size, patch } = options;
  const pictures = options.twins
    ? Array.from({ length: count / 2 }, (_, item) => drawTwins(options, options.start + 2 * item)).flat()
    : Array.from({ length: count }, (_, item) => drawPicture(options, options.start + item));
  const numViews = pictures.reduce((sum, { views }) => sum + views.length, 0);
  const patches = (size / patch) ** 2;
  const batch: PerceptionBatch = {
    pixels: new Float32Array(numViews * 3 * size * size),
    coverage: new Float32Array(numViews * patches),
    viewsPerPicture: Int32Array.from(pictures, ({ views }) => views.length),
    defectTypes: Int32Array.from(pictures, ({ facts }) =>
      facts.defectType === null ? -1 : DEFECT_TYPES.indexOf(facts.defectType),
    ),
    kinds: Int32Array.from(pictures, ({ facts }) => KIND_IDS.indexOf(facts.kind)),
    facts: pictures.map(({ facts }) => facts),
  };
  let view = 0;
  for (const picture of pictures) {
    for (const shown of picture.views) writeView(batch, view++, shown, options, picture.turns);
  }
  return batch;
}

interface Picture {
  facts: SynthFacts;
  views: View[];
  turns: number;
}

function drawPicture(options: PerceptionBatchOptions, index: number): Picture {
  const { seed, difficulty, anomalousShare } = options;
  const { side, turns } = look(options, index);
  const { image, mask, ...facts } = generateSample({ seed, index, size: side, difficulty, anomalousShare });
  return { facts, views: views(image, mask, options.size), turns };
}

/** A faulty picture and the same photograph without the defect: all that tells them apart is what is to be learnt. */
function drawTwins(options: PerceptionBatchOptions, index: number): [Picture, Picture] {
  const { seed, difficulty, size } = options;
  const { side, turns } = look(options, index);
  const { sample, sound } = generatePair({ seed, index, size: side, difficulty, anomalousShare: 1 });
  const { image, mask, ...facts } = sample;
  const nothing = { label: "normal", defectType: null, location: null, locationShare: null } as const;
  return [
    { facts, views: views(image, mask, size), turns },
    {
      facts: { ...facts, ...nothing, locations: [], areaShare: 0, tone: 0, elongated: false },
      views: views(sound, null, size),
      turns,
    },
  ];
}

/** The side of picture `index` in pixels, and how it is turned and mirrored. */
function look({ seed, size, largeShare, mirror }: PerceptionBatchOptions, index: number) {
  const random = createRandom("view", seed, index);
  const side = random.next() < largeShare ? 2 * size : size;
  return { side, turns: mirror ? random.int(8) : 0 };
}

/** A picture of the tower's size is one view; a larger one is the whole, made smaller, and its quarters. */
function views(image: SynthImage, mask: SynthSample["mask"], size: number): View[] {
  if (image.width === size) return [{ data: image.data, mask }];
  const quarters = [0, 1, 2, 3].map((quarter) =>
    cut(image, mask, size, (quarter % 2) * size, Math.floor(quarter / 2) * size),
  );
  return [shrink(image, mask, size), ...quarters];
}

/** The whole picture at half the side, as the processor makes it. */
function shrink(image: SynthSample["image"], mask: SynthSample["mask"], size: number): View {
  const { data } = resizeImage(image, { width: size, height: size }, "bicubic");
  if (mask === null) return { data, mask };
  const small = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = 2 * y * image.width + 2 * x;
      if (mask[at]! + mask[at + 1]! + mask[at + image.width]! + mask[at + image.width + 1]! > 255)
        small[y * size + x] = 255;
    }
  }
  return { data, mask: small };
}

function cut(image: SynthSample["image"], mask: SynthSample["mask"], size: number, left: number, top: number): View {
  const data = new Uint8Array(size * size * 3);
  const part = mask === null ? null : new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    const from = (top + y) * image.width + left;
    data.set(image.data.subarray(3 * from, 3 * (from + size)), 3 * y * size);
    if (mask !== null) part!.set(mask.subarray(from, from + size), y * size);
  }
  return { data, mask: part };
}

function writeView(
  batch: PerceptionBatch,
  view: number,
  { data, mask }: View,
  options: PerceptionBatchOptions,
  turns: number,
): void {
  const { size, patch } = options;
  const side = size / patch;
  const area = size * size;
  const at = (x: number, y: number) => {
    const [u, v] = turns & 4 ? [y, x] : [x, y];
    return (turns & 2 ? size - 1 - v : v) * size + (turns & 1 ? size - 1 - u : u);
  };
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = at(x, y);
      const to = view * 3 * area + y * size + x;
      for (let channel = 0; channel < 3; channel++) {
        batch.pixels[to + channel * area] = data[from * 3 + channel]! / 127.5 - 1;
      }
      if (mask !== null && mask[from]! > 0) {
        const cell = Math.floor(y / patch) * side + Math.floor(x / patch);
        batch.coverage[view * side * side + cell]! += 1 / (patch * patch);
      }
    }
  }
}
