/** The one giver of names in a graph: nobody else makes a name unique. */
export class NameAuthority {
  private readonly taken = new Set<string>();
  private readonly counters = new Map<string, number>();

  /** `wanted` itself when free, otherwise "wanted_1", "wanted_2", ... */
  unique(wanted: string): string {
    let name = wanted;
    let count = this.counters.get(wanted) ?? 0;
    while (this.taken.has(name)) name = `${wanted}_${++count}`;
    this.counters.set(wanted, count);
    this.taken.add(name);
    return name;
  }

  /** Takes exactly this name; false when somebody has it. */
  claim(name: string): boolean {
    if (this.taken.has(name)) return false;
    this.taken.add(name);
    return true;
  }
}
