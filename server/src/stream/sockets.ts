/**
 * The only file that speaks WebSocket: an HTTP server with the stream hub, and for a remote server the language server and uploads beside
 * it. Every request needs the token; web pages are refused by their Origin. What the messages mean is known elsewhere.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ResourceError } from "@iad-r1/models/errors";
import { maxClientFrameBytes, streamPath, streamProtocol } from "@iad-r1/protocol/stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { StreamHub } from "./hub";

/** A WebSocket as others see it: whole text messages. */
export interface TextSocket {
  send(text: string): void;
  onMessage(listener: (text: string) => void): void;
  /** Once, when the connection is gone. */
  onClose(listener: () => void): void;
  close(): void;
}

export interface SocketServerOptions {
  hub: StreamHub;
  token: string;
  host: string;
  /** 0: any that is free. */
  port: number;
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Language servers over this port: called for each connection to `/lsp`. */
  onLanguageClient?: (socket: TextSocket) => void;
  /** Longest message of a language client; default 32 MiB. */
  maxMessageBytes?: number;
  /** Answers what is not a WebSocket; the token is checked. Returns false for what it does not know. */
  onRequest?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface SocketServer {
  readonly port: number;
  readonly host: string;
  close(): Promise<void>;
}

/** Connections at once; an editor needs two. */
const maxConnections = 64;
const pingEveryMs = 20_000;

/** @throws ResourceError `resource/port` */
export async function listen(options: SocketServerOptions): Promise<SocketServer> {
  const server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
  const streams = new WebSocketServer({
    ...{ noServer: true, maxPayload: maxClientFrameBytes, perMessageDeflate: false },
    handleProtocols: (offered) => (offered.has(streamProtocol) ? streamProtocol : false),
  });
  const languages = new WebSocketServer({
    ...{ noServer: true, maxPayload: options.maxMessageBytes ?? 32 << 20, perMessageDeflate: false },
  });
  const sockets = new Set<WebSocket>();
  const alive = new WeakSet<WebSocket>();
  const accept = (socket: WebSocket) => {
    sockets.add(socket);
    alive.add(socket);
    socket.on("pong", () => alive.add(socket));
    // A message that breaks the rules closes its connection; there is nothing else to do about it.
    socket.on("error", () => socket.terminate());
    socket.once("close", () => sockets.delete(socket));
  };
  const pings = setInterval(() => {
    for (const socket of sockets) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, pingEveryMs);
  pings.unref();

  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => stream.destroy());
    const status = refusal(request, options.token) ?? (sockets.size >= maxConnections ? 503 : null);
    if (status !== null) return refuseUpgrade(stream, status);
    const path = pathOf(request);
    if (path === streamPath && request.headers["sec-websocket-protocol"]?.split(/\s*,\s*/).includes(streamProtocol)) {
      streams.handleUpgrade(request, stream, head, (socket) => {
        accept(socket);
        attachToHub(socket, options.hub, request.headers["accept-language"]);
      });
    } else if (path === "/lsp" && options.onLanguageClient !== undefined) {
      const { onLanguageClient } = options;
      languages.handleUpgrade(request, stream, head, (socket) => {
        accept(socket);
        onLanguageClient(textSocket(socket));
      });
    } else refuseUpgrade(stream, path === streamPath ? 400 : 404);
  });
  server.on("request", (request, response) => {
    const status = refusal(request, options.token);
    if (status !== null) return answer(response, status);
    if (options.onRequest?.(request, response) !== true) answer(response, 404);
  });
  await startListening(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    ...{ port, host: options.host },
    close: () =>
      new Promise((resolve) => {
        clearInterval(pings);
        for (const socket of sockets) socket.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The system's own message names the call and the address again. */
function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "another program listens there";
  if (code === "EACCES") return "this user may not listen there";
  if (code === "EADDRNOTAVAIL") return "this machine has no such address";
  return message;
}

function startListening(server: Server, { host, port }: SocketServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        new ResourceError("resource/port", `Cannot listen on ${host}:${port}: ${whyNot(cause)}.`, {
          hint:
            cause.code === "EADDRINUSE" ? "Choose another port, or stop the other program." : "Choose another address.",
          cause,
        }),
      );
    });
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      server.on("error", () => undefined);
      resolve();
    });
  });
}

/** The status with which a request is refused; null when it may go on. */
function refusal({ headers }: IncomingMessage, token: string): number | null {
  // Programs send no Origin; every browser does, for any page that somebody is looking at.
  if (headers.origin !== undefined) return 403;
  const given = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
  return given !== undefined && isSame(given, token) ? null : 401;
}

/** Takes as long for a wrong text as for a right one, whatever its length. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function pathOf({ url }: IncomingMessage): string {
  return (url ?? "/").split("?", 1)[0]!;
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  503: "Service Unavailable",
};

function refuseUpgrade(stream: Duplex, status: number): void {
  stream.end(`HTTP/1.1 ${status} ${reasons[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: "close" }).end();
}

/** @param locale of the editor, which says it as browsers do */
function attachToHub(socket: WebSocket, hub: StreamHub, locale: string | undefined): void {
  const peer = hub.connect({
    ...(locale !== undefined && { locale }),
    send: (frame) => socket.send(frame, () => peer.drained()),
    get waitingBytes() {
      return socket.bufferedAmount;
    },
    refuse: (reason) => socket.close(1008, reason),
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary) socket.close(1003, "expected text");
    else peer.receive(String(data));
  });
  socket.once("close", () => peer.closed());
}

function textSocket(socket: WebSocket): TextSocket {
  return {
    send: (text) => socket.send(text, () => undefined),
    onMessage: (listener) =>
      void socket.on("message", (data, isBinary) => {
        if (isBinary) socket.close(1003, "expected text");
        else listener(String(data));
      }),
    onClose: (listener) => void socket.once("close", () => listener()),
    close: () => socket.close(1000),
  };
}
