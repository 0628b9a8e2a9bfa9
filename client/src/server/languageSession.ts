/**
 * One stretch of talking with one server process, from the first message to the last. Loaded when a server is first needed, because the
 * language client is the largest part of the extension. Starting over is `connection.ts`'s work.
 */
import { type CancellationToken, type Disposable, type LogOutputChannel, MarkdownString } from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type NotificationType,
  type RequestType,
  type RequestType0,
  State,
  Trace,
} from "vscode-languageclient/node";
import { experimentFiles } from "../contributions";
import type { Transport } from "./transport";

export interface SessionOptions {
  log: LogOutputChannel;
  initialization: unknown;
  trace: "off" | "messages" | "verbose";
}

export interface LanguageSession {
  request<R, E>(type: RequestType0<R, E>, token?: CancellationToken): Promise<R>;
  request<P, R, E>(type: RequestType<P, R, E>, params: P, token?: CancellationToken): Promise<R>;
  onNotification<P>(type: NotificationType<P>, handler: (params: P) => void): Disposable;
  setTrace(trace: SessionOptions["trace"]): void;
  /** Asks the server to end, then ends the transport. */
  close(): Promise<void>;
}

const traces = { off: Trace.Off, messages: Trace.Messages, verbose: Trace.Verbose };

/** The files that the server knows a language for. */
const documentSelector = [
  { scheme: "file", language: "yaml", pattern: experimentFiles },
  { scheme: "file", language: "json", pattern: "**/*.json" },
  { scheme: "file", language: "jsonl", pattern: "**/*.jsonl" },
  { scheme: "file", pattern: "**/*.jsonl" },
  // Rewards; the server looks at the words of a text before it reads it.
  ...["typescript", "javascript", "python"].map((language) => ({ scheme: "file", language })),
];

/** Hovers of rewards have links that run these commands, with arguments that the server made; no other hover of ours may run any. */
const rewardLanguages = new Set(["typescript", "javascript", "python"]);
const rewardCommands = [
  ...["exploreRollouts", "debugRollout", "probeReward", "copyRewardReport", "startLiveValues", "sampleRollouts"],
  ...["scoreWith", "selectRewardScope"],
].map((name) => `iadr1.${name}`);

/** Starts the session; rejects when the server does not get through its first exchange. */
export async function startSession(transport: Transport, options: SessionOptions): Promise<LanguageSession> {
  const clientOptions: LanguageClientOptions = {
    documentSelector,
    outputChannel: options.log,
    traceOutputChannel: options.log,
    initializationOptions: options.initialization,
    middleware: {
      async provideHover(document, position, token, next) {
        const hover = await next(document, position, token);
        if (!rewardLanguages.has(document.languageId)) return hover;
        for (const content of hover?.contents ?? []) {
          if (content instanceof MarkdownString) content.isTrusted = { enabledCommands: rewardCommands };
        }
        return hover;
      },
    },
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
    },
  };
  const client = new QuietClient("iadr1", "IAD-R1", async () => transport, clientOptions);
  try {
    await Promise.race([client.start(), transport.ended.then((reason) => Promise.reject(new Error(reason)))]);
  } catch (error) {
    await transport.close();
    await client.dispose();
    throw error;
  }
  await client.setTrace(traces[options.trace]);
  return {
    request: ((type: RequestType<unknown, unknown, unknown>, ...rest: unknown[]) =>
      client.sendRequest(type, ...(rest as [unknown]))) as LanguageSession["request"],
    onNotification: (type, handler) => client.onNotification(type, handler),
    setTrace: (trace) => void client.setTrace(traces[trace]),
    async close() {
      await client.stop();
      await transport.close();
      await client.dispose();
    },
  };
}

/** Leaves it to `connection.ts` to tell a person what happened, and may be stopped in every state. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override async stop(timeoutMs?: number): Promise<void> {
    if (this.state !== State.Running) return;
    await super.stop(timeoutMs).catch(() => {});
  }
}
