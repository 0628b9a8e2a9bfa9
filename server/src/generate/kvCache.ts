/**
 * Keys and values of a batch of sequences, one buffer per layer, [rows, KV, slots, D]. Prompts are read into it, each becomes the rows
 * of a group, finished rows leave; the rows in use are always the first ones. It knows nothing of tokens.
 */
import { InternalError } from "@iad-r1/models/errors";
import { refuseIfTooLarge } from "../runtime/memory";
import type { TensorMemory } from "../runtime/tensorMemory";
import { type AnyTensor, type StateTensor, type Tensor, tensor, zeros } from "../runtime/tensors";

export interface KvShape {
  layers: number;
  kvHeads: number;
  headDim: number;
}

/** The inputs `key_cache.<l>` and `value_cache.<l>`. */
export type CacheFeeds = Record<string, AnyTensor>;

export interface KvCache {
  /** Makes room. What was in the cache is lost. @throws ResourceError `resource/memory` */
  reserve(rows: number, slots: number): void;
  /** Room for prompts to be read into, `count` from number `first` on. */
  prompts(first: number, count: number): Promise<CacheFeeds>;
  /** Prompt p becomes counts[p] rows; `lengths` are its tokens. */
  spread(counts: readonly number[], lengths: readonly number[]): Promise<void>;
  /** The rows in use, the first `count`. */
  rows(count: number): CacheFeeds;
  /** Row i becomes what row picks[i] was, where picks[i] is i or behind all that stay; `lengths` are the tokens of row i then. */
  keep(picks: readonly number[], lengths: readonly number[]): Promise<void>;
}

/** Bytes that `rows` sequences of `slots` tokens take. */
export function cacheBytes({ layers, kvHeads, headDim }: KvShape, rows: number, slots: number): number {
  return 2 * layers * rows * kvHeads * slots * headDim * 4;
}

/** A cache beside the weights of a model. */
export function createKvCache(shape: KvShape, memory: TensorMemory): KvCache {
  return memory.isHost ? new HostKvCache(shape) : new DeviceKvCache(shape, memory);
}

/** In memory of this process: buffers are used over and over, rows are views of them and move inside them. */
export class HostKvCache implements KvCache {
  private buffers: Float32Array[] = [];
  private numRows = 0;
  private slots = 0;
  private readonly views = new Map<number, Record<string, Tensor>>();

  constructor(private readonly shape: KvShape) {}

  reserve(rows: number, slots: number): void {
    const { layers, kvHeads, headDim } = this.shape;
    const length = rows * kvHeads * slots * headDim;
    if ((this.buffers[0]?.length ?? 0) < length) {
      this.buffers = [];
      refuseIfTooLarge(
        cacheBytes(this.shape, rows, slots),
        `A cache for ${rows} sequences of ${slots} tokens`,
        "Ask for fewer completions at once, fewer tokens, or show smaller pictures.",
      );
      this.buffers = Array.from({ length: 2 * layers }, () => zeros("float32", [length]).data);
      this.views.clear();
    }
    if (rows !== this.numRows || slots !== this.slots) this.views.clear();
    this.numRows = rows;
    this.slots = slots;
  }

  prompts(first: number, count: number): Promise<Record<string, Tensor>> {
    return Promise.resolve(this.view(first, count));
  }

  rows(count: number): Record<string, Tensor> {
    return this.view(0, count);
  }

  spread(counts: readonly number[], lengths: readonly number[]): Promise<void> {
    // From behind, no row is overwritten before it is read.
    let target = counts.reduce((sum, count) => sum + count, 0);
    for (let p = counts.length - 1; p >= 0; p--) {
      for (let i = 0; i < counts[p]!; i++) this.copyRow(p, --target, lengths[p]!);
    }
    return Promise.resolve();
  }

  keep(picks: readonly number[], lengths: readonly number[]): Promise<void> {
    for (const [row, pick] of picks.entries()) this.copyRow(pick, row, lengths[row]!);
    return Promise.resolve();
  }

  private view(first: number, count: number): Record<string, Tensor> {
    if (first + count > this.numRows) throw new InternalError("internal/kv-cache", "Rows outside the cache.");
    const key = first * (this.numRows + 1) + count;
    let view = this.views.get(key);
    if (view === undefined) {
      const { kvHeads, headDim } = this.shape;
      const stride = this.rowLength();
      const dims = [count, kvHeads, this.slots, headDim];
      view = namedBuffers(
        this.buffers.map((buffer) =>
          tensor("float32", buffer.subarray(first * stride, (first + count) * stride), dims),
        ),
      );
      this.views.set(key, view);
    }
    return view;
  }

  /** Copies the first `length` tokens of a row. */
  private copyRow(from: number, to: number, length: number): void {
    if (from === to) return;
    const { kvHeads, headDim } = this.shape;
    const stride = this.rowLength();
    const head = this.slots * headDim;
    for (const buffer of this.buffers) {
      for (let k = 0; k < kvHeads; k++) {
        const source = from * stride + k * head;
        buffer.copyWithin(to * stride + k * head, source, source + length * headDim);
      }
    }
  }

  private rowLength(): number {
    return this.shape.kvHeads * this.slots * this.shape.headDim;
  }
}

/** In memory of the device, where tensors have no views: other rows are gathered into new ones. */
export class DeviceKvCache implements KvCache {
  private slots = 0;
  /** Prompts as they were read, in order; afterwards the rows. */
  private pieces: { first: number; buffers: StateTensor[] }[] = [];

  constructor(
    private readonly shape: KvShape,
    private readonly memory: TensorMemory,
  ) {}

  reserve(_rows: number, slots: number): void {
    this.release();
    this.slots = slots;
  }

  async prompts(first: number, count: number): Promise<CacheFeeds> {
    let piece = this.pieces.find((one) => one.first === first);
    if (piece === undefined) {
      const { layers, kvHeads, headDim } = this.shape;
      const buffers: StateTensor[] = [];
      for (let i = 0; i < 2 * layers; i++) {
        buffers.push(await this.memory.zeros([count, kvHeads, this.slots, headDim]));
      }
      piece = { first, buffers };
      this.pieces.push(piece);
    }
    return namedBuffers(piece.buffers);
  }

  spread(counts: readonly number[]): Promise<void> {
    return this.gather(counts.flatMap((count, prompt) => Array<number>(count).fill(prompt)));
  }

  rows(count: number): CacheFeeds {
    const [piece] = this.pieces;
    if (piece?.buffers[0]?.dims[0] !== count) throw new InternalError("internal/kv-cache", "Rows outside the cache.");
    return namedBuffers(piece.buffers);
  }

  async keep(picks: readonly number[]): Promise<void> {
    if (picks.length === 0) this.release();
    else await this.gather(picks);
  }

  private async gather(picks: readonly number[]): Promise<void> {
    const count = this.pieces.reduce((sum, { buffers }) => sum + buffers[0]!.dims[0]!, 0);
    if (picks.length === count && picks.every((pick, row) => pick === row) && this.pieces.length === 1) return;
    const buffers: StateTensor[] = [];
    for (let i = 0; i < 2 * this.shape.layers; i++) {
      const sources = this.pieces.map((piece) => piece.buffers[i]!);
      buffers.push(await this.memory.gatherRows(sources, picks));
      for (const source of sources) this.memory.release(source);
    }
    this.pieces = [{ first: 0, buffers }];
  }

  private release(): void {
    for (const { buffers } of this.pieces) for (const buffer of buffers) this.memory.release(buffer);
    this.pieces = [];
  }
}

/** Keys of layer l are buffer 2l, its values the next one. */
function namedBuffers<T>(buffers: readonly T[]): Record<string, T> {
  return Object.fromEntries(buffers.map((buffer, i) => [`${i % 2 === 0 ? "key" : "value"}_cache.${i >> 1}`, buffer]));
}
