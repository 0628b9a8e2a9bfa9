/**
 * Pictures that were uploaded to a remote server, by the SHA-256 of their bytes. A bounded folder: the ones that were not used for longest
 * go first. Nothing gets in whose bytes are not what its name says.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface ImageStoreOptions {
  folder: string;
  /** Longest picture; default 256 MiB. */
  maxImageBytes?: number;
  /** All together; default 4 GiB. */
  maxTotalBytes?: number;
}

const isHash = (text: string) => /^[0-9a-f]{64}$/.test(text);

export class ImageStore {
  private readonly maxImageBytes: number;
  private readonly maxTotalBytes: number;

  constructor(private readonly options: ImageStoreOptions) {
    this.maxImageBytes = options.maxImageBytes ?? 256 << 20;
    this.maxTotalBytes = options.maxTotalBytes ?? 4 * 2 ** 30;
    mkdirSync(options.folder, { recursive: true });
  }

  /** Path of a picture that is there; it counts as used now. */
  pathOf(sha256: string): string | null {
    if (!isHash(sha256)) return null;
    const path = join(this.options.folder, sha256);
    if (!existsSync(path)) return null;
    const now = new Date();
    utimesSync(path, now, now);
    return path;
  }

  missing(hashes: readonly string[]): string[] {
    return hashes.filter((hash) => this.pathOf(hash) === null);
  }

  /** Answers `PUT /images/<sha256>`; false for any other request. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const hash = /^\/images\/([0-9a-f]{64})$/.exec(request.url ?? "")?.[1];
    if (hash === undefined || request.method !== "PUT") return false;
    this.receive(request, hash).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(500, { connection: "close" }).end(),
    );
    return true;
  }

  private async receive(request: IncomingMessage, hash: string): Promise<number> {
    if (Number(request.headers["content-length"] ?? 0) > this.maxImageBytes) {
      request.resume();
      return 413;
    }
    const temporary = join(this.options.folder, `.${randomBytes(8).toString("hex")}.tmp`);
    const digest = createHash("sha256");
    let size = 0;
    const measure = new Transform({
      transform: (chunk: Buffer, _, done) => {
        size += chunk.byteLength;
        digest.update(chunk);
        done(size > this.maxImageBytes ? new RangeError("too large") : null, chunk);
      },
    });
    try {
      await pipeline(request, measure, createWriteStream(temporary, { flags: "wx" }));
      if (digest.digest("hex") !== hash) return 422;
      renameSync(temporary, join(this.options.folder, hash));
      this.shrink();
      return 201;
    } catch (error) {
      if (error instanceof RangeError) return 413;
      throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  private shrink(): void {
    const files = readdirSync(this.options.folder)
      .filter(isHash)
      .map((name) => {
        const { size, mtimeMs } = statSync(join(this.options.folder, name));
        return { name, size, mtimeMs };
      })
      .sort((a, b) => b.mtimeMs - a.mtimeMs);
    let total = 0;
    for (const { name, size } of files) {
      total += size;
      if (total > this.maxTotalBytes) rmSync(join(this.options.folder, name), { force: true });
    }
  }
}
