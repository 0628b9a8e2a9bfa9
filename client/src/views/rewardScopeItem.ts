/** The scope of the reward debugger in the status bar, while a reward file is in front. Selecting it chooses other rollouts. */
import { StatusBarAlignment, type StatusBarItem, window } from "vscode";
import type { Disposable } from "../emitter";
import type { LiveValues } from "../rewards/liveValues";
import type { ReachDecorations } from "../rewards/reachDecorations";
import * as messages from "../messages";

export class RewardScopeItem implements Disposable {
  private readonly item: StatusBarItem;
  private readonly subscriptions: Disposable[];

  constructor(
    private readonly live: LiveValues,
    private readonly reach: ReachDecorations,
  ) {
    this.item = window.createStatusBarItem("iadr1.rewardScope", StatusBarAlignment.Left, 49);
    this.item.name = messages.rewardScopeName();
    this.item.command = "iadr1.selectRewardScope";
    this.subscriptions = [
      live.onDidChange(() => this.update()),
      reach.onDidChange(() => this.update()),
      window.onDidChangeActiveTextEditor(() => this.update()),
    ];
    this.update();
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.item.dispose();
  }

  private update(): void {
    const uri = window.activeTextEditor?.document.uri;
    const known = uri === undefined ? null : this.reach.of(uri);
    const { scope } = this.live;
    if (known === null || scope === null) {
      this.item.hide();
      return;
    }
    const what =
      scope.scope.pinned !== null
        ? messages.pinnedScope(scope.scope.pinned.group, scope.scope.pinned.index)
        : scope.numRollouts === 0
          ? messages.noScope()
          : messages.rolloutCount(scope.numRollouts);
    const icon =
      known.state === "updating"
        ? "sync~spin"
        : known.state === "failed"
          ? "warning"
          : scope.isLive
            ? "eye"
            : "history";
    this.item.text = `$(${icon}) ${what}`;
    const lines = [
      scope.label === "" ? messages.noScopeDetail() : scope.label,
      scope.isLive ? messages.scopeLive() : messages.scopeRecorded(),
      ...(known.problem === null ? [] : [known.problem]),
      ...(scope.problem === null ? [] : [scope.problem]),
    ];
    this.item.tooltip = lines.join("\n");
    this.item.accessibilityInformation = { label: `${what}. ${lines.join(" ")}` };
    this.item.show();
  }
}
