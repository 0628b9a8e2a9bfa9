/**
 * Keeps up with a run folder while another process writes it: new journal lines, new points, progress, state. Everything is read from
 * the files, so a server that starts in the middle of a run sees what one saw that was there from the start. Never writes.
 */
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunEvent, RunListing, RunManifest, RunProgressEvent, ScalarColumn } from "@iad-r1/protocol/runs";
import { alertsOf, CurveTail, findingsOf, isFinal, lastStateOf, listingOf } from "./listing";
import { parseManifest } from "./manifest";
import { parseProgress } from "./progressFile";
import { parseScalarIndex, scalarRecordBytes } from "./scalars";
import { isLocked } from "./writerLock";

/** What one look found. */
export interface RunChanges {
  events: RunEvent[];
  /** The columns grew. */
  columns: boolean;
  /** Points grew, or a new generation began. */
  points: boolean;
  /** Something that the listing shows has changed. */
  listing: boolean;
}

/** Events kept in memory; older ones are on disk. */
const maxEvents = 20_000;
const chunkBytes = 1 << 18;

export class RunFollower {
  manifest: RunManifest | null = null;
  readonly events: RunEvent[] = [];
  columns: ScalarColumn[] = [];
  numPoints = 0;
  /** Rises when points were taken back. */
  generation = 1;
  /** No process writes the run, yet it has no final event. */
  isOrphan = false;
  /** Set by who knows that nothing more will come although the final event cannot be written. */
  isGivenUp = false;
  private tail = new CurveTail();
  private progress: RunProgressEvent | null = null;
  private readonly seen = { manifest: "", index: "", progress: "" };
  /** Of whole lines that were read. */
  private journalBytes = 0;
  private listingText = "";

  constructor(readonly folder: string) {}

  /** As the store lists it; null until the manifest could be read. */
  get listing(): RunListing | null {
    if (this.manifest === null) return null;
    const lastState = lastStateOf(this.events);
    // The journal is written first.
    const written = lastState?.attempt === this.manifest.attempt ? lastState.state : this.manifest.state;
    const state = this.isOrphan && this.isGivenUp && !isFinal(written) ? "failed" : written;
    return listingOf({
      ...{ folder: this.folder, manifest: { ...this.manifest, state } },
      ...{ tail: this.tail, lastState, progress: this.progress },
      ...{ findings: findingsOf(this.events), alerts: alertsOf(this.events) },
    });
  }

  /** @throws CheckpointError when the manifest or the index of the points is damaged */
  async look(): Promise<RunChanges> {
    const first = await this.pass();
    // The process may have written its last word between the reading of two files.
    const second = this.isOrphan ? await this.pass() : null;
    const events = second === null ? first.events : [...first.events, ...second.events];
    // All at once: nobody must see an event before `look` has told of it.
    for (const event of events) this.events.push(event);
    if (this.events.length > maxEvents) this.events.splice(0, this.events.length - maxEvents);
    const text = JSON.stringify(this.listing);
    const listing = text !== this.listingText;
    this.listingText = text;
    return {
      events,
      columns: first.columns || second?.columns === true,
      points: first.points || second?.points === true,
      listing,
    };
  }

  /** Reads each file once. The manifest comes first: once it is final, the journal holds the final event. */
  private async pass(): Promise<Omit<RunChanges, "listing">> {
    await this.readManifest();
    const events = await this.readJournal();
    // Points behind a resume were taken back before the journal says so.
    const restarted = events.some((event) => event.type === "state" && event.state === "queued" && event.attempt > 1);
    if (restarted) this.restartPoints();
    // A column is in the index before its first point is in the file: seen in this order, every point has a name.
    const total = Math.floor((await sizeOf(join(this.folder, "scalars.bin"))) / scalarRecordBytes);
    const columns = await this.readIndex();
    const points = (await this.readPoints(total)) || restarted;
    await this.readProgress();
    this.isOrphan =
      this.manifest !== null && !isFinal(this.manifest.state) && !isLocked(join(this.folder, "writer.lock"));
    return { events, columns, points };
  }

  /** Records of the store from point `offset` on, at most `count`. */
  async readRecords(offset: number, count: number): Promise<Uint8Array> {
    const size = Math.max(0, Math.min(count, this.numPoints - offset)) * scalarRecordBytes;
    return readPart(join(this.folder, "scalars.bin"), offset * scalarRecordBytes, size);
  }

  private async readManifest(): Promise<void> {
    const path = join(this.folder, "run.json");
    const text = await this.readIfChanged(path, "manifest");
    if (text !== null) this.manifest = parseManifest(text, path);
  }

  /** What is behind the last line feed is read again next time: a line that a crash cut off is taken away when the run goes on. */
  private async readJournal(): Promise<RunEvent[]> {
    const path = join(this.folder, "events.jsonl");
    const size = await sizeOf(path);
    if (size < this.journalBytes) {
      this.journalBytes = 0;
      this.events.length = 0;
    }
    const found: RunEvent[] = [];
    for (let want = chunkBytes; this.journalBytes < size; ) {
      const bytes = await readPart(path, this.journalBytes, Math.min(want, size - this.journalBytes));
      const end = bytes.lastIndexOf(0x0a) + 1;
      if (end === 0) {
        if (bytes.byteLength < want) break;
        want *= 2;
        continue;
      }
      for (const line of Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("utf8").split("\n")) {
        const event = parseEvent(line);
        if (event !== null) found.push(event);
      }
      this.journalBytes += end;
    }
    return found;
  }

  private async readIndex(): Promise<boolean> {
    const path = join(this.folder, "scalars.json");
    const text = await this.readIfChanged(path, "index");
    if (text === null) return false;
    this.columns = parseScalarIndex(text, path);
    return true;
  }

  private async readPoints(total: number): Promise<boolean> {
    const path = join(this.folder, "scalars.bin");
    let changed = false;
    if (total < this.numPoints) {
      this.restartPoints();
      changed = true;
    }
    while (this.numPoints < total) {
      const want = Math.min(
        chunkBytes - (chunkBytes % scalarRecordBytes),
        (total - this.numPoints) * scalarRecordBytes,
      );
      const bytes = await readPart(path, this.numPoints * scalarRecordBytes, want);
      const count = Math.floor(bytes.byteLength / scalarRecordBytes);
      if (count === 0) break;
      this.addToTail(bytes, count);
      this.numPoints += count;
      changed = true;
    }
    return changed;
  }

  private addToTail(bytes: Uint8Array, count: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let r = 0; r < count; r++) {
      const at = r * scalarRecordBytes;
      const column = this.columns[view.getUint32(at, true)];
      if (column === undefined) continue;
      const step = view.getUint32(at + 4, true);
      this.tail.add(column.stage, column.name, step, view.getFloat64(at + 8, true), view.getFloat64(at + 16, true));
    }
  }

  private restartPoints(): void {
    this.generation += 1;
    this.numPoints = 0;
    this.tail = new CurveTail();
  }

  private async readProgress(): Promise<void> {
    const path = join(this.folder, "progress.json");
    const text = await this.readIfChanged(path, "progress");
    if (text !== null) this.progress = text === "" ? null : parseProgress(text);
  }

  /** Text of a file that is replaced as a whole; null when it is the one already read, "" when it is gone. */
  private async readIfChanged(path: string, key: keyof typeof this.seen): Promise<string | null> {
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const mark = `${mtimeMs} ${size} ${ino}`;
      if (mark === this.seen[key]) return null;
      const text = await readFile(path, "utf8");
      this.seen[key] = mark;
      return text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      if (key !== "progress" || this.seen[key] === "") return null;
      this.seen[key] = "";
      return "";
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

async function readPart(path: string, offset: number, size: number): Promise<Uint8Array> {
  if (size <= 0) return new Uint8Array(0);
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Uint8Array(0);
    throw error;
  }
  try {
    const bytes = new Uint8Array(size);
    const { bytesRead } = await file.read(bytes, 0, size, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function parseEvent(line: string): RunEvent | null {
  if (line === "") return null;
  try {
    const event = JSON.parse(line) as RunEvent | null;
    return typeof event === "object" && typeof event?.type === "string" && Number.isFinite(event.seq) ? event : null;
  } catch {
    return null;
  }
}
