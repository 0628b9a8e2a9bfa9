/** Another text in place of the completion: its rewards while it is typed. */
import type { ExploredRollout, WhatIfReward } from "@iad-r1/protocol/rollouts";
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { button, icon } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import type { Explorer } from "./explorer";
import { cell, shortName, valueName } from "./facets";
import { sectionTitle } from "./sectionTitle";

export function whatIfSection(app: Explorer, rollout: ExploredRollout): TemplateResult {
  if (!app.view.sections.includes("whatIf")) return sectionTitle(app, "whatIf", t("whatIf.title"));
  return html`${sectionTitle(app, "whatIf", t("whatIf.title"))}
    <label class="field column"><span class="visually-hidden">${t("whatIf.text")}</span><textarea
      id="what-if"
      rows="6"
      spellcheck="false"
      .value=${live(app.edited ?? rollout.completion)}
      @input=${(event: Event) => app.edit((event.target as HTMLTextAreaElement).value)}
    ></textarea></label>
    ${app.edited === null ? nothing : button({ text: t("whatIf.reset"), icon: "discard", run: () => app.resetEdit() })}
    ${table(app, rollout)}`;
}

function table(app: Explorer, rollout: ExploredRollout): TemplateResult {
  const { state } = app.whatIf;
  if (state.phase === "failed")
    return html`<div class="notice notice-error" role="alert">${icon("error")}<div>${state.message}</div></div>`;
  if (state.phase !== "ready") return html`<p class="muted" role="status">${t("loading")}</p>`;
  const { rewards, notScored, total, advantage, verdict } = state.value;
  const line = (name: string, before: number | null, now: number | null) =>
    html`<tr><th scope="row">${name}</th><td>${cell(before)}</td><td>${cell(now)}</td><td>${change(before, now)}</td></tr>`;
  return html`<table class="data-table facts-table" aria-live="polite"><caption class="visually-hidden">${t("whatIf.title")}</caption>
      <thead><tr><th scope="col">${t("rollouts.reward")}</th><th scope="col">${t("whatIf.recorded")}</th><th scope="col">${t("whatIf.now")}</th><th scope="col">${t("whatIf.change")}</th></tr></thead>
      <tbody>
        ${rewards.map((each) => rewardLine(each))}
        ${line(t("rollouts.total"), rollout.total, total)} ${line(t("rollouts.advantage"), rollout.advantage, advantage)}
        <tr><th scope="row">${t("facet.verdict")}</th><td>${valueName("verdict", rollout.verdict)}</td><td>${valueName("verdict", verdict)}</td><td></td></tr>
      </tbody></table>
    ${notScored.length === 0 ? nothing : html`<p class="muted">${t("whatIf.notScored", { names: notScored.map(shortName).join(", ") })}</p>`}`;
}

function rewardLine({ name, status, score, reason, recorded }: WhatIfReward): TemplateResult {
  const now =
    status === "error"
      ? html`<span class="problem" title=${reason ?? ""}>${t("reward.error")}</span>`
      : status === "na"
        ? html`<span class="muted" title=${reason ?? ""}>${t("reward.na")}</span>`
        : cell(score);
  return html`<tr><th scope="row" title=${name}>${shortName(name)}</th><td>${cell(recorded)}</td><td>${now}</td><td>${change(recorded, score)}</td></tr>`;
}

function change(before: number | null, now: number | null): TemplateResult | typeof nothing {
  if (before === null || now === null || Math.abs(now - before) < 1e-9) return nothing;
  const by = now - before;
  return html`<span class=${`advantage advantage-${by > 0 ? "up" : "down"}`}>${by > 0 ? "+" : ""}${formatNumber(by, 3)}</span>`;
}
