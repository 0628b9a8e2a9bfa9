/**
 * Pictures for the server: their path where it runs on this machine; otherwise the name of their contents, after they were sent there if
 * the server did not have them. A picture is sent once, and only to a server that the person chose. The other way: files that a remote
 * server made for this editor.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { basename, dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ImageReference } from "@iad-r1/protocol/inspect";

export interface UploadTarget {
  /** Address before the hash. */
  images: string;
  token: string;
  /** Of these hashes, those that the server has not got. */
  missing(hashes: string[]): Promise<string[]>;
}

export async function imageReferences(
  paths: readonly string[],
  target: UploadTarget | null,
): Promise<ImageReference[]> {
  if (target === null) return paths.map((path) => ({ path }));
  const hashes = await Promise.all(paths.map(sha256));
  const missing = new Set(await target.missing([...new Set(hashes)]));
  for (const [index, path] of paths.entries()) {
    const hash = hashes[index]!;
    if (missing.delete(hash)) await upload(path, hash, target);
  }
  return paths.map((path, index) => ({ sha256: hashes[index]!, name: basename(path) }));
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function upload(path: string, hash: string, { images, token }: UploadTarget): Promise<void> {
  const { size } = await stat(path);
  const url = new URL(hash, images);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  await new Promise<void>((resolve, reject) => {
    const headers = {
      Authorization: `Bearer ${token}`,
      "Content-Length": size,
      "Content-Type": "application/octet-stream",
    };
    const request = send(url, { method: "PUT", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      // The connection broke inside the answer.
      response.on("error", reject);
      response.on("data", (chunk: string) => {
        text = (text + chunk).slice(0, 500);
      });
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve();
        else reject(new Error(`${basename(path)} was not accepted by the server (HTTP ${status}) ${text}`));
      });
    });
    request.on("error", reject);
    createReadStream(path).on("error", reject).pipe(request);
  });
}

/** Fetches a file that the server made, whose name begins with the SHA-256 of its bytes; the file appears whole or not at all. */
export async function download(
  name: string,
  target: string,
  { images, token }: Pick<UploadTarget, "images" | "token">,
): Promise<void> {
  const url = new URL(name, images);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    send(url, { headers: { Authorization: `Bearer ${token}` } }, resolve)
      .on("error", reject)
      .end();
  });
  if (response.statusCode !== 200) {
    response.resume();
    throw new Error(`the server did not send ${name} (HTTP ${response.statusCode ?? "?"})`);
  }
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  const hash = createHash("sha256");
  try {
    response.on("data", (chunk: Buffer) => hash.update(chunk));
    await pipeline(response, createWriteStream(temporary));
    if (!name.startsWith(hash.digest("hex"))) throw new Error(`${name} did not arrive whole`);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}
