/**
 * Pictures through the vision tower, once each: features are kept by what a picture shows, up to a bound in bytes, so a reference that
 * stands beside many pictures is looked at once. It trains nothing: while the tower is being trained, features cannot be kept and the
 * training program takes pixels.
 */
import { numImageRows, type PreparedImages } from "@iad-r1/models/processor";
import { tensor } from "../runtime/tensors";
import type { LiveModel } from "./liveModel";

/** Rows of features, of one picture or of all pictures of a prompt. */
export interface ImageRows {
  /** (N, C), row-major. */
  rows: Float32Array;
  numRows: number;
  /** What the processor needs to know to place them; the pixels are let go. */
  prepared: PreparedImages;
}

/** A picture that is loaded when its features are not known. */
export interface PictureToEncode {
  /** Names it: equal names mean equal features. */
  name: string;
  open: () => Promise<OpenedPicture>;
}

export interface OpenedPicture {
  /** Tells what it shows and how it is taken: equal contents mean equal features, whatever the names. */
  content: string;
  prepare: () => PreparedImages;
}

/** Pictures through the tower at a time; more would only grow memory, most of all that of attention between patches. */
const maxSequencesPerRun = 32;
const maxScoresPerRun = 32 * 729 ** 2;
/** Names of pictures whose contents are remembered. */
const maxNames = 100_000;

export class ImageFeatures {
  /** By content, least recently used first. */
  private readonly kept = new Map<string, ImageRows>();
  /** By name, so that a picture that is known is not even loaded. */
  private readonly contents = new Map<string, string>();
  private keptBytes = 0;
  private version = 0;

  constructor(
    private readonly model: LiveModel,
    private readonly maxBytes = 512 << 20,
  ) {}

  /** Features of pictures, in order. Equal pictures are computed once, also within one call. */
  async encode(pictures: readonly PictureToEncode[]): Promise<ImageRows[]> {
    if (this.version !== this.model.visionVersion) {
      this.clear();
      this.version = this.model.visionVersion;
    }
    const found = new Map<string, ImageRows>();
    let batch = new Map<string, PreparedImages>();
    const wanted: string[] = [];
    let sequences = 0;
    let longest = 0;
    for (const { name, open } of pictures) {
      const isKnown = (content: string) => {
        const kept = this.keep(content);
        if (kept !== null) found.set(content, kept);
        return found.has(content) || batch.has(content);
      };
      let content = this.contents.get(name);
      if (content === undefined || !isKnown(content)) {
        const opened = await open();
        content = opened.content;
        this.remember(name, content);
        if (!isKnown(content)) {
          const images = opened.prepare();
          const load = this.model.description.tower.load(images);
          const together = sequences + load.sequences;
          const width = Math.max(longest, load.tokens);
          if (batch.size > 0 && (together > maxSequencesPerRun || together * width ** 2 > maxScoresPerRun)) {
            await this.compute(batch, found);
            batch = new Map();
            sequences = 0;
            longest = 0;
          }
          batch.set(content, images);
          sequences += load.sequences;
          longest = Math.max(longest, load.tokens);
        }
      }
      wanted.push(content);
    }
    if (batch.size > 0) await this.compute(batch, found);
    this.shrink();
    return wanted.map((content) => found.get(content)!);
  }

  /** What is kept of a picture, which becomes the most recently used. */
  private keep(content: string): ImageRows | null {
    const kept = this.kept.get(content);
    if (kept === undefined) return null;
    this.kept.delete(content);
    this.kept.set(content, kept);
    return kept;
  }

  private remember(name: string, content: string): void {
    this.contents.delete(name);
    this.contents.set(name, content);
    if (this.contents.size > maxNames) this.contents.delete(this.contents.keys().next().value!);
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
