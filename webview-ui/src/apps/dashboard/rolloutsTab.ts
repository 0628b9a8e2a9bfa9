/** The steps whose completions are recorded, run by run, newest first; a step opens in the rollout explorer. */
import { html, type TemplateResult } from "lit";
import { button, icon } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import type { Dashboard } from "./dashboard";
import { stageName } from "./runWords";
import { runLabel } from "./toolbar";

/** Older steps are reached in the explorer itself. */
const maxRows = 500;

export function rolloutsTab(app: Dashboard): TemplateResult {
  const { runs } = app.data!;
  const steps = runs.flatMap((run) =>
    run.rolloutSteps.map((each) => ({ run: run.id, label: runLabel(run, runs), ...each })).reverse(),
  );
  const [latest] = steps;
  if (latest === undefined) return html`<p class="empty">${icon("list-tree")}${t("rollouts.none")}</p>`;
  const several = runs.length > 1;
  return html`<div class="toolbar">
      ${button({ text: t("rollouts.latest"), icon: "list-tree", primary: true, run: () => app.openRollouts(latest.run, latest.stage, latest.step) })}
      <span class="muted">${several ? `${latest.label} · ` : ""}${t("rollouts.facts", facts(latest))}</span>
    </div>
    <div class="table-scroll"><table class="data-table single-lines"><caption class="visually-hidden">${t("tab.rollouts")}</caption>
      <thead><tr><th scope="col">${t("axis.step")}</th><th scope="col">${t("rollouts.total")}</th><th scope="col">${t("rollouts.flat")}</th><th scope="col">${t("rollouts.count")}</th><td></td></tr></thead>
      <tbody>${steps.slice(0, maxRows).map(
        (each) => html`<tr>
          <th scope="row">${several ? `${each.label} · ` : ""}${stageName(each.stage)} · ${each.step}</th>
          <td>${formatNumber(each.rewardMean, 3)}</td>
          <td>${formatNumber(each.zeroVarianceShare * 100, 3)} %</td>
          <td>${t("rollouts.size", { count: each.numRollouts, groups: each.numGroups })}</td>
          <td>${button({ text: t("rollouts.explore"), run: () => app.openRollouts(each.run, each.stage, each.step) })}</td>
        </tr>`,
      )}</tbody>
    </table></div>`;
}

function facts(step: { numRollouts: number; numGroups: number; rewardMean: number; zeroVarianceShare: number }) {
  return {
    count: step.numRollouts,
    groups: step.numGroups,
    mean: formatNumber(step.rewardMean, 3),
    flat: formatNumber(step.zeroVarianceShare * 100, 3),
  };
}
