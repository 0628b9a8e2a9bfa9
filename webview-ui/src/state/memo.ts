/** Values that are costly to make, kept until what they are made from changes. One value a key, so the memory is bounded by the keys. */

export class Memo<T> {
  private readonly kept = new Map<string, { from: readonly unknown[]; value: T }>();

  /** @param from compared one by one with ===; must have the same length each time for a key */
  get(key: string, from: readonly unknown[], make: () => T): T {
    const kept = this.kept.get(key);
    if (kept !== undefined && kept.from.length === from.length && kept.from.every((each, i) => each === from[i])) {
      return kept.value;
    }
    const value = make();
    this.kept.set(key, { from, value });
    return value;
  }
}
