/** Shows a failure to a person once: what happened and the cure, with the whole of it in the log. Cancelling is not a failure. */
import { CancellationError, type LogOutputChannel, window } from "vscode";
import type { WireError } from "@iad-r1/protocol/runs";
import { GivenUpError, NotConnectedError } from "./server/connection";
import * as messages from "./messages";

/** LSP's code for a request that was cancelled. */
const requestCancelled = -32800;

/** A failure that is already a sentence for a person. */
export class UserError extends Error {}

/**
 * @param showLog brings the log to the front
 * @param startServer offered where the server is what is missing
 */
export async function report(
  error: unknown,
  { log, showLog, startServer }: { log: LogOutputChannel; showLog(): void; startServer(): void },
): Promise<void> {
  if (isCancelled(error)) return;
  log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  if (error instanceof GivenUpError) return; // notifications.ts has said it
  const isServerMissing = error instanceof NotConnectedError;
  const actions = isServerMissing ? [messages.startServer(), messages.showLog()] : [messages.showLog()];
  const chosen = await window.showErrorMessage(sentence(error), ...actions);
  if (chosen === messages.showLog()) showLog();
  else if (chosen === messages.startServer()) startServer();
}

/** The error that the server sent, when it sent one. */
export function wireError(error: unknown): WireError | null {
  const data: unknown = error instanceof Error && "data" in error ? error.data : null;
  if (typeof data !== "object" || data === null) return null;
  const { code, message } = data as Partial<WireError>;
  return typeof code === "string" && typeof message === "string" ? (data as WireError) : null;
}

export function sentence(error: unknown): string {
  const wire = wireError(error);
  if (wire !== null) return [wire.message, wire.hint].filter((part) => part !== undefined && part !== "").join(" ");
  if (error instanceof NotConnectedError) return messages.serverBroken(error.message);
  if (error instanceof UserError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  return messages.failed(messages.unknownFailure(), text.slice(0, 300));
}

export function isCancelled(error: unknown): boolean {
  if (error instanceof CancellationError) return true;
  return error instanceof Error && "code" in error && error.code === requestCancelled;
}
