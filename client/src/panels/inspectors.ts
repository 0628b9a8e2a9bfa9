/**
 * All open inspectors: as the editor of an image (offered beside VS Code's own), and as a panel for a folder or a data set. Commands and
 * keys go to the one that has the focus.
 */
import {
  type CustomDocument,
  type CustomReadonlyEditorProvider,
  commands,
  type Uri,
  ViewColumn,
  type WebviewPanel,
  window,
} from "vscode";
import { basename } from "node:path";
import type { Context } from "../context";
import { imageInspectorViewType, inspectorPanelViewType } from "../contributions";
import type { Disposable } from "../emitter";
import type { Models } from "../models";
import { type InspectorContent, InspectorPanel, setViewerFocus } from "./inspectorPanel";

export class Inspectors implements CustomReadonlyEditorProvider, Disposable {
  private readonly open = new Set<InspectorPanel>();
  private focused: InspectorPanel | null = null;
  /** Images that are about to be opened by a command that also wants a look at them. */
  private readonly toStart = new Set<string>();

  /** Model that the next inspector begins with. */
  private modelForNext: string | null = null;

  constructor(
    private readonly context: Context,
    private readonly models: Models,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  // ---- the editor of an image

  openCustomDocument(uri: Uri): CustomDocument {
    return { uri, dispose: () => {} };
  }

  resolveCustomEditor({ uri }: CustomDocument, panel: WebviewPanel): void {
    const start = this.toStart.delete(uri.toString());
    this.adopt(panel, { title: basename(uri.fsPath), images: [{ uri }], start });
  }

  /** Opens an image and lets the model look at it. */
  async inspect(uri: Uri, options: { start: boolean }): Promise<void> {
    const known = [...this.open].find((panel) => panel.shows(uri));
    if (known !== undefined) {
      known.reveal();
      if (options.start) await known.startCurrent(0);
      return;
    }
    if (options.start) this.toStart.add(uri.toString());
    await commands.executeCommand("vscode.openWith", uri, imageInspectorViewType);
  }

  /** Lets a model look: at what the open inspector shows, or at an image that the person chooses. */
  async inspectWith(model: string): Promise<void> {
    const shown = this.active ?? [...this.open].at(-1);
    if (shown === undefined) {
      this.modelForNext = model;
      await commands.executeCommand("iadr1.inspectImage");
      return;
    }
    shown.reveal();
    await shown.lookWith(model);
  }

  // ---- the panel for many images

  show(content: InspectorContent): void {
    const options = { enableScripts: true, localResourceRoots: [this.context.asset("dist", "webview")] };
    const panel = window.createWebviewPanel(inspectorPanelViewType, content.title, ViewColumn.Active, options);
    this.adopt(panel, content);
  }

  /** The inspector that keys and commands are meant for. */
  get active(): InspectorPanel | null {
    return this.focused ?? [...this.open].find((panel) => panel.isActive) ?? null;
  }

  dispose(): void {
    for (const panel of this.open) panel.dispose();
    this.open.clear();
  }

  private adopt(panel: WebviewPanel, content: InspectorContent): void {
    const inspector = new InspectorPanel(this.context, this.models, panel, content, this.onFailure, this.modelForNext);
    this.modelForNext = null;
    this.open.add(inspector);
    inspector.onDidChangeFocus((isFocused) => {
      if (isFocused) this.focused = inspector;
      else if (this.focused === inspector) this.focused = null;
      setViewerFocus(this.focused !== null);
    });
    panel.onDidDispose(() => {
      this.open.delete(inspector);
      if (this.focused === inspector) {
        this.focused = null;
        setViewerFocus(false);
      }
      inspector.dispose();
    });
  }
}
