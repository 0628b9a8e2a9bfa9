/** Pictures to a server and files from it: sent once, fetched whole or not at all. The other end is the server's own store. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageStore } from "@iad-r1/server/stream/imageStore";
import { afterEach, beforeEach, expect, it } from "vitest";
import { download, imageReferences } from "../../../client/src/server/uploads";

let folder = "";
let store: ImageStore;
let server: Server;
let target: { images: string; token: string };
const requests: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "uploads-"));
  store = new ImageStore({ folder: join(folder, "store") });
  requests.length = 0;
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.headers.authorization}`);
    if (!store.handle(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target = { images: `http://127.0.0.1:${(server.address() as AddressInfo).port}/images/`, token: "secret" };
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

it("names a picture by its contents and sends it once, with the token", async () => {
  const path = join(folder, "part.png");
  writeFileSync(path, "picture");
  const to = { ...target, missing: async (hashes: string[]) => store.missing(hashes) };
  const sha256 = createHash("sha256").update("picture").digest("hex");
  for (let round = 0; round < 2; round++) {
    expect(await imageReferences([path, path], to)).toEqual([
      { sha256, name: "part.png" },
      { sha256, name: "part.png" },
    ]);
  }
  expect(requests).toEqual(["PUT Bearer secret"]);
  expect(readFileSync(store.pathOf(sha256)!, "utf8")).toBe("picture");
});

it("tells of a connection that breaks inside the answer", async () => {
  const path = join(folder, "part.png");
  writeFileSync(path, "picture");
  const breaking = createServer((request, response) => {
    request.resume();
    response.writeHead(201, { "Content-Length": 10 });
    response.write("half", () => response.destroy());
  });
  await new Promise<void>((resolve) => breaking.listen(0, "127.0.0.1", resolve));
  const images = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}/images/`;
  await expect(
    imageReferences([path], { ...target, images, missing: async (hashes: string[]) => hashes }),
  ).rejects.toThrow("aborted");
  breaking.close();
});

it("fetches a file that the server made", async () => {
  const name = await store.keep("png", async (path) => writeFileSync(path, "decoded"));
  const out = join(folder, "here", name);
  await download(name, out, target);
  expect(readFileSync(out, "utf8")).toBe("decoded");
  expect(requests).toEqual(["GET Bearer secret"]);
});

it("leaves nothing behind when the server has no such file or sends something else", async () => {
  const out = join(folder, "here", "report.html");
  await expect(download(`${"0".repeat(64)}.html`, out, target)).rejects.toThrow("HTTP 404");
  const name = await store.keep("html", async (path) => writeFileSync(path, "report"));
  // Somebody changed the file on the server's disk.
  writeFileSync(store.file(name)!, "another");
  await expect(download(name, out, target)).rejects.toThrow("did not arrive whole");
  expect(existsSync(out)).toBe(false);
  expect(existsSync(join(folder, "here")) ? readdirSync(join(folder, "here")) : []).toEqual([]);
});

it("keeps the store within its bounds, the least used first", async () => {
  const small = new ImageStore({ folder: join(folder, "small"), maxTotalBytes: 12 });
  const first = await small.keep("csv", async (path) => writeFileSync(path, "first"));
  const second = await small.keep("csv", async (path) => writeFileSync(path, "second"));
  // As if the second one had been used an hour before the first.
  utimesSync(small.file(second)!, new Date(0), new Date(0));
  const third = await small.keep("csv", async (path) => writeFileSync(path, "third"));
  expect([first, second, third].map((name) => small.file(name) !== null)).toEqual([true, false, true]);
});

it("leaves nothing behind when a file cannot be made", async () => {
  const making = store.keep("png", async (path) => {
    writeFileSync(path, "half");
    throw new Error("no such picture");
  });
  await expect(making).rejects.toThrow("no such picture");
  expect(readdirSync(join(folder, "store"))).toEqual([]);
});
