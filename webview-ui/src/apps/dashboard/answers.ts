/**
 * The answers behind an evaluation: what a threshold on their score is worth, and the pictures that are judged wrongly, or that became right or
 * wrong since another evaluation, each a click away.
 */
import type { DashboardRun, EvaluatedAnswer } from "@iad-r1/protocol/webview";
import { html, nothing } from "lit";
import { button, icon, select, type Template } from "../../components/basics";
import { thresholdControls } from "../../components/thresholdControls";
import { formatNumber, t } from "../../host/l10n";
import { type EvaluationPlace, flipsBetween, type Mistake, mistakeOf } from "../../state/evaluationAnswers";
import type { Dashboard } from "./dashboard";
import { evaluatedName } from "./runWords";
import { runLabel } from "./toolbar";

type Evaluation = DashboardRun["evaluations"][number];

const maxListed = 200;

/** Opens the answers behind a row of the table of evaluations. */
export function answersButton({ answers }: Dashboard, run: DashboardRun, { stage, step, label }: Evaluation): Template {
  const place = { run: run.id, stage, step };
  return button({
    icon: answers.isShown(place) ? "chevron-up" : "list-flat",
    title: t("answers.show", { model: evaluatedName(label) }),
    run: () => answers.toggle(place),
  });
}

/** The answers that were opened, below the table. */
export function answersSection(app: Dashboard): Template {
  const { place, answers, threshold } = app.answers;
  if (place === null) return nothing;
  const { state } = answers;
  const shown = app.run(place.run)?.evaluations.find(({ stage, step }) => stage === place.stage && step === place.step);
  const title = html`<h2>${t("answers.title", { model: evaluatedName(shown?.label ?? place.stage) })}</h2>`;
  if (state.phase === "failed")
    return html`${title}<div class="notice notice-error" role="alert">${icon("error")}<div>${state.message}</div></div>`;
  if (state.phase !== "ready") return html`${title}<p class="muted" role="status">${t("loading")}</p>`;
  const items = state.value;
  const set = (value: number | null) => app.answers.setThreshold(value);
  const hasScore = items.some(({ anomalyScore }) => anomalyScore !== null);
  const total = shown?.report.numSamples ?? items.length;
  return html`${title}
    ${items.length < total ? html`<p class="muted">${t("answers.some", { shown: items.length, count: total })}</p>` : nothing}
    ${hasScore ? thresholdControls({ items, threshold, move: set, set }) : nothing}
    ${compareChoice(app)}
    ${app.answers.other === null ? wrongTable(app, items, threshold) : flipsTable(app, items, app.answers.other)}`;
}

/** Evaluations of all shown runs but the one that is looked into. */
function compareChoice(app: Dashboard): Template {
  const { runs } = app.data!;
  const others = runs.flatMap((run) =>
    run.evaluations.map(({ stage, step, label }) => ({
      place: { run: run.id, stage, step },
      text: runs.length > 1 ? `${runLabel(run, runs)} · ${evaluatedName(label)}` : evaluatedName(label),
    })),
  );
  const choices = others.filter(({ place }) => !app.answers.isShown(place));
  if (choices.length === 0) return nothing;
  const nameOf = ({ run, stage, step }: EvaluationPlace) => JSON.stringify([run, stage, step]);
  return html`<div class="toolbar">${select(
    t("answers.compare"),
    app.answers.other === null ? "" : nameOf(app.answers.other),
    [
      { value: "", text: t("answers.compareNone") },
      ...choices.map(({ place, text }) => ({ value: nameOf(place), text })),
    ],
    (name) => app.answers.compareWith(choices.find(({ place }) => nameOf(place) === name)?.place ?? null),
  )}</div>`;
}

function flipsTable(app: Dashboard, items: readonly EvaluatedAnswer[], other: EvaluationPlace): Template {
  const { state } = app.answers.otherAnswers;
  if (state.phase === "failed")
    return html`<div class="notice notice-error" role="alert">${icon("error")}<div>${state.message}</div></div>`;
  if (state.phase !== "ready") return html`<p class="muted" role="status">${t("loading")}</p>`;
  const { flips, numShared } = flipsBetween(state.value, items, app.answers.threshold);
  if (numShared === 0) return html`<p class="muted">${t("answers.noneShared")}</p>`;
  const labelOf = ({ run, stage, step }: EvaluationPlace) =>
    app.run(run)?.evaluations.find((each) => each.stage === stage && each.step === step)?.label ?? stage;
  const worse = flips.filter(({ after }) => after !== null).length;
  const caption = t("answers.flips", { better: flips.length - worse, worse, count: numShared });
  if (flips.length === 0) return html`<p class="muted">${caption}</p>`;
  const said = (mistake: Mistake | null) => t(mistake === null ? "answers.right" : `answers.${mistake}`);
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${caption}><table class="data-table flips-table">
    <caption>${caption}</caption>
    <thead><tr><th scope="col">${t("answers.picture")}</th><th scope="col">${t("answers.category")}</th><th scope="col">${labelOf(other)}</th><th scope="col">${labelOf(app.answers.place!)}</th></tr></thead>
    <tbody>${flips.slice(0, maxListed).map(
      ({ answer: { id, image, category }, before, after }) => html`<tr>
        <th scope="row"><button class="link" title=${image} @click=${() => app.connection.tell("image/open", { image })}>${id}</button></th>
        <td>${category}</td><td>${said(before)}</td><td>${said(after)}</td>
      </tr>`,
    )}</tbody>
  </table></div>${flips.length > maxListed ? html`<p class="muted">${t("answers.more", { count: flips.length - maxListed })}</p>` : nothing}`;
}

function wrongTable(app: Dashboard, answers: readonly EvaluatedAnswer[], threshold: number | null): Template {
  const wrong = answers.flatMap((answer) => {
    const mistake = mistakeOf(answer, threshold);
    return mistake === null ? [] : [{ answer, mistake }];
  });
  if (wrong.length === 0) return html`<p class="muted">${t("answers.allRight")}</p>`;
  const caption = t("answers.wrong", { count: wrong.length });
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${caption}><table class="data-table answers-table">
    <caption>${caption}</caption>
    <thead><tr><th scope="col">${t("answers.picture")}</th><th scope="col">${t("answers.category")}</th><th scope="col">${t("answers.kind")}</th><th scope="col">${t("answers.score")}</th></tr></thead>
    <tbody>${wrong.slice(0, maxListed).map(
      ({ answer: { id, image, category, anomalyScore }, mistake }) => html`<tr>
        <th scope="row"><button class="link" title=${image} @click=${() => app.connection.tell("image/open", { image })}>${id}</button></th>
        <td>${category}</td><td>${t(`answers.${mistake}`)}</td><td>${anomalyScore === null ? "–" : formatNumber(anomalyScore, 3)}</td>
      </tr>`,
    )}</tbody>
  </table></div>${wrong.length > maxListed ? html`<p class="muted">${t("answers.more", { count: wrong.length - maxListed })}</p>` : nothing}`;
}
