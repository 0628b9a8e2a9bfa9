/** Offsets in a text to lines and columns, and back. Lines end at "\n"; the index is built when first asked. */
export class TextLines {
  private index: number[] | null = null;

  constructor(readonly text: string) {}

  /** Number of lines; an empty text has one. */
  get count(): number {
    return this.starts.length;
  }

  /** Both from 1; a column counts UTF-16 units. */
  position(offset: number): { line: number; column: number } {
    const { starts } = this;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  }

  /** Places behind the end of a line or of the text are moved there. */
  offset(line: number, column: number): number {
    const start = this.starts[Math.min(Math.max(line, 1), this.count) - 1]!;
    return line > this.count ? this.text.length : Math.min(start + Math.max(column, 1) - 1, this.endOfLine(line));
  }

  /** Offset behind the last character of a line, before its line break. */
  endOfLine(line: number): number {
    const next = this.starts[line];
    if (next === undefined) return this.text.length;
    return this.text[next - 2] === "\r" ? next - 2 : next - 1;
  }

  private get starts(): number[] {
    if (this.index === null) {
      this.index = [0];
      for (let at = this.text.indexOf("\n"); at >= 0; at = this.text.indexOf("\n", at + 1)) this.index.push(at + 1);
    }
    return this.index;
  }
}
