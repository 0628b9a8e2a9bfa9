/** The bundled language server as an editor meets it: a process over its standard streams, or a connection to `iad-r1 serve`. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { didChangeRun, didLog, type ServerOptions, streamAddress } from "@iad-r1/protocol/lsp";
import type { RunListing, WireError } from "@iad-r1/protocol/runs";
import {
  type PointsHeader,
  readPointsFrame,
  type ServerFrame,
  streamProtocol,
  type Topic,
} from "@iad-r1/protocol/stream";
import {
  createProtocolConnection,
  InitializedNotification,
  InitializeRequest,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
  PublishDiagnosticsNotification,
  type RequestType,
  type RequestType0,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-languageserver/node";
import { WebSocket } from "ws";

const root = join(import.meta.dirname, "../..");
export const serverEntry = join(root, "dist/main.mjs");

export interface TestServer {
  connection: ProtocolConnection;
  child: ChildProcess;
  /** A folder of its own, with the runs in `.iadr1/runs`. */
  folder: string;
  logs: string[];
  changes: ({ run: RunListing } | { removed: string })[];
  diagnostics: PublishDiagnosticsParams[];
  /** Everything that the process printed beside the protocol. */
  printed: () => string;
  ask<P, R>(type: RequestType<P, R, WireError>, params: P): Promise<R>;
  ask0<R>(type: RequestType0<R, WireError>): Promise<R>;
  /** Resolves with the exit code or signal. */
  exited: Promise<number | string>;
  /** Kills the process if need be and removes the folder. */
  dispose(): Promise<void>;
}

export interface TestServerOptions {
  folder?: string;
  options?: ServerOptions;
  /** Of the editor; English when left out. */
  locale?: string;
}

export async function startServer({ folder, options = {}, locale }: TestServerOptions = {}): Promise<TestServer> {
  const place = folder ?? mkdtempSync(join(tmpdir(), "server-"));
  const child = spawn(process.execPath, [serverEntry, "--stdio"], { cwd: place, stdio: ["pipe", "pipe", "pipe"] });
  let printed = "";
  child.stderr.on("data", (chunk) => {
    printed = (printed + String(chunk)).slice(-100_000);
  });
  child.stdin.on("error", () => undefined);
  const exited = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code ?? -1)),
  );
  const connection = createProtocolConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  const server = {
    logs: [] as string[],
    changes: [] as TestServer["changes"],
    diagnostics: [] as PublishDiagnosticsParams[],
  };
  connection.onNotification(didLog, ({ message }) => void server.logs.push(message));
  connection.onNotification(didChangeRun, (change) => void server.changes.push(change));
  connection.onNotification(PublishDiagnosticsNotification.type, (params) => void server.diagnostics.push(params));
  connection.onError(() => undefined);
  connection.listen();
  await connection.sendRequest(InitializeRequest.type, {
    ...{ processId: process.pid, rootUri: null },
    capabilities: { workspace: { workspaceEdit: { documentChanges: true, resourceOperations: ["create"] } } },
    ...(locale === undefined ? {} : { locale }),
    initializationOptions: { projectFolders: [place], threads: 1, ...options },
  });
  await connection.sendNotification(InitializedNotification.type, {});
  return {
    ...{ connection, child, folder: place, exited, printed: () => printed, ...server },
    ask: (type, params) => connection.sendRequest(type.method, params),
    ask0: (type) => connection.sendRequest(type),
    async dispose() {
      child.kill("SIGKILL");
      await exited;
      connection.dispose();
      if (folder === undefined) rmSync(place, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The WireError of a request that fails. */
export async function failure(request: Promise<unknown>): Promise<WireError> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ResponseError) return error.data as WireError;
    throw error;
  }
  throw new Error("The request did not fail.");
}

export interface TestStream {
  frames: ServerFrame[];
  points: { header: PointsHeader; records: number[][] }[];
  socket: WebSocket;
  subscribe(topic: Topic, points?: { count: number; generation: number }): void;
  /** Resolves when the condition holds for what has come so far. */
  until(condition: () => boolean): Promise<void>;
  close(): void;
}

export async function openStream(server: TestServer): Promise<TestStream> {
  const { port, path, token } = await server.ask0(streamAddress);
  return connectStream(`ws://127.0.0.1:${port}${path}`, token!);
}

export async function connectStream(url: string, token: string): Promise<TestStream> {
  const socket = new WebSocket(url, streamProtocol, { headers: { authorization: `Bearer ${token}` } });
  const frames: ServerFrame[] = [];
  const points: TestStream["points"] = [];
  const waiting = new Set<() => void>();
  socket.on("message", (data: Buffer, isBinary) => {
    if (isBinary) {
      const { header, points: view } = readPointsFrame(new Uint8Array(data));
      const records = Array.from({ length: header.count }, (_, i) => [
        view.getUint32(i * 24, true),
        view.getUint32(i * 24 + 4, true),
        view.getFloat64(i * 24 + 16, true),
      ]);
      points.push({ header, records });
    } else frames.push(JSON.parse(String(data)) as ServerFrame);
    for (const look of waiting) look();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return {
    ...{ frames, points, socket },
    subscribe: (topic, known) =>
      socket.send(JSON.stringify({ type: "subscribe", topic, ...(known !== undefined && { points: known }) })),
    until: (condition) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    close: () => socket.terminate(),
  };
}
