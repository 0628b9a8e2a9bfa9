/** All completions of one step: a list that is only drawn where it is in sight, and one completion in full beside it. */
import type { RolloutRecord } from "@iad-r1/protocol/runs";
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { ref } from "lit/directives/ref.js";
import { button, icon, select, type Template } from "../../components/basics";
import { taggedText } from "../../components/taggedText";
import type { VirtualListElement } from "../../components/virtualList";
import { formatNumber, t } from "../../host/l10n";
import type { StringKey } from "../../strings/en";
import type { Dashboard } from "./dashboard";
import type { RolloutOrder } from "./rolloutPages";

const rowHeight = 26;

export function rolloutsTab(app: Dashboard): TemplateResult {
  const steps = app.data!.runs.flatMap((run) => run.rolloutSteps.map((each) => ({ run: run.id, ...each })));
  if (steps.length === 0) return html`<p class="empty">${icon("list-tree")}${t("rollouts.none")}</p>`;
  const { rollouts } = app;
  const place = app.view.rollouts;
  const at =
    place === null
      ? -1
      : steps.findIndex(({ run, stage, step }) => run === place.run && stage === place.stage && step === place.step);
  const go = (index: number) => {
    const target = steps[index];
    if (target !== undefined) app.openRollouts(target.run, target.stage, target.step);
  };
  if (at < 0) {
    return html`<p class="empty">${icon("list-tree")}${t("rollouts.choose")}</p>
      <p class="centered">${button({ text: t("rollouts.latest"), primary: true, run: () => go(steps.length - 1) })}</p>`;
  }
  const current = steps[at]!;
  return html`<div class="toolbar">
      ${button({ icon: "chevron-left", title: t("rollouts.previousStep"), disabled: at === 0, run: () => go(at - 1) })}
      ${select(
        t("axis.step"),
        String(at),
        steps.map(({ stage, step }, index) => ({ value: String(index), text: `${stage} · ${step}` })),
        (value) => go(Number(value)),
        { hideLabel: true },
      )}
      ${button({ icon: "chevron-right", title: t("rollouts.nextStep"), disabled: at === steps.length - 1, run: () => go(at + 1) })}
      <span class="muted">${t("rollouts.facts", {
        count: current.numRollouts,
        groups: current.numGroups,
        mean: formatNumber(current.rewardMean, 3),
        flat: formatNumber(current.zeroVarianceShare * 100, 3),
      })}</span>
      <span class="spacer"></span>
      ${rollouts.canSort ? html`<label class="field search">${icon("search")}<input type="search" placeholder=${t("rollouts.search")} aria-label=${t("rollouts.search")} .value=${live(rollouts.filter)} @input=${(event: Event) => rollouts.setFilter((event.target as HTMLInputElement).value)} /></label>` : nothing}
    </div>
    ${rollouts.error === null ? list(app) : html`<div class="notice notice-error" role="alert">${icon("error")}<div>${rollouts.error}</div>${button({ text: t("retry"), run: () => rollouts.retry() })}</div>`}`;
}

function list(app: Dashboard): TemplateResult {
  const { rollouts } = app;
  const first = rollouts.at(0);
  const rewards = first === null ? [] : Object.keys(first.rewards);
  const sortable = (order: RolloutOrder, title: string, className: string) => ({
    title,
    className,
    ...(rollouts.canSort && {
      sorted:
        rollouts.order === order ? (rollouts.descending ? ("descending" as const) : ("ascending" as const)) : null,
      sort: () => rollouts.sortBy(order),
    }),
  });
  const model = {
    label: t("tab.rollouts"),
    numRows: rollouts.numRows,
    rowHeight,
    selected: rollouts.selected,
    columns: [
      sortable("group", t("rollouts.group"), "col-group"),
      { title: t("rollouts.sample"), className: "col-sample" },
      sortable("total", t("rollouts.total"), "col-number"),
      sortable("advantage", t("rollouts.advantage"), "col-number"),
      ...rewards.map((name) => ({ title: shortName(name), className: "col-number" })),
      sortable("length", t("rollouts.length"), "col-number"),
      { title: t("rollouts.completion"), className: "col-text" },
    ],
    cells(row: number): readonly unknown[] | null {
      const record = rollouts.at(row);
      if (record === null) return null;
      return [
        `${record.group}.${record.index}`,
        record.sampleId,
        record.total === null ? "–" : formatNumber(record.total, 3),
        advantageCell(record.advantage),
        ...rewards.map((name) => scoreCell(record, name)),
        record.finish === "length" ? html`${record.length}<span title=${t("finish.length")}> ✂</span>` : record.length,
        record.completion.replaceAll("\n", "⏎"),
      ];
    },
    select(row: number) {
      rollouts.selected = row;
      app.refresh();
    },
  };
  const chosen = rollouts.selected === null ? null : rollouts.at(rollouts.selected);
  return html`<div class="rollouts ${chosen === null ? "" : "with-detail"}">
    <iad-virtual-list ${ref((element) => {
      if (element !== undefined) (element as VirtualListElement).model = model;
    })}></iad-virtual-list>
    ${chosen === null ? nothing : detail(app, chosen)}
  </div>`;
}

function shortName(reward: string): string {
  return reward.split("/").at(-1) ?? reward;
}

function advantageCell(advantage: number): TemplateResult {
  const kind = advantage > 0 ? "up" : advantage < 0 ? "down" : "flat";
  return html`<span class="advantage advantage-${kind}">${advantage > 0 ? "+" : ""}${formatNumber(advantage, 3)}</span>`;
}

function scoreCell(record: RolloutRecord, name: string): unknown {
  const status = record.status[name];
  if (status === "error") return html`<span class="problem">${t("reward.error")}</span>`;
  const score = record.rewards[name];
  return score === null || score === undefined
    ? html`<span class="muted">${t("reward.na")}</span>`
    : formatNumber(score, 3);
}

function detail(app: Dashboard, record: RolloutRecord): TemplateResult {
  const notes = Object.entries(record.notes ?? {});
  return html`<aside class="rollout-detail" aria-label=${t("rollouts.detail")}>
    <div class="chart-head"><h2>${t("rollouts.which", { group: record.group, index: record.index })}</h2><span class="muted">${record.sampleId}</span><span class="spacer"></span>
      ${button({ icon: "copy", title: t("copy"), run: () => app.connection.tell("text/copy", { text: record.completion }) })}
      ${button({
        icon: "close",
        title: t("close"),
        run: () => {
          app.rollouts.selected = null;
          app.refresh();
        },
      })}
    </div>
    ${taggedText(record.completion, false)}
    ${record.solution === null ? nothing : html`<h3>${t("rollouts.solution")}</h3>${taggedText(record.solution, false)}`}
    <table class="data-table"><caption class="visually-hidden">${t("rollouts.rewards")}</caption>
      <thead><tr><th scope="col">${t("rollouts.reward")}</th><th scope="col">${t("rollouts.score")}</th></tr></thead>
      <tbody>
        ${Object.keys(record.rewards).map((name) => html`<tr><th scope="row">${name}</th><td>${scoreCell(record, name)}</td></tr>`)}
        <tr><th scope="row">${t("rollouts.total")}</th><td>${record.total === null ? "–" : formatNumber(record.total)}</td></tr>
        <tr><th scope="row">${t("rollouts.advantage")}</th><td>${formatNumber(record.advantage)}</td></tr>
        ${row(t("rollouts.length"), record.length)}${row(t("rollouts.entropy"), record.entropy)}${row(t("rollouts.logProb"), record.meanLogProb)}
        <tr><th scope="row">${t("rollouts.finish")}</th><td>${t(`finish.${record.finish}` as StringKey)}</td></tr>
        ${notes.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${String(value)}</td></tr>`)}
      </tbody>
    </table>
  </aside>`;
}

function row(title: string, value: number | null | undefined): Template {
  return value === null || value === undefined
    ? nothing
    : html`<tr><th scope="row">${title}</th><td>${formatNumber(value)}</td></tr>`;
}
