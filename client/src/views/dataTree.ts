/** The tree of data: what the experiments of this folder learn from and are tested on, by set, class and split, with what is wrong. */
import { basename } from "node:path";
import {
  commands,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeDataProvider,
  type TreeView,
  Uri,
  window,
  workspace,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { ProjectDataSet, ProjectLeaks, SimilarPictures } from "@iad-r1/protocol/project";
import type { Context } from "../context";
import { viewIds } from "../contributions";
import { type Disposable, Emitter } from "../emitter";
import { sentence } from "../errors";
import * as messages from "../messages";
import type { Projects } from "../projects";
import { readAsShown } from "./readAsShown";
import { rootName } from "./rootName";

type DataClass = ProjectDataSet["classes"][number];

/** Nodes that belong to a data set; the others are about pictures that are twice there. */
export type SetNode = Extract<DataNode, { set: ProjectDataSet }>;

export type DataNode =
  | { kind: "set"; set: ProjectDataSet }
  | { kind: "class"; set: ProjectDataSet; class: DataClass }
  | { kind: "split"; set: ProjectDataSet; class: DataClass; split: DataClass["splits"][number] }
  | { kind: "leaks"; config: string; leaks: ProjectLeaks }
  | { kind: "pair"; config: string; pair: SimilarPictures; isLeak: boolean };

export class DataTree implements TreeDataProvider<DataNode>, Disposable {
  private readonly changed = new Emitter<DataNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event as TreeDataProvider<DataNode>["onDidChangeTreeData"];
  private readonly view: TreeView<DataNode>;
  private reading: Promise<DataNode[]> | null = null;
  /** What the last comparison of all pictures found, by experiment file. */
  private readonly leaks = new Map<string, ProjectLeaks>();
  private readonly subscriptions: Disposable[];

  constructor(
    private readonly context: Context,
    private readonly projects: Projects,
  ) {
    this.view = window.createTreeView(viewIds.data, { treeDataProvider: this, showCollapseAll: true });
    this.subscriptions = [
      this.view,
      projects.onDidChange(() => {
        // The data may be others now; comparing them all is asked for again.
        this.leaks.clear();
        this.refresh();
      }),
      context.connection.onDidConnect(() => this.refresh()),
      workspace.onDidGrantWorkspaceTrust(() => this.refresh()),
    ];
  }

  refresh(): void {
    this.reading = null;
    this.changed.fire(undefined);
  }

  /** Keeps what a comparison of all pictures found beside the data it is about. */
  showLeaks(config: Uri, leaks: ProjectLeaks): void {
    this.leaks.set(config.toString(), leaks);
    this.refresh();
  }

  getChildren(node?: DataNode): DataNode[] | Promise<DataNode[]> {
    if (node === undefined) {
      this.reading ??= this.readAll();
      return this.reading;
    }
    if (node.kind === "set") return node.set.classes.map((one) => ({ kind: "class", set: node.set, class: one }));
    if (node.kind === "class") return node.class.splits.map((split) => ({ ...node, kind: "split", split }));
    if (node.kind !== "leaks") return [];
    const { config, leaks } = node;
    const pairs = (list: readonly SimilarPictures[], isLeak: boolean) =>
      list.map((pair): DataNode => ({ kind: "pair", config, pair, isLeak }));
    return [...pairs(leaks.leaks, true), ...pairs(leaks.duplicates, false)];
  }

  getTreeItem(node: DataNode): TreeItem {
    switch (node.kind) {
      case "leaks":
        return leaksItem(node.config, node.leaks);
      case "pair":
        return pairItem(node);
      case "set":
        return setItem(node.set);
      case "class": {
        const { name, normal, anomalous } = node.class;
        const item = new TreeItem(name, TreeItemCollapsibleState.Collapsed);
        item.id = `${keyOf(node.set)} ${name}`;
        item.description = messages.counts(normal, anomalous);
        item.iconPath = new ThemeIcon("symbol-class");
        item.contextValue = contextOf("class", node.set);
        return item;
      }
      case "split": {
        const { split, normal, anomalous } = node.split;
        const item = new TreeItem(messages.splitName(split));
        item.id = `${keyOf(node.set)} ${node.class.name} ${split}`;
        item.description = messages.counts(normal, anomalous);
        item.iconPath = new ThemeIcon(split === "heldOut" || split === "validation" ? "beaker" : "mortar-board");
        return item;
      }
    }
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }

  private async readAll(): Promise<DataNode[]> {
    const nodes = await this.read();
    // Only then the view says that there is nothing: not while it is being read, and not without an answer.
    await commands.executeCommand("setContext", "iadr1.noData", nodes?.length === 0);
    return nodes ?? [];
  }

  /** Null: nobody could say. The server starts where there is a project. */
  private async read(): Promise<DataNode[] | null> {
    if (!this.context.isTrusted || this.context.connection.state.kind !== "ready") return null;
    const sets = new Map<string, ProjectDataSet>();
    let numShared = 0;
    for (const config of await this.projects.configs()) {
      try {
        const data = await this.context.connection.request(lsp.projectData, { configFile: config.fsPath });
        for (const set of data.sets) sets.set(keyOf(set), set);
        numShared += data.numShared;
      } catch (error) {
        // The editor marks what is wrong in the file.
        this.context.log.warn(`data of ${config.fsPath}: ${sentence(error)}`);
      }
    }
    this.view.message = numShared === 0 ? undefined : messages.sharedPictures(numShared);
    const found = [...this.leaks].map(([config, leaks]): DataNode => ({ kind: "leaks", config, leaks }));
    return [...found, ...[...sets.values()].map((set): DataNode => ({ kind: "set", set }))];
  }
}

const keyOf = ({ kind, path, name, splits }: ProjectDataSet) => `${kind} ${path ?? name} ${splits.join(" ")}`;
/** Generated pictures are no files that could be opened. */
const contextOf = (kind: string, { path }: ProjectDataSet) => (path === null ? `${kind}.generated` : kind);

function setItem(set: ProjectDataSet): TreeItem {
  const { name, path, splits, normal, anomalous, missingFiles, numProblems, failure } = set;
  const isBroken = failure !== null;
  const item = new TreeItem(
    path === null ? messages.dataGenerated(normal + anomalous) : name,
    isBroken ? TreeItemCollapsibleState.None : TreeItemCollapsibleState.Collapsed,
  );
  item.id = keyOf(set);
  item.tooltip = failure ?? path ?? name;
  item.contextValue = contextOf("dataset", set);
  const facts = [...(path === null ? [] : rootName(Uri.file(path))), splits.map(messages.splitName).join(", ")];
  if (isBroken) facts.push(failure);
  else facts.push(messages.counts(normal, anomalous));
  if (missingFiles > 0) facts.push(messages.missingFiles(missingFiles));
  else if (numProblems > 0) facts.push(messages.problemCount(numProblems));
  item.description = facts.join(" · ");
  item.iconPath = isBroken
    ? new ThemeIcon("error", new ThemeColor("list.errorForeground"))
    : numProblems > 0
      ? new ThemeIcon("warning", new ThemeColor("list.warningForeground"))
      : new ThemeIcon(path === null ? "sparkle" : "database");
  return readAsShown(item);
}

function leaksItem(config: string, { numLeaks, numDuplicates }: ProjectLeaks): TreeItem {
  const isClean = numLeaks + numDuplicates === 0;
  const item = new TreeItem(
    messages.leaksNode(numLeaks, numDuplicates),
    isClean ? TreeItemCollapsibleState.None : TreeItemCollapsibleState.Collapsed,
  );
  item.id = `leaks ${config}`;
  item.description = workspace.asRelativePath(Uri.parse(config));
  item.iconPath =
    numLeaks > 0
      ? new ThemeIcon("warning", new ThemeColor("list.warningForeground"))
      : new ThemeIcon(isClean ? "pass" : "copy");
  item.contextValue = "leaks";
  return item;
}

/** Two pictures that are the same or nearly; selecting it puts both into an inspector. */
function pairItem({ config, pair, isLeak }: Extract<DataNode, { kind: "pair" }>): TreeItem {
  const { a, b, isSame, splits } = pair;
  const item = new TreeItem(basename(a));
  item.id = `pair ${config} ${a} ${b} ${splits.join(" ")}`;
  const how = isSame ? messages.samePicture() : messages.similarPicture();
  const where = [...new Set(splits)].map(messages.splitName).join(" / ");
  item.description = `${messages.pairNode(basename(b))} · ${how} · ${where}`;
  item.tooltip = `${workspace.asRelativePath(a)}\n${workspace.asRelativePath(b)}`;
  item.iconPath = isLeak ? new ThemeIcon("warning", new ThemeColor("list.warningForeground")) : new ThemeIcon("copy");
  // Generated pictures are no files.
  if (!a.startsWith("synth:") && !b.startsWith("synth:"))
    item.command = { command: "iadr1.inspectImage", title: "", arguments: [Uri.file(a), [Uri.file(a), Uri.file(b)]] };
  return readAsShown(item);
}
