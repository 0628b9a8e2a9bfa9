/**
 * Memory for the many weights of a model in few buffers. V8 collects garbage anew for each 64 MB of buffers that it is asked for, a tenth of
 * a second with the words of a vocabulary on its heap: 2.2 billion weights in a buffer each took half of their time for that.
 */
import { allocate } from "./tensors";

/** Untouched memory at the end of a block costs address space only. */
const maxBlockBytes = 2 ** 30;
/** Of a start, in elements: a line of the cache. */
const alignment = 16;

export class TensorPool {
  private block = new Float32Array(0);
  private used = 0;
  private readonly known = new Map<string, Float32Array>();

  /** @param expected elements in all */
  constructor(private readonly expected: number) {}

  /**
   * Room for `count` elements, not cleared: always the same for a name. It is kept until `clear`.
   *
   * @throws ResourceError `resource/memory`
   */
  room(name: string, count: number): Float32Array {
    const known = this.known.get(name);
    if (known?.length === count) return known;
    if (this.used + count > this.block.length) {
      const usual = Math.min(maxBlockBytes / 4, this.expected);
      this.block = new Float32Array(allocate(4 * Math.max(usual, count)));
      this.used = 0;
    }
    const room = this.block.subarray(this.used, this.used + count);
    this.used += Math.ceil(count / alignment) * alignment;
    this.known.set(name, room);
    return room;
  }

  /** Lets go of everything. */
  clear(): void {
    this.block = new Float32Array(0);
    this.used = 0;
    this.known.clear();
  }
}
