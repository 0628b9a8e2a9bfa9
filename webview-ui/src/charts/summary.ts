/** A chart in one sentence, and as a table: for screen readers and for those who want the numbers. */
import type { XAxis } from "@iad-r1/protocol/webview";
import { formatNumber, t } from "../host/l10n";
import { formatX } from "./axes";
import type { Curve } from "./curve";

export function summarize({
  title,
  curves,
  xAxis,
  marks = [],
  canPick,
}: {
  title: string;
  curves: readonly Curve[];
  xAxis: XAxis;
  marks?: readonly { text: string }[];
  /** Rollouts stand behind the points. */
  canPick: boolean;
}): string {
  const sentences = curves.slice(0, 6).map((curve) => sentenceOf(curve, xAxis));
  return [title, ...sentences, ...marks.map(({ text }) => text), t(canPick ? "chart.keys" : "chart.arrows")].join(". ");
}

function sentenceOf(curve: Curve, xAxis: XAxis): string {
  if (curve.numPoints === 0) return t("chart.noPoints", { name: curve.label });
  const last = curve.numPoints - 1;
  const from = curve.smoothed[0]!;
  const to = curve.smoothed[last]!;
  const extremes = curve.extremes(0, curve.numPoints);
  const values = {
    name: curve.label,
    from: formatNumber(from, 3),
    to: formatNumber(to, 3),
    min: formatNumber(extremes?.min ?? Number.NaN, 3),
    max: formatNumber(extremes?.max ?? Number.NaN, 3),
    count: curve.numPoints,
    x: `${t(`axis.${xAxis}`)} ${formatX(xAxis, curve.xs[last]!)}`,
  };
  if (curve.numPoints === 1) return t("chart.onePoint", values);
  const spread = (extremes?.max ?? 0) - (extremes?.min ?? 0);
  if (Math.abs(to - from) <= spread * 0.02) return t("chart.stayed", values);
  return t(to > from ? "chart.rose" : "chart.fell", values);
}

export interface TableRow {
  x: string;
  step: number;
  values: { raw: number; smoothed: number }[];
}

/** Rows of the table view: all points of the first curve, or evenly chosen ones with the last when there are more than `limit`. */
export function tableRows(
  curves: readonly Curve[],
  xAxis: XAxis,
  limit: number,
): { rows: TableRow[]; numPoints: number } {
  const first = curves.reduce<Curve | null>(
    (best, each) => (best === null || each.numPoints > best.numPoints ? each : best),
    null,
  );
  if (first === null) return { rows: [], numPoints: 0 };
  const count = Math.min(limit, first.numPoints);
  const rows = Array.from({ length: count }, (_, row) => {
    const index = count <= 1 ? first.numPoints - 1 : Math.round((row * (first.numPoints - 1)) / (count - 1));
    const step = first.steps[index]!;
    return {
      x: formatX(xAxis, first.xs[index]!),
      step,
      values: curves.map((curve) => {
        const at = curve === first ? index : indexOfX(curve, first.xs[index]!);
        return at === null
          ? { raw: Number.NaN, smoothed: Number.NaN }
          : { raw: curve.raw[at]!, smoothed: curve.smoothed[at]! };
      }),
    };
  });
  return { rows, numPoints: first.numPoints };
}

function indexOfX(curve: Curve, x: number): number | null {
  let low = 0;
  let high = curve.numPoints;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (curve.xs[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return curve.xs[low] === x && low < curve.numPoints ? low : null;
}
