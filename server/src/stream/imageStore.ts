/**
 * Pictures that were uploaded to a remote server, and files that a server made for an editor, by the SHA-256 of their bytes. A bounded
 * folder: the ones that were not used for longest go first. Nothing gets in whose bytes are not what its name says.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  createReadStream,
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
/** The name of a file in the store: its hash, and for one that was made here an ending. */
const isName = (text: string) => /^[0-9a-f]{64}(\.[a-z]{1,8})?$/.test(text);

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
    return isHash(sha256) ? this.file(sha256) : null;
  }

  /** Path of a file that is there, by its name; it counts as used now. */
  file(name: string): string | null {
    if (!isName(name)) return null;
    const path = join(this.options.folder, name);
    if (!existsSync(path)) return null;
    const now = new Date();
    utimesSync(path, now, now);
    return path;
  }

  /**
   * Takes in a file that `make` writes.
   *
   * @param ending such as "png"
   * @returns its name
   */
  async keep(ending: string, make: (path: string) => Promise<unknown>): Promise<string> {
    const temporary = this.temporary();
    try {
      await make(temporary);
      const digest = createHash("sha256");
      for await (const chunk of createReadStream(temporary)) digest.update(chunk as Buffer);
      const name = `${digest.digest("hex")}.${ending}`;
      renameSync(temporary, join(this.options.folder, name));
      this.shrink();
      return name;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  missing(hashes: readonly string[]): string[] {
    return hashes.filter((hash) => this.pathOf(hash) === null);
  }

  /** Answers `PUT /images/<sha256>` and `GET /images/<name>`; false for any other request. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method === "GET") return this.send(request, response);
    const hash = /^\/images\/([0-9a-f]{64})$/.exec(request.url ?? "")?.[1];
    if (hash === undefined || request.method !== "PUT") return false;
    this.receive(request, hash).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(500, { connection: "close" }).end(),
    );
    return true;
  }

  private send({ url }: IncomingMessage, response: ServerResponse): boolean {
    const path = this.file(/^\/images\/([^/]+)$/.exec(url ?? "")?.[1] ?? "");
    if (path === null) return false;
    const headers = { "content-length": statSync(path).size, "content-type": "application/octet-stream" };
    response.writeHead(200, headers);
    pipeline(createReadStream(path), response).catch(() => response.destroy());
    return true;
  }

  private temporary(): string {
    return join(this.options.folder, `.${randomBytes(8).toString("hex")}.tmp`);
  }

  private async receive(request: IncomingMessage, hash: string): Promise<number> {
    if (Number(request.headers["content-length"] ?? 0) > this.maxImageBytes) {
      request.resume();
      return 413;
    }
    const temporary = this.temporary();
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
      .filter(isName)
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
