/** Reaches a server on another machine over a WebSocket: one JSON message a frame, the token in a header. */
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
} from "vscode-languageclient/node";
import { WebSocket } from "ws";
import { NoServerError, type Transport } from "./transport";
import * as messages from "../messages";

/** Longest message that is accepted from the server; curves and pictures do not come this way. */
const maxMessageBytes = 64 * 2 ** 20;
const openTimeoutMs = 15_000;
/** A silent connection is asked for a sign of life this often, and given up when none comes until the next time. */
const pingMs = 20_000;

/**
 * Opens the connection.
 *
 * @throws NoServerError when the token is refused or nothing there speaks our protocol; Error when it may work later
 */
export async function connectRemote(url: string, token: string): Promise<Transport> {
  const socket = new WebSocket(url, {
    headers: { Authorization: `Bearer ${token}` },
    handshakeTimeout: openTimeoutMs,
    maxPayload: maxMessageBytes,
  });
  await opened(socket, url);
  const ended = new Promise<string>((resolve) => {
    socket.once("close", (code, reason) => resolve(messages.connectionEnded(code, String(reason))));
  });
  socket.on("error", () => {}); // "close" follows and says it
  watch(socket);
  return {
    reader: new SocketReader(socket),
    writer: new SocketWriter(socket),
    ended,
    async close() {
      socket.close(1000);
      const timer = setTimeout(() => socket.terminate(), 2000);
      await ended;
      clearTimeout(timer);
    },
  };
}

function opened(socket: WebSocket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
    socket.once("unexpected-response", (_request, response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      socket.terminate();
      if (status === 401 || status === 403) {
        reject(new NoServerError(messages.tokenRefused(url), messages.giveToken(), true));
      } else if (status === 404 || status === 426 || status === 400) {
        reject(new NoServerError(messages.otherServer(url, status), messages.checkVersions()));
      } else {
        reject(new Error(`the server answered with HTTP ${status}`));
      }
    });
  });
}

/** Notices a connection that is dead without having been closed, as after a laptop slept. */
function watch(socket: WebSocket): void {
  let isAlive = true;
  socket.on("pong", () => {
    isAlive = true;
  });
  socket.on("message", () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, pingMs);
  socket.once("close", () => clearInterval(timer));
}

class SocketReader extends AbstractMessageReader {
  constructor(private readonly socket: WebSocket) {
    super();
  }

  listen(callback: DataCallback): Disposable {
    const receive = (data: Buffer) => {
      let message: Message;
      try {
        message = JSON.parse(data.toString("utf8")) as Message;
      } catch (error) {
        this.fireError(error);
        return;
      }
      callback(message);
    };
    const close = () => this.fireClose();
    this.socket.on("message", receive);
    this.socket.once("close", close);
    return { dispose: () => this.socket.off("message", receive).off("close", close) };
  }
}

class SocketWriter extends AbstractMessageWriter {
  constructor(private readonly socket: WebSocket) {
    super();
    socket.once("close", () => this.fireClose());
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {}
}
