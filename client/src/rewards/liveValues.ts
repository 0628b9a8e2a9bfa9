/**
 * Live values of this workspace: off until a person starts them, remembered per workspace, and never on without trust. Tells each new session
 * of the server how a person wants the surfaces, and keeps the scope for those who show it.
 */
import { commands, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { RewardScopeState } from "@iad-r1/protocol/rewardDebugger";
import type { Context } from "../context";
import { type Disposable, Emitter } from "../emitter";
import * as messages from "../messages";
import { setting, touches } from "../settings";

const startedKey = "liveValues.started";
const surfaceSettings = [
  "liveValues.inlayHints",
  "liveValues.codeLens",
  "rewards.findings",
  "rewards.folders",
] as const;
const runSettings = ["liveValues.maxRollouts", "liveValues.timeLimitMs", "liveValues.onType"] as const;

export class LiveValues implements Disposable {
  private readonly changed = new Emitter<RewardScopeState | null>();
  readonly onDidChange = this.changed.event;
  private state: RewardScopeState | null = null;
  private readonly subscriptions: Disposable[];

  constructor(private readonly context: Context) {
    const { connection, rewardScope } = context;
    this.subscriptions = [
      rewardScope.event((state) => this.take(state)),
      connection.onDidConnect(() => void this.greet().catch((error: unknown) => this.complain(error))),
      connection.onDidChangeState(({ kind }) => {
        if (kind !== "ready") this.take(null);
      }),
      workspace.onDidChangeConfiguration((event) => {
        if (connection.state.kind !== "ready") return;
        const isAboutRuns = touches(event, ...runSettings) && this.isOn;
        if (!isAboutRuns && !touches(event, ...surfaceSettings)) return;
        void (isAboutRuns ? this.start() : this.configure()).catch((error: unknown) => this.complain(error));
      }),
    ];
  }

  get scope(): RewardScopeState | null {
    return this.state;
  }

  get isOn(): boolean {
    return this.state?.isLive === true;
  }

  /** From now on, also in later windows on this workspace. */
  async start(): Promise<void> {
    const options = {
      maxRollouts: setting("liveValues.maxRollouts") ?? undefined,
      timeLimitMs: setting("liveValues.timeLimitMs") ?? undefined,
      onType: setting("liveValues.onType"),
    };
    this.take(await this.context.connection.request(lsp.startLiveValues, options));
    await this.context.extension.workspaceState.update(startedKey, true);
  }

  /** Asks once when nothing of this folder may run yet. */
  async mayRun(): Promise<boolean> {
    if (this.isOn) return true;
    const start = messages.startLive();
    if ((await window.showWarningMessage(messages.liveNeeded(), start)) !== start) return false;
    await this.start();
    return true;
  }

  async stop(): Promise<void> {
    await this.context.extension.workspaceState.update(startedKey, undefined);
    this.take(await this.context.connection.request(lsp.stopLiveValues));
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }

  private async greet(): Promise<void> {
    await this.configure();
    const wasStarted = this.context.extension.workspaceState.get<boolean>(startedKey) === true;
    if (wasStarted && this.context.isTrusted && this.context.remote === null) await this.start();
  }

  private async configure(): Promise<void> {
    await this.context.connection.request(lsp.configureRewards, {
      inlayHints: setting("liveValues.inlayHints"),
      codeLens: setting("liveValues.codeLens"),
      findings: severities(setting("rewards.findings")),
      // A person's own list may hold anything.
      folders: setting("rewards.folders").filter((name) => typeof name === "string" && name !== ""),
    });
  }

  private take(state: RewardScopeState | null): void {
    this.state = state;
    void commands.executeCommand("setContext", "iadr1.liveValues", this.isOn);
    this.changed.fire(state);
  }

  private complain(error: unknown): void {
    this.context.log.warn(`live values: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type Severity = "off" | "info" | "warning" | "error";

/** What a person typed into the settings; other words are left out. */
function severities(wanted: Readonly<Record<string, string>>): Record<string, Severity> {
  const known = (word: string): word is Severity => ["off", "info", "warning", "error"].includes(word);
  return Object.fromEntries(Object.entries(wanted).flatMap(([id, word]) => (known(word) ? [[id, word]] : [])));
}
