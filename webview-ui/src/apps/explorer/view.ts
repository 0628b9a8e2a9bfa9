/** What the person looks at in the explorer. It survives hiding and reloading; it comes back from disk and is checked. */
import { type ExploreQuery, noFilter } from "@iad-r1/protocol/rollouts";
import { count, flag, nullable, oneOf, struct, text } from "@iad-r1/protocol/shape";
import { exploreQueryShape } from "@iad-r1/protocol/webview";

/** Parts of the right side that can be opened; the text is always there. */
export type Section = "why" | "whatIf" | "advantages" | "data";

export interface ExplorerView {
  query: ExploreQuery;
  /** The group that is chosen, and the place of the completion in it. */
  group: { step: number | null; group: string } | null;
  place: number;
  /** The completions of the group stand side by side. */
  expanded: boolean;
  sections: Section[];
  /** Name of the reward whose parts of the text are marked. */
  marked: string | null;
  /** Shows how sure the model was of each token. */
  probabilities: boolean;
  truth: boolean;
}

export const defaultQuery: ExploreQuery = { filter: noFilter, order: "order", descending: false };

export function defaultView(): ExplorerView {
  return {
    ...{ query: defaultQuery, group: null, place: 0, expanded: false },
    ...{ sections: [], marked: null, probabilities: false, truth: true },
  };
}

const groupShape = nullable(struct({ step: nullable(count), group: text }));
const shapes = {
  query: exploreQueryShape,
  group: groupShape,
  ...{ place: count, expanded: flag, truth: flag, probabilities: flag, marked: nullable(text) },
};
const section = oneOf("why", "whatIf", "advantages", "data");

/** Takes every saved value that is still understood. */
export function restoreView(saved: Record<string, unknown> | null): ExplorerView {
  const view = defaultView();
  for (const [key, shape] of Object.entries(shapes)) {
    const value = saved?.[key];
    if (value !== undefined && shape.fault(value) === null) Object.assign(view, { [key]: value });
  }
  const sections = saved?.sections;
  if (Array.isArray(sections)) view.sections = sections.filter((each): each is Section => section.fault(each) === null);
  return view;
}
