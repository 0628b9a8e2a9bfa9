/**
 * From the logits of one row to its next token: repetition penalty, temperature, top-k, top-p, in the order and with the borders of
 * transformers' logits processors. Pure functions over one row; batches, stopping and streams of random numbers are the
 * generator's.
 */
import { ConfigError } from "@iad-r1/models/errors";
import type { Random } from "@iad-r1/models/util/random";

export interface SamplingOptions {
  /** Logits are divided by it; 0 = always the most likely token. */
  temperature: number;
  /** Only the k most likely tokens, and those that are as likely as the last of them; 0 = off. */
  topK: number;
  /** Only the smallest set of most likely tokens whose probabilities reach this sum; 1 = off. */
  topP: number;
  /** Above 1, tokens that occurred already (also in the prompt) become less likely; 1 = off. */
  repetitionPenalty: number;
}

export const greedy: SamplingOptions = { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1 };

/** What a model says about the next token: softmax of the raw logits, no temperature, nothing cut. */
export interface Distribution {
  /** (V,) */
  logits: Float32Array;
  /** log of the sum of exp(logit): the log-probability of a token is its logit minus this. */
  logSumExp: number;
  /** In nats. */
  entropy: number;
}

/** @throws ConfigError `generate/sampling` */
export function checkSampling(options: SamplingOptions): void {
  const { temperature, topK, topP, repetitionPenalty } = options;
  const wrong = !(temperature >= 0 && Number.isFinite(temperature))
    ? `temperature of at least 0, got ${temperature}`
    : !(Number.isInteger(topK) && topK >= 0)
      ? `topK as a whole number of at least 0, got ${topK}`
      : !(topP > 0 && topP <= 1)
        ? `topP above 0 and at most 1, got ${topP}`
        : !(repetitionPenalty > 0 && Number.isFinite(repetitionPenalty))
          ? `repetitionPenalty above 0, got ${repetitionPenalty}`
          : null;
  if (wrong !== null) {
    throw new ConfigError("generate/sampling", `Sampling: expected ${wrong}.`, {
      hint: "Use temperature 0 for the most likely answer, or 0.9 with topK 50 and topP 0.9.",
    });
  }
}

/** Changes the logits of ids that occurred: positive ones are divided, negative ones multiplied. Each id once. */
export function penalizeRepetition(logits: Float32Array, occurred: Iterable<number>, penalty: number): void {
  for (const id of occurred) {
    if (id < 0 || id >= logits.length) continue;
    const logit = logits[id]!;
    logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** The largest logit; the lowest id among equals. */
export function argMax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/**
 * Draws the next token.
 *
 * @param logits (V,) after any repetition penalty; not changed
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, random: Random): number {
  if (options.temperature === 0) return argMax(logits);
  const { temperature, topP } = options;
  const size = logits.length;
  const limit = options.topK > 0 ? Math.min(options.topK, size) : size;
  if (limit === size && topP >= 1) return drawFromAll(logits, temperature, random.next());
  const mass = boltzmann(logits, temperature);
  const ids = limit === size ? nucleus(logits, mass, topP) : trimToMass(withTies(logits, limit), mass, topP);
  let rest = 0;
  for (const id of ids) rest += mass(id);
  rest *= random.next();
  for (const id of ids) {
    rest -= mass(id);
    if (rest < 0) return id;
  }
  return ids.at(-1)!;
}

/** log of the probability of an id when logits are divided by the temperature and nothing is cut; of a greedy choice, 0. */
export function logProbAt(logits: Float32Array, id: number, temperature: number): number {
  if (temperature === 0) return 0;
  const max = logits[argMax(logits)]!;
  let total = 0;
  for (const logit of logits) total += Math.exp((logit - max) / temperature);
  return (logits[id]! - max) / temperature - Math.log(total);
}

/** Unnormalised probability of an id; 1 for the most likely one. */
function boltzmann(logits: Float32Array, temperature: number): (id: number) => number {
  const max = logits[argMax(logits)]!;
  return (id) => Math.exp((logits[id]! - max) / temperature);
}

/** The first ids until their mass reaches `topP` of the mass of all that are given; at least one. */
function trimToMass(ids: Int32Array, mass: (id: number) => number, topP: number): Int32Array {
  if (topP >= 1) return ids;
  let total = 0;
  for (const id of ids) total += mass(id);
  let kept = 0;
  for (let before = 0; kept < ids.length && (kept === 0 || before < topP * total); kept++) before += mass(ids[kept]!);
  return ids.subarray(0, kept);
}

function drawFromAll(logits: Float32Array, temperature: number, uniform: number): number {
  const mass = boltzmann(logits, temperature);
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += mass(id);
  let rest = uniform * total;
  let last = 0;
  for (let id = 0; id < logits.length; id++) {
    if (mass(id) === 0) continue;
    last = id;
    rest -= mass(id);
    if (rest < 0) return id;
  }
  return last;
}

/** Ids of the k largest logits, largest first, lower ids first among equals; k is at most their number. */
export function largest(logits: Float32Array, k: number): Int32Array {
  // A heap of the k best so far with the worst of them on top: nearly every id ends at one comparison with it.
  const heap = Int32Array.from({ length: k }, (_, id) => id);
  for (let at = (k >> 1) - 1; at >= 0; at--) sink(heap, logits, at, k, worstFirst);
  let floor = logits[heap[0]!]!;
  for (let id = k; id < logits.length; id++) {
    // Among equals the earlier id stays.
    if (logits[id]! <= floor) continue;
    heap[0] = id;
    sink(heap, logits, 0, k, worstFirst);
    floor = logits[heap[0]!]!;
  }
  for (let end = k - 1; end > 0; end--) {
    swap(heap, 0, end);
    sink(heap, logits, 0, end, worstFirst);
  }
  return heap;
}

/** The k largest, and every other id whose logit equals the last of them: a border between equals cuts none of them off. */
function withTies(logits: Float32Array, k: number): Int32Array {
  const ids = largest(logits, k);
  // Lower ids come first among equals, so those that were cut off are behind it.
  const last = ids[k - 1]!;
  const ties: number[] = [];
  for (let id = last + 1; id < logits.length; id++) if (logits[id] === logits[last]) ties.push(id);
  return ties.length === 0 ? ids : Int32Array.from([...ids, ...ties]);
}

/** Ids of the most likely tokens, largest first, until their mass reaches `topP` of all mass. */
function nucleus(logits: Float32Array, mass: (id: number) => number, topP: number): Int32Array {
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += mass(id);
  // Building a heap and popping costs V + n log V instead of sorting the vocabulary.
  const heap = Int32Array.from({ length: logits.length }, (_, id) => id);
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, logits, at, heap.length, bestFirst);
  let end = heap.length;
  for (let reached = 0; end > 0 && (end === heap.length || reached < topP * total); ) {
    reached += mass(heap[0]!);
    swap(heap, 0, --end);
    sink(heap, logits, 0, end, bestFirst);
  }
  return heap.subarray(end).reverse();
}

/** What a heap has on top. As factors, so that both heaps are one piece of fast code. */
const worstFirst = 1;
const bestFirst = -1;

function sink(heap: Int32Array, logits: Float32Array, from: number, size: number, top: 1 | -1): void {
  let at = from;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= size) return;
    const right = left + 1;
    const child = right < size && isFirst(logits, heap[right]!, heap[left]!, top) ? right : left;
    if (!isFirst(logits, heap[child]!, heap[at]!, top)) return;
    swap(heap, at, child);
    at = child;
  }
}

/** Whether id `a` belongs above id `b`. Among equal logits the lower id is the better one. */
function isFirst(logits: Float32Array, a: number, b: number, top: 1 | -1): boolean {
  const difference = top * (logits[a]! - logits[b]!);
  return difference < 0 || (difference === 0 && top * (a - b) > 0);
}

function swap(heap: Int32Array, a: number, b: number): void {
  const kept = heap[a]!;
  heap[a] = heap[b]!;
  heap[b] = kept;
}
