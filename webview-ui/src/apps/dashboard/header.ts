/** The top of the dashboard: what the run is, in which state, how far, and what can be done with it. */
import type { DashboardRun, RunFinding } from "@iad-r1/protocol/webview";
import { html, nothing, type TemplateResult } from "lit";
import { button, icon, type Template } from "../../components/basics";
import { formatDate, formatDuration, formatNumber, t } from "../../host/l10n";
import type { StringKey } from "../../strings/en";
import type { Dashboard } from "./dashboard";
import { activityText, stageName, stageTitle } from "./runWords";

const stateIcons: Record<DashboardRun["state"], string> = {
  queued: "clock",
  starting: "loading",
  running: "play-circle",
  paused: "debug-pause",
  stopping: "loading",
  completed: "pass",
  stopped: "circle-slash",
  failed: "error",
};

export function isActive({ state }: DashboardRun): boolean {
  return state !== "completed" && state !== "stopped" && state !== "failed";
}

export function runHeader(app: Dashboard, run: DashboardRun, nowMs: number): TemplateResult {
  return html`<header class="run-header">
    <div class="run-title">
      <h1>${run.project}</h1>
      <span class="state state-${run.state}">${icon(stateIcons[run.state])}${t(`state.${run.state}` as StringKey)}</span>
      ${liveMark(app, run, nowMs)}
      <span class="muted run-facts">${run.id} · ${run.device} · ${formatDate(run.createdMs)}</span>
      <span class="spacer"></span>
      ${actions(app, run)}
    </div>
    ${run.reason === null || run.error !== null || isSaidBelow(run) ? nothing : html`<p class="muted reason">${run.reason}</p>`}
    ${
      run.error === null
        ? nothing
        : html`<div class="notice notice-error" role="alert">
      ${icon("error")}
      <div><strong>${asSentence(run.error.message)}</strong>${run.error.where === undefined ? nothing : html`<div class="muted">${run.error.where}</div>`}
      ${run.error.hint === undefined ? nothing : html`<div>${run.error.hint}</div>`}</div>
      ${button({ text: t("run.openLog"), run: () => app.connection.tell("run/act", { run: run.id, action: "openLog" }) })}
    </div>`
    }
    ${stages(run)}
  </header>`;
}

/** A finding is why the run waits. */
function isSaidBelow({ state, reason, findings: found }: DashboardRun): boolean {
  return state === "paused" && found.some(({ title }) => title === reason);
}

/** Reasons are written to follow "the run failed:". */
const asSentence = (reason: string) => `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}`;

function liveMark(app: Dashboard, run: DashboardRun, nowMs: number): Template {
  // A paused run says nothing and is not expected to.
  if (!isActive(run) || run.state === "paused") return nothing;
  const silentMs = nowMs - run.lastEventMs;
  if (silentMs > app.data!.settings.staleAfterMs) {
    return html`<span class="live stale" role="status">${icon("warning")}${t("live.stale", { time: formatDuration(silentMs / 1000) })}</span>`;
  }
  return html`<span class="live" role="status">${icon("pulse")}${app.paused ? t("live.paused") : t("live.on")}</span>
    ${button({
      icon: app.paused ? "debug-start" : "debug-pause",
      title: app.paused ? t("live.continue") : t("live.pause"),
      run: () => app.setPaused(!app.paused),
    })}`;
}

function actions(app: Dashboard, run: DashboardRun): TemplateResult {
  const act = (action: Parameters<typeof app.connection.tell<"run/act">>[1]["action"]) => () =>
    app.connection.tell("run/act", { run: run.id, action });
  const active = isActive(run);
  const { canControl } = run;
  const stopping = run.state === "stopping";
  return html`<div class="actions" role="toolbar" aria-label=${t("run.actions")}>
    ${
      canControl && active
        ? html`${run.state === "paused" ? nothing : button({ icon: "debug-pause", title: t("run.pause"), disabled: run.state !== "running", run: act("pause") })}
        ${button({ icon: "debug-stop", title: t("run.stopAfterStep"), disabled: stopping, run: act("stopAfterStep") })}
        ${button({ icon: "close", title: t("run.stopNow"), run: act("stopNow") })}`
        : nothing
    }
    ${
      canControl && (run.state === "stopped" || run.state === "failed" || run.state === "paused")
        ? html`${
            run.hasOwnRewards
              ? button({
                  icon: "replace",
                  text: t("run.resumeWithRewards"),
                  title: t("run.resumeWithRewardsHelp"),
                  primary: isSaidBelow(run),
                  run: act("resumeWithRewards"),
                })
              : nothing
          }${button({ icon: "debug-continue", text: t("run.resume"), primary: !isSaidBelow(run), run: act("resume") })}`
        : nothing
    }
    ${
      canControl && run.checkpoints.length > 0
        ? button({ icon: "repo-forked", title: t("run.fork"), run: act("fork") })
        : nothing
    }
    ${run.configFile === null ? nothing : button({ icon: "settings-gear", title: t("run.openConfig"), run: act("openConfig") })}
    ${button({ icon: "output", title: t("run.openLog"), run: act("openLog") })}
    ${button({ icon: "folder-opened", title: t("run.openFolder"), run: act("openFolder") })}
    ${run.state === "completed" ? button({ icon: "preview", title: t("run.openReport"), run: act("openReport") }) : nothing}
  </div>`;
}

function stages(run: DashboardRun): Template {
  if (run.plan.length === 0) return nothing;
  const isUnderWay = (id: string) => run.progress?.stage === id && !run.finishedStages.includes(id);
  const isBusy = run.state === "running" && !run.plan.some(({ id }) => isUnderWay(id));
  // Before its first word of progress a stage loads its model.
  const beginning = isBusy ? run.plan.find(({ id }) => !run.finishedStages.includes(id))?.id : undefined;
  return html`<ol class="stages" aria-label=${t("stages.label")}>
    ${run.plan.map(({ id, title: said, totalSteps }) => {
      const title = stageTitle(said);
      const isDone = run.finishedStages.includes(id);
      const progress = isUnderWay(id) ? run.progress : null;
      const share = isDone ? 1 : progress === null ? 0 : progress.step / Math.max(1, progress.totalSteps);
      const isCurrent = progress !== null || id === beginning;
      const kind = isDone ? "done" : isCurrent ? "current" : "waiting";
      const text = isDone
        ? t("stages.done")
        : progress === null
          ? t(isCurrent ? "state.starting" : "stages.waiting", { total: totalSteps })
          : t("stages.step", { step: progress.step, total: progress.totalSteps });
      const detail = progress === null ? text : `${text}${progressDetail(progress)}`;
      return html`<li class="stage stage-${kind}">
        <div class="stage-title" title=${title}>${icon(isDone ? "pass-filled" : isCurrent ? "circle-filled" : "circle-large")}<span>${title.split(/[:：]/, 1)[0]}</span></div>
        <div class="bar" role="progressbar" aria-label=${title} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share * 100)} aria-valuetext=${text}>
          <div class="bar-fill" .style=${`width:${(share * 100).toFixed(1)}%`}></div>
        </div>
        <div class="stage-text muted" title=${detail}>${detail}</div>
      </li>`;
    })}
  </ol>`;
}

function progressDetail({ activity, tokensPerSecond, secondsLeft }: NonNullable<DashboardRun["progress"]>): string {
  // What is left says most and stands first: the line may be cut.
  const parts: string[] = [];
  if (secondsLeft !== null) parts.push(t("stages.left", { time: formatDuration(secondsLeft) }));
  parts.push(activityText(activity));
  if (tokensPerSecond !== null) parts.push(t("stages.speed", { speed: formatNumber(tokensPerSecond, 3) }));
  return parts
    .filter((part) => part !== "")
    .map((part) => ` · ${part}`)
    .join("");
}

export function findings(app: Dashboard, run: DashboardRun): Template {
  // Why it failed stands at the top already.
  const shown = run.findings.filter(({ title }) => title !== run.error?.message);
  if (shown.length === 0) return nothing;
  const icons = { info: "info", warning: "warning", error: "error" } as const;
  return html`<section class="findings" aria-label=${t("findings.label")}>
    ${shown.map(
      (finding) => html`<div class="notice notice-${finding.severity}">
        ${icon(icons[finding.severity])}
        <div>
          <strong>${finding.title}</strong>${finding.step === null ? nothing : html`<span class="muted"> · ${stageName(finding.stage ?? "")} · ${t("explorer.step", { step: finding.step })}</span>`}
          ${finding.title.includes(finding.evidence) ? nothing : html`<div>${finding.evidence}</div>`}
          ${finding.cure === null ? nothing : html`<div class="cure">${icon("lightbulb")} ${finding.cure}</div>`}
        </div>
        ${finding.file === null ? nothing : button({ icon: "go-to-file", text: t("findings.openReward"), run: () => openReward(app, run, finding) })}
      </div>`,
    )}
  </section>`;
}

function openReward(app: Dashboard, { id }: DashboardRun, { file, evidence }: RunFinding): void {
  // Where others say what was measured, a finding about a reward has its name.
  if (file !== null) app.connection.tell("reward/open", { run: id, file, reward: evidence });
}
