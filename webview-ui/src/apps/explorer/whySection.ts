/** "Why 0.5?": the path of one completion through a person's own reward, place by place. */
import { html, nothing, type TemplateResult } from "lit";
import { button, icon, select } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import type { Explorer } from "./explorer";
import { sectionTitle } from "./sectionTitle";

/** Longer paths are cut; the end is what decides. */
const maxSteps = 400;

export function whySection(app: Explorer): TemplateResult {
  const reward = app.currentReward;
  const { trace } = app;
  const outcome = trace.state.phase === "ready" ? trace.state.value.outcome : null;
  const score = outcome?.score === null || outcome === null ? null : formatNumber(outcome.score, 3);
  const title = score === null ? t("why.title") : t("why.titleScore", { score });
  if (!app.view.sections.includes("why")) return sectionTitle(app, "why", title);
  return html`${sectionTitle(app, "why", title)} ${body(app, reward !== null)}`;
}

function body(app: Explorer, hasReward: boolean): TemplateResult {
  const { functions, canRun } = app.data!;
  if (!hasReward) return html`<p class="muted">${t("why.noReward")}</p>`;
  const chooser = select(
    t("why.reward"),
    String(functions.indexOf(app.currentReward!)),
    functions.map(({ name }, i) => ({ value: String(i), text: name })),
    (value) => app.chooseReward(functions[Number(value)] ?? null),
  );
  if (!canRun) {
    return html`<p>${chooser}</p><p class="muted">${t("why.off")}</p>
      ${button({ text: t("why.start"), icon: "play", run: () => app.connection.tell("live/start", {}) })}`;
  }
  return html`<p>${chooser}</p>${steps(app)}`;
}

function steps(app: Explorer): TemplateResult {
  const { state } = app.trace;
  if (state.phase === "failed")
    return html`<div class="notice notice-error" role="alert">${icon("error")}<div>${state.message}</div></div>`;
  if (state.phase !== "ready") return html`<p class="muted" role="status">${t("loading")}</p>`;
  const { outcome, steps: all } = state.value;
  const shown = all.slice(-maxSteps);
  const uri = app.currentReward!.uri;
  return html`<p role="status">${
    outcome.status === "ok"
      ? t("why.score", { score: outcome.score === null ? "–" : formatNumber(outcome.score) })
      : outcome.status === "na"
        ? t("why.na", { reason: outcome.reason ?? "" })
        : t("why.error", { reason: outcome.reason ?? "" })
  }${app.edited === null ? "" : ` ${t("why.edited")}`}</p>
    ${all.length > shown.length ? html`<p class="muted">${t("why.cut", { count: all.length - shown.length })}</p>` : nothing}
    <ol class="trace" aria-label=${t("why.title")}>
      ${shown.map(
        ({ line, kind, source, value }) => html`<li class=${`trace-step trace-${kind}`}>
          <button class="trace-line" title=${t("why.openLine", { line: line + 1 })} aria-label=${t("why.openLine", { line: line + 1 })} @click=${() => app.connection.tell("source/open", { uri, line })}>${line + 1}</button>
          <code class="trace-source" title=${source}>${source}</code>
          <code class="trace-value" title=${value}>${value}</code>
        </li>`,
      )}
    </ol>`;
}
