import type { Curve } from "@iad-r1/webview-ui/charts/curve";
import { exchangeMarks } from "@iad-r1/webview-ui/state/exchangeMarks";
import { Pyramid } from "@iad-r1/webview-ui/state/series";
import { expect, it } from "vitest";

const steps = Float64Array.of(5, 10, 15, 20);

function curve(run: string | null, slot = 0): Curve {
  const raw = Float64Array.of(1, 2, 3, 4);
  const pyramid = new Pyramid();
  pyramid.update(raw, 0, 4);
  const source = run === null ? null : ({ run, stage: "sc-grpo", name: "reward" } as Curve["source"]);
  return {
    ...{ id: "c", label: "reward", slot, numPoints: 4, xs: steps.map((step) => step * 10), steps, raw, smoothed: raw },
    ...{ band: null, source, extremes: (from, to) => pyramid.extremes(raw, from, to) },
  };
}

const runs = [
  {
    id: "a",
    rewardExchanges: [
      { stage: "pa-sft", step: 5, names: ["other stage"] },
      { stage: "sc-grpo", step: 10, names: ["place"] },
      { stage: "sc-grpo", step: 20, names: ["no point yet"] },
    ],
  },
  { id: "b", rewardExchanges: [] },
];

it("marks the first point that a new version made, on the curves of its own run", () => {
  expect(exchangeMarks([curve("a", 1), curve("b", 2), curve(null, 3)], runs)).toEqual([
    { x: 150, slot: 1, step: 10, names: ["place"] },
  ]);
});
