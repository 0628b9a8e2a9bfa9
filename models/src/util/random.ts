/**
 * Seeded random numbers that are the same on every machine: 32-bit integer arithmetic and exact doubles only.
 * Not cryptographic.
 */

/** A stream of uniform numbers (sfc32). Streams made from different keys are independent. */
export interface Random {
  /** Uniform in [0, 1), 32 bits of precision. */
  next(): number;
  /** Uniform integer in [0, bound). */
  int(bound: number): number;
  /** Uniform real in [low, high). */
  uniform(low: number, high: number): number;
  /** Approximately standard normal: the sum of twelve uniforms minus six, so that it needs no libm. */
  normal(): number;
  /** One element of a non-empty list. */
  pick<T>(items: readonly T[]): T;
  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** The four state words, to be stored in a checkpoint. */
  state(): [number, number, number, number];
}

/** Makes a stream from any list of numbers and strings, e.g. (run seed, step, sample id). */
export function createRandom(...key: (number | string)[]): Random {
  // FNV-1a over the key, then splitmix32 to spread it over four words.
  let hash = 0x811c9dc5;
  for (const part of key) {
    const text = `${typeof part}:${part};`;
    for (let i = 0; i < text.length; i++) {
      hash ^= text.charCodeAt(i);
      hash = Math.imul(hash, 0x01000193);
    }
  }
  const splitmix = () => {
    hash = (hash + 0x9e3779b9) | 0;
    let z = hash;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  const random = restoreRandom([splitmix(), splitmix(), splitmix(), 1]);
  for (let i = 0; i < 12; i++) random.next();
  return random;
}

/** Continues a stream from its stored state. */
export function restoreRandom(state: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = state;
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  const int = (bound: number) => Math.floor(next() * bound);
  return {
    next,
    int,
    uniform: (low, high) => low + (high - low) * next(),
    normal: () => {
      let sum = -6;
      for (let i = 0; i < 12; i++) sum += next();
      return sum;
    },
    pick: (items) => items[int(items.length)]!,
    shuffle: (items) => {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
    state: () => [a, b, c, d],
  };
}
