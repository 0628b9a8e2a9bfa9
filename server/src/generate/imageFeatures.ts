/**
 * Pictures through the vision tower, once each: features are kept by the name of the pictures they came from, up to a bound. It
 * trains nothing: while the tower is being trained, features cannot be kept and the training program takes pixels.
 */
import { numImageRows, type PreparedImages } from "@iad-r1/models/processor";
import { tensor } from "../runtime/tensors";
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

/** Pictures through the tower at a time; more would only grow memory, most of all that of attention between patches. */
const maxSequencesPerRun = 32;
const maxScoresPerRun = 32 * 729 ** 2;

export class ImageFeatures {
  /** Least recently used first. */
  private readonly kept = new Map<string, ImageRows>();
  private keptBytes = 0;
  private version = 0;

  constructor(
    private readonly model: LiveModel,
    private readonly maxBytes = 512 << 20,
  ) {}

  /** Features for several prompts' pictures, in order. Equal pictures are computed once, also within one call. */
  async encode(prompts: readonly ImagesToEncode[]): Promise<ImageRows[]> {
    if (this.version !== this.model.visionVersion) {
      this.clear();
      this.version = this.model.visionVersion;
    }
    const found = new Map<string, ImageRows>();
    let batch = new Map<string, PreparedImages>();
    let sequences = 0;
    let longest = 0;
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
      const load = this.model.description.tower.load(images);
      const together = sequences + load.sequences;
      const width = Math.max(longest, load.tokens);
      if (batch.size > 0 && (together > maxSequencesPerRun || together * width ** 2 > maxScoresPerRun)) {
        await this.compute(batch, found);
        batch = new Map();
        sequences = 0;
        longest = 0;
      }
      batch.set(key, images);
      sequences += load.sequences;
      longest = Math.max(longest, load.tokens);
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
    const { decoder } = this.model.description.facts;
    const { session, weights } = await this.model.program(
      "vision_encoder",
      (options) => this.model.description.programs.visionEncoder(options),
      { scope: "vision", prepack: true },
    );
    const all = [...batch.values()];
    const feeds = this.model.description.tower.feeds(all);
    const numRows = all.reduce((sum, images) => sum + numImageRows(images), 0);
    const output = tensor("float32", new Float32Array(numRows * decoder.width), [numRows, decoder.width]);
    await session.run({ ...weights, ...feeds }, { image_features: output });
    let from = 0;
    for (const [key, images] of batch) {
      const to = from + numImageRows(images) * decoder.width;
      const prepared = { ...images, pixelValues: new Float32Array(0) };
      const entry = { rows: output.data.slice(from, to), numRows: numImageRows(images), prepared };
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
