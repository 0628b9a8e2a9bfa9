/**
 * Keys and values of a batch of sequences: one buffer per layer, [rows, KV, slots, D], used over and over. Rows are copied (a group
 * shares its prompt's prefill) and moved (finished rows leave). It knows nothing of tokens.
 */
import { InternalError } from "@iad-r1/models/errors";
import { refuseIfTooLarge } from "../runtime/memory";
import { type Tensor, tensor, zeros } from "../runtime/tensors";

export interface KvShape {
  layers: number;
  kvHeads: number;
  headDim: number;
}

export class KvCache {
  private buffers: Float32Array[] = [];
  private numRows = 0;
  private slots = 0;
  private readonly views = new Map<number, Record<string, Tensor>>();

  constructor(private readonly shape: KvShape) {}

  /** Bytes that `rows` sequences of `slots` tokens take. */
  static bytes({ layers, kvHeads, headDim }: KvShape, rows: number, slots: number): number {
    return 2 * layers * rows * kvHeads * slots * headDim * 4;
  }

  /** Makes room; memory only grows. What was in the cache is lost. @throws ResourceError `resource/memory` */
  reserve(rows: number, slots: number): void {
    const { layers, kvHeads, headDim } = this.shape;
    const length = rows * kvHeads * slots * headDim;
    if ((this.buffers[0]?.length ?? 0) < length) {
      this.buffers = [];
      refuseIfTooLarge(
        KvCache.bytes(this.shape, rows, slots),
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

  /** The inputs `key_cache.<l>`, `value_cache.<l>` over `count` rows from `first` on. */
  rows(first: number, count: number): Record<string, Tensor> {
    if (first + count > this.numRows) throw new InternalError("internal/kv-cache", "Rows outside the cache.");
    const key = first * (this.numRows + 1) + count;
    let view = this.views.get(key);
    if (view === undefined) {
      const { layers, kvHeads, headDim } = this.shape;
      const stride = this.rowLength();
      const at = (index: number) =>
        tensor("float32", this.buffers[index]!.subarray(first * stride, (first + count) * stride), [
          count,
          kvHeads,
          this.slots,
          headDim,
        ]);
      view = {};
      for (let layer = 0; layer < layers; layer++) {
        view[`key_cache.${layer}`] = at(2 * layer);
        view[`value_cache.${layer}`] = at(2 * layer + 1);
      }
      this.views.set(key, view);
    }
    return view;
  }

  /** Copies the first `length` tokens of a row. */
  copyRow(from: number, to: number, length: number): void {
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
