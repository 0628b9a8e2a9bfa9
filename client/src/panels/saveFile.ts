/** Files and texts that a page hands over for the person: to a place they choose, to the clipboard. */
import { basename } from "node:path";
import { env, Uri, window, workspace } from "vscode";

export async function saveFile({ name, data }: { name: string; data: Uint8Array }): Promise<void> {
  const folder = workspace.workspaceFolders?.[0]?.uri;
  // Only the last part: a name never leads out of the folder that is offered.
  const file = basename(name);
  const target = await window.showSaveDialog(folder === undefined ? {} : { defaultUri: Uri.joinPath(folder, file) });
  if (target !== undefined) await workspace.fs.writeFile(target, data);
}

export async function copyText({ text }: { text: string }): Promise<void> {
  await env.clipboard.writeText(text);
}
