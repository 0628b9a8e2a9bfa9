/**
 * Pictures for the server: their path where it runs on this machine; otherwise the name of their contents, after they were sent there if
 * the server did not have them. A picture is sent once, and only to a server that the person chose.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { basename } from "node:path";
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
