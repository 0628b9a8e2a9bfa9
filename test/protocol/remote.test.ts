/** `iad-r1 serve`: the same server over WebSocket, with what guards it: token, Origin, limits, folders; runs outlive connections. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  cancelJob,
  dataOverview,
  forkRun,
  listRuns,
  missingImages,
  preflightRun,
  serverStatus,
  showImage,
  showJob,
  startInspection,
} from "@iad-r1/protocol/lsp";
import { streamPath, streamProtocol } from "@iad-r1/protocol/stream";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { prepareRun } from "@iad-r1/server/runs/postTrain";
import { type RemoteServer, serve } from "@iad-r1/server/serve";
import { Services } from "@iad-r1/server/services";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { connectStream, failure } from "../helpers/languageClient";
import { connectTo } from "../helpers/remoteConnection";
import { selfSigned } from "../helpers/selfSigned";
import { tinyCheckpoint, tinyFixture } from "../helpers/tinyModel";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const image = join(tinyFixture, "images/image1.png");
let folder = "";
let remote: RemoteServer;
let token = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remote-"));
  const tokenFile = join(folder, "token");
  const roots = [folder, tinyCheckpoint];
  remote = await serve({ listen: "127.0.0.1:0", tokenFile, roots, onLog: () => undefined });
  token = readFileSync(tokenFile, "utf8").trim();
});
afterAll(async () => {
  await remote.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

/** HTTP status with which a WebSocket is refused, 101 when it is not. */
function upgradeStatus(path: string, headers: Record<string, string>, protocol?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${remote.url}${path}`, protocol ?? [], { headers });
    socket.once("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.once("unexpected-response", (request, response) => {
      request.destroy();
      resolve(response.statusCode!);
    });
    socket.once("error", reject);
  });
}

it("makes a token that only its owner can read, and lets nobody in without it", async () => {
  expect(token.length).toBeGreaterThanOrEqual(32);
  if (process.platform !== "win32") expect(statSync(join(folder, "token")).mode & 0o077).toBe(0);
  expect(await upgradeStatus("/lsp", bearer(token))).toBe(101);
  expect(await upgradeStatus(streamPath, bearer(token), streamProtocol)).toBe(101);
  for (const headers of [{}, bearer("wrong"), bearer(`${token}x`), { authorization: token }]) {
    expect(await upgradeStatus("/lsp", headers)).toBe(401);
    expect(await upgradeStatus(streamPath, headers, streamProtocol)).toBe(401);
  }
  const http = remote.url.replace(/^ws/, "http");
  expect((await fetch(`${http}/images/${"0".repeat(64)}`, { method: "PUT", body: "x" })).status).toBe(401);
  expect((await fetch(http, { headers: bearer(token) })).status).toBe(404);
});

it("refuses web pages, other protocols and other paths", async () => {
  expect(await upgradeStatus("/lsp", { ...bearer(token), origin: "http://127.0.0.1" })).toBe(403);
  expect(await upgradeStatus(streamPath, { ...bearer(token), origin: "null" }, streamProtocol)).toBe(403);
  expect(await upgradeStatus(streamPath, bearer(token), "iadr1-stream.0")).toBe(400);
  expect(await upgradeStatus("/other", bearer(token))).toBe(404);
});

it("answers like a local server; a broken message or a lost connection harms nobody else", async () => {
  const one = await connectTo(remote.url, { token });
  const two = await connectTo(remote.url, { token });
  expect(await one.connection.sendRequest(serverStatus)).toMatchObject({ transport: "remote", pid: process.pid });
  one.socket.send("{ not json");
  one.socket.send("17");
  for (const params of [{}, undefined])
    one.socket.send(JSON.stringify({ jsonrpc: "2.0", method: "$/cancelRequest", params }));
  expect(await one.connection.sendRequest(serverStatus)).toMatchObject({ transport: "remote" });
  one.socket.terminate();
  expect(await two.connection.sendRequest(serverStatus)).toMatchObject({ transport: "remote" });
  two.socket.send(Buffer.from([1, 2, 3]));
  expect(await new Promise((resolve) => two.socket.once("close", resolve))).toBe(1003);
});

it("closes a stream that breaks the rules, and ends topics that do not exist", async () => {
  const stream = await connectStream(`${remote.url}${streamPath}`, token);
  stream.subscribe("run/nothing");
  await stream.until(() => stream.frames.length > 0);
  expect(stream.frames[0]).toMatchObject({
    type: "end",
    topic: "run/nothing",
    error: { code: "stream/unknown-topic" },
  });
  const closed = new Promise((resolve) => stream.socket.once("close", resolve));
  stream.socket.send(JSON.stringify({ type: "subscribe", topic: "../etc" }));
  expect(await closed).toBe(1008);
  const large = await connectStream(`${remote.url}${streamPath}`, token);
  const ended = new Promise((resolve) => large.socket.once("close", resolve));
  large.socket.on("error", () => undefined);
  large.socket.send("x".repeat(5000));
  expect(await ended).toBe(1009);
});

it("takes pictures by their contents and inspects them; a client that leaves does not end the job", async () => {
  const bytes = readFileSync(image);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { connection, socket } = await connectTo(remote.url, { token });
  expect(await connection.sendRequest(missingImages, { hashes: [sha256] })).toEqual({ missing: [sha256] });
  const model = { base: tinyCheckpoint, adapter: null };
  const request = { model, image: { sha256, name: "part.png" }, maxNewTokens: 4 };
  expect(await failure(connection.sendRequest(startInspection, request))).toMatchObject({
    code: "images/not-uploaded",
  });
  const put = (hash: string) =>
    fetch(`${remote.url.replace(/^ws/, "http")}/images/${hash}`, {
      method: "PUT",
      body: bytes,
      headers: bearer(token),
    });
  expect((await put("0".repeat(64))).status).toBe(422);
  expect((await put(sha256)).status).toBe(201);
  expect(await connection.sendRequest(missingImages, { hashes: [sha256] })).toEqual({ missing: [] });
  const { job } = await connection.sendRequest(startInspection, request);
  socket.terminate();

  const again = await connectTo(remote.url, { token });
  const stream = await connectStream(`${remote.url}${streamPath}`, token);
  const ended = async () =>
    ["finished", "failed"].includes((await again.connection.sendRequest(showJob, { job })).state);
  while (!(await ended())) {
    const count = stream.frames.length;
    stream.subscribe(`inspect/${job}`);
    await stream.until(() => stream.frames.length > count);
  }
  expect(await again.connection.sendRequest(showJob, { job })).toMatchObject({ state: "finished", error: null });
  await again.connection.sendRequest(cancelJob, { job });
  again.socket.terminate();
  stream.close();
});

it("serves only its own folders", async () => {
  const { connection, socket } = await connectTo(remote.url, { token });
  expect(await failure(connection.sendRequest(dataOverview, { path: "/etc" }))).toMatchObject({
    code: "server/outside-path",
  });
  const outside = { image: { path: image }, model: { base: tinyCheckpoint, adapter: null } };
  expect(await failure(connection.sendRequest(startInspection, outside))).toMatchObject({
    code: "server/outside-path",
  });
  socket.terminate();
});

it("runs no experiment whose reward file lies elsewhere", async () => {
  const { connection, socket } = await connectTo(remote.url, { token });
  const preflight = (reward: string) => {
    const text = `project: p
model: { base: ${tinyCheckpoint} }
data: { train: [{ kind: synth, seed: 1, count: 2 }] }
stages: { scGrpo: { rewards: [{ name: "${reward}" }] } }
`;
    return connection.sendRequest(preflightRun, { kind: "sc-grpo", configFile: join(folder, "iadr1.yaml"), text });
  };
  expect(await failure(preflight("../elsewhere.py"))).toMatchObject({ code: "server/outside-path" });
  expect((await preflight("rewards/here.py")).checks).toContainEqual(
    expect.objectContaining({ name: "Rewards", evidence: expect.stringContaining("there is no such file") }),
  );
  socket.terminate();
});

it("forks no run into a folder or with a reward file that lies elsewhere", async () => {
  const { connection, socket } = await connectTo(remote.url, { token });
  const output = join(folder, ".iadr1", "runs");
  const data = { train: [{ kind: "synth" as const, seed: 1, count: 2 }] };
  prepareRun("sc-grpo", makeExperiment({ project: "p", output, model: { base: tinyCheckpoint }, data }), { id: "old" });
  const fork = (...overrides: string[]) =>
    failure(connection.sendRequest(forkRun, { run: "old", checkpoint: "checkpoints/step-000001", overrides }));
  await vi.waitFor(async () => expect(await connection.sendRequest(listRuns)).toHaveLength(1), { timeout: 20_000 });
  const outside = { code: "server/outside-path" };
  expect(await fork("output=/elsewhere")).toMatchObject(outside);
  expect(await fork('stages.scGrpo.rewards=[{"name": "/elsewhere.py"}]')).toMatchObject(outside);
  expect(await fork('trl={"python": "/usr/bin/python3"}')).toMatchObject(outside);
  expect(await fork("seed=2")).toMatchObject({ code: "checkpoint/missing" });
  socket.terminate();
});

it("serves a whole disk when that is what its person gave it", async () => {
  const services = new Services({ transport: "remote", version: "0", roots: ["/"], images: null });
  expect(services.allow(image)).toBe(image);
  await services.dispose();
});

it("refuses tokens and addresses that are no good", async () => {
  const weak = join(folder, "weak");
  writeFileSync(weak, "short", { mode: 0o600 });
  const common = { roots: [folder], onLog: () => undefined };
  await expect(serve({ ...common, listen: "127.0.0.1:0", tokenFile: weak })).rejects.toThrow("at least 16 characters");
  await expect(serve({ ...common, listen: "7411", tokenFile: weak })).rejects.toThrow("Expected HOST:PORT");
  await expect(
    serve({ ...common, listen: `127.0.0.1:${remote.port}`, tokenFile: join(folder, "token") }),
  ).rejects.toThrow("Cannot listen");
});

describe("with a certificate", () => {
  const { cert, key } = selfSigned();
  let secure: RemoteServer;
  beforeAll(async () => {
    writeFileSync(join(folder, "cert.pem"), cert);
    writeFileSync(join(folder, "key.pem"), key);
    secure = await serve({
      ...{ listen: "127.0.0.1:0", tokenFile: join(folder, "token"), roots: [folder], onLog: () => undefined },
      ...{ cert: join(folder, "cert.pem"), key: join(folder, "key.pem") },
    });
  });
  afterAll(() => secure.close());

  /** One HTTPS request that trusts the certificate. */
  const ask = (path: string, options: { method?: string; body?: Buffer; token?: string }) =>
    new Promise<{ status: number; body: Buffer }>((resolve, reject) => {
      const { method = "GET", body, token: given = token } = options;
      const request = httpsRequest(
        { host: "127.0.0.1", port: secure.port, path, method, ca: cert, headers: bearer(given) },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () => resolve({ status: response.statusCode!, body: Buffer.concat(parts) }));
        },
      );
      request.on("error", reject);
      request.end(body);
    });

  it("speaks only TLS, to those who trust the certificate and have the token", async () => {
    expect(secure.url).toBe(`wss://127.0.0.1:${secure.port}`);
    const opens = (url: string, options: { ca?: string; secret?: string }) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(url, {
          headers: bearer(options.secret ?? token),
          ...(options.ca === undefined ? {} : { ca: options.ca }),
        });
        socket.once("open", () => {
          resolve("open");
          socket.terminate();
        });
        socket.once("unexpected-response", (request, response) => {
          resolve(String(response.statusCode));
          request.destroy();
        });
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });
    expect(await opens(`${secure.url}/lsp`, { ca: cert })).toBe("open");
    expect(await opens(`${secure.url}/lsp`, { ca: cert, secret: "wrong" })).toBe("401");
    expect(await opens(`${secure.url}/lsp`, {})).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(await opens(`${secure.url}/lsp`, { ca: selfSigned().cert })).not.toBe("open");
    // Somebody who speaks plain text gets nothing.
    expect(await opens(`ws://127.0.0.1:${secure.port}/lsp`, {})).toMatch(/ECONNRESET|socket hang up/);
  });

  it("takes a TIFF and gives it back as a PNG, which needs the token too", async () => {
    const pixels = Buffer.from(Array.from({ length: 3 * 2 * 3 }, (_, i) => i * 13));
    const tiff = await sharp(pixels, { raw: { width: 3, height: 2, channels: 3 } })
      .tiff({ compression: "lzw" })
      .toBuffer();
    const sha256 = createHash("sha256").update(tiff).digest("hex");
    expect((await ask(`/images/${sha256}`, { method: "PUT", body: tiff })).status).toBe(201);
    const { connection, socket } = await connectTo(secure.url, { token, ca: cert });
    const made = await connection.sendRequest(showImage, { image: { sha256, name: "part.tif" } });
    expect(made.path).toBeNull();
    const { status, body } = await ask(`/images/${made.name}`, {});
    expect(status).toBe(200);
    expect(made.name).toBe(`${createHash("sha256").update(body).digest("hex")}.png`);
    expect(await sharp(body).removeAlpha().raw().toBuffer()).toEqual(pixels);
    expect((await ask(`/images/${made.name}`, { token: "wrong" })).status).toBe(401);
    for (const path of ["/images/", "/images/..%2ftoken", "/images/../token", `/images/${"0".repeat(64)}.png`]) {
      expect((await ask(path, {})).status).toBe(404);
    }
    socket.terminate();
  });

  it("needs both files", async () => {
    const options = {
      listen: "127.0.0.1:0",
      tokenFile: join(folder, "token"),
      roots: [folder],
      onLog: () => undefined,
    };
    await expect(serve({ ...options, cert: join(folder, "cert.pem") })).rejects.toMatchObject({ code: "serve/tls" });
    for (const key of ["token", "none.pem"]) {
      const pair = { cert: join(folder, "token"), key: join(folder, key) };
      await expect(serve({ ...options, ...pair })).rejects.toMatchObject({ code: "serve/tls" });
    }
  });

  it("wants roots that are there", async () => {
    const options = { listen: "127.0.0.1:0", tokenFile: join(folder, "token"), onLog: () => undefined };
    const serving = serve({ ...options, roots: [folder, join(folder, "mistyped")] });
    await expect(serving).rejects.toMatchObject({ code: "serve/root", where: join(folder, "mistyped") });
  });
});
