/** Columns that grow: numbers and codes for texts that repeat. Small enough for a hundred thousand rows and more. */

export class NumberColumn {
  private data = new Float64Array(1024);
  length = 0;

  /** Missing values are NaN. */
  push(value: number | null | undefined): void {
    if (this.length === this.data.length) {
      const larger = new Float64Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[this.length++] = value ?? Number.NaN;
  }

  get values(): Float64Array {
    return this.data.subarray(0, this.length);
  }
}

/** Each different text has a number, by order of appearance. */
export class CodeColumn {
  readonly names: string[] = [];
  private readonly codes = new Map<string, number>();
  private data = new Uint32Array(1024);
  private last = { name: "", code: -1 };
  length = 0;

  push(name: string): number {
    // Neighbours mostly say the same.
    let code: number | undefined = name === this.last.name ? this.last.code : -1;
    if (code < 0) {
      code = this.codes.get(name);
      if (code === undefined) {
        code = this.names.length;
        // A copy: a name may be a piece of a large text, which it would keep in memory.
        const own = name.length < 13 ? name : Buffer.from(name).toString();
        this.codes.set(own, code);
        this.names.push(own);
      }
      this.last = { name: this.names[code]!, code };
    }
    if (this.length === this.data.length) {
      const larger = new Uint32Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[this.length++] = code;
    return code;
  }

  codeOf(name: string): number | undefined {
    return this.codes.get(name);
  }

  get values(): Uint32Array {
    return this.data.subarray(0, this.length);
  }
}

/** Texts of many rows as UTF-8 in lower case, to look for a part in all of them at once. */
export class TextColumn {
  /** Blocks that stay where they are: one that grows would be copied again and again. */
  private readonly blocks: TextBlock[] = [];
  private length = 0;

  /**
   * @param folded in lower case
   * @param name the same of what is found too, before it
   */
  push(folded: string, name = ""): void {
    // A UTF-16 unit takes at most three bytes; one more each keeps neighbours apart.
    const room = (folded.length + name.length) * 3 + 2;
    let block = this.blocks.at(-1);
    if (block === undefined || block.used + room > block.bytes.length) {
      block = {
        bytes: Buffer.allocUnsafeSlow(Math.max(blockBytes, room)),
        used: 0,
        first: this.length,
        ends: new NumberColumn(),
      };
      this.blocks.push(block);
    }
    if (name !== "") {
      block.used += block.bytes.write(name, block.used);
      block.bytes[block.used++] = newLine;
    }
    block.used += block.bytes.write(folded, block.used);
    block.bytes[block.used++] = 0;
    block.ends.push(block.used);
    this.length++;
  }

  /** Calls `hit` for each row that holds the text, in order. */
  find(text: string, hit: (row: number) => void): void {
    const needle = Buffer.from(text.toLowerCase());
    if (needle.length === 0 || needle.includes(0)) return;
    for (const block of this.blocks) {
      const { values: ends } = block.ends;
      const bytes = block.bytes.subarray(0, block.used);
      let row = 0;
      for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, ends[row]!)) {
        row = rowAt(ends, at, row);
        hit(block.first + row);
      }
    }
  }
}

interface TextBlock {
  bytes: Buffer;
  used: number;
  /** Row of its first text. */
  first: number;
  ends: NumberColumn;
}

const blockBytes = 4 << 20;
const newLine = 10;

/** The first row from `from` on that ends behind the offset. */
function rowAt(ends: Float64Array, offset: number, from: number): number {
  let low = from;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
