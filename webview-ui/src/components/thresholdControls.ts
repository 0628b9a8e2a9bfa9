/** A threshold on the anomaly score: whether it decides, where it lies, and what it is worth on pictures whose truth is known. */
import { html, nothing } from "lit";
import { formatNumber, t } from "../host/l10n";
import { bestThreshold, type Judged, type ThresholdWorth, worthOf } from "../state/threshold";
import { button, checkbox, slider, type Template } from "./basics";

/** Before a person chose one. */
const usual = 0.5;

export interface ThresholdChoice {
  items: readonly Judged[];
  /** null: the written answers count. */
  threshold: number | null;
  /** While the slider moves. */
  move(value: number): void;
  /** When it was let go, or another control was used. */
  set(value: number | null): void;
}

export function thresholdControls({ items, threshold, move, set }: ThresholdChoice): Template {
  const best = bestThreshold(items);
  return html`<section class="threshold" aria-label=${t("threshold.label")}>
    <div class="threshold-controls">
      ${checkbox(t("threshold.use"), threshold !== null, (on) => set(on ? (best ?? usual) : null))}
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
              set: move,
              done: set,
            })
      }
      ${
        best === null
          ? nothing
          : button({
              ...{ text: t("threshold.best"), title: t("threshold.bestHelp", { at: best.toFixed(2) }) },
              run: () => set(best),
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
