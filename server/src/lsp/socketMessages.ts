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
      let message: unknown;
      try {
        message = JSON.parse(text);
      } catch (error) {
        this.fireError(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (typeof message === "object" && message !== null) callback(message as Message);
      else this.fireError(new Error("expected a JSON object"));
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
