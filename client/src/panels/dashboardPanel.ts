/**
 * The run dashboard: one run, or several that are compared, with their curves as they grow. It follows the runs that the page shows and does
 * for them what the page's buttons ask. After a restart of the window it comes back with the same runs.
 */
import { basename, dirname } from "node:path";
import {
  type CustomDocument,
  type CustomReadonlyEditorProvider,
  type ExtensionContext,
  Uri,
  ViewColumn,
  type WebviewPanel,
  type WebviewPanelSerializer,
  window,
  workspace,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import {
  type DashboardRun,
  type DashboardSettings,
  type DashboardState,
  dashboardPanel,
  type EvaluatedAnswer,
  type RunChoice,
} from "@iad-r1/protocol/webview";
import type { Context } from "../context";
import { dashboardViewType } from "../contributions";
import type { Disposable } from "../emitter";
import { openReward } from "../rewards/runFindings";
import type { RunFeed } from "../runs/runFeeds";
import type { RunUpdate } from "../runs/runModel";
import { setting, touches } from "../settings";
import * as messages from "../messages";
import { copyText, saveFile } from "./saveFile";
import { type PanelController, PanelHost } from "./panelHost";
import { maxShownRuns, restoredRuns } from "./restoredRuns";

/** Of an evaluation. */
const maxAnswers = 5000;
/** A running run that says nothing for this long is marked as stale. */
const staleAfterMs = 60_000;

/** What the page's buttons do, told apart from the panel because commands do the same. */
export interface RunActions {
  stop(run: string, when: "after-step" | "now"): Promise<void>;
  pause(run: string): Promise<void>;
  resume(run: string): Promise<void>;
  resumeWithRewards(run: string): Promise<void>;
  fork(run: string): Promise<void>;
  openReport(run: string): Promise<void>;
  openFolder(run: string): Promise<void>;
  exploreRollouts(run: string, step: number): Promise<void>;
  openImage(path: string): Promise<void>;
  inspectCheckpoint(run: string, stage: string, step: number): Promise<void>;
}

interface ShownRun {
  feed: RunFeed;
  subscriptions: Disposable[];
  /** Fields as the page has them, as JSON by name. */
  told: Map<string, string>;
}

export class DashboardPanels
  implements WebviewPanelSerializer<unknown>, CustomReadonlyEditorProvider<CustomDocument>, Disposable
{
  private readonly open = new Set<DashboardPanel>();

  constructor(
    private readonly context: Context,
    private readonly actions: RunActions,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** Shows runs: in a panel that shows just these already, or in a new one. */
  show(runs: readonly string[]): void {
    const same = [...this.open].find((panel) => panel.shows(runs));
    if (same !== undefined) {
      same.reveal();
      return;
    }
    const panel = window.createWebviewPanel(
      dashboardViewType,
      messages.dashboardTitle(runs[0] ?? ""),
      ViewColumn.Active,
      panelOptions(this.context.extension),
    );
    this.adopt(panel, runs);
  }

  /** The window was opened again. */
  async deserializeWebviewPanel(panel: WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = panelOptions(this.context.extension);
    this.adopt(panel, restoredRuns(state, panel.title, messages.dashboardTitle));
  }

  openCustomDocument(uri: Uri): CustomDocument {
    return { uri, dispose: () => undefined };
  }

  /** Somebody opened the `run.json` of a run; its folder has the name of the run. */
  resolveCustomEditor({ uri }: CustomDocument, panel: WebviewPanel): void {
    panel.webview.options = panelOptions(this.context.extension);
    this.adopt(panel, [basename(dirname(uri.fsPath))]);
  }

  get active(): DashboardPanel | null {
    return [...this.open].find((panel) => panel.isActive) ?? null;
  }

  dispose(): void {
    for (const panel of [...this.open]) panel.close();
  }

  private adopt(panel: WebviewPanel, runs: readonly string[]): void {
    const dashboard = new DashboardPanel(this.context, panel, runs, this.actions, this.onFailure);
    this.open.add(dashboard);
    panel.onDidDispose(() => {
      this.open.delete(dashboard);
      dashboard.dispose();
    });
  }
}

function panelOptions(extension: ExtensionContext) {
  return {
    enableScripts: true,
    localResourceRoots: [Uri.joinPath(extension.extensionUri, "dist", "webview")],
  };
}

export class DashboardPanel implements PanelController<typeof dashboardPanel>, Disposable {
  private readonly host: PanelHost<typeof dashboardPanel>;
  private readonly shown = new Map<string, ShownRun>();
  private order: string[] = [];
  private baseline: string | null = null;
  /** Pictures that the page was told of. */
  private readonly toldImages = new Set<string>();
  private readonly subscriptions: Disposable[];

  constructor(
    private readonly context: Context,
    private readonly panel: WebviewPanel,
    runs: readonly string[],
    private readonly actions: RunActions,
    onFailure: (error: unknown) => void,
  ) {
    this.host = new PanelHost(panel, dashboardPanel, this, context.log, onFailure);
    this.subscriptions = [
      this.host,
      context.runs.onDidChange(() => this.host.change("available/changed", this.available())),
      workspace.onDidChangeConfiguration((event) => {
        if (touches(event, "curves.smoothing", "curves.smoothingMethod", "curves.xAxis")) {
          this.host.change("settings/changed", dashboardSettings());
        }
      }),
      workspace.onDidGrantWorkspaceTrust(() => {
        for (const id of this.order) this.tellWhole(id);
      }),
    ];
    this.choose(runs);
    this.host.show(context.extension.extensionUri, messages.dashboardTitle(runs[0] ?? ""));
    // Where the window was opened again, no one has asked for the server yet.
    if (context.isTrusted) context.connection.start().catch(onFailure);
  }

  get isActive(): boolean {
    return this.panel.active;
  }

  shows(runs: readonly string[]): boolean {
    return runs.length === this.order.length && runs.every((id, index) => this.order[index] === id);
  }

  reveal(): void {
    this.panel.reveal();
  }

  close(): void {
    this.panel.dispose();
  }

  command(name: (typeof dashboardPanel)["commands"][number]): void {
    this.host.command(name);
  }

  dispose(): void {
    for (const id of [...this.shown.keys()]) this.hide(id);
    for (const each of this.subscriptions) each.dispose();
  }

  snapshot(): DashboardState {
    return {
      settings: dashboardSettings(),
      chosen: [...this.order],
      runs: this.order.flatMap((id) => this.whole(id) ?? []),
      baseline: this.baseline,
      available: this.available(),
    };
  }

  readonly tells: PanelController<typeof dashboardPanel>["tells"] = {
    "runs/choose": ({ runs }) => this.choose(runs),
    "baseline/set": ({ run }) => {
      this.baseline = run;
      this.host.change("baseline/changed", run);
    },
    "run/act": ({ run, action }) => {
      switch (action) {
        case "stopAfterStep":
          return this.actions.stop(run, "after-step");
        case "stopNow":
          return this.actions.stop(run, "now");
        case "openConfig":
          return this.openConfig(run);
        case "openLog":
          return this.context.log.show();
        default:
          return this.actions[action](run);
      }
    },
    "rollouts/explore": ({ run, step }) => this.actions.exploreRollouts(run, step),
    "checkpoint/inspect": ({ run, stage, step }) => this.actions.inspectCheckpoint(run, stage, step),
    // Only what the page was told: it must not open what it likes.
    "image/open": ({ image }) => (this.toldImages.has(image) ? this.actions.openImage(image) : undefined),
    "reward/open": async ({ run, file, reward }) => {
      // Only what the run itself named: a page must not open what it likes.
      const findings = this.shown.get(run)?.feed.model.toDashboard(false)?.findings ?? [];
      if (findings.some((one) => one.file === file)) await openReward(this.context, file, reward);
    },
    "file/save": saveFile,
    "text/copy": copyText,
    "log/open": () => this.context.log.show(),
    "focus/changed": () => {},
  };

  readonly asks: PanelController<typeof dashboardPanel>["asks"] = {
    "series/get": async ({ run, stage, name, from }) => {
      const shown = this.shown.get(run);
      if (shown === undefined) throw new Error(`run ${run} is not shown`);
      return shown.feed.model.series(stage, name, from);
    },
    "answers/get": async ({ run, stage, step }) => {
      const samplesFile = this.shown.get(run)?.feed.model.answersFile(stage, step) ?? null;
      if (samplesFile === null) throw new Error(`run ${run} has no answers of ${stage}, step ${step}`);
      const answers: EvaluatedAnswer[] = [];
      for (let total = 1; answers.length < Math.min(total, maxAnswers); ) {
        const params = { run, samplesFile, offset: answers.length };
        const page = await this.context.connection.request(lsp.runSamples, params);
        if (page.samples.length === 0) break;
        total = page.total;
        for (const { id, images, category, label, answer, anomalyScore } of page.samples) {
          const image = images.at(-1) ?? "";
          this.toldImages.add(image);
          answers.push({ id, image, category, label, answer, anomalyScore });
        }
      }
      return answers.slice(0, maxAnswers);
    },
  };

  private choose(runs: readonly string[]): void {
    const wanted = [...new Set(runs)].slice(0, maxShownRuns);
    for (const id of this.order) {
      if (wanted.includes(id)) continue;
      this.hide(id);
      this.host.change("run/hidden", { run: id });
    }
    this.take(wanted);
    if (this.baseline !== null && !wanted.includes(this.baseline)) this.baseline = null;
    for (const id of wanted) if (!this.shown.has(id)) this.follow(id);
    if (wanted[0] !== undefined) this.panel.title = messages.dashboardTitle(wanted[0]);
  }

  private take(order: string[]): void {
    this.order = order;
    this.host.change("chosen/changed", [...order]);
  }

  private follow(id: string): void {
    const feed = this.context.feeds.open(id);
    const subscriptions = [
      feed.onDidChange((update) => this.update(id, update)),
      feed.onDidEnd(() => {
        this.take(this.order.filter((each) => each !== id));
        this.hide(id);
        this.host.change("run/hidden", { run: id });
      }),
    ];
    this.shown.set(id, { feed, subscriptions, told: new Map() });
    if (feed.model.isKnown) this.tellWhole(id);
  }

  private hide(id: string): void {
    const shown = this.shown.get(id);
    if (shown === undefined) return;
    this.shown.delete(id);
    for (const each of shown.subscriptions) each.dispose();
    this.context.feeds.close(shown.feed);
  }

  private update(id: string, { fields, log, points, isWhole }: RunUpdate): void {
    const shown = this.shown.get(id);
    if (shown === undefined) return;
    if (isWhole) {
      this.tellWhole(id);
      return;
    }
    const change = Object.fromEntries(
      Object.entries(fields).filter(([name, value]) => {
        const json = JSON.stringify(value);
        const isNew = shown.told.get(name) !== json;
        shown.told.set(name, json);
        return isNew;
      }),
    );
    if (Object.keys(change).length > 0) this.host.change("run/changed", { run: id, change });
    if (points.length > 0) this.host.change("run/points", { run: id, points });
    if (log.length > 0) this.host.change("run/log", { run: id, lines: log });
  }

  private tellWhole(id: string): void {
    const run = this.whole(id);
    if (run !== null) this.host.change("run/shown", run);
  }

  private whole(id: string): DashboardRun | null {
    const shown = this.shown.get(id);
    const run = shown?.feed.model.toDashboard(this.context.isTrusted) ?? null;
    if (run !== null) for (const [name, value] of Object.entries(run)) shown!.told.set(name, JSON.stringify(value));
    return run;
  }

  private available(): RunChoice[] {
    return this.context.runs.all.map(({ id, project, kind, state, createdMs }) => ({
      id,
      project,
      kind,
      state,
      createdMs,
    }));
  }

  private async openConfig(run: string): Promise<void> {
    const file = this.shown.get(run)?.feed.model.toDashboard(false)?.configFile;
    if (file != null) await window.showTextDocument(Uri.file(file));
  }
}

function dashboardSettings(): DashboardSettings {
  return {
    ...{ smoothing: setting("curves.smoothing"), smoothingMethod: setting("curves.smoothingMethod") },
    ...{ xAxis: setting("curves.xAxis"), staleAfterMs },
  };
}
