/**
 * A language server on one connection: what it can do, its handlers, its end. Several connections can share the services; whoever makes
 * the connection decides what its end means.
 */
import { didChangeRun, didLog, type StreamAddress } from "@iad-r1/protocol/lsp";
import {
  CodeActionKind,
  createProtocolConnection,
  type InitializeParams,
  type InitializeResult,
  type MessageReader,
  type MessageWriter,
  TextDocumentSyncKind,
} from "vscode-languageserver/node";
import type { RunListing } from "@iad-r1/protocol/runs";
import { createConnection } from "vscode-languageserver";
import { labelTranslatorFor } from "../features/localise/labels";
import { runTranslatorFor } from "../features/localise/runs";
import type { Services } from "../services";
import { Dispatcher } from "./dispatch";
import { registerInspect } from "./handlers/inspect";
import { registerLanguage } from "./handlers/language";
import { registerRewards } from "./handlers/rewards";
import { registerRollouts } from "./handlers/rollouts";
import { registerRuns } from "./handlers/runs";
import { registerServer } from "./handlers/server";
import { readServerOptions } from "./params";

export interface LanguageServerOptions {
  services: Services;
  reader: MessageReader;
  writer: MessageWriter;
  /** Where this client finds the stream. */
  streamAddress: () => Promise<StreamAddress>;
  /** The client said `exit`, or the connection broke; called once. `isClean`: it had asked for a shutdown before. */
  onEnd: (isClean: boolean) => void;
  /** The process of the editor, once it is known. */
  onClientProcess?: (pid: number) => void;
}

/** Serves until the connection ends. */
export function serveLanguage(options: LanguageServerOptions): void {
  const { services, reader, writer } = options;
  let isShutDown = false;
  let hasEnded = false;
  const connection = createConnection(
    (logger) => createProtocolConnection(reader, writer, logger, { maxParallelism: -1 }),
    {
      get shutdownReceived() {
        return isShutDown;
      },
      set shutdownReceived(value) {
        isShutDown = value;
      },
      initialize: ({ processId }) => {
        if (typeof processId === "number") options.onClientProcess?.(processId);
      },
      exit: () => end(),
    },
  );
  const tell = (level: "info" | "warning" | "error", message: string) => {
    if (!hasEnded) void connection.sendNotification(didLog, { level, message }).catch(() => undefined);
  };
  const dispatcher = new Dispatcher(connection, (message) => tell("error", message));
  let locale = "en";
  const rewards = registerRewards(connection, dispatcher, services, () => locale);
  const language = registerLanguage(connection, dispatcher, rewards, {
    locale: () => locale,
    looksAtFiles: services.options.transport === "stdio",
    onLog: (message) => tell("warning", message),
  });
  const say = () => labelTranslatorFor(locale);
  registerServer(dispatcher, services, options.streamAddress, say);
  registerInspect(dispatcher, services, say);
  const sayRun = (run: RunListing) => runTranslatorFor(locale)?.listing(run) ?? run;
  registerRuns(dispatcher, services, sayRun, say, () => locale);
  registerRollouts(dispatcher, services);
  const stopListening = services.listen((news) => {
    if (news.type === "log") tell(news.level, news.message);
    else if (news.type === "rollouts") rewards.rolloutsChanged(news.run);
    else if (!hasEnded) {
      const params = news.type === "run" ? { run: sayRun(news.run) } : { removed: news.id };
      void connection.sendNotification(didChangeRun, params).catch(() => undefined);
    }
  });

  connection.onInitialize((params: InitializeParams): InitializeResult => {
    const { options: wanted, fault } = readServerOptions(params.initializationOptions);
    services.configure(wanted);
    locale = params.locale ?? locale;
    if (fault !== null) tell("warning", fault);
    rewards.initialize({
      refreshesLenses: params.capabilities.workspace?.codeLens?.refreshSupport === true,
      refreshesHints: params.capabilities.workspace?.inlayHint?.refreshSupport === true,
      createsFiles: params.capabilities.workspace?.workspaceEdit?.resourceOperations?.includes("create") === true,
      folders: services.options.roots ?? wanted.projectFolders ?? [],
    });
    return {
      serverInfo: { name: "IAD-R1", version: services.options.version },
      capabilities: {
        textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
        completionProvider: { triggerCharacters: [":", " ", "/", "-", '"'] },
        hoverProvider: true,
        codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
        codeLensProvider: { resolveProvider: false },
        inlayHintProvider: { resolveProvider: false },
      },
    };
  });
  // The runs go on: they are processes of their own.
  connection.onShutdown(() => undefined);

  function end(): void {
    if (hasEnded) return;
    hasEnded = true;
    stopListening();
    void language.dispose();
    void rewards.dispose();
    options.onEnd(isShutDown);
  }
  reader.onClose(() => end());
  // A message that is no JSON is answered by the protocol or dropped; the next one is read as if nothing had been.
  reader.onError((error) => tell("warning", `A message could not be read: ${error.message}`));
  connection.listen();
}
