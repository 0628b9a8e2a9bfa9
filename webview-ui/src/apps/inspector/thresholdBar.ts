/** The threshold on the anomaly score: whether it decides, where it lies, and what it is worth on the pictures whose truth is known. */
import { html, nothing } from "lit";
import { button, checkbox, slider, type Template } from "../../components/basics";
import { formatNumber, t } from "../../host/l10n";
import { bestThreshold, type ThresholdWorth, worthOf } from "../../state/threshold";
import type { Inspector } from "./inspector";

/** Before a person chose one. */
const usual = 0.5;

export function thresholdBar(app: Inspector): Template {
  const { items, looks } = app.data!;
  const { threshold } = app;
  const hasScore = items.some(({ anomalyScore }) => anomalyScore !== null) || looks[0]?.anomalyScore != null;
  if (!hasScore && threshold === null) return nothing;
  const best = bestThreshold(items);
  return html`<section class="threshold" aria-label=${t("threshold.label")}>
    <div class="threshold-controls">
      ${checkbox(t("threshold.use"), threshold !== null, (on) => app.setThreshold(on ? (best ?? usual) : null))}
      ${
        threshold === null
          ? nothing
          : slider({
              ...{
                label: t("threshold.label"),
                min: 0,
                max: 1,
                step: 0.01,
                value: threshold,
                text: threshold.toFixed(2),
              },
              set: (value) => app.moveThreshold(value),
              done: (value) => app.setThreshold(value),
            })
      }
      ${
        best === null
          ? nothing
          : button({
              ...{ text: t("threshold.best"), title: t("threshold.bestHelp", { at: best.toFixed(2) }) },
              run: () => app.setThreshold(best),
            })
      }
    </div>
    ${items.length < 2 ? nothing : worthLine(worthOf(items, threshold), threshold === null ? null : worthOf(items, null))}
  </section>`;
}

function worthLine(worth: ThresholdWorth, written: ThresholdWorth | null): Template {
  const { balanced, numNormal, numAnomalous, falseAlarms, missed, unparsed } = worth;
  if (numNormal + numAnomalous === 0) return nothing;
  const parts = [
    balanced === null
      ? t("threshold.oneClass", { count: numNormal + numAnomalous })
      : t("threshold.worth", { percent: formatNumber(100 * balanced, 3), count: numNormal + numAnomalous }),
    t("threshold.errors", { falseAlarms, missed }),
    ...(unparsed > 0 ? [t("threshold.unparsed", { count: unparsed })] : []),
    ...(written?.balanced == null
      ? []
      : [t("threshold.written", { percent: formatNumber(100 * written.balanced, 3) })]),
  ];
  return html`<p class="muted threshold-worth" role="status">${parts.join(" · ")}</p>`;
}
