/** Between two versions of a text that differ in one stretch: where a place of one stands in the other. */

export class TextShift {
  private readonly prefix: number;
  private readonly suffix: number;
  private readonly oldLength: number;
  private readonly newLength: number;

  constructor(before: string, after: string) {
    const most = Math.min(before.length, after.length);
    let prefix = 0;
    if (before === after) prefix = most;
    else while (prefix < most && before.charCodeAt(prefix) === after.charCodeAt(prefix)) prefix++;
    let suffix = 0;
    while (
      suffix < most - prefix &&
      before.charCodeAt(before.length - 1 - suffix) === after.charCodeAt(after.length - 1 - suffix)
    ) {
      suffix++;
    }
    this.prefix = prefix;
    this.suffix = suffix;
    this.oldLength = before.length;
    this.newLength = after.length;
  }

  get isSame(): boolean {
    return this.prefix === this.oldLength && this.oldLength === this.newLength;
  }

  /** Null inside of what was changed. */
  toOld(offset: number): number | null {
    if (offset < this.prefix || this.isSame) return offset;
    if (offset >= this.newLength - this.suffix) return offset - this.newLength + this.oldLength;
    return null;
  }

  toNew(offset: number): number | null {
    if (offset < this.prefix || this.isSame) return offset;
    if (offset >= this.oldLength - this.suffix) return offset - this.oldLength + this.newLength;
    return null;
  }

  /** A stretch that lies wholly before or behind the change, or around it. Null when one of its ends was changed. */
  spanToNew(start: number, end: number): { start: number; end: number } | null {
    const from = this.toNew(start);
    // The end is the first place after it: it moves as the last place inside does.
    const last = end > start ? this.toNew(end - 1) : from;
    if (from === null || last === null) return null;
    return { start: from, end: end > start ? last + 1 : last };
  }
}
