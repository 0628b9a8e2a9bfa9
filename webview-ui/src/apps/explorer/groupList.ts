/** The middle: groups as rows of a list, and the completions of the chosen one side by side. */
import type { ExploredGroup, ExploredRollout, GroupOrder, GroupRow } from "@iad-r1/protocol/rollouts";
import { html, nothing, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { button, icon, select, toggle } from "../../components/basics";
import { taggedText } from "../../components/taggedText";
import type { VirtualListElement } from "../../components/virtualList";
import { formatNumber, t } from "../../host/l10n";
import type { StringKey } from "../../strings/en";
import type { Explorer } from "./explorer";
import { cell, shortName, valueName } from "./facets";
import { advantageBars, totalBars } from "./marks";

const rowHeight = 46;
const orders: readonly GroupOrder[] = ["order", "mean", "std", "length", "advantage"];

export function groupList(app: Explorer, onList: (list: VirtualListElement) => void): TemplateResult {
  const { answer, pages } = app;
  const overview = app.data!.overview!;
  const totals = answer?.ranges.find(({ column }) => column === "total");
  const { order, descending } = app.view.query;
  const model = {
    label: t("explorer.groups"),
    numRows: pages.numRows,
    rowHeight,
    selected: app.selectedRow,
    columns: [
      { title: t("rollouts.group"), className: "col-what" },
      { title: t("explorer.totals"), className: "col-marks" },
      { title: t("explorer.mean"), className: "col-short" },
      { title: t("explorer.std"), className: "col-short" },
      { title: t("rollouts.advantage"), className: "col-marks" },
    ],
    cells(row: number): readonly unknown[] | null {
      const group = pages.at(row);
      if (group === null) return null;
      return [
        what(app, group),
        totalBars(group.totals, totals?.min ?? 0, totals?.max ?? 1),
        cell(group.mean),
        group.std === null
          ? "–"
          : html`<span class=${group.std === 0 ? "problem" : ""} title=${group.std === 0 ? t("explorer.flat") : ""}>${formatNumber(group.std, 3)}</span>`,
        advantageBars(group.advantages),
      ];
    },
    select: (row: number) => app.moveTo(row),
  };
  return html`<section class="groups" aria-label=${t("explorer.groups")}>
    <div class="toolbar">
      <span class="muted" role="status">${
        answer === null
          ? t("loading")
          : t(app.isPlain ? "explorer.count" : "explorer.countOf", {
              rollouts: answer.numRollouts.toLocaleString(),
              groups: answer.numGroups.toLocaleString(),
              all: overview.numRollouts.toLocaleString(),
            })
      }</span>
      ${app.isPlain ? nothing : button({ text: t("explorer.clear"), icon: "clear-all", run: () => app.clearFilter() })}
      <span class="spacer"></span>
      ${select(
        t("explorer.order"),
        order,
        orders.map((value) => ({ value, text: t(`order.${value}` as StringKey) })),
        (value) => app.setQuery({ order: value, descending: value !== "order" }),
      )}
      ${button({
        icon: descending ? "arrow-down" : "arrow-up",
        title: t(descending ? "explorer.descending" : "explorer.ascending"),
        run: () => app.setQuery({ descending: !descending }),
      })}
      ${toggle({ icon: "split-horizontal", title: t("explorer.expand"), key: "Enter", on: app.view.expanded, run: () => app.update({ expanded: !app.view.expanded }) })}
      ${button({ icon: "export", title: t("explorer.export"), run: () => app.connection.tell("export/start", app.view.query) })}
    </div>
    ${app.answerError === null && pages.error === null ? nothing : html`<div class="notice notice-error" role="alert">${icon("error")}<div>${app.answerError ?? pages.error}</div></div>`}
    ${
      answer !== null && answer.numGroups === 0
        ? html`<p class="empty">${icon("filter")}${t("explorer.nothing")}</p>`
        : html`<iad-virtual-list ${ref((element) => {
            if (element === undefined) return;
            (element as VirtualListElement).model = model;
            onList(element as VirtualListElement);
          })}></iad-virtual-list>`
    }
    ${app.view.expanded ? strips(app) : nothing}
  </section>`;
}

function what(app: Explorer, group: GroupRow): TemplateResult {
  const { picture, step, sampleId, prompt, label, matches, size } = group;
  const address = picture === null ? null : app.pictures.get(picture, "thumbnail", step, group.group);
  const place = group.group.split("/").at(-1)!;
  const facts = [
    step === null ? null : t("explorer.step", { step }),
    t("explorer.groupName", { group: place }),
    label === "unknown" ? null : valueName("label", label),
    matches === size ? null : t("explorer.matches", { matches, size }),
  ];
  return html`<span class="group-what">
    ${address === null ? html`<span class="thumbnail">${icon(picture === null ? "comment" : "file-media")}</span>` : html`<img class="thumbnail" src=${address} alt="" />`}
    <span class="group-lines"
      ><span class="group-name">${sampleId ?? (prompt === "" ? group.group : prompt)}</span
      ><span class="muted">${facts.filter((fact) => fact !== null).join(" · ")}</span></span
    >
  </span>`;
}

function strips(app: Explorer): TemplateResult {
  const { group, other } = app;
  return html`<div class="strips">
    ${
      group.state.phase === "ready"
        ? strip(app, group.state.value, (place) => app.choose(place), app.view.place, rolloutsOf(other.state))
        : html`<p class="empty small">${group.state.phase === "failed" ? group.state.message : t("loading")}</p>`
    }
    ${
      other.state.phase === "ready"
        ? html`<h2 class="strip-title">${t("explorer.sameAt", { step: other.state.value.row.step ?? "–" })}<span class="muted">${t("explorer.meanIs", { mean: cell(other.state.value.row.mean) })}</span>${button({ icon: "close", title: t("close"), run: () => closeOther(app) })}</h2>
            <p class="muted strip-note">${t("explorer.marksDiffer")}</p>
            ${strip(app, other.state.value, (place) => void app.find(keyAt(other.state, place)), null, rolloutsOf(group.state))}`
        : nothing
    }
  </div>`;
}

function closeOther(app: Explorer): void {
  app.other.reset();
  app.refresh();
}

function rolloutsOf(state: Explorer["group"]["state"]): readonly ExploredRollout[] {
  return state.phase === "ready" ? state.value.rollouts : [];
}

function keyAt(state: Explorer["other"]["state"], place: number) {
  if (state.phase !== "ready") throw new Error("only completions that are shown can be chosen");
  return state.value.rollouts[place]!.key;
}

function strip(
  app: Explorer,
  { rollouts, row }: ExploredGroup,
  choose: (place: number) => void,
  chosen: number | null,
  /** The same picture at another step: words that the completion in the same place has not are marked. */
  others: readonly ExploredRollout[],
): TemplateResult {
  return html`<div class="strip-row" role="list" aria-label=${t("explorer.completionsOf", { group: row.group })}>
    ${rollouts.map(
      (rollout, place) => html`<div role="listitem" class="completion-item"><div
        class="completion-card ${place === chosen ? "selected" : ""} ${rollout.matches ? "" : "not-matching"}"
        @click=${() => choose(place)}
      >
        <button class="card-head" aria-current=${place === chosen ? "true" : "false"}>${cardHead(rollout)}</button>
        <div class="card-text">${taggedText(rollout.completion, false, others[place]?.completion ?? null)}</div>
        <div class="card-rewards">${rewardChips(
          rollout,
          app.data!.overview!.rewards.map(({ name }) => name),
        )}</div>
      </div></div>`,
    )}
  </div>`;
}

function cardHead({ key, advantage, total, length, finish, verdict }: ExploredRollout): TemplateResult {
  return html`<strong><span class="visually-hidden">${t("advantages.completion")} </span>${key.index}</strong>
    <span class=${`rollout-verdict rollout-verdict-${verdict}`}>${valueName("verdict", verdict)}</span>
    <span title=${t("rollouts.total")}>${cell(total)}</span>
    ${advantage === null ? nothing : html`<span class=${`advantage advantage-${advantage > 0 ? "up" : advantage < 0 ? "down" : "flat"}`} title=${t("rollouts.advantage")}>${advantage > 0 ? "+" : ""}${formatNumber(advantage, 3)}</span>`}
    ${length === null ? nothing : html`<span class="muted">${t("explorer.tokens", { count: length })}${finish === "length" ? " ✂" : ""}</span>`}`;
}

export function rewardChips({ rewards, status }: ExploredRollout, names: readonly string[]): TemplateResult[] {
  return names
    .filter((name) => name in rewards || name in status)
    .map((name) => {
      const state = status[name] ?? "ok";
      const score = rewards[name] ?? null;
      const shown = state === "error" ? t("reward.error") : score === null ? t("reward.na") : formatNumber(score, 3);
      return html`<span class=${`reward-chip reward-${score === null ? state : "ok"}`} title=${name}>${shortName(name)} <b>${shown}</b></span>`;
    });
}
