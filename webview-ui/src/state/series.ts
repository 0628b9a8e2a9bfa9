/**
 * All points of one curve, kept for ever, with a pyramid of minima and maxima above them: the extremes of any stretch are found
 * without walking over its points, so that a million points can be drawn at every frame. It draws nothing.
 */

/** Points under one entry of the next level. */
const fan = 16;
const firstCapacity = 256;

export interface Extremes {
  min: number;
  max: number;
}

export class Series {
  numPoints = 0;
  /** All of capacity, of which `numPoints` are filled; step and time never decrease within an attempt. */
  steps = new Float64Array(firstCapacity);
  timesMs = new Float64Array(firstCapacity);
  values = new Float64Array(firstCapacity);
  /** Grows with every append, for caches of what is derived from the points. */
  version = 0;
  private readonly pyramid = new Pyramid();

  /**
   * Adds points that begin at index `from`; points that are there already are replaced (a resume goes back to its checkpoint).
   *
   * @returns false when points before `from` are missing; nothing is added then
   */
  append(from: number, steps: Float64Array, timesMs: Float64Array, values: Float64Array): boolean {
    if (from > this.numPoints) return false;
    const end = from + values.length;
    this.reserve(end);
    this.steps.set(steps, from);
    this.timesMs.set(timesMs, from);
    this.values.set(values, from);
    this.numPoints = end;
    this.version++;
    this.pyramid.update(this.values, from, end);
    return true;
  }

  /** Extremes of the finite values with index in [from, to), or null when there is none. */
  extremes(from: number, to: number): Extremes | null {
    return this.pyramid.extremes(this.values, from, to);
  }

  last(): number | null {
    return this.numPoints === 0 ? null : this.values[this.numPoints - 1]!;
  }

  private reserve(size: number): void {
    if (size <= this.values.length) return;
    let capacity = this.values.length;
    while (capacity < size) capacity *= 2;
    const grow = (old: Float64Array<ArrayBuffer>) => {
      const grown = new Float64Array(capacity);
      grown.set(old.subarray(0, this.numPoints));
      return grown;
    };
    this.steps = grow(this.steps);
    this.timesMs = grow(this.timesMs);
    this.values = grow(this.values);
  }
}

/** Minima and maxima over 16, 256, 4096 … neighbours. */
export class Pyramid {
  private readonly levels: { min: Float64Array; max: Float64Array }[] = [];

  /** Values from index `from` on are new. */
  update(values: Float64Array, from: number, numPoints: number): void {
    let lowerMin: Float64Array = values;
    let lowerMax: Float64Array = values;
    let start = from;
    let size = numPoints;
    // A level that is there stays true also while there are too few values for it: after a resume they become more again.
    for (let level = 0; size > fan || this.levels[level] !== undefined; level++) {
      // What is below a level that begins now was never taken into it.
      const first = this.levels[level] === undefined ? 0 : Math.floor(start / fan);
      const count = Math.ceil(size / fan);
      const { min, max } = this.level(level, count);
      for (let entry = first; entry < count; entry++) {
        let low = Number.POSITIVE_INFINITY;
        let high = Number.NEGATIVE_INFINITY;
        const end = Math.min(size, (entry + 1) * fan);
        for (let i = entry * fan; i < end; i++) {
          // Comparisons with NaN are false: it is passed over.
          if (lowerMin[i]! < low) low = lowerMin[i]!;
          if (lowerMax[i]! > high) high = lowerMax[i]!;
        }
        min[entry] = low;
        max[entry] = high;
      }
      lowerMin = min;
      lowerMax = max;
      start = first;
      size = count;
    }
  }

  extremes(values: Float64Array, from: number, to: number): Extremes | null {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    const take = (mins: Float64Array, maxs: Float64Array, start: number, end: number) => {
      for (let i = start; i < end; i++) {
        if (mins[i]! < min) min = mins[i]!;
        if (maxs[i]! > max) max = maxs[i]!;
      }
    };
    let lowerMin: Float64Array = values;
    let lowerMax: Float64Array = values;
    let start = from;
    let end = to;
    for (let level = 0; ; level++) {
      const upper = this.levels[level];
      if (upper === undefined || end - start <= 2 * fan) {
        take(lowerMin, lowerMax, start, end);
        break;
      }
      // The ragged ends at this level, the middle one level up.
      const innerStart = Math.ceil(start / fan);
      const innerEnd = Math.floor(end / fan);
      take(lowerMin, lowerMax, start, innerStart * fan);
      take(lowerMin, lowerMax, innerEnd * fan, end);
      lowerMin = upper.min;
      lowerMax = upper.max;
      start = innerStart;
      end = innerEnd;
    }
    return min <= max ? { min, max } : null;
  }

  private level(index: number, size: number): { min: Float64Array; max: Float64Array } {
    const level = this.levels[index];
    if (level !== undefined && level.min.length >= size) return level;
    const grow = (old: Float64Array | undefined) => {
      const grown = new Float64Array(Math.max(fan, size * 2));
      if (old !== undefined) grown.set(old);
      return grown;
    };
    this.levels[index] = { min: grow(level?.min), max: grow(level?.max) };
    return this.levels[index]!;
  }
}

/** First index in [0, n) whose x is at least `x`; n when there is none. `xs` never decreases. */
export function lowerBound(xs: ArrayLike<number>, n: number, x: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (xs[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the x nearest to `x`, or -1 without points. */
export function nearestIndex(xs: ArrayLike<number>, n: number, x: number): number {
  if (n === 0) return -1;
  const right = lowerBound(xs, n, x);
  if (right === 0) return 0;
  if (right === n) return n - 1;
  return x - xs[right - 1]! <= xs[right]! - x ? right - 1 : right;
}
