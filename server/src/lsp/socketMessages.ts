/** JSON-RPC over a socket of whole text messages, for the language server of remote editors. */
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageReader,
  type MessageWriter,
} from "vscode-languageserver/node";

/** What a WebSocket comes down to. */
export interface MessageSocket {
  send(text: string): void;
  onMessage(listener: (text: string) => void): void;
  onClose(listener: () => void): void;
}

export function socketReader(socket: MessageSocket): MessageReader {
  return new SocketReader(socket);
}

export function socketWriter(socket: MessageSocket): MessageWriter {
  return new SocketWriter(socket);
}

class SocketReader extends AbstractMessageReader {
  constructor(private readonly socket: MessageSocket) {
    super();
    socket.onClose(() => this.fireClose());
  }

  listen(callback: DataCallback): Disposable {
    this.socket.onMessage((text) => {
      try {
        const message: unknown = JSON.parse(text);
        if (typeof message !== "object" || message === null) throw new Error("expected a JSON object");
        // Throws for some messages of the wrong shape, a cancellation of nothing for one: that must not end the server of all clients.
        callback(message as Message);
      } catch (error) {
        this.fireError(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return { dispose: () => undefined };
  }
}

class SocketWriter extends AbstractMessageWriter {
  constructor(private readonly socket: MessageSocket) {
    super();
    socket.onClose(() => this.fireClose());
  }

  async write(message: Message): Promise<void> {
    this.socket.send(JSON.stringify(message));
  }

  end(): void {
    // The socket is closed by whoever opened it.
  }
}
