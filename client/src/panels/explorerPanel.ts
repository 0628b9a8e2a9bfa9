/**
 * The rollout explorer: one panel for each run or file whose rollouts are looked at. It asks the server, follows a run that goes on, and does
 * for the rollouts what the page's buttons ask. After a restart of the window it comes back with the same source.
 */

import * as lsp from "@iad-r1/protocol/lsp";
import type { RewardScopeState, RolloutKey, RolloutSource } from "@iad-r1/protocol/rewardDebugger";
import {
  type ExploreQuery,
  type KnownFlips,
  type RolloutOverview,
  rolloutExportEnding,
  rolloutExportFormats,
} from "@iad-r1/protocol/rollouts";
import type { WireError } from "@iad-r1/protocol/runs";
import { type ExplorerState, explorerPanel, type OwnReward, type WantedView } from "@iad-r1/protocol/webview";
import {
  commands,
  Range,
  Uri,
  ViewColumn,
  type WebviewPanel,
  type WebviewPanelSerializer,
  window,
  workspace,
} from "vscode";
import type { Context } from "../context";
import { explorerViewType } from "../contributions";
import type { Disposable } from "../emitter";
import { sentence, UserError, wireError } from "../errors";
import * as messages from "../messages";
import { addProbe } from "./addProbe";
import { type PanelController, PanelHost } from "./panelHost";
import { chooseFile, copyText } from "./saveFile";

/** A run that goes on is looked at again at most so often. */
const followMs = 2000;

/** What the person should see first. */
export interface ExploreWish {
  query?: ExploreQuery;
  rollout?: RolloutKey;
  flips?: KnownFlips;
  reward?: OwnReward;
}

export class ExplorerPanels implements WebviewPanelSerializer<unknown>, Disposable {
  private readonly open = new Set<ExplorerPanel>();
  private focused: ExplorerPanel | null = null;

  constructor(
    private readonly context: Context,
    /** Asks for another run or file. */
    private readonly pickSource: () => Promise<RolloutSource | undefined>,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  show(source: RolloutSource, wish: ExploreWish = {}): void {
    const known = [...this.open].find((panel) => panel.shows(source));
    if (known !== undefined) {
      known.reveal(wish);
      return;
    }
    const options = {
      enableScripts: true,
      localResourceRoots: [Uri.joinPath(this.context.extension.extensionUri, "dist", "webview")],
    };
    const panel = window.createWebviewPanel(explorerViewType, messages.explorerTitle(""), ViewColumn.Active, options);
    this.adopt(panel, source, wish);
  }

  async deserializeWebviewPanel(panel: WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = {
      enableScripts: true,
      localResourceRoots: [Uri.joinPath(this.context.extension.extensionUri, "dist", "webview")],
    };
    this.adopt(panel, sourceOf(state), {});
  }

  /** Lets the page in front do what its own button does. */
  command(name: (typeof explorerPanel)["commands"][number]): void {
    const panel = this.focused ?? [...this.open].find((each) => each.isActive);
    if (panel === undefined) throw new UserError(messages.noExplorer());
    panel.command(name);
  }

  dispose(): void {
    for (const panel of [...this.open]) panel.close();
  }

  private adopt(panel: WebviewPanel, source: RolloutSource | null, wish: ExploreWish): void {
    const explorer = new ExplorerPanel(this.context, panel, source, wish, {
      pickSource: this.pickSource,
      onFailure: this.onFailure,
      onFocus: (focused) => {
        if (focused) this.focused = explorer;
        else if (this.focused === explorer) this.focused = null;
        void commands.executeCommand("setContext", "iadr1.explorerFocus", this.focused !== null);
      },
    });
    this.open.add(explorer);
    panel.onDidDispose(() => {
      this.open.delete(explorer);
      if (this.focused === explorer) {
        this.focused = null;
        void commands.executeCommand("setContext", "iadr1.explorerFocus", false);
      }
      explorer.dispose();
    });
  }
}

/** The source from what the page kept; null for anything else. */
function sourceOf(state: unknown): RolloutSource | null {
  const source = typeof state === "object" && state !== null && "source" in state ? state.source : null;
  if (typeof source !== "object" || source === null) return null;
  if ("run" in source && typeof source.run === "string") return { kind: "run", run: source.run };
  return "path" in source && typeof source.path === "string" ? { kind: "file", path: source.path } : null;
}

interface Surroundings {
  pickSource: () => Promise<RolloutSource | undefined>;
  onFailure: (error: unknown) => void;
  onFocus: (focused: boolean) => void;
}

class ExplorerPanel implements PanelController<typeof explorerPanel>, Disposable {
  private readonly host: PanelHost<typeof explorerPanel>;
  private readonly subscriptions: Disposable[];
  private overview: RolloutOverview | null = null;
  private error: WireError | null = null;
  private wanted: WantedView;
  private pinned: RolloutKey | null = null;
  private flips: KnownFlips | null;
  private functions: OwnReward[] = [];
  private isLive = false;
  private following: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly context: Context,
    private readonly panel: WebviewPanel,
    private source: RolloutSource | null,
    wish: ExploreWish,
    private readonly around: Surroundings,
  ) {
    this.flips = wish.flips ?? null;
    this.wanted = wantedView(0, wish);
    this.host = new PanelHost(panel, explorerPanel, this, context.log, around.onFailure);
    const { connection, runs } = context;
    this.subscriptions = [
      this.host,
      panel.onDidChangeViewState(() => {
        // The page had it. What comes back is what the person made of it, which the page keeps.
        if (!panel.visible && this.overview !== null) this.wanted = { ...this.wanted, query: null, rollout: null };
      }),
      runs.onDidChange((changes) => {
        const { source: shown } = this;
        if (shown?.kind === "run" && changes.some(({ after }) => after?.id === shown.run)) this.follow();
      }),
      connection.onDidConnect(() => void this.read().catch((error: unknown) => this.complain(error))),
      context.rewardScope.event((state) => void this.takeScope(state).catch((error: unknown) => this.complain(error))),
    ];
    this.host.show(context.extension.extensionUri, messages.explorerTitle(""));
    if (context.isTrusted) connection.start().then(() => this.read(), around.onFailure);
  }

  get isActive(): boolean {
    return this.panel.active;
  }

  shows(source: RolloutSource): boolean {
    return JSON.stringify(source) === JSON.stringify(this.source);
  }

  reveal(wish: ExploreWish): void {
    this.panel.reveal();
    if (wish.flips !== undefined) {
      this.flips = wish.flips;
      this.host.change("flips/changed", wish.flips.label);
    }
    this.wanted = wantedView(this.wanted.turn + 1, wish);
    this.host.change("wanted/changed", this.wanted);
  }

  command(name: (typeof explorerPanel)["commands"][number]): void {
    this.host.command(name);
  }

  close(): void {
    this.panel.dispose();
  }

  dispose(): void {
    if (this.following !== null) clearTimeout(this.following);
    for (const each of this.subscriptions) each.dispose();
  }

  snapshot(): ExplorerState {
    return {
      source: this.source,
      overview: this.overview,
      error: this.error,
      wanted: this.wanted,
      pinned: this.pinned,
      flips: this.flips?.label ?? null,
      functions: this.functions,
      canRun: this.isLive && this.context.isTrusted,
    };
  }

  readonly tells: PanelController<typeof explorerPanel>["tells"] = {
    "rollout/pin": async (pinned) => {
      const state = await this.context.connection.request(lsp.setRewardScope, { source: this.source, pinned });
      await this.takeScope(state);
    },
    "rollout/debug": async ({ rollout, function: reward }) => {
      if (reward === null) throw new UserError(messages.noOwnReward());
      await commands.executeCommand("iadr1.debugRollout", { uri: reward.uri, function: reward.name, rollout });
    },
    "probe/add": async ({ rollout, completion, function: reward }) => {
      if (reward === null) throw new UserError(messages.noOwnReward());
      await addProbe(this.context.connection, { reward, source: this.known(), rollout, completion });
    },
    "export/start": (query) => this.export(query),
    "source/open": async ({ uri, line }) => {
      const place = new Range(line, 0, line, 0);
      await window.showTextDocument(Uri.parse(uri), { selection: place, viewColumn: ViewColumn.Beside });
    },
    "live/start": async () => {
      await commands.executeCommand("iadr1.startLiveValues");
      await this.takeScope(await this.context.connection.request(lsp.rewardScope));
    },
    "source/pick": async () => {
      const source = await this.around.pickSource();
      if (source === undefined) return;
      this.source = source;
      this.overview = null;
      this.flips = null;
      this.wanted = { ...this.wanted, query: null, rollout: null };
      this.error = null;
      this.host.change("source/changed", source);
      await this.read();
    },
    "text/copy": copyText,
    "log/open": () => this.context.log.show(),
    "focus/changed": ({ focused }) => this.around.onFocus(focused),
  };

  readonly asks: PanelController<typeof explorerPanel>["asks"] = {
    "query/get": (query) => {
      const flips = this.flips?.rollouts ?? null;
      return this.context.connection.request(lsp.queryRollouts, { source: this.known(), query, flips });
    },
    "groups/get": (params) => this.context.connection.request(lsp.rolloutGroups, { source: this.known(), ...params }),
    "place/get": async (params) =>
      (await this.context.connection.request(lsp.rolloutPlace, { source: this.known(), ...params })).place,
    "group/get": (params) => this.context.connection.request(lsp.rolloutGroup, { source: this.known(), ...params }),
    "advantages/get": (params) =>
      this.context.connection.request(lsp.rolloutAdvantages, { source: this.known(), ...params }),
    "whatIf/get": (params) => this.context.connection.request(lsp.rolloutWhatIf, { source: this.known(), ...params }),
    "trace/get": async ({ function: { uri, name }, rollout, completion }) =>
      this.context.connection.request(lsp.traceReward, {
        ...{ uri, function: name, rollout },
        ...(completion !== null && { completion }),
      }),
    "picture/get": async (params) => {
      const found = await this.context.connection.request(lsp.rolloutPicture, { source: this.known(), ...params });
      return found === null ? null : { mime: found.mime, data: new Uint8Array(Buffer.from(found.base64, "base64")) };
    },
  };

  private known(): RolloutSource {
    if (this.source === null) throw new UserError(messages.noRollouts());
    return this.source;
  }

  private async export(query: ExploreQuery): Promise<void> {
    const source = this.known();
    const items = rolloutExportFormats.map((format) => ({
      ...{ format, label: messages.rolloutFormat(format), description: `.${rolloutExportEnding(format)}` },
    }));
    const chosen = await window.showQuickPick(items, { title: messages.exportRolloutsTitle() });
    if (chosen === undefined) return;
    const { format } = chosen;
    const name = format === "pa-sft" ? "samples" : "rollouts";
    const target = await chooseFile(`${name}.${rolloutExportEnding(format)}`);
    if (target === undefined) return;
    const { count, left } = await this.context.exportTo(target, (to) =>
      this.context.connection.request(lsp.exportRollouts, { source, query, format, ...to }),
    );
    const file = workspace.asRelativePath(target);
    const text = left === null ? messages.rolloutsExported(count, file) : messages.samplesExported(count, file, left);
    void window.showInformationMessage(text);
  }

  /** Reads what there is; what cannot be read is shown in the page. */
  private async read(): Promise<void> {
    const { connection } = this.context;
    const { source } = this;
    try {
      if (source === null) throw new UserError(messages.noRollouts());
      const overview = await connection.request(lsp.rolloutOverview, { source });
      // Another one was chosen meanwhile.
      if (source !== this.source) return;
      this.overview = overview;
      this.error = null;
      this.panel.title = messages.explorerTitle(overview.label);
    } catch (error) {
      if (source !== this.source) return;
      this.error = wireError(error) ?? { code: "editor/failed", message: sentence(error) };
    }
    this.host.change("overview/changed", { overview: this.overview, error: this.error });
    await this.takeScope(await connection.request(lsp.rewardScope));
  }

  private follow(): void {
    if (this.following !== null) return;
    this.following = setTimeout(() => {
      this.following = null;
      void this.readGrowth().catch((error: unknown) => this.complain(error));
    }, followMs);
  }

  private complain(error: unknown): void {
    this.context.log.warn(sentence(error));
  }

  private async readGrowth(): Promise<void> {
    const { source } = this;
    if (source === null) return;
    const overview = await this.context.connection.request(lsp.rolloutOverview, { source });
    if (source !== this.source || overview.numRollouts === this.overview?.numRollouts) return;
    this.overview = overview;
    this.error = null;
    this.host.change("overview/changed", { overview, error: null });
  }

  /** Pinned rollout, own rewards, and whether their code may run. */
  private async takeScope({ scope, source, isLive }: RewardScopeState): Promise<void> {
    const isHere = JSON.stringify(source) === JSON.stringify(this.source);
    const pinned = isHere ? scope.pinned : null;
    if (JSON.stringify(pinned) !== JSON.stringify(this.pinned)) {
      this.pinned = pinned;
      this.host.change("pinned/changed", pinned);
    }
    const before = JSON.stringify([this.functions, this.isLive]);
    this.isLive = isLive;
    const listed = await this.context.connection.request(lsp.listRewards);
    this.functions = listed.map(({ name, uri }) => ({ name, uri }));
    if (before === JSON.stringify([this.functions, this.isLive])) return;
    const canRun = this.isLive && this.context.isTrusted;
    this.host.change("functions/changed", { functions: this.functions, canRun });
  }
}

function wantedView(turn: number, { query, rollout, reward }: ExploreWish): WantedView {
  // Turn 0 is what a page is that nobody asked for anything.
  const isWish = query !== undefined || rollout !== undefined || reward !== undefined;
  return {
    ...{ turn: isWish ? Math.max(1, turn) : turn, query: query ?? null },
    ...{ rollout: rollout ?? null, reward: reward ?? null },
  };
}
