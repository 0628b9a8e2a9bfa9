/** Waiting for the server with something to look at: a line in the window that can be cancelled, and its name in it. */
import { type CancellationToken, ProgressLocation, window } from "vscode";

export function withProgress<T>(title: string, work: (token: CancellationToken) => Thenable<T>): Thenable<T> {
  const options = { location: ProgressLocation.Notification, title, cancellable: true };
  return window.withProgress(options, (_progress, token) => work(token));
}
