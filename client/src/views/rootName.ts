import { type Uri, workspace } from "vscode";

/** The folder of the window that a file is in; nothing where the window has one folder only, or the file is elsewhere. */
export function rootName(file: Uri): string[] {
  const root = (workspace.workspaceFolders?.length ?? 0) > 1 ? workspace.getWorkspaceFolder(file) : undefined;
  return root === undefined ? [] : [root.name];
}
