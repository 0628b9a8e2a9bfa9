/** What one model says: its choice, the streamed reasoning, the verdict with score and times, and what can be done. */
import type { InspectorState, Look } from "@iad-r1/protocol/webview";
import { parseTags } from "@iad-r1/server/rewards/tags";
import { html, nothing, type TemplateResult } from "lit";
import { button, icon, select, type Template, toggle } from "../../components/basics";
import { taggedText } from "../../components/taggedText";
import { tokenArea, tokenDetail, TokenText } from "../../components/tokenText";
import { formatNumber, formatShortTime, t } from "../../host/l10n";
import { answerOf } from "../../state/threshold";
import type { StringKey } from "../../strings/en";
import type { Inspector } from "./inspector";

export function isBusy({ phase }: Look): boolean {
  return phase === "loading" || phase === "reading" || phase === "writing";
}

export function lookPanel(app: Inspector, slot: number): TemplateResult {
  const data = app.data!;
  const look = data.looks[slot]!;
  const busy = isBusy(look);
  const { canRun } = data.settings;
  const model = data.models.find(({ id }) => id === look.model);
  const label = model?.label ?? t("look.noModel");
  const other = otherText(app, slot);
  return html`<section class="look" aria-label=${t("look.label", { model: label })}>
    <div class="look-head">
      ${data.looks.length > 1 ? html`<span class="slot slot-${slot}" aria-hidden="true"></span>` : nothing}
      ${
        data.models.length === 0
          ? button({
              icon: "symbol-misc",
              text: t("look.chooseModel"),
              primary: canRun,
              disabled: !canRun,
              run: () => app.connection.tell("model/pick", { slot }),
            })
          : select(
              t("look.model"),
              look.model ?? "",
              [
                ...(look.model === null ? [{ value: "", text: t("look.noModel") }] : []),
                ...data.models.map(({ id, label: text }) => ({ value: id, text })),
              ],
              (id) => app.connection.tell("model/choose", { slot, model: id }),
              { hideLabel: true },
            )
      }
      <span class="spacer"></span>
      ${
        busy
          ? button({
              icon: "debug-stop",
              text: t("look.stop"),
              key: "Escape",
              run: () => app.connection.tell("look/stop", { slot }),
            })
          : button({
              icon: look.phase === "idle" ? "play" : "refresh",
              text: look.phase === "idle" ? t("look.start") : t("look.retry"),
              primary: look.phase === "idle",
              key: slot === 0 ? "s" : undefined,
              disabled: !canRun || look.model === null || data.image === null,
              run: () => app.start(slot),
            })
      }
      ${
        slot === 0
          ? data.looks.length === 1
            ? button({
                icon: "split-horizontal",
                title: t("look.compare"),
                key: "x",
                disabled: !canRun,
                run: () => app.connection.tell("model/pick", { slot: 1 }),
              })
            : nothing
          : html`${toggle({
              ...{ icon: "diff", title: t("look.differences"), key: "d", on: app.view.differences },
              run: () => app.update({ differences: !app.view.differences }),
            })}${button({ icon: "close", title: t("look.endCompare"), run: () => app.connection.tell("compare/end", {}) })}`
      }
    </div>
    ${canRun ? nothing : html`<div class="notice notice-info">${icon("shield")}<div>${t("look.untrusted")}</div></div>`}
    ${look.phase === "idle" || look.phase === "failed" ? nothing : html`<div class="verdict-place">${verdict(app, look)}</div>`}
    ${status(look)}
    ${
      look.error === null
        ? nothing
        : html`<div class="notice notice-error" role="alert">${icon("error")}<div><strong>${look.error.message}</strong>${look.error.hint === undefined ? nothing : html`<div>${look.error.hint}</div>`}</div>
      ${button({ text: t("run.openLog"), run: () => app.connection.tell("log/open", {}) })}</div>`
    }
    ${look.text === "" ? nothing : html`${comparisonNote(slot, other)}<div class="reasoning" aria-live="off">${reasoning(app, slot, other)}</div>`}
    ${look.phase === "finished" || look.phase === "stopped" ? footer(app, slot, look) : nothing}
  </section>`;
}

/** The text with its tags as chips; with probabilities each token can be looked at. */
function reasoning(app: Inspector, slot: number, other: string | null): TemplateResult {
  const look = app.data!.looks[slot]!;
  const writing = look.phase === "writing";
  if (!showsTokens(app, look)) return taggedText(look.text, writing, other);
  const reader = app.tokenReader(slot);
  const tokens = new TokenText(look.text, look.choices, reader);
  const content = taggedText(look.text, writing, null, (start, end) => tokens.part(start, end));
  return html`${tokenArea(reader, content)}${tokenDetail(look.choices, reader)}`;
}

function showsTokens({ view }: Inspector, look: Look): boolean {
  return view.probabilities && look.choices.length > 0;
}

/** What the other model wrote, when both are done and the differences are to be marked. */
function otherText({ data, view }: Inspector, slot: number): string | null {
  const looks = data!.looks;
  const isDone = ({ phase, text }: Look) => (phase === "finished" || phase === "stopped") && text !== "";
  return view.differences && looks.length === 2 && looks.every(isDone) ? looks[1 - slot]!.text : null;
}

function comparisonNote(slot: number, other: string | null): Template {
  return slot === 0 || other === null
    ? nothing
    : html`<p class="muted difference-note">${t("look.differencesNote")}</p>`;
}

/** The answer with its mark against the truth; a third outcome when it cannot be read. */
function verdict(app: Inspector, look: Look): Template {
  const data: InspectorState = app.data!;
  if (look.phase === "loading") return nothing;
  const { answer, location, type } = parseTags(look.text);
  const isOver = look.phase === "finished" || look.phase === "stopped";
  if (answer === null && !isOver) return nothing;
  const truth = data.image?.truth ?? null;
  // As the strip counts it: with a threshold the score decides, also of what cannot be read.
  const said = answerOf({ label: null, answer, anomalyScore: look.anomalyScore }, app.threshold);
  const kind = said === null ? "unparsed" : said === "yes" ? "defect" : "good";
  const mark =
    truth === null || said === null
      ? null
      : (truth.label === "anomalous") === (said === "yes")
        ? "correct"
        : said === "yes"
          ? "false-alarm"
          : "missed";
  return html`<div class="verdict verdict-${kind}">
    <span class="verdict-word">${icon(said === null ? "question" : said === "yes" ? "warning" : "pass")}${t(`verdict.${kind}`)}</span>
    ${answer === "yes" ? html`<span>${[type, location].filter((part) => part !== null && part !== "").join(" · ")}</span>` : nothing}
    ${answer === null && said !== null ? html`<span class="muted">${t("verdict.unparsed")}</span>` : nothing}
    ${mark === null ? nothing : html`<span class="badge mark-${mark}">${t(`outcome.${mark}` as StringKey)}</span>`}
    ${score(app, look)}
  </div>`;
}

function score({ threshold }: Inspector, look: Look): Template {
  if (look.anomalyScore === null) return nothing;
  const flagged = threshold !== null && look.anomalyScore >= threshold;
  const percent = Math.round(look.anomalyScore * 100);
  return html`<span class="score" title=${t("score.help")}>
    <span class="meter" role="meter" aria-label=${t("score.label")} aria-valuemin="0" aria-valuemax="1" aria-valuenow=${look.anomalyScore.toFixed(3)}>
      <span class="meter-fill" .style=${`width:${percent}%`}></span>
      ${threshold === null ? nothing : html`<span class="meter-mark" .style=${`left:${threshold * 100}%`}></span>`}
    </span>
    ${t("score.value", { score: look.anomalyScore.toFixed(3) })}
    ${flagged ? html`<span class="badge mark-missed">${t("score.flagged")}</span>` : nothing}
  </span>`;
}

function status(look: Look): TemplateResult {
  const text =
    look.phase === "loading" || look.phase === "reading"
      ? t(`phase.${look.phase}`)
      : look.phase === "stopped"
        ? t("phase.stopped")
        : look.phase === "idle"
          ? t("phase.idle")
          : "";
  const rate =
    look.tokensPerSecond === null || look.numTokens === 0
      ? ""
      : t("look.rate", { tokens: look.numTokens, rate: formatNumber(look.tokensPerSecond, 3) });
  // Why it failed stands below; there is nothing to say here.
  const isEmpty = look.phase === "failed" && rate === "";
  return html`<div class="look-status muted ${isEmpty ? "look-status-empty" : ""}" role="status">
    ${isBusy(look) ? html`<span class="codicon codicon-loading spin" aria-hidden="true"></span>` : nothing}${text}${text !== "" && rate !== "" ? " · " : ""}<span aria-live="off">${rate}</span>
  </div>`;
}

function footer(app: Inspector, slot: number, look: Look): TemplateResult {
  const { result } = look;
  return html`<div class="look-foot">
    ${button({ icon: "edit", text: t("correct.open"), key: slot === 0 ? "c" : undefined, run: () => app.correction.open(app.data!.image!.id, look.text, app.data!.image!.truth) })}
    ${toggle({
      ...{ icon: "graph", title: t("token.toggle"), on: app.view.probabilities, disabled: look.choices.length === 0 },
      ...(slot === 0 ? { key: "p" } : {}),
      run: () => app.update({ probabilities: !app.view.probabilities }),
    })}
    ${button({ icon: "copy", title: t("look.copy"), run: () => app.connection.tell("text/copy", { text: look.text }) })}
    <span class="spacer"></span>
    ${
      result === null
        ? nothing
        : html`<span class="muted timings" title=${t("look.timesHelp", {
            image: result.tokens.image,
            prompt: result.tokens.prompt,
            vision: formatShortTime(result.timings.vision),
            prefill: formatShortTime(result.timings.prefill),
            decode: formatShortTime(result.timings.decode),
          })}>${t("look.times", { first: formatShortTime(result.timings.firstToken), total: formatShortTime(result.timings.total) })}</span>`
    }
  </div>`;
}
