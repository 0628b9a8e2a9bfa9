/** Where the experiments of this window are: files such as iadr1.yaml, found by name and watched. What is in them is the server's business. */
import { commands, type Uri, window, workspace } from "vscode";
import { experimentFiles as pattern } from "./contributions";
import { type Disposable, Emitter } from "./emitter";
import { UserError } from "./errors";
import * as messages from "./messages";

const excluded = "**/{node_modules,.iadr1,.git}/**";
const maxConfigs = 50;

export class Projects implements Disposable {
  private readonly changed = new Emitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly subscriptions: Disposable[] = [];
  private found: Promise<Uri[]> | null = null;

  constructor() {
    const watcher = workspace.createFileSystemWatcher(pattern);
    const forget = () => {
      this.found = null;
      this.changed.fire();
      void this.tellWhetherThereIsOne();
    };
    this.subscriptions.push(
      watcher,
      watcher.onDidCreate(forget),
      watcher.onDidDelete(forget),
      watcher.onDidChange(() => this.changed.fire()),
      workspace.onDidChangeWorkspaceFolders(forget),
    );
  }

  /** All experiment files, those near the top first. */
  configs(): Promise<Uri[]> {
    this.found ??= (async () => {
      const uris = await workspace.findFiles(pattern, excluded, maxConfigs);
      const depth = (uri: Uri) => uri.path.split("/").length;
      return uris.sort((a, b) => depth(a) - depth(b) || (a.path < b.path ? -1 : 1));
    })();
    return this.found;
  }

  /** Whether the folder has a file that is a reward by its name. */
  async hasRewardFile(): Promise<boolean> {
    return (await workspace.findFiles("**/*.reward.{ts,js,py}", excluded, 1)).length > 0;
  }

  /** Sets the context keys `iadr1.hasProject` and `iadr1.noProject`; while nobody has looked, neither is set. */
  async tellWhetherThereIsOne(): Promise<boolean> {
    const hasOne = (await this.configs()).length > 0;
    await commands.executeCommand("setContext", "iadr1.hasProject", hasOne);
    await commands.executeCommand("setContext", "iadr1.noProject", !hasOne);
    return hasOne;
  }

  /**
   * The experiment a command is about: the one in the editor, the only one there is, or the one that a person chooses.
   *
   * @throws UserError when there is none
   */
  async choose(): Promise<Uri | undefined> {
    const active = window.activeTextEditor?.document.uri;
    const configs = await this.configs();
    const inEditor = configs.find((uri) => uri.toString() === active?.toString());
    if (inEditor !== undefined) return inEditor;
    if (configs.length === 0) {
      throw new UserError(workspace.workspaceFolders === undefined ? messages.noFolder() : messages.noConfig());
    }
    if (configs.length === 1) return configs[0];
    const items = configs.map((uri) => ({ label: workspace.asRelativePath(uri), uri }));
    return (await window.showQuickPick(items, { ignoreFocusOut: true, title: messages.pickConfig() }))?.uri;
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }
}

/** The text of a file as the editor shows it, where it was changed and not saved. */
export function unsavedText(uri: Uri): string | undefined {
  const document = workspace.textDocuments.find((each) => each.uri.toString() === uri.toString());
  return document?.isDirty === true ? document.getText() : undefined;
}

/** A folder of the window, chosen when there are several. @throws UserError when there is none */
export async function chooseFolder(): Promise<Uri | undefined> {
  const folders = workspace.workspaceFolders ?? [];
  if (folders.length === 0) throw new UserError(messages.noFolder());
  if (folders.length === 1) return folders[0]!.uri;
  return (await window.showWorkspaceFolderPick())?.uri;
}

/** Whether a path names nothing yet. */
export async function isFree(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    () => false,
    () => true,
  );
}
