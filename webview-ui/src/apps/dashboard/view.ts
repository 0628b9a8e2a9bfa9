/** What the person looks at on the dashboard. It survives hiding and reloading the panel; it comes back from disk and is checked. */

import { flag, list, number, oneOf, partial, record, struct, text } from "@iad-r1/protocol/shape";
import type { DashboardSettings, SmoothingMethod, XAxis } from "@iad-r1/protocol/webview";
import type { Window } from "../../charts/curve";
import type { BandKind } from "../../state/runCurves";

export type DashboardTab = "curves" | "rollouts" | "evaluations" | "config" | "log";

/** Choices for one chart that differ from those of the toolbar. */
export interface ChartChoice {
  smoothing?: number;
  smoothingMethod?: SmoothingMethod;
  logY?: boolean;
}

export interface DashboardView {
  tab: DashboardTab;
  xAxis: XAxis;
  smoothing: number;
  smoothingMethod: SmoothingMethod;
  logX: boolean;
  logY: boolean;
  clip: boolean;
  /** Part of the chart's name, or a regular expression between slashes. */
  filter: string;
  /** Ids of pinned charts, in the order of pinning. */
  pins: string[];
  closedSections: string[];
  charts: Record<string, ChartChoice>;
  /** Zoomed stretch of x by stage. */
  windows: Record<string, Window>;
  table: boolean;
  /** Key of the configuration, "" for no groups. */
  groupKey: string;
  band: BandKind;
}

export function defaultView(settings: DashboardSettings): DashboardView {
  return {
    ...{
      tab: "curves",
      xAxis: settings.xAxis,
      smoothing: settings.smoothing,
      smoothingMethod: settings.smoothingMethod,
    },
    ...{ logX: false, logY: false, clip: false, filter: "", pins: [], closedSections: [], charts: {}, windows: {} },
    ...{ table: false, groupKey: "", band: "std" },
  };
}

const window = struct({ min: number, max: number });
const smoothingMethod = oneOf("ema", "mean", "gaussian", "none");

const shapes = {
  tab: oneOf("curves", "rollouts", "evaluations", "config", "log"),
  xAxis: oneOf("step", "epoch", "tokens", "samples", "relative", "process", "wall"),
  smoothing: number,
  smoothingMethod,
  ...{ logX: flag, logY: flag, clip: flag, table: flag },
  ...{ filter: text, groupKey: text },
  ...{ pins: list(text), closedSections: list(text) },
  charts: record(partial({ smoothing: number, smoothingMethod, logY: flag })),
  windows: record(window),
  band: oneOf("minmax", "std", "sem", "none"),
};

/** Takes every saved value that is still understood, and the default for the others. */
export function restoreView(settings: DashboardSettings, saved: Record<string, unknown> | null): DashboardView {
  const view = defaultView(settings);
  for (const [key, shape] of Object.entries(shapes)) {
    const value = saved?.[key];
    if (value !== undefined && shape.fault(value) === null) Object.assign(view, { [key]: value });
  }
  return view;
}
