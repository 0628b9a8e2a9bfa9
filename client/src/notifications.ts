/** What a person is told without having asked: a run failed, a run is completed, the server was given up. Each once, never again. */
import { commands, window } from "vscode";
import { alertKey, type ListedAlert } from "@iad-r1/protocol/runs";
import type { Context } from "./context";
import type { Disposable } from "./emitter";
import type { ConnectionState } from "./server/connection";
import { setting } from "./settings";
import * as messages from "./messages";

/** Says what rules of the experiment file have told about a run that goes on, each once. */
export function notifyOfAlerts(context: Context): Disposable {
  return context.runs.onDidChange((changes) => {
    for (const { before, after } of changes) {
      // What was told before this window knew the run is no news; the dashboard has it.
      if (before === null || after === null) continue;
      const known = new Set((before.alerts ?? []).map(keyOfAlert));
      for (const alert of (after.alerts ?? []).filter((each) => !known.has(keyOfAlert(each)))) {
        void tell(window.showWarningMessage, messages.toldInRun(alert.message, after.id, alert.step), after.id);
      }
    }
  });
}

const keyOfAlert = (alert: ListedAlert) => `${alert.step} ${alertKey(alert)}`;

export function notifyOfRuns(context: Context): Disposable {
  return context.runs.onDidChange((changes) => {
    for (const { before, after } of changes) {
      // A run that was over when it was first heard of is no news.
      if (before === null || after === null || before.state === after.state) continue;
      if (after.state === "failed") void tell(window.showErrorMessage, messages.runFailed(after), after.id);
      if (after.state === "completed" && wantsToKnow()) {
        void tell(window.showInformationMessage, messages.runFinished(after), after.id);
      }
    }
  });
}

function wantsToKnow(): boolean {
  const when = setting("notifications.runFinished");
  return when === "always" || (when === "unfocused" && !window.state.focused);
}

async function tell(
  show: (text: string, ...actions: string[]) => Thenable<string | undefined>,
  text: string,
  run: string,
): Promise<void> {
  const action = messages.openDashboard();
  if ((await show(text, action)) === action) await commands.executeCommand("iadr1.openDashboard", run);
}

/** Says once that the server was given up, with what can be done about it. */
export function notifyOfServer(context: Context): Disposable {
  return context.connection.onDidChangeState((state) => {
    if (state.kind === "failed") void tellGivenUp(context, state);
  });
}

async function tellGivenUp(context: Context, state: Extract<ConnectionState, { kind: "failed" }>): Promise<void> {
  const again = state.isTokenWrong ? messages.enterToken() : messages.startServer();
  const text = [messages.serverFailed(state.reason), state.cure].join(" ").trim();
  const chosen = await window.showErrorMessage(text, again, messages.showLog());
  if (chosen === messages.showLog()) context.log.show();
  else if (chosen !== undefined) {
    await commands.executeCommand(state.isTokenWrong ? "iadr1.connectServer" : "iadr1.startServer");
  }
}
