/** What the person looks at in the inspector. It survives hiding and reloading; it comes back from disk and is checked. */
import { flag, number, oneOf, text } from "@iad-r1/protocol/shape";
import type { InspectorSettings } from "@iad-r1/protocol/webview";
import { fitted, type Viewport } from "../../picture/viewport";

export type ReferenceMode = "off" | "beside" | "blink" | "difference";
export type StripFilter = "all" | "missed" | "false-alarm" | "unparsed" | "correct" | "answered" | "pending" | "failed";

export interface InspectorView {
  viewport: Viewport;
  grid: boolean;
  truth: boolean;
  heat: boolean;
  reference: ReferenceMode;
  opacity: number;
  /** 1 is as it is. */
  gamma: number;
  contrast: number;
  falseColor: boolean;
  /** Marks the words that only one of two answers has. */
  differences: boolean;
  /** Shows how sure the model was of each token. */
  probabilities: boolean;
  filter: StripFilter;
  /** "" for all. */
  category: string;
  defectType: string;
}

export function defaultView(settings: InspectorSettings): InspectorView {
  return {
    ...{ viewport: fitted, grid: settings.locationGrid, truth: false, heat: false, reference: "off" },
    ...{ opacity: settings.overlayOpacity, gamma: 1, contrast: 1, falseColor: false, differences: true },
    probabilities: false,
    ...{ filter: "all", category: "", defectType: "" },
  };
}

const shapes = {
  ...{ grid: flag, truth: flag, heat: flag, falseColor: flag, differences: flag, probabilities: flag },
  reference: oneOf("off", "beside", "blink", "difference"),
  ...{ opacity: number, gamma: number, contrast: number },
  filter: oneOf("all", "missed", "false-alarm", "unparsed", "correct", "answered", "pending", "failed"),
  ...{ category: text, defectType: text },
};

/** Takes every saved value that is still understood. The viewport is not saved: another picture may have the panel by then. */
export function restoreView(settings: InspectorSettings, saved: Record<string, unknown> | null): InspectorView {
  const view = defaultView(settings);
  for (const [key, shape] of Object.entries(shapes)) {
    const value = saved?.[key];
    if (value !== undefined && shape.fault(value) === null) Object.assign(view, { [key]: value });
  }
  return view;
}
