/** The tabs that are tables and text: evaluations with checkpoints, configuration, log. */
import type { EvaluationReport } from "@iad-r1/protocol/runs";
import type { DashboardRun } from "@iad-r1/protocol/webview";
import { html, nothing, type TemplateResult } from "lit";
import { button, icon, type Template } from "../../components/basics";
import { formatBytes, formatNumber, formatTime, t } from "../../host/l10n";
import { flattenConfig } from "../../state/configDiff";
import { answersButton, answersSection } from "./answers";
import type { Dashboard } from "./dashboard";
import { evaluatedName } from "./runWords";
import { differencesTable, runLabel } from "./toolbar";

type Measure = {
  [K in keyof EvaluationReport]: EvaluationReport[K] extends number | null ? K : never;
}[keyof EvaluationReport];

const columns: readonly { key: string; measure: NonNullable<Measure>; lowerIsBetter?: boolean }[] = [
  { key: "balanced", measure: "balancedAccuracy" },
  { key: "normal", measure: "normalAccuracy" },
  { key: "anomalous", measure: "anomalousAccuracy" },
  { key: "location", measure: "locationAccuracy" },
  { key: "type", measure: "typeScore" },
  { key: "auroc", measure: "auroc" },
  { key: "unparsed", measure: "unparsed", lowerIsBetter: true },
  { key: "rewardTotal", measure: "rewardTotal" },
];

export function evaluationsTab(app: Dashboard): TemplateResult {
  const { runs } = app.data!;
  const rows = runs.flatMap((run) => run.evaluations.map((evaluation) => ({ run, evaluation })));
  if (rows.length === 0) return html`<p class="empty">${icon("checklist")}${t("evaluations.none")}</p>`;
  const best = columns.map(({ measure, lowerIsBetter }) => {
    const values = rows.flatMap(({ evaluation }) => evaluation.report[measure] ?? []);
    return new Set(values).size < 2 ? null : lowerIsBetter ? Math.min(...values) : Math.max(...values);
  });
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("tab.evaluations")}><table class="data-table numbers">
      <caption>${t("evaluations.caption")}</caption>
      <thead><tr>
        ${runs.length > 1 ? html`<th scope="col">${t("evaluations.run")}</th>` : nothing}
        <th scope="col">${t("evaluations.model")}</th><th scope="col">${t("evaluations.images")}</th>
        ${columns.map(({ key }) => html`<th scope="col" title=${t(`evaluations.${key}.help` as "evaluations.balanced.help")}>${t(`evaluations.${key}` as "evaluations.balanced")}</th>`)}
        <th scope="col"><span class="visually-hidden">${t("run.actions")}</span></th>
      </tr></thead>
      <tbody>${rows.map(
        ({ run, evaluation }) => html`<tr>
          ${runs.length > 1 ? html`<td>${runLabel(run, runs)}</td>` : nothing}
          <th scope="row">${evaluatedName(evaluation.label)}</th><td>${evaluation.report.numSamples}</td>
          ${columns.map(({ measure }, i) => {
            const number = evaluation.report[measure];
            const isBest = number !== null && number === best[i];
            return html`<td class=${isBest ? "best" : ""}>${number === null ? "–" : formatNumber(number, 3)}${isBest ? html`<span class="visually-hidden"> (${t("evaluations.best")})</span>` : nothing}${interval(evaluation.report, measure)}</td>`;
          })}
          <td>${answersButton(app, run, evaluation)}</td>
        </tr>`,
      )}</tbody>
    </table></div>
    ${answersSection(app)}
    ${runs.map((run) => checkpointsOf(app, run))}`;
}

/** How far the number might be off, as so few pictures say; nothing where nobody reckoned it. */
function interval({ intervals }: EvaluationReport, measure: string): Template {
  const ends = intervals?.[measure] ?? null;
  if (ends === null) return nothing;
  const [low, high] = ends.map((end) => formatNumber(end, 3)) as [string, string];
  return html`<div class="interval" title=${t("evaluations.interval", { low, high })}>${low}–${high}</div>`;
}

function checkpointsOf(app: Dashboard, run: DashboardRun): Template {
  const { runs } = app.data!;
  if (run.checkpoints.length === 0) return nothing;
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${`${t("checkpoints.caption")}: ${runLabel(run, runs)}`}><table class="data-table">
    <caption>${t("checkpoints.caption")}${runs.length > 1 ? ` · ${runLabel(run, runs)}` : ""}</caption>
    <thead><tr><th scope="col">${t("checkpoints.path")}</th><th scope="col">${t("axis.step")}</th><th scope="col">${t("evaluations.balanced")}</th><th scope="col">${t("checkpoints.size")}</th><th scope="col"><span class="visually-hidden">${t("run.actions")}</span></th></tr></thead>
    <tbody>${run.checkpoints.map(
      ({ path, stage, step, balancedAccuracy, best, sizeBytes }) => html`<tr>
        <th scope="row"><code>${path}</code>${best ? html` <span class="badge">${t("evaluations.best")}</span>` : nothing}</th>
        <td>${step}</td><td>${balancedAccuracy === null ? "–" : formatNumber(balancedAccuracy, 3)}</td><td>${formatBytes(sizeBytes)}</td>
        <td>${button({ icon: "eye", title: t("checkpoints.inspect", { step }), run: () => app.connection.tell("checkpoint/inspect", { run: run.id, stage, step }) })}</td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}

export function configTab(app: Dashboard): TemplateResult {
  const { runs } = app.data!;
  const run = runs[0]!;
  return html`${differencesTable(runs)}
    <div class="table-scroll" tabindex="0" role="region" aria-label=${t("tab.config")}><table class="data-table hanging">
      <caption>${t("config.caption", { run: runLabel(run, runs) })}</caption>
      <thead><tr><th scope="col">${t("config.key")}</th><th scope="col">${t("config.value")}</th></tr></thead>
      <tbody>${[...flattenConfig(run.config)].map(([key, value]) => html`<tr><th scope="row"><code>${key}</code></th><td><code>${value}</code></td></tr>`)}</tbody>
    </table></div>`;
}

export function logTab(app: Dashboard): TemplateResult {
  const run = app.data!.runs[0]!;
  if (run.log.length === 0) return html`<p class="empty">${icon("output")}${t("log.none")}</p>`;
  return html`<div class="log" role="log" tabindex="0" aria-label=${t("tab.log")}>${run.log.map(
    ({ timeMs, level, text }) =>
      html`<div class="log-line log-${level}"><span class="muted">${formatTime(timeMs)}</span> ${level === "info" ? nothing : html`<strong>${t(`log.${level}`)}</strong> `}${text}</div>`,
  )}</div>
  <p>${button({ icon: "go-to-file", text: t("run.openLog"), run: () => app.connection.tell("run/act", { run: run.id, action: "openLog" }) })}</p>`;
}
