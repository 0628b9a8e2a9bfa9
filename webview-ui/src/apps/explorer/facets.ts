/** The left side: what can be filtered by, with how many rollouts each choice would leave. */
import type { Facet, FacetName, RangeFacet } from "@iad-r1/protocol/rollouts";
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { button, icon, type Template } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import { type StringKey, strings } from "../../strings/en";
import type { Explorer } from "./explorer";
import { histogram } from "./marks";

/** Values beyond these are reached by the search field. */
const maxValues = 30;

export function facetPanel(app: Explorer): TemplateResult {
  const { answer } = app;
  const { filter } = app.view.query;
  const { areFiltersShown } = app;
  return html`<aside class="facets ${areFiltersShown ? "shown" : ""}" aria-label=${t("explorer.filters")}>
    <label class="field search"
      >${icon("search")}<input
        id="rollout-search"
        type="search"
        placeholder=${t("explorer.search")}
        aria-label=${t("explorer.search")}
        aria-keyshortcuts="f"
        .value=${live(filter.text)}
        @input=${(event: Event) => app.setText((event.target as HTMLInputElement).value)}
    /></label>
    <button class="button facets-toggle" aria-expanded=${areFiltersShown} @click=${() => app.showFilters(!areFiltersShown)}>
      ${icon(areFiltersShown ? "chevron-down" : "chevron-right")}${t(areFiltersShown ? "explorer.hideFilters" : "explorer.showFilters")}
    </button>
    ${
      filter.only === null
        ? nothing
        : html`<div class="only-chip">${icon("filter")}<span>${filter.only.label}</span>${button({
            icon: "close",
            title: t("explorer.showAll"),
            run: () => app.setFilter({ only: null }),
          })}</div>`
    }
    ${answer?.facets.filter(({ values }) => values.length > 0).map((each) => facet(app, each)) ?? nothing}
    ${answer?.ranges.filter(({ min, max }) => max > min).map((each) => range(app, each)) ?? nothing}
  </aside>`;
}

function facet(app: Explorer, { name, values }: Facet): TemplateResult {
  const chosen = app.view.query.filter.facets[name] ?? [];
  const shown = values.slice(0, maxValues);
  return html`<fieldset class="facet">
    <legend>${t(`facet.${name}` as StringKey)}</legend>
    ${shown.map(({ value, count }) => {
      const isOn = chosen.includes(value);
      return html`<label class="facet-value ${count === 0 ? "muted" : ""}">
        <input type="checkbox" class="facet-check" .checked=${live(isOn)} @change=${() => app.toggleFacet(name, value)} />
        <span class="facet-name" title=${valueName(name, value)}>${valueName(name, value)}</span><span class="facet-count">${count.toLocaleString()}</span>
      </label>`;
    })}
    ${values.length > shown.length ? html`<p class="muted">${t("explorer.more", { count: values.length - shown.length })}</p>` : nothing}
  </fieldset>`;
}

/** Categories are the person's own words; all others are ours. */
export function valueName(name: FacetName, value: string): string {
  const key = `facet.${name}.${value}`;
  return key in strings ? t(key as StringKey) : value;
}

export function columnName(column: string): string {
  if (column.startsWith("reward:")) return shortName(column.slice("reward:".length));
  return t(`column.${column}` as StringKey);
}

export function shortName(reward: string): string {
  return reward.split("/").at(-1) ?? reward;
}

function range(app: Explorer, { column, min, max, bins, binWidth }: RangeFacet): TemplateResult {
  const chosen = app.view.query.filter.ranges.find((each) => each.column === column) ?? null;
  const title = columnName(column);
  const isWhole = column === "step" || column === "length";
  const step = isWhole ? "1" : "any";
  const set = (low: number, high: number) => {
    if (!Number.isFinite(low) || !Number.isFinite(high)) return;
    app.setRange(column, low <= min && high >= max ? null : { min: low, max: high });
  };
  const field = (label: string, value: number, change: (value: number) => void): Template => {
    const name = `${title}, ${label}`;
    // What is half typed stays, also when an answer comes meanwhile.
    const shown = app.draft?.field === name ? app.draft.text : String(rounded(value));
    return html`<input
      type="number"
      class="range-end"
      step=${step}
      aria-label=${name}
      .value=${live(shown)}
      @input=${(event: Event) => {
        app.draft = { field: name, text: (event.target as HTMLInputElement).value };
      }}
      @blur=${() => {
        app.draft = null;
      }}
      @change=${(event: Event) => {
        app.draft = null;
        change((event.target as HTMLInputElement).valueAsNumber);
      }}
    />`;
  };
  const pick = (bin: number) => {
    const low = min + bin * binWidth;
    app.setRange(column, { min: low, max: Math.min(max, isWhole ? low + binWidth - 1 : low + binWidth) });
  };
  const span = bins.length * binWidth;
  const share = (value: number) => (value - min) / span;
  // The middle of a bin of whole numbers lies half a number before that of the stretch.
  const half = isWhole ? 0.5 / span : 0;
  return html`<fieldset class="facet range">
    <legend title=${column.replace(/^reward:/, "")}>${title}${
      chosen === null
        ? nothing
        : button({
            icon: "close",
            title: t("explorer.anyValue", { name: title }),
            run: () => app.setRange(column, null),
          })
    }</legend>
    ${histogram(bins, chosen === null ? null : { from: share(chosen.min) - half, to: share(chosen.max) + 2 * half }, pick)}
    <span class="range-ends">
      ${field(t("explorer.from"), chosen?.min ?? min, (value) => set(value, chosen?.max ?? max))}<span aria-hidden="true">–</span>${field(t("explorer.to"), chosen?.max ?? max, (value) => set(chosen?.min ?? min, value))}
    </span>
  </fieldset>`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** A number in a table; nothing for one that is not known. */
export function cell(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined ? "–" : formatNumber(value, digits);
}
