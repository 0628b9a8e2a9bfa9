/**
 * The strip of pictures under the inspector: filters with counts, and thumbnails of which only those in sight exist. The list is one
 * stop of the Tab key.
 */
import type { InspectorItem } from "@iad-r1/protocol/webview";
import { html, nothing, render, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { button, type Choice, icon, select, type Template } from "../../components/basics";
import { t } from "../../host/l10n";
import type { StringKey } from "../../strings/en";
import type { Inspector } from "./inspector";
import type { StripFilter } from "./view";

const cellWidth = 92;
const spare = 6;

const outcomeIcons: Record<InspectorItem["outcome"], string> = {
  pending: "circle-large",
  running: "loading",
  correct: "pass",
  missed: "eye-closed",
  "false-alarm": "bell",
  unparsed: "question",
  answered: "comment",
  failed: "error",
};

const filters: readonly StripFilter[] = [
  "all",
  "missed",
  "false-alarm",
  "unparsed",
  "correct",
  "answered",
  "pending",
  "failed",
];

export function strip(app: Inspector): Template {
  const data = app.data!;
  if (data.items.length < 2) return nothing;
  const shown = app.shownItems;
  const current = data.image?.id ?? null;
  const countable = data.items.filter((item) => app.matches(item, "filter"));
  const counts = new Map<string, number>([["all", countable.length]]);
  for (const { outcome } of countable) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const isRunning = data.items.some(({ outcome }) => outcome === "running");
  const at = shown.findIndex(({ id }) => id === current);
  return html`<section class="strip" aria-label=${t("strip.label")}>
    <div class="strip-head">
      <div class="filters" role="group" aria-label=${t("strip.filters")}>
        ${filters
          .filter((filter) => filter === "all" || filter === app.view.filter || (counts.get(filter) ?? 0) > 0)
          .map(
            (
              filter,
            ) => html`<button class="filter" aria-pressed=${app.view.filter === filter ? "true" : "false"} @click=${() => app.update({ filter })}>
              ${filter === "all" ? nothing : icon(outcomeIcons[filter])}${t(`outcome.${filter}` as StringKey)}<span class="badge">${counts.get(filter) ?? 0}</span>
            </button>`,
          )}
      </div>
      ${facet(app, "category")}${facet(app, "defectType")}
      <span class="spacer"></span>
      <span class="group strip-steps"><span class="muted">${t("strip.position", { at: at + 1, of: shown.length })}</span>
      ${button({ icon: "chevron-left", title: t("strip.previous"), key: "k", disabled: at <= 0, run: () => app.go(-1) })}
      ${button({ icon: "chevron-right", title: t("strip.next"), key: "j", disabled: at >= shown.length - 1, run: () => app.go(1) })}</span>
      ${
        isRunning
          ? button({ icon: "debug-stop", text: t("strip.stop"), run: () => app.connection.tell("strip/stop", {}) })
          : button({
              icon: "run-all",
              text: t("strip.run"),
              disabled: !data.settings.canRun || (counts.get("pending") ?? 0) === 0,
              run: () => app.connection.tell("strip/run", { slot: 0 }),
            })
      }
    </div>
    <iad-strip ${ref((element) => {
      if (element !== undefined)
        (element as StripElement).model = { items: shown, current, select: (id) => app.select(id) };
    })}></iad-strip>
  </section>`;
}

/** A choice among the values that occur, with how often they do. */
function facet(app: Inspector, key: "category" | "defectType"): Template {
  const counts = new Map<string, number>();
  for (const item of app.data!.items) {
    const value = item[key];
    if (value !== null && app.matches(item, key)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const chosen = app.view[key];
  if (counts.size < 2 && chosen === "") return nothing;
  const choices: Choice<string>[] = [{ value: "", text: t("strip.any") }];
  for (const [value, count] of [...counts].sort()) choices.push({ value, text: `${value} (${count})` });
  if (chosen !== "" && !counts.has(chosen)) choices.push({ value: chosen, text: `${chosen} (0)` });
  return select(t(`strip.${key}`), chosen, choices, (value) => app.update({ [key]: value }));
}

interface StripModel {
  items: readonly InspectorItem[];
  current: string | null;
  select(id: string): void;
}

export class StripElement extends HTMLElement {
  private current: StripModel | null = null;
  private shown: string | null = null;
  private readonly resizes = new ResizeObserver(() => this.update());

  connectedCallback(): void {
    this.resizes.observe(this);
    this.addEventListener("scroll", this.onScroll, { passive: true });
  }

  disconnectedCallback(): void {
    this.resizes.disconnect();
    this.removeEventListener("scroll", this.onScroll);
  }

  set model(model: StripModel) {
    this.current = model;
    this.update();
    if (this.shown !== model.current) {
      this.shown = model.current;
      // The list has no width before it is laid out.
      requestAnimationFrame(() => this.reveal());
    }
  }

  private readonly onScroll = () => this.update();

  private update(): void {
    if (this.current !== null) render(this.template(this.current), this);
  }

  private reveal(): void {
    const at = this.current?.items.findIndex(({ id }) => id === this.shown) ?? -1;
    if (at < 0) return;
    const left = at * cellWidth;
    if (left < this.scrollLeft || left + cellWidth > this.scrollLeft + this.clientWidth) {
      this.scrollLeft = left - this.clientWidth / 2 + cellWidth / 2;
    }
  }

  private template({ items, current, select: choose }: StripModel): TemplateResult {
    const first = Math.max(0, Math.floor(this.scrollLeft / cellWidth) - spare);
    const last = Math.min(items.length, first + Math.ceil((this.clientWidth || 800) / cellWidth) + 2 * spare);
    const at = items.findIndex(({ id }) => id === current);
    return html`<div
      class="strip-list"
      role="listbox"
      aria-orientation="horizontal"
      tabindex="0"
      aria-label=${t("strip.label")}
      aria-activedescendant=${at >= first && at < last ? `strip-${at}` : nothing}
      .style=${`width:${items.length * cellWidth}px`}
      @keydown=${(event: KeyboardEvent) => {
        const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }[event.key];
        const item = target === undefined ? undefined : items[target];
        if (item === undefined) return;
        choose(item.id);
        event.preventDefault();
        event.stopPropagation();
      }}
    >${items.slice(first, last).map((item, i) => {
      const index = first + i;
      const outcome = t(`outcome.${item.outcome}` as StringKey);
      return html`<div
        class="strip-item outcome-${item.outcome}"
        role="option"
        id="strip-${index}"
        aria-selected=${item.id === current ? "true" : "false"}
        aria-setsize=${items.length}
        aria-posinset=${index + 1}
        aria-label=${`${item.name}, ${outcome}`}
        title=${`${item.name} · ${outcome}${item.anomalyScore === null ? "" : ` · ${item.anomalyScore.toFixed(2)}`}`}
        .style=${`left:${index * cellWidth}px`}
        @click=${() => choose(item.id)}
      >
        ${item.thumbnail === null ? html`<span class="strip-blank">${icon("file-media")}</span>` : html`<img crossorigin="anonymous" src=${item.thumbnail} alt="" loading="lazy" decoding="async" draggable="false" />`}
        <span class="strip-name">${item.name}</span>
        <span class="strip-outcome">${icon(outcomeIcons[item.outcome])}</span>
      </div>`;
    })}</div>`;
  }
}

customElements.define("iad-strip", StripElement);
