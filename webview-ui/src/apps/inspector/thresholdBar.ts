/** The threshold of the inspector: shown as soon as there is a score to hold it against. */
import { nothing } from "lit";
import type { Template } from "../../components/basics";
import { thresholdControls } from "../../components/thresholdControls";
import type { Inspector } from "./inspector";

export function thresholdBar(app: Inspector): Template {
  const { items, looks } = app.data!;
  const { threshold } = app;
  const hasScore = items.some(({ anomalyScore }) => anomalyScore !== null) || looks[0]?.anomalyScore != null;
  if (!hasScore && threshold === null) return nothing;
  return thresholdControls({
    ...{ items, threshold },
    move: (value) => app.moveThreshold(value),
    set: (value) => app.setThreshold(value),
  });
}
