/** A client of `iad-r1 serve`: the messages of a language server over one WebSocket. */
import { socketReader, socketWriter } from "@iad-r1/server/lsp/socketMessages";
import { createProtocolConnection, InitializeRequest, type ProtocolConnection } from "vscode-languageserver/node";
import { WebSocket } from "ws";

/** @param options `ca`: the certificate to believe, for a server with TLS */
export async function connectTo(
  url: string,
  { token, ...options }: { token: string; ca?: string },
): Promise<{ connection: ProtocolConnection; socket: WebSocket }> {
  const socket = new WebSocket(`${url}/lsp`, { headers: { authorization: `Bearer ${token}` }, ...options });
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  const text = {
    send: (message: string) => socket.send(message),
    onMessage: (listener: (message: string) => void) => void socket.on("message", (data) => listener(String(data))),
    onClose: (listener: () => void) => void socket.once("close", listener),
  };
  const connection = createProtocolConnection(socketReader(text), socketWriter(text));
  connection.onError(() => undefined);
  connection.listen();
  await connection.sendRequest(InitializeRequest.type, { processId: null, rootUri: null, capabilities: {} });
  return { connection, socket };
}
