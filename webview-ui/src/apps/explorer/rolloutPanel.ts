/** The right side: one completion in full, what each reward read of it, its picture, and what can be done with it. */
import { LOCATIONS } from "@iad-r1/protocol/locations";
import type { ExploredGroup, ExploredRollout, RewardSpan } from "@iad-r1/protocol/rollouts";
import { parseCell } from "@iad-r1/server/rewards/location";
import { parseTags } from "@iad-r1/server/rewards/tags";
import { html, nothing, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { button, icon, select, type Template, toggle } from "../../components/basics";
import { taggedText } from "../../components/taggedText";
import { tokenArea, tokenDetail, TokenText } from "../../components/tokenText";
import { formatNumber, t } from "../../host/l10n";
import type { PictureElement } from "../../picture/pictureElement";
import { fitted } from "../../picture/viewport";
import type { StringKey } from "../../strings/en";
import { advantagesSection } from "./advantagesSection";
import type { Explorer } from "./explorer";
import { cell, shortName, valueName } from "./facets";
import { sectionTitle } from "./sectionTitle";
import { whatIfSection } from "./whatIfSection";
import { whySection } from "./whySection";

export function rolloutPanel(app: Explorer): TemplateResult {
  const { state } = app.group;
  const { rollout } = app;
  if (state.phase === "failed") {
    return html`<aside class="rollout" aria-label=${t("rollouts.detail")}><div class="notice notice-error" role="alert">${icon("error")}<div>${state.message}</div></div></aside>`;
  }
  if (state.phase !== "ready" || rollout === null) {
    return html`<aside class="rollout" aria-label=${t("rollouts.detail")}><p class="empty">${icon("list-tree")}${state.phase === "loading" ? t("loading") : t("explorer.choose")}</p></aside>`;
  }
  const group = state.value;
  return html`<aside class="rollout" aria-label=${t("rollouts.detail")} tabindex="0">
    ${head(app, group, rollout)} ${picture(app, group, rollout)} ${completion(app, rollout)}
    ${group.solution === null ? nothing : html`<h3>${t("rollouts.solution")}</h3>${taggedText(group.solution, false)}`}
    ${whySection(app)} ${whatIfSection(app, rollout)} ${advantagesSection(app, group)} ${dataSection(app, group, rollout)}
  </aside>`;
}

function head(app: Explorer, { row, occurrences }: ExploredGroup, rollout: ExploredRollout): TemplateResult {
  const { key, verdict, finish, total, advantage, length } = rollout;
  const isOther = app.other.state.phase === "ready";
  const facts: [string, string][] = [
    [t("rollouts.total"), cell(total)],
    [t("rollouts.advantage"), advantage === null ? "–" : `${advantage > 0 ? "+" : ""}${formatNumber(advantage, 3)}`],
    [t("rollouts.length"), length === null ? "–" : `${length}`],
    ...(finish === null ? [] : [[t("rollouts.finish"), t(`finish.${finish}` as StringKey)] as [string, string]]),
  ];
  return html`<div class="rollout-head">
      <h2>${t("rollouts.which", { group: row.group.split("/").at(-1)!, index: key.index })}</h2>
      <span class="muted">${key.step === null ? nothing : t("explorer.step", { step: key.step })}</span>
      <span class=${`rollout-verdict rollout-verdict-${verdict}`}>${valueName("verdict", verdict)}</span>
      ${app.isPinned ? html`<span class="chip">${icon("pinned")}${t("explorer.pinned")}</span>` : nothing}
    </div>
    <div class="toolbar" role="toolbar" aria-label=${t("explorer.actions")}>
      ${toggle({ icon: "pin", title: t("explorer.pin"), key: "p", on: app.isPinned, run: () => pin(app) })}
      ${button({ icon: "debug-alt", title: t("explorer.debug"), key: "d", run: () => debug(app) })}
      ${button({ icon: "beaker", title: t("explorer.addProbe"), run: () => addProbe(app) })}
      ${toggle({ icon: "diff", title: t("explorer.compare"), key: "x", on: isOther, disabled: occurrences.length === 0, run: () => app.compareNext() })}
      ${toggle({ icon: "graph", title: t("token.toggle"), key: "u", on: areTokensShown(app, rollout), disabled: rollout.tokens === null, run: () => app.toggleProbabilities() })}
      ${button({ icon: "copy", title: t("explorer.copy"), run: () => app.connection.tell("text/copy", { text: rollout.completion }) })}
      ${
        occurrences.length === 0
          ? nothing
          : select(
              t("explorer.sameSample"),
              "",
              [
                { value: "", text: t("explorer.sameSample") },
                ...occurrences.map(({ step, mean }, i) => ({
                  value: String(i),
                  text: `${t("explorer.step", { step: step ?? "–" })} · ${t("explorer.meanIs", { mean: cell(mean) })}`,
                })),
              ],
              (value) => {
                const chosen = occurrences[Number(value)];
                if (value !== "" && chosen !== undefined) app.compareWith(chosen);
              },
              { hideLabel: true },
            )
      }
    </div>
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export function pin(app: Explorer): void {
  const { rollout } = app;
  if (rollout !== null) app.connection.tell("rollout/pin", app.isPinned ? null : rollout.key);
}

export function debug(app: Explorer): void {
  const { rollout, currentReward } = app;
  if (rollout !== null) app.connection.tell("rollout/debug", { rollout: rollout.key, function: currentReward });
}

export function addProbe(app: Explorer): void {
  const { rollout, currentReward, edited } = app;
  if (rollout === null) return;
  const completion = edited ?? rollout.completion;
  app.connection.tell("probe/add", { rollout: rollout.key, completion, function: currentReward });
}

// ---- picture

function picture(app: Explorer, { row, hasMask, solution }: ExploredGroup, { completion }: ExploredRollout): Template {
  if (row.picture === null) return nothing;
  const uri = app.pictures.get(row.picture, "picture", row.step, row.group);
  if (uri === null) {
    return app.pictures.isMissing(row.picture, "picture") ? html`<p class="muted">${t("picture.gone")}</p>` : nothing;
  }
  const mask = hasMask ? app.pictures.get(row.picture, "mask", row.step, row.group) : null;
  const { location } = parseTags(app.edited ?? completion);
  const predicted = location === null ? null : parseCell(location);
  const truth = solution === null ? null : parseTags(solution);
  const place = LOCATIONS.find((each) => each === truth?.location?.toLowerCase());
  return html`<div class="rollout-picture">
    <iad-picture ${ref((element) => {
      if (element === undefined) return;
      (element as PictureElement).model = {
        ...{ name: row.sampleId ?? row.group, uri, referenceUri: null, show: "picture", viewport: fitted },
        ...{ onViewport: () => undefined, onPixel: () => undefined, onLayout: () => app.refresh() },
        ...{ grid: true, heat: null, opacity: 0.5, filter: "" },
        predicted: predicted === null ? [] : [{ cell: predicted, slot: 0, text: location! }],
        truth:
          app.view.truth && truth?.answer === "yes"
            ? {
                ...{ label: "anomalous" as const, type: truth.type, mask, boxes: [] },
                locations: place === undefined ? [] : [place],
              }
            : null,
      };
    })}></iad-picture>
    ${hasMask ? toggle({ icon: "checklist", title: t("picture.truth"), on: app.view.truth, run: () => app.update({ truth: !app.view.truth }) }) : nothing}
  </div>`;
}

// ---- text

function completion(app: Explorer, rollout: ExploredRollout): TemplateResult {
  const { answer, location, type } = parseTags(rollout.completion);
  const names = app.data!.overview!.rewards.map(({ name }) => name);
  const { marked } = app.view;
  const spans = rollout.spans.filter(({ reward }) => reward === marked);
  const parsed = [
    ["answer", answer === null ? t("verdict.unparsed") : t(answer === "yes" ? "verdict.defect" : "verdict.good")],
    ["location", location],
    ["type", type],
  ] as const;
  return html`<div class="reward-chips" role="group" aria-label=${t("rollouts.rewards")}>
      ${names.filter((name) => name in rollout.rewards || name in rollout.status).map((name) => chip(app, rollout, name))}
    </div>
    ${spans.length > 0 ? markedText(rollout.completion, spans) : areTokensShown(app, rollout) ? tokens(app, rollout) : taggedText(rollout.completion, false, app.counterpart?.completion ?? null)}
    ${marked !== null && spans.length === 0 ? html`<p class="muted">${t("explorer.noSpans")}</p>` : nothing}
    <h3>${t("explorer.readAs")}</h3>
    <dl class="facts">${parsed.map(([name, value]) => (value === null ? nothing : html`<div><dt>${t(`tag.${name}` as StringKey)}</dt><dd>${value}</dd></div>`))}</dl>`;
}

function areTokensShown(app: Explorer, { tokens }: ExploredRollout): boolean {
  return app.view.probabilities && tokens !== null;
}

function tokens({ tokenReader }: Explorer, { completion, tokens }: ExploredRollout): TemplateResult {
  const text = new TokenText(completion, tokens!, tokenReader);
  const content = taggedText(completion, false, null, (start, end) => text.part(start, end));
  return html`${tokenArea(tokenReader, content)}${tokenDetail(tokens!, tokenReader)}`;
}

function chip(app: Explorer, { rewards, status, notes }: ExploredRollout, name: string): TemplateResult {
  const score = rewards[name] ?? null;
  const state = status[name] ?? (score === null ? "na" : "ok");
  const shown = state === "error" ? t("reward.error") : score === null ? t("reward.na") : formatNumber(score, 3);
  const why = notes[`${name}/reason`] ?? notes[`${name}/error`] ?? "";
  const isOn = app.view.marked === name;
  return html`<button
    class=${`reward-chip reward-${state}`}
    aria-pressed=${isOn ? "true" : "false"}
    title=${`${name} · ${why === "" ? t("explorer.markSpans") : String(why)}`}
    @click=${() => app.mark(isOn ? null : name)}
  >${shortName(name)} <b>${shown}</b></button>`;
}

/** The text as it is, with the parts that a reward read. */
function markedText(text: string, spans: readonly RewardSpan[]): TemplateResult {
  const parts: unknown[] = [];
  let at = 0;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    if (start < at) continue;
    parts.push(text.slice(at, start), html`<mark>${text.slice(start, end)}</mark>`);
    at = end;
  }
  parts.push(text.slice(at));
  return html`<pre class="raw-text">${parts}</pre>`;
}

// ---- data

function dataSection(app: Explorer, group: ExploredGroup, rollout: ExploredRollout): TemplateResult {
  const isOpen = app.view.sections.includes("data");
  const { entropy, meanLogProb, refKl, notes } = rollout;
  const numbers: [string, number | null][] = [
    [t("rollouts.entropy"), entropy],
    [t("rollouts.logProb"), meanLogProb],
    ["KL", refKl],
  ];
  const lines: [string, string][] = [
    ...numbers.flatMap(([name, value]): [string, string][] => (value === null ? [] : [[name, formatNumber(value)]])),
    ...Object.entries(notes).map(([name, value]): [string, string] => [name, String(value)]),
    ...group.columns.map(({ name, value }): [string, string] => [name, value]),
  ];
  return html`${sectionTitle(app, "data", t("explorer.data"))}
    ${
      isOpen
        ? html`<table class="data-table facts-table"><caption class="visually-hidden">${t("explorer.data")}</caption><tbody>
              ${lines.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}
            </tbody></table>
            ${group.prompt === "" ? nothing : html`<h3>${t("explorer.prompt")}</h3><pre class="raw-text">${group.prompt}</pre>`}`
        : nothing
    }`;
}
