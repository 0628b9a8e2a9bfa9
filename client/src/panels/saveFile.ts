/** Files and texts that a page hands over for the person: to a place they choose, to the clipboard. */
import { basename } from "node:path";
import { env, Uri, window, workspace } from "vscode";

/** Where a file shall go; its name is offered in the first folder of the window. */
export function chooseFile(name: string): Thenable<Uri | undefined> {
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file(env.appRoot);
  // Only the last part: a name never leads out of the folder that is offered.
  return window.showSaveDialog({ defaultUri: Uri.joinPath(folder, basename(name)) });
}

export async function saveFile({ name, data }: { name: string; data: Uint8Array }): Promise<void> {
  const target = await chooseFile(name);
  if (target !== undefined) await workspace.fs.writeFile(target, data);
}

export async function copyText({ text }: { text: string }): Promise<void> {
  await env.clipboard.writeText(text);
}
