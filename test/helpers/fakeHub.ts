/** A server on this machine that answers as the Hugging Face hub does, and breaks as a network does when asked to. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface FakeHub {
  endpoint: string;
  /** Method and path of every request for a file's content, with its range. */
  requests: string[];
  /** For tests: what the next answers do. */
  behaviour: {
    /** End the connection after so many bytes of a body, once for each number. */
    breakAfter: number[];
    /** Send other bytes than announced. */
    damaged: string | null;
    ranges: boolean;
    status: number | null;
  };
  files: Map<string, Buffer>;
}

export const fakeCommit = "0123456789abcdef0123456789abcdef01234567";

/** Call inside a test. Files by path in the repository; those over 1000 bytes are "large" (named by their SHA-256). */
export async function startFakeHub(repository: string, files: Record<string, Buffer | string>): Promise<FakeHub> {
  const hub: FakeHub = {
    endpoint: "",
    requests: [],
    behaviour: { breakAfter: [], damaged: null, ranges: true, status: null },
    files: new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)])),
  };
  const server = createServer((request, response) => answer(hub, repository, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return hub;
}

function answer(hub: FakeHub, repository: string, request: IncomingMessage, response: ServerResponse): void {
  const { behaviour } = hub;
  if (behaviour.status !== null) {
    response.writeHead(behaviour.status).end();
    return;
  }
  const { pathname, searchParams } = new URL(request.url!, hub.endpoint);
  const path = decodeURIComponent(pathname);
  const json = (value: unknown, headers = {}) =>
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
  if (path === `/api/models/${repository}/revision/main`) return void json({ sha: fakeCommit });
  const tree = `/api/models/${repository}/tree/${fakeCommit}`;
  if (path.startsWith(tree)) {
    const folder = path.slice(tree.length + 1);
    const all = [...hub.files].filter(([name]) => folder === "" || name.startsWith(`${folder}/`));
    // Two pages, as the hub does with many files.
    const half = Math.ceil(all.length / 2);
    const second = searchParams.get("cursor") === "2";
    const next = `<${hub.endpoint}${pathname}?recursive=true&cursor=2>; rel="next"`;
    const list = (second ? all.slice(half) : all.slice(0, half)).map(([name, content]) => listed(name, content));
    return void json(
      [{ type: "directory", path: "somewhere", size: 0, oid: "0" }, ...list],
      second ? {} : { link: next },
    );
  }
  const content = hub.files.get(path.slice(`/${repository}/resolve/${fakeCommit}/`.length));
  if (content === undefined) return void response.writeHead(404).end();
  hub.requests.push(`${request.method} ${path.split("/").at(-1)} ${request.headers.range ?? "all"}`);
  const start = behaviour.ranges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
  let body = content.subarray(start);
  if (behaviour.damaged === path.split("/").at(-1)) body = Buffer.from(body.map((byte) => byte ^ 1));
  const limit = content.length > 1000 ? behaviour.breakAfter.shift() : undefined;
  response.writeHead(start > 0 ? 206 : 200, { "content-length": body.length });
  if (limit === undefined) return void response.end(body);
  response.write(body.subarray(0, limit), () => setImmediate(() => request.socket.destroy()));
}

function listed(path: string, content: Buffer): unknown {
  const git = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  if (content.length <= 1000) return { type: "file", path, size: content.length, oid: git };
  const oid = createHash("sha256").update(content).digest("hex");
  return { type: "file", path, size: content.length, oid: git, lfs: { oid, size: content.length, pointerSize: 134 } };
}
