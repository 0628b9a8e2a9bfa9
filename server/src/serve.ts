/**
 * The same language server for remote editors: one port, a token, TLS when given a certificate. All clients share runs, models and the
 * stream; a connection that ends takes nothing with it.
 */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createSecureContext } from "node:tls";
import { ConfigError } from "@iad-r1/models/errors";
import { streamPath } from "@iad-r1/protocol/stream";
import { serveLanguage } from "./lsp/languageServer";
import { socketReader, socketWriter } from "./lsp/socketMessages";
import { Services } from "./services";
import { ImageStore } from "./stream/imageStore";
import { listen } from "./stream/sockets";
import { version } from "./version";

export interface ServeOptions {
  /** `HOST:PORT`; port 0 takes any that is free. */
  listen: string;
  /** File with the token; made with a new one when missing. */
  tokenFile: string;
  /** PEM files. */
  cert?: string;
  key?: string;
  /** Folders that clients may name paths in. */
  roots: readonly string[];
  onLog: (message: string) => void;
}

export interface RemoteServer {
  /** `ws://host:port` or `wss://…`. */
  url: string;
  port: number;
  close(): Promise<void>;
}

/** @throws ConfigError `serve/address`, `serve/token`, `serve/tls`, `serve/root`; ResourceError `resource/port` */
export async function serve(options: ServeOptions): Promise<RemoteServer> {
  const { host, port } = parseAddress(options.listen);
  const token = readToken(options.tokenFile);
  const tls = readTls(options);
  const roots = options.roots.map(existingFolder);
  const images = new ImageStore({ folder: join(roots[0]!, ".iadr1", "images") });
  const services = new Services({ transport: "remote", version, roots, images });
  services.listen((news) => news.type === "log" && options.onLog(news.message));
  const server = await listen({
    ...{ hub: services.hub, token, host, port },
    ...(tls !== null && { tls }),
    onRequest: (request, response) => images.handle(request, response),
    onLanguageClient: (socket) =>
      serveLanguage({
        services,
        reader: socketReader(socket),
        writer: socketWriter(socket),
        streamAddress: async () => ({ port: null, path: streamPath, token: null }),
        // The others, and the runs, go on.
        onEnd: () => socket.close(),
      }),
  });
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls === null ? "ws" : "wss"}://${shownHost}:${server.port}`,
    port: server.port,
    async close() {
      await server.close();
      await services.dispose();
    },
  };
}

/** A mistyped root would only show as paths that clients may not use. */
function existingFolder(root: string): string {
  const path = resolve(root);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path;
  throw new ConfigError("serve/root", `There is no folder ${path}.`, {
    where: path,
    hint: "Give with --root a folder that is there.",
  });
}

/** Whether only programs of this machine can connect. */
export function isLoopback(address: string): boolean {
  const { host } = parseAddress(address);
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match !== null && port <= 65_535) return { host: match[1] ?? match[2]!, port };
  throw new ConfigError("serve/address", `Expected HOST:PORT, got ${text}.`, {
    hint: "For example --listen 127.0.0.1:7411.",
  });
}

const minTokenLength = 16;

function readToken(file: string): string {
  const path = resolve(file);
  let token: string;
  try {
    token = readFileSync(path, "utf8").trim();
    // Others on this machine could read it; there is no such right on Windows.
    if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
      throw new ConfigError("serve/token", `${path} can be read by other users of this machine.`, {
        where: path,
        hint: `Run: chmod 600 ${path}`,
      });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    token = randomBytes(32).toString("base64url");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: "wx" });
  }
  if (token.length >= minTokenLength && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new ConfigError(
    "serve/token",
    `The token must be one line of at least ${minTokenLength} characters without blanks, got ${token.length} characters.`,
    { where: path, hint: "Delete the file: a new token is made." },
  );
}

function readTls({ cert, key }: ServeOptions): { cert: Buffer; key: Buffer } | null {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined) {
    throw new ConfigError(
      "serve/tls",
      `Expected both --cert and --key, got only ${cert === undefined ? "--key" : "--cert"}.`,
      {
        hint: "Give both files, or neither.",
      },
    );
  }
  try {
    const pair = { cert: readFileSync(resolve(cert)), key: readFileSync(resolve(key)) };
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("serve/tls", `${cert} and ${key} are no certificate with its key: ${reason}.`, {
      hint: "Give two PEM files: the certificate, and the private key that it was made with.",
      cause,
    });
  }
}
