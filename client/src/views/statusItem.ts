/** The one item in the status bar: what the server and the runs are doing. Selecting it offers what can be done about it. */
import { StatusBarAlignment, ThemeColor, type StatusBarItem, window, workspace } from "vscode";
import type { RunListing } from "@iad-r1/protocol/runs";
import type { Context } from "../context";
import { duration } from "../durations";
import type { Disposable } from "../emitter";
import * as messages from "../messages";

export class StatusItem implements Disposable {
  private readonly item: StatusBarItem;
  private readonly subscriptions: Disposable[];

  constructor(private readonly context: Context) {
    this.item = window.createStatusBarItem("iadr1.status", StatusBarAlignment.Left, 50);
    this.item.name = messages.statusName();
    this.item.command = "iadr1.showServerStatus";
    this.subscriptions = [
      context.connection.onDidChangeState(() => this.update()),
      context.runs.onDidChange(() => this.update()),
      workspace.onDidGrantWorkspaceTrust(() => this.update()),
    ];
    this.update();
    this.item.show();
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.item.dispose();
  }

  private update(): void {
    const { text, tooltip, isError } = this.look();
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = isError ? new ThemeColor("statusBarItem.errorBackground") : undefined;
    this.item.accessibilityInformation = { label: tooltip };
  }

  private look(): { text: string; tooltip: string; isError: boolean } {
    const { connection, runs } = this.context;
    const { state } = connection;
    const quiet = (icon: string, tooltip: string) => ({ text: `$(${icon}) IAD-R1`, tooltip, isError: false });
    if (!this.context.isTrusted) return quiet("shield", messages.statusRestricted());
    if (state.kind === "failed") {
      return { text: "$(error) IAD-R1", tooltip: messages.serverFailed(state.reason), isError: true };
    }
    if (state.kind === "waiting") {
      const seconds = Math.max(1, Math.round((state.untilMs - Date.now()) / 1000));
      return quiet("sync~spin", messages.serverWaiting(state.reason, seconds));
    }
    if (state.kind === "starting") return quiet("sync~spin", messages.serverStarting());
    if (state.kind === "off") return quiet("circle-outline", messages.serverOff());
    const [first, ...rest] = runs.active;
    if (first === undefined) return quiet("beaker", messages.statusReady());
    const found = first.findings.length;
    const tooltip = [
      ...describeRun(first),
      ...(found > 0 ? [messages.runFindings(found)] : []),
      ...(rest.length > 0 ? [messages.moreRuns(rest.length)] : []),
    ].join(" · ");
    const icon = first.state === "paused" ? "debug-pause" : found > 0 ? "warning" : "beaker";
    return { text: `$(${icon}) ${shortProgress(first)}`, tooltip, isError: false };
  }
}

/** "SC-GRPO 48/400". */
function shortProgress(run: RunListing): string {
  const stage = stageUnderWay(run);
  if (stage === null) return `IAD-R1 ${messages.runState(run.state)}`;
  const { progress } = run;
  return progress?.stage === stage ? `${stageName(stage)} ${progress.step}/${progress.totalSteps}` : stageName(stage);
}

/** What a run is doing, in parts: state, stage, step, time left. */
export function describeRun(run: RunListing): string[] {
  const { progress, state } = run;
  const parts = [messages.runState(state)];
  const stage = stageUnderWay(run);
  if (stage === null || state === "completed" || state === "stopped" || state === "failed") return parts;
  parts.push(stageName(stage));
  // A stage that begins loads its model, and has no steps to tell yet.
  if (progress?.stage !== stage) return parts;
  parts.push(messages.stepOf(progress.step, progress.totalSteps));
  if (progress.secondsLeft !== null && state === "running")
    parts.push(messages.timeLeft(duration(progress.secondsLeft)));
  return parts;
}

/** The stage that a run is in; null when it has said nothing yet. What it said last may be of the stage before. */
function stageUnderWay({ progress, plan, finishedStages }: RunListing): string | null {
  if (progress === null || !finishedStages.includes(progress.stage)) return progress?.stage ?? null;
  return plan.find(({ id }) => !finishedStages.includes(id))?.id ?? progress.stage;
}

/** Names of the stages as their authors write them; an evaluation says what it looks at. */
export function stageName(stage: string): string {
  const evaluated = /^evaluate(?:-(.+))?$/.exec(stage);
  if (evaluated !== null) return messages.evaluationStage(evaluated[1] === undefined ? null : stageName(evaluated[1]));
  return stage === "pa-sft" ? "PA-SFT" : stage === "sc-grpo" ? "SC-GRPO" : stage;
}

/** What an evaluation looked at: "base", "pa-sft", or "sc-grpo@20" within a stage. */
export function evaluatedName(label: string): string {
  const [stage = label, step] = label.split("@");
  return step === undefined ? stageName(stage) : messages.forkStep(Number(step), stageName(stage));
}
