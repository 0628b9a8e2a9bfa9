/** Choices for all curves, and the runs that are compared. */
import type { DashboardRun, SmoothingMethod, XAxis } from "@iad-r1/protocol/webview";
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { colorOf, readChartTheme } from "../../charts/palette";
import { windowOf } from "../../charts/smoothing";
import { button, icon, menu, select, slider, type Template, toggle } from "../../components/basics";
import { formatDate, t } from "../../host/l10n";
import { configDifferences } from "../../state/configDiff";
import type { BandKind } from "../../state/runCurves";
import type { StringKey } from "../../strings/en";
import type { Dashboard } from "./dashboard";

const axes: readonly XAxis[] = ["step", "epoch", "tokens", "samples", "relative", "process", "wall"];
const methods: readonly SmoothingMethod[] = ["ema", "mean", "gaussian", "none"];
const bands: readonly BandKind[] = ["std", "sem", "minmax", "none"];

/** Fine steps near 1, where a little more weight looks back much further. */
export function weightOfSlider(position: number): number {
  return position <= 0 ? 0 : Math.min(0.999, Math.round((1 - (1 - position / 100) ** 2) * 1000) / 1000);
}

export function sliderOfWeight(weight: number): number {
  return Math.round((1 - Math.sqrt(1 - Math.min(weight, 0.999))) * 100);
}

export function smoothingText(method: SmoothingMethod, weight: number): string {
  if (method === "none" || weight === 0) return t("smoothing.off");
  return method === "ema" ? String(weight) : t("smoothing.points", { count: windowOf(weight) });
}

export function toolbar(
  app: Dashboard,
  exports: readonly { text: string; run(): void }[],
  badFilter: boolean,
): TemplateResult {
  const { view } = app;
  return html`<div class="toolbar" role="toolbar" aria-label=${t("toolbar.label")}>
    <label class="field search">${icon("filter")}<input
        id="chart-filter"
        type="search"
        placeholder=${t("toolbar.filter")}
        aria-label=${t("toolbar.filter")}
        title=${t("toolbar.filterHelp")}
        aria-invalid=${badFilter ? "true" : "false"}
        .value=${live(view.filter)}
        @input=${(event: Event) => app.update({ filter: (event.target as HTMLInputElement).value })}
    /></label>
    ${select(
      t("toolbar.xAxis"),
      view.xAxis,
      axes.map((value) => ({ value, text: t(`axis.${value}` as StringKey) })),
      (xAxis) => app.update({ xAxis, windows: {} }),
    )}
    ${select(
      t("toolbar.smoothing"),
      view.smoothingMethod,
      methods.map((value) => ({ value, text: t(`smoothing.${value}` as StringKey) })),
      (smoothingMethod) => app.update({ smoothingMethod }),
    )}
    ${slider({
      label: t("toolbar.weight"),
      ...{ min: 0, max: 97, step: 1, value: sliderOfWeight(view.smoothing) },
      text: smoothingText(view.smoothingMethod, view.smoothing),
      disabled: view.smoothingMethod === "none",
      set: (position) => app.update({ smoothing: weightOfSlider(position) }),
    })}
    <span class="group">
      ${toggle({ text: t("toolbar.logY"), title: t("toolbar.logYHelp"), on: view.logY, run: () => app.update({ logY: !view.logY }) })}
      ${toggle({ text: t("toolbar.logX"), title: t("toolbar.logXHelp"), on: view.logX, run: () => app.update({ logX: !view.logX, windows: {} }) })}
      ${toggle({ text: t("toolbar.clip"), title: t("toolbar.clipHelp"), on: view.clip, run: () => app.update({ clip: !view.clip }) })}
    </span>
    <span class="spacer"></span>
    ${Object.keys(view.windows).length === 0 ? nothing : button({ icon: "zoom-out", text: t("toolbar.resetZoom"), run: () => app.update({ windows: {} }) })}
    ${toggle({ icon: "table", title: t("toolbar.table"), key: "t", on: view.table, run: () => app.update({ table: !view.table }) })}
    ${menu(t("toolbar.export"), "desktop-download", exports)}
  </div>`;
}

export function runsBar(app: Dashboard): TemplateResult {
  const { runs, available, baseline } = app.data!;
  const theme = readChartTheme();
  const shown = new Set(runs.map(({ id }) => id));
  const choose = (ids: string[]) => app.connection.tell("runs/choose", { runs: ids });
  const ids = runs.map(({ id }) => id);
  const addable = available.filter(({ id }) => !shown.has(id));
  const differences = runs.length > 1 ? configDifferences(runs.map(({ config }) => config)) : [];
  return html`<div class="runs-bar">
    ${runs.map((run, slot) => {
      const isBaseline = run.id === baseline;
      return html`<span class="run-pill">
        <span class="swatch" .style=${`background:${colorOf(theme, slot)}`}></span>
        <span title=${`${run.id} · ${formatDate(run.createdMs)}`}>${runLabel(run, runs)}</span>
        ${
          runs.length < 2
            ? nothing
            : toggle({
                icon: isBaseline ? "pinned" : "pin",
                title: t("compare.baseline", { run: runLabel(run, runs) }),
                on: isBaseline,
                run: () => app.connection.tell("baseline/set", { run: isBaseline ? null : run.id }),
              })
        }
        ${slot === 0 ? nothing : button({ icon: "close", title: t("compare.remove", { run: runLabel(run, runs) }), run: () => choose(ids.filter((id) => id !== run.id)) })}
      </span>`;
    })}
    ${
      addable.length === 0
        ? nothing
        : select(
            t("compare.add"),
            "",
            [
              { value: "", text: t("compare.addRun") },
              ...addable
                .slice(0, 200)
                .map((run) => ({ value: run.id, text: `${run.project} · ${run.kind} · ${formatDate(run.createdMs)}` })),
            ],
            (id) => id !== "" && choose([...ids, id]),
            { hideLabel: true },
          )
    }
    ${
      differences.length === 0
        ? nothing
        : html`${select(
            t("compare.group"),
            app.view.groupKey,
            [{ value: "", text: t("compare.noGroup") }, ...differences.map(({ key }) => ({ value: key, text: key }))],
            (groupKey) => app.update({ groupKey }),
          )}${
            app.view.groupKey === ""
              ? nothing
              : select(
                  t("compare.band"),
                  app.view.band,
                  bands.map((value) => ({ value, text: t(`band.${value}` as StringKey) })),
                  (band) => app.update({ band }),
                )
          }`
    }
  </div>`;
}

/** The project's name, with the id where that does not tell them apart. */
export function runLabel(run: DashboardRun, runs: readonly DashboardRun[]): string {
  return runs.filter(({ project }) => project === run.project).length > 1 ? run.id : run.project;
}

/** The keys in which the compared runs differ; also drawn on the configuration tab. */
export function differencesTable(runs: readonly DashboardRun[]): Template {
  const differences = configDifferences(runs.map(({ config }) => config));
  if (runs.length < 2) return nothing;
  if (differences.length === 0) return html`<p class="muted">${t("config.same")}</p>`;
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("config.differences")}><table class="data-table">
    <caption>${t("config.differences")}</caption>
    <thead><tr><th scope="col">${t("config.key")}</th>${runs.map((run) => html`<th scope="col">${runLabel(run, runs)}</th>`)}</tr></thead>
    <tbody>${differences.map(({ key, values }) => html`<tr><th scope="row"><code>${key}</code></th>${values.map((value) => html`<td><code>${value ?? "–"}</code></td>`)}</tr>`)}</tbody>
  </table></div>`;
}
