/**
 * Pictures through the vision tower, once each: features are kept by the hash of the pictures they came from, up to a bound.
 * Views that are equal byte for byte (a small picture and its only crop) are computed once. It trains nothing: while the tower
 * is being trained, features cannot be kept and the training program takes pixels.
 */
import { createHash } from "node:crypto";
import { mergePackPlans } from "@iad-r1/models/llavaOnevision/packing";
import type { PreparedImages } from "@iad-r1/models/llavaOnevision/processor";
import { type Tensor, tensor } from "../runtime/tensors";
import type { LiveModel } from "./liveModel";

/** Image rows of one prompt: (N, C), row-major. */
export interface ImageRows {
  rows: Float32Array;
  numRows: number;
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

  /**
   * Features for several prompts' pictures. Equal pictures are computed once, also within one call.
   *
   * @param keys a hash for each prompt's pictures, in order; see `imagesKey`
   */
  async encode(prompts: readonly { key: string; images: PreparedImages }[]): Promise<ImageRows[]> {
    const missing = new Map<string, PreparedImages>();
    const found = new Map<string, ImageRows>();
    for (const { key, images } of prompts) {
      const kept = this.kept.get(key);
      if (kept === undefined) missing.set(key, images);
      else {
        this.kept.delete(key);
        this.kept.set(key, kept);
        found.set(key, kept);
      }
    }
    let batch: [string, PreparedImages][] = [];
    let views = 0;
    for (const entry of missing) {
      const size = entry[1].pixelShape[0];
      if (views > 0 && views + size > maxViewsPerRun) {
        await this.compute(batch, found);
        batch = [];
        views = 0;
      }
      batch.push(entry);
      views += size;
    }
    if (batch.length > 0) await this.compute(batch, found);
    return prompts.map(({ key }) => found.get(key)!);
  }

  /** Forgets everything, as after a change of the tower's weights. */
  clear(): void {
    this.kept.clear();
    this.keptBytes = 0;
  }

  private async compute(batch: readonly [string, PreparedImages][], found: Map<string, ImageRows>): Promise<void> {
    const { decoder, patchesPerCrop } = this.model.description.facts;
    const { session, weights } = await this.model.program(
      "vision_encoder",
      (options) => this.model.description.programs.visionEncoder(options),
      { scope: "vision", prepack: true },
    );
    const feeds = pixelFeeds(
      batch.map(([, images]) => images),
      patchesPerCrop,
    );
    const numRows = feeds.pack_index.dims[1]!;
    const output = tensor("float32", new Float32Array(numRows * decoder.width), [numRows, decoder.width]);
    await session.run({ ...weights, ...feeds }, { image_features: output });
    let from = 0;
    for (const [key, { pack }] of batch) {
      const to = from + pack.numRows * decoder.width;
      const entry = { rows: output.data.slice(from, to), numRows: pack.numRows };
      from = to;
      found.set(key, entry);
      this.kept.set(key, entry);
      this.keptBytes += entry.rows.byteLength;
    }
    for (const [key, { rows }] of this.kept) {
      if (this.keptBytes <= this.maxBytes) break;
      this.kept.delete(key);
      this.keptBytes -= rows.byteLength;
    }
  }
}

/** A name for pictures as one prompt shows them: their pixels, sizes and order decide. */
export function imagesKey(images: PreparedImages): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([images.pixelShape, images.imageSizes, images.cropsPerImage]));
  hash.update(new Uint8Array(images.pixelValues.buffer, images.pixelValues.byteOffset, images.pixelValues.byteLength));
  return hash.digest("base64");
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
