/**
 * Pictures through the vision tower, once each: features are kept by the name of the pictures they came from, up to a bound.
 * Views that are equal byte for byte (a small picture and its only crop) are computed once. It trains nothing: while the tower
 * is being trained, features cannot be kept and the training program takes pixels.
 */
import { mergePackPlans } from "@iad-r1/models/llavaOnevision/packing";
import type { PreparedImages } from "@iad-r1/models/llavaOnevision/processor";
import { type Tensor, tensor } from "../runtime/tensors";
import type { LiveModel } from "./liveModel";

/** Pictures of one prompt through the tower. */
export interface ImageRows {
  /** (N, C), row-major. */
  rows: Float32Array;
  numRows: number;
  /** What the processor needs to know to place them; the pixels are let go. */
  prepared: PreparedImages;
}

/** Pictures of one prompt, prepared when they are not known yet. */
export interface ImagesToEncode {
  /** Names the pictures' content and order; equal names must mean equal pixels. */
  key: string;
  prepare: () => Promise<PreparedImages>;
}

export interface PixelFeeds {
  pixel_values: Tensor<"float32">;
  pack_index: Tensor<"int64">;
  pack_weight: Tensor<"float32">;
}

/** Views through the tower at a time; more would only grow memory. */
const maxViewsPerRun = 32;

export class ImageFeatures {
  /** Least recently used first. */
  private readonly kept = new Map<string, ImageRows>();
  private keptBytes = 0;

  constructor(
    private readonly model: LiveModel,
    private readonly maxBytes = 512 << 20,
  ) {}

  /** Features for several prompts' pictures, in order. Equal pictures are computed once, also within one call. */
  async encode(prompts: readonly ImagesToEncode[]): Promise<ImageRows[]> {
    const found = new Map<string, ImageRows>();
    let batch = new Map<string, PreparedImages>();
    let views = 0;
    for (const { key, prepare } of prompts) {
      if (found.has(key) || batch.has(key)) continue;
      const kept = this.kept.get(key);
      if (kept !== undefined) {
        this.kept.delete(key);
        this.kept.set(key, kept);
        found.set(key, kept);
        continue;
      }
      const images = await prepare();
      const size = images.pixelShape[0];
      if (views > 0 && views + size > maxViewsPerRun) {
        await this.compute(batch, found);
        batch = new Map();
        views = 0;
      }
      batch.set(key, images);
      views += size;
    }
    if (batch.size > 0) await this.compute(batch, found);
    this.shrink();
    return prompts.map(({ key }) => found.get(key)!);
  }

  /** Forgets everything, as after a change of the tower's weights. */
  clear(): void {
    this.kept.clear();
    this.keptBytes = 0;
  }

  private async compute(batch: ReadonlyMap<string, PreparedImages>, found: Map<string, ImageRows>): Promise<void> {
    const { decoder, patchesPerCrop } = this.model.description.facts;
    const { session, weights } = await this.model.program(
      "vision_encoder",
      (options) => this.model.description.programs.visionEncoder(options),
      { scope: "vision", prepack: true },
    );
    const feeds = pixelFeeds([...batch.values()], patchesPerCrop);
    const numRows = feeds.pack_index.dims[1]!;
    const output = tensor("float32", new Float32Array(numRows * decoder.width), [numRows, decoder.width]);
    await session.run({ ...weights, ...feeds }, { image_features: output });
    let from = 0;
    for (const [key, images] of batch) {
      const to = from + images.pack.numRows * decoder.width;
      const prepared = { ...images, pixelValues: new Float32Array(0) };
      const entry = { rows: output.data.slice(from, to), numRows: images.pack.numRows, prepared };
      from = to;
      found.set(key, entry);
      this.kept.set(key, entry);
      this.keptBytes += entry.rows.byteLength;
    }
  }

  private shrink(): void {
    for (const [key, { rows }] of this.kept) {
      if (this.keptBytes <= this.maxBytes) break;
      this.kept.delete(key);
      this.keptBytes -= rows.byteLength;
    }
  }
}

/**
 * The tower's inputs for the pictures of several prompts one after another: pixel_values [S,3,H,W] with equal views left out, and
 * the packing [taps,N] over the remaining views, whose last source row is the newline.
 */
export function pixelFeeds(prompts: readonly PreparedImages[], patchesPerView: number): PixelFeeds {
  const [, channels, height, width] = prompts[0]!.pixelShape;
  const viewSize = channels * height * width;
  const plan = mergePackPlans(
    prompts.map(({ pack }) => pack),
    patchesPerView,
  );
  const views: Float32Array[] = [];
  const placeOfView: number[] = [];
  for (const { pack, pixelValues } of prompts) {
    const firstView = views.length;
    for (let view = 0; view < pack.numViews; view++) {
      const pixels = pixelValues.subarray(view * viewSize, (view + 1) * viewSize);
      // Only views of the same prompt are worth comparing: a small picture is its own only crop.
      const known = views.findIndex((other, i) => i >= firstView && sameValues(other, pixels));
      placeOfView.push(known >= 0 ? known : views.push(pixels) - 1);
    }
  }
  const newline = plan.numViews * patchesPerView;
  const place = (row: number) =>
    row === newline
      ? views.length * patchesPerView
      : placeOfView[Math.floor(row / patchesPerView)]! * patchesPerView + (row % patchesPerView);
  const pixels = new Float32Array(views.length * viewSize);
  for (const [i, view] of views.entries()) pixels.set(view, i * viewSize);
  const dims = [plan.taps, plan.numRows];
  return {
    pixel_values: tensor("float32", pixels, [views.length, channels, height, width]),
    pack_index: tensor(
      "int64",
      BigInt64Array.from(plan.index, (row) => BigInt(place(row))),
      dims,
    ),
    pack_weight: tensor("float32", plan.weights ?? new Float32Array(plan.index.length).fill(1), dims),
  };
}

function sameValues(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
