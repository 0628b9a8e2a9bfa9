/** Commands about the project: make one, check the machine and the configuration, gather what a bug report needs. */
import { commands, env, Uri, version, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { MachineCheck } from "@iad-r1/protocol/project";
import { extensionId, settings, walkthroughId } from "../contributions";
import { chooseFolder, unsavedText } from "../projects";
import { plain, showMarkdown, table } from "../reports";
import { setting } from "../settings";
import * as messages from "../messages";
import { withProgress } from "./progress";
import type { Parts } from "./types";

/** Writes the sample project into the folder, opens its experiment file, and a defect beside it. */
export async function createSampleProject({ context, inspectors }: Parts): Promise<void> {
  const folder = await chooseFolder();
  if (folder === undefined) return;
  const sample = await withProgress(messages.creatingSample(), (token) =>
    context.connection.request(lsp.createSampleProject, { folder: folder.fsPath }, token),
  );
  const config = await workspace.openTextDocument(Uri.file(sample.configFile));
  await window.showTextDocument(config, { preview: false });
  await inspectors.inspect(Uri.file(sample.firstImage), { start: false });
}

export async function checkMachine({ context }: Parts): Promise<void> {
  const { ok, checks } = await withProgress(messages.checkingMachine(), (token) =>
    context.connection.request(lsp.doctorCheck, token),
  );
  const title = messages.machineReport();
  const verdict = ok ? messages.machineReady() : messages.machineNotReady();
  await context.reports.show(title, `# ${plain(title)}\n\n**${plain(verdict)}**\n\n${checkList(checks)}\n`);
}

/** One line a check: its state, what was found, and the cure. */
export function checkList(checks: readonly MachineCheck[]): string {
  const words = { ok: messages.checkOk(), optional: messages.checkOptional(), problem: messages.checkProblem() };
  const marks = { ok: "✔", optional: "○", problem: "✘" };
  const rows = checks.map(({ name, status, evidence, cure }) => [
    // One line however narrow the column: Chinese may break anywhere, other languages behind the mark.
    [...`${marks[status]}\u00a0${words[status]}`].join("\u2060"),
    name,
    // Not in brackets: cures have some of their own.
    cure === null ? evidence : `${evidence.replace(/[.。]$/, "")}; ${messages.cure(cure)}`,
  ]);
  return table(["", messages.checkColumn(), messages.evidenceColumn()], rows);
}

/** Checks the experiment as a start of both stages would, and starts nothing. */
export async function validateConfiguration({ context, projects }: Parts): Promise<void> {
  const config = await projects.choose();
  if (config === undefined) return;
  const file = workspace.asRelativePath(config);
  const text = unsavedText(config);
  const { ok, checks } = await withProgress(messages.checking(file), (token) =>
    context.connection.request(
      lsp.preflightRun,
      { kind: "post-train", configFile: config.fsPath, ...(text === undefined ? {} : { text }) },
      token,
    ),
  );
  if (ok) {
    void window.showInformationMessage(messages.configValid(file));
    return;
  }
  const count = checks.filter(({ status }) => status === "problem").length;
  await context.reports.show(
    messages.preflightReport(file),
    `# ${plain(messages.preflightReport(file))}\n\n**${plain(messages.configInvalid(file, count))}**\n\n${checkList(checks)}\n`,
  );
}

export async function openDocumentation({ context }: Parts): Promise<void> {
  // Packaging gives the file this name.
  await showMarkdown(context.asset("readme.md"));
}

export async function openFirstSteps(): Promise<void> {
  await commands.executeCommand("workbench.action.openWalkthrough", `${extensionId}#${walkthroughId}`, false);
}

/**
 * Everything a bug report needs, in a text to look through. The server writes it and takes out what is nobody's business; where no server
 * runs, what the editor knows is all there is.
 */
export async function collectDiagnostics({ context }: Parts): Promise<void> {
  const { connection } = context;
  const changed = Object.keys(settings).flatMap((name) => {
    const { globalValue, workspaceValue } = workspace.getConfiguration("iadr1").inspect(name) ?? {};
    return globalValue === undefined && workspaceValue === undefined ? [] : [name];
  });
  const facts: Record<string, string> = {
    extension: context.version,
    editor: `${env.appName} ${version}, ${env.remoteName ?? "local"}, ${env.uiKind === 1 ? "desktop" : "web"}`,
    "extension host": `node ${process.versions.node} on ${process.platform} ${process.arch}`,
    trusted: String(workspace.isTrusted),
    server: `${connection.state.kind}, mode ${setting("server.mode")}`,
    "changed settings": changed.join(", ") || "none",
    "states of runs": context.runs.all.map(({ state }) => state).join(", ") || "none",
  };
  const isReady = connection.state.kind === "ready";
  const project = context.remote === null ? (workspace.workspaceFolders?.[0]?.uri.fsPath ?? null) : null;
  const text = isReady
    ? (
        await withProgress(messages.checkingMachine(), (token) =>
          connection.request(lsp.collectDiagnostics, { project, facts }, token),
        )
      ).text
    : Object.entries(facts)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join("");
  const content = `${messages.diagnosticsTitle()}\n\n${text}`;
  await window.showTextDocument(await workspace.openTextDocument({ content, language: "plaintext" }));
}
