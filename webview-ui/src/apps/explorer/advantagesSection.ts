/** The advantages of a group by the usual conventions side by side: what another choice would have taught. */
import type { ExploredGroup } from "@iad-r1/protocol/rollouts";
import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import type { StringKey } from "../../strings/en";
import type { Explorer } from "./explorer";
import { cell, shortName } from "./facets";
import { sectionTitle } from "./sectionTitle";

export function advantagesSection(app: Explorer, group: ExploredGroup): TemplateResult {
  const title = sectionTitle(app, "advantages", t("advantages.title"));
  return app.view.sections.includes("advantages") ? html`${title} ${table(app, group)}` : title;
}

function table(app: Explorer, { rollouts }: ExploredGroup): TemplateResult {
  const { state } = app.advantages;
  if (state.phase === "failed")
    return html`<div class="notice notice-error" role="alert">${icon("error")}<div>${state.message}</div></div>`;
  if (state.phase !== "ready") return html`<p class="muted" role="status">${t("loading")}</p>`;
  const { recorded, methods, overall, insideGroups, assumedWeights } = state.value;
  return html`<div class="table-scroll" role="region" tabindex="0" aria-label=${t("advantages.title")}><table class="data-table advantages-table"><caption class="visually-hidden">${t("advantages.title")}</caption>
      <thead><tr><th scope="col" title=${t("advantages.completion")}>#</th><th scope="col">${t("rollouts.total")}</th><th scope="col">${t("whatIf.recorded")}</th>
        ${methods.map(({ method }) => html`<th scope="col" title=${t(`advantages.${method}.help` as StringKey)}>${t(`advantages.${method}` as StringKey)}</th>`)}</tr></thead>
      <tbody>${rollouts.map(
        ({ key, total }, i) => html`<tr class=${i === app.view.place ? "current" : ""}>
          <th scope="row">${key.index}</th><td>${cell(total)}</td><td>${signed(recorded[i] ?? null)}</td>
          ${methods.map(({ advantages }) => html`<td>${signed(advantages[i] ?? null)}</td>`)}
        </tr>`,
      )}</tbody>
    </table></div>
    <p class="muted">${t("advantages.spread", {
      overall: cell(overall.std),
      count: overall.count,
      inside: cell(insideGroups.std),
      size: insideGroups.count,
    })}</p>
    ${assumedWeights.length === 0 ? nothing : html`<p class="muted">${t("advantages.assumed", { names: assumedWeights.map(shortName).join(", ") })}</p>`}`;
}

function signed(value: number | null): TemplateResult | string {
  if (value === null) return "–";
  const kind = value > 1e-9 ? "up" : value < -1e-9 ? "down" : "flat";
  return html`<span class=${`advantage advantage-${kind}`}>${value > 1e-9 ? "+" : ""}${formatNumber(value, 3)}</span>`;
}
