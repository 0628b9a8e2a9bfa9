/** The tree of data: what the experiments of this folder learn from and are tested on, with counts and what is wrong with it. */
import {
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeDataProvider,
  type TreeView,
  type Uri,
  window,
  workspace,
} from "vscode";
import { basename } from "node:path";
import * as lsp from "@iad-r1/protocol/lsp";
import type { DataOverview, ProjectSource } from "@iad-r1/protocol/project";
import type { Context } from "../context";
import { viewIds } from "../contributions";
import { type Disposable, Emitter } from "../emitter";
import { sentence } from "../errors";
import * as messages from "../messages";
import type { Projects } from "../projects";

export type DataNode =
  | { kind: "source"; config: Uri; source: ProjectSource }
  | { kind: "category"; path: string; category: DataOverview["categories"][number] }
  | { kind: "label"; path: string; category: string; label: "normal" | "anomalous"; count: number };

export class DataTree implements TreeDataProvider<DataNode>, Disposable {
  private readonly changed = new Emitter<DataNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event as TreeDataProvider<DataNode>["onDidChangeTreeData"];
  private readonly view: TreeView<DataNode>;
  private readonly overviews = new Map<string, Promise<DataOverview>>();
  private readonly subscriptions: Disposable[];

  constructor(
    private readonly context: Context,
    private readonly projects: Projects,
  ) {
    this.view = window.createTreeView(viewIds.data, { treeDataProvider: this, showCollapseAll: true });
    this.subscriptions = [
      this.view,
      projects.onDidChange(() => this.refresh()),
      context.connection.onDidConnect(() => this.refresh()),
      workspace.onDidGrantWorkspaceTrust(() => this.refresh()),
    ];
  }

  refresh(): void {
    this.overviews.clear();
    this.changed.fire(undefined);
  }

  async getChildren(node?: DataNode): Promise<DataNode[]> {
    if (node === undefined) return this.sources();
    if (node.kind === "source" && node.source.path !== null) {
      const { path, categories } = await this.overview(node.source);
      return categories.map((category) => ({ kind: "category", path, category }));
    }
    if (node.kind === "category") {
      const { path, category } = node;
      const labels = [
        { label: "normal" as const, count: category.normal },
        { label: "anomalous" as const, count: category.anomalous },
      ];
      return labels
        .filter(({ count }) => count > 0)
        .map(({ label, count }) => ({ kind: "label", path, category: category.name, label, count }));
    }
    return [];
  }

  async getTreeItem(node: DataNode): Promise<TreeItem> {
    switch (node.kind) {
      case "source":
        return this.sourceItem(node);
      case "category": {
        const { name, normal, anomalous } = node.category;
        const item = new TreeItem(name, TreeItemCollapsibleState.Collapsed);
        item.id = `${node.path} ${name}`;
        item.description = messages.counts(normal, anomalous);
        item.iconPath = new ThemeIcon("symbol-class");
        item.contextValue = "category";
        return item;
      }
      case "label": {
        const isNormal = node.label === "normal";
        const item = new TreeItem(isNormal ? messages.normalColumn() : messages.anomalousColumn());
        item.id = `${node.path} ${node.category} ${node.label}`;
        item.description = String(node.count);
        item.iconPath = new ThemeIcon(isNormal ? "pass" : "warning");
        item.contextValue = "label";
        item.command = { title: messages.inspectAction(), command: "iadr1.inspectFolder", arguments: [node] };
        return item;
      }
    }
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }

  private async sources(): Promise<DataNode[]> {
    if (!this.context.isTrusted) return [];
    const configs = await this.projects.configs();
    if (configs.length === 0) return [];
    const nodes: DataNode[] = [];
    const seen = new Set<string>();
    for (const config of configs) {
      try {
        const { sources } = await this.context.connection.request(lsp.projectData, { configFile: config.fsPath });
        for (const source of sources) {
          const key = `${source.role} ${source.path ?? `${source.kind} ${source.count}`}`;
          if (!seen.has(key)) nodes.push({ kind: "source", config, source });
          seen.add(key);
        }
      } catch (error) {
        // The editor marks what is wrong in the file.
        this.context.log.warn(`data of ${config.fsPath}: ${sentence(error)}`);
      }
    }
    return nodes;
  }

  private overview(source: ProjectSource): Promise<DataOverview> {
    const path = source.path!;
    const known = this.overviews.get(path);
    if (known !== undefined) return known;
    const kind = source.kind === "synth" ? {} : { kind: source.kind };
    const reading = this.context.connection.request(lsp.dataOverview, { path, ...kind });
    this.overviews.set(path, reading);
    reading.catch(() => this.overviews.delete(path));
    return reading;
  }

  private async sourceItem({ source, config }: Extract<DataNode, { kind: "source" }>): Promise<TreeItem> {
    const role = source.role === "train" ? messages.trainRole() : messages.heldOutRole();
    if (source.path === null) {
      const item = new TreeItem(messages.dataGenerated(source.count ?? 0));
      item.description = role;
      item.iconPath = new ThemeIcon("sparkle");
      item.contextValue = "generated";
      item.id = `${config.toString()} ${source.role} generated ${source.count}`;
      return item;
    }
    const item = new TreeItem(basename(source.path), TreeItemCollapsibleState.Collapsed);
    item.id = `${source.role} ${source.path}`;
    item.tooltip = source.path;
    item.contextValue = "dataset";
    try {
      const { numNormal, numAnomalous, numProblems } = await this.overview(source);
      const facts = [role, messages.counts(numNormal, numAnomalous)];
      if (numProblems > 0) facts.push(messages.problems(numProblems));
      item.description = facts.join(" · ");
      item.iconPath =
        numProblems > 0
          ? new ThemeIcon("warning", new ThemeColor("list.warningForeground"))
          : new ThemeIcon("database");
    } catch (error) {
      item.description = `${role} · ${sentence(error)}`;
      item.iconPath = new ThemeIcon("error", new ThemeColor("list.errorForeground"));
      item.collapsibleState = TreeItemCollapsibleState.None;
    }
    return item;
  }
}
