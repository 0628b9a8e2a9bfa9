/** Pictures as tiles: asks the worker, keeps what was drawn lately, says when more is there. One worker serves the whole view. */
import { code as workerCode } from "worker:./pictureWorker.ts";
import { type Level, type PictureAnswer, type PictureAnswers, type PictureRequest, tileSize } from "./messages";

/** Tiles kept for each picture; a tile takes up to 4 MB. */
const maxTiles = 48;
/** Pictures kept decoded, the one in sight included. */
const maxPictures = 3;
/** Pixels kept decoded beyond the pictures in sight; each takes 5.3 bytes with its halved copies. */
const maxPixels = 100_000_000;
/** Larger files are not fetched ahead: decoded, they would take hundreds of megabytes. */
const maxAheadBytes = 20_000_000;
/** So long a tile that could not be cut, for want of memory perhaps, is left to the coarser ones. */
const retryMs = 1000;

class PictureWorker {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  private nextId = 1;

  constructor() {
    const url = URL.createObjectURL(new Blob([workerCode], { type: "text/javascript" }));
    this.worker = new Worker(url);
    this.worker.onmessage = ({ data }: MessageEvent<PictureAnswer>) => {
      const request = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) request?.reject(new Error(data.error));
      else request?.resolve(data.answer as never);
    };
  }

  ask<T extends PictureRequest["type"]>(request: Extract<PictureRequest, { type: T }>): Promise<PictureAnswers[T]> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: never) => void, reject });
      this.worker.postMessage({ id, request });
    });
  }
}

let sharedWorker: PictureWorker | null = null;
let nextPicture = 1;

function picturesWorker(): PictureWorker {
  sharedWorker ??= new PictureWorker();
  return sharedWorker;
}

export interface Tile {
  bitmap: ImageBitmap;
  level: number;
  column: number;
  row: number;
}

/** One decoded picture. */
export class PictureSource {
  phase: "loading" | "ready" | "failed" = "loading";
  error: string | null = null;
  /** Its address leads nowhere: the file was deleted or may not be read. */
  isGone = false;
  levels: Level[] = [];
  private readonly number = nextPicture++;
  private readonly tiles = new Map<string, Tile | "asking">();
  private readonly listeners = new Set<() => void>();
  private isClosed = false;

  constructor(
    readonly uri: string,
    /** Nobody looks at it yet. */
    public isAhead: boolean,
  ) {
    void this.open();
  }

  get width(): number {
    return this.levels[0]?.width ?? 1;
  }

  get height(): number {
    return this.levels[0]?.height ?? 1;
  }

  /** @returns a function that ends it */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The tile, if it is here; otherwise it is asked for, and `onChange` tells when it came. */
  tile(level: number, column: number, row: number): Tile | null {
    const key = `${level}/${column}/${row}`;
    const tile = this.tiles.get(key);
    if (tile === undefined) {
      this.tiles.set(key, "asking");
      void this.fetchTile(key, level, column, row);
      return null;
    }
    if (tile === "asking") return null;
    // Used last: dropped last.
    this.tiles.delete(key);
    this.tiles.set(key, tile);
    return tile;
  }

  /** The tile, only if it is here. */
  peek(level: number, column: number, row: number): Tile | null {
    const tile = this.tiles.get(`${level}/${column}/${row}`);
    return tile === undefined || tile === "asking" ? null : tile;
  }

  /** Whether tiles are on their way. */
  get isBusy(): boolean {
    return this.phase === "loading" || [...this.tiles.values()].includes("asking");
  }

  async pixel(x: number, y: number): Promise<[number, number, number, number]> {
    return (await picturesWorker().ask({ type: "pixel", picture: this.number, x, y })).rgba;
  }

  close(): void {
    this.isClosed = true;
    for (const tile of this.tiles.values()) if (tile !== "asking") tile.bitmap.close();
    this.tiles.clear();
    void picturesWorker().ask({ type: "close", picture: this.number });
  }

  private async open(): Promise<void> {
    try {
      const response = await fetch(this.uri);
      this.isGone = !response.ok;
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      const blob = await response.blob();
      if (this.isAhead && blob.size > maxAheadBytes) {
        this.phase = "failed";
        return;
      }
      const { levels } = await picturesWorker().ask({ type: "open", picture: this.number, blob });
      this.levels = levels;
      this.phase = "ready";
    } catch (error) {
      this.phase = "failed";
      this.error = error instanceof Error ? error.message : String(error);
    }
    this.changed();
  }

  private async fetchTile(key: string, level: number, column: number, row: number): Promise<void> {
    try {
      const { bitmap } = await picturesWorker().ask({ type: "tile", picture: this.number, level, column, row });
      if (this.isClosed) {
        bitmap.close();
        return;
      }
      this.tiles.set(key, { bitmap, level, column, row });
      this.dropOld();
    } catch {
      setTimeout(() => {
        if (this.isClosed) return;
        this.tiles.delete(key);
        this.changed();
      }, retryMs);
      return;
    }
    this.changed();
  }

  private dropOld(): void {
    for (const [key, tile] of this.tiles) {
      if (this.tiles.size <= maxTiles) return;
      if (tile === "asking" || tile.level === this.levels.length - 1) continue;
      tile.bitmap.close();
      this.tiles.delete(key);
    }
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}

const opened: PictureSource[] = [];

/** The picture at an address; the pictures looked at last stay decoded. */
export function openPicture(uri: string): PictureSource {
  const at = opened.findIndex((source) => source.uri === uri);
  let source = at < 0 ? undefined : opened.splice(at, 1)[0];
  // One that was not fetched ahead, or failed for a while, gets another try.
  if (source === undefined || source.phase === "failed") {
    source?.close();
    source = new PictureSource(uri, false);
  }
  source.isAhead = false;
  opened.push(source);
  trim();
  source.onChange(trim);
  return source;
}

/** The two opened last are in sight: a picture and its reference. Older ones go when there are too many, or too large ones. */
function trim(): void {
  const numPixels = () => opened.reduce((sum, { width, height }) => sum + width * height, 0);
  while (opened.length > maxPictures || (opened.length > 2 && numPixels() > maxPixels)) opened.shift()!.close();
}

/** Decodes a picture that will probably be looked at next. */
export function openAhead(uri: string): void {
  if (opened.some((source) => source.uri === uri)) return;
  opened.unshift(new PictureSource(uri, true));
  // The one in sight is last; the oldest of the others goes.
  while (opened.length > maxPictures) opened.splice(1, 1)[0]!.close();
}

/** A mask as a bitmap of one colour. */
export async function tintedMask(uri: string, color: [number, number, number]): Promise<ImageBitmap> {
  const response = await fetch(uri);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return (await picturesWorker().ask({ type: "tint", blob: await response.blob(), color })).bitmap;
}

export { tileSize };
