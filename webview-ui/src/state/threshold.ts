/**
 * What a threshold on the anomaly score is worth on pictures whose truth is known: the same sums as an evaluation makes. Pure functions.
 * An answer that cannot be read is never right.
 */
import type { InspectorItem } from "@iad-r1/protocol/webview";

/** One picture: its truth, what was written and how sure that is. Without `outcome` it was looked at. */
export type Judged = Pick<InspectorItem, "label" | "answer" | "anomalyScore"> & Partial<Pick<InspectorItem, "outcome">>;

export interface ThresholdWorth {
  /** 0 to 1: mean of the shares of normal and of anomalous pictures that are judged rightly; null without both. */
  balanced: number | null;
  numNormal: number;
  numAnomalous: number;
  falseAlarms: number;
  missed: number;
  unparsed: number;
}

/** @param threshold scores from here on are flagged; null: the written answer counts */
export function worthOf(items: readonly Judged[], threshold: number | null): ThresholdWorth {
  const worth = { numNormal: 0, numAnomalous: 0, falseAlarms: 0, missed: 0, unparsed: 0 };
  for (const item of items) {
    if (!isJudged(item)) continue;
    const answer = answerOf(item, threshold);
    if (item.label === "normal") worth.numNormal++;
    else worth.numAnomalous++;
    if (answer === null) worth.unparsed++;
    if (item.label === "normal" && answer === "yes") worth.falseAlarms++;
    if (item.label === "anomalous" && answer === "no") worth.missed++;
  }
  return { balanced: balancedOf(items, threshold), ...worth };
}

/** The threshold with the best balanced accuracy, of equal ones that nearest to 0.5; null when nothing can be compared. */
export function bestThreshold(items: readonly Judged[]): number | null {
  const scored = items.filter(isJudged).filter(({ anomalyScore }) => anomalyScore !== null);
  const numNormal = scored.filter(({ label }) => label === "normal").length;
  const numAnomalous = scored.length - numNormal;
  if (numNormal === 0 || numAnomalous === 0) return null;
  const sorted = [...scored].sort((a, b) => a.anomalyScore! - b.anomalyScore!);
  let best = { threshold: 0, worth: -1 };
  // Below the cut stands what is called sound.
  let [normalBelow, anomalousBelow] = [0, 0];
  for (let cut = 0; cut <= sorted.length; cut++) {
    const before = sorted[cut - 1]?.anomalyScore ?? null;
    const after = sorted[cut]?.anomalyScore ?? null;
    if (before === null || after === null || before !== after) {
      const threshold = before === null ? after! : after === null ? Math.min(1, before + 1e-6) : (before + after) / 2;
      const worth = normalBelow / numNormal + (numAnomalous - anomalousBelow) / numAnomalous;
      const isNearer = Math.abs(threshold - 0.5) < Math.abs(best.threshold - 0.5);
      if (worth > best.worth + 1e-12 || (worth > best.worth - 1e-12 && isNearer)) best = { threshold, worth };
    }
    if (sorted[cut]?.label === "normal") normalBelow++;
    else anomalousBelow++;
  }
  return best.threshold;
}

/** Looked at, with a known truth. */
function isJudged({ label, outcome }: Judged): boolean {
  return label !== null && outcome !== "pending" && outcome !== "running" && outcome !== "failed";
}

/** What counts as the answer. */
export function answerOf({ answer, anomalyScore }: Judged, threshold: number | null): "yes" | "no" | null {
  if (threshold === null || anomalyScore === null) return answer;
  return anomalyScore >= threshold ? "yes" : "no";
}

function balancedOf(items: readonly Judged[], threshold: number | null): number | null {
  const share = (label: "normal" | "anomalous", right: "yes" | "no") => {
    const all = items.filter((item) => isJudged(item) && item.label === label);
    return all.length === 0 ? null : all.filter((item) => answerOf(item, threshold) === right).length / all.length;
  };
  const normal = share("normal", "no");
  const anomalous = share("anomalous", "yes");
  return normal === null || anomalous === null ? null : (normal + anomalous) / 2;
}
