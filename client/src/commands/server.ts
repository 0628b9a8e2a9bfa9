/** Commands about the server itself: start and stop it, connect to one elsewhere, see how it is. */
import { type QuickPickItem, window } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import { commandId, commands as registered, runControls } from "../contributions";
import { duration, memory } from "../durations";
import { plain, table } from "../reports";
import { isExposed, parseAddress } from "../server/address";
import * as messages from "../messages";
import { withProgress } from "./progress";
import type { Parts } from "./types";

export async function startServer({ context }: Parts): Promise<void> {
  await withProgress(messages.serverStarting(), (token) => context.connection.start(token));
}

export async function stopServer({ context }: Parts): Promise<void> {
  await context.connection.stop();
}

export async function restartServer({ context }: Parts): Promise<void> {
  await withProgress(messages.serverStarting(), () => context.connection.restart());
}

export function showLog({ context }: Parts): void {
  context.log.show();
}

/** Asks for the address and the token, keeps both, and connects; or goes back to the server inside. */
export async function connectServer({ context }: Parts): Promise<void> {
  const current = context.remote;
  const choices: (QuickPickItem & { choice: "embedded" | "current" | "new" })[] = [
    { label: messages.useEmbedded(), description: messages.useEmbeddedDetail(), choice: "embedded" },
    ...(current === null ? [] : [{ label: current.base, choice: "current" as const }]),
    { label: messages.newAddress(), choice: "new" },
  ];
  const chosen = await window.showQuickPick(choices, { ignoreFocusOut: true, title: messages.pickServer() });
  if (chosen === undefined) return;
  if (chosen.choice === "embedded") {
    await context.keepAddress(null);
    await restartServer({ context } as Parts);
    return;
  }
  const typed =
    chosen.choice === "current"
      ? current!.base
      : await window.showInputBox({
          ...{ prompt: messages.askAddress(), value: current?.base ?? "ws://", ignoreFocusOut: true },
          validateInput: (value) => (parseAddress(value) === null ? messages.addressWrong() : undefined),
        });
  const address = typed === undefined ? null : parseAddress(typed);
  if (address === null) return;
  if (isExposed(address)) {
    const answer = await window.showWarningMessage(
      messages.exposed(address.base),
      { modal: true },
      messages.connectAnyway(),
    );
    if (answer === undefined) return;
  }
  const token = await window.showInputBox({
    ...{ prompt: messages.askToken(address.base), password: true, ignoreFocusOut: true },
    validateInput: (value) => (value.trim() === "" ? messages.tokenEmpty() : undefined),
  });
  if (token === undefined) return;
  await context.keepToken(address, token.trim());
  await context.connection.stop();
  await context.keepAddress(address);
  await withProgress(messages.serverStarting(), (cancel) => context.connection.start(cancel));
  window.setStatusBarMessage(messages.connected(address.base), 8000);
}

/** What the status item opens: the state in words, and what can be done now. */
export async function showServerStatus(parts: Parts): Promise<void> {
  const { context } = parts;
  const { state } = context.connection;
  const { commands } = await import("vscode");
  const act = (label: string, command: string, detail?: string) => ({ label, command, ...(detail ? { detail } : {}) });
  const sentences = {
    off: messages.serverOff(),
    starting: messages.serverStarting(),
    ready: messages.serverReady(),
    waiting: state.kind === "waiting" ? state.reason : "",
    failed: state.kind === "failed" ? messages.serverFailed(state.reason) : "",
  };
  if (!context.isTrusted) {
    const chosen = await window.showQuickPick([act(messages.manageTrust(), "workbench.trust.manage")], {
      title: messages.statusRestricted(),
    });
    if (chosen !== undefined) await commands.executeCommand(chosen.command);
    return;
  }
  const [run] = context.runs.active;
  const controls = [
    ["pauseRun", messages.pauseRun()],
    ["resumeRun", messages.resumeRun()],
    ["resumeWithRewards", messages.resumeCorrected()],
    ["stopRun", messages.stopAfterStep()],
  ] as const;
  const items = [
    ...(run === undefined
      ? []
      : [
          act(`$(graph-line) ${messages.openDashboard()}`, "iadr1.openDashboard", run.id),
          ...controls
            .filter(([name]) => (runControls[name] as readonly string[]).includes(run.state))
            .map(([name, label]) => act(`$(${registered[name].icon}) ${label}`, commandId(name), run.id)),
        ]),
    ...(state.kind === "ready"
      ? [act(`$(info) ${messages.serverReport()}`, "details")]
      : [act(`$(play) ${messages.startServer()}`, "iadr1.startServer")]),
    act(`$(remote) ${messages.pickServer()}`, "iadr1.connectServer"),
    act(`$(output) ${messages.showLog()}`, "iadr1.showLog"),
  ];
  const chosen = await window.showQuickPick(items, { ignoreFocusOut: true, title: sentences[state.kind] });
  if (chosen === undefined) return;
  if (chosen.command === "details") return showDetails(parts);
  await commands.executeCommand(chosen.command, ...("detail" in chosen ? [chosen.detail] : []));
}

async function showDetails({ context }: Parts): Promise<void> {
  const status = await context.connection.request(lsp.serverStatus);
  const rows = [
    [messages.versionRow(), status.version],
    [messages.whereRow(), context.remote?.base ?? messages.useEmbeddedDetail()],
    [messages.processRow(), `${status.pid} · ${status.platform}`],
    [messages.upRow(), duration(status.uptimeSeconds)],
    [messages.memoryRow(), memory(status.memoryBytes)],
    [messages.activeRow(), `${status.activeRuns} · ${status.activeJobs}`],
    ...status.models.map(({ reference, state }) => [
      messages.modelColumn(),
      `${reference.adapter ?? reference.base} (${state})`,
    ]),
  ];
  const title = messages.serverReport();
  await context.reports.show(
    title,
    `# ${plain(title)}\n\n${table([messages.settingColumn(), messages.valueColumn()], rows)}\n`,
  );
}
