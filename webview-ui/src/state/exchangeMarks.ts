/** Where curves are marked because the rewards of their run went on in another version. Pure functions. */
import type { DashboardRun } from "@iad-r1/protocol/webview";
import type { Curve } from "../charts/curve";

/** A line across a chart. */
export interface ChartMark {
  /** On the x-axis: of the first point that the new version made. */
  x: number;
  /** Colour of its curve. */
  slot: number;
  step: number;
  /** Rewards that changed. */
  names: readonly string[];
}

/** None for means of groups, and none before the new version has made a point. */
export function exchangeMarks(
  curves: readonly Curve[],
  runs: readonly Pick<DashboardRun, "id" | "rewardExchanges">[],
): ChartMark[] {
  return curves.flatMap((curve) => {
    const { source } = curve;
    const run = source === null ? undefined : runs.find(({ id }) => id === source.run);
    return (run?.rewardExchanges ?? []).flatMap(({ stage, step, names }) => {
      if (stage !== source!.stage) return [];
      for (let i = 0; i < curve.numPoints; i++) {
        if (curve.steps[i]! > step) return [{ x: curve.xs[i]!, slot: curve.slot, step, names }];
      }
      return [];
    });
  });
}
