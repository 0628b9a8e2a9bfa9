/** The tree of runs: their true states, and below each its checkpoints and evaluations, read when they are opened. */
import {
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeDataProvider,
  type TreeView,
  Uri,
  window,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { CheckpointInfo, RunDetails, RunListing, RunState } from "@iad-r1/protocol/runs";
import type { Context } from "../context";
import { viewIds } from "../contributions";
import { percent } from "../durations";
import { type Disposable, Emitter } from "../emitter";
import * as messages from "../messages";
import { plain } from "../reports";
import { readAsShown } from "./readAsShown";
import { rootName } from "./rootName";
import { describeRun, evaluatedName, stageName } from "./statusItem";

export type RunNode =
  | { kind: "run"; id: string }
  | { kind: "group"; id: string; group: "checkpoints" | "evaluations" }
  | { kind: "checkpoint"; id: string; checkpoint: CheckpointInfo }
  | { kind: "evaluation"; id: string; evaluation: RunDetails["evaluations"][number] };

const icons: Record<RunState, [icon: string, color?: string]> = {
  queued: ["clock"],
  starting: ["loading~spin"],
  running: ["loading~spin"],
  paused: ["debug-pause"],
  stopping: ["loading~spin"],
  completed: ["pass", "testing.iconPassed"],
  stopped: ["circle-slash"],
  failed: ["error", "testing.iconFailed"],
};

export class RunsTree implements TreeDataProvider<RunNode>, Disposable {
  private readonly changed = new Emitter<RunNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event as TreeDataProvider<RunNode>["onDidChangeTreeData"];
  private readonly view: TreeView<RunNode>;
  /** One node a run, so that VS Code keeps what is opened and selected. */
  private readonly nodes = new Map<string, RunNode>();
  private readonly details = new Map<string, Promise<RunDetails>>();
  private readonly subscriptions: Disposable[];

  constructor(private readonly context: Context) {
    this.view = window.createTreeView(viewIds.runs, { treeDataProvider: this, showCollapseAll: true });
    this.subscriptions = [
      this.view,
      context.runs.onDidChange((changes) => {
        const isListChanged =
          changes.length === 0 || changes.some(({ before, after }) => before === null || after === null);
        for (const { after } of changes) if (after !== null) this.details.delete(after.id);
        if (isListChanged) this.changed.fire(undefined);
        else for (const { after } of changes) this.changed.fire(this.node(after!.id));
      }),
      context.connection.onDidChangeState(({ kind }) => {
        const isStale = kind !== "ready" && context.runs.all.length > 0;
        this.view.message = isStale ? messages.runsStale() : undefined;
      }),
    ];
  }

  /** Reads everything anew. */
  async refresh(): Promise<void> {
    this.details.clear();
    this.context.runs.replace(await this.context.connection.request(lsp.listRuns));
    this.changed.fire(undefined);
  }

  /** Runs that are selected in the tree. */
  get selectedRuns(): string[] {
    return [...new Set(this.view.selection.map(({ id }) => id))];
  }

  getChildren(node?: RunNode): RunNode[] | Promise<RunNode[]> {
    if (node === undefined) return this.context.runs.all.map(({ id }) => this.node(id));
    if (node.kind === "run") {
      return [
        { kind: "group", id: node.id, group: "checkpoints" },
        { kind: "group", id: node.id, group: "evaluations" },
      ];
    }
    return node.kind === "group" ? this.members(node.id, node.group) : [];
  }

  getTreeItem(node: RunNode): TreeItem {
    switch (node.kind) {
      case "run": {
        const run = this.context.runs.get(node.id);
        return run === undefined ? new TreeItem(node.id) : runItem(run);
      }
      case "group": {
        const title = node.group === "checkpoints" ? messages.checkpoints() : messages.evaluations();
        const item = new TreeItem(title, TreeItemCollapsibleState.Collapsed);
        item.id = `${node.id} ${node.group}`;
        item.contextValue = node.group;
        return item;
      }
      case "checkpoint":
        return checkpointItem(node.id, node.checkpoint);
      case "evaluation":
        return evaluationItem(node.id, node.evaluation);
    }
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }

  private node(id: string): RunNode {
    const known = this.nodes.get(id);
    if (known !== undefined) return known;
    const node: RunNode = { kind: "run", id };
    this.nodes.set(id, node);
    return node;
  }

  private async members(id: string, group: "checkpoints" | "evaluations"): Promise<RunNode[]> {
    let reading = this.details.get(id);
    if (reading === undefined) {
      reading = this.context.connection.request(lsp.showRun, { run: id });
      this.details.set(id, reading);
      // A failed reading is tried again the next time.
      reading.catch(() => this.details.delete(id));
    }
    const { checkpoints, evaluations } = await reading;
    return group === "checkpoints"
      ? checkpoints.map((checkpoint) => ({ kind: "checkpoint", id, checkpoint }))
      : evaluations.map((evaluation) => ({ kind: "evaluation", id, evaluation }));
  }
}

function runItem(run: RunListing): TreeItem {
  const item = new TreeItem(run.project, TreeItemCollapsibleState.Collapsed);
  const [icon, color] = icons[run.state];
  const parts = [...describeRun(run), ...rootName(Uri.file(run.folder))];
  item.id = run.id;
  item.description = parts.join(" · ");
  item.iconPath = new ThemeIcon(icon, color === undefined ? undefined : new ThemeColor(color));
  item.contextValue = `run.${run.state}`;
  item.tooltip = tooltip(run, parts);
  item.accessibilityInformation = { label: `${run.project}, ${run.id}, ${parts.join(", ")}` };
  return item;
}

function tooltip(run: RunListing, parts: readonly string[]): MarkdownString {
  const last = Object.entries(run.last).slice(0, 12);
  const lines = [
    `**${plain(run.id)}**`,
    plain(parts.join(" · ")),
    ...(run.reason === null ? [] : [plain(run.reason)]),
    ...last.map(([name, value]) => `${plain(name)}: ${Number(value.toPrecision(4))}`),
    plain(run.folder),
  ];
  return new MarkdownString(lines.join("\n\n"));
}

function checkpointItem(run: string, { stage, step, balancedAccuracy, best, path }: CheckpointInfo): TreeItem {
  const item = new TreeItem(messages.forkStep(step, stageName(stage)));
  const accuracy = balancedAccuracy === null ? [] : [`${percent(balancedAccuracy)} %`];
  item.id = `${run} ${path}`;
  item.description = [...accuracy, ...(best ? [messages.best()] : [])].join(" · ");
  item.iconPath = new ThemeIcon(best ? "star-full" : "save");
  item.contextValue = "checkpoint";
  item.tooltip = path;
  return readAsShown(item);
}

function evaluationItem(run: string, { label, stage, step, report }: RunDetails["evaluations"][number]): TreeItem {
  const item = new TreeItem(evaluatedName(label));
  item.id = `${run} evaluation ${label} ${stage} ${step}`;
  item.description = `${percent(report.balancedAccuracy)} %`;
  item.iconPath = new ThemeIcon("checklist");
  item.contextValue = "evaluation";
  item.command = { command: "iadr1.openDashboard", title: "", arguments: [run] };
  item.tooltip = [
    `${messages.balancedColumn()}: ${percent(report.balancedAccuracy)} %`,
    `${messages.falseAlarmColumn()}: ${percent(missing(report.normalAccuracy))} %`,
    `${messages.missedColumn()}: ${percent(missing(report.anomalousAccuracy))} %`,
    `${messages.unparsedColumn()}: ${percent(report.unparsed)} %`,
  ].join("\n");
  return readAsShown(item);
}

/** Share that was answered wrongly, from the share that was answered rightly. */
export const missing = (accuracy: number | null): number | null => (accuracy === null ? null : 100 - accuracy);
