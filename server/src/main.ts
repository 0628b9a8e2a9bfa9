/**
 * The language server of one editor window, over standard input and output. Wires and listens; what it offers is services.ts, how it speaks
 * is lsp/. It ends with its editor; runs go on.
 */
import { randomBytes } from "node:crypto";
import { formatError } from "@iad-r1/models/errors";
import { streamPath } from "@iad-r1/protocol/stream";
import { StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import { serveLanguage } from "./lsp/languageServer";
import { Services } from "./services";
import { listen, type SocketServer } from "./stream/sockets";
import { version } from "./version";

// Standard output belongs to the protocol: one stray line would break it.
for (const method of ["log", "info", "debug"] as const)
  console[method] = (...args: unknown[]) => console.error(...args);

const services = new Services({ transport: "stdio", version, roots: null, images: null });
let stream: Promise<SocketServer> | null = null;
const token = randomBytes(32).toString("base64url");
let isLeaving = false;

/** Gives everything back within a few seconds, then leaves. */
function leave(exitCode: number): void {
  if (isLeaving) return;
  isLeaving = true;
  void (async () => {
    const timer = setTimeout(() => process.exit(exitCode), 5_000);
    timer.unref();
    await services.dispose().catch(() => undefined);
    await stream?.then((server) => server.close()).catch(() => undefined);
    process.exit(exitCode);
  })();
}

// What nobody handled is a bug of one request, not a reason to leave the editor alone.
process.on("unhandledRejection", (error) => console.error(`unhandled: ${describe(error)}`));
process.on("uncaughtException", (error) => console.error(`uncaught: ${describe(error)}`));
process.on("SIGTERM", () => leave(0));
process.on("SIGINT", () => leave(0));
process.stdout.on("error", () => leave(1));

serveLanguage({
  services,
  reader: new StreamMessageReader(process.stdin),
  writer: new StreamMessageWriter(process.stdout),
  async streamAddress() {
    stream ??= listen({ hub: services.hub, token, host: "127.0.0.1", port: 0 });
    return { port: (await stream).port, path: streamPath, token };
  },
  onEnd: (isClean) => leave(isClean ? 0 : 1),
  onClientProcess: (pid) => {
    // An editor that was killed says no goodbye; some systems keep our input open then.
    setInterval(() => {
      try {
        process.kill(pid, 0);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ESRCH") leave(1);
      }
    }, 3_000).unref();
  },
});

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : formatError(error);
}
