/**
 * The tree of rewards: each function with its weight, what it came to over the scope, and below it what is wrong with it. A built-in reward
 * that a run used stands there too. It shows what the server says and asks again when something changed.
 */
import { basename } from "node:path/posix";
import {
  commands,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeDataProvider,
  Uri,
  window,
  workspace,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { RewardTreeItem } from "@iad-r1/protocol/rewardDebugger";
import type { RunListing } from "@iad-r1/protocol/runs";
import type { Context } from "../context";
import { viewIds } from "../contributions";
import { type Disposable, Emitter } from "../emitter";
import { sentence } from "../errors";
import * as messages from "../messages";
import { plain } from "../reports";
import type { ReachDecorations } from "../rewards/reachDecorations";
import { rootName } from "./rootName";
import { toldFindings } from "./toldFindings";

/** Also what commands get from a click in the tree: the shape of a link to a reward. */
export type RewardNode =
  | { kind: "reward"; uri: string; function: string; item: RewardTreeItem }
  | { kind: "recorded"; item: RewardTreeItem }
  /** Of a reward without a file where `uri` is null. */
  | { kind: "finding"; uri: string | null; function: string; finding: RewardTreeItem["findings"][number] };

/** Changes come in flocks: a save, its reach, its scope. */
const restMs = 400;

export class RewardsTree implements TreeDataProvider<RewardNode>, Disposable {
  private readonly changed = new Emitter<RewardNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event as TreeDataProvider<RewardNode>["onDidChangeTreeData"];
  private readonly subscriptions: Disposable[];
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** Names that several files have, in both languages for instance: their file tells them apart. */
  private shared = new Set<string>();

  constructor(
    private readonly context: Context,
    reach: ReachDecorations,
  ) {
    const view = window.createTreeView(viewIds.rewards, { treeDataProvider: this, showCollapseAll: true });
    const files = workspace.createFileSystemWatcher("**/*.{ts,js,py,yaml,yml}");
    // Experiments too: what they train with stands first.
    const isShown = ({ path }: Uri) => /\.reward\.\w+$|\/rewards\/[^/]+$|\biadr1\.ya?ml$/.test(path);
    const look = (uri: Uri) => {
      if (isShown(uri)) this.refreshSoon();
    };
    this.subscriptions = [
      view,
      files,
      files.onDidCreate(look),
      files.onDidDelete(look),
      files.onDidChange(look),
      reach.onDidChange(() => this.refreshSoon()),
      context.rewardScope.event(() => this.refreshSoon()),
      context.runs.onDidChange((changes) => {
        const numFound = (run: RunListing | null) => run?.findings.length ?? 0;
        if (changes.some(({ before, after }) => numFound(before) !== numFound(after))) this.refreshSoon();
      }),
      context.connection.onDidChangeState(({ kind }) => {
        if (kind === "ready" || kind === "failed") this.refresh();
      }),
    ];
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(node?: RewardNode): Promise<RewardNode[]> {
    if (node?.kind === "finding") return [];
    if (node !== undefined) {
      const { name, place, findings } = node.item;
      return findings.map((finding) => ({ kind: "finding", uri: place?.uri ?? null, function: name, finding }));
    }
    const items = await this.read();
    // Only then the view says that there is nothing: not while it is being read, and not without an answer.
    await commands.executeCommand("setContext", "iadr1.noRewards", items?.length === 0);
    return items ?? [];
  }

  /** Null: nobody could say. */
  private async read(): Promise<RewardNode[] | null> {
    if (this.context.connection.state.kind !== "ready") return null;
    try {
      const items = await this.context.connection.requestNow(lsp.rewardTree);
      const names = items.map(({ name }) => name);
      this.shared = new Set(names.filter((name, i) => names.indexOf(name) !== i));
      return items.map((each) => {
        const item = this.withTold(each);
        return item.place === null
          ? { kind: "recorded", item }
          : { kind: "reward", uri: item.place.uri, function: item.name, item };
      });
    } catch (error) {
      this.context.log.warn(`rewards: ${sentence(error)}`);
      return null;
    }
  }

  getTreeItem(node: RewardNode): TreeItem {
    return node.kind === "finding" ? findingItem(node) : rewardItem(node, this.shared.has(node.item.name));
  }

  dispose(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }

  private withTold(item: RewardTreeItem): RewardTreeItem {
    const uri = item.place === null ? null : Uri.parse(item.place.uri).toString();
    const isFile = (file: string | null) => (file === null ? null : Uri.file(file).toString()) === uri;
    return { ...item, findings: [...toldFindings(item, this.context.runs.all, isFile), ...item.findings] };
  }

  private refreshSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.refresh();
    }, restMs);
  }
}

function rewardItem(node: Extract<RewardNode, { item: RewardTreeItem }>, isShared: boolean): TreeItem {
  const { name, place, weight, mean, counts, freshness, findings } = node.item;
  const item = new TreeItem(
    shortName(name),
    findings.length > 0 ? TreeItemCollapsibleState.Collapsed : TreeItemCollapsibleState.None,
  );
  const said = mean === null ? messages.noScores() : messages.meanIs(short(mean));
  const problems = findings.length === 0 ? [] : [messages.problemCount(findings.length)];
  item.id = `${place?.uri ?? ""} ${name}`;
  // In front: in a narrow side bar the end is cut.
  const file = place !== null && isShared ? [basename(Uri.parse(place.uri).path)] : [];
  item.description = [
    ...(place === null ? [] : rootName(Uri.parse(place.uri))),
    ...file,
    `× ${short(weight)}`,
    said,
    ...problems,
  ].join(" · ");
  item.iconPath = iconOf(node.item);
  item.contextValue = node.kind;
  const lines = [
    `**${plain(name)}**`,
    plain(place === null ? messages.builtInReward() : workspace.asRelativePath(Uri.parse(place.uri))),
    plain(freshness === "live" ? messages.scopeLive() : freshness === "recorded" ? messages.scopeAsRecorded() : said),
    ...(counts === null ? [] : [plain(messages.outcomeCounts(counts.ok, counts.na, counts.error))]),
  ];
  item.tooltip = new MarkdownString(lines.join("\n\n"));
  item.accessibilityInformation = { label: `${name}, ${item.description}` };
  if (node.kind === "reward") item.command = { command: "iadr1.openReward", title: "", arguments: [node] };
  return item;
}

function iconOf({ findings, freshness }: RewardTreeItem): ThemeIcon {
  const [worst] = findings;
  if (worst?.severity === "error") return new ThemeIcon("error", new ThemeColor("list.errorForeground"));
  if (worst?.severity === "warning") return new ThemeIcon("warning", new ThemeColor("list.warningForeground"));
  // Only the code on screen, scored over the rollouts, can be said to be in order; what a run recorded was never examined.
  if (freshness === "live") return new ThemeIcon("pass", new ThemeColor("testing.iconPassed"));
  return new ThemeIcon(freshness === "recorded" ? "history" : "circle-outline");
}

function findingItem(node: Extract<RewardNode, { kind: "finding" }>): TreeItem {
  const { id, severity, message, line } = node.finding;
  const item = new TreeItem(message);
  item.id = `${node.uri ?? node.function} ${id} ${line} ${message}`;
  item.description = node.uri === null ? id : messages.idAtLine(id, line + 1);
  item.tooltip = new MarkdownString(plain(message));
  const icons = { error: "error", warning: "warning", information: "info" } as const;
  const colors = { error: "list.errorForeground", warning: "list.warningForeground", information: "foreground" };
  item.iconPath = new ThemeIcon(icons[severity], new ThemeColor(colors[severity]));
  item.contextValue = "rewardFinding";
  if (node.uri !== null) item.command = { command: "iadr1.openReward", title: "", arguments: [node] };
  return item;
}

/** Sets of rewards put their name before: "iad-r1/accuracy". */
function shortName(name: string): string {
  return name.split("/").at(-1)!;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
