/**
 * The same picture twice: exactly (SHA-256 of the file) or nearly (a 256-bit difference hash of the pixels), inside one data
 * set or across the parts of a split, where it makes a test worthless.
 */

import { createHash } from "node:crypto";
import { DataError } from "@iad-r1/models/errors";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { fileHash } from "./formats/annotations";
import { sampleImage } from "./pixels";
import type { InspectionSample } from "./samples";
import { checkStopped } from "./stop";

export interface DuplicateOptions {
  /** Pictures whose hashes differ in at most this many of 256 bits are called similar. Default 6, at most 15. */
  maxDistance?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface DuplicatePair {
  a: InspectionSample;
  b: InspectionSample;
  kind: "same" | "similar";
  /** Differing bits; 0 for the same file. */
  distance: number;
  /** The parts that they are in, for `findLeaks`. */
  parts?: [string, string];
}

export interface DuplicateReport {
  pairs: DuplicatePair[];
  /** Samples whose picture could not be read, with the reason. */
  unreadable: { sample: InspectionSample; message: string }[];
}

interface Print {
  sample: InspectionSample;
  part: string;
  file: string;
  /** 16 numbers of 16 bits. */
  bits: Uint16Array;
}

const WORDS = 16;

/** All pairs of equal or similar pictures in a data set. */
export function findDuplicates(
  samples: readonly InspectionSample[],
  options: DuplicateOptions = {},
): Promise<DuplicateReport> {
  return compare({ "": samples }, false, options);
}

/** Pairs of equal or similar pictures that lie in different parts. */
export function findLeaks(
  parts: Readonly<Record<string, readonly InspectionSample[]>>,
  options: DuplicateOptions = {},
): Promise<DuplicateReport> {
  return compare(parts, true, options);
}

async function compare(
  parts: Readonly<Record<string, readonly InspectionSample[]>>,
  across: boolean,
  options: DuplicateOptions,
): Promise<DuplicateReport> {
  const maxDistance = Math.min(options.maxDistance ?? 6, WORDS - 1);
  const total = Object.values(parts).reduce((sum, samples) => sum + samples.length, 0);
  const prints: Print[] = [];
  const unreadable: DuplicateReport["unreadable"] = [];
  let done = 0;
  for (const [part, samples] of Object.entries(parts)) {
    for (const sample of samples) {
      checkStopped(options.signal);
      try {
        const image = await sampleImage(sample);
        const file =
          sample.synth === undefined
            ? await fileHash(sample.image)
            : createHash("sha256").update(image.data).digest("hex");
        prints.push({ sample, part, file, bits: differenceHash(image) });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        unreadable.push({ sample, message: error.message });
      }
      options.onProgress?.(++done, total);
    }
  }
  const pairs: DuplicatePair[] = [];
  for (const [i, j] of candidates(prints)) {
    const a = prints[i]!;
    const b = prints[j]!;
    if (across && a.part === b.part) continue;
    const distance = a.file === b.file ? 0 : hamming(a.bits, b.bits);
    if (a.file !== b.file && (distance > maxDistance || flat(a.bits))) continue;
    const pair: DuplicatePair = { a: a.sample, b: b.sample, kind: a.file === b.file ? "same" : "similar", distance };
    if (across) pair.parts = [a.part, b.part];
    pairs.push(pair);
  }
  return { pairs, unreadable };
}

/**
 * Pairs that may be near: hashes that differ in fewer than 16 bits agree in at least one of their 16 words, so only pictures
 * that share a word are compared. i < j, each pair once.
 */
function* candidates(prints: readonly Print[]): Generator<[number, number]> {
  const buckets = new Map<number, number[]>();
  for (let j = 0; j < prints.length; j++) {
    const met = new Set<number>();
    for (let word = 0; word < WORDS; word++) {
      const key = word * 65536 + prints[j]!.bits[word]!;
      const bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, [j]);
      else {
        for (const i of bucket) met.add(i);
        bucket.push(j);
      }
    }
    for (const i of met) yield [i, j];
  }
}

/**
 * 256 bits: is each of 16 x 16 fields brighter than its right neighbour, in the mean of 17 x 16 fields of equal size. Does not
 * change with size, brightness or contrast.
 */
export function differenceHash(image: RgbImage): Uint16Array {
  const { width, height, data } = image;
  const columns = WORDS + 1;
  const sums = new Float64Array(columns * WORDS);
  const counts = new Float64Array(columns * WORDS);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * WORDS) / height) * columns;
    for (let x = 0; x < width; x++) {
      const field = row + Math.floor((x * columns) / width);
      const o = 3 * (y * width + x);
      sums[field]! += 299 * data[o]! + 587 * data[o + 1]! + 114 * data[o + 2]!;
      counts[field]!++;
    }
  }
  const bits = new Uint16Array(WORDS);
  for (let row = 0; row < WORDS; row++) {
    for (let column = 0; column < WORDS; column++) {
      const left = row * columns + column;
      const here = sums[left]! / Math.max(1, counts[left]!);
      const next = sums[left + 1]! / Math.max(1, counts[left + 1]!);
      if (here > next) bits[row]! |= 1 << column;
    }
  }
  return bits;
}

function hamming(a: Uint16Array, b: Uint16Array): number {
  let distance = 0;
  for (let k = 0; k < WORDS; k++) {
    let x = a[k]! ^ b[k]!;
    for (; x !== 0; x &= x - 1) distance++;
  }
  return distance;
}

/** A picture of one colour has no differences and would be like every other. */
function flat(bits: Uint16Array): boolean {
  return bits.every((word) => word === 0);
}
