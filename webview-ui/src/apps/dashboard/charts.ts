/** The curves tab: sections of chart cards, each with its own small choices. */
import type { DashboardRun, SmoothingMethod } from "@iad-r1/protocol/webview";
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ref } from "lit/directives/ref.js";
import type { ChartElement, ChartModel } from "../../charts/chartElement";
import type { Curve, ValueRange } from "../../charts/curve";
import { chartsCsv, chartsJson, chartSvg, type ExportedChart, svgToPng } from "../../charts/exportChart";
import { colorOf, readChartTheme } from "../../charts/palette";
import { smooth } from "../../charts/smoothing";
import { tableRows } from "../../charts/summary";
import { button, icon, menu, select, slider, type Template, toggle } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import { groupBy } from "../../state/configDiff";
import { Memo } from "../../state/memo";
import { groupCurve } from "../../state/runCurves";
import { lowerBound } from "../../state/series";
import type { StringKey } from "../../strings/en";
import { type ChartEntry, type Section, sectionsOf } from "./chartList";
import type { Dashboard } from "./dashboard";
import { isActive } from "./header";
import { metricHelp } from "./metricWords";
import { runLabel, sliderOfWeight, smoothingText, weightOfSlider } from "./toolbar";
import { stageTitle } from "./runWords";

/** Means of groups and bands around curves, by chart. */
const derived = new Memo<Curve | null>();
const chartHeight = 190;
const maxTableRows = 200;

export function chartSections(app: Dashboard): { content: TemplateResult; badFilter: boolean; charts: ChartEntry[] } {
  const { runs } = app.data!;
  const { sections, badFilter } = sectionsOf(runs, app.view);
  const content =
    sections.length === 0
      ? html`<p class="empty">${icon("graph-line")}${app.view.filter !== "" ? t("curves.noMatch") : runs.some(isActive) ? t("curves.none") : t("curves.never")}</p>`
      : html`${repeat(
          sections,
          ({ id }) => id,
          (section) => sectionView(app, section),
        )}`;
  return { content, badFilter, charts: sections.flatMap(({ charts }) => charts) };
}

function sectionView(app: Dashboard, section: Section): TemplateResult {
  const { closedSections } = app.view;
  // Spreads are drawn as bands already: closed until someone wants them.
  const isOpen =
    section.kind === "spread" ? closedSections.includes(`open:${section.id}`) : !closedSections.includes(section.id);
  const flip = () => {
    const mark = section.kind === "spread" ? `open:${section.id}` : section.id;
    const rest = closedSections.filter((id) => id !== mark);
    app.update({ closedSections: rest.length === closedSections.length ? [...rest, mark] : rest });
  };
  const stage = app.data!.runs.flatMap(({ plan }) => plan).find(({ id }) => id === section.stage);
  const title =
    section.stage === null
      ? t("section.pinned")
      : `${stageTitle(stage?.title ?? section.stage)} · ${t(`section.${section.kind}` as StringKey)}`;
  return html`<section class="chart-section">
    <h2><button class="section-title" aria-expanded=${isOpen ? "true" : "false"} @click=${flip}>
      ${icon(isOpen ? "chevron-down" : "chevron-right")}${title}<span class="badge">${section.charts.length}</span>
    </button></h2>
    ${
      isOpen
        ? html`<div class="chart-grid">${repeat(
            section.charts,
            ({ id }) => id,
            (chart) => chartCard(app, chart),
          )}</div>`
        : nothing
    }
  </section>`;
}

/** Evaluations are few and each stands for itself; a learning rate has no noise, and smoothed it would not be the one that was used. */
const isPlain = (name: string) => name === "learning_rate" || name.startsWith("eval/");

/** As the toolbar says where the chart has no choice of its own. */
function smoothingOf({ view }: Dashboard, chart: ChartEntry): { method: SmoothingMethod; weight: number } {
  const choice = view.charts[chart.id] ?? {};
  const method = isPlain(chart.name) ? "none" : view.smoothingMethod;
  return { method: choice.smoothingMethod ?? method, weight: choice.smoothing ?? view.smoothing };
}

/** The curves of a chart: one for each run, or one for each group. */
export function curvesOf(app: Dashboard, chart: ChartEntry): Curve[] {
  const { runs } = app.data!;
  const { view } = app;
  const options = { xAxis: view.xAxis, ...smoothingOf(app, chart) };
  const curveOf = (run: DashboardRun, slot: number): Curve | null => {
    const series = app.seriesOf(run);
    app.need(run, chart.stage, chart.name);
    if (view.xAxis === "epoch" || view.xAxis === "tokens") {
      app.need(run, chart.stage, view.xAxis === "epoch" ? "epoch" : "num_tokens");
    }
    return app.curves.curve(
      run,
      series,
      { stage: chart.stage, name: chart.name, label: runLabel(run, runs), slot },
      options,
    );
  };
  if (view.groupKey !== "" && runs.length > 1) {
    return [...groupBy(runs, view.groupKey)].flatMap(([value, members], slot) => {
      const curves = members.flatMap((run) => curveOf(run, slot) ?? []);
      const label = `${view.groupKey.split(".").at(-1)} = ${value} (${curves.length})`;
      if (curves.length === 0) return [];
      const make = () => groupCurve(curves, { label, slot, band: view.band });
      return derived.get(`${chart.id} ${value}`, [...curves, view.groupKey, view.band, slot], make) ?? [];
    });
  }
  const curves = runs.flatMap((run, slot) => curveOf(run, slot) ?? []);
  const only = curves.length === 1 && runs.length === 1 ? curves[0]! : null;
  if (only !== null && chart.deviation !== null) {
    const run = runs[0]!;
    app.need(run, chart.stage, chart.deviation);
    const deviation = app.seriesOf(run).get(chart.stage, chart.deviation);
    if (deviation !== undefined && deviation.numPoints === only.numPoints) {
      const make = () => {
        const spread = smooth(deviation.values, deviation.numPoints, options.method, options.weight);
        return { ...only, band: bandAround(only, spread) };
      };
      return [derived.get(chart.id, [only, deviation.version], make)!];
    }
  }
  return curves;
}

function bandAround({ smoothed, numPoints }: Curve, deviation: Float64Array): NonNullable<Curve["band"]> {
  const shifted = (sign: number) =>
    Float64Array.from({ length: numPoints }, (_, i) => smoothed[i]! + sign * deviation[i]!);
  return { low: shifted(-1), high: shifted(1) };
}

function modelOf(app: Dashboard, chart: ChartEntry): ChartModel {
  const { view } = app;
  const curves = curvesOf(app, chart);
  const hasRollouts = app.data!.runs.some(({ rolloutSteps }) =>
    rolloutSteps.some(({ stage }) => stage === chart.stage),
  );
  return {
    title: chart.name,
    curves,
    marks: curves.flatMap((curve) => marksOf(app, chart, curve)),
    xAxis: view.xAxis,
    logX: view.logX,
    logY: view.charts[chart.id]?.logY ?? view.logY,
    clip: view.clip,
    window: view.windows[chart.stage] ?? null,
    height: chartHeight,
    onWindow(window) {
      const { [chart.stage]: _, ...others } = app.view.windows;
      app.update({ windows: window === null ? others : { ...others, [chart.stage]: window } });
    },
    onPick: hasRollouts
      ? (curve, index) => app.openRollouts(curve.source?.run ?? app.mainRun!.id, chart.stage, curve.steps[index]!)
      : null,
  };
}

/** Where the run of a curve went on with other versions of its rewards. */
function marksOf(app: Dashboard, { stage }: ChartEntry, { source, steps, xs, numPoints }: Curve): ChartModel["marks"] {
  const changes = source === null ? [] : (app.run(source.run)?.rewardChanges ?? []);
  return changes.flatMap((change) => {
    if (change.stage !== stage) return [];
    // The first point that the new version made.
    const first = lowerBound(steps, numPoints, change.step + 1);
    return first < numPoints ? [{ x: xs[first]!, text: t("chart.rewardsChanged", { step: change.step }) }] : [];
  });
}

function chartCard(app: Dashboard, chart: ChartEntry): TemplateResult {
  const { view } = app;
  const model = modelOf(app, chart);
  const choice = view.charts[chart.id] ?? {};
  const { method, weight } = smoothingOf(app, chart);
  const isPinned = view.pins.includes(chart.id);
  const setChoice = (change: typeof choice) =>
    app.update({ charts: { ...view.charts, [chart.id]: { ...choice, ...change } } });
  const hasOwn = Object.keys(choice).length > 0;
  const help = metricHelp(chart.stage, chart.name);
  return html`<article class="chart-card" aria-label=${chart.name} aria-description=${help ?? nothing}>
    <div class="chart-head">
      <h3 title=${help === null ? chart.id : `${chart.id}: ${help}`}>${chart.name}</h3>
      ${model.curves.length < 2 ? legend(app, model.curves) : nothing}
      <span class="spacer"></span>
      <details class="menu">
        <summary class="icon-button ${hasOwn ? "has-own" : ""}" title=${t("chart.own", { name: chart.name })} aria-label=${t("chart.own", { name: chart.name })}>${icon("settings")}</summary>
        <div class="menu-items chart-options">
          ${select(
            t("toolbar.smoothing"),
            method,
            (["ema", "mean", "gaussian", "none"] as const).map((value) => ({ value, text: t(`smoothing.${value}`) })),
            (smoothingMethod) => setChoice({ smoothingMethod }),
          )}
          ${slider({ label: t("toolbar.weight"), min: 0, max: 97, step: 1, value: sliderOfWeight(weight), text: smoothingText(method, weight), set: (position) => setChoice({ smoothing: weightOfSlider(position) }) })}
          ${toggle({ text: t("toolbar.logY"), title: t("toolbar.logYHelp"), on: model.logY, run: () => setChoice({ logY: !model.logY }) })}
          ${button({
            text: t("chart.noOwn"),
            disabled: !hasOwn,
            run: () => {
              const { [chart.id]: _, ...others } = view.charts;
              app.update({ charts: others });
            },
          })}
        </div>
      </details>
      ${toggle({ icon: isPinned ? "pinned" : "pin", title: t("chart.pin", { name: chart.name }), on: isPinned, run: () => app.update({ pins: isPinned ? view.pins.filter((id) => id !== chart.id) : [...view.pins, chart.id] }) })}
      ${menu(t("chart.export", { name: chart.name }), "ellipsis", chartExports(app, chart))}
    </div>
    ${model.curves.length < 2 ? nothing : legend(app, model.curves)}
    ${
      model.curves.length === 0
        ? html`<p class="empty small">${t("curves.loading")}</p>`
        : view.table
          ? tableView(model)
          : chartView(model)
    }
  </article>`;
}

function chartView(model: ChartModel): TemplateResult {
  let note: HTMLElement | null = null;
  const show = (range: ValueRange | null) => {
    if (note === null) return;
    const parts: string[] = [];
    if (range !== null && range.numClipped > 0) parts.push(t("chart.clipped", { count: range.numClipped }));
    if (range !== null && range.numNotPositive > 0) parts.push(t("chart.notPositive", { count: range.numNotPositive }));
    note.textContent = parts.join(" · ");
  };
  return html`<iad-chart
      ${ref((element) => {
        if (element !== undefined) (element as ChartElement).model = { ...model, onRange: show };
      })}
    ></iad-chart>
    <div class="chart-note" ${ref((element) => {
      note = (element as HTMLElement | undefined) ?? null;
    })}></div>`;
}

function legend(app: Dashboard, curves: readonly Curve[]): Template {
  if (curves.length === 0) return nothing;
  const { baseline } = app.data!;
  const theme = readChartTheme();
  const base = curves.find(({ source }) => source !== null && source.run === baseline);
  const last = (curve: Curve) => curve.smoothed[curve.numPoints - 1]!;
  return html`<span class="legend">${curves.map((curve) => {
    const difference = base === undefined || base === curve ? null : last(curve) - last(base);
    return html`<span class="legend-item" title=${curve.label}>
      ${curves.length < 2 ? nothing : html`<span class="swatch" .style=${`background:${colorOf(theme, curve.slot)}`}></span>`}
      ${formatNumber(last(curve), 3)}${difference === null ? nothing : html`<span class="muted"> (${difference >= 0 ? "+" : "−"}${formatNumber(Math.abs(difference), 2)})</span>`}
    </span>`;
  })}</span>`;
}

function tableView({ curves, xAxis, title }: ChartModel): TemplateResult {
  const { rows, numPoints } = tableRows(curves, xAxis, maxTableRows);
  return html`<div class="table-scroll chart-table" tabindex="0" role="region" aria-label=${title}><table class="data-table">
    <caption class=${rows.length < numPoints ? "" : "visually-hidden"}>${rows.length < numPoints ? t("chart.someRows", { shown: rows.length, all: numPoints }) : title}</caption>
    <thead><tr><th scope="col">${t(`axis.${xAxis}`)}</th>${curves.map((curve) => html`<th scope="col">${curves.length > 1 ? `${curve.label} · ` : ""}${t("chart.raw")}</th>${curve.smoothed === curve.raw ? nothing : html`<th scope="col">${t("chart.smoothed")}</th>`}`)}</tr></thead>
    <tbody>${rows.map(({ x, values }) => html`<tr><th scope="row">${x}</th>${values.map(({ raw, smoothed }, i) => html`<td>${formatNumber(raw)}</td>${curves[i]!.smoothed === curves[i]!.raw ? nothing : html`<td>${formatNumber(smoothed)}</td>`}`)}</tr>`)}</tbody>
  </table></div>`;
}

// ---------------------------------------------------------------------------------------------------------------------
// Files

function chartExports(app: Dashboard, chart: ChartEntry): { text: string; run(): void }[] {
  const name = fileName(chart.id);
  const svg = () => chartSvg(modelOf(app, chart), readChartTheme());
  const exported = (): ExportedChart[] => [{ name: chart.id, curves: curvesOf(app, chart) }];
  return [
    { text: t("export.png"), run: () => void svgToPng(svg()).then((png) => app.save(`${name}.png`, "image/png", png)) },
    { text: t("export.svg"), run: () => void app.save(`${name}.svg`, "image/svg+xml", svg()) },
    { text: t("export.csv"), run: () => void app.save(`${name}.csv`, "text/csv", chartsCsv(exported())) },
    { text: t("export.json"), run: () => void app.save(`${name}.json`, "application/json", chartsJson(exported())) },
    { text: t("export.copy"), run: () => app.connection.tell("text/copy", { text: chartsCsv(exported()) }) },
  ];
}

export function allExports(app: Dashboard, charts: readonly ChartEntry[]): { text: string; run(): void }[] {
  const exported = () => charts.map((chart) => ({ name: chart.id, curves: curvesOf(app, chart) }));
  const name = fileName(app.mainRun?.id ?? "curves");
  return [
    { text: t("export.allCsv"), run: () => void app.save(`${name}.csv`, "text/csv", chartsCsv(exported())) },
    { text: t("export.allJson"), run: () => void app.save(`${name}.json`, "application/json", chartsJson(exported())) },
  ];
}

function fileName(id: string): string {
  return id.replace(/[^\w.-]+/g, "-");
}
