/**
 * The numbers and texts of a record that lists need, taken out of its line without reading it as a whole: several times faster where there are
 * a hundred thousand. It knows the one order of keys in which our recorder writes; any other line gives null and is parsed as usual.
 */
import type { RewardStatus } from "@iad-r1/protocol/runs";
import type { RolloutRow } from "./row";

/** What of a row is counted, sorted and searched. A whole row has it too. */
export interface IndexedRow {
  group: string;
  index: number;
  prompt: unknown;
  completion: string;
  solution: string | null;
  columns: Readonly<Record<string, unknown>>;
  mode?: string;
  sampleId?: string;
  step?: number;
  finish?: RolloutRow["finish"];
  length?: number;
  total?: number | null;
  advantage?: number | null;
  rewards?: Readonly<Record<string, number | null>>;
  status?: Readonly<Record<string, RewardStatus>>;
  images?: readonly string[];
}

/** The row, and the hash of its prompt, which stands elsewhere. */
export type ScannedRecord = IndexedRow & { promptHash: string };

const quote = 34;
const backslash = 92;
const minus = 45;
const dot = 46;
const powersOfTen = Array.from({ length: 16 }, (_, i) => 10 ** i);

/** What stands before the number of the group: the same for all completions of a step. */
type Head = Pick<ScannedRecord, "mode"> & { step: number };

/** What stands between the place in the group and the completion: the same for the whole group. */
type Task = Pick<ScannedRecord, "sampleId" | "images" | "promptHash" | "solution">;

/** Reads the lines of one run. Parts that repeat from line to line are compared with those before and not read again. */
export class RecordScanner {
  private text = "";
  private at = 0;
  private readonly heads = new Repeated<Head>();
  private readonly tasks = new Repeated<Task>();
  private readonly finishes = new Repeated<{ finish?: ScannedRecord["finish"] }>();
  private readonly pictures = new Repeated<readonly string[]>();
  private readonly statuses = new Repeated<Record<string, RewardStatus>>();
  /** Rewards of the line before, as they are written: those of the next are the same. */
  private rewardKeys: { text: string; name: string }[] = [];
  private group = { step: -1, number: -1, name: "" };

  /** Null: not in the usual form. */
  scan(line: string): ScannedRecord | null {
    this.text = line;
    this.at = 0;
    const head = this.repeated(this.heads, this.head);
    if (head === null) return null;
    const group = this.whole();
    if (group === null || !this.key(',"index":')) return null;
    const index = this.whole();
    if (index === null) return null;
    const task = this.repeated(this.tasks, this.task);
    if (task === null) return null;
    const completion = this.string();
    if (completion === null) return null;
    const end = this.repeated(this.finishes, this.finish);
    if (end === null) return null;
    const length = this.whole();
    if (length === null || !this.key(',"rewards":')) return null;
    const rewards = this.scores();
    if (rewards === null || !this.key(',"status":')) return null;
    const status = this.repeated(this.statuses, this.status);
    if (status === null) return null;
    if (!this.key(',"notes":{},"total":')) {
      if (!this.key(',"notes":') || !this.skipNotes() || !this.key(',"total":')) return null;
    }
    const total = this.numberOrNull();
    if (total === undefined || !this.key(',"advantage":')) return null;
    const advantage = this.numberOrNull();
    // What follows is not needed here, but must end the object.
    if (advantage === undefined || !isEnd(line.charCodeAt(this.at)) || !line.endsWith("}")) return null;
    // One plain object: spreading parts together would take longer than all the reading.
    const record: ScannedRecord = {
      group: this.groupName(head.step, group),
      index,
      prompt: null,
      completion,
      solution: task.solution,
      columns: noColumns,
      sampleId: task.sampleId!,
      step: head.step,
      length,
      total,
      advantage,
      rewards,
      status,
      images: task.images!,
      promptHash: task.promptHash,
    };
    if (head.mode !== undefined) record.mode = head.mode;
    if (end.finish !== undefined) record.finish = end.finish;
    return record;
  }

  private readonly head = (): Head | null => {
    if (!this.key('{"run":')) return null;
    if (this.string() === null || !this.key(',"step":')) return null;
    const step = this.whole();
    if (step === null || !this.key(',"mode":')) return null;
    const mode = this.string();
    if (mode === null || !this.key(',"group":')) return null;
    return mode === "train" ? { step } : { step, mode: own(mode) };
  };

  private readonly task = (): Task | null => {
    if (!this.key(',"sampleId":')) return null;
    const sampleId = this.string();
    if (sampleId === null || !this.key(',"imageRefs":')) return null;
    const images = this.repeated(this.pictures, () => {
      const list = this.piece("[", "]");
      return list === null ? null : picturesIn(list);
    });
    if (images === null || !this.key(',"promptHash":')) return null;
    const promptHash = this.string();
    if (promptHash === null || !this.key(',"solution":')) return null;
    const solution = this.key("null") ? null : this.string();
    if (!this.key(',"completion":')) return null;
    const kept = { sampleId: own(sampleId), images, promptHash: own(promptHash) };
    return { ...kept, solution: solution === null ? null : own(solution) };
  };

  private readonly finish = (): { finish?: ScannedRecord["finish"] } | null => {
    if (!this.key(',"finish":')) return null;
    const finish = this.string();
    if (finish === null || !this.key(',"length":')) return null;
    return finish === "eos" || finish === "length" || finish === "stop" ? { finish } : {};
  };

  private readonly status = (): Record<string, RewardStatus> | null => {
    const object = this.piece("{", "}");
    return object === null ? null : statusIn(object);
  };

  private groupName(step: number, number: number): string {
    const { group } = this;
    if (group.step !== step || group.number !== number) this.group = { step, number, name: `${step}/${number}` };
    return this.group.name;
  }

  private key(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private string(): string | null {
    const { text } = this;
    if (text.charCodeAt(this.at) !== quote) return null;
    const start = this.at + 1;
    let end = text.indexOf('"', start);
    let isEscaped = false;
    while (end > 0 && text.charCodeAt(end - 1) === backslash) {
      isEscaped = true;
      let from = end - 1;
      while (from > start && text.charCodeAt(from - 1) === backslash) from--;
      // An even number of them are backslashes of the text, and the quotation mark ends it.
      if ((end - from) % 2 === 0) break;
      end = text.indexOf('"', end + 1);
    }
    if (end < 0) return null;
    this.at = end + 1;
    const content = text.slice(start, end);
    if (!isEscaped && !content.includes("\\")) return content;
    return parsed(text.slice(start - 1, end + 1)) as string | null;
  }

  /** A number of at most nine digits, as steps and places are. */
  private whole(): number | null {
    const start = this.at;
    let value = 0;
    for (;;) {
      const digit = this.text.charCodeAt(this.at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      this.at++;
    }
    const size = this.at - start;
    return size === 0 || size > 9 || (size > 1 && this.text.charCodeAt(start) === 48) ? null : value;
  }

  /** Undefined: something else. */
  private numberOrNull(): number | null | undefined {
    const { text } = this;
    const first = text.charCodeAt(this.at);
    if (first !== minus && !isDigit(first)) return this.key("null") ? null : undefined;
    const start = this.at;
    let at = first === minus ? start + 1 : start;
    let digits = 0;
    let numDigits = 0;
    let numDecimals = -1;
    let code = text.charCodeAt(at);
    for (; !isEnd(code); code = text.charCodeAt(++at)) {
      if (isDigit(code)) {
        digits = digits * 10 + (code - 48);
        numDigits++;
        if (numDecimals >= 0) numDecimals++;
      } else if (code === dot && numDecimals < 0) numDecimals = 0;
      else numDigits = Number.POSITIVE_INFINITY;
    }
    this.at = at;
    if (numDigits > 0 && numDigits <= 15) {
      // A float holds digits and power of ten exactly: one division, rounded once, as `Number` does.
      const size = numDecimals > 0 ? digits / powersOfTen[numDecimals]! : digits;
      return first === minus ? -size : size;
    }
    const value = Number(text.slice(start, at));
    return Number.isFinite(value) ? value : undefined;
  }

  /** An object of numbers. */
  private scores(): Record<string, number | null> | null {
    if (!this.key("{")) return null;
    const scores: Record<string, number | null> = {};
    if (this.key("}")) return scores;
    let place = 0;
    do {
      const name = this.rewardKey(place++);
      if (name === null) return null;
      const score = this.numberOrNull();
      if (score === undefined) return null;
      scores[name] = score;
    } while (this.key(","));
    return this.key("}") ? scores : null;
  }

  private rewardKey(place: number): string | null {
    const known = this.rewardKeys[place];
    if (known !== undefined && this.key(known.text)) return known.name;
    const start = this.at;
    const name = this.string();
    if (name === null || name === "__proto__" || !this.key(":")) return null;
    this.rewardKeys[place] = { text: own(this.text.slice(start, this.at)), name: own(name) };
    return name;
  }

  /** A part that the line before had too, or is read now. */
  private repeated<T>(met: Repeated<T>, read: () => T | null): T | null {
    const { last } = met;
    const start = this.at;
    if (last !== null) {
      // Several times as fast as `startsWith` for a text of some length.
      const end = start + last.text.length;
      if (this.text.slice(start, end) === last.text) {
        this.at = end;
        return last.value;
      }
    }
    const value = read();
    if (value !== null) met.last = { text: own(this.text.slice(start, this.at)), value };
    return value;
  }

  /** From a bracket to the next one that closes; without nesting. */
  private piece(open: string, close: string): string | null {
    const { text, at } = this;
    const end = text.startsWith(open, at) ? text.indexOf(close, at) : -1;
    if (end < 0) return null;
    this.at = end + 1;
    return text.slice(at, end + 1);
  }

  /** Notes are mostly empty or short; with something else than texts and numbers in them the line is read as usual. */
  private skipNotes(): boolean {
    if (!this.key("{")) return false;
    if (this.key("}")) return true;
    do {
      if (this.string() === null || !this.key(":")) return false;
      const isSimple = this.text.charCodeAt(this.at) === quote ? this.string() !== null : this.skipWord();
      if (!isSimple) return false;
    } while (this.key(","));
    return this.key("}");
  }

  private skipWord(): boolean {
    const start = this.at;
    while (!isEnd(this.text.charCodeAt(this.at))) this.at++;
    const said = this.text.slice(start, this.at);
    return said === "true" || said === "false" || said === "null" || (said !== "" && Number.isFinite(Number(said)));
  }
}

/** A piece of text that ends where it is known to, with what it means. */
class Repeated<T> {
  last: { text: string; value: T } | null = null;
}

/** A copy: a piece alone would keep the whole text that it was cut from in memory. */
function own(text: string): string {
  return Buffer.from(text).toString();
}

const noColumns: Readonly<Record<string, unknown>> = {};

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** A comma, the end of an object, or the end of the text. */
function isEnd(code: number): boolean {
  return code === 44 || code === 125 || Number.isNaN(code);
}

function picturesIn(text: string): string[] | null {
  const list = parsed(text);
  if (!Array.isArray(list)) return null;
  const ids = list.map((each: unknown) => (each as { id?: unknown } | null)?.id);
  return ids.every((id): id is string => typeof id === "string") ? ids : null;
}

function statusIn(text: string): Record<string, RewardStatus> | null {
  const value = parsed(text);
  if (typeof value !== "object" || value === null) return null;
  const isKnown = (each: unknown) => each === "ok" || each === "na" || each === "error";
  return Object.values(value).every(isKnown) ? (value as Record<string, RewardStatus>) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
